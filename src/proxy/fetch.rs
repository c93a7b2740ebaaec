//! `Fetcher`: requests to other servers, made with `ureq`.
//!
//! Lives here: agents with their connections, what makes an answer untrustworthy, names for what goes wrong.
//! Not here: sockets, names and addresses (`upstream`), what is asked and what becomes of it (`fill`, `pass`).

use std::io::{self, Read};
use std::net::{IpAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ureq::http::{HeaderMap, Method, Request, Response, Uri, Version};
use ureq::{Agent, Body, Error, SendBody, Timeout};

use super::pipe::Hints;
use super::spool::Spool;
use crate::cache::semantics::forwarded_fields;
use crate::http::{FieldBlock, Fields};
use crate::net::Prefixes;
use crate::upstream::{
    Allowed, Dial, HEAD_BYTES_MAX, Line, Names, Resolver, TlsError, Trouble, connect, hearing, tls_config,
};

/// Connections kept for the next request, to all servers and to one.
const IDLE_CONNECTIONS_MAX: usize = 512;
const IDLE_CONNECTIONS_PER_HOST_MAX: usize = 16;
/// For how long they are kept. Many servers close after 5 seconds, nginx after 75.
const IDLE_TIME_MAX: Duration = Duration::from_secs(15);

/// Who named the server that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namer {
    /// A client: internal addresses only where that is allowed.
    Client,
    /// The operator, or a list the operator named: beside these the addresses in the configuration's own URLs.
    Operator,
}

/// How long the parts of a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Finding the address and connecting, each.
    pub connect: Duration,
    /// From the request to the end of the answer's head.
    pub head: Duration,
    /// Without a byte of the body.
    pub stall: Duration,
}

/// One request.
#[derive(Debug)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// Of what.
    pub uri: Uri,
    /// Its fields, without Host and those that frame it.
    pub fields: FieldBlock,
    /// Its content.
    pub content: Option<Spool>,
    /// How long it may take.
    pub patience: Patience,
    /// Who named the server.
    pub namer: Namer,
}

/// An answer, of which the head has come.
pub struct Got {
    /// The status code, 200 and up.
    pub status: u16,
    /// Its fields as they came, those of the connection with them.
    pub fields: FieldBlock,
    /// Length of the body, bytes, where the server told it.
    pub body_bytes: Option<u64>,
    /// When it was asked for, milliseconds since 1970.
    pub requested_at_ms: u64,
    /// When the head had come, milliseconds since 1970.
    pub responded_at_ms: u64,
    /// The body. An error or an early end means that it is not whole.
    pub body: Box<dyn Read + Send>,
}

/// Why there is no answer, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The host has no address.
    #[error("no address: {0}")]
    NoAddress(String),
    /// All its addresses are internal.
    #[error("{0} is an internal address that is not allowed")]
    Internal(IpAddr),
    /// No connection could be made.
    #[error("no connection: {0}")]
    NoConnection(String),
    /// The TLS handshake failed.
    #[error("TLS: {0}")]
    Tls(String),
    /// It took too long.
    #[error("{0} took too long")]
    TimedOut(&'static str),
    /// The connection ended early.
    #[error("the connection ended early: {0}")]
    Cut(String),
    /// The answer is not to be trusted.
    #[error("bad answer: {0}")]
    BadAnswer(String),
}

impl Failure {
    /// What a client is told: 403 where we will not, 504 where nobody answered in time, else 502.
    pub fn status(&self) -> u16 {
        match self {
            Failure::Internal(_) => 403,
            Failure::TimedOut(_) => 504,
            _ => 502,
        }
    }
}

/// Makes requests.
pub struct Fetcher {
    clients: Door,
    operators: Door,
}

/// An agent with its connections, and one that keeps none: for requests that must not be made twice.
struct Door {
    agent: Agent,
    once: Agent,
    names: Names,
}

