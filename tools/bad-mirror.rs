//! Mirrors that misbehave as no configuration of a web server can: one process, any number of addresses, one fault
//! each.
//!
//! Lives here: the faults, on blocking sockets, a thread for every connection. Not here: what a web server can do
//! wrong by being told to (stale, partial, slow, coded, redirecting: `farm.sh` has nginx do that), and TLS.
//!
//! Usage: `bad-mirror FILE`. Each line of the file is `FAULT ADDRESS:PORT FOLDER`; the folder holds the files of the
//! mirror. Prints `listening on COUNT addresses` once all are bound, and `trapped PEER ADDRESS` for each connection to
//! a `trap`.

use std::fmt;
use std::fs;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Longest request head that is read.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Connections at a time, over all addresses: each has a thread. More are closed at once.
const CONNECTIONS_MAX: usize = 2000;
/// What never ends does end here, so that a client without limits does not fill its disk.
const ENDLESS_BYTES_MAX: usize = 1 << 30;
/// How long a silent mirror keeps a connection, and how long it waits for a request.
const SILENCE: Duration = Duration::from_secs(300);
/// Longest file that a stalling mirror sends whole.
const STALL_BYTES_MIN: usize = 64 << 10;
/// Between two bytes of a mirror that drips.
const DRIP_INTERVAL: Duration = Duration::from_millis(500);
/// Piece of something endless.
const PIECE: [u8; 16 << 10] = [b'a'; 16 << 10];

/// What a mirror does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Accepts, reads, never answers.
    Silent,
    /// Cuts the connection when the request comes.
    Reset,
    /// Cuts the connection in the middle of the body.
    Cut,
    /// Announces the whole length, ends properly after half of it.
    Truncating,
    /// Keeps the connection, and sends half of a file and nothing more; small ones, as metadata are, whole.
    Stalling,
    /// A chunked body without its last chunk.
    Unended,
    /// A body without end.
    Endless,
    /// A head without end.
    EndlessHead,
    /// A body, two bytes a second.
    Drip,
    /// A head, two bytes a second.
    DripHead,
    /// Speaks another protocol.
    Garbage,
    /// None: HTTP/1.0, where the body ends with the connection.
    Old,
    /// None to speak of: closes after each answer without having said so.
    Hangup,
    /// None: nobody should ever come here.
    Trap,
}

/// Each by its name.
const FAULTS: [(&str, Fault); 14] = [
    ("silent", Fault::Silent),
    ("reset", Fault::Reset),
    ("cut", Fault::Cut),
    ("truncating", Fault::Truncating),
    ("stalling", Fault::Stalling),
    ("unended", Fault::Unended),
    ("endless", Fault::Endless),
    ("endless-head", Fault::EndlessHead),
    ("drip", Fault::Drip),
    ("drip-head", Fault::DripHead),
    ("garbage", Fault::Garbage),
    ("old", Fault::Old),
    ("hangup", Fault::Hangup),
    ("trap", Fault::Trap),
];

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mirror {
    fault: Fault,
    address: SocketAddr,
    folder: PathBuf,
}

impl fmt::Display for Mirror {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} at {}", self.fault, self.address)
    }
}

fn parse(line: &str) -> Option<Mirror> {
    let mut words = line.split_whitespace();
    let (name, address, folder) = (words.next()?, words.next()?, words.next()?);
    let (_, fault) = FAULTS.iter().find(|(known, _)| *known == name)?;
    Some(Mirror { fault: *fault, address: address.parse().ok()?, folder: folder.into() })
}

/// The file that a request head asks for, below `folder`; none when it is no GET or HEAD, or climbs.
fn wanted(head: &[u8], folder: &Path) -> Option<(bool, PathBuf)> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.trim_start_matches('/');
    let plain = target.starts_with('/') && path.split('/').all(|part| part != "..");
    (plain && matches!(method, "GET" | "HEAD")).then(|| (method == "HEAD", folder.join(path)))
}

/// One connection.
struct Visit<'a> {
    stream: TcpStream,
    mirror: &'a Mirror,
}

