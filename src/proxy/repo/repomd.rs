//! The thread's job for the `repomd.xml` that clients are shown.
//!
//! Lives here: whom to believe, and when a new one is shown: once the metadata it names are here and right. Until then
//! clients get the old one. Of a repo that was never seen there is no old one: the first is shown at once, and what it
//! names is gathered meanwhile. Not here: what a `repomd.xml` means (`shelf`), gathering (`gather`).

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::Method;

use super::archive::{self, REPOMD_BYTES_MAX, at};
use super::fill::{Means, RepoFill, TRIES_MAX, Votes, file_head, give_up, label, refresh};
use super::gather::Gather;
use super::mirrors::{Candidate, own_fields};
use super::route::Route;
use super::standing::Outcome;
use crate::cache::store::{Draft, Entry, Head, Refill};
use crate::http::Fields;
use crate::proxy::fetch::{Ask, Failure, Fetcher, Got, Namer, io_failure, unix_ms};
use crate::repodata::Metalink;
use crate::shelf::{Gathering, Generation, Judgement, Keep, Shelf, Table};

/// Mirrors that are asked whether they have a newer one, when the first has ours and the metalink knows a newer one.
const NEWER_TRIES_MAX: usize = 4;

/// The bytes of a `repomd.xml` and where they come from.
struct Found {
    body: Vec<u8>,
    got: Got,
    head: Head,
}

/// Fetches the `repomd.xml` of a repo. It ends the draft in every case.
pub fn run(fill: RepoFill, fetcher: &Fetcher) {
    let RepoFill { draft, route, old, means } = fill;
    let mirrors = Arc::clone(&route.repo.mirrors);
    let asked = mirrors.candidates(&route, fetcher, means.patience).and_then(|candidates| {
        Ok((mirrors.metalink(&route, fetcher, means.patience, route.repo.settings.pointer)?, candidates))
    });
    let (metalink, candidates) = match asked {
        Ok(asked) => asked,
        Err(failure) => return give_up(draft, &route, &means, Votes::default(), Some(failure)),
    };
    let Some(shelf) = route.repo.shelves.make(&route.releasever, &route.arch) else {
        return draft.fail("503 clients have asked for too many releases of this repo");
    };
    let job = Job { route: &route, shelf: &shelf, means: &means, fetcher, metalink: metalink.as_deref() };
    let mut votes = Votes { asked: candidates.len().min(TRIES_MAX), ..Votes::default() };
    let (mut same, mut behind, mut last_failure) = (None, None, None);
    for (number, candidate) in candidates.iter().take(TRIES_MAX).enumerate() {
        if same.is_some() && number >= NEWER_TRIES_MAX {
            break;
        }
        let began = Instant::now();
        let (outcome, why) = match job.fetch(candidate) {
            Err(Some(failure)) => {
                let why = failure.to_string();
                last_failure = Some(failure);
                (Outcome::Failed, why)
            }
            Err(None) => {
                votes.missing += 1;
                (Outcome::Missing, "it is not there".to_owned())
            }
            Ok(found) => {
                let served = Outcome::Served(found.body.len() as u64, began.elapsed());
                match shelf.judge(&found.body, job.metalink, unix_ms()) {
                    Judgement::Same => {
                        let is_latest = job.is_latest(&found.body);
                        let outcome = if is_latest { served } else { Outcome::Behind };
                        mirrors.report(&route, candidate, outcome, "the metalink knows a newer one");
                        if is_latest {
                            return job.same(draft, old, found);
                        }
                        same = same.or(Some(found));
                        continue;
                    }
                    Judgement::New(generation) => {
                        mirrors.report(&route, candidate, served, "");
                        return job.newer(draft, old, found, *generation);
                    }
                    Judgement::Older => {
                        behind = behind.or(Some(found));
                        (Outcome::Behind, "it is older than the one we have".to_owned())
                    }
                    Judgement::Fault(fault) => {
                        means.counts.wrong_bodies.add(1);
                        last_failure = Some(Failure::BadAnswer(fault.to_string()));
                        (Outcome::Wrong, fault.to_string())
                    }
                    Judgement::Unlisted => {
                        means.counts.wrong_bodies.add(1);
                        let why = "the metalink does not know it";
                        last_failure = Some(Failure::BadAnswer(why.to_owned()));
                        (Outcome::Wrong, why.to_owned())
                    }
                }
            }
        };
        votes.is_disputed |= outcome == Outcome::Wrong;
        mirrors.report(&route, candidate, outcome, &why);
        if votes.missing >= route.repo.settings.missing_mirrors && same.is_none() && behind.is_none() {
            break;
        }
    }
    match (same, behind, old) {
        (Some(found), _, old) => job.same(draft, old, found),
        // All who answer are behind us: what we have is the best there is.
        (None, Some(found), Some(old)) => refresh(draft, &route, &old, &found.got),
        (None, Some(_), None) => job.bring_back(draft),
        (None, None, _) => give_up(draft, &route, &means, votes, last_failure),
    }
}

