//! `Mirrors`: a repo's mirrors in the order in which to try them, and what is remembered of them.
//!
//! Lives here: where the list comes from and for how long it is kept, who failed, who is slow, who served a path last.
//! All of it expires. Not here: fetching files (`fill`), reading lists (`lists`).

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::http::{Method, Uri};
use xxhash_rust::xxh3::xxh3_64;

use super::lists::{LIST_BYTES_MAX, of_metalink, of_text, with_slash};
use super::route::{Lists, Route};
use crate::config::RepoSource;
use crate::http::FieldBlock;
use crate::proxy::fetch::{Ask, Failure, Fetcher, Namer, Patience};

/// How long a list is kept, and for how long it is used when no other can be had.
const LIST_KEEP: Duration = Duration::from_secs(3600);
/// When a list that could not be had is asked for again.
const LIST_RETRY: Duration = Duration::from_secs(30);
/// Lists of one repo that are kept: one for each release and architecture.
const LISTS_MAX: usize = 1024;
/// How long it is remembered who served a path.
const PATH_KEEP: Duration = Duration::from_secs(600);
/// Paths that are remembered.
const PATHS_MAX: usize = 65_536;
/// For how long a mirror that failed once is asked last; twice as long for each further time.
const AVOID_MIN: Duration = Duration::from_secs(10);
/// At the most.
const AVOID_MAX: Duration = Duration::from_secs(600);
/// How long a measured speed counts.
const SPEED_KEEP: Duration = Duration::from_secs(1800);
/// Weight of the last measurement in the average.
const SPEED_WEIGHT: f64 = 0.3;
/// A mirror this much slower than the best that was measured is asked after the others.
const SLOW_FACTOR: f64 = 8.0;
/// Bodies shorter than that measure the way, not the mirror, bytes.
const MEASURE_BYTES_MIN: u64 = 256 * 1024;

/// A mirror to try for a file.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where the file is there.
    pub uri: Uri,
    /// The mirror's base URL.
    pub base: Arc<str>,
}

impl Candidate {
    /// The mirror's host, for logs and the field `X-Mirror`.
    pub fn mirror(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }
}

/// What came of trying a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It gave so many bytes in that time.
    Served(u64, Duration),
    /// It does not have the file.
    Missing,
    /// It did not answer, or not well, or broke off.
    Failed,
    /// What it gave is not what the file has to be.
    Wrong,
}

/// What is remembered of a mirror.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    failure_count: u32,
    avoided_until: Option<Instant>,
    /// Bytes per second, and when that was measured last.
    speed: Option<(f64, Instant)>,
    served: u64,
    failed: u64,
}

/// A list that is kept.
#[derive(Clone)]
struct Listed {
    bases: Arc<[Arc<str>]>,
    until: Instant,
}

#[derive(Default)]
struct State {
    listed: HashMap<(Box<str>, Box<str>), Listed>,
    standings: HashMap<Arc<str>, Standing>,
    /// Who served a path, by its hash.
    paths: HashMap<u64, (Arc<str>, Instant)>,
}

/// A repo's mirrors.
pub struct Mirrors {
    source: RepoSource,
    lists: Option<Arc<dyn Lists>>,
    state: Mutex<State>,
    /// Held while a list is fetched: who needs the same waits for it.
    fetching: Mutex<()>,
}

