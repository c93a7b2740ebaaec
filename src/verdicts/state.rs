//! `State`: verdicts, truths and their history in a file that survives.
//!
//! Lives here: opening and locking the file, and what is asked of it in every run. Not here: its tables (`schema`),
//! what was before (`history`), the runs themselves (`run`).
//!
//! The file is SQLite, `verdicts.sqlite` in the state folder, in WAL mode: readers see the last whole pass while a
//! crawler writes, and a crawler that is killed leaves what it found in a pass whole or not there at all. `synchronous`
//! is NORMAL: commits wait for no disk, so after a power cut the last passes may be missing (never half there, never
//! out of order). What is lost so is looks, which the next run takes again; to wait for the disk would buy nothing.
//!
//! One process at a time may crawl: it holds a lock on `crawl.lock`, which the system drops with the process.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use super::catalog::{self, Catalog};
use super::finding::Finding;
use super::row;
use super::schema::{self, Found};
use super::subject::{MirrorId, RepoId, RepoKey, Subject};
use super::truth::{Shown, Truth};
use super::verdict::{Damping, Observation, Standing, Verdict};
use crate::net::Family;

/// Name of the database in the state folder.
const FILE_NAME: &str = "verdicts.sqlite";
/// Name of the file that a crawler locks.
const LOCK_NAME: &str = "crawl.lock";
/// How long to wait for a reader that recovers the file after a crash, or for a checkpoint.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refused.
    #[error("{path}: cannot {doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// Another crawler holds the lock.
    #[error(
        "{path}: another crawler{} is at work on this state; wait for its end or name another state folder",
        holder.map_or_else(String::new, |pid| format!(" (process {pid})"))
    )]
    Locked {
        /// The lock.
        path: PathBuf,
        /// Its process, when that can be told.
        holder: Option<u32>,
    },
    /// Nothing was crawled into this folder.
    #[error("{path}: there is no state yet; `mirrorlistd crawl` makes it")]
    Missing {
        /// The file that is not there.
        path: PathBuf,
    },
    /// A database that is none of ours.
    #[error("{path}: this is another program's database; it was left alone")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Tables of another version of this program.
    #[error(
        "{path}: its tables have version {found}, this program knows version {}; use the program that made it, or move \
         the file away and crawl anew",
        schema::VERSION
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Version of its tables.
        found: i32,
    },
    /// A database that has been damaged.
    #[error(
        "{path}: the file is damaged ({what}); what is being served stays as it is: move the file (and those named \
         like it with -wal and -shm) away and crawl anew, or bring back a copy"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// SQLite could not do it: no space, no permission, an error of the disk.
    #[error("{path}: cannot {doing}: {source}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// SQLite's word.
        source: rusqlite::Error,
    },
}

/// A change of standing or finding that an observation brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of what.
    pub subject: Subject,
    /// What was held before; none when nobody had looked.
    pub before: Option<(Standing, Finding)>,
    /// What is held now.
    pub after: Verdict,
}

/// What a pass has learned of masters.
#[derive(Clone, Debug, Default)]
pub struct Learned<'a> {
    /// Of repos.
    pub truths: Vec<(RepoId, &'a Truth)>,
    /// Of folders of images.
    pub catalogs: Vec<(RepoId, &'a Catalog)>,
}

impl Learned<'_> {
    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.truths.is_empty() && self.catalogs.is_empty()
    }
}

/// How many subjects of a mirror and family stand so for the same reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The mirror.
    pub mirror: MirrorId,
    /// The family.
    pub family: Family,
    /// How they stand.
    pub standing: Standing,
    /// What the last looks found.
    pub finding: Finding,
    /// How many they are.
    pub count: u64,
    /// The last of the looks, seconds since 1970.
    pub looked_at: u64,
}

/// What is known, in a file. One process at a time may write.
#[derive(Debug)]
pub struct State {
    connection: Connection,
    path: PathBuf,
    /// Held until the state is dropped; none for readers.
    lock: Option<File>,
    /// Whether its tables are of an older version: only of readers.
    is_old: bool,
}

