//! `Asked`: what a client asked for, kept while its answer is under way; and `Record`, what the log says of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::cache::store::Key;
use crate::config::LogFormat;
use crate::decimal;
use crate::http::{FieldBlock, Method, Reply, Request, Version};
use crate::worker::{Entry, Line, write_address, write_escaped};

use super::repo::{Repo, Route};

/// What is asked for, and where it comes from.
#[derive(Clone, Debug)]
pub enum Target {
    /// A URL of another server.
    Web,
    /// A file of a repo.
    Repo(Route),
}

/// What a client asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// Its fields.
    pub fields: FieldBlock,
    /// What the store calls it.
    pub key: Key,
    /// The URL that was asked for, as the log tells it; of the web, where it is fetched from.
    pub url: Box<str>,
    /// Where it comes from.
    pub target: Target,
    /// The shape of the answer.
    pub reply: Reply,
    /// Whether the client takes chunks.
    pub takes_chunks: bool,
    /// For the log.
    pub record: Record,
}

impl Asked {
    /// What this request asks for.
    pub fn new(request: &Request<'_>, reply: Reply, key: Key, url: &str, target: Target, mut record: Record) -> Asked {
        if let Target::Repo(route) = &target {
            record.repo = Some(Arc::clone(&route.repo));
        }
        let mut fields = FieldBlock::new();
        for (name, value) in request.fields() {
            // They were valid when they came.
            let _ = fields.push(name.as_bytes(), value);
        }
        let takes_chunks = request.version() >= Version::Http11;
        Asked { method: request.method(), fields, key, url: url.into(), target, reply, takes_chunks, record }
    }
}

/// How the cache took part in an answer. As Squid's log and `X-Cache` tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Part {
    /// None: an answer of our own, or a refusal.
    None,
    /// From the cache, fresh.
    Hit,
    /// From the cache, after the origin said that it still holds.
    Revalidated,
    /// From the cache, stale: the origin could not be asked, or was not to be.
    Stale,
    /// From the origin, and into the cache.
    Miss,
    /// From what another client had caused to be fetched.
    Joined,
    /// Passed on, around the cache.
    Pass,
    /// A tunnel.
    Tunnel,
    /// Not allowed.
    Denied,
}

impl Part {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All, in the order of their numbers.
    pub const ALL: [Part; 9] = [
        Part::None,
        Part::Hit,
        Part::Revalidated,
        Part::Stale,
        Part::Miss,
        Part::Joined,
        Part::Pass,
        Part::Tunnel,
        Part::Denied,
    ];

    /// As counters label it.
    pub fn label(self) -> &'static str {
        match self {
            Part::None => "own",
            Part::Hit => "hit",
            Part::Revalidated => "revalidated",
            Part::Stale => "stale",
            Part::Miss => "miss",
            Part::Joined => "joined",
            Part::Pass => "pass",
            Part::Tunnel => "tunnel",
            Part::Denied => "denied",
        }
    }

    /// As Squid's log has it.
    fn squid(self) -> &'static str {
        match self {
            Part::None => "NONE",
            Part::Hit => "TCP_HIT",
            Part::Revalidated => "TCP_REFRESH_UNMODIFIED",
            Part::Stale => "TCP_REFRESH_FAIL_OLD",
            Part::Miss | Part::Pass => "TCP_MISS",
            Part::Joined => "TCP_CF_HIT",
            Part::Tunnel => "TCP_TUNNEL",
            Part::Denied => "TCP_DENIED",
        }
    }

    /// Whether the bytes did not have to be fetched for this client.
    pub fn is_hit(self) -> bool {
        matches!(self, Part::Hit | Part::Revalidated | Part::Stale | Part::Joined)
    }
}

/// What the log says of a request.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it had come.
    pub began: Instant,
    /// Who asked.
    pub client: IpAddr,
    /// The request line; without room where nothing is logged.
    pub line: Box<[u8]>,
    /// `Referer`.
    pub referer: Box<[u8]>,
    /// `User-Agent`.
    pub user_agent: Box<[u8]>,
    /// How the cache took part.
    pub part: Part,
    /// What the cache had when it was asked: `HIT`, `MISS`, or `NONE`.
    pub lookup: &'static str,
    /// The status of the answer; 0 while there is none.
    pub status: u16,
    /// Bytes of the body that went out.
    pub body_bytes: u64,
    /// Who served it: a host, `-` for ourselves.
    pub server: Box<str>,
    /// Whose file it is.
    pub repo: Option<Arc<Repo>>,
}

