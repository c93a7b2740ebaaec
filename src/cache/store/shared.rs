//! `Shared`: what a store and its drafts have in common: folder, index, space and what is coming.
//!
//! Two locks, in this order. `changes` is held by whoever gives files their names, takes them away or writes metadata
//! in place, so that index and folder agree; it may wait for the disk. `state` is never held while the disk works.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::Disk;
use super::entry::Entry;
use super::filling::Filling;
use super::index::{Index, Removed};
use super::key::{Key, ObjectId};
use super::layout::{self, Shape};
use super::metadata::{Head, Label, Metadata};
use super::reader;
use super::store::{Absence, Limits, StoreError};
use super::uses;

/// Folder of the objects, in folders by the first two digits of their ids.
pub(super) const OBJECTS: &str = "objects";
/// Folder of what is coming.
pub(super) const DRAFTS: &str = "drafts";

/// What a store and its drafts have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub folder: PathBuf,
    pub disk: Arc<dyn Disk>,
    pub state: Mutex<State>,
    changes: Mutex<()>,
    last_stamp: AtomicU64,
    /// The index was filled: at the end there is something to keep.
    pub is_filled: AtomicBool,
    /// Locked for as long as the store is open.
    pub _lock: File,
}

/// What is behind the lock.
#[derive(Debug, Default)]
pub(super) struct State {
    pub limits: Limits,
    pub index: Index,
    pub fillings: HashMap<u128, Vec<Arc<Filling>>>,
    pub reserved_bytes: u64,
    pub evicted_count: u64,
    pub evicted_bytes: u64,
    pub damaged_count: u64,
    pub absences: HashMap<u128, (Key, Absence)>,
    pub absence_order: VecDeque<u128>,
}

