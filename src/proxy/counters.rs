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

/// Blocks in which a repo counts: a worker has one to itself where there are no more workers than that.
const BLOCKS: usize = 16;

/// What is counted of a repo's answers. Workers count in blocks on cache lines of their own.
#[derive(Debug, Default)]
pub struct RepoCounts {
    blocks: [RepoBlock; BLOCKS],
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct RepoBlock {
    answers: Tally,
    hits: Tally,
    body_bytes: Tally,
    hit_bytes: Tally,
}

/// Those of all workers, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepoSums {
    /// Answers.
    pub answers: u64,
    /// Of these, from the cache.
    pub hits: u64,
    /// Bytes of their bodies.
    pub body_bytes: u64,
    /// Bytes of those from the cache.
    pub hit_bytes: u64,
}

impl RepoCounts {
    /// An answer of worker `worker`.
    pub fn add(&self, worker: usize, is_hit: bool, body_bytes: u64) {
        let block = &self.blocks[worker % BLOCKS];
        block.answers.add(1);
        block.body_bytes.add(body_bytes);
        if is_hit {
            block.hits.add(1);
            block.hit_bytes.add(body_bytes);
        }
    }

    /// All of them.
    pub fn sums(&self) -> RepoSums {
        self.blocks.iter().fold(RepoSums::default(), |sums, block| RepoSums {
            answers: sums.answers + block.answers.get(),
            hits: sums.hits + block.hits.get(),
            body_bytes: sums.body_bytes + block.body_bytes.get(),
            hit_bytes: sums.hit_bytes + block.hit_bytes.get(),
        })
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
