//! `Reactor`: the loop of one worker.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use super::accept::Listener;
use super::counters::Counters;
use super::handle::Handle;
use super::limits::{Limit, Limits};
use super::pool::Pool;
use super::reason::CloseReason;
use super::service::{Received, Service, Wait};
use super::table::{Key, Table};

/// Most bytes of one connection read at a time, and offered to the service at a time.
pub const READ_BYTES_MAX: usize = 32 * 1024;

/// Room reserved for the output of one read. It grows when a service writes more.
const WRITE_BYTES: usize = 64 * 1024;

/// Most bytes of a lingering connection that are thrown away before it is closed all the same.
const LINGER_BYTES_MAX: u32 = 512 * 1024;

/// Most events taken from the kernel per turn. The others come in the next.
const EVENT_COUNT_MAX: usize = 512;

/// Above every listener's token, below every connection's.
const WAKER: Token = Token(u32::MAX as usize);

/// The event loop of one worker. It owns its listeners and connections; the service is lent to it while it runs.
#[derive(Debug)]
pub struct Reactor<S: Service> {
    pub(super) limits: Limits,
    /// Those of them that are for waits, by `Limit`, milliseconds.
    waits_ms: [u64; Limit::COUNT],
    poll: Poll,
    handle: Handle,
    pub(super) listeners: Vec<Listener>,
    pub(super) table: Table<Connection<S::Session>>,
    /// Connections that have something to do in the next turn.
    ready: Vec<Key>,
    /// Empty between turns: the ready ones of this turn.
    serving: Vec<Key>,
    input: Box<[u8]>,
    output: Vec<u8>,
    pool: Pool,
    pub(super) counters: Counters,
    /// What all times are counted from, milliseconds.
    began: Instant,
    /// When the service wants the next turn at the latest.
    turn_by: Option<Instant>,
    /// When the loop was told to stop.
    stopping_since: Option<Instant>,
    /// A descriptor to give up when there is none to accept with.
    pub(super) spare: Option<Registry>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection<T> {
    session: T,
    /// Input that the service left. Without room unless there is some.
    unread: Vec<u8>,
    /// Output that the kernel did not take. Without room unless there is some.
    unsent: Vec<u8>,
    /// The turn of the loop in which it was accepted.
    opened_turn: u64,
    stream: TcpStream,
    stage: Stage,
    watch: Watch,
    /// The socket may have more to read.
    is_readable: bool,
    /// The peer has closed its side: a short read is not the last.
    is_read_closed: bool,
    /// On the ready list.
    is_ready: bool,
    /// The service has not looked at all of `unread`.
    has_paused: bool,
}

#[cfg(test)]
impl<T> Connection<T> {
    pub fn held_bytes(&self) -> usize {
        self.unread.capacity() + self.unsent.capacity()
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Messages are taken, and this is waited for.
    Open(Wait),
    /// The last output is being sent.
    Ending { reason: CloseReason, lingers: bool },
    /// Everything was sent; what comes is thrown away.
    Lingering { reason: CloseReason, drained_bytes: u32 },
}

/// What the kernel watches a socket for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    Nothing,
    Reading,
    ReadingAndWriting,
}

/// What a connection costs besides its session, bytes.
const _: () = assert!(size_of::<Connection<()>>() <= 96);

/// The time of one turn of the loop, read once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// For the service.
    pub instant: Instant,
    /// Since the loop began, milliseconds: for the table.
    pub ms: u64,
}

/// What became of some output.
enum Sent {
    All,
    Some,
    Failed,
}

