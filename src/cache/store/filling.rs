//! `Filling`: an object that is coming, as all who wait for it see it.
//!
//! Lives here: what one writer and many readers share. Not here: writing (`draft`), finding it (`store`).

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use super::entry::Entry;
use super::key::Key;
use super::metadata::Head;

/// Who is told that a filling has moved: an event loop, mostly.
pub trait Wake: Send + Sync {
    /// Called from the writer's thread after every step forward: must be quick, and may neither block nor call `watch`.
    fn wake(&self);
}

/// How far a filling is. It only ever goes down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// No response head yet.
    Waiting,
    /// There are a head and a file; the body comes, `visible_bytes` of it are there.
    Streaming,
    /// The body is whole and right, all of it is visible. `entry` follows when it is on the disk.
    Complete,
    /// There will be no object: the response is not to be shared. Whoever waits fetches for himself, without a draft:
    /// with one they would all wait for each other, one after the other.
    Declined,
    /// It ended with a `failure`. What was visible is no whole body.
    Failed,
}

/// What is there from when the head is.
#[derive(Debug)]
struct Opening {
    head: Head,
    file: Arc<File>,
    body_offset: u64,
}

/// An object that is coming. Readers poll it, and are woken when it moves.
pub struct Filling {
    key: Key,
    opening: OnceLock<Opening>,
    visible_bytes: AtomicU64,
    /// `u64::MAX` while unknown.
    body_bytes: AtomicU64,
    outcome: RwLock<Outcome>,
    watchers: Mutex<Vec<Arc<dyn Wake>>>,
}

#[derive(Debug, Default)]
enum Outcome {
    #[default]
    Open,
    Complete(Option<Arc<Entry>>),
    Declined,
    Failed(Arc<str>),
}

const UNKNOWN: u64 = u64::MAX;

impl Filling {
    pub(super) fn new(key: Key) -> Filling {
        Filling {
            key,
            opening: OnceLock::new(),
            visible_bytes: AtomicU64::new(0),
            body_bytes: AtomicU64::new(UNKNOWN),
            outcome: RwLock::default(),
            watchers: Mutex::default(),
        }
    }

    /// What it was asked for by.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// How far it is. What belongs to a step (head, file, bytes) can be seen by whoever sees the step.
    pub fn progress(&self) -> Progress {
        match &*self.outcome.read().unwrap_or_else(PoisonError::into_inner) {
            Outcome::Complete(_) => Progress::Complete,
            Outcome::Declined => Progress::Declined,
            Outcome::Failed(_) => Progress::Failed,
            Outcome::Open if self.opening.get().is_some() => Progress::Streaming,
            Outcome::Open => Progress::Waiting,
        }
    }

    /// The response head, from `Streaming` on.
    pub fn head(&self) -> Option<&Head> {
        self.opening.get().map(|opening| &opening.head)
    }

    /// The file and where in it the body begins, bytes, from `Streaming` on. Stays readable whatever comes of it.
    pub fn file(&self) -> Option<(&Arc<File>, u64)> {
        self.opening.get().map(|opening| (&opening.file, opening.body_offset))
    }

    /// So many bytes of the body can be read from the file and will not change. Only rises.
    pub fn visible_bytes(&self) -> u64 {
        self.visible_bytes.load(Ordering::Acquire)
    }

    /// Length of the whole body, bytes, once it is known: with the head, mostly, and always when `Complete`.
    pub fn body_bytes(&self) -> Option<u64> {
        Some(self.body_bytes.load(Ordering::Acquire)).filter(|bytes| *bytes != UNKNOWN)
    }

    /// The object, once it is on the disk: some time after `Complete`; never when that failed.
    pub fn entry(&self) -> Option<Arc<Entry>> {
        match &*self.outcome.read().unwrap_or_else(PoisonError::into_inner) {
            Outcome::Complete(entry) => entry.clone(),
            _ => None,
        }
    }

    /// Why it failed.
    pub fn failure(&self) -> Option<Arc<str>> {
        match &*self.outcome.read().unwrap_or_else(PoisonError::into_inner) {
            Outcome::Failed(reason) => Some(reason.clone()),
            _ => None,
        }
    }

    /// From now on `waker` is woken at every step; look at `progress` and `visible_bytes` after this, not before. One
    /// that watches already is not added again (the same `Arc`).
    pub fn watch(&self, waker: &Arc<dyn Wake>) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if !watchers.iter().any(|known| Arc::ptr_eq(known, waker)) {
            watchers.push(waker.clone());
        }
    }

    pub(super) fn open(&self, head: Head, file: Arc<File>, body_offset: u64, body_bytes: Option<u64>) {
        self.body_bytes.store(body_bytes.unwrap_or(UNKNOWN), Ordering::Release);
        // A draft opens once: there is nothing there yet.
        let _ = self.opening.set(Opening { head, file, body_offset });
        self.wake();
    }

    pub(super) fn show(&self, visible_bytes: u64) {
        if self.visible_bytes.fetch_max(visible_bytes, Ordering::AcqRel) < visible_bytes {
            self.wake();
        }
    }

    pub(super) fn complete(&self, body_bytes: u64) {
        self.body_bytes.store(body_bytes, Ordering::Release);
        self.visible_bytes.store(body_bytes, Ordering::Release);
        self.end(Outcome::Complete(None));
    }

    pub(super) fn store(&self, entry: Arc<Entry>) {
        self.end(Outcome::Complete(Some(entry)));
    }

    pub(super) fn decline(&self) {
        self.end(Outcome::Declined);
    }

    pub(super) fn fail(&self, reason: &str) {
        self.end(Outcome::Failed(reason.into()));
    }

    fn end(&self, outcome: Outcome) {
        *self.outcome.write().unwrap_or_else(PoisonError::into_inner) = outcome;
        self.wake();
    }

    fn wake(&self) {
        for watcher in self.watchers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            watcher.wake();
        }
    }
}

impl std::fmt::Debug for Filling {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (progress, visible_bytes) = (self.progress(), self.visible_bytes());
        write!(out, "Filling({}, {progress:?}, {visible_bytes} of {:?} bytes)", self.key.text(), self.body_bytes())
    }
}
