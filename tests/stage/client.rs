//! `Client`: one connection, bytes out and answers in. Every wait has an end.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take before the test fails.
const ANSWER_TIME: Duration = Duration::from_secs(20);

/// An answer, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Names in lower case, values as they came.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The value of a field, by its name in lower case; there must not be two.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str());
        let first = values.next();
        assert_eq!(values.next(), None, "{name} twice in {self:?}");
        first
    }

    /// The lines of the body.
    pub fn lines(&self) -> Vec<&str> {
        self.body.split_terminator('\n').collect()
    }

    /// All but the date, which may be another for the same request.
    pub fn timeless(mut self) -> Answer {
        self.fields.retain(|(name, _)| name != "date");
        self
    }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    /// What came behind the last answer.
    unread: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("connect to {address}: {error}"));
        stream.set_read_timeout(Some(ANSWER_TIME)).unwrap();
        stream.set_write_timeout(Some(ANSWER_TIME)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, unread: Vec::new() }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes; gives whether the server still took them.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Says that no more comes.
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// The next answer, of a request that was no HEAD.
    pub fn answer(&mut self) -> Answer {
        self.answer_of("GET")
    }

    /// The next answer, of a request with this method.
    pub fn answer_of(&mut self, method: &str) -> Answer {
        let head_end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.read(), "closed after {:?}", String::from_utf8_lossy(&self.unread));
        };
        let head = String::from_utf8(self.unread.drain(..head_end).collect()).unwrap();
        let mut lines = head.split_terminator("\r\n");
        let status_line = lines.next().unwrap();
        let status = status_line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        let fields = lines
            .filter(|line| !line.is_empty())
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no field: {line}")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer =
            Answer { status: status.unwrap_or_else(|| panic!("{status_line}")), fields, body: String::new() };
        let length = answer.field("content-length").map_or(0, |length| length.parse().unwrap());
        if method != "HEAD" {
            while self.unread.len() < length {
                assert!(self.read(), "closed within the body of {answer:?}");
            }
            answer.body = String::from_utf8(self.unread.drain(..length).collect()).unwrap();
        }
        answer
    }

    /// Whether nothing more comes before the server closes.
    pub fn is_closed(&mut self) -> bool {
        self.unread.is_empty() && !self.read()
    }

    /// What comes until the server closes.
    pub fn rest(&mut self) -> String {
        while self.read() {}
        String::from_utf8(std::mem::take(&mut self.unread)).unwrap()
    }

    /// Reads some; false at the end.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 16 << 10];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return false,
                Ok(count) => {
                    self.unread.extend_from_slice(&bytes[..count]);
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&self.unread)),
            }
        }
    }

    /// A GET with more field lines (each with its CRLF), on this connection.
    pub fn get(&mut self, target: &str, fields: &str) -> Answer {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: mirrors.example\r\n{fields}\r\n"));
        self.answer()
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// A GET on a connection of its own.
pub fn get(address: SocketAddr, target: &str) -> Answer {
    Client::connect(address).get(target, "")
}
