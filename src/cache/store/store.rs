//! `Store`: the door to the objects of one folder.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::disk::{Disk, System};
use super::draft::Draft;
use super::entry::Entry;
use super::filling::Filling;
use super::key::{Key, ObjectId};
use super::metadata::{Head, Label};
use super::scan;
use super::shared::{Shared, State};
use crate::http::Fields;

/// How much a store may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All files of objects and drafts together, bytes, in blocks of 4,096.
    pub cache_bytes_max: u64,
    /// One file, bytes.
    pub object_bytes_max: u64,
    /// Entries kept open because they were asked for lately: one descriptor each.
    pub open_entries_max: usize,
    /// Absences remembered.
    pub absences_max: usize,
}

impl Default for Limits {
    /// 100 GiB, 16 GiB, 1,024 and 65,536.
    fn default() -> Limits {
        Limits { cache_bytes_max: 100 << 30, object_bytes_max: 16 << 30, open_entries_max: 1024, absences_max: 65_536 }
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
    /// Another process has the folder.
    #[error(
        "{path}: another process{} uses this cache; end it or name another cache_dir",
        holder.map_or_else(String::new, |pid| format!(" ({pid})"))
    )]
    Locked {
        /// The lock.
        path: PathBuf,
        /// Its process, when that can be told.
        holder: Option<u32>,
    },
    /// Larger than any object may be.
    #[error("an object of at least {bytes} bytes is more than object_bytes_max ({bytes_max})")]
    TooLarge {
        /// How large, or how much of it is here.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// Nothing more can be evicted: the rest is pinned or being filled.
    #[error("no room for {bytes} bytes in the cache: the rest is pinned or being filled")]
    Full {
        /// How much was wanted.
        bytes: u64,
    },
    /// Head, key or label is too long to be kept.
    #[error("{what} has {bytes} bytes, at most {bytes_max} can be stored")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// How long.
        bytes: usize,
        /// How long it may be.
        bytes_max: usize,
    },
    /// The body is not as long as was announced.
    #[error("the body has {got} bytes, {expected} were announced")]
    Length {
        /// Announced.
        expected: u64,
        /// Written.
        got: u64,
    },
    /// A second source had other bytes than what readers have seen already.
    #[error("byte {offset_bytes} of the body differs from what was sent to clients before")]
    Diverged {
        /// The first byte that differs, or shortly before it.
        offset_bytes: u64,
    },
    /// A draft has one head.
    #[error("this draft has its head already")]
    Begun,
    /// The object was evicted, replaced or removed meanwhile.
    #[error("the object is no longer in the cache")]
    Gone,
}

/// What there is for a key.
#[derive(Debug)]
pub enum Lookup {
    /// An object. It may be stale; `refill` says whether another is coming.
    Hit(Arc<Entry>),
    /// One that is coming. It may turn out to be for other requests than this one: when there is a head whose variant
    /// does not match, look it up again.
    Filling(Arc<Filling>),
    /// Nothing: the caller fetches it, all who come later wait for him.
    Miss(Draft),
}

/// What comes of wanting a new object where there may be an old one.
#[derive(Debug)]
pub enum Refill {
    /// Somebody is at it.
    Joined(Arc<Filling>),
    /// The caller is.
    Started(Draft),
}

/// An object that is known not to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// The status that said so.
    pub status: u16,
    /// For how long that is to be believed, milliseconds since 1970.
    pub until_ms: u64,
}

/// How full a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Objects.
    pub object_count: u64,
    /// Bytes of their files, in blocks of 4,096.
    pub object_bytes: u64,
    /// Bytes reserved for what is coming.
    pub reserved_bytes: u64,
    /// Objects evicted since the start.
    pub evicted_count: u64,
    /// Bytes of their files.
    pub evicted_bytes: u64,
    /// Fillings under way.
    pub filling_count: u64,
    /// Files that turned out damaged or gone, at the start and since; they were removed.
    pub damaged_count: u64,
}

/// The objects of one folder. One process at a time has it; all threads of that share it, and cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

/// How often a lookup tries again because what it found was replaced while it read the file.
const ATTEMPTS_MAX: u32 = 8;

