//! `Answerer`: which request is what, who may ask, what is looked up and fetched. One per worker.
//!
//! Not here: how an answer goes out (`delivery`), pages of our own (`page`), what is fetched (`fill`, `pass`, `repo`).

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::asked::{Asked, Logged, Part, Record, Target};
use super::counters::Counters;
use super::delivery::{Delivery, Meeting, State};
use super::edition::Edition;
use super::head::{self, Framing};
use super::spool::Spool;
use super::tunnel::Passage;
use super::watch::Watches;
use super::web;
use super::worker::Shared;
use super::{page, repo};
use crate::cache::semantics::{Response, may_serve_after_error};
use crate::cache::store::{Entry, Key};
use crate::http::{After, Answer, Fields, Method, Refusal, Reply, Request, refuse};
use crate::reactor::Handle;
use crate::worker::{AccessLog, Clock};

/// Methods of our own pages.
const ALLOWED: &[u8] = b"GET, HEAD";

/// Answers the requests of one worker.
pub struct Answerer {
    pub(super) shared: Arc<Shared>,
    edition_number: u64,
    pub(super) edition: Arc<Edition>,
    pub(super) counters: Arc<Counters>,
    worker: usize,
    clock: Clock,
    pub(super) unix_ms: u64,
    now: Instant,
    log: Option<AccessLog>,
    peer: IpAddr,
    is_stopping: bool,
    pub(super) watches: Watches,
    /// The content of the request that is coming, of the connection that is served now.
    pub upload: Option<Spool>,
    /// The answer that was begun, for the connection that is served now.
    pub delivery: Option<Box<Delivery>>,
    /// The tunnel that begins with the connection that leaves the loop now.
    pub passage: Option<Passage>,
}

/// What became of a request.
pub(super) enum Routed {
    /// It is answered.
    Done(Record),
    /// It is not answered yet.
    Later(Box<Delivery>),
}

impl Answerer {
    /// An answerer that counts in block `worker` of what is shared, for the loop behind `handle`.
    pub fn new(shared: Arc<Shared>, worker: usize, log: Option<AccessLog>, handle: Handle) -> Answerer {
        let (edition_number, edition) = shared.live.current();
        let counters = Arc::clone(&shared.counters[worker]);
        Answerer {
            shared,
            edition_number,
            edition,
            counters,
            worker,
            clock: Clock::new(SystemTime::now()),
            unix_ms: super::fetch::unix_ms(),
            now: Instant::now(),
            log,
            peer: IpAddr::from([0, 0, 0, 0]),
            is_stopping: false,
            watches: Watches::new(handle),
            upload: None,
            delivery: None,
            passage: None,
        }
    }

    /// Begins a turn of the loop.
    pub fn turn(&mut self, now: Instant) {
        if self.shared.live.number() != self.edition_number {
            (self.edition_number, self.edition) = self.shared.live.current();
        }
        self.now = now;
        let time = SystemTime::now();
        self.unix_ms = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        self.clock.set(time);
        if let Some(log) = &mut self.log {
            self.counters.log_lines_dropped.add(log.turn(self.clock.unix_seconds()));
        }
    }

