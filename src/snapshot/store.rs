//! `Store`: a folder of snapshots, published by rename, the last few kept.
//!
//! What only says that the newest generation has been verified again takes its place, so that the others stay different
//! states to go back to.
//!
//! Lives here: `snapshot-42` (generation 42) and `snapshot`, a symbolic link to the one in use. Readers open
//! `snapshot`; at every moment it is the old generation or the new one, also after a crash. On a machine that only
//! serves, `snapshot` may be a plain file that somebody copied there by rename.
//! Not here: the bytes (`format`), who reads them when (`daemon`).

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use zerocopy::{FromBytes, IntoBytes};

use super::check::CheckError;
use super::format::Header;
use super::view::{OpenError, View};
use crate::sys::Map;

/// Generations kept in a store, the one in use among them.
pub const GENERATIONS_KEPT: usize = 3;
/// Name of the link to the generation in use.
const CURRENT: &str = "snapshot";
/// Name of the file that whoever publishes holds a lock on.
const LOCK: &str = ".lock";
/// Name of a generation up to its number.
const PREFIX: &str = "snapshot-";

/// Number of a published snapshot, from 1, rising; 0 for a file without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(pub u64);

impl std::fmt::Display for Generation {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
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
    /// Not a snapshot.
    #[error("{path}: {source}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// A damaged snapshot.
    #[error("{path}: {source}")]
    Check {
        /// Which file.
        path: PathBuf,
        /// What is damaged.
        source: CheckError,
    },
    /// Bytes that were to be published are no sound snapshot.
    #[error("refusing to publish: {0}")]
    Unsound(CheckError),
    /// Nothing to go back to.
    #[error("{path}: no generation before {generation} is kept; nothing was changed")]
    NoOlder {
        /// The folder.
        path: PathBuf,
        /// The one in use.
        generation: Generation,
    },
}

