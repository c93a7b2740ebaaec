//! Connections for `ureq`: plain or TLS, over one family, to checked addresses only.
//!
//! Why a name that changes its mind (DNS rebinding) cannot get past the check: the name is looked up once, by `Names`.
//! What comes out of it is checked and handed on as numbers; `Dial` connects to exactly these numbers, without asking
//! for the name again, and then holds the other end of the connected socket against the same check before a byte is
//! sent. A connection that is kept alive stays with the machine it was made to. There is no proxy that could look names
//! up anew.
//!
//! Not here: requests and their limits (whoever makes them).

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as Resolve};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::{Error, Timeout};

use super::address::{self, Allowed};
use super::interim;
use super::resolve::{Resolver, Unresolved};
use crate::net::Family;

/// Longest head of an answer, bytes.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// What may come in before it is read: a whole head, and then some.
const INPUT_BYTES: usize = HEAD_BYTES_MAX + 4096;
/// What may wait to go out: a request without a body.
const OUTPUT_BYTES: usize = 8192;
/// Addresses of a host that are tried.
const ATTEMPTS_MAX: usize = 3;
/// Longest that a socket waits when nobody says how long.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// What ureq has no words for.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// All addresses of the host are internal; one of them.
    #[error("{0} is an internal address that nobody has allowed")]
    Internal(IpAddr),
    /// There is no address, in the resolver's words.
    #[error("{0}")]
    NoAddress(String),
    /// The TLS handshake failed.
    #[error("{0}")]
    Handshake(#[source] io::Error),
}

fn trouble(trouble: Trouble) -> Error {
    Error::Other(Box::new(trouble))
}

/// What the connections of one line have in common.
#[derive(Debug)]
pub struct Line {
    /// The only family that may be dialled; none: both.
    pub family: Option<Family>,
    /// Whether a connection that is reset, or whose TLS is cut off, is a fault even where its end is the end of a body.
    pub is_strict: bool,
    /// Internal addresses that may be dialled.
    pub allowed: Allowed,
    /// Bytes that came in.
    pub bytes: AtomicU64,
    /// Connections made.
    pub connects: AtomicU32,
    /// Where the last one went.
    pub peer: Mutex<Option<IpAddr>>,
}

impl Line {
    fn has_family(&self, address: IpAddr) -> bool {
        self.family.is_none_or(|family| family == Family::of(address))
    }

    fn set_peer(&self, address: IpAddr) {
        *self.peer.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }
}

/// The host of a URL, without brackets.
fn host_of(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

/// Looks names up: addresses of the line's family that may be dialled.
pub struct Names {
    /// What it is for.
    pub line: Arc<Line>,
    /// Who knows addresses.
    pub resolver: Arc<Resolver>,
}

impl fmt::Debug for Names {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Names({:?})", self.line.family)
    }
}

impl Resolve for Names {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        self.addresses(host_of(uri), port, until(timeout))
    }
}

impl Names {
    /// The addresses of a host that may be dialled, at most `ATTEMPTS_MAX`.
    fn addresses(&self, host: &str, port: u16, until: Instant) -> Result<ResolvedSocketAddrs, Error> {
        let found: Arc<[IpAddr]> = match address::literal(host) {
            Some(address) => Arc::new([address]),
            None => match self.resolver.addresses(host, until) {
                Ok(found) => found,
                Err(Unresolved::No(words)) => return Err(trouble(Trouble::NoAddress(words))),
                Err(Unresolved::Silent) => return Err(Error::Timeout(Timeout::Resolve)),
            },
        };
        let mut barred = None;
        let mut addresses = self.empty();
        for &address in found.iter().filter(|address| self.line.has_family(**address)) {
            match self.line.allowed.permits(host, address) {
                true if addresses.len() < ATTEMPTS_MAX => addresses.push(SocketAddr::new(address, port)),
                true => {}
                false => barred = Some(address),
            }
        }
        match (addresses.is_empty(), barred) {
            (false, _) => Ok(addresses),
            (true, Some(address)) => Err(trouble(Trouble::Internal(address))),
            (true, None) => {
                let family = self.line.family.map_or("", Family::name);
                Err(trouble(Trouble::NoAddress(format!("no {family} address"))))
            }
        }
    }
}

/// Connects.
pub struct Dial {
    /// What it is for.
    pub line: Arc<Line>,
    /// Whom to believe.
    pub tls: Arc<ClientConfig>,
}

impl fmt::Debug for Dial {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Dial({:?})", self.line.family)
    }
}

