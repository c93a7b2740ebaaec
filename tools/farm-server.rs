//! All mirrors of a large farm in one process: every host, every path, the same delay.
//!
//! Lives here: one thread, one event loop, answers that are made from the path and sent after a delay, and the counts
//! that a crawl is judged by: requests, bytes, connections, and how many requests a host had at a time. Not here:
//! mirrors that differ from one another (`farm.sh` makes those).
//!
//! Usage: `farm-server DELAY_MS ADDRESS:PORT` (`[::]:80` takes both families).
//! - `…/repodata/repomd.xml` names three files in `repodata`, each of `FILE_BYTES`, and depends on the path alone.
//! - `…/repodata/HASH-NAME.xml.gz` is one of them. Anything else is a 404.
//! - Hosts whose name begins with `stuck` accept, read and never answer.
//! - `/farm-stats` gives the counts at once, `/farm-stats?reset` begins them anew.

use std::collections::{HashMap, VecDeque};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use xxhash_rust::xxh3::xxh3_64;

/// Length of each file that a `repomd.xml` names.
const FILE_BYTES: usize = 1000;
/// Longest request head.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// The listener's token; a connection's is its slot plus one.
const LISTENER: Token = Token(0);

/// A request as far as it matters here.
#[derive(Debug, PartialEq)]
struct Asked<'a> {
    without_body: bool,
    path: &'a str,
    host: &'a str,
}

fn parse(head: &str) -> Option<Asked<'_>> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    })?;
    Some(Asked { without_body: method == "HEAD", path, host })
}

/// A `repomd.xml` that is another one for each path, and the same on every mirror.
fn repomd(path: &str) -> String {
    let number = xxh3_64(path.as_bytes());
    let data = |name: &str| {
        format!(
            "  <data type=\"{name}\">\n    <checksum type=\"sha256\">{number:064x}</checksum>\n    \
             <location href=\"repodata/{number:064x}-{name}.xml.gz\"/>\n    <timestamp>{}</timestamp>\n    \
             <size>{FILE_BYTES}</size>\n    <open-size>9000</open-size>\n  </data>\n",
            1_700_000_000 + number % 1_000_000
        )
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" \
         xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n  <revision>{number}</revision>\n{}{}{}</repomd>\n",
        data("primary"),
        data("filelists"),
        data("other")
    )
}

/// The whole answer to a request, but for `/farm-stats`.
fn answer(asked: &Asked<'_>) -> Vec<u8> {
    let (folder, file) = asked.path.rsplit_once('/').unwrap_or(("", asked.path));
    let (status, body) = match (folder.ends_with("/repodata"), file) {
        (true, "repomd.xml") => ("200 OK", repomd(asked.path).into_bytes()),
        (true, file) if file.ends_with(".xml.gz") => ("200 OK", vec![0; FILE_BYTES]),
        _ => ("404 Not Found", b"no such file\n".to_vec()),
    };
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\nServer: farm\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Type: text/xml\r\n\
         Last-Modified: Sat, 21 Nov 2026 00:00:00 GMT\r\nAccept-Ranges: bytes\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if !asked.without_body {
        bytes.extend_from_slice(&body);
    }
    bytes
}

/// How busy a host is, over all its connections.
#[derive(Default)]
struct HostLoad {
    now: u32,
    max: u32,
}

/// What a crawl is judged by.
#[derive(Default)]
struct Counts {
    requests: u64,
    read_bytes: u64,
    written_bytes: u64,
    connections: u64,
    open: u64,
    open_max: u64,
    hosts: HashMap<Rc<str>, HostLoad>,
}

impl Counts {
    fn report(&self) -> String {
        let host_max = self.hosts.values().map(|load| load.max).max().unwrap_or(0);
        format!(
            "requests={} read_bytes={} written_bytes={} connections={} open_max={} hosts={} at_a_host_max={host_max}\n",
            self.requests,
            self.read_bytes,
            self.written_bytes,
            self.connections,
            self.open_max,
            self.hosts.len()
        )
    }