impl State {
    /// Opens (or makes) the state in `folder`, taking the lock that keeps a second crawler out. The file is checked as
    /// a whole, which takes some tenths of a second.
    pub fn open(folder: &Path) -> Result<State, StateError> {
        fs::create_dir_all(folder).map_err(|source| system("make the folder", folder, source))?;
        let lock = take_lock(&folder.join(LOCK_NAME))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut state = State::connect(folder.join(FILE_NAME), flags, Some(lock))?;
        if state.check_version()? == Found::Nothing {
            let made = schema::make(&mut state.connection);
            made.map_err(|error| failed("make the tables", &state.path, error))?;
        }
        state.bring_up()?;
        state.doing("set it up", |connection| {
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "normal")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            // The -wal and -shm files stay when the crawler ends: without them nobody could read the state who may not
            // write into its folder. Dropping the state empties the -wal file in their place.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            Ok(())
        })?;
        let sound: String = state.doing("check it", |connection| {
            connection.query_row("PRAGMA quick_check(1)", (), |answer| answer.get(0))
        })?;
        match sound.as_str() {
            "ok" => Ok(state),
            what => Err(StateError::Damaged { path: state.path.clone(), what: what.replace('\n', " ") }),
        }
    }

    /// The files of the state in `folder`: while they stay the same, so does all that it holds.
    pub fn files(folder: &Path) -> [PathBuf; 2] {
        [folder.join(FILE_NAME), folder.join(format!("{FILE_NAME}-wal"))]
    }

    /// Whether anybody has ever opened a state in `folder`. Makes nothing.
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE_NAME).exists()
    }

    /// Opens the state in `folder` for reading only, beside a crawler: what is read is the state of this moment, for as
    /// long as the reader lives. Keep it short, since the crawler's log cannot be emptied meanwhile.
    pub fn read(folder: &Path) -> Result<State, StateError> {
        let path = folder.join(FILE_NAME);
        if !path.exists() {
            return Err(StateError::Missing { path });
        }
        let mut state = State::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, None)?;
        state.doing("read it", |connection| connection.execute_batch("BEGIN"))?;
        match state.check_version()? {
            Found::Nothing => Err(StateError::Missing { path: state.path.clone() }),
            _ => Ok(state),
        }
    }

    /// Number of a mirror; it is given one when it is new.
    pub fn mirror(&mut self, name: &str) -> Result<MirrorId, StateError> {
        self.changing("number a mirror", |transaction| {
            transaction.prepare_cached("INSERT OR IGNORE INTO mirrors (name) VALUES (?1)")?.execute([name])?;
            let mut find = transaction.prepare_cached("SELECT id FROM mirrors WHERE name = ?1")?;
            find.query_row([name], |row| Ok(MirrorId(row.get(0)?)))
        })
    }

    /// Number of a repo; it is given one when it is new.
    pub fn repo(&mut self, key: &RepoKey) -> Result<RepoId, StateError> {
        let names = [&key.release, &key.arch, &key.repo];
        self.changing("number a repo", |transaction| {
            let insert = "INSERT OR IGNORE INTO repos (release, arch, repo) VALUES (?1, ?2, ?3)";
            transaction.prepare_cached(insert)?.execute(names)?;
            let find = "SELECT id FROM repos WHERE release = ?1 AND arch = ?2 AND repo = ?3";
            transaction.prepare_cached(find)?.query_row(names, |row| Ok(RepoId(row.get(0)?)))
        })
    }

    /// All mirrors by name.
    pub fn mirrors(&self) -> Result<HashMap<String, MirrorId>, StateError> {
        self.doing("read the mirrors", |connection| {
            let mut statement = connection.prepare_cached("SELECT name, id FROM mirrors")?;
            statement.query_map((), |row| Ok((row.get(0)?, MirrorId(row.get(1)?))))?.collect()
        })
    }

    /// All repos by key.
    pub fn repos(&self) -> Result<HashMap<RepoKey, RepoId>, StateError> {
        self.doing("read the repos", |connection| {
            let mut statement = connection.prepare_cached("SELECT release, arch, repo, id FROM repos")?;
            let repos = statement.query_map((), |row| {
                let key = RepoKey { release: row.get(0)?, arch: row.get(1)?, repo: row.get(2)? };
                Ok((key, RepoId(row.get(3)?)))
            })?;
            repos.collect()
        })
    }

    /// What masters have shown.
    pub fn truths(&self) -> Result<HashMap<RepoId, Truth>, StateError> {
        self.doing("read the truths", |connection| {
            let mut truths = HashMap::new();
            let mut statement = connection.prepare_cached("SELECT repo, answered, changed FROM truths")?;
            let mut rows = statement.query(())?;
            while let Some(one) = rows.next()? {
                let (answered, changed) = (row::unsigned(one, 1)?, row::unsigned(one, 2)?);
                truths.insert(RepoId(one.get(0)?), Truth { shown: Vec::new(), answered, changed });
            }
            let sql = "SELECT repo, sha256, sha512, bytes, timestamp, first_seen, last_seen FROM shown
                       ORDER BY repo, age";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(())?;
            while let Some(one) = rows.next()? {
                let shown = Shown {
                    sha256: one.get(1)?,
                    sha512: one.get(2)?,
                    bytes: row::unsigned(one, 3)?,
                    timestamp: row::unsigned(one, 4)?,
                    first_seen: row::unsigned(one, 5)?,
                    last_seen: row::unsigned(one, 6)?,
                };
                // A foreign key sees to it that there is one.
                if let Some(truth) = truths.get_mut(&RepoId(one.get(0)?)) {
                    truth.shown.push(shown);
                }
            }
            Ok(truths)
        })
    }

    /// All verdicts: about 200 bytes each.
    pub fn verdicts(&self) -> Result<HashMap<Subject, Verdict>, StateError> {
        self.doing("read the verdicts", |connection| {
            let count: u32 = connection.query_row("SELECT count(*) FROM verdicts", (), |row| row.get(0))?;
            let mut verdicts = HashMap::with_capacity(count as usize);
            let mut statement = connection.prepare_cached(&format!("SELECT {} FROM verdicts", row::COLUMNS))?;
            let mut rows = statement.query(())?;
            while let Some(one) = rows.next()? {
                verdicts.insert(row::subject(one)?, row::verdict(one)?);
            }
            Ok(verdicts)
        })
    }

    /// The verdicts of one mirror, of all repos or one: by repo number, family and protocol.
    pub fn verdicts_of(&self, mirror: MirrorId, repo: Option<RepoId>) -> Result<Vec<(Subject, Verdict)>, StateError> {
        self.doing("read the verdicts of a mirror", |connection| {
            let columns = row::COLUMNS;
            let sql = format!(
                "SELECT {columns} FROM verdicts WHERE mirror = ?1 AND (?2 IS NULL OR repo = ?2)
                 ORDER BY repo, family, protocol"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let repo = repo.map(|repo| repo.0);
            statement.query_map(params![mirror.0, repo], |one| Ok((row::subject(one)?, row::verdict(one)?)))?.collect()
        })
    }

    /// How many verdicts there are, of all repos or one, by mirror, family, standing and finding.
    pub fn tallies(&self, repo: Option<RepoId>) -> Result<Vec<Tally>, StateError> {
        self.doing("count the verdicts", |connection| {
            let sql = "SELECT mirror, family, standing, finding, count(*), max(at) FROM verdicts
                       WHERE ?1 IS NULL OR repo = ?1
                       GROUP BY mirror, family, standing, finding ORDER BY mirror, family, standing, finding";
            let mut statement = connection.prepare_cached(sql)?;
            let tallies = statement.query_map([repo.map(|repo| repo.0)], |one| {
                Ok(Tally {
                    mirror: MirrorId(one.get(0)?),
                    family: row::family(one, 1)?,
                    standing: row::named(one, 2, Standing::named)?,
                    finding: row::named(one, 3, Finding::named)?,
                    count: row::unsigned(one, 4)?,
                    looked_at: row::unsigned(one, 5)?,
                })
            })?;
            tallies.collect()
        })
    }

    /// Keeps what a pass found: what masters have shown, and observations. Verdicts are changed by these, and changes
    /// of standing or finding go into the history and are returned. One transaction: all is kept or, when there is an
    /// error, nothing, and who reads meanwhile sees what was before.
    ///
    /// Observations of one mirror lie side by side in the file, so those in the order of mirrors cost least.
    pub fn keep(
        &mut self,
        learned: &Learned<'_>,
        observations: &[Observation],
        damping: &Damping,
    ) -> Result<Vec<Change>, StateError> {
        self.changing("keep what was observed", |transaction| {
            for (repo, truth) in &learned.truths {
                put_truth(transaction, *repo, truth)?;
            }
            for (folder, catalog) in &learned.catalogs {
                catalog::put(transaction, *folder, catalog)?;
            }
            put_observations(transaction, observations, damping)
        })
    }

    /// Reads; whatever goes wrong is told with the file.
    pub(super) fn doing<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StateError> {
        read(&self.connection).map_err(|error| failed(doing, &self.path, error))
    }

    /// Writes in one transaction, which is undone when anything goes wrong.
    pub(super) fn changing<T>(
        &mut self,
        doing: &'static str,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StateError> {
        let done = (|| {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = write(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })();
        done.map_err(|error| failed(doing, &self.path, error))
    }

    fn connect(path: PathBuf, flags: OpenFlags, lock: Option<File>) -> Result<State, StateError> {
        // One thread at a time has the connection: `&mut` sees to that.
        let opened = Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
        let connection = opened.map_err(|error| failed("open it", &path, error))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| failed("open it", &path, error))?;
        Ok(State { connection, path, lock, is_old: false })
    }

    /// Opens the state in `folder` for a word of the operators, beside a crawler: it has the lock, but writes in short
    /// batches.
    pub(super) fn amend(folder: &Path) -> Result<State, StateError> {
        let path = folder.join(FILE_NAME);
        if !path.exists() {
            return Err(StateError::Missing { path });
        }
        let mut state = State::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, None)?;
        if state.check_version()? == Found::Nothing {
            return Err(StateError::Missing { path: state.path.clone() });
        }
        state.bring_up()?;
        Ok(state)
    }

    /// Whether its tables are of an older version.
    pub(super) fn is_old(&self) -> bool {
        self.is_old
    }

    fn bring_up(&mut self) -> Result<(), StateError> {
        if std::mem::take(&mut self.is_old) {
            let done = schema::bring_up(&mut self.connection);
            done.map_err(|error| failed("bring its tables up to date", &self.path, error))?;
        }
        Ok(())
    }

    fn check_version(&mut self) -> Result<Found, StateError> {
        let path = || self.path.clone();
        match self.doing("read it", schema::find)? {
            Found::Foreign => Err(StateError::Foreign { path: path() }),
            found @ Found::Version(version) if schema::is_older(version) => {
                self.is_old = true;
                Ok(found)
            }
            Found::Version(found) if found != schema::VERSION => Err(StateError::Version { path: path(), found }),
            found => Ok(found),
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let Some(lock) = &self.lock else { return };
        // When it fails the log is only longer than it need be: it is part of the state, and the next run goes on with
        // it.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        // Closing the file would do, unless a child that another thread is just starting has a copy of it for a moment.
        let _ = lock.unlock();
    }
}

