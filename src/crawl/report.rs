//! `Report`: what a pass was; and `Progress`: how far it is.
//!
//! Not here: how they are shown (the command line's).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::net::Family;
use crate::verdicts::{Change, Class, Finding, RepoKey};

/// What a pass is about at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Masters are asked.
    Masters,
    /// Mirrors are asked.
    Mirrors,
    /// It is made sure that the run can be believed.
    Closing,
}

/// How far a pass is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What it is about.
    pub stage: Stage,
    /// Looks that are done in this stage.
    pub done: u64,
    /// Looks of this stage, as far as is known now.
    pub total: u64,
    /// Of those done, good or behind.
    pub good: u64,
    /// Of those done, bad or silent.
    pub bad: u64,
    /// Requests in this stage.
    pub requests: u64,
    /// Bytes that came in in this stage.
    pub bytes: u64,
    /// How long the stage has taken.
    pub took: Duration,
}

impl Progress {
    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64().max(0.001)
    }

    /// How long the rest of the stage will take at the pace of what is done; none at its beginning.
    pub fn left(&self) -> Option<Duration> {
        let share = self.total.saturating_sub(self.done) as f64 / (self.done > 0).then_some(self.done)? as f64;
        Duration::try_from_secs_f64(self.took.as_secs_f64() * share).ok()
    }
}

/// Looks by what they found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The same as the master.
    pub good: u32,
    /// Behind it.
    pub behind: u32,
    /// Anything else that answers.
    pub bad: u32,
    /// What does not.
    pub silent: u32,
    /// Not asked for, because it was good not long ago.
    pub kept: u32,
    /// Left alone after others were missing.
    pub spared: u32,
}

impl Count {
    /// Counts one finding.
    pub fn add(&mut self, finding: Finding) {
        match finding.class() {
            Class::Good => self.good += 1,
            Class::Behind => self.behind += 1,
            Class::Bad => self.bad += 1,
            Class::Silent => self.silent += 1,
            Class::Unknown => self.spared += 1,
        }
    }
}

/// What a pass was over one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilyReport {
    /// Mirrors that were asked.
    pub asked: u32,
    /// Mirrors that answered anything.
    pub answered: u32,
    /// Why nothing of it is believed, and so nothing kept; none when it is.
    pub inconclusive: Option<String>,
}

/// What a pass was.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Looks by finding, indexed by `finding as usize`.
    pub findings: [u64; Finding::COUNT],
    /// Looks by repo.
    pub repos: BTreeMap<RepoKey, Count>,
    /// Looks by mirror.
    pub mirrors: BTreeMap<String, Count>,
    /// By family, in the order of `Family::ALL`.
    pub families: [FamilyReport; 2],
    /// Repos whose master shows something new.
    pub changed: Vec<RepoKey>,
    /// Repos whose master did not answer, with what it did instead; what is remembered of it counts.
    pub without_master: BTreeMap<RepoKey, Finding>,
    /// Of these, repos whose master has been away for longer than `Options::truth_seconds_max`.
    pub truths_old: u32,
    /// Repos whose master has never answered: their mirrors are not looked at.
    pub truths_missing: u32,
    /// Trees whose canaries have all failed, a sentence for each: what follows should not be published.
    pub failed_canaries: Vec<String>,
    /// Requests in all.
    pub requests: u64,
    /// Bytes that came in.
    pub bytes: u64,
    /// Seconds from beginning to end.
    pub seconds: u64,
    /// Observations that were kept.
    pub observed: u64,
    /// What they changed.
    pub changes: Vec<Change>,
}

impl Report {
    /// What was found over one family.
    pub fn family(&self, family: Family) -> &FamilyReport {
        &self.families[usize::from(family == Family::Ipv6)]
    }

    /// Whether nothing at all is believed, and so nothing was kept.
    pub fn is_inconclusive(&self) -> bool {
        self.families.iter().all(|family| family.inconclusive.is_some() || family.asked == 0)
    }

    /// Looks that found something of this class.
    pub fn class_count(&self, class: Class) -> u64 {
        Finding::all().filter(|finding| finding.class() == class).map(|finding| self.findings[finding as usize]).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_looks_ahead() {
        let at = |done| Progress {
            stage: Stage::Mirrors,
            done,
            total: 100,
            good: 0,
            bad: 0,
            requests: 50,
            bytes: 0,
            took: Duration::from_secs(10),
        };
        assert_eq!(at(0).left(), None);
        assert_eq!(at(25).left(), Some(Duration::from_secs(30)));
        assert_eq!(at(100).left(), Some(Duration::ZERO));
        assert!((at(1).rate() - 5.0).abs() < 1e-9);
    }
}
