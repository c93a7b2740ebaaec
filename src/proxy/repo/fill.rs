//! `RepoFill`: the thread's job that brings a repo's file into the store, from as many mirrors as it takes.
//!
//! Lives here: trying one mirror after the other, going on in mid-body with the next, when a file counts as missing.
//! Not here: the order of mirrors (`mirrors`), what a file has to be (`know`), the web at large (`proxy::fill`).

use std::sync::Arc;
use std::time::Instant;

use ureq::http::Method;

use super::know::Expected;
use super::mirrors::{Candidate, Outcome, own_fields};
use super::route::Route;
use crate::cache::semantics::Variant;
use crate::cache::store::{Absence, Draft, Entry, Head, Label, Store, StoreError};
use crate::http::{FieldBlock, Fields};
use crate::proxy::counters::FillCounts;
use crate::proxy::fetch::{Ask, Failure, Fetcher, Got, Namer, Patience, content_range, unix_ms};
use crate::proxy::fill::{CopyError, copy};

/// The label of files of repos.
pub const REPO: u8 = 1;
/// So many mirrors have to say that a file is not there; all, where there are fewer.
const MISSING_MIN: usize = 3;
/// How long that is believed, milliseconds.
const MISSING_MS: u64 = 60_000;
/// Most mirrors that are tried for one file.
const TRIES_MAX: usize = 20;

/// A file on its way into the store. It ends the draft in every case.
pub struct RepoFill {
    /// Where it goes; taken when it is ended.
    pub draft: Draft,
    /// Which file.
    pub route: Route,
    /// What is there already and may still hold.
    pub old: Option<Arc<Entry>>,
    /// How long a mirror may take.
    pub patience: Patience,
    /// The store.
    pub store: Store,
    /// What is counted.
    pub counts: Arc<FillCounts>,
}

/// What is known once the first head is there.
struct Opened {
    body_bytes: Option<u64>,
}

/// What one mirror came to.
enum Tried {
    /// The body is whole.
    Whole,
    /// It says that the old object still holds.
    Unchanged(Box<Got>),
    /// The next one.
    Next(Outcome, Option<Failure>),
    /// No mirror can help.
    Hopeless(String),
}

impl RepoFill {
    /// Fetches.
    pub fn run(mut self, fetcher: &Fetcher) {
        self.counts.fills.add(1);
        let repo = Arc::clone(&self.route.repo);
        let expected = repo.knowledge.expected(&self.route);
        let candidates = match repo.mirrors.candidates(&self.route, fetcher, self.patience) {
            Ok(candidates) => candidates,
            Err(failure) => return self.give_up(&format!("{} {failure}", failure.status())),
        };
        let known_count = candidates.len();
        let mut opened = None;
        let mut missing_count = 0;
        let mut is_agreed = true;
        let mut last_failure = None;
        for candidate in candidates.iter().take(TRIES_MAX) {
            let began = Instant::now();
            if opened.is_some() {
                self.counts.failovers.add(1);
            }
            match self.try_one(candidate, &expected, &mut opened, fetcher) {
                Tried::Whole => {
                    let served = Outcome::Served(self.draft.written_bytes(), began.elapsed());
                    repo.mirrors.report(&self.route, candidate, served);
                    return self.commit(&expected);
                }
                Tried::Unchanged(got) => {
                    repo.mirrors.report(&self.route, candidate, Outcome::Served(0, began.elapsed()));
                    return self.refresh(&got);
                }
                Tried::Next(outcome, failure) => {
                    repo.mirrors.report(&self.route, candidate, outcome);
                    match (outcome, &failure) {
                        (Outcome::Missing, _) => missing_count += 1,
                        (Outcome::Wrong, _) => is_agreed = false,
                        (_, Some(failure)) => eprintln!(
                            "repo name={} mirror={} state=failed path=\"{}\" error=\"{failure}\"",
                            repo.settings.name,
                            candidate.mirror(),
                            self.route.path
                        ),
                        _ => {}
                    }
                    last_failure = failure.or(last_failure);
                    if missing_count >= MISSING_MIN && opened.is_none() {
                        break;
                    }
                }
                Tried::Hopeless(why) => return self.give_up(&format!("500 {why}")),
            }
        }
        // Those that did not answer have no say; but only what enough of them say is remembered.
        if missing_count > 0 && is_agreed && opened.is_none() {
            let absence = Absence { status: 404, until_ms: unix_ms() + MISSING_MS };
            let is_certain = missing_count >= MISSING_MIN.min(known_count);
            if let Some(key) = self.route.key().filter(|_| is_certain) {
                self.store.set_absent(&key, absence);
            }
            return self.give_up(&format!("404 {missing_count} mirrors say that it is not there"));
        }
        let status = last_failure.as_ref().map_or(502, Failure::status);
        let why = last_failure.map_or_else(|| "no mirror has it".to_owned(), |failure| failure.to_string());
        self.give_up(&format!("{status} {why}"));
    }