    fn reset(&mut self) {
        self.hosts.retain(|_, load| load.now > 0);
        self.hosts.values_mut().for_each(|load| load.max = load.now);
        let (open, hosts) = (self.open, std::mem::take(&mut self.hosts));
        *self = Counts { open, open_max: open, hosts, ..Counts::default() };
    }
}

struct Conn {
    stream: TcpStream,
    /// Tells a connection from the one that had its slot before.
    serial: u64,
    input: Vec<u8>,
    output: Vec<u8>,
    host: Option<Rc<str>>,
    /// Requests read and not answered.
    owed_count: u32,
}

/// An answer that waits for its time. The delay is the same for all, so they wait in order.
struct Due {
    at: Instant,
    slot: usize,
    serial: u64,
    bytes: Vec<u8>,
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    delay: Duration,
    conns: Vec<Option<Conn>>,
    free: Vec<usize>,
    due: VecDeque<Due>,
    serial: u64,
    counts: Counts,
}

impl Server {
    fn bind(delay: Duration, address: SocketAddr) -> Result<Server> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let (conns, free, due) = (Vec::new(), Vec::new(), VecDeque::new());
        Ok(Server { poll, listener, delay, conns, free, due, serial: 0, counts: Counts::default() })
    }

    fn run(&mut self) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = self.due.front().map(|due| due.at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let now = Instant::now();
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(token) => self.turn(token - 1, now),
                }
            }
            while self.due.front().is_some_and(|due| due.at <= now) {
                let Some(due) = self.due.pop_front() else { break };
                self.release(due);
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let slot = self.free.pop().unwrap_or(self.conns.len());
            if slot == self.conns.len() {
                self.conns.push(None);
            }
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(slot + 1), interest)?;
            self.serial += 1;
            let (input, output) = (Vec::new(), Vec::new());
            self.conns[slot] = Some(Conn { stream, serial: self.serial, input, output, host: None, owed_count: 0 });
            self.counts.connections += 1;
            self.counts.open += 1;
            self.counts.open_max = self.counts.open_max.max(self.counts.open);
        }
    }

    /// Reads what is there, takes the requests in it, writes what is due.
    fn turn(&mut self, slot: usize, now: Instant) {
        let Some(conn) = self.conns.get_mut(slot).and_then(Option::as_mut) else { return };
        let mut buffer = [0; 16 << 10];
        let open = loop {
            match conn.stream.read(&mut buffer) {
                Ok(0) => break false,
                Ok(count) => {
                    self.counts.read_bytes += count as u64;
                    conn.input.extend_from_slice(&buffer[..count]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break false,
            }
        };
        if !open || !self.take_requests(slot, now) || !self.write(slot) {
            self.close(slot);
        }
    }

    /// Takes whole requests out of the input; false: the connection is of no use any more.
    fn take_requests(&mut self, slot: usize, now: Instant) -> bool {
        let Some(conn) = self.conns[slot].as_mut() else { return true };
        while let Some(end) = conn.input.windows(4).position(|window| window == b"\r\n\r\n") {
            let head: Vec<u8> = conn.input.drain(..end + 4).collect();
            let Some(asked) = std::str::from_utf8(&head).ok().and_then(parse) else { return false };
            if asked.path.starts_with("/farm-stats") {
                let report = self.counts.report();
                if asked.path.ends_with("?reset") {
                    self.counts.reset();
                }
                let length = report.len();
                conn.output.extend(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{report}").bytes());
                continue;
            }
            self.counts.requests += 1;
            let host: Rc<str> = asked.host.into();
            let load = self.counts.hosts.entry(Rc::clone(&host)).or_default();
            load.now += 1;
            load.max = load.max.max(load.now);
            conn.host = Some(host);
            conn.owed_count += 1;
            if !asked.host.starts_with("stuck") {
                self.due.push_back(Due { at: now + self.delay, slot, serial: conn.serial, bytes: answer(&asked) });
            }
        }
        conn.input.len() <= HEAD_BYTES_MAX
    }

    /// Writes what can be written; false: the peer is gone.
    fn write(&mut self, slot: usize) -> bool {
        let Some(conn) = self.conns[slot].as_mut() else { return true };
        while !conn.output.is_empty() {
            match conn.stream.write(&conn.output) {
                Ok(count) => {
                    self.counts.written_bytes += count as u64;
                    conn.output.drain(..count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Sends an answer whose time has come, when its connection is still there.
    fn release(&mut self, due: Due) {
        let Some(conn) = self.conns[due.slot].as_mut().filter(|conn| conn.serial == due.serial) else { return };
        conn.owed_count -= 1;
        if let Some(load) = conn.host.as_ref().and_then(|host| self.counts.hosts.get_mut(host)) {
            load.now -= 1;
        }
        conn.output.extend_from_slice(&due.bytes);
        if !self.write(due.slot) {
            self.close(due.slot);
        }
    }

    fn close(&mut self, slot: usize) {
        let Some(conn) = self.conns[slot].take() else { return };
        if let Some(load) = conn.host.as_ref().and_then(|host| self.counts.hosts.get_mut(host)) {
            load.now -= conn.owed_count;
        }
        self.counts.open -= 1;
        self.free.push(slot);
    }
}

fn main() -> Result<()> {
    let usage = || Error::other("usage: farm-server DELAY_MS ADDRESS:PORT");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [delay_ms, address] = arguments.as_slice() else { return Err(usage()) };
    let delay = Duration::from_millis(delay_ms.parse().map_err(|_| usage())?);
    let mut server = Server::bind(delay, address.parse().map_err(|_| usage())?)?;
    println!("listening on http://{}", server.listener.local_addr()?);
    server.run()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const DELAY: Duration = Duration::from_millis(30);

    fn start() -> SocketAddr {
        let (sender, receiver) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let mut server = Server::bind(DELAY, "127.0.0.1:0".parse().unwrap()).unwrap();
            sender.send(server.listener.local_addr().unwrap()).unwrap();
            server.run().unwrap();
        });
        receiver.recv().unwrap()
    }

    /// Sends the requests at once; gives what comes until the last answer's end, or nothing for a second.
    fn ask(address: SocketAddr, requests: &str, end: &str) -> String {
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        client.write_all(requests.as_bytes()).unwrap();
        let (mut got, mut buffer) = (Vec::new(), [0; 4096]);
        while !got.ends_with(end.as_bytes()) || got.is_empty() {
            match client.read(&mut buffer) {
                Ok(count) if count > 0 => got.extend_from_slice(&buffer[..count]),
                _ => break,
            }
        }
        String::from_utf8_lossy(&got).into_owned()
    }

    #[test]
    fn answers_wait_and_are_counted() {
        let address = start();
        let began = Instant::now();
        let get = |host: &str, path: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let got = ask(address, &get("a", "/x/repodata/repomd.xml"), "</repomd>\n");
        assert!(began.elapsed() >= DELAY && got.ends_with("</repomd>\n"), "{got}");
        let pair = get("b", "/x/repodata/repomd.xml") + &get("b", "/y/repodata/repomd.xml");
        let two = ask(address, &pair, "never");
        let revision = |part: usize| two.split("<revision>").nth(part).unwrap().split('<').next().unwrap().to_owned();
        assert!(got.contains(&revision(1)) && !got.contains(&revision(2)), "{two}");
        let head = "HEAD /x/repodata/0-primary.xml.gz HTTP/1.1\r\nHost: a\r\n\r\n";
        assert!(ask(address, head, "\r\n\r\n").ends_with("Content-Length: 1000\r\n\r\n"));
        assert_eq!(ask(address, &get("stuck-1", "/x/repodata/repomd.xml"), "never"), "");
        let stats = ask(address, &get("a", "/farm-stats?reset"), "\n");
        assert!(stats.contains("requests=5 ") && stats.contains("hosts=3 at_a_host_max=2"), "{stats}");
        assert!(ask(address, &get("a", "/farm-stats"), "\n").contains("requests=0 "));
    }
}