fn put_truth(transaction: &Transaction<'_>, repo: RepoId, truth: &Truth) -> rusqlite::Result<()> {
    let (answered, changed) = (row::number(truth.answered), row::number(truth.changed));
    let upsert = "INSERT INTO truths (repo, answered, changed) VALUES (?1, ?2, ?3)
                  ON CONFLICT DO UPDATE SET answered = ?2, changed = ?3";
    transaction.prepare_cached(upsert)?.execute(params![repo.0, answered, changed])?;
    transaction.prepare_cached("DELETE FROM shown WHERE repo = ?1")?.execute([repo.0])?;
    let insert = "INSERT INTO shown (repo, age, sha256, sha512, bytes, timestamp, first_seen, last_seen)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut insert = transaction.prepare_cached(insert)?;
    for (age, shown) in (0_i64..).zip(&truth.shown) {
        let Shown { sha256, sha512, bytes, timestamp, first_seen, last_seen } = shown;
        let [bytes, timestamp, first, last] = [bytes, timestamp, first_seen, last_seen].map(|one| row::number(*one));
        insert.execute(params![repo.0, age, sha256, sha512, bytes, timestamp, first, last])?;
    }
    Ok(())
}

fn put_observations(
    transaction: &Transaction<'_>,
    observations: &[Observation],
    damping: &Damping,
) -> rusqlite::Result<Vec<Change>> {
    let columns = row::COLUMNS;
    let mut read = transaction.prepare_cached(&format!(
        "SELECT {columns} FROM verdicts WHERE mirror = ?1 AND repo = ?2 AND family = ?3 AND protocol = ?4"
    ))?;
    let mut write = transaction.prepare_cached(&format!(
        "INSERT OR REPLACE INTO verdicts ({columns})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    ))?;
    let mut keep = transaction.prepare_cached(&format!(
        "INSERT OR REPLACE INTO history ({})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        row::LOOK_COLUMNS
    ))?;
    let mut changes = Vec::new();
    for observation in observations {
        let Subject { mirror, repo, family, protocol } = observation.subject;
        let key = params![mirror.0, repo.0, row::family_number(family), protocol.name()];
        let before = read.query_row(key, row::verdict).optional()?;
        let Some(after) = Verdict::after(before.as_ref(), observation, damping) else { continue };
        if before.as_ref() == Some(&after) {
            continue;
        }
        let before = before.map(|before| (before.standing, before.finding));
        let changed = before != Some((after.standing, after.finding));
        row::put(observation.subject, &after, &mut write, changed.then_some(&mut *keep))?;
        if changed {
            changes.push(Change { subject: observation.subject, before, after });
        }
    }
    Ok(changes)
}

fn take_lock(path: &Path) -> Result<File, StateError> {
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = opened.map_err(|source| system("open the lock", path, source))?;
    match file.try_lock() {
        Ok(()) => {
            // The number is for people only; the lock holds without it.
            let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let read = file.take(32).read_to_string(&mut text).ok();
            Err(StateError::Locked { path: path.to_owned(), holder: read.and_then(|_| text.trim().parse().ok()) })
        }
        Err(TryLockError::Error(source)) => Err(system("take the lock", path, source)),
    }
}

fn system(doing: &'static str, path: &Path, source: io::Error) -> StateError {
    StateError::System { doing, path: path.to_owned(), source }
}

fn failed(doing: &'static str, path: &Path, error: rusqlite::Error) -> StateError {
    use rusqlite::Error;
    let code = error.sqlite_error_code();
    let damaged = matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(
            error,
            Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
                | Error::Utf8Error(..)
        );
    // What we ask is always the same: when it cannot be asked, the tables are not what they were.
    if let Error::SqlInputError { msg, .. } = error {
        return StateError::Damaged { path: path.to_owned(), what: msg };
    }
    match damaged {
        true => StateError::Damaged { path: path.to_owned(), what: error.to_string() },
        false => StateError::Sqlite { doing, path: path.to_owned(), source: error },
    }
}

#[cfg(test)]
pub(super) mod tests;
