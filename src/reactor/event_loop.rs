//! `Reactor`: the loop of one worker.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Registry, Token, Waker};

use super::accept::Listener;
use super::connection::{Connection, Stage};
use super::counters::Counters;
use super::handle::Handle;
use super::limits::{Limit, Limits};
use super::pool::Pool;
use super::reason::CloseReason;
use super::service::Service;
use super::table::{Key, Table};

/// Most bytes of one connection read at a time, and offered to the service at a time.
pub const READ_BYTES_MAX: usize = 32 * 1024;

/// Room reserved for the output of one read. It grows when a service writes more.
const WRITE_BYTES: usize = 64 * 1024;

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
    pub(super) poll: Poll,
    handle: Handle,
    pub(super) listeners: Vec<Listener>,
    pub(super) table: Table<Connection<S::Session>>,
    /// Connections that have something to do in the next turn.
    ready: Vec<Key>,
    /// Empty between turns: the ready ones of this turn.
    serving: Vec<Key>,
    pub(super) input: Box<[u8]>,
    pub(super) output: Vec<u8>,
    pub(super) pool: Pool,
    pub(super) counters: Counters,
    /// What all times are counted from, milliseconds.
    began: Instant,
    /// When the service wants the next turn at the latest.
    turn_by: Option<Instant>,
    /// When the loop was told to stop.
    pub(super) stopping_since: Option<Instant>,
    /// A descriptor to give up when there is none to accept with.
    pub(super) spare: Option<Registry>,
}

/// The time of one turn of the loop, read once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// For the service.
    pub instant: Instant,
    /// Since the loop began, milliseconds: for the table.
    pub ms: u64,
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
        self.handle.take_woken(&mut self.serving);
        let mut woken = std::mem::take(&mut self.serving);
        for key in woken.drain(..) {
            self.make_ready(key);
        }
        self.serving = woken;
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
        connection.is_broken |= event.is_error() || event.is_write_closed();
        connection.is_readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.make_ready(key);
    }

    pub(super) fn make_ready(&mut self, key: Key) {
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
                    Limit::Answer => self.give_up(key, CloseReason::AnswerTimedOut, service, now),
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
}
