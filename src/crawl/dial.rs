//! `Dialer`: requests made with `ureq`.
//!
//! Lives here: an agent for each line (so that connections are kept alive per mirror, and no list of connections is
//! shared by all threads), limits, and what faults mean. Not here: sockets, names and addresses (`upstream`).

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustls::ClientConfig;
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body, Error, Timeout};

use super::fetch::{Ask, End, Failure, Fetch, Got, Method, Reply, note};
use crate::net::Family;
use crate::upstream::{Allowed, Dial, HEAD_BYTES_MAX, Line, Names, Resolver, TlsError, Trouble, tls_config};
use crate::verdicts::Finding;

/// Longest body of an answer that is no file, bytes: read so that the connection can be used again.
const ERROR_BODY_BYTES_MAX: usize = 16 * 1024;

/// Why no requests can be made.
#[derive(Debug, thiserror::Error)]
pub enum DialerError {
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The threads for the resolver cannot be started.
    #[error("cannot start the threads that look names up: {0}")]
    Threads(#[from] io::Error),
}

/// Makes requests over sockets.
pub struct Dialer {
    allowed: Allowed,
    resolver: Arc<Resolver>,
    tls: Arc<ClientConfig>,
    user_agent: String,
    lines: Mutex<Lines>,
}

/// By number and family.
type Lines = HashMap<(u32, Family), (Agent, Arc<Line>)>;

impl Dialer {
    /// Makes requests in the name of `contact` (a URL or an address that operators of mirrors can turn to), trusting
    /// the roots of the web and those in `extra_roots` (a PEM file), and dialling internal addresses only as `allowed`.
    pub fn new(contact: Option<&str>, allowed: Allowed, extra_roots: Option<&Path>) -> Result<Dialer, DialerError> {
        Ok(Dialer {
            allowed,
            resolver: Arc::new(Resolver::system()?),
            tls: tls_config(extra_roots)?,
            user_agent: user_agent(contact),
            lines: Mutex::default(),
        })
    }

    fn line(&self, ask: &Ask) -> (Agent, Arc<Line>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (agent, line) = lines.entry((ask.line, ask.family)).or_insert_with(|| self.new_line(ask.family));
        (agent.clone(), Arc::clone(line))
    }

    fn new_line(&self, family: Family) -> (Agent, Arc<Line>) {
        let line = Arc::new(Line {
            family: Some(family),
            is_strict: false,
            allowed: self.allowed.clone(),
            bytes: AtomicU64::new(0),
            connects: AtomicU32::new(0),
            peer: Mutex::default(),
        });
        let config = Agent::config_builder()
            // Else the environment would decide where requests go.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(&self.user_agent)
            .accept_encoding("")
            .max_response_header_size(HEAD_BYTES_MAX)
            .max_idle_connections(4)
            .max_idle_connections_per_host(1)
            .build();
        let names = Names { line: Arc::clone(&line), resolver: Arc::clone(&self.resolver) };
        let dial = Dial { line: Arc::clone(&line), tls: Arc::clone(&self.tls) };
        (Agent::with_parts(config, dial, names), line)
    }
}

/// What mirrors see of us: `mirrorlistd/0.1.0 (+https://…)`. Characters that no header may hold are left out.
fn user_agent(contact: Option<&str>) -> String {
    let program = concat!("mirrorlistd/", env!("CARGO_PKG_VERSION"));
    let plain = |text: &str| text.chars().filter(|letter| (' '..='~').contains(letter)).collect::<String>();
    match contact.map(plain).filter(|contact| !contact.is_empty()) {
        Some(contact) => format!("{program} (+{contact})"),
        None => program.to_owned(),
    }
}

impl Fetch for Dialer {
    fn fetch(&self, ask: &Ask) -> Got {
        let began = Instant::now();
        let (agent, line) = self.line(ask);
        let connects = line.connects.load(Ordering::Relaxed);
        let bytes = line.bytes.load(Ordering::Relaxed);
        let mut result = request(&agent, ask, began);
        let reused = connects == line.connects.load(Ordering::Relaxed);
        if reused && matches!(&result, Err(Failure { finding: Finding::Reset, .. })) {
            // The server closed a connection that had been kept alive, in the moment in which it was used again
            // (RFC 9112, 9.3.1): that says nothing about the mirror.
            self.hang_up(ask.line);
            let (agent, fresh) = self.line(ask);
            result = request(&agent, ask, began);
            return got(result, &fresh, 0, began);
        }
        got(result, &line, bytes, began)
    }

