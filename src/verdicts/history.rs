//! `Past`: what was held of a subject before, and for how long that is kept.

use rusqlite::params;

use super::finding::Finding;
use super::row;
use super::state::{State, StateError};
use super::subject::{MirrorId, RepoId, Subject};
use super::verdict::{Evidence, Standing};

/// A look that changed a standing or a finding, as the history keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Of what.
    pub subject: Subject,
    /// How it stood from this look on.
    pub standing: Standing,
    /// What the look found.
    pub finding: Finding,
    /// Shown by.
    pub evidence: Evidence,
}

/// For how long history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// For how long every change is kept, seconds.
    pub whole_seconds: u64,
    /// For how long the last change of each day (UTC) and subject is kept, seconds; and the runs.
    pub daily_seconds: u64,
}

impl Default for Keep {
    /// Everything for 30 days, the last of each day for a year.
    fn default() -> Keep {
        Keep { whole_seconds: 30 * 86_400, daily_seconds: 365 * 86_400 }
    }
}

impl State {
    /// The history of a mirror, of all repos or one: by subject, newest first, at most `per_subject_max` of each.
    pub fn history(
        &self,
        mirror: MirrorId,
        repo: Option<RepoId>,
        per_subject_max: usize,
    ) -> Result<Vec<Past>, StateError> {
        self.doing("read the history", |connection| {
            let columns = row::LOOK_COLUMNS;
            let sql = format!(
                "SELECT {columns} FROM history WHERE mirror = ?1 AND (?2 IS NULL OR repo = ?2) \
                 ORDER BY repo, family, protocol, at DESC"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![mirror.0, repo.map(|repo| repo.0)])?;
            let mut history: Vec<Past> = Vec::new();
            let mut count = 0;
            while let Some(one) = rows.next()? {
                let subject = row::subject(one)?;
                let same = history.last().is_some_and(|last| last.subject == subject);
                count = if same { count + 1 } else { 1 };
                if count <= per_subject_max {
                    let (standing, finding, evidence) = row::look(one)?;
                    history.push(Past { subject, standing, finding, evidence });
                }
            }
            Ok(history)
        })
    }

    /// Forgets history and runs that are older than they are kept, as of `now`; returns how many entries of the history
    /// went. Verdicts and truths are never forgotten.
    pub fn thin(&mut self, now: u64, keep: Keep) -> Result<usize, StateError> {
        let whole_from = row::number(now.saturating_sub(keep.whole_seconds));
        let daily_from = row::number(now.saturating_sub(keep.daily_seconds));
        self.changing("thin the history", |transaction| {
            let gone = transaction.execute("DELETE FROM history WHERE at < ?1", [daily_from.min(whole_from)])?;
            // The last change of a day is never the one that goes, so the order in which rows go does not matter.
            let thinned = transaction.execute(
                "DELETE FROM history WHERE at < ?1 AND EXISTS (
                     SELECT 1 FROM history AS later
                     WHERE later.mirror = history.mirror AND later.repo = history.repo
                         AND later.family = history.family AND later.protocol = history.protocol
                         AND later.at > history.at AND later.at / 86400 = history.at / 86400
                 )",
                [whole_from],
            )?;
            transaction.execute("DELETE FROM runs WHERE started < ?1", [daily_from])?;
            Ok(gone + thinned)
        })
    }
}