    /// Whether log lines wait to be handed over in a later turn.
    pub fn has_lines_waiting(&self) -> bool {
        self.log.as_ref().is_some_and(AccessLog::is_waiting)
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

    /// The loop's hand.
    pub fn handle(&self) -> &Handle {
        self.watches.handle()
    }

    /// What follows an answer.
    pub fn after(&self, after: After) -> After {
        if self.is_stopping { After::Close } else { after }
    }

    /// The shape of an answer, now.
    pub fn reply(&self, reply: Reply) -> Reply {
        if self.is_stopping { reply.closing() } else { reply }
    }

    /// An answer is over, or has broken off: counts and logs it.
    pub fn record(&mut self, record: &Record) {
        self.counters.answers[record.part as usize].add(1);
        self.counters.body_bytes[record.part as usize].add(record.body_bytes);
        if let Some(repo) = &record.repo {
            repo.counts.add(self.worker, record.part.is_hit(), record.body_bytes);
        }
        if let Some(log) = &mut self.log {
            let elapsed = self.now.saturating_duration_since(record.began);
            let line = Logged {
                record,
                format: self.edition.settings.access_log_format,
                log_time: self.clock.log_time(),
                unix_ms: self.unix_ms,
                elapsed_ms: elapsed.as_millis() as u64,
            };
            self.counters.log_lines_dropped.add(log.add(&line, self.clock.unix_seconds()));
        }
    }

    /// Writes the fields that are ours: who passed it on, what the cache had to do with it, how long it took.
    pub fn own_fields(&self, asked: &Asked, fields: Fields<'_>, out: &mut Vec<u8>) {
        let record = &asked.record;
        self.cache_fields(record, out);
        let elapsed = Instant::now().saturating_duration_since(record.began).as_micros();
        let timing = format!("cache;desc={}, total;dur={}.{:03}", record.part.label(), elapsed / 1000, elapsed % 1000);
        head::field(out, b"Server-Timing", timing.as_bytes());
        if !fields.has("date") {
            head::field(out, b"Date", self.clock.http_date());
        }
    }

    fn cache_fields(&self, record: &Record, out: &mut Vec<u8>) {
        let word = if record.part.is_hit() { "HIT" } else { "MISS" };
        let (name, port) = (&self.edition.name, &self.edition.name_and_port);
        for (field, value) in [("X-Cache", [word, name]), ("X-Cache-Lookup", [record.lookup, port])] {
            for part in [field, ": ", value[0], " from ", value[1], "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        for part in ["Via: 1.1 ", name, " (mirrorlistd)\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    /// Writes how old an answer from the cache is; of one that has just come, what the origin said of that.
    pub fn age(&self, asked: &Asked, response: &Response<'_>, out: &mut Vec<u8>) {
        if asked.record.part == Part::Miss {
            if let Some(age) = response.fields.first("age") {
                head::field(out, b"Age", age);
            }
            return;
        }
        head::field(out, b"Age", response.age(self.unix_ms).to_string().as_bytes());
    }

    /// Answers with a status and a sentence.
    pub fn refuse(&mut self, asked: &mut Asked, status: u16, why: &str, out: &mut Vec<u8>) {
        self.say(&mut asked.record, asked.reply, status, &[], why, out);
    }

    /// Writes an answer of our own in plain text.
    pub(super) fn say(
        &self,
        record: &mut Record,
        reply: Reply,
        status: u16,
        fields: &[(&str, &[u8])],
        text: &str,
        out: &mut Vec<u8>,
    ) {
        record.status = status;
        head::begin(out, status);
        head::field(out, b"Date", self.clock.http_date());
        for (name, value) in fields {
            head::field(out, name.as_bytes(), value);
        }
        self.cache_fields(record, out);
        head::field(out, b"Content-Type", b"text/plain; charset=utf-8");
        // Words of other servers and systems may hold anything.
        let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        head::end(out, self.reply(reply), Framing::Length(text.len() as u64 + 1));
        if !reply.is_head() {
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
            record.body_bytes = text.len() as u64 + 1;
        }
    }

    /// Whether an object that is there may be the answer after the origin failed with `status`.
    pub fn may_serve_stale(&self, asked: &Asked, stale: &Entry, status: u16) -> bool {
        match asked.target {
            // A mirror that has lost the file is no reason to forget it, all of them are.
            Target::Repo(_) => status != 404,
            Target::Web => {
                let stored = super::fill::response_of(&stale.metadata().head);
                // What is not an answer of the origin is our own word for that there was none.
                let request = asked.fields.fields();
                matches!(status, 500..=504)
                    && may_serve_after_error(&self.edition.policy, request, &stored, Some(status), self.unix_ms)
            }
        }
    }

    fn route(&mut self, request: &Request<'_>, upload: Option<Spool>, out: &mut Vec<u8>) -> Routed {
        let mut record = Record::new(self.now, self.peer);
        if self.log.is_some() {
            record = record.with(request);
        }
        let reply = Reply::to(request);
        // Before anything else: whoever may be served may still not purge, and the other way round.
        if request.method_token() == b"PURGE" {
            return self.purge(request, reply, record, out);
        }
        if !self.edition.settings.allow_clients.contains(self.peer) {
            record.part = Part::Denied;
            return self.done(record, reply, 403, "this proxy is not for this address", out);
        }
        if web::is_loop(request.field_lines(), &self.edition.name) {
            return self.done(record, reply, 508, "this request has come by here before", out);
        }
        if request.method() == Method::Connect {
            return self.tunnel(request, reply, record, out);
        }
        let authority = request.authority().unwrap_or_default();
        match request.is_absolute() && !self.edition.is_own(authority) {
            true => self.forward(request, reply, record, upload, out),
            false => self.own(request, reply, record, upload, out),
        }
    }

    pub(super) fn done(&self, mut record: Record, reply: Reply, status: u16, why: &str, out: &mut Vec<u8>) -> Routed {
        self.say(&mut record, reply, status, &[], why, out);
        Routed::Done(record)
    }

    /// A request for ourselves.
    fn own(
        &mut self,
        request: &Request<'_>,
        reply: Reply,
        mut record: Record,
        upload: Option<Spool>,
        out: &mut Vec<u8>,
    ) -> Routed {
        let is_read = matches!(request.method(), Method::Get | Method::Head);
        let found = self.edition.repos.find(request.path());
        let is_repo_file = self.edition.repos.of_repo_file(request.path()).is_some();
        let is_page = is_repo_file || matches!(request.path(), b"/metrics" | b"/healthz" | b"*");
        let has_origin = self.edition.settings.origin.is_some();
        let is_front = request.path() == b"/" && !has_origin;
        if (is_page || is_front || !matches!(found, repo::Found::NotRepo)) && !is_read {
            self.say(&mut record, reply, 405, &[("Allow", ALLOWED)], "this method is not allowed here", out);
            return Routed::Done(record);
        }
        if is_page || is_front {
            return page::answer(self, request, reply, record, out);
        }
        match found {
            repo::Found::Route(route) => match route.key() {
                Some(key) => {
                    let url = str::from_utf8(request.raw_target()).unwrap_or("-");
                    let asked = Asked::new(request, reply, key, url, Target::Repo(route), record);
                    self.begin(asked, out)
                }
                None => self.done(record, reply, 414, "the path is too long", out),
            },
            repo::Found::Bad(why) => self.done(record, reply, 404, why, out),
            repo::Found::NotRepo => {
                let Some(origin) = self.edition.settings.origin.clone() else {
                    return self.done(record, reply, 404, "there is nothing at this path", out);
                };
                let origin = origin.trim_end_matches('/');
                let target = str::from_utf8(request.raw_target()).unwrap_or("/");
                let path = if target.starts_with('/') { target } else { "/" };
                self.reach(request, reply, record, upload, format!("{origin}{path}"), out)
            }
        }
    }

    /// A request for the web.
    fn forward(
        &mut self,
        request: &Request<'_>,
        reply: Reply,
        record: Record,
        upload: Option<Spool>,
        out: &mut Vec<u8>,
    ) -> Routed {
        if request.raw_target().get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https://")) {
            let why = "https goes through CONNECT, or through a repo of this proxy";
            return self.done(record, reply, 501, why, out);
        }
        let authority = request.authority().unwrap_or_default();
        match web::url(authority, request.path(), request.query()) {
            Some(url) => self.reach(request, reply, record, upload, url, out),
            None => self.done(record, reply, 400, "the URL is not valid", out),
        }
    }

    /// A request that another server answers, or the cache.
    fn reach(
        &mut self,
        request: &Request<'_>,
        reply: Reply,
        mut record: Record,
        upload: Option<Spool>,
        url: String,
        out: &mut Vec<u8>,
    ) -> Routed {
        let hops = web::max_forwards(request.field_lines());
        match (request.method(), hops) {
            (Method::Trace, _) => {
                self.say(
                    &mut record,
                    reply,
                    405,
                    &[("Allow", b"GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")],
                    "TRACE is not passed on",
                    out,
                );
                return Routed::Done(record);
            }
            (Method::Options, Some(0)) => {
                self.say(
                    &mut record,
                    reply,
                    200,
                    &[("Allow", b"GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, CONNECT")],
                    "here ends this request",
                    out,
                );
                return Routed::Done(record);
            }
            _ => {}
        }
        let (Some(key), Ok(uri)) = (Key::new(&url), url.parse::<ureq::http::Uri>()) else {
            return self.done(record, reply, 400, "the URL is not valid", out);
        };
        record.server = uri.host().unwrap_or("-").into();
        let is_cached = matches!(request.method(), Method::Get | Method::Head) && upload.is_none();
        let asked = Asked::new(request, reply, key, &url, Target::Web, record);
        if is_cached {
            return self.begin(asked, out);
        }
        let upload = match upload.map(Spool::finish).transpose() {
            Ok(upload) => upload,
            Err(error) => {
                eprintln!("request state=not_spooled error=\"{error}\"");
                return self.done(asked.record, reply, 500, "there is no room for the request", out);
            }
        };
        let state = self.pass_upload(&asked, request, uri, upload);
        self.later(asked, state)
    }

    fn later(&mut self, asked: Asked, state: State) -> Routed {
        Routed::Later(Box::new(Delivery::new(asked, state)))
    }

    /// Looks an answer up, and begins it.
    fn begin(&mut self, mut asked: Asked, out: &mut Vec<u8>) -> Routed {
        match self.look_up(&mut asked) {
            State::Refused(status, why) => {
                self.refuse(&mut asked, status, &why, out);
                Routed::Done(asked.record)
            }
            state => self.later(asked, state),
        }
    }

    fn tunnel(&mut self, request: &Request<'_>, reply: Reply, mut record: Record, out: &mut Vec<u8>) -> Routed {
        let target = web::host_and_port(request.raw_target());
        let Some((host, port)) = target.filter(|(_, port)| self.edition.settings.connect_ports.contains(port)) else {
            record.part = Part::Denied;
            return self.done(record, reply, 403, "tunnels to this port are not allowed", out);
        };
        if self.edition.settings.offline || self.shared.tunnels.count() >= self.edition.settings.tunnels_max {
            return self.done(record, reply, 503, "there are no more tunnels to be had", out);
        }
        record.part = Part::Tunnel;
        record.server = host.as_str().into();
        let meeting = Arc::new(Meeting::default());
        let (fetcher, theirs) = (Arc::clone(&self.edition.fetcher), Arc::clone(&meeting));
        let patience = self.edition.web_patience.connect;
        let taken = self.shared.crew.run(move || {
            let made = fetcher.connect(&host, port, patience);
            theirs.leave(made);
        });
        if !taken {
            return self.done(record, reply, 503, "too many requests are under way", out);
        }
        let url = str::from_utf8(request.raw_target()).unwrap_or("-");
        let Some(key) = Key::new(url) else { return self.done(record, reply, 400, "the target is not valid", out) };
        let asked = Asked::new(request, reply.closing(), key, url, Target::Web, record);
        self.later(asked, State::Meeting(meeting))
    }

    fn purge(&mut self, request: &Request<'_>, reply: Reply, mut record: Record, out: &mut Vec<u8>) -> Routed {
        if !self.edition.settings.allow_purge.contains(self.peer) {
            record.part = Part::Denied;
            return self.done(record, reply, 403, "this address may not purge", out);
        }
        let key = self.purge_key(request);
        let removed = match key.as_deref().map(|key| (key, key.strip_suffix('*'))) {
            None => 0,
            Some((_, Some(prefix))) => self.shared.store.remove_prefix(prefix).unwrap_or_else(|error| {
                eprintln!("cache state=not_purged error=\"{error}\"");
                0
            }),
            Some((key, None)) => Key::new(key).map_or(0, |key| u64::from(self.shared.store.remove(&key))),
        };
        self.counters.purged.add(removed);
        record.status = if removed > 0 { 200 } else { 404 };
        head::begin(out, record.status);
        head::field(out, b"Date", self.clock.http_date());
        self.cache_fields(&record, out);
        head::field(out, b"X-Purged", removed.to_string().as_bytes());
        head::end(out, self.reply(reply), Framing::Length(0));
        Routed::Done(record)
    }

    /// What the store calls the target of a PURGE; with a `*` at its end, all that begins so.
    fn purge_key(&self, request: &Request<'_>) -> Option<String> {
        let authority = request.authority().unwrap_or_default();
        if request.is_absolute() && !self.edition.is_own(authority) {
            return web::url(authority, request.path(), request.query());
        }
        match self.edition.repos.find(request.path()) {
            repo::Found::Route(route) => route.key().map(|key| key.text().to_owned()),
            _ => {
                let path = str::from_utf8(request.raw_target()).ok().filter(|path| path.starts_with('/'))?;
                let repo = path[1..].split(['/', '*']).next().unwrap_or_default();
                if self.edition.repos.iter().any(|known| known.settings.name == repo) {
                    return path.ends_with('*').then(|| format!("repo:{}", &path[1..]));
                }
                let origin = self.edition.settings.origin.as_deref()?.trim_end_matches('/');
                Some(format!("{origin}{path}"))
            }
        }
    }

    /// Where the content of requests is kept.
    fn spool_folder(&self) -> &Path {
        &self.edition.settings.cache_dir
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }
}

impl Answer for Answerer {
    fn answer(&mut self, request: &Request<'_>, out: &mut Vec<u8>) -> After {
        let upload = self.upload.take();
        match self.route(request, upload, out) {
            Routed::Done(record) => {
                self.record(&record);
                self.after(After::Next)
            }
            Routed::Later(delivery) => {
                self.delivery = Some(delivery);
                After::Later
            }
        }
    }

    fn takes_other_methods(&self) -> bool {
        true
    }

    fn body_bytes_max(&self, _: &Request<'_>) -> u64 {
        self.edition.settings.request_bytes_max
    }

    fn invites_body(&self, _: &Request<'_>) -> bool {
        self.edition.settings.allow_clients.contains(self.peer)
    }

    fn content(&mut self, data: &[u8]) {
        if self.upload.is_none() {
            self.upload = Some(Spool::new(self.spool_folder()));
        }
        if let Some(upload) = &mut self.upload {
            upload.add(data);
        }
    }

    fn refused(&mut self, refusal: Refusal, request_line: &[u8], out: &mut Vec<u8>) {
        self.upload = None;
        self.counters.refusals[refusal as usize].add(1);
        let mut record = Record::new(self.now, self.peer);
        record.line = request_line.into();
        record.status = refusal.status().code();
        record.body_bytes = refuse(out, refusal, self.clock.http_date()) as u64;
        self.record(&record);
    }
}