impl Visit<'_> {
    /// Does what the mirror does. An error means that the client left, which is its good right.
    fn serve(mut self) -> Result<()> {
        self.stream.set_read_timeout(Some(SILENCE))?;
        self.stream.set_write_timeout(Some(SILENCE))?;
        match self.mirror.fault {
            Fault::Silent => while self.stream.read(&mut [0; 1024])? > 0 {},
            // What closes a socket with bytes unread sends a reset, see RFC 9293, 3.10.4 (RFC 1122, 4.2.2.13).
            Fault::Reset => {
                self.stream.peek(&mut [0])?;
            }
            Fault::Garbage => {
                self.stream.write_all(b"SSH-2.0-OpenSSH_10.0\r\n\0\0\x01\xff\xfe rubbish \x80\r\n\r\n")?;
                self.end()?;
            }
            Fault::Cut => {
                let mut head = [0; HEAD_BYTES_MAX];
                let count = self.stream.peek(&mut head)?;
                let body = self.file(&head[..count]).1;
                self.stream.write_all(&answer("HTTP/1.1 200 OK", body.len()))?;
                self.stream.write_all(&body[..body.len() / 2])?;
            }
            Fault::Hangup => {
                let head = self.head()?;
                self.whole(&head, "HTTP/1.1")?;
                self.end()?;
            }
            Fault::Stalling => loop {
                let head = self.head()?;
                let (without_body, body) = self.file(&head);
                if without_body || body.len() <= STALL_BYTES_MIN {
                    self.whole(&head, "HTTP/1.1")?;
                    continue;
                }
                self.stream.write_all(&answer("HTTP/1.1 200 OK", body.len()))?;
                self.stream.write_all(&body[..body.len() / 2])?;
                while self.stream.read(&mut [0; 1024])? > 0 {}
                break;
            },
            Fault::Old => {
                let head = self.head()?;
                let (without_body, body) = self.file(&head);
                self.stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n")?;
                self.stream.write_all(if without_body { b"" } else { &body })?;
                self.end()?;
            }
            Fault::Trap => {
                println!("trapped {} {}", self.stream.peer_addr()?, self.mirror.address);
                let head = self.head()?;
                self.whole(&head, "HTTP/1.1")?;
            }
            Fault::Truncating
            | Fault::Unended
            | Fault::Endless
            | Fault::EndlessHead
            | Fault::Drip
            | Fault::DripHead => {
                self.unfinished()?;
            }
        }
        Ok(())
    }

    /// Answers that begin well and do not end, or too early, or too late.
    fn unfinished(mut self) -> Result<()> {
        let head = self.head()?;
        let body = self.file(&head).1;
        match self.mirror.fault {
            Fault::Truncating => {
                self.stream.write_all(&answer("HTTP/1.1 200 OK", body.len()))?;
                self.stream.write_all(&body[..body.len() / 2])?;
            }
            Fault::Unended => {
                self.stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                self.chunk(&body)?;
            }
            Fault::Endless => {
                self.stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                self.chunk(&body)?;
                for _ in 0..ENDLESS_BYTES_MAX / PIECE.len() {
                    self.chunk(&PIECE)?;
                }
            }
            Fault::EndlessHead => {
                self.stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
                for number in 0..ENDLESS_BYTES_MAX / 64 {
                    writeln!(self.stream, "X-Padding-{number}: {:>40}\r", 0)?;
                }
            }
            Fault::Drip => {
                self.stream.write_all(&answer("HTTP/1.1 200 OK", body.len()))?;
                self.drip(&body)?;
            }
            _ => self.drip(&answer("HTTP/1.1 200 OK", body.len()))?,
        }
        self.end()
    }

    /// Reads a request head; what comes after it is lost, as no client here pipelines.
    fn head(&mut self) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            let mut buffer = [0; 2048];
            let count = self.stream.read(&mut buffer)?;
            if count == 0 || head.len() > HEAD_BYTES_MAX {
                return Err(Error::from(ErrorKind::UnexpectedEof));
            }
            head.extend_from_slice(&buffer[..count]);
        }
        Ok(head)
    }

    /// Whether only a head is asked for, and the bytes of the file; an error page for none.
    fn file(&self, head: &[u8]) -> (bool, Vec<u8>) {
        let wanted = wanted(head, &self.mirror.folder);
        let without_body = wanted.as_ref().is_some_and(|wanted| wanted.0);
        let body = wanted.and_then(|(_, path)| fs::read(path).ok());
        (without_body, body.unwrap_or_else(|| b"<html>no such file</html>\n".to_vec()))
    }

    fn whole(&mut self, head: &[u8], version: &str) -> Result<()> {
        let (without_body, body) = self.file(head);
        self.stream.write_all(&answer(&format!("{version} 200 OK"), body.len()))?;
        self.stream.write_all(if without_body { b"" } else { &body })
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        write!(self.stream, "{:x}\r\n", bytes.len())?;
        self.stream.write_all(bytes)?;
        self.stream.write_all(b"\r\n")
    }

    fn drip(&mut self, bytes: &[u8]) -> Result<()> {
        for byte in bytes {
            self.stream.write_all(std::slice::from_ref(byte))?;
            thread::sleep(DRIP_INTERVAL);
        }
        Ok(())
    }

    /// Ends without a reset: what the client still sends is read.
    fn end(&mut self) -> Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        while self.stream.read(&mut [0; 1024])? > 0 {}
        Ok(())
    }
}

fn answer(status_line: &str, body_bytes: usize) -> Vec<u8> {
    format!("{status_line}\r\nContent-Type: text/xml\r\nContent-Length: {body_bytes}\r\n\r\n").into_bytes()
}

