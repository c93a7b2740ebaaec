//! `Live`: what workers answer from, changed over without a lock on the answer path.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The edition in use. Workers look at a number once per turn; only when it has changed do they take the lock.
pub struct Live<E> {
    number: AtomicU64,
    current: Mutex<Arc<E>>,
}

impl<E> Live<E> {
    /// Begins with `edition`, number 1.
    pub fn new(edition: E) -> Live<E> {
        Live { number: AtomicU64::new(1), current: Mutex::new(Arc::new(edition)) }
    }

    /// Puts another edition in its place. The last worker to change over frees the old one.
    pub fn replace(&self, edition: E) {
        let edition = Arc::new(edition);
        let old = {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            self.number.fetch_add(1, Ordering::Release);
            std::mem::replace(&mut *current, edition)
        };
        // Outside of the lock: to unmap a large snapshot takes its time.
        drop(old);
    }

    /// The number of the edition in use; it rises by one with each.
    pub fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// The edition in use and its number.
    pub fn current(&self) -> (u64, Arc<E>) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (self.number.load(Ordering::Acquire), Arc::clone(&current))
    }
}
