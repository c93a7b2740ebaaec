//! `RepoFill`: the thread's job that brings a repo's file into the store, from as many mirrors as it takes.
//!
//! Lives here: trying one mirror after the other, going on in mid-body with the next, when a file counts as missing.
//! Also who is to blame when the whole is not what it has to be. Not here: the order of mirrors (`mirrors`), what a
//! file has to be (`expected`), `repomd.xml` (`repomd`), the web at large (`proxy::fill`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::Method;

use super::expected::{Expected, digest_of};
use super::mirrors::{Candidate, own_fields};
use super::route::{REPOMD, Route, Stand};
use super::standing::Outcome;
use crate::cache::semantics::Variant;
use crate::cache::store::{Absence, Draft, Entry, Head, Label, Store, StoreError};
use crate::http::{FieldBlock, Fields};
use crate::proxy::counters::FillCounts;
use crate::proxy::fetch::{Ask, Failure, Fetcher, Got, Namer, Patience, content_range, unix_ms};
use crate::proxy::fill::{CopyError, copy};

/// The label of files of repos.
pub const REPO: u8 = 1;
/// How long mirrors are believed that say that a file is not there, milliseconds.
const MISSING_MS: u64 = 60_000;
/// Most mirrors that are tried for one file.
pub(super) const TRIES_MAX: usize = 20;
/// How long a package waits for the list of packages that is just being read, so that it can be held against it.
const LIST_WAIT: Duration = Duration::from_secs(15);
const LIST_LOOK: Duration = Duration::from_millis(50);

/// A file on its way into the store. It ends the draft in every case.
pub struct RepoFill {
    /// Where it goes.
    pub draft: Draft,
    /// Which file.
    pub route: Route,
    /// What is there already and may still hold.
    pub old: Option<Arc<Entry>>,
    /// What it takes.
    pub means: Means,
}

/// What all fills of a kind have in common.
#[derive(Clone)]
pub struct Means {
    /// How long a mirror may take.
    pub patience: Patience,
    /// The store.
    pub store: Store,
    /// What is counted.
    pub counts: Arc<FillCounts>,
}

/// A fill under way.
struct Progress {
    draft: Draft,
    route: Route,
    old: Option<Arc<Entry>>,
    means: Means,
    expected: Expected,
    /// A head was shown.
    is_begun: bool,
    body_bytes: Option<u64>,
    /// Whose bytes the body has so far.
    sources: Vec<Candidate>,
    /// One of these gave bytes that are wrong.
    suspects: Vec<Candidate>,
    /// Readers may have seen bytes that are wrong.
    is_tainted: bool,
}

/// What one mirror came to.
enum Tried {
    /// The body is whole.
    Whole,
    /// It says that the old object still holds.
    Unchanged(Box<Got>),
    /// The next one.
    Next(Outcome, Option<Failure>),
    /// The whole is wrong, and several mirrors had a part in it: this one again, alone.
    Again,
    /// The cache cannot take it: who waits gets it around the cache.
    Untaken(StoreError),
    /// No mirror can help.
    Hopeless(String),
}

impl RepoFill {
    /// Fetches.
    pub fn run(self, fetcher: &Fetcher) {
        self.means.counts.fills.add(1);
        if self.route.is_shown_repomd() {
            return super::repomd::run(self, fetcher);
        }
        if is_past(&self.route) {
            self.means.counts.failed_fills.add(1);
            return self.draft.fail("404 this belongs to a generation that is not shown any more, and was not kept");
        }
        let expected = expected(&self.route);
        let RepoFill { draft, route, old, means } = self;
        let progress = Progress {
            draft,
            route,
            old,
            means,
            expected,
            is_begun: false,
            body_bytes: None,
            sources: Vec::new(),
            suspects: Vec::new(),
            is_tainted: false,
        };
        progress.run(fetcher);
    }
}