impl Fetcher {
    /// Trusts the roots of the web and those in `extra_roots`; connects to internal addresses only in `internal`, and,
    /// for operators, to those that are `named` in the configuration.
    pub fn new(internal: &Prefixes, named: Vec<IpAddr>, extra_roots: Option<&Path>) -> Result<Fetcher, FetcherError> {
        let tls = tls_config(extra_roots)?;
        let resolver = Arc::new(Resolver::system()?);
        let door = |named: Vec<IpAddr>| {
            let allowed = Allowed::new(internal.clone()).naming_only(named);
            let line = Arc::new(Line {
                family: None,
                is_strict: true,
                allowed,
                bytes: AtomicU64::new(0),
                connects: AtomicU32::new(0),
                peer: std::sync::Mutex::default(),
            });
            let names = || Names { line: Arc::clone(&line), resolver: Arc::clone(&resolver) };
            let agent = |kept: usize| {
                let config = Agent::config_builder()
                    // Else the environment would decide where requests go.
                    .proxy(None)
                    .max_redirects(0)
                    .max_redirects_will_error(false)
                    .http_status_as_error(false)
                    .allow_non_standard_methods(true)
                    // What the client says of itself is passed on, and nothing else.
                    .user_agent("")
                    .accept("")
                    .accept_encoding("")
                    .max_response_header_size(HEAD_BYTES_MAX)
                    .max_idle_connections(kept.min(IDLE_CONNECTIONS_MAX))
                    .max_idle_connections_per_host(kept.min(IDLE_CONNECTIONS_PER_HOST_MAX))
                    .max_idle_age(IDLE_TIME_MAX)
                    .build();
                Agent::with_parts(config, Dial { line: Arc::clone(&line), tls: Arc::clone(&tls) }, names())
            };
            Door { agent: agent(IDLE_CONNECTIONS_MAX), once: agent(0), names: names() }
        };
        Ok(Fetcher { clients: door(Vec::new()), operators: door(named) })
    }

    fn door(&self, namer: Namer) -> &Door {
        match namer {
            Namer::Client => &self.clients,
            Namer::Operator => &self.operators,
        }
    }

    /// A connection to a server that a client named.
    pub fn connect(&self, host: &str, port: u16, patience: Duration) -> Result<TcpStream, Failure> {
        connect(&self.clients.names, host, port, Instant::now() + patience).map_err(|error| failure(&error))
    }

    /// Makes one request, and tells of interim answers.
    pub fn fetch_hinted(&self, ask: Ask, hints: Option<Hints>) -> Result<Got, Failure> {
        let Some(hints) = hints else { return self.fetch(ask) };
        let hear = move |status, lines: &[u8]| {
            if let Some(fields) = FieldBlock::from_lines(lines) {
                hints.tell(status, forwarded_fields(fields.fields()));
            }
        };
        hearing(hear, || self.fetch(ask))
    }

    /// Makes one request. One that may be repeated is, when a connection that was kept turns out to be closed.
    pub fn fetch(&self, ask: Ask) -> Result<Got, Failure> {
        let door = self.door(ask.namer);
        let is_repeatable = matches!(ask.method, Method::GET | Method::HEAD | Method::OPTIONS) && ask.content.is_none();
        if !is_repeatable {
            return call(&door.once, ask);
        }
        let connects = || door.names.line.connects.load(Ordering::Relaxed);
        let before = connects();
        let again =
            Ask { content: None, fields: ask.fields.clone(), method: ask.method.clone(), uri: ask.uri.clone(), ..ask };
        match call(&door.agent, ask) {
            // No connection was made for it (at least none by anybody): a kept one was closed under our hands.
            Err(Failure::Cut(_)) if connects() == before => call(&door.once, again),
            result => result,
        }
    }
}

