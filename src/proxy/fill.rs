//! `Fill`: the thread's job that brings one object of the web into the store, by RFC 9111.
//!
//! Lives here: asking the origin, what becomes of its answer, going on where it broke off. Not here: what the rules of
//! caching are (`cache::semantics`), objects of repos (`repo::fill`), what is not shared (`pass`).

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::{Method as WebMethod, Uri};

use super::counters::FillCounts;
use super::fetch::{Ask, Failure, Fetcher, Got, Namer, Patience, content_range, io_failure, unix_ms};
use super::pass;
use super::pipe::{PipeHead, Writer};
use crate::cache::semantics::{
    Policy, Response, confirms, forwarded_fields, freshened, may_serve_after_error, storable, storable_fields,
    unconditional_fields, validating_fields,
};
use crate::cache::store::{Draft, Entry, Head, Label, StoreError};
use crate::http::{FieldBlock, Method};

/// Bytes read at a time.
pub const READ_BYTES: usize = 64 * 1024;
/// How often is gone on where an answer broke off.
const RESUMES_MAX: usize = 3;
/// The least that has to come in each such time, or it counts as stalled: dnf gives up below 1,000 bytes per second.
const RATE_WINDOW: Duration = Duration::from_secs(30);
const RATE_BYTES_MIN: u64 = 30_000;

/// The label of what came from the web.
pub const WEB: u8 = 0;

/// One object on its way into the store. It ends the draft in every case.
pub struct Fill {
    /// Where it goes.
    pub draft: Draft,
    /// Where it comes from.
    pub uri: Uri,
    /// The same as a text, as the key has it.
    pub url: Box<str>,
    /// Fields of the request that caused it, with what a proxy adds.
    pub request: FieldBlock,
    /// What is there already.
    pub old: Option<Arc<Entry>>,
    /// Whether it is to be asked whether that still holds.
    pub validates: bool,
    /// Who asked gets what is not to be shared.
    pub leader: Option<Writer>,
    /// What the operator decides about caching.
    pub policy: Policy,
    /// How long it may take.
    pub patience: Patience,
    /// Who named the origin.
    pub namer: Namer,
    /// What is counted.
    pub counts: Arc<FillCounts>,
}

/// Why a body did not reach the store.
#[derive(Debug)]
pub enum CopyError {
    /// The server's fault.
    Server(Failure),
    /// The store's, and the bytes that it did not take.
    Store(StoreError, Vec<u8>),
}

/// Copies a body into a draft.
pub fn copy(body: &mut dyn Read, draft: &mut Draft, counts: &FillCounts) -> Result<(), CopyError> {
    let mut chunk = vec![0; READ_BYTES];
    let (mut window_began, mut window_bytes) = (Instant::now(), 0);
    loop {
        let bytes = match body.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(bytes) => bytes,
            Err(error) => return Err(CopyError::Server(io_failure(&error))),
        };
        counts.fetched_bytes.add(bytes as u64);
        if let Err(error) = draft.append(&chunk[..bytes]) {
            chunk.truncate(bytes);
            return Err(CopyError::Store(error, chunk));
        }
        window_bytes += bytes as u64;
        if window_began.elapsed() >= RATE_WINDOW {
            if window_bytes < RATE_BYTES_MIN {
                return Err(CopyError::Server(Failure::TimedOut("the body")));
            }
            (window_began, window_bytes) = (Instant::now(), 0);
        }
    }
}

/// What is known of a stored response, for the rules.
pub fn response_of(head: &Head) -> Response<'_> {
    Response {
        status: head.status,
        fields: head.fields.fields(),
        requested_at_ms: head.requested_at_ms,
        responded_at_ms: head.responded_at_ms,
    }
}

impl Fill {
    /// Fetches.
    pub fn run(mut self, fetcher: &Fetcher) {
        self.counts.fills.add(1);
        let old = self.old.take();
        let fields = match &old {
            Some(old) if self.validates => validating_fields(self.request.fields(), &response_of(&old.metadata().head)),
            _ => unconditional_fields(self.request.fields()),
        };
        let hints = self.leader.as_ref().map(Writer::hints);
        let got = match fetcher.fetch_hinted(self.ask(fields), hints) {
            Ok(got) => got,
            Err(failure) => return self.fail(&failure),
        };
        match old {
            Some(old) if got.status == 304 && self.validates => self.refresh(&old, got, fetcher),
            Some(old) if self.prefers(&old, &got) => {
                self.counts.failed_fills.add(1);
                let status = got.status;
                drop(self.leader.take());
                self.draft.fail(&format!("{status} the origin answered {status}"));
            }
            // Without a condition there is nothing that could not have been modified.
            _ if got.status == 304 => self.fail(&Failure::BadAnswer("304 to a request without a condition".into())),
            _ => self.take(got, fetcher),
        }
    }

    fn ask(&self, fields: FieldBlock) -> Ask {
        Ask {
            method: WebMethod::GET,
            uri: self.uri.clone(),
            fields,
            content: None,
            patience: self.patience,
            namer: self.namer,
        }
    }

    fn fail(mut self, failure: &Failure) {
        self.counts.failed_fills.add(1);
        let status = failure.status();
        if let Some(leader) = self.leader.take() {
            leader.fail(status, failure.to_string());
        }
        self.draft.fail(&format!("{status} {failure}"));
    }

    /// Whether the old object is a better answer than this one.
    fn prefers(&self, old: &Entry, got: &Got) -> bool {
        let stored = response_of(&old.metadata().head);
        got.status >= 500
            && may_serve_after_error(&self.policy, self.request.fields(), &stored, Some(got.status), unix_ms())
    }