/// Whether mirrors cannot have it: what belongs to a generation that came before the one they have.
fn is_past(route: &Route) -> bool {
    let Stand::Of(generation) = &route.stand else { return false };
    let current = route.repo.shelves.find(&route.releasever, &route.arch).and_then(|shelf| shelf.current());
    // One that is being gathered is not visible yet, and what mirrors have now is its.
    let is_coming = generation.visible_at_ms() == 0;
    let has_gone = current.is_some_and(|current| current.visible_at_ms() > generation.visible_at_ms());
    &*route.path == REPOMD || (has_gone && !is_coming)
}

/// What the file has to be. May wait for a list of packages that is just being read.
pub fn expected(route: &Route) -> Expected {
    if let Stand::Known(known) = route.stand {
        return Expected::of(known);
    }
    let began = Instant::now();
    loop {
        let shelf = route.repo.shelves.find(&route.releasever, &route.arch);
        let Some(shelf) = shelf.filter(|_| matches!(route.stand, Stand::Path)) else { return Expected::default() };
        if let Some(known) = shelf.known(&route.path) {
            return Expected::of(known);
        }
        let is_coming = shelf.is_gathering() && shelf.current().is_some_and(|current| current.packages().is_none());
        if !is_coming || began.elapsed() > LIST_WAIT {
            return Expected::default();
        }
        std::thread::sleep(LIST_LOOK);
    }
}

/// What mirrors said that do not have a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Votes {
    /// So many may be asked.
    pub asked: usize,
    /// So many said that it is not there.
    pub missing: usize,
    /// One had it, and it was wrong.
    pub is_disputed: bool,
}

/// All mirrors were tried in vain. Those that did not answer have no say whether the file is there; but only what
/// enough of them say is remembered.
pub(super) fn give_up(draft: Draft, route: &Route, means: &Means, votes: Votes, last: Option<Failure>) {
    means.counts.failed_fills.add(1);
    let missing = votes.missing;
    if missing > 0 && !votes.is_disputed {
        let is_certain = missing >= route.repo.settings.missing_mirrors.min(votes.asked);
        if let Some(key) = route.key().filter(|_| is_certain) {
            means.store.set_absent(&key, Absence { status: 404, until_ms: unix_ms() + MISSING_MS });
        }
        return draft.fail(&format!("404 {missing} mirrors say that it is not there"));
    }
    let status = last.as_ref().map_or(502, Failure::status);
    let why = last.map_or_else(|| "no mirror has it".to_owned(), |failure| failure.to_string());
    draft.fail(&format!("{status} {why}"));
}

impl Progress {
    fn run(mut self, fetcher: &Fetcher) {
        let mirrors = Arc::clone(&self.route.repo.mirrors);
        let candidates = match mirrors.candidates(&self.route, fetcher, self.means.patience) {
            Ok(candidates) => candidates,
            Err(failure) => return give_up(self.draft, &self.route, &self.means, Votes::default(), Some(failure)),
        };
        let mut queue: VecDeque<Candidate> = candidates.into_iter().take(TRIES_MAX).collect();
        let mut votes = Votes { asked: queue.len(), ..Votes::default() };
        let mut last_failure = None;
        while let Some(candidate) = queue.pop_front() {
            let began = Instant::now();
            let before = self.draft.written_bytes();
            if self.is_begun {
                self.means.counts.failovers.add(1);
            }
            let tried = self.try_one(&candidate, fetcher);
            match tried {
                Tried::Whole => {
                    let bytes = self.draft.written_bytes().saturating_sub(before);
                    self.blame_suspects();
                    mirrors.report(&self.route, &candidate, Outcome::Served(bytes, began.elapsed()), "");
                    return self.commit();
                }
                Tried::Unchanged(got) => {
                    mirrors.report(&self.route, &candidate, Outcome::Served(0, began.elapsed()), "");
                    return self.refresh(&got);
                }
                Tried::Next(outcome, failure) => {
                    let why = failure.as_ref().map_or_else(String::new, Failure::to_string);
                    mirrors.report(&self.route, &candidate, outcome, &why);
                    votes.missing += usize::from(outcome == Outcome::Missing);
                    votes.is_disputed |= outcome == Outcome::Wrong;
                    last_failure = failure.or(last_failure);
                    if self.draft.written_bytes() > before && outcome == Outcome::Failed {
                        self.sources.push(candidate);
                    }
                    if votes.missing >= self.route.repo.settings.missing_mirrors && !self.is_begun {
                        break;
                    }
                }
                Tried::Again => queue.push_front(candidate),
                Tried::Untaken(error) => {
                    self.means.counts.not_stored.add(1);
                    eprintln!("cache state=not_stored error=\"{error}\"");
                    return self.draft.decline();
                }
                Tried::Hopeless(why) => {
                    self.blame_suspects();
                    self.means.counts.failed_fills.add(1);
                    return self.draft.fail(&format!("502 {why}"));
                }
            }
        }
        // Who has begun to send it has it.
        votes.is_disputed |= self.is_begun;
        give_up(self.draft, &self.route, &self.means, votes, last_failure);
    }