impl Shared {
    pub fn new(folder: &Path, disk: Arc<dyn Disk>, state: State, lock: File) -> Shared {
        Shared {
            folder: folder.to_owned(),
            disk,
            state: Mutex::new(state),
            changes: Mutex::default(),
            last_stamp: AtomicU64::new(0),
            is_filled: AtomicBool::new(false),
            _lock: lock,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn changes(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stamp(&self) -> u64 {
        self.last_stamp.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn object_path(&self, id: ObjectId) -> PathBuf {
        self.folder.join(OBJECTS).join(id.path())
    }

    pub fn draft_path(&self, stamp: u64) -> PathBuf {
        self.folder.join(DRAFTS).join(format!("{stamp:016x}"))
    }

    /// Reserves space in the cache, for which others may have to go.
    pub fn reserve(&self, bytes: u64) -> Result<(), StoreError> {
        let changes = self.changes();
        let mut state = self.state();
        let mut removed = Vec::new();
        let has_room = loop {
            let taken = state.index.object_bytes() + state.reserved_bytes;
            if taken.saturating_add(bytes) <= state.limits.cache_bytes_max {
                state.reserved_bytes += bytes;
                break true;
            }
            // Nothing is evicted for what would not fit anyway.
            let fixed = state.reserved_bytes.saturating_add(state.index.pinned_bytes());
            if fixed.saturating_add(bytes) > state.limits.cache_bytes_max {
                break false;
            }
            let Some(victim) = state.index.evict() else { break false };
            state.evicted_count += 1;
            state.evicted_bytes += victim.file_bytes;
            removed.push(victim);
        };
        drop(state);
        self.remove_files(removed);
        drop(changes);
        if has_room { Ok(()) } else { Err(StoreError::Full { bytes }) }
    }

    pub fn release(&self, bytes: u64) {
        let mut state = self.state();
        state.reserved_bytes = state.reserved_bytes.saturating_sub(bytes);
    }

    /// Evicts so many bytes because the disk is fuller than the cache. Whether it could.
    pub fn make_room(&self, bytes: u64) -> bool {
        let _changes = self.changes();
        let mut removed = Vec::new();
        let mut freed = 0;
        let mut state = self.state();
        while freed < bytes {
            let Some(victim) = state.index.evict() else { break };
            freed += victim.file_bytes;
            state.evicted_count += 1;
            state.evicted_bytes += victim.file_bytes;
            removed.push(victim);
        }
        drop(state);
        self.remove_files(removed);
        freed >= bytes
    }

    /// Removes files of what was taken out of the index. Call it with `changes` held.
    pub fn remove_files(&self, removed: Vec<Removed>) {
        for Removed { id, .. } in removed {
            // What cannot be removed is found by the scan at the next start.
            let _ = self.disk.remove(&self.object_path(id));
        }
    }

    /// Takes an object out whose file turned out to be damaged or gone, unless it is another by now.
    pub fn forget(&self, id: ObjectId, stamp: u64) {
        let _changes = self.changes();
        let mut state = self.state();
        if state.index.get(id).is_some_and(|record| record.stamp == stamp) {
            let removed = state.index.remove(id);
            state.damaged_count += 1;
            drop(state);
            self.remove_files(removed.into_iter().collect());
        }
    }

    /// Reads an object from its file; `None` when it is damaged or gone.
    pub fn load(&self, id: ObjectId, stamp: u64) -> io::Result<Option<Arc<Entry>>> {
        let found = match reader::read(&*self.disk, &self.object_path(id)) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(key) = Key::new(&found.metadata.key) else { return Ok(None) };
        if ObjectId::of(&key, found.metadata.head.variant.as_bytes()) != id {
            return Ok(None);
        }
        Ok(Some(Arc::new(Entry {
            id,
            stamp,
            file: Arc::new(found.file),
            shape: found.shape,
            slot: found.slot,
            metadata: found.metadata,
        })))
    }

    /// Gives a finished draft its name and puts it into the index, in place of what was reserved for it, unless its key
    /// was removed meanwhile.
    pub fn publish(
        &self,
        draft: &Path,
        reserved_bytes: u64,
        entry: &Arc<Entry>,
        filling: &Arc<Filling>,
    ) -> Result<(), StoreError> {
        let _changes = self.changes();
        if !self.state().is_wanted(filling) {
            return Err(StoreError::Gone);
        }
        let path = self.object_path(entry.id);
        let renamed = self.disk.rename(draft, &path).or_else(|error| match (error.kind(), path.parent()) {
            (io::ErrorKind::NotFound, Some(parent)) => {
                self.disk.make_folder(parent)?;
                self.disk.rename(draft, &path)
            }
            _ => Err(error),
        });
        renamed.map_err(|source| system("give it its name", &path, source))?;
        let file_bytes = reader::file_bytes(entry.body_offset(), entry.body_bytes());
        let mut state = self.state();
        state.reserved_bytes = state.reserved_bytes.saturating_sub(reserved_bytes);
        let (id, removed) = state.index.insert(filling.key(), &entry.metadata().head.variant, file_bytes, entry.stamp);
        let open_max = state.limits.open_entries_max;
        state.index.keep_open(id, entry, open_max);
        state.absences.remove(&filling.key().hash());
        state.end(filling);
        drop(state);
        self.remove_files(removed);
        Ok(())
    }

    /// Writes new metadata for an object, beside the old.
    pub fn update(&self, entry: &Arc<Entry>, head: Head, label: Label) -> Result<Arc<Entry>, StoreError> {
        // What it was chosen by is part of its name.
        let head = Head { variant: entry.metadata.head.variant.clone(), ..head };
        let metadata = Metadata { head, label, ..entry.metadata.clone() };
        Shape::for_metadata(&metadata)?;
        let slot = entry.slot.next();
        let bytes = layout::encode(&metadata, slot.sequence);
        if bytes.len() > entry.shape.slot_bytes {
            let bytes_max = entry.shape.slot_bytes;
            return Err(StoreError::TooLong { what: "the new head", bytes: bytes.len(), bytes_max });
        }
        let _changes = self.changes();
        let is_current = |state: &State| state.index.get(entry.id).is_some_and(|record| record.stamp == entry.stamp);
        if !is_current(&self.state()) {
            return Err(StoreError::Gone);
        }
        self.disk
            .write_at(&entry.file, &bytes, entry.shape.slot_offset(slot))
            .map_err(|source| system("write new metadata", &self.object_path(entry.id), source))?;
        let stamp = self.stamp();
        let updated =
            Arc::new(Entry { id: entry.id, stamp, file: entry.file.clone(), shape: entry.shape, slot, metadata });
        let mut state = self.state();
        state.index.restamp(entry.id, stamp);
        let open_max = state.limits.open_entries_max;
        state.index.keep_open(entry.id, &updated, open_max);
        Ok(updated)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.is_filled.load(Ordering::Relaxed) {
            // It is a hint for the next start, which does without.
            let _ = uses::write(&*self.disk, &self.folder, self.state().index.uses());
        }
    }
}

impl State {
    /// Whether a filling is still to become an object.
    pub fn is_wanted(&self, filling: &Arc<Filling>) -> bool {
        let of_key = self.fillings.get(&filling.key().hash()).map_or(&[][..], Vec::as_slice);
        of_key.iter().any(|known| Arc::ptr_eq(known, filling))
    }

    /// Nobody finds a filling any more.
    pub fn end(&mut self, filling: &Arc<Filling>) {
        let hash = filling.key().hash();
        if let Some(of_key) = self.fillings.get_mut(&hash) {
            of_key.retain(|known| !Arc::ptr_eq(known, filling));
            if of_key.is_empty() {
                self.fillings.remove(&hash);
            }
        }
    }
}

pub(super) fn system(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::System { doing, path: path.to_owned(), source }
}
