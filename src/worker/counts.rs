//! `Count`, a number with one writer, and `LoopCounts`, what an event loop counts.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::reactor::{self, AcceptError, CloseReason};

/// A number with one writer and any number of readers.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds. Only the owner of the block may: a load and a store are cheaper than an atomic addition.
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// Shows a number that is counted elsewhere.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What an event loop counts, where others can read it.
#[derive(Debug, Default)]
pub struct LoopCounts {
    /// Connections accepted.
    pub accepted: Count,
    /// Connections dropped at once, because there were too many.
    pub refused: Count,
    /// Connections open now.
    pub open: Count,
    /// Bytes read.
    pub read_bytes: Count,
    /// Bytes written.
    pub written_bytes: Count,
    /// Connections closed, by reason.
    pub closed: [Count; CloseReason::COUNT],
    /// Connections not accepted, by error.
    pub accept_errors: [Count; AcceptError::COUNT],
}

impl LoopCounts {
    /// Shows what the loop has counted so far.
    pub fn show(&self, counted: &reactor::Counters) {
        self.accepted.set(counted.accepted);
        self.refused.set(counted.refused);
        self.open.set(counted.open_count);
        self.read_bytes.set(counted.read_bytes);
        self.written_bytes.set(counted.written_bytes);
        for (shown, value) in self.closed.iter().zip(counted.closed) {
            shown.set(value);
        }
        for (shown, value) in self.accept_errors.iter().zip(counted.accept_errors) {
            shown.set(value);
        }
    }
}
