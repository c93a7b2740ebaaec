//! One request and what came of it, in words that need no socket.
//!
//! Lives here: `Ask`, `Got` and the door between them, `Fetch`. Not here: the sockets (`dial`), what an answer means
//! (`classify`).

use std::net::IpAddr;
use std::time::Duration;

use crate::net::Family;
use crate::verdicts::Finding;

/// Longest `repomd.xml`, ostree `summary`, checksum file or index page, bytes. Picked by feel: Fedora's richest
/// repomd.xml has 6 kB.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Longest note in evidence, bytes.
const NOTE_BYTES_MAX: usize = 200;

/// How long the parts of a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Finding the addresses of the host.
    pub resolve: Duration,
    /// Connecting, with the TLS handshake.
    pub connect: Duration,
    /// From the request to the end of the answer's head.
    pub head: Duration,
    /// All together, with the body.
    pub whole: Duration,
    /// How long a body may come slowly before its rate counts.
    pub grace: Duration,
    /// Least bytes of body per second after that.
    pub least_rate: u64,
}

impl Patience {
    /// For mirrors: 10 s for each part, 60 s in all.
    pub const MIRROR: Patience = Patience {
        resolve: Duration::from_secs(10),
        connect: Duration::from_secs(10),
        head: Duration::from_secs(10),
        whole: Duration::from_secs(60),
        grace: Duration::from_secs(5),
        least_rate: 1000,
    };
    /// For masters: 15 s for each part.
    pub const MASTER: Patience = Patience {
        resolve: Duration::from_secs(15),
        connect: Duration::from_secs(15),
        head: Duration::from_secs(15),
        whole: Duration::from_secs(60),
        grace: Duration::from_secs(5),
        least_rate: 1000,
    };
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The whole file.
    Get,
    /// What the server says of the file.
    Head,
    /// Its first byte, for servers that do not allow HEAD.
    FirstByte,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Requests with one number share their connections, and come one after the other.
    pub line: u32,
    /// How.
    pub method: Method,
    /// Of what: `http://` or `https://`, a host, a path.
    pub url: String,
    /// Family of the addresses that may be dialled.
    pub family: Family,
    /// Longest body, bytes; what is longer is cut there and said to be too long.
    pub body_bytes_max: usize,
    /// How long it may take.
    pub patience: Patience,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As its framing said.
    Whole,
    /// Before that.
    Cut,
    /// It was longer than `body_bytes_max`.
    TooLong,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// `Content-Length`; of a first byte, the length of the whole file as `Content-Range` tells it.
    pub length: Option<u64>,
    /// `Last-Modified`, seconds since 1970.
    pub last_modified: Option<u64>,
    /// `Location`.
    pub location: Option<String>,
    /// `Content-Encoding`, unless it is `identity`.
    pub encoding: Option<String>,
    /// The body, at most `body_bytes_max`; of HEAD and of a first byte it is of no use.
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: End,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In one word; of class `Silent`.
    pub finding: Finding,
    /// What else there is to say.
    pub note: String,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// The answer, or why there is none.
    pub result: Result<Reply, Failure>,
    /// Address that was connected to.
    pub address: Option<IpAddr>,
    /// From the first packet (or the look-up of the name) to the last byte, milliseconds.
    pub millis: u32,
    /// Bytes that came in, with heads and handshakes.
    pub bytes: u64,
}

/// What makes requests. Never fails otherwise than by a `Failure`, and never takes longer than the patience asked for.
pub trait Fetch: Sync {
    /// Makes one request.
    fn fetch(&self, ask: &Ask) -> Got;

    /// Closes the connections of a line: it will be quiet for a while, or for ever.
    fn hang_up(&self, line: u32) {
        let _ = line;
    }
}

/// A text as evidence takes it: no control characters, not too long.
pub fn note(text: &str) -> String {
    let mut kept = String::new();
    for letter in text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }) {
        if kept.len() + letter.len_utf8() > NOTE_BYTES_MAX {
            break;
        }
        kept.push(letter);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_short_and_plain() {
        assert_eq!(note("a\r\nb\u{7}c"), "a  b c");
        let long = note(&"ä".repeat(300));
        assert_eq!((long.len(), long.chars().count()), (200, 100));
    }
}