    fn hang_up(&self, number: u32) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = Family::ALL.map(|family| lines.remove(&(number, family)));
        drop(lines);
        // Closing sockets takes a while: not under the lock.
        drop(gone);
    }
}

fn got(result: Result<Reply, Failure>, line: &Line, bytes_before: u64, began: Instant) -> Got {
    Got {
        result,
        address: *line.peer.lock().unwrap_or_else(PoisonError::into_inner),
        millis: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
        bytes: line.bytes.load(Ordering::Relaxed) - bytes_before,
    }
}

fn request(agent: &Agent, ask: &Ask, began: Instant) -> Result<Reply, Failure> {
    let request = match ask.method {
        Method::Get => agent.get(&ask.url),
        Method::Head => agent.head(&ask.url),
        Method::FirstByte => agent.get(&ask.url).header("range", "bytes=0-0"),
    };
    let patience = &ask.patience;
    let answer = request
        .config()
        .timeout_global(Some(patience.whole))
        .timeout_resolve(Some(patience.resolve))
        .timeout_connect(Some(patience.connect))
        .timeout_send_request(Some(patience.head))
        .timeout_recv_response(Some(patience.head))
        .timeout_per_read(Some(patience.head))
        .build()
        .call()
        .map_err(failure)?;
    read(answer, ask, began)
}

/// Reads an answer's body, as far as it is of use.
fn read(answer: Response<Body>, ask: &Ask, began: Instant) -> Result<Reply, Failure> {
    let status = answer.status().as_u16();
    let headers = answer.headers();
    let length = match ask.method {
        Method::FirstByte if status == 206 => text(headers, "content-range")
            .and_then(|range| range.rsplit_once('/').and_then(|(_, whole)| whole.trim().parse().ok())),
        _ => text(headers, "content-length").and_then(|length| length.trim().parse().ok()),
    };
    let encoding = text(headers, "content-encoding").filter(|coding| !coding.eq_ignore_ascii_case("identity"));
    let modified = text(headers, "last-modified").and_then(|date| httpdate::parse_http_date(&date).ok());
    let mut reply = Reply {
        status,
        length,
        last_modified: modified
            .and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok())
            .map(|since| since.as_secs()),
        location: text(headers, "location"),
        encoding,
        body: Vec::new(),
        end: End::Whole,
    };
    let wanted = ask.method == Method::Get && status == 200;
    match ask.method {
        Method::Head => return Ok(reply),
        // The rest of a file, if that is what comes, is of no use: the connection is given up.
        Method::FirstByte if status == 200 => return Ok(reply),
        _ => {}
    }
    let bytes_max = if wanted { ask.body_bytes_max } else { ERROR_BODY_BYTES_MAX };
    if reply.length.is_some_and(|length| length > bytes_max as u64) {
        reply.end = End::TooLong;
        return Ok(reply);
    }
    let end = read_body(answer, bytes_max, ask, began, &mut reply.body);
    match end {
        Ok(end) => reply.end = end,
        // Of an answer that is no file, the status is enough.
        Err(_) if !wanted => {}
        Err(failure) => return Err(failure),
    }
    Ok(reply)
}

