//! Accepting connections: how many at a time, what to do when there are too many, and what when it fails.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::net::TcpListener;

use super::event_loop::{Moment, Reactor};
use super::limits::Limit;
use super::reason::{AcceptError, CloseReason};
use super::service::Service;

/// Most connections accepted of one listener per turn, so that those there are not kept waiting.
const ACCEPT_COUNT_MAX: usize = 64;

/// Most connections accepted of one listener once the loop is stopping: what may have waited (the listen backlog), and
/// no more, however many keep coming.
const ACCEPT_STOPPING_COUNT_MAX: usize = 4096;

/// When to try again after an error that no event will follow.
const RETRY: Duration = Duration::from_millis(100);

/// A listener and what it owes us.
#[derive(Debug)]
pub(super) struct Listener {
    /// Closed once nothing waits any more and the loop is stopping.
    socket: Option<TcpListener>,
    /// Connections may be waiting: the kernel tells that only once.
    pub is_ready: bool,
    /// After an error: not before that time.
    pub retry_at: Option<Instant>,
    /// Accepted since the loop is stopping.
    stopping_count: usize,
}

impl Listener {
    pub fn new(socket: TcpListener) -> Listener {
        Listener { socket: Some(socket), is_ready: true, retry_at: None, stopping_count: 0 }
    }

    pub fn is_closed(&self) -> bool {
        self.socket.is_none()
    }

    fn close(&mut self) {
        *self = Listener { socket: None, is_ready: false, retry_at: None, stopping_count: 0 };
    }
}

impl<S: Service> Reactor<S> {
    /// Accepts what waits, within bounds.
    pub(super) fn accept(&mut self, service: &mut S, now: Moment) {
        if self.spare.is_none() {
            self.spare = self.spare_descriptor();
        }
        for index in 0..self.listeners.len() {
            let listener = &mut self.listeners[index];
            if listener.retry_at.is_some_and(|moment| now.instant >= moment) {
                listener.retry_at = None;
                listener.is_ready = true;
            }
            if listener.is_ready {
                self.accept_from(index, service, now);
            }
        }
    }

    fn accept_from(&mut self, index: usize, service: &mut S, now: Moment) {
        let is_stopping = self.is_stopping();
        for _ in 0..ACCEPT_COUNT_MAX {
            let listener = &mut self.listeners[index];
            let Some(socket) = &listener.socket else { return };
            match socket.accept() {
                Ok((stream, peer)) => {
                    if is_stopping {
                        listener.stopping_count += 1;
                        if listener.stopping_count >= ACCEPT_STOPPING_COUNT_MAX {
                            listener.close();
                        }
                    }
                    if self.table.len() >= self.limits.connections_max && !self.shed(service) {
                        self.counters.refused += 1;
                        continue;
                    }
                    self.counters.accepted += 1;
                    let session = service.open(peer, index, now.instant);
                    self.open(stream, session, service, now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    listener.is_ready = false;
                    if is_stopping {
                        listener.close();
                    }
                    return;
                }
                Err(error) => {
                    let error = AcceptError::of(&error);
                    self.counters.accept_errors[error as usize] += 1;
                    if error.is_transient() {
                        continue;
                    }
                    // accept(2) takes a descriptor before it looks whether anybody waits: so this does not say that
                    // somebody does. The spare descriptor finds out; only then somebody idle has to go.
                    let has_room = error.is_exhaustion() && (self.spare.take().is_some() || self.shed(service));
                    if !has_room {
                        let listener = &mut self.listeners[index];
                        listener.is_ready = false;
                        listener.retry_at = Some(now.instant + RETRY);
                        return;
                    }
                }
            }
        }
    }

    /// Closes the connection that is idle for longest. Returns whether there was one.
    fn shed(&mut self, service: &mut S) -> bool {
        let Some((key, _)) = self.table.first(Limit::Idle) else { return false };
        // One that came in this turn had no chance yet; and none behind it waits for longer.
        if self.opened_turn(key) == Some(self.counters.turns) {
            return false;
        }
        self.close(key, CloseReason::Shed, service);
        true
    }
}