/// A folder of snapshots.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in `folder`, which is made when something is published.
    pub fn new(folder: &Path) -> Store {
        Store { folder: folder.to_owned() }
    }

    /// Path of the link to the generation in use of the store in `folder`.
    pub fn path_in_use(folder: &Path) -> PathBuf {
        folder.join(CURRENT)
    }

    /// Path of the link to the generation in use.
    pub fn current_path(&self) -> PathBuf {
        Store::path_in_use(&self.folder)
    }

    /// Whether a snapshot is in use.
    pub fn is_empty(&self) -> bool {
        !self.current_path().exists()
    }

    /// Maps, opens and checks the generation in use.
    pub fn open(&self) -> Result<(Generation, View<Map>), StoreError> {
        // The link may come to point elsewhere meanwhile: the number and the bytes must be of one generation.
        let mut generation = self.current();
        loop {
            let opened = match generation {
                Generation(0) => open(&self.current_path()),
                generation => open(&self.path(generation)),
            };
            match (opened, self.current()) {
                // It was removed after we had read the link: another one has taken its place.
                (Err(_), now) if now != generation => generation = now,
                (opened, _) => return Ok((generation, opened?)),
            }
        }
    }

    /// Publishes `bytes` as the next generation, unless they are what the newest one holds. Gives the newest number
    /// and whether it is new. Bytes that are no sound snapshot are refused.
    ///
    /// Bytes that differ from the newest generation's only in when the mirrors were verified take its place when it is
    /// in use. When it is not, somebody went back from it: it does not come again by being verified.
    pub fn publish(&self, bytes: &[u8]) -> Result<(Generation, bool), StoreError> {
        let path = self.current_path();
        let view = View::open(bytes).map_err(|source| StoreError::Open { path, source })?;
        view.check().map_err(StoreError::Unsound)?;
        let _lock = self.lock()?;
        let generations = self.generations()?;
        let newest = generations.last().copied().unwrap_or_default();
        let old = (newest != Generation::default()).then(|| fs::read(self.path(newest)).ok()).flatten();
        let is_verified = old.as_ref().is_some_and(|old| says_the_same(old, bytes));
        let is_left = is_verified && !self.is_empty() && self.current() != newest;
        if is_left || old.is_some_and(|old| old == bytes) {
            if self.is_empty() {
                self.point_at(newest)?;
            }
            return Ok((newest, false));
        }
        let next = Generation(newest.0.max(self.current().0) + 1);
        self.write(next, bytes)?;
        self.point_at(next)?;
        if is_verified {
            // When it stays, it only takes the room of another.
            let _ = fs::remove_file(self.path(newest));
        }
        self.forget_old(next);
        Ok((next, true))
    }

    /// Goes back to the generation before the one in use.
    pub fn rollback(&self) -> Result<Generation, StoreError> {
        // Asked first, so that a wrong path is an error and not a new folder.
        self.generations()?;
        let _lock = self.lock()?;
        let current = self.current();
        let older = self.generations()?.into_iter().rev().find(|generation| *generation < current);
        let Some(older) = older else {
            return Err(StoreError::NoOlder { path: self.folder.clone(), generation: current });
        };
        open(&self.path(older))?;
        self.point_at(older)?;
        Ok(older)
    }

    /// Number of the generation in use; 0 when `snapshot` is a plain file or not there.
    pub fn current(&self) -> Generation {
        let target = fs::read_link(self.current_path()).ok();
        target.and_then(|target| number(target.file_name()?.to_str()?)).unwrap_or_default()
    }

    /// Generations kept, rising.
    pub fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        let entries = fs::read_dir(&self.folder).map_err(|source| system("list", &self.folder, source))?;
        let mut found: Vec<Generation> =
            entries.filter_map(|entry| number(entry.ok()?.file_name().to_str()?)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Path of a generation.
    pub fn path(&self, generation: Generation) -> PathBuf {
        self.folder.join(format!("{PREFIX}{generation}"))
    }

    /// Keeps other programs from publishing here until it is dropped; waits for one that does.
    fn lock(&self) -> Result<File, StoreError> {
        fs::create_dir_all(&self.folder).map_err(|source| system("make the folder", &self.folder, source))?;
        let path = self.folder.join(LOCK);
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let locked = file.and_then(|file| file.lock().map(|()| file));
        locked.map_err(|source| system("lock", &path, source))
    }

    /// Writes a generation: whole and on the disk before it has its name.
    fn write(&self, generation: Generation, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(generation);
        let unfinished = self.folder.join(format!(".{PREFIX}{generation}.unfinished"));
        let written = (|| {
            let mut file = File::options().write(true).create(true).truncate(true).mode(0o644).open(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            sync_folder(&self.folder)
        })();
        written.map_err(|source| {
            // What is left of it is of no use to anybody; when it cannot be removed the next attempt overwrites it.
            let _ = fs::remove_file(&unfinished);
            system("write", &path, source)
        })
    }

    fn point_at(&self, generation: Generation) -> Result<(), StoreError> {
        let link = self.current_path();
        let unfinished = self.folder.join(format!(".{CURRENT}.unfinished"));
        let pointed = (|| {
            match fs::remove_file(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => symlink(format!("{PREFIX}{generation}"), &unfinished)?,
            }
            fs::rename(&unfinished, &link)?;
            sync_folder(&self.folder)
        })();
        pointed.map_err(|source| system("point to the new generation", &link, source))
    }

    /// Removes generations beyond those kept. A failure is no loss: the next publication tries again.
    fn forget_old(&self, newest: Generation) {
        let Ok(generations) = self.generations() else { return };
        let keep = generations.len().saturating_sub(GENERATIONS_KEPT);
        for old in generations.into_iter().take(keep).filter(|old| *old != newest) {
            let _ = fs::remove_file(self.path(old));
        }
    }
}

/// Whether two snapshots differ in nothing but when their mirrors were verified.
pub fn says_the_same(one: &[u8], other: &[u8]) -> bool {
    let Some((mut head, rest)) = Header::read_from_prefix(one).ok() else { return false };
    let Some((other_head, other_rest)) = Header::read_from_prefix(other).ok() else { return false };
    head.verified_at = other_head.verified_at;
    head.checksum = other_head.checksum;
    head.as_bytes() == other_head.as_bytes() && rest == other_rest
}

/// Maps, opens and checks one file.
pub fn open(path: &Path) -> Result<View<Map>, StoreError> {
    let map = Map::open(path).map_err(|source| system("open", path, source))?;
    let view = View::open(map).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
    view.check().map_err(|source| StoreError::Check { path: path.to_owned(), source })?;
    Ok(view)
}

fn system(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::System { doing, path: path.to_owned(), source }
}

fn number(name: &str) -> Option<Generation> {
    let digits = name.strip_prefix(PREFIX)?;
    (digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.parse().ok().map(Generation))?
}

/// Makes a rename in `folder` survive a power cut.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Builder, Evidence};

    fn snapshot(name: &str) -> Vec<u8> {
        verified(name, 0)
    }

    fn verified(name: &str, at: u64) -> Vec<u8> {
        let mut builder = Builder::new(Evidence::Unverified, 1, Vec::new());
        builder.verified_at(at);
        builder.mirror(name, None, 1, 1);
        let list = builder.list(Vec::new(), None);
        let row = builder.row(vec![list]);
        builder.directory(vec![row]);
        builder.finish().unwrap()
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(&folder.path().join("state"));
        (folder, store)
    }

    #[test]
    fn generations_come_and_go() {
        let (_folder, store) = store();
        assert!(store.is_empty() && store.open().is_err());
        for number in 1..=5 {
            let published = store.publish(&snapshot(&format!("m{number}"))).unwrap();
            assert_eq!(published, (Generation(number), true));
        }
        assert_eq!(store.publish(&snapshot("m5")).unwrap(), (Generation(5), false), "the same bytes are no news");
        assert_eq!(store.generations().unwrap(), [3, 4, 5].map(Generation));
        assert_eq!(store.open().unwrap().0, Generation(5));
        assert_eq!(store.rollback().unwrap(), Generation(4));
        assert_eq!(store.open().unwrap().0, Generation(4));
        assert_eq!(store.publish(&snapshot("m5")).unwrap(), (Generation(5), false));
        assert_eq!(store.current(), Generation(4), "what was rolled back does not come again by itself");
        assert_eq!(store.rollback().unwrap(), Generation(3));
        let error = store.rollback().unwrap_err().to_string();
        assert!(error.contains("no generation before 3 is kept"), "{error}");
        assert_eq!(store.publish(&snapshot("m6")).unwrap(), (Generation(6), true));
        assert_eq!(store.open().unwrap().0, Generation(6));
    }

    #[test]
    fn being_verified_again_takes_no_other_generation_away() {
        let (_folder, store) = store();
        for (number, (name, at)) in (1..).zip([("a", 1), ("b", 2), ("b", 3), ("c", 4), ("c", 5), ("c", 6)]) {
            assert_eq!(store.publish(&verified(name, at)).unwrap(), (Generation(number), true));
        }
        assert_eq!(store.generations().unwrap(), [1, 3, 6].map(Generation), "a, b and c, each as verified last");
        assert_eq!(store.open().unwrap().1.verified_at(), Some(6));
        assert_eq!(store.rollback().unwrap(), Generation(3));
        assert_eq!(store.publish(&verified("c", 7)).unwrap(), (Generation(6), false), "nor does it come again");
        assert_eq!(store.current(), Generation(3));
        assert_eq!(store.publish(&verified("b", 8)).unwrap(), (Generation(7), true), "that is another state than c");
        assert_eq!(store.generations().unwrap(), [3, 6, 7].map(Generation));
        assert!(!says_the_same(b"", b"") && !says_the_same(&verified("a", 1), &verified("b", 1)));
    }

    #[test]
    fn a_reader_is_not_lost_when_a_generation_is_replaced() {
        let (_folder, store) = store();
        store.publish(&verified("a", 1)).unwrap();
        let writer = store.clone();
        let publishing = std::thread::spawn(move || {
            for at in 2..200 {
                writer.publish(&verified("a", at)).unwrap();
            }
        });
        let mut last = 0;
        while !publishing.is_finished() {
            let (generation, view) = store.open().unwrap();
            assert_eq!(view.verified_at(), Some(generation.0));
            assert!(generation.0 >= last, "never back");
            last = generation.0;
        }
        publishing.join().unwrap();
        assert_eq!(store.generations().unwrap(), [Generation(199)]);
    }

    #[test]
    fn unsound_bytes_are_not_published() {
        let (_folder, store) = store();
        let good = snapshot("good");
        store.publish(&good).unwrap();
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bytes in [&flipped[..], &good[..good.len() - 1], b"", b"MLSNAP\r\n"] {
            assert!(store.publish(bytes).is_err());
        }
        assert_eq!(store.open().unwrap().0, Generation(1));
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_made_by_looking() {
        let (_folder, store) = store();
        assert!(store.rollback().is_err() && store.open().is_err() && !store.folder.exists());
    }

    #[test]
    fn leftovers_of_a_crash_do_no_harm() {
        let (_folder, store) = store();
        fs::create_dir(&store.folder).unwrap();
        fs::write(store.folder.join(".snapshot-1.unfinished"), b"half").unwrap();
        symlink("nowhere", store.folder.join(".snapshot.unfinished")).unwrap();
        fs::write(store.folder.join("snapshot-x"), b"other").unwrap();
        assert_eq!(store.publish(&snapshot("a")).unwrap(), (Generation(1), true));
        fs::remove_file(store.current_path()).unwrap();
        assert_eq!(store.publish(&snapshot("a")).unwrap(), (Generation(1), false));
        assert_eq!(store.open().unwrap().0, Generation(1), "a crash before the link is mended");
    }

    #[test]
    fn a_plain_file_is_served_as_well() {
        let (_folder, store) = store();
        fs::create_dir(&store.folder).unwrap();
        fs::write(store.current_path(), snapshot("copied")).unwrap();
        let (generation, view) = store.open().unwrap();
        assert_eq!((generation, view.mirror_count()), (Generation(0), 1));
    }
}