impl Mirrors {
    /// Mirrors from there.
    pub fn new(source: RepoSource, lists: Option<Arc<dyn Lists>>) -> Mirrors {
        Mirrors { source, lists, state: Mutex::default(), fetching: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who may have a file, in the order in which to try. Fetches the list when it is due.
    pub fn candidates(&self, route: &Route, fetcher: &Fetcher, patience: Patience) -> Result<Vec<Candidate>, Failure> {
        let bases = self.bases(route, fetcher, patience)?;
        let now = Instant::now();
        let state = self.state();
        let last = state.paths.get(&path_hash(route)).filter(|(_, at)| now.duration_since(*at) < PATH_KEEP);
        let speed = |base: &Arc<str>| {
            let (speed, at) = state.standings.get(base)?.speed?;
            (now.duration_since(at) < SPEED_KEEP).then_some(speed)
        };
        let best = bases.iter().filter_map(speed).fold(0.0, f64::max);
        let mut ordered: Vec<&Arc<str>> = bases.iter().collect();
        // Stable: within a class the order of the list holds.
        ordered.sort_by_key(|base| {
            let avoided = state.standings.get(*base).and_then(|standing| standing.avoided_until);
            match (avoided.is_some_and(|until| until > now), speed(base)) {
                (true, _) => 3,
                (false, _) if last.is_some_and(|(served, _)| served == *base) => 0,
                (false, Some(speed)) if speed * SLOW_FACTOR < best => 2,
                (false, _) => 1,
            }
        });
        let candidate = |base: &Arc<str>| {
            Some(Candidate { uri: format!("{base}{}", route.path).parse().ok()?, base: Arc::clone(base) })
        };
        Ok(ordered.into_iter().filter_map(candidate).collect())
    }

    /// What came of trying one.
    pub fn report(&self, route: &Route, candidate: &Candidate, outcome: Outcome) {
        let now = Instant::now();
        let mut state = self.state();
        if state.standings.len() > LISTS_MAX * 4 {
            state.standings.clear();
        }
        let standing = state.standings.entry(Arc::clone(&candidate.base)).or_default();
        match outcome {
            Outcome::Served(bytes, took) => {
                standing.served += 1;
                standing.failure_count = 0;
                standing.avoided_until = None;
                if bytes >= MEASURE_BYTES_MIN {
                    let measured = bytes as f64 / took.as_secs_f64().max(0.001);
                    let before = standing.speed.map_or(measured, |(speed, _)| speed);
                    standing.speed = Some((before + SPEED_WEIGHT * (measured - before), now));
                }
                if state.paths.len() >= PATHS_MAX {
                    state.paths.clear();
                }
                state.paths.insert(path_hash(route), (Arc::clone(&candidate.base), now));
            }
            Outcome::Failed | Outcome::Wrong => {
                standing.failed += 1;
                let avoid = AVOID_MIN.saturating_mul(1 << standing.failure_count.min(16)).min(AVOID_MAX);
                standing.failure_count = standing.failure_count.saturating_add(1);
                standing.avoided_until = Some(now + avoid);
                state.paths.remove(&path_hash(route));
            }
            Outcome::Missing => drop(state.paths.remove(&path_hash(route))),
        }
    }

    /// For each mirror that was tried: base URL, files served, failures, and whether it is avoided now.
    pub fn standings(&self) -> Vec<(Arc<str>, u64, u64, bool)> {
        let now = Instant::now();
        let state = self.state();
        let told = |(base, standing): (&Arc<str>, &Standing)| {
            let is_avoided = standing.avoided_until.is_some_and(|until| until > now);
            (Arc::clone(base), standing.served, standing.failed, is_avoided)
        };
        let mut all: Vec<_> = state.standings.iter().map(told).collect();
        all.sort_unstable();
        all
    }

    fn kept(&self, of: &(Box<str>, Box<str>)) -> Option<Listed> {
        self.state().listed.get(of).cloned()
    }

    fn bases(&self, route: &Route, fetcher: &Fetcher, patience: Patience) -> Result<Arc<[Arc<str>]>, Failure> {
        let of = (route.releasever.clone(), route.arch.clone());
        let is_due = |listed: &Listed| Instant::now() >= listed.until;
        if let Some(listed) = self.kept(&of).filter(|listed| !is_due(listed)) {
            return Ok(listed.bases);
        }
        let _fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have brought it while we waited.
        let old = self.kept(&of);
        if let Some(listed) = old.as_ref().filter(|listed| !is_due(listed)) {
            return Ok(Arc::clone(&listed.bases));
        }
        let made = self.make(route, fetcher, patience).and_then(|bases| match bases.is_empty() {
            true => Err(Failure::BadAnswer("the list of mirrors is empty".to_owned())),
            false => Ok(bases),
        });
        let (listed, result) = match (made, old) {
            (Ok(bases), _) => {
                let bases: Arc<[Arc<str>]> = bases.into_iter().map(Arc::from).collect();
                let until = Instant::now() + LIST_KEEP;
                (Listed { bases: Arc::clone(&bases), until }, bases)
            }
            // The list's server is down: mirrors of an hour ago are better than none.
            (Err(failure), Some(old)) => {
                eprintln!("repo name={} list=kept error=\"{failure}\"", route.repo.settings.name);
                (Listed { bases: Arc::clone(&old.bases), until: Instant::now() + LIST_RETRY }, old.bases)
            }
            (Err(failure), None) => return Err(failure),
        };
        let mut state = self.state();
        if state.listed.len() >= LISTS_MAX {
            state.listed.clear();
        }
        state.listed.insert(of, listed);
        Ok(result)
    }

    fn make(&self, route: &Route, fetcher: &Fetcher, patience: Patience) -> Result<Vec<String>, Failure> {
        let get = |url: &str| fetch_text(&filled(url, route), fetcher, patience);
        Ok(match &self.source {
            RepoSource::Mirrorlist(url) => of_text(&get(url)?),
            RepoSource::Metalink(url) => of_metalink(&get(url)?),
            RepoSource::BaseUrls(urls) => urls.iter().map(|url| with_slash(&filled(url, route))).collect(),
            RepoSource::Snapshot => {
                let name = &route.repo.settings.name;
                self.lists.as_ref().map(|lists| lists.lists(name, &route.releasever, &route.arch)).unwrap_or_default()
            }
        })
    }
}

fn path_hash(route: &Route) -> u64 {
    xxh3_64(format!("{}/{}/{}", route.releasever, route.arch, route.path).as_bytes())
}

/// A URL with release and architecture put in.
fn filled(template: &str, route: &Route) -> String {
    let (releasever, arch) = (&*route.releasever, &*route.arch);
    [
        ("{releasever}", releasever),
        ("$releasever", releasever),
        ("{arch}", arch),
        ("{basearch}", arch),
        ("$basearch", arch),
        ("$arch", arch),
    ]
    .iter()
    .fold(template.to_owned(), |url, (name, value)| url.replace(name, value))
}

fn fetch_text(url: &str, fetcher: &Fetcher, patience: Patience) -> Result<String, Failure> {
    let uri = url.parse().map_err(|_| Failure::BadAnswer(format!("`{url}` is no URL")))?;
    let ask = Ask { method: Method::GET, uri, fields: own_fields(), content: None, patience, namer: Namer::Operator };
    let got = fetcher.fetch(ask)?;
    if got.status != 200 {
        return Err(Failure::BadAnswer(format!("the list of mirrors was answered with {}", got.status)));
    }
    let mut text = Vec::new();
    let read = got.body.take(LIST_BYTES_MAX as u64 + 1).read_to_end(&mut text);
    read.map_err(|error| crate::proxy::fetch::io_failure(&error))?;
    if text.len() > LIST_BYTES_MAX {
        return Err(Failure::BadAnswer("the list of mirrors is too long".to_owned()));
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The fields of requests that we make for ourselves.
pub fn own_fields() -> FieldBlock {
    let mut fields = FieldBlock::new();
    let agent = concat!("mirrorlistd/", env!("CARGO_PKG_VERSION"));
    for (name, value) in [("User-Agent", agent), ("Accept", "*/*"), ("Accept-Encoding", "identity")] {
        // All of them are valid.
        let _ = fields.push(name.as_bytes(), value.as_bytes());
    }
    fields
}
