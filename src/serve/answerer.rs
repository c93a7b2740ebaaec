//! `Answerer`: routes a request to its answer, counts it, logs it. One per worker.
//!
//! Lives here: which path is what, who may ask. No allocation, no lock and no clock on the way of a list.

use std::net::IpAddr;
use std::sync::Arc;

use super::clock::Clock;
use super::counters::Page;
use super::edition::Edition;
use super::ledger::Tally;
use super::log::{AccessLog, Line};
use super::metrics;
use super::worker::Shared;
use super::{Counters, edition::Live};
use crate::answer::metalink::version4;
use crate::answer::{self, Address, Answer, Ask, Endpoint, Form, Inquiry, List, Query};
use crate::http::{
    self, After, HEAD_BYTES_MAX, Method, Refusal, Reply, Request, Response, Status, error, method_not_allowed, refuse,
};
use crate::net::{Family, client_address};

/// Methods that are allowed everywhere.
const ALLOWED: &str = "GET, HEAD";
/// Fields of an explanation, as text and as JSON.
const EXPLANATION_FIELDS: [&str; 2] = [
    "Content-Type: text/plain\r\nCache-Control: no-store\r\n",
    "Content-Type: application/json\r\nCache-Control: no-store\r\n",
];

/// Fields of an answer with mirrors. No cache may keep it: another client's list is another.
fn fields(form: Form) -> &'static str {
    match form {
        Form::Text | Form::Redirect => "Content-Type: text/plain\r\nCache-Control: no-store\r\n",
        Form::Json | Form::JsonFull => "Content-Type: application/json\r\nCache-Control: no-store\r\n",
        Form::Metalink => "Content-Type: application/metalink+xml\r\nCache-Control: no-store\r\nVary: Accept\r\n",
        Form::Metalink4 => "Content-Type: application/metalink4+xml\r\nCache-Control: no-store\r\nVary: Accept\r\n",
    }
}

/// What a request was answered with, for the log.
struct Done {
    status: Status,
    body_bytes: usize,
}