/// Why no requests can be made.
#[derive(Debug, thiserror::Error)]
pub enum FetcherError {
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The threads for the resolver cannot be started.
    #[error("cannot start the threads that look names up: {0}")]
    Threads(#[from] io::Error),
}

fn call(agent: &Agent, ask: Ask) -> Result<Got, Failure> {
    let mut request = Request::builder().method(ask.method).uri(ask.uri);
    for (name, value) in ask.fields.fields().iter() {
        request = request.header(name, value);
    }
    let body = match ask.content {
        None => SendBody::none(),
        Some(content) => {
            request = request.header("content-length", content.bytes());
            SendBody::from_owned_reader(content.into_reader())
        }
    };
    let request = request.body(body).map_err(|error| Failure::BadAnswer(error.to_string()))?;
    let patience = ask.patience;
    let request = agent
        .configure_request(request)
        .timeout_resolve(Some(patience.connect))
        .timeout_connect(Some(patience.connect))
        .timeout_send_request(Some(patience.head))
        .timeout_recv_response(Some(patience.head))
        .timeout_per_read(Some(patience.stall.max(patience.head)))
        .build();
    let requested_at_ms = unix_ms();
    let answer = agent.run(request).map_err(|error| failure(&error))?;
    let fields = trusted_fields(&answer)?;
    let body_bytes = match fields.fields().first("transfer-encoding") {
        None => fields.fields().first("content-length").and_then(|digits| str::from_utf8(digits).ok()?.parse().ok()),
        Some(_) => None,
    };
    let status = answer.status().as_u16();
    let body = answer.into_body().into_with_config().limit(u64::MAX).reader();
    Ok(Got { status, fields, body_bytes, requested_at_ms, responded_at_ms: unix_ms(), body: Box::new(body) })
}

/// The fields of an answer, if nobody along the way can take its end for somewhere else (RFC 9112, sections 6.1 to
/// 6.3). An answer that is refused is dropped with its connection.
fn trusted_fields(answer: &Response<Body>) -> Result<FieldBlock, Failure> {
    let bad = |what: &str| Err(Failure::BadAnswer(what.to_owned()));
    if answer.status().as_u16() < 200 {
        return bad("an interim status ends no request");
    }
    let headers = answer.headers();
    let codings = values(headers, "transfer-encoding");
    let lengths = values(headers, "content-length");
    if !codings.is_empty() {
        if answer.version() == Version::HTTP_10 {
            return bad("Transfer-Encoding in HTTP/1.0");
        }
        if !lengths.is_empty() {
            return bad("Content-Length beside Transfer-Encoding");
        }
        if codings.len() != 1 || !codings[0].trim_ascii().eq_ignore_ascii_case(b"chunked") {
            return bad("a transfer coding that is not chunked");
        }
    }
    let mut fields = FieldBlock::new();
    for length in &lengths {
        let is_number = !length.is_empty() && length.len() < 20 && length.iter().all(u8::is_ascii_digit);
        if !is_number || *length != lengths[0] {
            return bad("Content-Length is not one number");
        }
    }
    for (name, value) in headers {
        let is_repeated_length = name == "content-length" && fields.fields().has("content-length");
        if !is_repeated_length && !fields.push(name.as_str().as_bytes(), value.as_bytes()) {
            return bad("a field has control characters");
        }
    }
    Ok(fields)
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(|value| value.as_bytes()).collect()
}

/// Names what went wrong.
pub fn failure(error: &Error) -> Failure {
    match error {
        Error::HostNotFound => Failure::NoAddress("the name is not known".to_owned()),
        Error::Timeout(Timeout::Resolve) => Failure::TimedOut("finding the address"),
        Error::Timeout(Timeout::Connect) => Failure::TimedOut("connecting"),
        Error::Timeout(Timeout::RecvBody) => Failure::TimedOut("the body"),
        Error::Timeout(_) => Failure::TimedOut("the answer"),
        Error::Other(other) => match other.downcast_ref::<Trouble>() {
            Some(Trouble::Internal(address)) => Failure::Internal(*address),
            Some(Trouble::NoAddress(words)) => Failure::NoAddress(words.clone()),
            Some(Trouble::Handshake(fault)) => Failure::Tls(fault.to_string()),
            None => Failure::BadAnswer(error.to_string()),
        },
        Error::Io(fault) => io_failure(fault),
        Error::Rustls(_) | Error::Tls(_) | Error::TlsRequired => Failure::Tls(error.to_string()),
        Error::ConnectionFailed => Failure::NoConnection(error.to_string()),
        Error::BodyStalled => Failure::Cut(error.to_string()),
        _ => Failure::BadAnswer(error.to_string()),
    }
}

/// Names what went wrong while a body was read.
pub fn io_failure(fault: &io::Error) -> Failure {
    use io::ErrorKind::*;
    if let Some(inner) = fault.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return failure(inner);
    }
    if let Some(inner) = fault.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()) {
        return io_failure(inner);
    }
    match fault.kind() {
        TimedOut | WouldBlock => Failure::TimedOut("the body"),
        ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof | NotConnected => {
            Failure::Cut(fault.to_string())
        }
        ConnectionRefused | HostUnreachable | NetworkUnreachable => Failure::NoConnection(fault.to_string()),
        InvalidData => Failure::BadAnswer(fault.to_string()),
        _ => Failure::NoConnection(fault.to_string()),
    }
}

/// The first bytes and the last of a Content-Range, and the whole length: `bytes 5-9/10` (RFC 9110, section 14.4).
pub fn content_range(fields: Fields<'_>) -> Option<(u64, u64, Option<u64>)> {
    let text = str::from_utf8(fields.only("content-range")?).ok()?;
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let whole = if whole == "*" { None } else { Some(whole.parse().ok()?) };
    Some((first.parse().ok()?, last.parse().ok()?, whole))
}

/// The clock, milliseconds since 1970.
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