    fn give_up(self, why: &str) {
        self.counts.failed_fills.add(1);
        self.draft.fail(why);
    }

    fn try_one(
        &mut self,
        candidate: &Candidate,
        expected: &Expected,
        opened: &mut Option<Opened>,
        fetcher: &Fetcher,
    ) -> Tried {
        let failed = |failure: Failure| Tried::Next(Outcome::Failed, Some(failure));
        let wrong = |what: &str| Tried::Next(Outcome::Wrong, Some(Failure::BadAnswer(what.to_owned())));
        let mut got = match fetcher.fetch(self.ask(candidate, opened.is_some())) {
            Ok(got) => got,
            Err(failure) => return failed(failure),
        };
        let written = if opened.is_some() { self.draft.written_bytes() } else { 0 };
        match (got.status, &*opened) {
            (304, None) if self.old.is_some() => return Tried::Unchanged(Box::new(got)),
            (404 | 410, _) => return Tried::Next(Outcome::Missing, None),
            (200, None) => {
                let differs = expected.body_bytes.zip(got.body_bytes).is_some_and(|(wanted, told)| wanted != told);
                if differs {
                    self.counts.wrong_bodies.add(1);
                    return wrong("it is not as long as it has to be");
                }
                let body_bytes = expected.body_bytes.or(got.body_bytes);
                if let Err(error) = self.begin(candidate, &got, body_bytes, expected) {
                    return Tried::Hopeless(error.to_string());
                }
                *opened = Some(Opened { body_bytes });
            }
            // This one does not know ranges: what readers saw has to come again, and is compared.
            (200, Some(before)) => {
                if before.body_bytes.is_some() && got.body_bytes.is_some() && before.body_bytes != got.body_bytes {
                    self.counts.wrong_bodies.add(1);
                    return wrong("it is not as long as that of another mirror");
                }
                self.draft.rewind();
            }
            (206, Some(before)) => {
                let range = content_range(got.fields.fields());
                let fits = range.is_some_and(|(first, _, whole)| {
                    first == written && (before.body_bytes.is_none() || whole == before.body_bytes)
                });
                if !fits {
                    self.counts.wrong_bodies.add(1);
                    return wrong("another range, or of a file of another length");
                }
            }
            (status, _) => return failed(Failure::BadAnswer(format!("status {status}"))),
        }
        match copy(&mut got.body, &mut self.draft, &self.counts) {
            Ok(()) => self.check(expected, opened.as_ref()),
            Err(CopyError::Server(failure)) => failed(failure),
            Err(CopyError::Store(error @ StoreError::Diverged { .. }, _)) => {
                self.counts.wrong_bodies.add(1);
                wrong(&error.to_string())
            }
            Err(CopyError::Store(error, _)) => Tried::Hopeless(error.to_string()),
        }
    }

