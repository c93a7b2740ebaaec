//! `Store`: a folder of snapshots, published by rename, the last few kept.
//!
//! Lives here: `snapshot-42` (generation 42) and `snapshot`, a symbolic link to the one in use. Readers open
//! `snapshot`; at every moment it is the old generation or the new one, also after a crash. On a machine that only
//! serves, `snapshot` may be a plain file that somebody copied there by rename.
//! Not here: the bytes (`format`), who reads them when (`daemon`).

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use super::check::CheckError;
use super::view::{OpenError, View};
use crate::sys::Map;

/// Generations kept in a store, the one in use among them.
pub const GENERATIONS_KEPT: usize = 3;
/// Name of the link to the generation in use.
const CURRENT: &str = "snapshot";
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
    /// The store in `folder`, which is made when it is not there.
    pub fn new(folder: &Path) -> Result<Store, StoreError> {
        fs::create_dir_all(folder).map_err(|source| system("make the folder", folder, source))?;
        Ok(Store { folder: folder.to_owned() })
    }

    /// Path of the link to the generation in use.
    pub fn current_path(&self) -> PathBuf {
        self.folder.join(CURRENT)
    }

    /// Whether a snapshot is in use.
    pub fn is_empty(&self) -> bool {
        !self.current_path().exists()
    }

    /// Maps, opens and checks the generation in use.
    pub fn open(&self) -> Result<(Generation, View<Map>), StoreError> {
        let path = self.current_path();
        let generation = self.current();
        Ok((generation, open(&path)?))
    }

    /// Publishes `bytes` as the next generation, unless they are what the newest one holds. Gives the newest number
    /// and whether it is new. Bytes that are no sound snapshot are refused.
    pub fn publish(&self, bytes: &[u8]) -> Result<(Generation, bool), StoreError> {
        let path = self.current_path();
        let view = View::open(bytes).map_err(|source| StoreError::Open { path, source })?;
        view.check().map_err(StoreError::Unsound)?;
        let generations = self.generations()?;
        let newest = generations.last().copied().unwrap_or_default();
        let same = newest != Generation::default() && fs::read(self.path(newest)).is_ok_and(|old| old == bytes);
        if same {
            if self.is_empty() {
                self.point_at(newest)?;
            }
            return Ok((newest, false));
        }
        let next = Generation(newest.0.max(self.current().0) + 1);
        self.write(next, bytes)?;
        self.point_at(next)?;
        self.forget_old(next);
        Ok((next, true))
    }

    /// Goes back to the generation before the one in use.
    pub fn rollback(&self) -> Result<Generation, StoreError> {
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
