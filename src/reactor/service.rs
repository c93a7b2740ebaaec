//! `Service`: what the loop asks about each connection's bytes.

use std::net::SocketAddr;
use std::time::Instant;

use super::counters::Counters;
use super::reason::CloseReason;

/// What a connection waits for, as the service sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The first byte of a message. Such a connection may be closed any time.
    Idle,
    /// The rest of a message's head.
    Head,
    /// The rest of a message's body.
    Body,
    /// Nothing more: close it once the output was sent. The peer asked for that.
    Close,
    /// Nothing more: send the output, say that no more comes, and throw away what the peer still sends for a while, so
    /// that it reads the output before the kernel resets the connection.
    Linger,
}

/// What came of offering bytes to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many of the bytes are done with; the others are kept and offered again, with more behind them. Of a full
    /// read buffer (`READ_BYTES_MAX`) at least one must be taken, unless `has_paused`.
    pub consumed_bytes: usize,
    /// What is waited for now.
    pub wait: Wait,
    /// The wait is not the one from before, even if it is for the same: its time limit begins anew.
    pub is_new_wait: bool,
    /// It stopped because enough output is there. It is offered the rest again when that was sent.
    pub has_paused: bool,
}

/// What is served. One thread, no waiting: every call returns at once.
pub trait Service {
    /// What the service keeps per connection. Small: it is most of what an idle connection costs.
    type Session;

    /// A connection was accepted, on the listener with that index.
    fn open(&mut self, peer: SocketAddr, listener_index: usize, now: Instant) -> Self::Session;

    /// Bytes came. Output is appended to `out`, which is empty before; the service bounds it.
    fn receive(&mut self, session: &mut Self::Session, bytes: &[u8], out: &mut Vec<u8>, now: Instant) -> Received;

    /// The limit of a head or a body has passed. `bytes` are those not consumed. What is appended to `out` is the last
    /// that is sent; the connection lingers.
    fn timed_out(&mut self, session: &mut Self::Session, bytes: &[u8], out: &mut Vec<u8>, now: Instant);

    /// A connection is gone.
    fn closed(&mut self, session: Self::Session, reason: CloseReason);

    /// Once per turn of the loop, before anything else: the place to look at the clock and at other threads' wishes.
    /// Returns when the next turn has to begin at the latest, even if nothing happens.
    fn turn(&mut self, now: Instant, counters: &Counters) -> Option<Instant>;

    /// The loop is about to stop: every answer should be the last of its connection from now on.
    fn stopping(&mut self);
}
