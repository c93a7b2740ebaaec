//! `Service`: what the loop asks about each connection's bytes.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use super::counters::Counters;
use super::reason::CloseReason;
use super::table::Key;

/// What a connection waits for, as the service sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The first byte of a message. Such a connection may be closed any time.
    Idle,
    /// The rest of a message's head.
    Head,
    /// The rest of a message's body.
    Body,
    /// The service: an answer is under way, and `Service::go_on` says what comes next of it. Nothing is read meanwhile.
    Answer,
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

/// Which connection: how other threads name one that waits for them (`Handle::wake_connections`). It may be closed by
/// then, and its number used again: then nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub(super) Key);

/// Bytes of a file.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file: what is sent of it never changes.
    pub file: Arc<File>,
    /// Where they begin.
    pub offset_bytes: u64,
    /// How many, at least one.
    pub length_bytes: u64,
}

/// What comes next of an answer that is under way.
#[derive(Debug)]
pub enum Step {
    /// What was appended to `out`; then ask again.
    Send,
    /// What was appended to `out`, and then as many of these bytes as the kernel takes at once; `Service::sent` tells
    /// how many. Then ask again.
    SendFile(FileRange),
    /// Nothing, until `Handle::wake_connections` is called.
    Later,
    /// What was appended to `out` was the last of it; now this is waited for.
    Over(Wait),
    /// It cannot be finished: close the connection, so that the peer sees that something is missing.
    Abort,
    /// The connection is no longer the loop's: hand it over by `Service::detached`.
    Detach,
}

/// A connection that leaves the loop.
#[derive(Debug)]
pub struct Detached {
    /// The socket, non-blocking.
    pub stream: TcpStream,
    /// What the peer sent and the service did not consume.
    pub unread: Vec<u8>,
}

/// What is served. One thread, no waiting: every call returns at once.
pub trait Service {
    /// What the service keeps per connection. Small: it is most of what an idle connection costs.
    type Session;

    /// A connection was accepted, on the listener with that index.
    fn open(&mut self, peer: SocketAddr, listener_index: usize, now: Instant) -> Self::Session;

    /// Bytes came. Output is appended to `out`, which is empty before; the service bounds it.
    fn receive(&mut self, session: &mut Self::Session, bytes: &[u8], out: &mut Vec<u8>, now: Instant) -> Received;

    /// Asked while the wait is for an answer, whenever what came of the last call is sent or the connection was woken.
    /// Output is appended to `out`, which is empty before. A service that never waits for `Wait::Answer` has no such
    /// step.
    fn go_on(&mut self, session: &mut Self::Session, place: Place, out: &mut Vec<u8>, now: Instant) -> Step {
        let _ = (session, place, out, now);
        Step::Abort
    }

    /// So many bytes of the last `Step::SendFile` were taken by the kernel.
    fn sent(&mut self, session: &mut Self::Session, bytes: u64) {
        let _ = (session, bytes);
    }

    /// A connection has left the loop, as `Step::Detach` said.
    fn detached(&mut self, session: Self::Session, connection: Detached) {
        let _ = (session, connection);
    }

    /// The limit of a head, a body or an answer has passed. `bytes` are those not consumed. What is appended to `out`
    /// is the last that is sent; the connection lingers.
    fn timed_out(&mut self, session: &mut Self::Session, bytes: &[u8], out: &mut Vec<u8>, now: Instant);

    /// A connection is gone.
    fn closed(&mut self, session: Self::Session, reason: CloseReason);

    /// Once per turn of the loop, before anything else: the place to look at the clock and at other threads' wishes.
    /// Returns when the next turn has to begin at the latest, even if nothing happens.
    fn turn(&mut self, now: Instant, counters: &Counters) -> Option<Instant>;

    /// The loop is about to stop: every answer should be the last of its connection from now on.
    fn stopping(&mut self);
}
