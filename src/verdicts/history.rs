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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::verdicts::state::tests::{observation, state};
    use crate::verdicts::{Damping, Learned};

    const DAY: u64 = 86_400;

    #[test]
    fn old_history_goes_in_steps() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path(), 1, 1);
        let now = 1_000 * DAY;
        let ages_hours = [400 * 24, 40 * 24 + 2, 40 * 24 + 1, 31 * 24 + 30, 29 * 24, 28 * 24 + 1, 28 * 24, 0];
        let findings = [Finding::Same, Finding::Missing].into_iter().cycle();
        for (age, finding) in ages_hours.into_iter().zip(findings) {
            state
                .keep(&Learned::default(), &[observation(1, 1, finding, now - age * 3_600)], &Damping::default())
                .unwrap();
        }
        let ended = state.begin_run(now - 400 * DAY).unwrap();
        state.begin_run(now).unwrap();
        assert_eq!(state.thin(now, Keep::default()).unwrap(), 2, "the one of last year and one of two on a day");
        assert_eq!(state.thin(now, Keep::default()).unwrap(), 0);
        let kept: Vec<u64> =
            state.history(MirrorId(1), None, 99).unwrap().iter().map(|past| past.evidence.at).collect();
        assert_eq!(kept.len(), 6);
        assert!(kept.contains(&(now - (40 * 24 + 1) * 3_600)) && !kept.contains(&(now - (40 * 24 + 2) * 3_600)));
        assert_ne!(state.last_run().unwrap().unwrap().id, ended);
        assert_eq!(state.verdicts().unwrap().len(), 1);
        assert_eq!(state.thin(u64::MAX, Keep { whole_seconds: 0, daily_seconds: 0 }).unwrap(), 6);
        assert_eq!(state.verdicts().unwrap().len(), 1, "what is held now is not history");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        #[test]
        fn what_is_kept_is_what_was_promised(
            looks in proptest::collection::vec((1_u32..3, 0_usize..3, 0_u64..20 * DAY), 0..80),
            whole in 0_u64..20 * DAY,
            daily in 0_u64..20 * DAY,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut state = state(folder.path(), 2, 1);
            let (from, now) = (1_000 * DAY, 1_020 * DAY);
            let mut looks: Vec<_> = looks.into_iter().map(|(mirror, at, time)| (from + time, mirror, at)).collect();
            looks.sort_unstable();
            for (at, mirror, finding) in looks {
                let finding = [Finding::Same, Finding::Missing, Finding::TimedOut][finding];
                state.keep(&Learned::default(), &[observation(mirror, 1, finding, at)], &Damping::default()).unwrap();
            }
            let times = |state: &State, mirror| -> BTreeSet<u64> {
                state.history(MirrorId(mirror), None, 999).unwrap().iter().map(|past| past.evidence.at).collect()
            };
            let before = [1, 2].map(|mirror| times(&state, mirror));
            let gone = state.thin(now, Keep { whole_seconds: whole, daily_seconds: daily }).unwrap();
            let mut expected_gone = 0;
            for (mirror, before) in (1..).zip(before) {
                let last_of_day: BTreeMap<u64, u64> = before.iter().map(|&at| (at / DAY, at)).collect();
                let expected: BTreeSet<u64> = before.iter().copied().filter(|&at| {
                    at >= now - whole || at >= now - daily && last_of_day[&(at / DAY)] == at
                }).collect();
                expected_gone += before.len() - expected.len();
                prop_assert_eq!(times(&state, mirror), expected);
            }
            prop_assert_eq!(gone, expected_gone);
        }
    }
}
