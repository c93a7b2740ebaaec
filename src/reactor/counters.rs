//! `Counters`: what happened in one loop so far. Only the loop writes them; the service sees them every turn.

use super::reason::{AcceptError, CloseReason};

/// Counts since the loop began; `open_count` is the number now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Turns of the loop.
    pub turns: u64,
    /// Connections accepted and served.
    pub accepted: u64,
    /// Connections accepted and dropped, because there were too many and none was idle.
    pub refused: u64,
    /// Connections open now.
    pub open_count: u64,
    /// Connections that had to wait, and so were put under the kernel's watch.
    pub registered: u64,
    /// Reads that gave bytes.
    pub reads: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Writes.
    pub writes: u64,
    /// Bytes handed to the kernel.
    pub written_bytes: u64,
    /// Connections closed, by `CloseReason`.
    pub closed: [u64; CloseReason::COUNT],
    /// Connections not accepted, by `AcceptError`.
    pub accept_errors: [u64; AcceptError::COUNT],
}