impl Store {
    /// Opens the store in `folder`, which is made when it is not there: locks it, throws away what was never finished,
    /// and reads the metadata of all objects, which takes about 20 µs each when the disk is quick.
    pub fn open(folder: &Path, limits: Limits) -> Result<Store, StoreError> {
        Store::open_on(Arc::new(System), folder, limits)
    }

    pub(super) fn open_on(disk: Arc<dyn Disk>, folder: &Path, limits: Limits) -> Result<Store, StoreError> {
        let lock: File = scan::lock(&*disk, folder)?;
        let mut state = State { limits, ..State::default() };
        let shared = Arc::new(Shared::new(folder, disk, State::default(), lock));
        scan::fill(&shared, &mut state)?;
        *shared.state() = state;
        shared.is_filled.store(true, Ordering::Relaxed);
        let store = Store { shared };
        store.set_limits(limits);
        Ok(store)
    }

    /// New limits, of a reload. What is over them is evicted at once.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.state().limits = limits;
        // Reserving nothing makes room for nothing more; that all is pinned is no failure.
        let _ = self.shared.reserve(0);
    }

    /// What there is for a key and a request's fields (for Vary), in one step: of any number of callers at most one
    /// gets `Miss`. A hit counts as a use. May read a block from the disk, when the object was not asked for lately.
    pub fn lookup(&self, key: &Key, request: Fields<'_>) -> Lookup {
        if let Some(entry) = self.entry(key, request, true) {
            return Lookup::Hit(entry);
        }
        match self.refill(key, request) {
            Refill::Joined(filling) => Lookup::Filling(filling),
            Refill::Started(draft) => match self.entry(key, request, true) {
                // It was published between the two steps.
                Some(entry) => {
                    draft.decline();
                    Lookup::Hit(entry)
                }
                None => Lookup::Miss(draft),
            },
        }
    }

    /// The object for a key, and no draft when there is none. Does not count as a use.
    pub fn find(&self, key: &Key, request: Fields<'_>) -> Option<Arc<Entry>> {
        self.entry(key, request, false)
    }

    fn entry(&self, key: &Key, request: Fields<'_>, counts: bool) -> Option<Arc<Entry>> {
        for _ in 0..ATTEMPTS_MAX {
            let (id, stamp) = {
                let mut state = self.shared.state();
                let id = state.index.select(key, request)?;
                let record = state.index.get(id)?;
                let (open, stamp) = (record.open.clone(), record.stamp);
                if let Some(entry) = open {
                    // Who can make hashes collide gets a miss, not another's object.
                    let is_it = entry.metadata.key == key.text();
                    if counts && is_it {
                        state.index.touch(id);
                    }
                    return is_it.then_some(entry);
                }
                (id, stamp)
            };
            match self.shared.load(id, stamp) {
                Ok(Some(entry)) if entry.metadata.key != key.text() => return None,
                Ok(Some(entry)) => {
                    let mut state = self.shared.state();
                    if state.index.get(id).is_some_and(|record| record.stamp == stamp) {
                        let open_max = state.limits.open_entries_max;
                        state.index.keep_open(id, &entry, open_max);
                        if counts {
                            state.index.touch(id);
                        }
                        return Some(entry);
                    }
                }
                Ok(None) => self.shared.forget(id, stamp),
                // Out of descriptors, say: a miss, and the object stays.
                Err(_) => return None,
            }
        }
        None
    }

    /// A draft to replace or refresh an object with, unless somebody is at it. What is there stays until then.
    pub fn refill(&self, key: &Key, request: Fields<'_>) -> Refill {
        let mut state = self.shared.state();
        let of_key = state.fillings.entry(key.hash()).or_default();
        let answers = |filling: &&Arc<Filling>| {
            filling.key() == key && filling.head().is_none_or(|head| head.variant.matches(request))
        };
        if let Some(filling) = of_key.iter().find(answers) {
            return Refill::Joined(filling.clone());
        }
        let filling = Arc::new(Filling::new(key.clone()));
        of_key.push(filling.clone());
        drop(state);
        Refill::Started(Draft::new(self.shared.clone(), filling))
    }

    /// A new head and label for an object, without a draft: after HEAD, say. Its variant stays.
    pub fn update(&self, entry: &Arc<Entry>, head: Head, label: Label) -> Result<Arc<Entry>, StoreError> {
        self.shared.update(entry, head, label)
    }

    /// Removes all variants of a key, and its absence. What is coming for it is not stored. Whether there was anything.
    pub fn remove(&self, key: &Key) -> bool {
        let _changes = self.shared.changes();
        let mut state = self.shared.state();
        let ids = state.index.of_key(key);
        let removed: Vec<_> = ids.into_iter().filter_map(|id| state.index.remove(id)).collect();
        let was_coming = state.fillings.remove(&key.hash()).is_some();
        let was_absent = state.absences.remove(&key.hash()).is_some();
        drop(state);
        let had_objects = !removed.is_empty();
        self.shared.remove_files(removed);
        had_objects || was_coming || was_absent
    }

    /// Removes every object whose key begins so, and does not store what is coming for such keys. Reads the metadata of
    /// all objects: slow. How many objects there were.
    pub fn remove_prefix(&self, prefix: &str) -> Result<u64, StoreError> {
        let ids = {
            let mut state = self.shared.state();
            state.fillings.retain(|_, of_key| {
                of_key.retain(|filling| !filling.key().text().starts_with(prefix));
                !of_key.is_empty()
            });
            state.absences.retain(|_, (key, _)| !key.text().starts_with(prefix));
            state.index.ids()
        };
        let mut count = 0;
        for id in ids {
            let Some(stamp) = self.shared.state().index.get(id).map(|record| record.stamp) else { continue };
            let path = self.shared.object_path(id);
            let loaded = self.shared.load(id, stamp).map_err(|source| super::shared::system("read", &path, source))?;
            match loaded {
                Some(entry) if entry.metadata.key.starts_with(prefix) => count += u64::from(self.remove_one(id)),
                Some(_) => {}
                None => self.shared.forget(id, stamp),
            }
        }
        Ok(count)
    }

    fn remove_one(&self, id: ObjectId) -> bool {
        let _changes = self.shared.changes();
        let removed = self.shared.state().index.remove(id);
        let found = removed.is_some();
        self.shared.remove_files(removed.into_iter().collect());
        found
    }

    /// The objects for a key are not evicted until `unpin` was called as often; false when there is none. Pins end with
    /// the process, or when the object is removed; a replacement takes them over.
    pub fn pin(&self, key: &Key) -> bool {
        let mut state = self.shared.state();
        let ids = state.index.of_key(key);
        ids.into_iter().filter(|id| state.index.pin(*id)).count() > 0
    }

    /// Takes one pin back.
    pub fn unpin(&self, key: &Key) {
        let mut state = self.shared.state();
        for id in state.index.of_key(key) {
            state.index.unpin(id);
        }
    }

    /// Remembers that a key has no object. The oldest are forgotten when there are too many.
    pub fn set_absent(&self, key: &Key, absence: Absence) {
        let mut state = self.shared.state();
        if state.absences.insert(key.hash(), (key.clone(), absence)).is_none() {
            state.absence_order.push_back(key.hash());
        }
        // Absences that ended early leave their places behind.
        while state.absence_order.len() > state.limits.absences_max {
            let Some(oldest) = state.absence_order.pop_front() else { break };
            state.absences.remove(&oldest);
        }
    }

    /// Whether a key is known to have no object.
    pub fn absence(&self, key: &Key, now_ms: u64) -> Option<Absence> {
        let state = self.shared.state();
        let (known, absence) = state.absences.get(&key.hash())?;
        (known == key && now_ms < absence.until_ms).then_some(*absence)
    }

    /// How full it is.
    pub fn usage(&self) -> Usage {
        let state = self.shared.state();
        Usage {
            object_count: state.index.object_count() as u64,
            object_bytes: state.index.object_bytes(),
            reserved_bytes: state.reserved_bytes,
            evicted_count: state.evicted_count,
            evicted_bytes: state.evicted_bytes,
            filling_count: state.fillings.values().map(|of_key| of_key.len() as u64).sum(),
            damaged_count: state.damaged_count,
        }
    }
}