fn listen(mirror: Arc<Mirror>, listener: TcpListener, open_count: Arc<AtomicUsize>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of descriptors, most likely; they come back as clients leave.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        if open_count.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            open_count.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (mirror, open_count) = (Arc::clone(&mirror), Arc::clone(&open_count));
        thread::spawn(move || {
            // A client that left is no news.
            let _ = Visit { stream, mirror: &mirror }.serve();
            open_count.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

fn main() -> Result<()> {
    let Some(file) = std::env::args_os().nth(1) else {
        return Err(Error::other("usage: bad-mirror FILE, with lines of FAULT ADDRESS:PORT FOLDER"));
    };
    let text = fs::read_to_string(&file)?;
    let open_count = Arc::new(AtomicUsize::new(0));
    let mut threads = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mirror = parse(line).ok_or_else(|| Error::other(format!("line {}: {line:?} is no mirror", index + 1)))?;
        let listener = TcpListener::bind(mirror.address)
            .map_err(|error| Error::other(format!("line {}: {mirror}: {error}", index + 1)))?;
        let open_count = Arc::clone(&open_count);
        threads.push(thread::spawn(move || listen(Arc::new(mirror), listener, open_count)));
    }
    println!("listening on {} addresses", threads.len());
    for thread in threads {
        // A listener never ends; were it to, the others would serve on.
        let _ = thread.join();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client gets from a mirror with this fault, to the end of the connection or its error.
    fn visit(name: &str) -> (Vec<u8>, Option<ErrorKind>) {
        visit_for(name, b"<repomd/>")
    }

    fn visit_for(name: &str, file: &[u8]) -> (Vec<u8>, Option<ErrorKind>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("repomd.xml"), file).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mirror = parse(&format!("{name} {address} {}", folder.path().display())).unwrap();
        thread::spawn(move || listen(Arc::new(mirror), listener, Arc::new(AtomicUsize::new(0))));
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        client.write_all(b"GET /repomd.xml HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut got = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match client.read(&mut buffer) {
                Ok(0) => break (got, None),
                Ok(_) if got.len() > 4 << 20 => break (got, None),
                Ok(count) => got.extend_from_slice(&buffer[..count]),
                Err(error) => break (got, Some(error.kind())),
            }
        }
    }

    #[test]
    fn each_fault_is_what_it_is_called() {
        let ends = |name: &str, end: &str, error: Option<ErrorKind>| {
            let (got, met) = visit(name);
            let text = String::from_utf8_lossy(&got);
            assert!(text.ends_with(end) && met == error, "{name}: {text:?}, {met:?}");
        };
        ends("silent", "", Some(ErrorKind::WouldBlock));
        ends("reset", "", Some(ErrorKind::ConnectionReset));
        ends("cut", "Content-Length: 9\r\n\r\n<rep", Some(ErrorKind::ConnectionReset));
        ends("truncating", "Content-Length: 9\r\n\r\n<rep", None);
        ends("stalling", "\r\n\r\n<repomd/>", Some(ErrorKind::WouldBlock));
        let (got, met) = visit_for("stalling", &[b'a'; STALL_BYTES_MIN + 2]);
        assert!(got.ends_with(&[b'a'; STALL_BYTES_MIN / 2 + 1]) && met == Some(ErrorKind::WouldBlock));
        assert!(got.len() < STALL_BYTES_MIN);
        ends("unended", "9\r\n<repomd/>\r\n", None);
        ends("drip", "\r\n\r\n<", Some(ErrorKind::WouldBlock));
        ends("drip-head", "H", Some(ErrorKind::WouldBlock));
        ends("garbage", "\r\n\r\n", None);
        ends("old", "\r\n\r\n<repomd/>", None);
        ends("hangup", "\r\n\r\n<repomd/>", None);
        assert!(visit("endless").0.len() > 4 << 20);
        assert!(!visit("endless-head").0.windows(4).any(|window| window == b"\r\n\r\n"));
    }

    #[test]
    fn requests_do_not_climb() {
        let folder = Path::new("/f");
        assert_eq!(wanted(b"GET /a/b HTTP/1.1\r\n", folder), Some((false, "/f/a/b".into())));
        assert_eq!(wanted(b"HEAD /a HTTP/1.1\r\n", folder), Some((true, "/f/a".into())));
        for bad in [&b"GET /a/../../b HTTP/1.1\r\n"[..], b"POST /a HTTP/1.1\r\n", b"GET", b"\xff \r\n"] {
            assert_eq!(wanted(bad, folder), None, "{bad:?}");
        }
        // An absolute path within the target would replace the folder.
        assert!(wanted(b"GET //etc/passwd HTTP/1.1\r\n", folder).is_none_or(|(_, path)| path.starts_with(folder)));
    }
}