impl Record {
    /// Of a request that has come just now.
    pub fn new(began: Instant, client: IpAddr) -> Record {
        let none = || Box::from(&b""[..]);
        Record {
            began,
            client,
            line: none(),
            referer: none(),
            user_agent: none(),
            part: Part::None,
            lookup: "NONE",
            status: 0,
            body_bytes: 0,
            server: "-".into(),
            repo: None,
        }
    }

    /// Keeps what the log will need of the request.
    pub fn with(mut self, request: &Request<'_>) -> Record {
        self.line = request.line().into();
        self.referer = request.header("referer").unwrap_or_default().into();
        self.user_agent = request.header("user-agent").unwrap_or_default().into();
        self
    }
}

/// A line of the access log.
pub struct Logged<'a> {
    /// What is told.
    pub record: &'a Record,
    /// How.
    pub format: LogFormat,
    /// The time now, with its brackets.
    pub log_time: &'a [u8],
    /// The time now, milliseconds since 1970.
    pub unix_ms: u64,
    /// How long it took, milliseconds.
    pub elapsed_ms: u64,
}

impl Entry for Logged<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self.format {
            LogFormat::Squid => self.squid(out),
            LogFormat::Combined => {
                let record = self.record;
                let line = Line {
                    client: record.client,
                    time: self.log_time,
                    request: &record.line,
                    status: record.status,
                    body_bytes: usize::try_from(record.body_bytes).unwrap_or(usize::MAX),
                    referer: &record.referer,
                    user_agent: &record.user_agent,
                };
                line.write(out);
            }
        }
    }
}

impl Logged<'_> {
    /// `time elapsed client code/status bytes method URL user hierarchy/peer type`, as Squid's documents have it.
    fn squid(&self, out: &mut Vec<u8>) {
        let record = self.record;
        decimal::write(self.unix_ms / 1000, out);
        out.extend_from_slice(format!(".{:03} {:6} ", self.unix_ms % 1000, self.elapsed_ms).as_bytes());
        write_address(record.client, out);
        out.extend_from_slice(
            format!(" {}/{:03} {} ", record.part.squid(), record.status, record.body_bytes).as_bytes(),
        );
        let mut words = record.line.split(|&byte| byte == b' ');
        for word in [words.next(), words.next()] {
            let word = word.unwrap_or_default();
            write_escaped(if word.is_empty() { b"-" } else { word }, out);
            out.push(b' ');
        }
        let is_direct = matches!(record.part, Part::Miss | Part::Pass | Part::Tunnel);
        out.extend_from_slice(if is_direct { b"- HIER_DIRECT/" } else { b"- HIER_NONE/" });
        out.extend_from_slice(if is_direct { record.server.as_bytes() } else { b"-" });
        out.extend_from_slice(b" -\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_listed_by_number() {
        assert!(Part::ALL.iter().enumerate().all(|(number, part)| *part as usize == number));
    }

    #[test]
    fn a_line_is_in_squids_native_format() {
        let mut record = Record::new(Instant::now(), "192.0.2.10".parse().unwrap());
        record.line = Box::from(&b"GET http://m.example/a\"b HTTP/1.1"[..]);
        (record.part, record.status, record.body_bytes, record.server) = (Part::Miss, 200, 1234, "m.example".into());
        let line = |record: &Record, format| {
            let mut out = Vec::new();
            let log_time = b"[22/Nov/2026:05:04:03 +0000]";
            Logged { record, format, log_time, unix_ms: 1_795_132_800_042, elapsed_ms: 7 }.write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            line(&record, LogFormat::Squid),
            "1795132800.042      7 192.0.2.10 TCP_MISS/200 1234 GET http://m.example/a\\x22b \
             - HIER_DIRECT/m.example -\n"
        );
        record.part = Part::Hit;
        let hit = line(&record, LogFormat::Squid);
        assert!(hit.contains(" TCP_HIT/200 ") && hit.ends_with(" - HIER_NONE/- -\n"), "{hit}");
        let combined = line(&record, LogFormat::Combined);
        assert!(
            combined.starts_with("192.0.2.10 - - [22/Nov/2026:05:04:03 +0000] \"GET http://m.example/a"),
            "{combined}"
        );
    }
}