/// Answers the requests of one worker.
pub struct Answerer {
    shared: Arc<Shared>,
    edition_number: u64,
    edition: Arc<Edition>,
    tally: Arc<Tally>,
    counters: Arc<Counters>,
    clock: Clock,
    log: Option<AccessLog>,
    peer: IpAddr,
    is_stopping: bool,
    /// Where the mirrors of an answer are put together.
    list: List,
    /// Where parameters are decoded.
    decoded: Vec<u8>,
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
        let endpoint = Endpoint::of(request.path());
        let is_known = endpoint.is_some() || matches!(request.path(), b"/metrics" | b"/healthz" | b"*");
        if is_known && !matches!(request.method(), Method::Get | Method::Head) {
            self.count(Page::MethodNotAllowed);
            let body_bytes = method_not_allowed(out, reply, self.clock.http_date(), ALLOWED);
            return Done { status: Status::MethodNotAllowed, body_bytes };
        }
        let (status, body_bytes) = match (endpoint, request.path()) {
            (Some(endpoint), _) => self.mirrors(endpoint, request, client, user_agent, reply, out),
            (None, b"/healthz") => self.text(Page::Health, Status::Ok, reply, "ok", out),
            (None, b"/metrics") => self.metrics(client, reply, out),
            _ => self.text(Page::NotFound, Status::NotFound, reply, "there is nothing at this path", out),
        };
        Done { status, body_bytes }
    }

    fn mirrors(
        &mut self,
        endpoint: Endpoint,
        request: &Request<'_>,
        client: IpAddr,
        user_agent: &[u8],
        reply: Reply,
        out: &mut Vec<u8>,
    ) -> (Status, usize) {
        let mut decoded = std::mem::take(&mut self.decoded);
        let query = Query::parse(request.query().unwrap_or_default(), &mut decoded);
        let done = match query.wants_explanation() {
            true => self.explain(request, &query, client, reply, out),
            false => self.list(endpoint, request, query, client, user_agent, reply, out),
        };
        self.decoded = decoded;
        done
    }

    fn list(
        &mut self,
        endpoint: Endpoint,
        request: &Request<'_>,
        query: Query<'_>,
        client: IpAddr,
        user_agent: &[u8],
        reply: Reply,
        out: &mut Vec<u8>,
    ) -> (Status, usize) {
        let Edition { settings, atlas } = &*self.edition;
        let client = match query.ip {
            Some(ip) if settings.ip_allow.contains(client) => address(ip).unwrap_or(client),
            _ => client,
        };
        let countme = query.countme_bucket();
        let accepts_metalink4 = endpoint == Endpoint::Metalink
            && request.headers("accept").any(|value| accepts(value, version4::MEDIA_TYPE.as_bytes()));
        let ask = Ask { endpoint, query, accepts_metalink4, client, unix_seconds: self.clock.unix_seconds() };
        let answer = Answer::choose(atlas, &ask, &settings.rules, &mut self.list);
        self.counters.answered(ask.dialect(), Family::of(client), answer.outcome);
        if let (Some(repo), Some(place)) = (answer.repo(), answer.place()) {
            self.tally.listed(repo, place, answer.mirrors().next());
            self.counters.listed_to(self.shared.systems.slot(user_agent), countme);
        }
        let date = self.clock.http_date();
        let mut response = Response::begin(out, reply, answer.status, date).lines(fields(answer.form));
        if answer.form == Form::Redirect {
            response = response.written("Location", |out| answer.write_location(out));
        }
        let mut body = response.body();
        answer.write(date, body.out());
        (answer.status, body.finish())
    }

    /// Tells why, in place of the answer. Another's address is for those who may have any answer explained.
    fn explain(
        &self,
        request: &Request<'_>,
        query: &Query<'_>,
        client: IpAddr,
        reply: Reply,
        out: &mut Vec<u8>,
    ) -> (Status, usize) {
        let accept = request.header("accept").unwrap_or_default();
        let wish = Inquiry::of(query, accept);
        let settings = &self.edition.settings;
        let may_all = settings.explain_allow.contains(client);
        let address = match wish.address {
            Address::Own => client,
            Address::Of(address) if may_all || address == client => address,
            Address::Of(_) => {
                return self.text(Page::Forbidden, Status::Forbidden, reply, "`ip` is not for this address", out);
            }
            Address::Bad => {
                return self.text(Page::BadAddress, Status::BadRequest, reply, "`ip` is no address", out);
            }
        };
        if !may_all && !settings.explain_self {
            return self.text(Page::Forbidden, Status::Forbidden, reply, "explanations are not for this address", out);
        }
        self.count(Page::Explained);
        let now = self.clock.unix_seconds();
        let told = answer::explain(&self.edition.atlas, query, address, now, settings.rules.lines_max);
        let bytes = if wish.is_json { told.json() } else { told.text().into_bytes() };
        let fields = EXPLANATION_FIELDS[usize::from(wish.is_json)];
        let body_bytes = Response::begin(out, reply, Status::Ok, self.clock.http_date()).lines(fields).finish(&bytes);
        (Status::Ok, body_bytes)
    }

    fn metrics(&self, client: IpAddr, reply: Reply, out: &mut Vec<u8>) -> (Status, usize) {
        if !self.edition.settings.metrics_allow.contains(client) {
            return self.text(Page::Forbidden, Status::Forbidden, reply, "metrics are not for this address", out);
        }
        self.count(Page::Metrics);
        let mut body =
            Response::begin(out, reply, Status::Ok, self.clock.http_date()).lines(metrics::CONTENT_TYPE).body();
        metrics::write(&self.shared, &self.edition, self.clock.unix_seconds(), body.out());
        (Status::Ok, body.finish())
    }

    fn text(&self, page: Page, status: Status, reply: Reply, text: &str, out: &mut Vec<u8>) -> (Status, usize) {
        self.count(page);
        (status, error(out, reply, status, self.clock.http_date(), text))
    }

    fn count(&self, page: Page) {
        self.counters.pages[page as usize].add(1);
    }
}

/// The address that a parameter names.
fn address(text: &[u8]) -> Option<IpAddr> {
    let address: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

/// Whether a value of `Accept` names a media type, and does not refuse it (RFC 9110, section 12.5.1).
fn accepts(value: &[u8], media_type: &[u8]) -> bool {
    value.split(|&byte| byte == b',').any(|range| {
        let mut parts = range.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let names_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(media_type));
        names_it && !parts.any(|parameter| matches!(parameter, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"))
    })
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
