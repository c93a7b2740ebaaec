//! The CentOS mirrorlist dialect: `GET /?release=&arch=&repo=[&cc=]`, one line of text per mirror.
//!
//! Lives here: the order in which parameters are missed, and what is answered. A list may begin with a comment, of a
//! release that has come to its end. Every answer has status 200: dnf repeats
//! a list request that was answered with an error twelve times.

use std::net::IpAddr;

use super::atlas::Atlas;
use super::list::{List, Supply};
use super::locate::Whereabouts;
use super::query::Query;
use crate::net::Family;
use crate::snapshot::{MirrorIndex, PlaceIndex, RepoIndex};
use crate::turn;

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
    /// There is no such repo.
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

    /// As counters label it.
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

    /// What a list that is made of this is counted as.
    pub fn of(supply: Supply) -> Outcome {
        match supply {
            Supply::Mirrors => Outcome::Listed,
            Supply::LastResort => Outcome::LastResort,
            Supply::OtherFamily => Outcome::OtherFamily,
            Supply::Nothing => Outcome::Empty,
        }
    }

    /// The line that stands for it when there is no list.
    fn line(self) -> &'static [u8] {
        match self {
            Outcome::Listed | Outcome::LastResort | Outcome::OtherFamily | Outcome::Empty => b"",
            Outcome::NoArch => b"arch not specified\n",
            Outcome::NoRepo => b"repo not specified\n",
            Outcome::NoRelease => b"release not specified\n",
            Outcome::Unknown => b"Invalid release/repo/arch combination\n",
        }
    }
}

/// An answer before it is written.
pub struct Answer<'a> {
    /// What it is.
    pub outcome: Outcome,
    /// The repo, when it is known.
    pub repo: Option<RepoIndex>,
    /// What is said of the repo before the list.
    comment: Option<&'a [u8]>,
    /// The place that was answered for, when the repo is known.
    pub place: Option<PlaceIndex>,
    list: Option<List<'a>>,
}

/// What goes before and after a comment: clients pass over lines that begin with `#`.
const COMMENT: [&[u8]; 2] = [b"# ", b"\n"];

impl Answer<'_> {
    /// The mirrors that it names, in order.
    pub fn mirrors(&self) -> &[MirrorIndex] {
        self.list.as_ref().map_or(&[], List::mirrors)
    }

    /// Length of the body, bytes.
    pub fn body_bytes(&self) -> usize {
        let comment_bytes = self.comment.map_or(0, |comment| COMMENT[0].len() + comment.len() + COMMENT[1].len());
        comment_bytes + self.list.as_ref().map_or(self.outcome.line().len(), List::text_bytes)
    }

    /// Appends the body.
    pub fn write(&self, out: &mut Vec<u8>) {
        if let Some(comment) = self.comment {
            [COMMENT[0], comment, COMMENT[1]].into_iter().for_each(|part| out.extend_from_slice(part));
        }
        match &self.list {
            Some(list) => list.write_text(out),
            None => out.extend_from_slice(self.outcome.line()),
        }
    }
}

/// The repo that a query names, or what it lacks.
pub fn find(atlas: &Atlas, query: &Query) -> Result<RepoIndex, Outcome> {
    if query.arch.is_empty() {
        return Err(Outcome::NoArch);
    }
    if query.repo.is_empty() {
        return Err(Outcome::NoRepo);
    }
    if query.release.is_empty() {
        return Err(Outcome::NoRelease);
    }
    let found = atlas.view().find(query.release.bytes(), query.arch.bytes(), query.repo.bytes());
    found.ok_or(Outcome::Unknown)
}

/// Answers a client at `unix_seconds` with at most `line_count_max` mirrors.
pub fn answer<'a>(
    atlas: &'a Atlas,
    query: &Query,
    client: IpAddr,
    unix_seconds: u64,
    line_count_max: usize,
) -> Answer<'a> {
    let refused = |outcome| Answer { outcome, repo: None, comment: None, place: None, list: None };
    let index = match find(atlas, query) {
        Ok(index) => index,
        Err(outcome) => return refused(outcome),
    };
    let view = atlas.view();
    let Some(repo) = view.repo(index) else { return refused(Outcome::Unknown) };
    let whereabouts = Whereabouts::find(atlas, client, query.cc.bytes());
    let turn = turn::of_client(client, unix_seconds, view.turn_count());
    let list = List::choose(view, &repo, Family::of(client), &whereabouts, turn, line_count_max);
    Answer {
        outcome: Outcome::of(list.supply()),
        repo: Some(index),
        comment: view.comment(index),
        place: Some(whereabouts.place),
        list: Some(list),
    }
}
