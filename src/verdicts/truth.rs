//! `Truth`: the generations of a repo that its master has shown.

/// SHA-256 of a file.
pub type Digest = [u8; 32];

/// One state of a repo's `repomd.xml` (or ostree `summary`) that the master has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// SHA-256 of the whole file.
    pub sha256: Digest,
    /// SHA-512 of the whole file, for metalinks.
    pub sha512: [u8; 64],
    /// Length of the file, bytes.
    pub bytes: u64,
    /// The first `<timestamp>` in it, seconds since 1970; for metalinks. 0 for an ostree summary.
    pub timestamp: u64,
    /// When the master was first seen with it, seconds since 1970.
    pub first_seen: u64,
    /// When it was last seen there.
    pub last_seen: u64,
}

/// What the master of a repo has shown: the current generation first, then older ones, at most `KEPT_MAX`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Newest first. Empty when the master has never answered.
    pub shown: Vec<Shown>,
    /// When the master last answered, seconds since 1970; 0 for never.
    pub answered: u64,
}

impl Truth {
    /// Generations remembered.
    pub const KEPT_MAX: usize = 5;

    /// What the master has now, as far as is known.
    pub fn current(&self) -> Option<&Shown> {
        self.shown.first()
    }

    /// The generation with this digest, and how many newer ones there are.
    pub fn find(&self, sha256: &Digest) -> Option<(usize, &Shown)> {
        self.shown.iter().enumerate().find(|(_, shown)| shown.sha256 == *sha256)
    }
}
