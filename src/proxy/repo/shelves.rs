//! `Shelves`: what is known of a repo's files, at each release and architecture.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::shelf::Shelf;

/// Shelves of one repo: clients name releases, and mirrors may have anything at any of them.
const SHELVES_MAX: usize = 256;

type ByName = HashMap<Box<str>, Arc<Shelf>>;

/// What is known of a repo's files, at each release and architecture.
#[derive(Debug, Default)]
pub struct Shelves {
    by_name: RwLock<ByName>,
    is_restored: AtomicBool,
}

impl Shelves {
    /// That of a release and architecture, once something is known of it.
    pub fn find(&self, releasever: &str, arch: &str) -> Option<Arc<Shelf>> {
        let by_name = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        if by_name.is_empty() {
            return None;
        }
        by_name.get(format!("{releasever}/{arch}").as_str()).map(Arc::clone)
    }

    /// The same, made when there is none; none where there are too many.
    pub fn make(&self, releasever: &str, arch: &str) -> Option<Arc<Shelf>> {
        let name = format!("{releasever}/{arch}");
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if by_name.len() >= SHELVES_MAX && !by_name.contains_key(name.as_str()) {
            return None;
        }
        Some(Arc::clone(by_name.entry(name.into()).or_default()))
    }

    /// All, by `RELEASEVER/ARCH`, in the order of these names.
    pub fn all(&self) -> Vec<(Box<str>, Arc<Shelf>)> {
        let by_name = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = by_name.iter().map(|(name, shelf)| (name.clone(), Arc::clone(shelf))).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    /// Whether the caller is the first who asks: he brings back what was known before the program ended.
    pub fn begin_restoring(&self) -> bool {
        !self.is_restored.swap(true, Ordering::AcqRel)
    }
}
