//! The tables of the state, and which version of them this program knows.
//!
//! Lives here: the SQL that makes them, the numbers by which a file is told to be ours, the settings of a connection.
//! Not here: what is read and written (`state`, `history`, `run`), how a row becomes a noun (`row`).
//!
//! | table      | one row per                    | holds                                                       |
//! |------------|--------------------------------|-------------------------------------------------------------|
//! | `mirrors`  | mirror                         | its name in the inventory                                   |
//! | `repos`    | repo                           | release (no alias), arch, name                              |
//! | `truths`   | repo whose master has answered | when it last answered, since when it has what it has        |
//! | `shown`    | generation of a master         | `age` (0 the current one), digests, length, times           |
//! | `catalogs` | folder of images, of a master   | its checksum file, when it last answered                    |
//! | `images`   | image of such a folder         | what the master says of it                                  |
//! | `expiries` | repo that was expired          | when: what its master showed last before is not named again |
//! | `verdicts` | mirror, repo, family, protocol | standing, since when, and the last look with its evidence   |
//! | `history`  | change of standing or finding  | the look that changed it; in one second the last counts     |
//! | `runs`     | crawl                          | begin, end (none: killed or under way), outcome, counts     |
//!
//! Folders of images and images are repos whose name is `BRANCH/KIND/` and `BRANCH/KIND/FILE`. Their truth is not in
//! `truths`; in their verdicts, `sha256` is the mark of what the master says of them, of which no file has the digest.
//!
//! Version 1 had no catalogs, images and expiries: they are added when a state is opened to be written.
//!
//! Times are seconds since 1970, `family` is 4 or 6, `protocol`, `standing` and `finding` are spelt out, digests are
//! blobs: one can ask by hand with nothing but the names of mirrors and repos.

use rusqlite::{Connection, TransactionBehavior};

/// Version of the tables (`user_version`). An older one is brought up to it; any other is refused.
pub(super) const VERSION: i32 = 2;
/// Tells a state from other databases (`application_id`): "mlst".
pub(super) const APPLICATION_ID: i32 = 0x6d6c_7374;

/// What operators expired: since version 2.
const EXPIRIES: &str = "
    CREATE TABLE expiries (
        repo INTEGER PRIMARY KEY REFERENCES repos,
        at INTEGER NOT NULL
    ) STRICT;
";

/// Images: since version 2.
const IMAGES: &str = "
    CREATE TABLE catalogs (
        repo INTEGER PRIMARY KEY REFERENCES repos,
        checksum_file TEXT NOT NULL,
        torrent TEXT,
        answered INTEGER NOT NULL,
        changed INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE images (
        folder INTEGER NOT NULL REFERENCES catalogs,
        name TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        digest_kind TEXT,
        digest TEXT,
        torrent TEXT,
        PRIMARY KEY (folder, name)
    ) STRICT, WITHOUT ROWID;
";

const TABLES: &str = "
    CREATE TABLE mirrors (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE repos (
        id INTEGER PRIMARY KEY,
        release TEXT NOT NULL,
        arch TEXT NOT NULL,
        repo TEXT NOT NULL,
        UNIQUE (release, arch, repo)
    ) STRICT;
    CREATE TABLE truths (
        repo INTEGER PRIMARY KEY REFERENCES repos,
        answered INTEGER NOT NULL,
        changed INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE shown (
        repo INTEGER NOT NULL REFERENCES truths,
        age INTEGER NOT NULL,
        sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
        sha512 BLOB NOT NULL CHECK (length(sha512) = 64),
        bytes INTEGER NOT NULL,
        timestamp INTEGER NOT NULL,
        first_seen INTEGER NOT NULL,
        last_seen INTEGER NOT NULL,
        PRIMARY KEY (repo, age)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE verdicts (
        mirror INTEGER NOT NULL REFERENCES mirrors,
        repo INTEGER NOT NULL REFERENCES repos,
        family INTEGER NOT NULL CHECK (family IN (4, 6)),
        protocol TEXT NOT NULL,
        standing TEXT NOT NULL CHECK (standing IN ('in', 'late', 'out')),
        finding TEXT NOT NULL,
        at INTEGER NOT NULL,
        address TEXT,
        status INTEGER,
        bytes INTEGER NOT NULL,
        sha256 BLOB CHECK (length(sha256) = 32),
        millis INTEGER NOT NULL,
        note TEXT NOT NULL,
        since INTEGER NOT NULL,
        looks INTEGER NOT NULL,
        look_count INTEGER NOT NULL,
        behind_since INTEGER NOT NULL,
        PRIMARY KEY (mirror, repo, family, protocol)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE history (
        mirror INTEGER NOT NULL REFERENCES mirrors,
        repo INTEGER NOT NULL REFERENCES repos,
        family INTEGER NOT NULL CHECK (family IN (4, 6)),
        protocol TEXT NOT NULL,
        standing TEXT NOT NULL CHECK (standing IN ('in', 'late', 'out')),
        finding TEXT NOT NULL,
        at INTEGER NOT NULL,
        address TEXT,
        status INTEGER,
        bytes INTEGER NOT NULL,
        sha256 BLOB CHECK (length(sha256) = 32),
        millis INTEGER NOT NULL,
        note TEXT NOT NULL,
        PRIMARY KEY (mirror, repo, family, protocol, at)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        started INTEGER NOT NULL,
        ended INTEGER,
        outcome TEXT,
        note TEXT NOT NULL DEFAULT '',
        mirrors INTEGER NOT NULL DEFAULT 0,
        good INTEGER NOT NULL DEFAULT 0,
        behind INTEGER NOT NULL DEFAULT 0,
        bad INTEGER NOT NULL DEFAULT 0,
        silent INTEGER NOT NULL DEFAULT 0,
        skipped INTEGER NOT NULL DEFAULT 0,
        requests INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0
    ) STRICT;
";

/// What brings the tables from a version to the next, the first from 1 to 2.
const STEPS: [&[&str]; 1] = [&[IMAGES, EXPIRIES]];

const _: () = assert!(STEPS.len() + 1 == VERSION as usize);

/// Whose tables a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// None yet.
    Nothing,
    /// Ours, of this version.
    Version(i32),
    /// Another program's.
    Foreign,
}

/// Looks whose tables these are.
pub(super) fn find(connection: &Connection) -> rusqlite::Result<Found> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(match (tables, id) {
        (0, 0) if version == 0 => Found::Nothing,
        (_, APPLICATION_ID) => Found::Version(version),
        _ => Found::Foreign,
    })
}

/// Makes the tables: all or, when it does not come to its end, none.
pub(super) fn make(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for tables in [TABLES, EXPIRIES, IMAGES] {
        transaction.execute_batch(tables)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Whether tables of `version` can be brought up to this program's.
pub(super) fn is_older(version: i32) -> bool {
    (1..VERSION).contains(&version)
}

/// Brings tables of an older version up to this program's: all the way or, when it does not come to its end, not at
/// all. What they hold stays. Another process may have been faster.
pub(super) fn bring_up(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for step in STEPS.iter().skip(usize::try_from(version - 1).unwrap_or_default()).copied().flatten() {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