/// What it takes to judge and to show.
struct Job<'j> {
    route: &'j Route,
    shelf: &'j Arc<Shelf>,
    means: &'j Means,
    fetcher: &'j Fetcher,
    metalink: Option<&'j Metalink>,
}

impl Job<'_> {
    /// The file as a mirror has it now. No conditions: a mirror's word that nothing has changed since is worth less
    /// than six kilobytes. `None`: it is not there.
    fn fetch(&self, candidate: &Candidate) -> Result<Found, Option<Failure>> {
        let uri = candidate.uri.clone();
        let patience = self.means.patience;
        let ask =
            Ask { method: Method::GET, uri, fields: own_fields(), content: None, patience, namer: Namer::Operator };
        let mut got = self.fetcher.fetch(ask).map_err(Some)?;
        match got.status {
            200 => {}
            404 | 410 => return Err(None),
            status => return Err(Some(Failure::BadAnswer(format!("status {status}")))),
        }
        let mut body = Vec::new();
        let read = (&mut got.body).take(REPOMD_BYTES_MAX as u64 + 1).read_to_end(&mut body);
        read.map_err(|error| Some(io_failure(&error)))?;
        self.means.counts.fetched_bytes.add(body.len() as u64);
        if body.len() > REPOMD_BYTES_MAX {
            return Err(Some(Failure::BadAnswer("it is longer than any real one".to_owned())));
        }
        let head = file_head(&got, Some(body.len() as u64), candidate);
        Ok(Found { body, got, head })
    }

    /// Whether the metalink, where there is one, knows none that is newer.
    fn is_latest(&self, body: &[u8]) -> bool {
        let latest = self.metalink.and_then(|metalink| metalink.files.first());
        latest.is_none_or(|latest| latest.is(body))
    }

    /// A mirror has what is shown.
    fn same(&self, draft: Draft, old: Option<Arc<Entry>>, found: Found) {
        let Some(current) = self.shelf.current() else { return draft.fail("502 it was withdrawn") };
        match old.filter(|old| old.metadata().body_sha256 == Some(current.sha256())) {
            Some(old) => {
                self.means.counts.refreshed.add(1);
                refresh(draft, self.route, &old, &found.got);
            }
            None => self.write(draft, &found.body, found.head.clone()),
        }
        // What was purged.
        if current.packages().is_some() && archive::repomd_of(&self.means.store, self.route, &current).is_none() {
            self.archive(&current, &found);
        }
        // What could not be gathered when it came.
        if current.packages().is_none()
            && let Some(gathering) = self.shelf.begin_gathering()
        {
            self.complete(&current, &found, gathering);
        }
    }

    /// A mirror has a newer one.
    fn newer(&self, draft: Draft, old: Option<Arc<Entry>>, found: Found, generation: Generation) {
        let Some(gathering) = self.shelf.begin_gathering() else {
            // Another thread is at it. Where there is nothing else to show, it is about to show this.
            return match old {
                Some(old) => refresh(draft, self.route, &old, &found.got),
                None => self.write(draft, &found.body, found.head.clone()),
            };
        };
        let is_first = self.shelf.current().is_none();
        match old {
            Some(old) if !is_first => {
                // Clients go on with the old one meanwhile.
                refresh(draft, self.route, &old, &found.got);
                let generation = Arc::new(generation);
                match self.gather(&generation) {
                    Ok(table) => self.show(table, unix_ms(), &found, None),
                    Err(why) => eprintln!(
                        "repo name={} generation={} state=waiting error=\"{why}\"",
                        at(self.route),
                        generation.id()
                    ),
                }
                drop(gathering);
            }
            _ => {
                let generation = Arc::new(generation.shown(None, unix_ms()));
                let left = self.shelf.show(Arc::clone(&generation), self.keep());
                archive::discard(&self.means.store, self.route, self.shelf, &left);
                self.write(draft, &found.body, found.head.clone());
                self.complete(&generation, &found, gathering);
            }
        }
    }

    /// Gathers what the generation names that is shown already, so that its packages are known.
    fn complete(&self, generation: &Arc<Generation>, found: &Found, gathering: Gathering) {
        match self.gather(generation) {
            Ok(table) => self.show(table, generation.visible_at_ms(), found, Some(generation)),
            Err(why) => {
                eprintln!(
                    "repo name={} generation={} state=incomplete error=\"{why}\"",
                    at(self.route),
                    generation.id()
                );
            }
        }
        drop(gathering);
    }

    fn gather(&self, generation: &Arc<Generation>) -> Result<Table, String> {
        let gather =
            Gather { route: self.route, shelf: self.shelf, generation, means: self.means, fetcher: self.fetcher };
        gather.run()
    }

    /// Shows a generation of which all is here; `shown` where clients see its `repomd.xml` already.
    fn show(&self, table: Table, visible_at_ms: u64, found: &Found, shown: Option<&Arc<Generation>>) {
        // It was read before: the same bytes give the same generation.
        let Ok(generation) = Generation::read(&found.body) else { return };
        let (store, generation) = (&self.means.store, Arc::new(generation.shown(Some(table), visible_at_ms)));
        self.archive(&generation, found);
        // First what is known of files, then the file that leads to them.
        let left = self.shelf.show(Arc::clone(&generation), self.keep());
        if shown.is_none() {
            self.replace(found);
            eprintln!(
                "repo name={} generation={} state=shown mirror={}",
                at(self.route),
                generation.id(),
                found.head.fields.fields().only("x-mirror").and_then(|name| str::from_utf8(name).ok()).unwrap_or("-")
            );
        }
        archive::discard(store, self.route, self.shelf, &left);
    }

    fn archive(&self, generation: &Arc<Generation>, found: &Found) {
        let kept = archive::keep(&self.means.store, self.route, generation, &found.body, found.head.clone());
        if let Err(error) = kept {
            // It is shown all the same, and forgotten when the program ends.
            eprintln!("repo name={} generation={} state=not_kept error=\"{error}\"", at(self.route), generation.id());
        }
    }

    /// Shows again what was shown, after it was purged, while all mirrors who answer are behind it.
    fn bring_back(&self, draft: Draft) {
        let current = self.shelf.current();
        match current.and_then(|current| archive::repomd_of(&self.means.store, self.route, &current)) {
            Some((body, head)) => self.write(draft, &body, head),
            None => draft.fail("502 all mirrors who answer are behind what was shown before"),
        }
    }

    /// Puts a `repomd.xml` in place of the one that clients get now.
    fn replace(&self, found: &Found) {
        let Some(key) = self.route.key() else { return };
        // Somebody may just be asking whether there is a new one: he finds this one, or puts it there.
        for _ in 0..100 {
            match self.means.store.refill(&key, Fields::NONE) {
                Refill::Started(draft) => return self.write(draft, &found.body, found.head.clone()),
                Refill::Joined(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn write(&self, mut draft: Draft, body: &[u8], head: Head) {
        let begun = draft.begin(head, label(self.route), Some(body.len() as u64), true);
        let written = begun.and_then(|()| draft.append(body));
        if let Err(error) = written {
            self.means.counts.not_stored.add(1);
            return draft.fail(&format!("500 {error}"));
        }
        let sha256 = draft.sha256();
        if let Err(error) = draft.commit(sha256) {
            self.means.counts.not_stored.add(1);
            eprintln!("cache state=not_stored error=\"{error}\"");
        }
    }

    fn keep(&self) -> Keep {
        let settings = &self.route.repo.settings;
        Keep { count_max: settings.generations_max, ms_max: settings.generations_keep.as_millis() as u64 }
    }
}