    /// The body is over: is it what it has to be?
    fn check(&mut self, expected: &Expected, opened: Option<&Opened>) -> Tried {
        let written = self.draft.written_bytes();
        if let Some(whole) = opened.and_then(|opened| opened.body_bytes)
            && written < whole
        {
            return Tried::Next(Outcome::Failed, Some(Failure::Cut(format!("{written} of {whole} bytes"))));
        }
        if expected.sha256.is_some() && self.draft.sha256() != expected.sha256 {
            self.counts.wrong_bodies.add(1);
            self.draft.rewind();
            return Tried::Next(Outcome::Wrong, Some(Failure::BadAnswer("the checksum is wrong".to_owned())));
        }
        Tried::Whole
    }

    fn ask(&self, candidate: &Candidate, is_opened: bool) -> Ask {
        let mut fields = own_fields();
        let modified = self.old.as_ref().and_then(|old| old.metadata().head.fields.fields().only("last-modified"));
        let condition = match (is_opened, modified) {
            // Tags differ between mirrors, so there is no If-Range: the length is compared, and the checksum.
            (true, _) => Some(("Range", format!("bytes={}-", self.draft.written_bytes()).into_bytes())),
            (false, Some(modified)) => Some(("If-Modified-Since", modified.to_vec())),
            (false, None) => None,
        };
        if let Some((name, value)) = condition {
            // It was valid when it was stored.
            let _ = fields.push(name.as_bytes(), &value);
        }
        Ask {
            method: Method::GET,
            uri: candidate.uri.clone(),
            fields,
            content: None,
            patience: self.patience,
            namer: Namer::Operator,
        }
    }

    fn begin(
        &mut self,
        candidate: &Candidate,
        got: &Got,
        body_bytes: Option<u64>,
        expected: &Expected,
    ) -> Result<(), StoreError> {
        let head = Head {
            status: 200,
            fields: file_fields(got.fields.fields(), body_bytes, candidate.mirror()),
            requested_at_ms: got.requested_at_ms,
            responded_at_ms: got.responded_at_ms,
            variant: Variant::default(),
        };
        self.draft.begin(head, self.label(), body_bytes, expected.sha256.is_some())
    }

    fn label(&self) -> Label {
        Label { class: REPO, tag: self.route.repo.settings.name.clone() }
    }

    fn refresh(self, got: &Got) {
        self.counts.refreshed.add(1);
        let Some(old) = &self.old else { return self.draft.fail("502 nothing to refresh") };
        let head = Head {
            requested_at_ms: got.requested_at_ms,
            responded_at_ms: got.responded_at_ms,
            ..old.metadata().head.clone()
        };
        let label = self.label();
        if let Err(error) = self.draft.refresh(old, head, label) {
            eprintln!("cache state=not_refreshed error=\"{error}\"");
        }
    }

    fn commit(self, expected: &Expected) {
        match self.draft.commit(expected.sha256) {
            Ok(entry) => self.route.repo.knowledge.arrived(&self.route, &entry),
            Err(error) => {
                self.counts.not_stored.add(1);
                eprintln!("cache state=not_stored error=\"{error}\"");
            }
        }
    }
}

/// The fields of a file: those that are about the file, and not about the mirror's software and its wishes for caches.
fn file_fields(fields: Fields<'_>, body_bytes: Option<u64>, mirror: &str) -> FieldBlock {
    let mut kept = FieldBlock::new();
    let modified = fields.only("last-modified").map(<[u8]>::to_vec);
    let kind = fields.only("content-type").unwrap_or(b"application/octet-stream").to_vec();
    // All mirrors have the same file, and each another tag for it: this one is of the file.
    let tag = modified
        .as_ref()
        .zip(body_bytes)
        .map(|(modified, bytes)| format!("\"{:x}-{bytes:x}\"", xxhash_rust::xxh3::xxh3_64(modified)).into_bytes());
    let all =
        [("Content-Type", Some(kind)), ("Last-Modified", modified), ("ETag", tag), ("X-Mirror", Some(mirror.into()))];
    for (name, value) in all {
        if let Some(value) = value {
            // They were valid when they came.
            let _ = kept.push(name.as_bytes(), &value);
        }
    }
    kept
}
