//! `Worker`: one event loop with its connections, answering from what all workers of the proxy share.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::answerer::Answerer;
use super::counters::{Counters, FillCounts};
use super::crew::Crew;
use super::delivery::{Delivery, Step as Next};
use super::edition::Edition;
use super::spool::Spool;
use super::tunnel::{Passage, Tunnels};
use crate::cache::store::Store;
use crate::http::{After, Conn};
use crate::reactor::{self, CloseReason, Detached, Handle, Limits, Place, Reactor, Received, Service, Step};
use crate::worker::{AccessLog, Count, LOG_WAIT, Listener, Live, wait};

/// What a client hears when its tunnel begins.
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// What all workers share.
pub struct Shared {
    /// What is answered from.
    pub live: Live<Edition>,
    /// The cache.
    pub store: Store,
    /// Threads that fetch.
    pub crew: Crew,
    /// Tunnels.
    pub tunnels: Tunnels,
    /// A block of counters per worker.
    pub counters: Vec<Arc<Counters>>,
    /// What threads that fetch count.
    pub fills: Arc<FillCounts>,
    /// Lines that the access log's thread could not write.
    pub log_lines_lost: Arc<Count>,
    /// Start of the program, seconds since 1970.
    pub started_unix_seconds: u64,
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
        let sockets = listeners.into_iter().map(|listener| listener.socket).collect();
        let reactor = Reactor::new(sockets, limits)?;
        let counters = Arc::clone(&shared.counters[number]);
        let answerer = Answerer::new(shared, number, log, reactor.handle());
        Ok(Worker { reactor, connections: Connections { answerer, counters, is_stopping: false } })
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
    is_stopping: bool,
}

/// One connection.
struct Session {
    conn: Conn,
    peer: IpAddr,
    /// The content of the request that is coming.
    upload: Option<Box<Spool>>,
    /// The answer that is under way.
    delivery: Option<Box<Delivery>>,
}

impl Service for Connections {
    type Session = Session;

    fn open(&mut self, peer: SocketAddr, _: usize, _: Instant) -> Session {
        Session { conn: Conn::new(), peer: peer.ip().to_canonical(), upload: None, delivery: None }
    }

    fn receive(&mut self, session: &mut Session, bytes: &[u8], out: &mut Vec<u8>, _: Instant) -> Received {
        let answerer = &mut self.answerer;
        answerer.set_peer(session.peer);
        answerer.upload = session.upload.take().map(|upload| *upload);
        let received = session.conn.receive(bytes, out, answerer);
        session.upload = answerer.upload.take().map(Box::new);
        session.delivery = answerer.delivery.take();
        Received {
            consumed_bytes: received.consumed_bytes,
            wait: wait(&session.conn, self.is_stopping),
            is_new_wait: received.answer_count > 0,
            has_paused: received.has_paused,
        }
    }

    fn go_on(&mut self, session: &mut Session, place: Place, out: &mut Vec<u8>, _: Instant) -> Step {
        let Some(delivery) = &mut session.delivery else { return Step::Abort };
        match delivery.go_on(place, out, &mut self.answerer) {
            Next::Send => Step::Send,
            Next::SendFile(range) => Step::SendFile(range),
            Next::Later => Step::Later,
            Next::Over(after) => {
                self.answerer.record(&delivery.asked.record);
                session.delivery = None;
                session.conn.answered(after);
                Step::Over(wait(&session.conn, self.is_stopping))
            }
            Next::Abort => {
                self.counters.broken.add(1);
                Step::Abort
            }
            Next::Tunnel(server) => {
                delivery.asked.record.status = 200;
                session.upload = None;
                let passage =
                    Passage { server, to_client: ESTABLISHED.to_vec(), record: delivery.asked.record.clone() };
                session.conn.answered(After::Close);
                self.answerer.passage = Some(passage);
                Step::Detach
            }
        }
    }

    fn sent(&mut self, session: &mut Session, bytes: u64) {
        if let Some(delivery) = &mut session.delivery {
            delivery.sent(bytes);
        }
    }

    fn detached(&mut self, _: Session, connection: Detached) {
        // It was left there by the step that asked for this.
        if let Some(passage) = self.answerer.passage.take() {
            self.answerer.shared.tunnels.add(passage, connection);
        }
    }

    fn timed_out(&mut self, session: &mut Session, bytes: &[u8], out: &mut Vec<u8>, _: Instant) {
        self.answerer.set_peer(session.peer);
        match &mut session.delivery {
            Some(delivery) if delivery.can_refuse() => {
                self.answerer.refuse(&mut delivery.asked, 504, "the answer took too long", out);
            }
            Some(_) => {}
            None => session.conn.timed_out(bytes, out, &mut self.answerer),
        }
    }

    fn closed(&mut self, session: Session, _: CloseReason) {
        // The client is gone, or its answer broke off: what went out is told.
        if let Some(delivery) = session.delivery {
            self.answerer.record(&delivery.asked.record);
        }
    }

    fn turn(&mut self, now: Instant, counters: &reactor::Counters) -> Option<Instant> {
        self.answerer.turn(now);
        self.counters.event_loop.show(counters);
        self.answerer.has_lines_waiting().then(|| now + LOG_WAIT)
    }

    fn stopping(&mut self) {
        self.is_stopping = true;
        self.answerer.stop();
    }
}
