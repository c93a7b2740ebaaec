//! `Outcome`: what a request for mirrors came to, whatever its dialect.

use super::list::Supply;

/// What a request is answered with. Each is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A list of mirrors.
    Listed,
    /// No mirror is left: the last-resort URL of the tree.
    LastResort,
    /// No mirror is left for the client's family, and the tree has no last-resort URL: mirrors for the other family,
    /// which most clients can reach as well.
    OtherFamily,
    /// No mirror is left at all: an empty list.
    Empty,
    /// The request lacks `arch`.
    NoArch,
    /// The request lacks `repo`.
    NoRepo,
    /// The request lacks `release`.
    NoRelease,
    /// There is no such repo, or nothing at such a path.
    Unknown,
}

impl Outcome {
    /// All, in the order of counters.
    pub const ALL: [Outcome; 8] = [
        Outcome::Listed,
        Outcome::LastResort,
        Outcome::OtherFamily,
        Outcome::Empty,
        Outcome::NoArch,
        Outcome::NoRepo,
        Outcome::NoRelease,
        Outcome::Unknown,
    ];

    /// As counters and JSON label it.
    pub fn label(self) -> &'static str {
        match self {
            Outcome::Listed => "listed",
            Outcome::LastResort => "last_resort",
            Outcome::OtherFamily => "other_family",
            Outcome::Empty => "empty",
            Outcome::NoArch => "no_arch",
            Outcome::NoRepo => "no_repo",
            Outcome::NoRelease => "no_release",
            Outcome::Unknown => "unknown_repo",
        }
    }
}

impl From<Supply> for Outcome {
    fn from(supply: Supply) -> Outcome {
        match supply {
            Supply::Mirrors => Outcome::Listed,
            Supply::LastResort => Outcome::LastResort,
            Supply::OtherFamily => Outcome::OtherFamily,
            Supply::Nothing => Outcome::Empty,
        }
    }
}
