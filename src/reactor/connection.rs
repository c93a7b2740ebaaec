//! What is done for one connection: read, offer, send, wait, end.
//!
//! Lives here: the connection, its stages, and the reactor's part that moves it from one to the next.
//! Not here: which connection's turn it is (`event_loop`), what its bytes mean (`service`).

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use mio::Interest;
use mio::net::TcpStream;

use super::event_loop::{Moment, Reactor};
use super::limits::Limit;
use super::reason::CloseReason;
use super::service::{Received, Service, Wait};
use super::table::Key;

/// Most bytes of a lingering connection that are thrown away before it is closed all the same.
const LINGER_BYTES_MAX: u32 = 512 * 1024;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection<T> {
    pub session: T,
    /// Input that the service left. Without room unless there is some.
    pub unread: Vec<u8>,
    /// Output that the kernel did not take. Without room unless there is some.
    pub unsent: Vec<u8>,
    /// The turn of the loop in which it was accepted.
    pub opened_turn: u64,
    pub stream: TcpStream,
    pub stage: Stage,
    watch: Watch,
    /// The socket may have more to read.
    pub is_readable: bool,
    /// The peer has closed its side: a short read is not the last.
    pub is_read_closed: bool,
    /// On the ready list.
    pub is_ready: bool,
    /// The service has not looked at all of `unread`.
    pub has_paused: bool,
    /// The peer has reset it, or reads no more.
    pub is_broken: bool,
}

#[cfg(test)]
impl<T> Connection<T> {
    pub fn held_bytes(&self) -> usize {
        self.unread.capacity() + self.unsent.capacity()
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Messages are taken, and this is waited for.
    Open(Wait),
    /// The last output is being sent.
    Ending { reason: CloseReason, lingers: bool },
    /// Everything was sent; what comes is thrown away.
    Lingering { reason: CloseReason, drained_bytes: u32 },
}

/// What the kernel watches a socket for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    Nothing,
    Reading,
    ReadingAndWriting,
}

/// What a connection costs besides its session, bytes.
const _: () = assert!(size_of::<Connection<()>>() <= 96);

/// What became of some output.
enum Sent {
    All,
    Some,
    Failed,
}

impl<S: Service> Reactor<S> {
    /// Takes a connection in and reads from it at once: mostly its request is already there, and mostly it needs no
    /// watching by the kernel.
    pub(super) fn open(&mut self, stream: TcpStream, session: S::Session, service: &mut S, now: Moment) {
        let connection = Connection {
            session,
            unread: Vec::new(),
            unsent: Vec::new(),
            opened_turn: self.counters.turns,
            stream,
            stage: Stage::Open(Wait::Idle),
            watch: Watch::Nothing,
            is_readable: true,
            is_read_closed: false,
            is_ready: false,
            has_paused: false,
            is_broken: false,
        };
        let key = self.table.insert(connection, Limit::Idle, now.ms);
        self.serve(key, service, now);
    }

    /// Does for one connection what can be done now: at most one read.
    pub(super) fn serve(&mut self, key: Key, service: &mut S, now: Moment) {
        let Some(connection) = self.table.get_mut(key) else { return };
        connection.is_ready = false;
        if !connection.unsent.is_empty() && !self.send_rest(key, service, now) {
            return;
        }
        let Some(connection) = self.table.get_mut(key) else { return };
        match connection.stage {
            Stage::Open(Wait::Answer) => self.advance(key, service, now),
            Stage::Open(_) => self.receive(key, service, now),
            Stage::Ending { reason, lingers } => self.end(key, reason, lingers, service, now),
            Stage::Lingering { .. } => self.drain(key, service),
        }
    }

