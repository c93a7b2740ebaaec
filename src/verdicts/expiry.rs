//! Expiries: repos of which operators said that whatever was shown before is not to be named again.
//!
//! Lives here: keeping and reading them. Not here: what follows for lists and metalinks (`plan`).

use std::collections::HashMap;
use std::path::Path;

use super::row;
use super::state::{State, StateError};
use super::subject::{RepoId, RepoKey};

impl State {
    /// Expires those repos of the state in `folder` that `is_meant`, at `now`, seconds since 1970; a crawler may be at
    /// work beside it. Returns them, in rising order.
    pub fn expire(folder: &Path, now: u64, is_meant: impl Fn(&RepoKey) -> bool) -> Result<Vec<RepoKey>, StateError> {
        let mut state = State::amend(folder)?;
        let mut meant: Vec<(RepoKey, RepoId)> = state.repos()?.into_iter().filter(|(key, _)| is_meant(key)).collect();
        meant.sort();
        state.changing("expire repos", |transaction| {
            let upsert = "INSERT INTO expiries (repo, at) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET at = ?2";
            let mut upsert = transaction.prepare_cached(upsert)?;
            for (_, id) in &meant {
                upsert.execute((id.0, row::number(now)))?;
            }
            Ok(())
        })?;
        Ok(meant.into_iter().map(|(key, _)| key).collect())
    }

    /// When repos were expired last, seconds since 1970; repos that never were are not there.
    pub fn expiries(&self) -> Result<HashMap<RepoId, u64>, StateError> {
        // Readers change no table: in one of an older version nothing was ever expired.
        if self.is_old() {
            return Ok(HashMap::new());
        }
        self.doing("read what was expired", |connection| {
            let mut statement = connection.prepare_cached("SELECT repo, at FROM expiries")?;
            statement.query_map((), |one| Ok((RepoId(one.get(0)?), row::unsigned(one, 1)?)))?.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn key(arch: &str, repo: &str) -> RepoKey {
        RepoKey { release: "9.8".into(), arch: arch.into(), repo: repo.into() }
    }

    #[test]
    fn repos_are_expired_beside_a_crawler() {
        let folder = tempfile::tempdir().unwrap();
        let mut crawler = State::open(folder.path()).unwrap();
        let ids: Vec<RepoId> = [key("x86_64", "baseos"), key("aarch64", "baseos"), key("x86_64", "crb")]
            .iter()
            .map(|key| crawler.repo(key).unwrap())
            .collect();
        assert!(crawler.expiries().unwrap().is_empty());
        let done = State::expire(folder.path(), 500, |key| key.repo == "baseos").unwrap();
        assert_eq!(done, [key("aarch64", "baseos"), key("x86_64", "baseos")]);
        assert_eq!(State::expire(folder.path(), 700, |one| *one == key("x86_64", "baseos")).unwrap().len(), 1);
        let expected = HashMap::from([(ids[0], 700), (ids[1], 500)]);
        assert_eq!(crawler.expiries().unwrap(), expected);
        assert!(State::expire(folder.path(), 900, |key| key.repo == "nothing").unwrap().is_empty());
        drop(crawler);
        assert_eq!(State::read(folder.path()).unwrap().expiries().unwrap(), expected);
    }

    #[test]
    fn a_state_of_the_first_version_is_read_and_brought_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = State::open(folder.path()).unwrap();
        let id = state.repo(&key("x86_64", "baseos")).unwrap();
        drop(state);
        let path = &State::files(folder.path())[0];
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch("DROP TABLE images; DROP TABLE catalogs; DROP TABLE expiries; PRAGMA user_version = 1")
            .unwrap();
        drop(connection);
        let version = || -> i32 {
            let connection = Connection::open(path).unwrap();
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
        };
        let reader = State::read(folder.path()).unwrap();
        assert!(reader.expiries().unwrap().is_empty() && reader.repos().unwrap().len() == 1);
        drop(reader);
        assert_eq!(version(), 1, "who reads changes nothing");
        assert_eq!(State::expire(folder.path(), 500, |_| true).unwrap(), [key("x86_64", "baseos")]);
        assert_eq!(version(), 2);
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.expiries().unwrap(), HashMap::from([(id, 500)]));
    }

    #[test]
    fn where_nothing_was_crawled_nothing_is_expired() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(State::expire(folder.path(), 1, |_| true), Err(StateError::Missing { .. })));
        assert!(!State::exists(folder.path()), "nothing is made");
    }
}