    fn blame_suspects(&mut self) {
        for suspect in self.suspects.drain(..) {
            let why = "its part of the file was wrong";
            self.route.repo.mirrors.report(&self.route, &suspect, Outcome::Wrong, why);
        }
    }

    fn try_one(&mut self, candidate: &Candidate, fetcher: &Fetcher) -> Tried {
        let counts = Arc::clone(&self.means.counts);
        let failed = |failure: Failure| Tried::Next(Outcome::Failed, Some(failure));
        let wrong = |what: &str| {
            counts.wrong_bodies.add(1);
            Tried::Next(Outcome::Wrong, Some(Failure::BadAnswer(what.to_owned())))
        };
        let mut got = match fetcher.fetch(self.ask(candidate)) {
            Ok(got) => got,
            Err(failure) => return failed(failure),
        };
        match (got.status, self.is_begun) {
            (304, false) if self.old.is_some() => return Tried::Unchanged(Box::new(got)),
            (404 | 410, _) => return Tried::Next(Outcome::Missing, None),
            (200, false) => {
                if self.expected.body_bytes.zip(got.body_bytes).is_some_and(|(wanted, told)| wanted != told) {
                    return wrong("it is not as long as it has to be");
                }
                if let Err(error) = self.begin(candidate, &got) {
                    return Tried::Untaken(error);
                }
            }
            // This one does not know ranges: what readers saw has to come again, and is compared.
            (200, true) => {
                if self.body_bytes.zip(got.body_bytes).is_some_and(|(wanted, told)| wanted != told) {
                    return wrong("it is not as long as that of another mirror");
                }
                self.draft.rewind();
                self.sources.clear();
            }
            (206, true) => {
                let range = content_range(got.fields.fields());
                let fits = range.is_some_and(|(first, _, whole)| {
                    first == self.draft.written_bytes() && (self.body_bytes.is_none() || whole == self.body_bytes)
                });
                if !fits {
                    return wrong("another range, or of a file of another length");
                }
            }
            (status, _) => return failed(Failure::BadAnswer(format!("status {status}"))),
        }
        match copy(&mut got.body, &mut self.draft, &counts) {
            Ok(()) => self.check(),
            Err(CopyError::Server(failure)) => failed(failure),
            // What clients have seen is not of this one, and was wrong: there is no way back for them.
            Err(CopyError::Store(StoreError::Diverged { .. }, _)) if self.is_tainted => {
                Tried::Hopeless("a mirror sent wrong bytes that clients have seen; ask again".to_owned())
            }
            Err(CopyError::Store(error @ (StoreError::Diverged { .. } | StoreError::Length { .. }), _)) => {
                self.draft.rewind();
                wrong(&error.to_string())
            }
            Err(CopyError::Store(error, _)) => Tried::Hopeless(error.to_string()),
        }
    }

