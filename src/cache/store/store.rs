//! `Store`: the door to the objects of one folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::draft::Draft;
use super::entry::Entry;
use super::filling::Filling;
use super::key::Key;
use super::metadata::{Head, Label, Metadata};
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
    /// The object was evicted, replaced or removed meanwhile.
    #[error("the object is no longer in the cache")]
    Gone,
}

/// What there is for a key.
#[derive(Debug)]
pub enum Lookup {
    /// An object. It may be stale; `refill` says whether another is coming.
    Hit(Arc<Entry>),
    /// One that is coming; it may turn out to be for other requests than this one (`Head::variant`): look it up again then.
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
}

/// The objects of one folder. One process at a time has it; all threads of that share it.
#[derive(Clone, Debug)]
pub struct Store {
    _inner: Arc<()>,
}

impl Store {
    /// Opens the store in `folder`, which is made when it is not there: locks it, throws away what was never finished,
    /// and reads the metadata of all objects, which takes about 10 µs each when the disk is quick.
    pub fn open(folder: &Path, limits: Limits) -> Result<Store, StoreError> {
        let _ = (folder, limits);
        todo!()
    }

    /// New limits, of a reload. What is over them is evicted as room is needed.
    pub fn set_limits(&self, limits: Limits) {
        let _ = limits;
        todo!()
    }

    /// What there is for a key and a request's fields (for Vary), in one step: of any number of callers at most one gets
    /// `Miss`. May read a block from the disk, when the object was not asked for lately.
    pub fn lookup(&self, key: &Key, request: Fields<'_>) -> Lookup {
        let _ = (key, request);
        todo!()
    }

    /// The object for a key, and no draft when there is none. Does not count as a use.
    pub fn find(&self, key: &Key, request: Fields<'_>) -> Option<Arc<Entry>> {
        let _ = (key, request);
        todo!()
    }

    /// A draft to replace or refresh an object with, unless somebody is at it. What is there stays until then.
    pub fn refill(&self, key: &Key, request: Fields<'_>) -> Refill {
        let _ = (key, request);
        todo!()
    }

    /// A new head and label for an object, without a draft: after HEAD, say.
    pub fn update(&self, entry: &Arc<Entry>, head: Head, label: Label) -> Result<Arc<Entry>, StoreError> {
        let _ = (entry, head, label);
        todo!()
    }

    /// Removes all variants of a key, and its absence. What is being filled goes on and is not stored. Whether there was anything.
    pub fn remove(&self, key: &Key) -> bool {
        let _ = key;
        todo!()
    }

    /// Removes every object whose key begins so. Reads the metadata of all objects: slow. How many there were.
    pub fn remove_prefix(&self, prefix: &str) -> Result<u64, StoreError> {
        let _ = prefix;
        todo!()
    }

    /// The object for a key is not evicted until `unpin` was called as often; false when there is none.
    /// Pins end with the process, or when the object is removed; a replacement takes them over.
    pub fn pin(&self, key: &Key) -> bool {
        let _ = key;
        todo!()
    }

    /// Takes one pin back.
    pub fn unpin(&self, key: &Key) {
        let _ = key;
        todo!()
    }

    /// Remembers that a key has no object. The oldest are forgotten when there are too many.
    pub fn set_absent(&self, key: &Key, absence: Absence) {
        let _ = (key, absence);
        todo!()
    }

    /// Whether a key is known to have no object.
    pub fn absence(&self, key: &Key, now_ms: u64) -> Option<Absence> {
        let _ = (key, now_ms);
        todo!()
    }

    /// How full it is.
    pub fn usage(&self) -> Usage {
        todo!()
    }

    /// Hands the metadata of every object to `each`, in no order, until it says false. Reads them all: slow.
    pub fn for_each(&self, each: &mut dyn FnMut(&Metadata) -> bool) -> Result<(), StoreError> {
        let _ = each;
        todo!()
    }
}