fn read_body(
    answer: Response<Body>,
    bytes_max: usize,
    ask: &Ask,
    began: Instant,
    body: &mut Vec<u8>,
) -> Result<End, Failure> {
    let mut reader = answer.into_body().into_with_config().limit(u64::MAX).reader();
    let mut chunk = [0; 16 * 1024];
    let started = Instant::now();
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(End::Whole),
            Ok(bytes) => body.extend_from_slice(&chunk[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(End::Cut),
            Err(error) => return Err(failure(Error::from(error))),
        }
        if body.len() > bytes_max {
            body.truncate(bytes_max);
            return Ok(End::TooLong);
        }
        let took = started.elapsed();
        if took >= ask.patience.grace && (body.len() as f64) < took.as_secs_f64() * ask.patience.least_rate as f64 {
            let words = format!("{} bytes in {} ms", body.len(), took.as_millis());
            return Err(Failure { finding: Finding::TooSlow, note: words });
        }
        if began.elapsed() >= ask.patience.whole {
            return Err(Failure { finding: Finding::TooSlow, note: format!("{} bytes came in time", body.len()) });
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// What a fault means.
fn failure(error: Error) -> Failure {
    let said = |finding, words: &str| Failure { finding, note: note(words) };
    match &error {
        Error::HostNotFound => said(Finding::NotResolved, "no address"),
        Error::Timeout(Timeout::Resolve) => said(Finding::NotResolved, "the resolver did not answer in time"),
        Error::Timeout(phase) => said(Finding::TimedOut, &phase.to_string()),
        Error::Other(other) => match other.downcast_ref::<Trouble>() {
            Some(Trouble::Internal(address)) => said(Finding::InternalAddress, &address.to_string()),
            Some(Trouble::NoAddress(words)) => said(Finding::NotResolved, words),
            Some(Trouble::Handshake(fault)) => handshake_failure(fault),
            None => said(Finding::BadHttp, &error.to_string()),
        },
        Error::Io(fault) => said(socket_finding(fault), &fault.to_string()),
        Error::Rustls(_) | Error::Tls(_) | Error::TlsRequired => said(Finding::Tls, &error.to_string()),
        Error::ConnectionFailed => said(Finding::Unreachable, &error.to_string()),
        Error::BodyStalled => said(Finding::Reset, &error.to_string()),
        _ => said(Finding::BadHttp, &error.to_string()),
    }
}

fn handshake_failure(fault: &io::Error) -> Failure {
    let inner = fault.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let finding = match inner {
        Some(rustls::Error::InvalidCertificate(_)) => Finding::Certificate,
        _ => Finding::Tls,
    };
    Failure { finding, note: note(&inner.map_or_else(|| fault.to_string(), ToString::to_string)) }
}

fn socket_finding(fault: &io::Error) -> Finding {
    use io::ErrorKind::*;
    // TLS records that are broken in the middle of a connection.
    if fault.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        return Finding::Tls;
    }
    if let Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) = fault.raw_os_error() {
        // The want is ours: it says nothing about the mirror.
        return Finding::Discarded;
    }
    match fault.kind() {
        ConnectionRefused => Finding::Refused,
        ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof | NotConnected => Finding::Reset,
        TimedOut | WouldBlock => Finding::TimedOut,
        InvalidData => Finding::BadHttp,
        _ => Finding::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_agent_is_a_header_whatever_the_contact() {
        let program = concat!("mirrorlistd/", env!("CARGO_PKG_VERSION"));
        assert_eq!(user_agent(None), program);
        assert_eq!(user_agent(Some("\r\n")), program);
        assert_eq!(user_agent(Some("https://m.example/\r\nX: y")), format!("{program} (+https://m.example/X: y)"));
    }

    #[test]
    fn our_own_want_is_nobodys_fault() {
        assert_eq!(socket_finding(&io::Error::from_raw_os_error(libc::EMFILE)), Finding::Discarded);
        assert_eq!(socket_finding(&io::Error::from_raw_os_error(libc::ENETUNREACH)), Finding::Unreachable);
        assert_eq!(socket_finding(&io::Error::from_raw_os_error(libc::ECONNREFUSED)), Finding::Refused);
    }
}
