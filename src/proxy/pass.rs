//! `Pass`: the thread's job that passes one request on and its answer back, for one client, around the store.

use std::io::Read;
use std::sync::Arc;

use ureq::http::Method as WebMethod;

use super::counters::FillCounts;
use super::fetch::{Ask, Failure, Fetcher, Got, Namer, Patience, content_range, io_failure};
use super::fill::{READ_BYTES, passed_fields, response_of};
use super::pipe::{PipeHead, Writer};
use super::repo::{self, Route, own_fields};
use crate::cache::semantics::{HeadEffect, freshened, head_effect, invalidated};
use crate::cache::store::{Entry, Head, Key, Store};
use crate::http::Method;

/// Mirrors that are tried for a range.
const RANGE_TRIES_MAX: usize = 5;

/// What the answer means for the store.
#[derive(Debug)]
pub enum Effect {
    /// Nothing.
    None,
    /// After a method that is not safe: what is stored for these URLs holds no more. The method, unless it is not
    /// known, and the URL.
    Invalidates(Option<Method>, Box<str>),
    /// After HEAD: it may say something of this object.
    Concerns(Arc<Entry>),
}

/// First and last byte, and the length of the whole.
pub type Expected = (u64, u64, Option<u64>);

/// What is asked.
pub enum Asks {
    /// This, and whatever comes is the answer.
    One(Ask),
    /// This range, and no other answer will do.
    Range(Ask, Expected),
    /// A repo's file, of the first mirror that has it; compared with its checksum on the way.
    File {
        /// The file.
        route: Route,
        /// How long a mirror may take.
        patience: Patience,
    },
    /// A range of a repo's file, of one mirror after the other.
    Mirrors {
        /// The file.
        route: Route,
        /// The value of the Range field.
        range: String,
        /// What has to come.
        expected: Expected,
        /// How long a mirror may take.
        patience: Patience,
    },
}

/// One request that is passed on.
pub struct Pass {
    /// What is asked.
    pub asks: Asks,
    /// Who asked.
    pub writer: Writer,
    /// What it means for the store.
    pub effect: Effect,
    /// The store.
    pub store: Store,
    /// What is counted.
    pub counts: Arc<FillCounts>,
}

impl Pass {
    /// Passes it on.
    pub fn run(self, fetcher: &Fetcher) {
        self.counts.passes.add(1);
        let got = match self.asks {
            Asks::One(ask) => fetcher.fetch_hinted(ask, Some(self.writer.hints())),
            Asks::Range(ask, expected) => fetch_range(fetcher, ask, expected),
            Asks::File { route, patience } => whole_file(fetcher, &route, patience),
            Asks::Mirrors { route, range, expected, patience } => {
                from_mirrors(fetcher, &route, &range, expected, patience)
            }
        };
        match got {
            Ok(got) => {
                self.effect.take(&got, &self.store);
                copy(got, self.writer, &self.counts);
            }
            Err(failure) => self.writer.fail(failure.status(), failure.to_string()),
        }
    }
}

fn fetch_range(fetcher: &Fetcher, ask: Ask, expected: Expected) -> Result<Got, Failure> {
    let got = fetcher.fetch(ask)?;
    let is_it = got.status == 206 && content_range(got.fields.fields()) == Some(expected);
    if is_it { Ok(got) } else { Err(Failure::BadAnswer("another range than was asked for".to_owned())) }
}

fn from_mirrors(
    fetcher: &Fetcher,
    route: &Route,
    range: &str,
    expected: Expected,
    patience: Patience,
) -> Result<Got, Failure> {
    let mut last = Failure::BadAnswer("no mirror has it".to_owned());
    for candidate in route.repo.mirrors.candidates(route, fetcher, patience)?.into_iter().take(RANGE_TRIES_MAX) {
        let mut fields = own_fields();
        // Digits make a valid value.
        let _ = fields.push(b"Range", range.as_bytes());
        let uri = candidate.uri.clone();
        let ask = Ask { method: WebMethod::GET, uri, fields, content: None, patience, namer: Namer::Operator };
        match fetch_range(fetcher, ask, expected) {
            Ok(got) => return Ok(got),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

fn whole_file(fetcher: &Fetcher, route: &Route, patience: Patience) -> Result<Got, Failure> {
    let expected = repo::expected(route);
    let mut last = Failure::BadAnswer("no mirror has it".to_owned());
    for candidate in route.repo.mirrors.candidates(route, fetcher, patience)?.into_iter().take(RANGE_TRIES_MAX) {
        let uri = candidate.uri.clone();
        let fields = own_fields();
        let ask = Ask { method: WebMethod::GET, uri, fields, content: None, patience, namer: Namer::Operator };
        match fetcher.fetch(ask) {
            Ok(got) if got.status == 200 => {
                let body = Box::new(repo::Verified::new(got.body, expected));
                return Ok(Got { body, ..got });
            }
            Ok(got) => last = Failure::BadAnswer(format!("status {}", got.status)),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

impl Effect {
    fn take(&self, got: &Got, store: &Store) {
        match self {
            Effect::None => {}
            Effect::Invalidates(method, url) => {
                for url in invalidated(*method, url, got.status, got.fields.fields()) {
                    if let Some(key) = Key::new(&url) {
                        store.remove(&key);
                    }
                }
            }
            Effect::Concerns(entry) => {
                let stored = response_of(&entry.metadata().head);
                match head_effect(&stored, entry.body_bytes(), got.status, got.fields.fields()) {
                    HeadEffect::None => {}
                    HeadEffect::Update => {
                        let head = Head {
                            status: stored.status,
                            fields: freshened(stored.fields, got.fields.fields(), got.responded_at_ms),
                            requested_at_ms: got.requested_at_ms,
                            responded_at_ms: got.responded_at_ms,
                            variant: entry.metadata().head.variant.clone(),
                        };
                        // Where it is gone meanwhile, there is nothing to update.
                        let _ = store.update(entry, head, entry.metadata().label.clone());
                    }
                    HeadEffect::Invalidate => {
                        if let Some(key) = Key::new(&entry.metadata().key) {
                            store.remove(&key);
                        }
                    }
                }
            }
        }
    }
}

/// Copies an answer to who asked.
pub fn copy(mut got: Got, mut writer: Writer, counts: &FillCounts) {
    let head = PipeHead { status: got.status, fields: passed_fields(&got.fields), body_bytes: got.body_bytes };
    writer.open(head);
    copy_rest(&[], &mut got.body, writer, counts);
}

/// Copies what is left of a body to who asked: bytes that were read already, and what follows them.
pub fn copy_rest(read: &[u8], body: &mut dyn Read, mut writer: Writer, counts: &FillCounts) {
    if writer.write(read).is_err() {
        return;
    }
    let mut chunk = vec![0; READ_BYTES];
    loop {
        match body.read(&mut chunk) {
            Ok(0) => return writer.complete(),
            Ok(bytes) => {
                counts.fetched_bytes.add(bytes as u64);
                if writer.write(&chunk[..bytes]).is_err() {
                    return;
                }
            }
            Err(error) => return writer.fail(502, io_failure(&error).to_string()),
        }
    }
}