    /// The body is over: is it what it has to be?
    fn check(&mut self) -> Tried {
        let written = self.draft.written_bytes();
        if let Some(whole) = self.body_bytes.filter(|whole| written < *whole) {
            return Tried::Next(Outcome::Failed, Some(Failure::Cut(format!("{written} of {whole} bytes"))));
        }
        match self.is_right() {
            Ok(true) => Tried::Whole,
            Ok(false) => {
                self.means.counts.wrong_bodies.add(1);
                self.is_tainted = self.draft.filling().visible_bytes() > 0;
                self.draft.rewind();
                if self.sources.is_empty() {
                    let why = "its checksum is not that of the metadata".to_owned();
                    return Tried::Next(Outcome::Wrong, Some(Failure::BadAnswer(why)));
                }
                self.suspects.append(&mut self.sources);
                Tried::Again
            }
            Err(error) => Tried::Hopeless(error.to_string()),
        }
    }

    fn is_right(&self) -> std::io::Result<bool> {
        let Some(digest) = self.expected.digest else { return Ok(true) };
        if let (Some(wanted), Some(found)) = (self.expected.sha256(), self.draft.sha256()) {
            return Ok(wanted == found);
        }
        // The store computes no other kind on the way.
        let filling = self.draft.filling();
        let Some((file, offset)) = filling.file() else { return Ok(false) };
        Ok(digest_of(digest.kind(), file, offset, self.draft.written_bytes())? == digest)
    }

    fn ask(&self, candidate: &Candidate) -> Ask {
        let mut fields = own_fields();
        let modified = self.old.as_ref().and_then(|old| old.metadata().head.fields.fields().only("last-modified"));
        let condition = match (self.is_begun, modified) {
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
            patience: self.means.patience,
            namer: Namer::Operator,
        }
    }

    fn begin(&mut self, candidate: &Candidate, got: &Got) -> Result<(), StoreError> {
        let body_bytes = self.expected.body_bytes.or(got.body_bytes);
        let head = file_head(got, body_bytes, candidate);
        self.draft.begin(head, label(&self.route), body_bytes, self.expected.digest.is_some())?;
        self.body_bytes = body_bytes;
        self.is_begun = true;
        Ok(())
    }

    fn refresh(self, got: &Got) {
        self.means.counts.refreshed.add(1);
        match self.old {
            Some(old) => refresh(self.draft, &self.route, &old, got),
            None => self.draft.fail("502 there is nothing to refresh"),
        }
    }

    fn commit(self) {
        if let Err(error) = self.draft.commit(self.expected.sha256()) {
            self.means.counts.not_stored.add(1);
            eprintln!("cache state=not_stored error=\"{error}\"");
        }
    }
}

/// The label of a repo's files.
pub(super) fn label(route: &Route) -> Label {
    Label { class: REPO, tag: route.repo.settings.name.clone() }
}

/// What is there still holds.
pub(super) fn refresh(draft: Draft, route: &Route, old: &Arc<Entry>, got: &Got) {
    let head = Head {
        requested_at_ms: got.requested_at_ms,
        responded_at_ms: got.responded_at_ms,
        ..old.metadata().head.clone()
    };
    if let Err(error) = draft.refresh(old, head, label(route)) {
        eprintln!("cache state=not_refreshed error=\"{error}\"");
    }
}

/// The head of a file as a mirror gave it.
pub(super) fn file_head(got: &Got, body_bytes: Option<u64>, candidate: &Candidate) -> Head {
    Head {
        status: 200,
        fields: file_fields(got.fields.fields(), body_bytes, candidate.mirror()),
        requested_at_ms: got.requested_at_ms,
        responded_at_ms: got.responded_at_ms,
        variant: Variant::default(),
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