impl Connector<()> for Dial {
    type Out = Wire;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Wire>, Error> {
        let until = until(details.timeout);
        let stream = self.line.any_of(&details.addrs, host_of(details.uri), until)?;
        stream.set_nodelay(true)?;
        let socket = Socket { stream, until, line: Arc::clone(&self.line) };
        let stream = if details.needs_tls() {
            let name = ServerName::try_from(host_of(details.uri).to_owned());
            let name = name.map_err(|error| trouble(Trouble::Handshake(io::Error::other(error))))?;
            let mut socket = socket;
            let mut tls = ClientConnection::new(Arc::clone(&self.tls), name).map_err(Error::Rustls)?;
            tls.complete_io(&mut socket).map_err(|error| match error.kind() {
                io::ErrorKind::TimedOut => Error::Timeout(Timeout::Connect),
                _ => trouble(Trouble::Handshake(error)),
            })?;
            Stream::Tls(Box::new(StreamOwned::new(tls, socket)))
        } else {
            Stream::Plain(socket)
        };
        Ok(Some(Wire { stream, buffers: LazyBuffers::new(INPUT_BYTES, OUTPUT_BYTES), awaits_head: false }))
    }
}

/// A connection to a host, over addresses that may be dialled, for bytes that are nobody's business here.
pub fn connect(names: &Names, host: &str, port: u16, until: Instant) -> Result<TcpStream, Error> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = names.addresses(host, port, until)?;
    let stream = names.line.any_of(&addresses, host, until)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Line {
    /// A connection to the first address that takes one; the time is shared between those that are left.
    fn any_of(&self, addresses: &[SocketAddr], host: &str, until: Instant) -> Result<TcpStream, Error> {
        let mut fault = Error::HostNotFound;
        for (at, &address) in addresses.iter().enumerate() {
            let left = until.saturating_duration_since(Instant::now()) / (addresses.len() - at) as u32;
            if left.is_zero() {
                return Err(Error::Timeout(Timeout::Connect));
            }
            self.connects.fetch_add(1, Ordering::Relaxed);
            self.set_peer(address.ip());
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => {
                    let peer = stream.peer_addr()?.ip();
                    if self.has_family(peer) && self.allowed.permits(host, peer) {
                        return Ok(stream);
                    }
                    return Err(trouble(Trouble::Internal(peer)));
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => fault = Error::Timeout(Timeout::Connect),
                Err(error) => fault = Error::Io(error),
            }
        }
        Err(fault)
    }
}

fn until(timeout: NextTimeout) -> Instant {
    let now = Instant::now();
    now + (*timeout.after).min(WAIT_MAX)
}

/// A socket that gives up at a moment, however often it is used before.
#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    until: Instant,
    line: Arc<Line>,
}

impl Socket {
    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// A socket that waited in vain says that it would block.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.set_read_timeout(Some(self.left()?))?;
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(bytes) => {
                    self.line.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                    return Ok(bytes);
                }
                Err(error) => return Err(timed_out(error)),
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

/// A connection.
#[derive(Debug)]
pub struct Wire {
    stream: Stream,
    buffers: LazyBuffers,
    /// A request went out, and the final head of its answer has not come.
    awaits_head: bool,
}

impl Wire {
    fn socket(&mut self) -> &mut Socket {
        match &mut self.stream {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => &mut stream.sock,
        }
    }
}

/// ureq takes a reset for an end where the end of the connection is the end of the body; the strict do not.
fn fault(error: io::Error, timeout: NextTimeout, is_strict: bool) -> Error {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    match error.kind() {
        TimedOut => Error::Timeout(timeout.reason),
        ConnectionAborted | ConnectionReset | UnexpectedEof if is_strict => Error::Io(io::Error::other(error)),
        _ => Error::Io(error),
    }
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        self.awaits_head = true;
        self.socket().until = until(timeout);
        let output = &self.buffers.output()[..amount];
        let sent = match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(output),
            Stream::Tls(stream) => stream.write_all(output).and_then(|()| stream.flush()),
        };
        let is_strict = self.socket().line.is_strict;
        sent.map_err(|error| fault(error, timeout, is_strict))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        self.socket().until = until(timeout);
        let input = self.buffers.input_append_buf();
        let read = match &mut self.stream {
            Stream::Plain(socket) => socket.read(input),
            Stream::Tls(stream) => stream.read(input),
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) => return Err(fault(error, timeout, self.socket().line.is_strict)),
        };
        self.buffers.input_appended(bytes);
        if self.awaits_head {
            self.awaits_head = interim::listen(self.buffers.input());
        }
        Ok(bytes > 0)
    }

    /// Open as long as there is nothing to read: neither an end nor bytes that nobody asked for, which would pass for
    /// the answer to the next request. Of those that were read already ureq takes care.
    fn is_open(&mut self) -> bool {
        let stream = &self.socket().stream;
        if stream.set_nonblocking(true).is_err() {
            return false;
        }
        let quiet = matches!(stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        stream.set_nonblocking(false).is_ok() && quiet
    }

    fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }
}