    /// The old object still holds.
    fn refresh(self, old: &Arc<Entry>, got: Got, fetcher: &Fetcher) {
        let stored = &old.metadata().head;
        if !confirms(stored.fields.fields(), got.fields.fields()) {
            // It is about another response than ours: this one has to come whole.
            let fields = unconditional_fields(self.request.fields());
            drop(got);
            return match fetcher.fetch(self.ask(fields)) {
                Ok(got) if got.status == 304 => self.fail(&Failure::BadAnswer("304 without a condition".into())),
                Ok(got) => self.take(got, fetcher),
                Err(failure) => self.fail(&failure),
            };
        }
        self.counts.refreshed.add(1);
        let head = Head {
            status: stored.status,
            fields: freshened(stored.fields.fields(), got.fields.fields(), got.responded_at_ms),
            requested_at_ms: got.requested_at_ms,
            responded_at_ms: got.responded_at_ms,
            variant: stored.variant.clone(),
        };
        // Whoever waits finds the old object again when this cannot be kept.
        if let Err(error) = self.draft.refresh(old, head, old.metadata().label.clone()) {
            eprintln!("cache state=not_refreshed error=\"{error}\"");
        }
    }

    /// A whole response: into the store, or to who asked.
    fn take(mut self, got: Got, fetcher: &Fetcher) {
        let response = Response {
            status: got.status,
            fields: got.fields.fields(),
            requested_at_ms: got.requested_at_ms,
            responded_at_ms: got.responded_at_ms,
        };
        let Ok(variant) = storable(&self.policy, Method::Get, &self.url, self.request.fields(), &response) else {
            return self.pass_on(got);
        };
        let head = Head {
            status: got.status,
            fields: storable_fields(got.fields.fields(), got.responded_at_ms),
            requested_at_ms: got.requested_at_ms,
            responded_at_ms: got.responded_at_ms,
            variant,
        };
        let label = Label { class: WEB, tag: String::new() };
        let body_bytes = if matches!(got.status, 204 | 205) { Some(0) } else { got.body_bytes };
        // For who asked, fields count that are not kept.
        if let Some(leader) = &mut self.leader {
            let fields = passed_fields(&got.fields);
            leader.open(PipeHead { status: got.status, fields, body_bytes: got.body_bytes });
        }
        match self.draft.begin(head, label, body_bytes, false) {
            Ok(()) => self.store(got, fetcher),
            // Too large, or no room: it is served, and not kept.
            Err(_) => {
                self.counts.not_stored.add(1);
                self.pass_on(got);
            }
        }
    }

    /// What is not to be shared goes to who asked; the others ask for themselves.
    fn pass_on(mut self, got: Got) {
        let mut leader = self.leader.take();
        // Conditions and ranges were not passed on: who asked does so again, with them. He has to know that first.
        if has_conditions(&self.request)
            && let Some(leader) = leader.take()
        {
            leader.decline();
        }
        self.draft.decline();
        if let Some(leader) = leader {
            pass::copy(got, leader, &self.counts);
        }
    }

    fn store(mut self, mut got: Got, fetcher: &Fetcher) {
        let (whole, validator) = (got.body_bytes, strong_validator(&got.fields));
        let mut resumes = 0;
        loop {
            match copy(&mut got.body, &mut self.draft, &self.counts) {
                Ok(()) => break,
                Err(CopyError::Server(failure)) => {
                    let next =
                        (resumes < RESUMES_MAX).then(|| self.resume(whole, validator.as_deref(), fetcher)).flatten();
                    match next {
                        Some(rest) => {
                            self.counts.failovers.add(1);
                            got = rest;
                            resumes += 1;
                        }
                        None => return self.fail(&failure),
                    }
                }
                // Larger than was said, or the disk is full: who asked gets the rest, and nothing is kept.
                Err(CopyError::Store(error, untaken)) => {
                    self.counts.not_stored.add(1);
                    let leader = self.leader.take();
                    self.draft.fail(&format!("500 {error}"));
                    if let Some(leader) = leader {
                        pass::copy_rest(&untaken, &mut got.body, leader, &self.counts);
                    }
                    return;
                }
            }
        }
        if let Err(error) = self.draft.commit(None) {
            self.counts.not_stored.add(1);
            eprintln!("cache state=not_stored error=\"{error}\"");
        }
    }

    /// The rest of a body that broke off, if the origin still has the same.
    fn resume(&self, whole: Option<u64>, validator: Option<&[u8]>, fetcher: &Fetcher) -> Option<Got> {
        let (whole, validator, written) = (whole?, validator?, self.draft.written_bytes());
        let mut fields = unconditional_fields(self.request.fields());
        let asked =
            fields.push(b"Range", format!("bytes={written}-").as_bytes()) && fields.push(b"If-Range", validator);
        let got = asked.then(|| fetcher.fetch(self.ask(fields)).ok()).flatten()?;
        let range = content_range(got.fields.fields());
        (got.status == 206 && range == Some((written, whole - 1, Some(whole)))).then_some(got)
    }
}

fn has_conditions(request: &FieldBlock) -> bool {
    ["range", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since"]
        .iter()
        .any(|name| request.fields().has(name))
}

/// What says that a body is the same to the byte.
fn strong_validator(fields: &FieldBlock) -> Option<Vec<u8>> {
    let tag = fields.fields().only("etag").filter(|tag| tag.starts_with(b"\""))?;
    Some(tag.to_vec())
}

/// The fields of a message that are passed on, without its length, which is written anew.
pub fn passed_fields(fields: &FieldBlock) -> FieldBlock {
    let mut passed = forwarded_fields(fields.fields());
    passed.remove("content-length");
    passed
}
