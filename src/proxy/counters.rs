//! What the proxy counts: `Counters`, one block per worker with one writer each, and `FillCounts`, by all threads that
//! fetch.

use std::sync::atomic::{AtomicU64, Ordering};

use super::asked::Part;
use crate::http::Refusal;
use crate::worker::{Count, LoopCounts};

/// What one worker counts. On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Answers, by how the cache took part.
    pub answers: [Count; Part::COUNT],
    /// Bytes of their bodies, by the same.
    pub body_bytes: [Count; Part::COUNT],
    /// Refused requests, by reason.
    pub refusals: [Count; Refusal::COUNT],
    /// Answers that broke off.
    pub broken: Count,
    /// Objects removed by PURGE.
    pub purged: Count,
    /// What the event loop counts.
    pub event_loop: LoopCounts,
    /// Lines of the access log that were dropped.
    pub log_lines_dropped: Count,
}

/// A number with many writers: what happens once per fetch, not once per request.
#[derive(Debug, Default)]
pub struct Tally(AtomicU64);

impl Tally {
    /// Adds.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What threads that fetch count.
#[derive(Debug, Default)]
pub struct FillCounts {
    /// Objects that were asked for, to be stored.
    pub fills: Tally,
    /// Of these, still the same (304).
    pub refreshed: Tally,
    /// Of these, failed.
    pub failed_fills: Tally,
    /// Of these, served and not stored.
    pub not_stored: Tally,
    /// Bodies that were gone on with from another mirror, or from the same origin, after they had broken off.
    pub failovers: Tally,
    /// Bodies that were not what they should be.
    pub wrong_bodies: Tally,
    /// Requests passed on.
    pub passes: Tally,
    /// Bytes of bodies that came from other servers.
    pub fetched_bytes: Tally,
}
