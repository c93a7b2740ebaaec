//! `Refusal` and `Kept`: what the guard says, for logs, counters and people.

use std::fmt;

use crate::net::Family;
use crate::verdicts::RepoKey;

/// Why something planned should not be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A repo would lose more than half of its mirrors at once.
    Halved {
        /// Which repo.
        repo: RepoKey,
        /// Over which family.
        family: Family,
        /// Good mirrors in the snapshot in use that the inventory still names.
        before: usize,
        /// How many of them are good still, or only behind.
        after: usize,
    },
    /// A list would become empty.
    Emptied {
        /// Of which repo.
        repo: RepoKey,
        /// Over which family.
        family: Family,
    },
    /// Too few repos would be left.
    RepoMap {
        /// Repos with a mirror in the snapshot in use.
        before: usize,
        /// Repos with a mirror as planned.
        after: usize,
        /// How many there have to be.
        least: usize,
    },
    /// Canaries failed.
    Canary {
        /// Which, and what was found.
        what: String,
    },
}

impl Refusal {
    /// All names, for counters.
    pub const NAMES: [&str; 4] = ["halved", "emptied", "repo_map", "canary"];

    /// A short name for logs and counters.
    pub fn name(&self) -> &'static str {
        Refusal::NAMES[match self {
            Refusal::Halved { .. } => 0,
            Refusal::Emptied { .. } => 1,
            Refusal::RepoMap { .. } => 2,
            Refusal::Canary { .. } => 3,
        }]
    }

    /// A sentence for people: what it means.
    pub fn explain(&self) -> &'static str {
        match self {
            Refusal::Halved { .. } => "a repo would lose more than half of its mirrors at once",
            Refusal::Emptied { .. } => "a list that names mirrors would become empty",
            Refusal::RepoMap { .. } => "too few repos would have a mirror",
            Refusal::Canary { .. } => {
                "a master and the mirrors that were good longest all fail: it may be us who are wrong"
            }
        }
    }
}

impl fmt::Display for Refusal {
    /// One line: what it means, and of what.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.explain())?;
        match self {
            Refusal::Halved { repo, family, before, after } => {
                write!(out, "{repo} over {family}, {after} of {before} are left")
            }
            Refusal::Emptied { repo, family } => write!(out, "{repo} over {family}"),
            Refusal::RepoMap { before, after, least } => {
                write!(out, "{after} of {before}, at least {least} are wanted")
            }
            Refusal::Canary { what } => out.write_str(what),
        }
    }
}

/// That a repo keeps mirrors of the snapshot in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which repo.
    pub repo: RepoKey,
    /// Over which family.
    pub family: Family,
    /// Why.
    pub why: Keep,
}

/// Why a repo keeps mirrors of the snapshot in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nobody can judge it: it keeps the lists that it has.
    NotJudged,
    /// It has too few good mirrors: those it had come behind them.
    TooFew {
        /// How many good ones.
        good: usize,
        /// How many mirrors it had.
        before: usize,
    },
    /// It has no mirror, and had none that is still in the inventory: the project's own servers are named.
    OwnServers,
}

impl Keep {
    /// A sentence for people.
    pub fn explain(self) -> &'static str {
        match self {
            Keep::NotJudged => "its master has never answered: the lists stay as they are",
            Keep::TooFew { .. } => "too few good mirrors: those it had before come behind them",
            Keep::OwnServers => "no mirror is left: the project's own servers are named, good or not",
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} over {}: {}", self.repo, self.family, self.why.explain())?;
        match self.why {
            Keep::NotJudged | Keep::OwnServers => Ok(()),
            Keep::TooFew { good, before } => write!(out, " ({good} good, {before} before)"),
        }
    }
}