impl<S: Service> Reactor<S> {
    /// A loop that serves these listeners, which must be non-blocking. Their order is the service's `listener_index`.
    pub fn new(listeners: Vec<TcpListener>, limits: Limits) -> io::Result<Reactor<S>> {
        let poll = Poll::new()?;
        let handle = Handle::new(Waker::new(poll.registry(), WAKER)?);
        let listeners = listeners.into_iter().enumerate().map(|(index, listener)| {
            let mut listener = mio::net::TcpListener::from_std(listener);
            poll.registry().register(&mut listener, Token(index), Interest::READABLE)?;
            Ok(Listener::new(listener))
        });
        // So that every number fits into the table's, whatever was configured.
        let limits = Limits { connections_max: limits.connections_max.clamp(1, 1 << 24), ..limits };
        Ok(Reactor {
            limits,
            waits_ms: Limit::ALL.map(|limit| limits.duration_ms(limit)),
            handle,
            listeners: listeners.collect::<io::Result<_>>()?,
            poll,
            table: Table::new(limits.connections_max),
            ready: Vec::new(),
            serving: Vec::new(),
            input: vec![0; READ_BYTES_MAX].into_boxed_slice(),
            output: Vec::with_capacity(WRITE_BYTES),
            pool: Pool::new(),
            counters: Counters::default(),
            began: Instant::now(),
            turn_by: None,
            stopping_since: None,
            spare: None,
        })
    }

