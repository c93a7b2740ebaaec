//! `Run`: one crawl, when it was and what it came to.

use rusqlite::{OptionalExtension, params};

use super::row;
use super::state::{State, StateError};
use super::verdict::Evidence;

/// Number of a run in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// Every mirror was looked at.
    Complete,
    /// The same, but canaries failed: what was found is kept, and what follows should not be published.
    Doubted,
    /// The fault was ours (no resolver, no network): no verdict was changed.
    Inconclusive,
    /// It was told to stop before its end.
    Interrupted,
}

impl RunOutcome {
    /// All.
    pub const ALL: [RunOutcome; 4] =
        [RunOutcome::Complete, RunOutcome::Doubted, RunOutcome::Inconclusive, RunOutcome::Interrupted];

    /// A short name for logs and the state.
    pub fn name(self) -> &'static str {
        match self {
            RunOutcome::Complete => "complete",
            RunOutcome::Doubted => "doubted",
            RunOutcome::Inconclusive => "inconclusive",
            RunOutcome::Interrupted => "interrupted",
        }
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Mirrors that were contacted.
    pub mirrors: u64,
    /// Looks by the class of their finding: good.
    pub good: u64,
    /// Behind.
    pub behind: u64,
    /// Bad.
    pub bad: u64,
    /// Silent.
    pub silent: u64,
    /// Subjects nobody looked at: unknown.
    pub skipped: u64,
    /// Requests sent, to masters as well.
    pub requests: u64,
    /// Bytes of bodies read.
    pub bytes: u64,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// When it began, seconds since 1970.
    pub started: u64,
    /// When and how it ended; none while it is under way, or when it was killed.
    pub ended: Option<(u64, RunOutcome)>,
    /// What it came to; zeros before its end.
    pub counts: RunCounts,
    /// What else there is to say, such as why a guard refused to publish. Of the form of `Evidence::note`.
    pub note: String,
}

impl State {
    /// Takes down that a run begins.
    pub fn begin_run(&mut self, now: u64) -> Result<RunId, StateError> {
        self.changing("begin a run", |transaction| {
            transaction.execute("INSERT INTO runs (started) VALUES (?1)", [row::number(now)])?;
            Ok(RunId(transaction.last_insert_rowid()))
        })
    }

    /// Takes down how a run ended.
    pub fn end_run(
        &mut self,
        id: RunId,
        now: u64,
        outcome: RunOutcome,
        counts: &RunCounts,
        note: &str,
    ) -> Result<(), StateError> {
        let RunCounts { mirrors, good, behind, bad, silent, skipped, requests, bytes } = *counts;
        let [now, mirrors, good, behind, bad, silent, skipped, requests, bytes] =
            [now, mirrors, good, behind, bad, silent, skipped, requests, bytes].map(row::number);
        let note = Evidence::note(note);
        self.changing("end a run", |transaction| {
            transaction.execute(
                "UPDATE runs SET ended = ?2, outcome = ?3, note = ?4, mirrors = ?5, good = ?6, behind = ?7, bad = ?8,
                     silent = ?9, skipped = ?10, requests = ?11, bytes = ?12
                 WHERE id = ?1",
                params![id.0, now, outcome.name(), note, mirrors, good, behind, bad, silent, skipped, requests, bytes],
            )?;
            Ok(())
        })
    }

    /// The run that began last.
    pub fn last_run(&self) -> Result<Option<Run>, StateError> {
        self.doing("read the last run", |connection| {
            let sql = "SELECT id, started, ended, outcome, note, mirrors, good, behind, bad, silent, skipped, requests,
                           bytes
                       FROM runs ORDER BY id DESC LIMIT 1";
            let mut statement = connection.prepare_cached(sql)?;
            let run = statement.query_row((), |run| {
                let outcome = |name: &str| RunOutcome::ALL.into_iter().find(|outcome| outcome.name() == name);
                let ended = match run.get::<_, Option<i64>>(2)? {
                    None => None,
                    Some(_) => Some((row::unsigned(run, 2)?, row::named(run, 3, outcome)?)),
                };
                let counts = RunCounts {
                    mirrors: row::unsigned(run, 5)?,
                    good: row::unsigned(run, 6)?,
                    behind: row::unsigned(run, 7)?,
                    bad: row::unsigned(run, 8)?,
                    silent: row::unsigned(run, 9)?,
                    skipped: row::unsigned(run, 10)?,
                    requests: row::unsigned(run, 11)?,
                    bytes: row::unsigned(run, 12)?,
                };
                Ok(Run { id: RunId(run.get(0)?), started: row::unsigned(run, 1)?, ended, counts, note: run.get(4)? })
            });
            run.optional()
        })
    }

    /// Why the verdicts are doubted: what the last run that changed any found of canaries; none when they did not fail.
    pub fn doubt(&self) -> Result<Option<String>, StateError> {
        self.doing("read whether the last run is doubted", |connection| {
            let sql = "SELECT outcome, note FROM runs WHERE outcome IN (?1, ?2) ORDER BY id DESC LIMIT 1";
            let names = [RunOutcome::Complete, RunOutcome::Doubted].map(RunOutcome::name);
            let mut statement = connection.prepare_cached(sql)?;
            let last = statement.query_row(names, |run| Ok((run.get::<_, String>(0)?, run.get::<_, String>(1)?)));
            Ok(last.optional()?.filter(|(outcome, _)| outcome == RunOutcome::Doubted.name()).map(|(_, note)| note))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdicts::state::tests::state;

    #[test]
    fn runs_are_taken_down() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path(), 0, 0);
        assert_eq!(state.last_run().unwrap(), None);
        for (at, outcome) in (1_000..).step_by(100).zip(RunOutcome::ALL) {
            let id = state.begin_run(at).unwrap();
            let begun = Run { id, started: at, ended: None, counts: RunCounts::default(), note: String::new() };
            assert_eq!(state.last_run().unwrap().as_ref(), Some(&begun));
            let [mirrors, good, behind, bad, silent, skipped, requests, bytes] = [1, 2, 3, 4, 5, 6, 7, u64::MAX >> 1];
            let counts = RunCounts { mirrors, good, behind, bad, silent, skipped, requests, bytes };
            state.end_run(id, at + 50, outcome, &counts, "no\nresolver").unwrap();
            let ended = Run { ended: Some((at + 50, outcome)), counts, note: "no resolver".into(), ..begun };
            assert_eq!(state.last_run().unwrap(), Some(ended));
        }
    }

    #[test]
    fn a_doubt_lasts_until_a_run_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path(), 0, 0);
        assert_eq!(state.doubt().unwrap(), None);
        for (outcome, doubt) in [
            (RunOutcome::Complete, None),
            (RunOutcome::Doubted, Some("why")),
            (RunOutcome::Inconclusive, Some("why")),
            (RunOutcome::Complete, None),
        ] {
            let id = state.begin_run(1).unwrap();
            let note = if outcome == RunOutcome::Doubted { "why" } else { "other" };
            state.end_run(id, 2, outcome, &RunCounts::default(), note).unwrap();
            // One that is under way says nothing yet.
            state.begin_run(3).unwrap();
            assert_eq!(state.doubt().unwrap().as_deref(), doubt, "{outcome:?}");
        }
    }
}