    /// Reads once, offers what is there to the service and sends what it says.
    fn receive(&mut self, key: Key, service: &mut S, now: Moment) {
        let Some(connection) = self.table.get_mut(key) else { return };
        let kept_bytes = connection.unread.len();
        let mut offered_bytes = kept_bytes;
        if !connection.has_paused && connection.is_readable {
            match read(&mut connection.stream, &mut self.input[kept_bytes..]) {
                Ok(0) => {
                    let is_between = connection.stage == Stage::Open(Wait::Idle);
                    let reason = if is_between { CloseReason::PeerClosed } else { CloseReason::PeerClosedMidway };
                    return self.close(key, reason, service);
                }
                Ok(read_bytes) => {
                    self.counters.reads += 1;
                    self.counters.read_bytes += read_bytes as u64;
                    offered_bytes += read_bytes;
                    // A short read has emptied the socket; more will be a new event. But the end of the peer's output
                    // may have been told already.
                    connection.is_readable = offered_bytes == self.input.len() || connection.is_read_closed;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => connection.is_readable = false,
                Err(_) => return self.close(key, CloseReason::PeerReset, service),
            }
        }
        if offered_bytes == kept_bytes && !connection.has_paused {
            return self.settle(key, service, now);
        }
        self.input[..kept_bytes].copy_from_slice(&connection.unread);
        self.output.clear();
        let offered = &self.input[..offered_bytes];
        let received = service.receive(&mut connection.session, offered, &mut self.output, now.instant);
        let rest = &offered[received.consumed_bytes.min(offered_bytes)..];
        connection.has_paused = received.has_paused && !rest.is_empty();
        let is_stuck = rest.len() == self.input.len() && !connection.has_paused;
        if rest.is_empty() || matches!(received.wait, Wait::Close | Wait::Linger) {
            self.pool.take_back(&mut connection.unread);
        } else if received.consumed_bytes > 0 || offered_bytes > kept_bytes {
            self.pool.fill(&mut connection.unread, rest);
        }
        if is_stuck {
            return self.close(key, CloseReason::NotConsumed, service);
        }
        self.follow(key, received, service, now);
    }

    /// Does what the service wants after it has received: send, then wait, end or go on.
    pub(super) fn follow(&mut self, key: Key, received: Received, service: &mut S, now: Moment) {
        let Some(connection) = self.table.get_mut(key) else { return };
        let is_same_wait = connection.stage == Stage::Open(received.wait) && !received.is_new_wait;
        // Bytes that nobody read would have the kernel reset the connection: then linger, too.
        let lingers = received.wait == Wait::Linger || connection.is_readable;
        connection.stage = match received.wait {
            Wait::Close => Stage::Ending { reason: CloseReason::Asked, lingers },
            Wait::Linger => Stage::Ending { reason: CloseReason::Ended, lingers },
            wait => Stage::Open(wait),
        };
        let stage = connection.stage;
        if !self.send_output(key, service, now) {
            return;
        }
        if let Stage::Ending { reason, lingers } = stage {
            return self.end(key, reason, lingers, service, now);
        }
        if !is_same_wait {
            self.table.wait(key, limit_of(received.wait), now.ms);
        }
        if received.wait == Wait::Answer {
            return self.advance(key, service, now);
        }
        self.settle(key, service, now);
    }

    /// Has the rest of a connection's work done in the next turn, or the kernel watch it.
    fn settle(&mut self, key: Key, service: &mut S, now: Moment) {
        let is_stopping = self.stopping_since.is_some();
        let Some(connection) = self.table.get_mut(key) else { return };
        if connection.has_paused || connection.is_readable {
            self.make_ready(key);
        } else if is_stopping && connection.stage == Stage::Open(Wait::Idle) {
            self.end(key, CloseReason::Stopped, true, service, now);
        } else if !self.watch(key, Watch::Reading) {
            self.close(key, CloseReason::NotRegistered, service);
        }
    }

    /// Sends `self.output`. Returns whether all of it is gone, and the connection is still there.
    pub(super) fn send_output(&mut self, key: Key, service: &mut S, now: Moment) -> bool {
        let Some(connection) = self.table.get_mut(key) else { return false };
        if self.output.is_empty() {
            return true;
        }
        let written = write(&mut connection.stream, &self.output);
        let sent = self.count_written(&written, self.output.len());
        match (sent, self.table.get_mut(key)) {
            (Sent::All, Some(_)) => return true,
            (Sent::Some, Some(connection)) => {
                self.pool.fill(&mut connection.unsent, &self.output[written.unwrap_or(0)..]);
                self.table.wait(key, Limit::Write, now.ms);
                if !self.watch(key, Watch::ReadingAndWriting) {
                    self.close(key, CloseReason::NotRegistered, service);
                }
            }
            (Sent::Failed, _) | (_, None) => self.close(key, CloseReason::PeerReset, service),
        }
        false
    }

    /// Sends what was not sent before. Returns whether all of it is gone, and the connection is still there.
    fn send_rest(&mut self, key: Key, service: &mut S, now: Moment) -> bool {
        let Some(connection) = self.table.get_mut(key) else { return false };
        let unsent_bytes = connection.unsent.len();
        let written = write(&mut connection.stream, &connection.unsent);
        let sent = self.count_written(&written, unsent_bytes);
        let written_bytes = written.unwrap_or(0);
        let Some(connection) = self.table.get_mut(key) else { return false };
        match sent {
            Sent::Failed => {
                self.close(key, CloseReason::PeerReset, service);
                false
            }
            Sent::Some => {
                connection.unsent.drain(..written_bytes);
                if written_bytes > 0 {
                    self.table.wait(key, Limit::Write, now.ms);
                }
                false
            }
            Sent::All => {
                self.pool.take_back(&mut connection.unsent);
                if let Stage::Open(wait) = connection.stage {
                    self.table.wait(key, limit_of(wait), now.ms);
                }
                true
            }
        }
    }

    fn count_written(&mut self, written: &io::Result<usize>, offered_bytes: usize) -> Sent {
        self.counters.writes += 1;
        match written {
            Ok(bytes) => {
                self.counters.written_bytes += *bytes as u64;
                if *bytes == offered_bytes { Sent::All } else { Sent::Some }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Sent::Some,
            Err(_) => Sent::Failed,
        }
    }

    /// Everything was sent: closes the connection, or lets it linger.
    pub(super) fn end(&mut self, key: Key, reason: CloseReason, lingers: bool, service: &mut S, now: Moment) {
        let Some(connection) = self.table.get_mut(key) else { return };
        // Where the peer is gone already, there is nobody to linger for.
        if !lingers || connection.stream.shutdown(Shutdown::Write).is_err() {
            return self.close(key, reason, service);
        }
        self.pool.take_back(&mut connection.unread);
        connection.has_paused = false;
        connection.stage = Stage::Lingering { reason, drained_bytes: 0 };
        connection.is_readable = true;
        self.table.wait(key, Limit::Linger, now.ms);
        self.make_ready(key);
    }

    /// Throws one read of a lingering connection away.
    fn drain(&mut self, key: Key, service: &mut S) {
        let Some(connection) = self.table.get_mut(key) else { return };
        let Stage::Lingering { reason, drained_bytes } = connection.stage else { return };
        if connection.is_readable {
            match read(&mut connection.stream, &mut self.input) {
                Ok(read_bytes @ 1..) => {
                    let drained_bytes = drained_bytes.saturating_add(read_bytes as u32);
                    if drained_bytes > LINGER_BYTES_MAX {
                        return self.close(key, reason, service);
                    }
                    connection.stage = Stage::Lingering { reason, drained_bytes };
                    connection.is_readable = read_bytes == self.input.len() || connection.is_read_closed;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => connection.is_readable = false,
                Ok(_) | Err(_) => return self.close(key, reason, service),
            }
        }
        if connection.is_readable {
            self.make_ready(key);
        } else if !self.watch(key, Watch::Reading) {
            self.close(key, reason, service);
        }
    }

    /// Has the kernel watch a connection at least for this. Returns whether it does.
    pub(super) fn watch(&mut self, key: Key, watch: Watch) -> bool {
        let Some(connection) = self.table.get_mut(key) else { return false };
        let registry = self.poll.registry();
        let both = Interest::READABLE | Interest::WRITABLE;
        let watched = match (connection.watch, watch) {
            (Watch::ReadingAndWriting, _) | (_, Watch::Nothing) | (Watch::Reading, Watch::Reading) => return true,
            (Watch::Nothing, Watch::Reading) => {
                registry.register(&mut connection.stream, key.token(), Interest::READABLE)
            }
            (Watch::Nothing, Watch::ReadingAndWriting) => registry.register(&mut connection.stream, key.token(), both),
            (Watch::Reading, Watch::ReadingAndWriting) => {
                registry.reregister(&mut connection.stream, key.token(), both)
            }
        };
        if connection.watch == Watch::Nothing && watched.is_ok() {
            self.counters.registered += 1;
        }
        connection.watch = watch;
        watched.is_ok()
    }

    pub(super) fn close(&mut self, key: Key, reason: CloseReason, service: &mut S) {
        let Some(mut connection) = self.table.remove(key) else { return };
        self.pool.take_back(&mut connection.unread);
        self.pool.take_back(&mut connection.unsent);
        self.counters.closed[reason as usize] += 1;
        // Dropping the stream closes it, which ends the kernel's watch, too: no call for that.
        service.closed(connection.session, reason);
    }
}

/// The limit of a wait. Those that end a connection are under the limits of writing and lingering by then.
fn limit_of(wait: Wait) -> Limit {
    match wait {
        Wait::Idle => Limit::Idle,
        Wait::Head => Limit::Head,
        Wait::Body => Limit::Body,
        Wait::Answer => Limit::Answer,
        Wait::Close | Wait::Linger => Limit::Linger,
    }
}

/// read(2), again after a signal.
fn read(stream: &mut TcpStream, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// write(2), again after a signal.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match stream.write(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