    /// For other threads.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Serves until the handle says stop and everything in flight is done, or `Limits::stop` has passed. Only the poll
    /// itself can fail.
    pub fn run(&mut self, service: &mut S) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENT_COUNT_MAX);
        let mut now = self.now();
        loop {
            self.wait(&mut events, now)?;
            // The clock is read here, once per turn.
            now = self.now();
            if self.turn(service, &events, now) {
                return Ok(());
            }
        }
    }

    /// Waits for events, or for the next time limit as seen at the last turn.
    pub(super) fn wait(&mut self, events: &mut Events, now: Moment) -> io::Result<()> {
        match self.poll.poll(events, self.poll_timeout(now)) {
            // A signal: the events are those of the last time.
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// One turn. Returns whether the loop is done.
    pub(super) fn turn(&mut self, service: &mut S, events: &Events, now: Moment) -> bool {
        self.counters.turns += 1;
        self.counters.open_count = self.table.len() as u64;
        self.turn_by = service.turn(now.instant, &self.counters);
        for event in events {
            self.note(event);
        }
        if self.stopping_since.is_none() && self.handle.shall_stop() {
            self.begin_stop(service, now);
        }
        std::mem::swap(&mut self.ready, &mut self.serving);
        let mut serving = std::mem::take(&mut self.serving);
        for key in serving.drain(..) {
            self.serve(key, service, now);
        }
        self.serving = serving;
        self.accept(service, now);
        self.expire(service, now);
        let Some(since) = self.stopping_since else { return false };
        let is_over = now.instant.duration_since(since) >= self.limits.stop;
        if is_over {
            self.listeners.clear();
            for limit in Limit::ALL {
                while let Some((key, _)) = self.table.first(limit) {
                    self.close(key, CloseReason::Stopped, service);
                }
            }
        }
        self.counters.open_count = self.table.len() as u64;
        self.listeners.iter().all(Listener::is_closed) && self.table.len() == 0
    }

    /// Marks what an event is about. Events are hints: the reads and writes decide.
    fn note(&mut self, event: &mio::event::Event) {
        let token = event.token();
        let Some(key) = Key::of_token(token) else {
            if let Some(listener) = self.listeners.get_mut(token.0) {
                listener.is_ready = true;
            }
            return;
        };
        // A connection that was closed in this turn, or whose number has another one now, is not found.
        let Some(connection) = self.table.get_mut(key) else { return };
        connection.is_read_closed |= event.is_read_closed() || event.is_error();
        connection.is_readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.make_ready(key);
    }

    fn make_ready(&mut self, key: Key) {
        if let Some(connection) = self.table.get_mut(key)
            && !std::mem::replace(&mut connection.is_ready, true)
        {
            self.ready.push(key);
        }
    }

    /// Until when nothing is to be done unless an event comes.
    pub(super) fn poll_timeout(&self, now: Moment) -> Option<Duration> {
        if !self.ready.is_empty() || self.listeners.iter().any(|listener| listener.is_ready) {
            return Some(Duration::ZERO);
        }
        let expiry_ms = Limit::ALL.into_iter().filter_map(|limit| {
            let (_, since_ms) = self.table.first(limit)?;
            Some(since_ms.saturating_add(self.waits_ms[limit as usize]))
        });
        let expiry = expiry_ms.min().map(|ms| Duration::from_millis(ms.saturating_sub(now.ms)));
        let retries = self.listeners.iter().filter_map(|listener| listener.retry_at);
        let stop = self.stopping_since.and_then(|since| since.checked_add(self.limits.stop));
        let moments = retries.chain(stop).chain(self.turn_by);
        moments.map(|moment| moment.saturating_duration_since(now.instant)).chain(expiry).min()
    }

    /// The clock.
    pub(super) fn now(&self) -> Moment {
        let instant = Instant::now();
        Moment { instant, ms: instant.saturating_duration_since(self.began).as_millis() as u64 }
    }

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
        };
        let key = self.table.insert(connection, Limit::Idle, now.ms);
        self.serve(key, service, now);
    }

    /// Does for one connection what can be done now: at most one read.
    fn serve(&mut self, key: Key, service: &mut S, now: Moment) {
        let Some(connection) = self.table.get_mut(key) else { return };
        connection.is_ready = false;
        if !connection.unsent.is_empty() && !self.send_rest(key, service, now) {
            return;
        }
        let Some(connection) = self.table.get_mut(key) else { return };
        match connection.stage {
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
    fn follow(&mut self, key: Key, received: Received, service: &mut S, now: Moment) {
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
    fn send_output(&mut self, key: Key, service: &mut S, now: Moment) -> bool {
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
    fn end(&mut self, key: Key, reason: CloseReason, lingers: bool, service: &mut S, now: Moment) {
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
    fn watch(&mut self, key: Key, watch: Watch) -> bool {
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

    /// Ends the waits that have taken too long.
    fn expire(&mut self, service: &mut S, now: Moment) {
        for limit in Limit::ALL {
            let duration_ms = self.waits_ms[limit as usize];
            while let Some((key, since_ms)) = self.table.first(limit) {
                if since_ms.saturating_add(duration_ms) > now.ms {
                    break;
                }
                match limit {
                    Limit::Idle => self.close(key, CloseReason::IdleTimedOut, service),
                    Limit::Head => self.give_up(key, CloseReason::HeadTimedOut, service, now),
                    Limit::Body => self.give_up(key, CloseReason::BodyTimedOut, service, now),
                    Limit::Write => self.close(key, CloseReason::WriteTimedOut, service),
                    Limit::Linger => {
                        let reason = self.table.get_mut(key).map(|connection| connection.stage);
                        match reason {
                            Some(Stage::Lingering { reason, .. }) => self.close(key, reason, service),
                            _ => self.close(key, CloseReason::Ended, service),
                        }
                    }
                }
            }
        }
    }

    /// Lets the service say its last word about a message that did not come in time.
    fn give_up(&mut self, key: Key, reason: CloseReason, service: &mut S, now: Moment) {
        let Some(connection) = self.table.get_mut(key) else { return };
        self.output.clear();
        service.timed_out(&mut connection.session, &connection.unread, &mut self.output, now.instant);
        connection.stage = Stage::Ending { reason, lingers: true };
        if self.send_output(key, service, now) {
            self.end(key, reason, true, service, now);
        }
    }

    /// Has every listener drained and every idle connection looked at once more: its next request may be there already.
    fn begin_stop(&mut self, service: &mut S, now: Moment) {
        self.stopping_since = Some(now.instant);
        service.stopping();
        for listener in &mut self.listeners {
            listener.is_ready = true;
        }
        let idle: Vec<Key> = self.table.waiting(Limit::Idle).collect();
        for key in idle {
            if let Some(connection) = self.table.get_mut(key) {
                connection.is_readable = true;
            }
            self.make_ready(key);
        }
    }

    /// Another name for the poll: any descriptor does, and this one can be had without any file.
    pub(super) fn spare_descriptor(&self) -> Option<Registry> {
        self.poll.registry().try_clone().ok()
    }

    pub(super) fn opened_turn(&mut self, key: Key) -> Option<u64> {
        self.table.get_mut(key).map(|connection| connection.opened_turn)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping_since.is_some()
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
