//! `Shelf`: a repo at one release and architecture, and the generations that stand on it.
//!
//! Lives here: which generation is shown, what a `repomd.xml` means that a mirror sends, for how long old ones stay.
//! No clock and no I/O.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::generation::Generation;
use super::table::Known;
use super::view::View;
use crate::repodata::{Fault, Metalink};

/// For how long what is shown outweighs an older one, when no mirror shows it any more, milliseconds: a repo that is
/// taken back for good is believed after a day.
const WITHDRAWN_MS: u64 = 86_400_000;
/// Kinds of metadata that are remembered as asked for.
const KINDS_MAX: usize = 64;

/// For how long generations stay that are no longer shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// How many, with the one that is shown.
    pub count_max: usize,
    /// For how long after they were shown last, milliseconds.
    pub ms_max: u64,
}

/// What a `repomd.xml` means that a mirror sends.
#[derive(Debug)]
pub enum Judgement {
    /// It is the one that is shown.
    Same,
    /// It is another, and not older.
    New(Box<Generation>),
    /// It is older than the one that is shown: the mirror is behind.
    Older,
    /// It is none.
    Fault(Fault),
    /// The metalink does not know it: the mirror is behind, or ahead, or forged it.
    Unlisted,
}

/// A repo at one release and architecture.
#[derive(Debug, Default)]
pub struct Shelf {
    /// The one that is shown first, then those before it.
    generations: RwLock<Arc<[Arc<Generation>]>>,
    /// When a mirror last had the one that is shown, milliseconds since 1970.
    confirmed_at_ms: AtomicU64,
    /// Kinds of metadata that clients asked for, and names of files beside them.
    wanted: Mutex<BTreeSet<Box<str>>>,
    is_gathering: AtomicBool,
}

impl Shelf {
    /// All generations, the one that is shown first.
    pub fn generations(&self) -> Arc<[Arc<Generation>]> {
        Arc::clone(&self.generations.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The one that is shown.
    pub fn current(&self) -> Option<Arc<Generation>> {
        self.generations.read().unwrap_or_else(PoisonError::into_inner).first().map(Arc::clone)
    }

    /// The one that a client asked for by name or date.
    pub fn seen(&self, view: &View) -> Option<Arc<Generation>> {
        let generations = self.generations();
        let found = generations.iter().find(|generation| match view {
            View::Id(digits) => generation.is_named(digits),
            View::Before(ms) => generation.visible_at_ms() < *ms,
        });
        found.map(Arc::clone)
    }

    /// What is known of a path that a client asked for without naming a generation: by the one that is shown; else by
    /// those before it, whose metadata the client may still have.
    pub fn known(&self, path: &str) -> Option<Known> {
        self.generations.read().unwrap_or_else(PoisonError::into_inner).iter().find_map(|one| one.known(path))
    }

    /// When a mirror last had the one that is shown, milliseconds since 1970; 0 for never.
    pub fn confirmed_at_ms(&self) -> u64 {
        self.confirmed_at_ms.load(Ordering::Relaxed)
    }

    /// Judges a `repomd.xml` that a mirror sent; `metalink` where one says which are right.
    pub fn judge(&self, body: &[u8], metalink: Option<&Metalink>, now_ms: u64) -> Judgement {
        let new = match Generation::read(body) {
            Ok(new) => new,
            Err(fault) => return Judgement::Fault(fault),
        };
        // A metalink without checksums has nothing to say of it.
        if metalink.is_some_and(|metalink| !metalink.files.is_empty() && !metalink.knows(body)) {
            return Judgement::Unlisted;
        }
        let Some(current) = self.current() else { return Judgement::New(Box::new(new)) };
        if current.sha256() == new.sha256() {
            self.confirmed_at_ms.store(now_ms, Ordering::Relaxed);
            return Judgement::Same;
        }
        let unconfirmed_ms = now_ms.saturating_sub(self.confirmed_at_ms());
        if new.is_older_than(&current) && unconfirmed_ms < WITHDRAWN_MS {
            return Judgement::Older;
        }
        Judgement::New(Box::new(new))
    }

    /// Shows a generation from now on. Returns those that leave.
    pub fn show(&self, new: Arc<Generation>, keep: Keep) -> Vec<Arc<Generation>> {
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        self.confirmed_at_ms.fetch_max(new.visible_at_ms(), Ordering::Relaxed);
        let mut kept: Vec<Arc<Generation>> = vec![Arc::clone(&new)];
        let mut left = Vec::new();
        for generation in generations.iter().filter(|old| old.sha256() != new.sha256()) {
            // It was shown until the one after it came.
            let until_ms = kept.last().map_or(0, |after| after.visible_at_ms());
            let is_kept = kept.len() < keep.count_max && new.visible_at_ms().saturating_sub(until_ms) <= keep.ms_max;
            let side = if is_kept { &mut kept } else { &mut left };
            side.push(Arc::clone(generation));
        }
        *generations = kept.into();
        left
    }

    /// Those that were there when the program ended; the latest is shown.
    pub fn restore(&self, mut all: Vec<Arc<Generation>>) {
        all.sort_by_key(|generation| std::cmp::Reverse(generation.visible_at_ms()));
        let shown_at_ms = all.first().map_or(0, |generation| generation.visible_at_ms());
        self.confirmed_at_ms.fetch_max(shown_at_ms, Ordering::Relaxed);
        *self.generations.write().unwrap_or_else(PoisonError::into_inner) = all.into();
    }

    /// A client wants metadata of this kind, or a file beside them by this name: the next generation has to have it
    /// before it is shown.
    pub fn want(&self, kind: &str) {
        let mut wanted = self.wanted();
        if !wanted.contains(kind) && wanted.len() < KINDS_MAX {
            wanted.insert(kind.into());
        }
    }

    /// What clients want.
    pub fn wanted(&self) -> MutexGuard<'_, BTreeSet<Box<str>>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody gathers the files of a generation.
    pub fn is_gathering(&self) -> bool {
        self.is_gathering.load(Ordering::Acquire)
    }

    /// Whether the caller may gather the files of the next generation: one at a time may.
    pub fn begin_gathering(self: &Arc<Self>) -> Option<Gathering> {
        let is_free = !self.is_gathering.swap(true, Ordering::AcqRel);
        is_free.then(|| Gathering(Arc::clone(self)))
    }
}

/// The files of a generation are being gathered, until this is dropped.
#[derive(Debug)]
pub struct Gathering(Arc<Shelf>);

impl Drop for Gathering {
    fn drop(&mut self) {
        self.0.is_gathering.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
