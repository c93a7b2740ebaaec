//! `Answerer`: routes a request to its answer, counts it, logs it. One per worker.
//!
//! Lives here: who may ask, and what is short to answer. Not here: which path is what (`route`), images (`images`). No
//! allocation, no lock and no clock on the way of a list.

use std::net::IpAddr;
use std::sync::Arc;

use super::counters::Page;
use super::edition::Edition;
use super::ledger::Tally;
use super::metrics;
use super::mirrors::Asked;
use super::route::Route;
use super::worker::Shared;
use super::{Counters, edition::Live};
use crate::answer::List;
use crate::http::{
    self, After, HEAD_BYTES_MAX, Method, Refusal, Reply, Request, Response, Status, error, method_not_allowed, refuse,
};
use crate::net::client_address;
use crate::worker::{AccessLog, CONTENT_TYPE, Clock, Line};

/// Methods that are allowed everywhere.
const ALLOWED: &str = "GET, HEAD";
/// What a request was answered with, for the log.
pub(super) struct Done {
    pub status: Status,
    pub body_bytes: usize,
}

/// Answers the requests of one worker.
pub struct Answerer {
    pub(super) shared: Arc<Shared>,
    edition_number: u64,
    pub(super) edition: Arc<Edition>,
    pub(super) tally: Arc<Tally>,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Clock,
    log: Option<AccessLog>,
    peer: IpAddr,
    is_stopping: bool,
    /// Where the mirrors of an answer are put together.
    pub(super) list: List,
    /// Where parameters are decoded.
    pub(super) decoded: Vec<u8>,
}

impl Answerer {
    /// An answerer that counts in block `worker` of what is shared.
    pub fn new(shared: Arc<Shared>, worker: usize, clock: Clock, log: Option<AccessLog>) -> Answerer {
        let (edition_number, edition) = shared.live.current();
        let counters = Arc::clone(&shared.counters[worker]);
        let tally = shared.ledger.open(&edition.atlas);
        Answerer {
            shared,
            edition_number,
            edition,
            tally,
            counters,
            clock,
            log,
            peer: IpAddr::from([0, 0, 0, 0]),
            is_stopping: false,
            list: List::default(),
            decoded: Vec::with_capacity(HEAD_BYTES_MAX),
        }
    }

    /// Begins a turn of the loop: takes the edition in use, sets the clock, hands over old log lines.
    pub fn turn(&mut self, now: std::time::SystemTime) {
        let live: &Live = &self.shared.live;
        if live.number() != self.edition_number {
            let (number, edition) = live.current();
            if !Arc::ptr_eq(&edition.atlas, &self.edition.atlas) {
                self.tally = self.shared.ledger.change_over(Some(&self.tally), &edition.atlas);
            }
            (self.edition_number, self.edition) = (number, edition);
        }
        self.clock.set(now);
        if let Some(log) = &mut self.log {
            self.counters.log_lines_dropped.add(log.turn(self.clock.unix_seconds()));
        }
    }

    /// Whether log lines wait to be handed over in a later turn.
    pub fn has_lines_waiting(&self) -> bool {
        self.log.as_ref().is_some_and(AccessLog::is_waiting)
    }

    /// Whether the word of this peer on a client's address is believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.edition.settings.trusted_proxies.contains(peer)
    }

    /// Makes every answer from now on the last of its connection.
    pub fn stop(&mut self) {
        self.is_stopping = true;
    }

    /// Ends the log.
    pub fn finish(&mut self) {
        if let Some(mut log) = self.log.take() {
            self.counters.log_lines_dropped.add(log.hand_over());
        }
    }

    /// Says whose requests come next.
    pub fn set_peer(&mut self, peer: IpAddr) {
        self.peer = peer;
    }

    fn route(&mut self, request: &Request<'_>, client: IpAddr, user_agent: &[u8], out: &mut Vec<u8>) -> Done {
        let reply = if self.is_stopping { Reply::to(request).closing() } else { Reply::to(request) };
        let route = Route::of(request, self.edition.settings.pages.as_ref(), &self.edition.atlas);
        if !matches!(route, Route::Nowhere) && !matches!(request.method(), Method::Get | Method::Head) {
            self.count(Page::MethodNotAllowed);
            let body_bytes = method_not_allowed(out, reply, self.clock.http_date(), ALLOWED);
            return Done { status: Status::MethodNotAllowed, body_bytes };
        }
        let (status, body_bytes) = match route {
            Route::Mirrors(endpoint) => {
                let asked = Asked { endpoint, request, client, user_agent, reply };
                self.mirrors(&asked, out)
            }
            Route::Health => self.text(Page::Health, Status::Ok, reply, "ok", out),
            Route::Metrics => self.metrics(client, reply, out),
            Route::Images(below) => return self.images(request, &below, client, reply, out),
            Route::Server | Route::Nowhere => {
                self.text(Page::NotFound, Status::NotFound, reply, "there is nothing at this path", out)
            }
        };
        Done { status, body_bytes }
    }

    fn metrics(&self, client: IpAddr, reply: Reply, out: &mut Vec<u8>) -> (Status, usize) {
        if !self.edition.settings.metrics_allow.contains(client) {
            return self.text(Page::Forbidden, Status::Forbidden, reply, "metrics are not for this address", out);
        }
        self.count(Page::Metrics);
        let mut body = Response::begin(out, reply, Status::Ok, self.clock.http_date()).lines(CONTENT_TYPE).body();
        metrics::write(&self.shared, &self.edition, self.clock.unix_seconds(), body.out());
        (Status::Ok, body.finish())
    }

    pub(super) fn text(
        &self,
        page: Page,
        status: Status,
        reply: Reply,
        text: &str,
        out: &mut Vec<u8>,
    ) -> (Status, usize) {
        self.count(page);
        (status, error(out, reply, status, self.clock.http_date(), text))
    }

    pub(super) fn count(&self, page: Page) {
        self.counters.pages[page as usize].add(1);
    }
}

impl http::Answer for Answerer {
    fn answer(&mut self, request: &Request<'_>, out: &mut Vec<u8>) -> After {
        let trusted = &self.edition.settings.trusted_proxies;
        let client = client_address(self.peer, request.headers("x-forwarded-for"), trusted);
        let start = out.len();
        let user_agent = request.header("user-agent").unwrap_or_default();
        let done = self.route(request, client, user_agent, out);
        self.counters.answer_bytes.add((out.len() - start) as u64);
        if let Some(log) = &mut self.log {
            let line = Line {
                client,
                time: self.clock.log_time(),
                request: request.line(),
                status: done.status.code(),
                body_bytes: done.body_bytes,
                referer: request.header("referer").unwrap_or_default(),
                user_agent,
            };
            self.counters.log_lines_dropped.add(log.add(&line, self.clock.unix_seconds()));
        }
        if self.is_stopping { After::Close } else { After::Next }
    }

    fn refused(&mut self, refusal: Refusal, request_line: &[u8], out: &mut Vec<u8>) {
        self.counters.refusals[refusal as usize].add(1);
        let start = out.len();
        let body_bytes = refuse(out, refusal, self.clock.http_date());
        self.counters.answer_bytes.add((out.len() - start) as u64);
        if let Some(log) = &mut self.log {
            let line = Line {
                client: self.peer.to_canonical(),
                time: self.clock.log_time(),
                request: request_line,
                status: refusal.status().code(),
                body_bytes,
                referer: b"",
                user_agent: b"",
            };
            self.counters.log_lines_dropped.add(log.add(&line, self.clock.unix_seconds()));
        }
    }
}
