//! `Worker`: one event loop with its connections, answering from what all workers share.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::answerer::Answerer;
use super::counters::{Counters, Vitals};
use super::edition::Live;
use super::ledger::Ledger;
use super::systems::Systems;
use crate::http::{Answer, Conn, Refusal};
use crate::reactor::{self, CloseReason, Handle, Limits, Reactor, Received, Service, Wait};
use crate::worker::{AccessLog, Clock, Count, LOG_WAIT, Listener, Opening, opening, wait};

/// What all workers share.
pub struct Shared {
    /// What is answered from.
    pub live: Live,
    /// A block of counters per worker.
    pub counters: Vec<Arc<Counters>>,
    /// Where counts by name come together.
    pub ledger: Ledger,
    /// Systems that clients told of.
    pub systems: Systems,
    /// What the program as a whole counts.
    pub vitals: Vitals,
    /// Lines that the access log's thread could not write.
    pub log_lines_lost: Arc<Count>,
}

impl Shared {
    /// For `worker_count` workers, with the access log's count of lines lost.
    pub fn new(live: Live, worker_count: usize, log_lines_lost: Arc<Count>) -> Shared {
        let counters = (0..worker_count).map(|_| Arc::default()).collect();
        Shared {
            live,
            counters,
            ledger: Ledger::default(),
            systems: Systems::default(),
            vitals: Vitals::default(),
            log_lines_lost,
        }
    }
}

/// One event loop.
pub struct Worker {
    reactor: Reactor<Connections>,
    connections: Connections,
}

impl Worker {
    /// Worker `number` of those in `shared`.
    pub fn new(
        shared: Arc<Shared>,
        number: usize,
        listeners: Vec<Listener>,
        log: Option<AccessLog>,
        limits: Limits,
    ) -> io::Result<Worker> {
        let is_proxied = listeners.iter().map(|listener| listener.is_proxied).collect();
        let counters = Arc::clone(&shared.counters[number]);
        let answerer = Answerer::new(shared, number, Clock::new(SystemTime::now()), log);
        let connections = Connections { answerer, counters, is_proxied, is_stopping: false };
        let sockets = listeners.into_iter().map(|listener| listener.socket).collect();
        Ok(Worker { reactor: Reactor::new(sockets, limits)?, connections })
    }

    /// A hand on the loop for other threads.
    pub fn handle(&self) -> Handle {
        self.reactor.handle()
    }

    /// Serves until told to stop.
    pub fn run(mut self) -> io::Result<()> {
        let result = self.reactor.run(&mut self.connections);
        self.connections.answerer.finish();
        result
    }
}

/// The connections of one worker, as the loop asks about them.
struct Connections {
    answerer: Answerer,
    counters: Arc<Counters>,
    is_proxied: Vec<bool>,
    is_stopping: bool,
}

/// One connection.
struct Session {
    conn: Conn,
    peer: IpAddr,
    /// A PROXY protocol header has yet to come.
    awaits_proxy: bool,
}

impl Service for Connections {
    type Session = Session;

    fn open(&mut self, peer: SocketAddr, listener_index: usize, _: Instant) -> Session {
        let awaits_proxy = self.is_proxied.get(listener_index).copied().unwrap_or_default();
        Session { conn: Conn::new(), peer: peer.ip().to_canonical(), awaits_proxy }
    }

    fn receive(&mut self, session: &mut Session, bytes: &[u8], out: &mut Vec<u8>, _: Instant) -> Received {
        let mut header_bytes = 0;
        if session.awaits_proxy {
            match opening(bytes) {
                Opening::Partial => {
                    return Received { consumed_bytes: 0, wait: Wait::Head, is_new_wait: false, has_paused: false };
                }
                Opening::Header { header_bytes: length, source } => {
                    header_bytes = length;
                    session.peer = match source {
                        Some(source) if self.answerer.trusts(session.peer) => source,
                        _ => session.peer,
                    };
                }
                // To guess would let anybody who reaches this port speak as the proxy (PROXY protocol, section 2).
                Opening::None => {
                    self.answerer.set_peer(session.peer);
                    self.answerer.refused(Refusal::ProxyHeader, b"", out);
                    let consumed_bytes = bytes.len();
                    return Received { consumed_bytes, wait: Wait::Linger, is_new_wait: true, has_paused: false };
                }
            }
            session.awaits_proxy = false;
        }
        self.answerer.set_peer(session.peer);
        let received = session.conn.receive(&bytes[header_bytes..], out, &mut self.answerer);
        Received {
            consumed_bytes: header_bytes + received.consumed_bytes,
            wait: wait(&session.conn, self.is_stopping),
            is_new_wait: received.answer_count > 0,
            has_paused: received.has_paused,
        }
    }

    fn timed_out(&mut self, session: &mut Session, bytes: &[u8], out: &mut Vec<u8>, _: Instant) {
        self.answerer.set_peer(session.peer);
        session.conn.timed_out(bytes, out, &mut self.answerer);
    }

    fn closed(&mut self, _: Session, _: CloseReason) {}

    fn turn(&mut self, now: Instant, counters: &reactor::Counters) -> Option<Instant> {
        self.answerer.turn(SystemTime::now());
        self.counters.event_loop.show(counters);
        self.answerer.has_lines_waiting().then(|| now + LOG_WAIT)
    }

    fn stopping(&mut self) {
        self.is_stopping = true;
        self.answerer.stop();
    }
}
