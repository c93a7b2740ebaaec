//! `Mirrors`: a repo's mirrors in the order in which to try them.
//!
//! Lives here: where the list comes from and for how long it is kept. Not here: what is remembered of mirrors
//! (`standing`), fetching files (`fill`), reading lists (`repodata`).

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::http::{Method, Uri};
use xxhash_rust::xxh3::xxh3_64;

use super::route::{Lists, Route};
use super::standing::{Outcome, Standings, Subject, Told};
use crate::config::RepoSource;
use crate::http::FieldBlock;
use crate::proxy::fetch::{Ask, Failure, Fetcher, Namer, Patience};
use crate::repodata::{Metalink, mirrors_of};

/// How long a list is kept, and for how long it is used when no other can be had.
const LIST_KEEP: Duration = Duration::from_secs(3600);
/// When a list that could not be had is asked for again.
const LIST_RETRY: Duration = Duration::from_secs(30);
/// Lists of one repo that are kept: one for each release and architecture.
const LISTS_MAX: usize = 1024;
/// Longest list, bytes.
const LIST_BYTES_MAX: usize = 1 << 20;
/// Most mirrors that are taken of one list.
const MIRRORS_MAX: usize = 256;

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

/// A list that is kept.
#[derive(Clone)]
struct Listed {
    bases: Arc<[Arc<str>]>,
    metalink: Option<Arc<Metalink>>,
    brought: Instant,
    until: Instant,
}

#[derive(Default)]
struct State {
    listed: HashMap<(Box<str>, Box<str>), Listed>,
    standings: Standings,
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
        let listed = self.listed(route, fetcher, patience, LIST_KEEP)?;
        let ordered = self.state().standings.ordered(&listed.bases, subject(route), Instant::now());
        let candidate = |base: Arc<str>| Some(Candidate { uri: format!("{base}{}", route.path).parse().ok()?, base });
        Ok(ordered.into_iter().filter_map(candidate).collect())
    }

    /// What the repo's metalink says, at most that old where another can be had; none where the repo has no metalink.
    pub fn metalink(
        &self,
        route: &Route,
        fetcher: &Fetcher,
        patience: Patience,
        age_max: Duration,
    ) -> Result<Option<Arc<Metalink>>, Failure> {
        match self.source {
            RepoSource::Metalink(_) => Ok(self.listed(route, fetcher, patience, age_max)?.metalink),
            _ => Ok(None),
        }
    }

    /// What came of trying one, and why. The operator is told of changes, and of every file that is wrong.
    pub fn report(&self, route: &Route, candidate: &Candidate, outcome: Outcome, why: &str) {
        let is_news = self.state().standings.report(&candidate.base, subject(route), outcome, Instant::now());
        let state = match outcome {
            Outcome::Wrong => "wrong",
            Outcome::Behind if is_news => "behind",
            Outcome::Failed if is_news => "failed",
            Outcome::Served(..) if is_news => "good",
            _ => return,
        };
        let why: String = why.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        eprintln!(
            "repo name={}/{}/{} mirror={} state={state} path=\"{}\" note=\"{}\"",
            route.repo.settings.name,
            route.releasever,
            route.arch,
            candidate.mirror(),
            route.path,
            why.replace(['"', '\\'], "'")
        );
    }

    /// Each mirror that was tried, those that served most first.
    pub fn standings(&self) -> Vec<Told> {
        self.state().standings.told(Instant::now())
    }

    fn kept(&self, of: &(Box<str>, Box<str>)) -> Option<Listed> {
        self.state().listed.get(of).cloned()
    }

    fn listed(
        &self,
        route: &Route,
        fetcher: &Fetcher,
        patience: Patience,
        age_max: Duration,
    ) -> Result<Listed, Failure> {
        let of = (route.releasever.clone(), route.arch.clone());
        let is_good = |listed: &Listed| Instant::now() < listed.until && listed.brought.elapsed() < age_max;
        if let Some(listed) = self.kept(&of).filter(is_good) {
            return Ok(listed);
        }
        let _fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have brought it while we waited.
        let old = self.kept(&of);
        if let Some(listed) = old.clone().filter(is_good) {
            return Ok(listed);
        }
        let made = self.make(route, fetcher, patience).and_then(|made| match made.bases.is_empty() {
            true => Err(Failure::BadAnswer("the list of mirrors is empty".to_owned())),
            false => Ok(made),
        });
        let listed = match (made, old) {
            (Ok(made), _) => made,
            // The list's server is down: mirrors of an hour ago are better than none.
            (Err(failure), Some(old)) => {
                eprintln!("repo name={} list=kept error=\"{failure}\"", route.repo.settings.name);
                let now = Instant::now();
                Listed { until: now + LIST_RETRY, brought: now, ..old }
            }
            (Err(failure), None) => return Err(failure),
        };
        let mut state = self.state();
        if state.listed.len() >= LISTS_MAX {
            state.listed.clear();
        }
        state.listed.insert(of, listed.clone());
        Ok(listed)
    }

    fn make(&self, route: &Route, fetcher: &Fetcher, patience: Patience) -> Result<Listed, Failure> {
        let get = |url: &str| fetch_text(&filled(url, route), fetcher, patience);
        let mut metalink = None;
        let bases = match &self.source {
            RepoSource::Mirrorlist(url) => mirrors_of(&get(url)?, MIRRORS_MAX),
            RepoSource::Metalink(url) => {
                let read = Metalink::parse(&get(url)?, MIRRORS_MAX);
                let read = read.map_err(|fault| Failure::BadAnswer(format!("the metalink: {fault}")))?;
                metalink.insert(Arc::new(read)).mirrors.clone()
            }
            RepoSource::BaseUrls(urls) => urls.iter().map(|url| with_slash(filled(url, route))).collect(),
            RepoSource::Snapshot => {
                let name = &route.repo.settings.name;
                self.lists.as_ref().map(|lists| lists.lists(name, &route.releasever, &route.arch)).unwrap_or_default()
            }
        };
        let bases = bases.into_iter().map(Arc::from).collect();
        let now = Instant::now();
        Ok(Listed { bases, metalink, brought: now, until: now + LIST_KEEP })
    }
}

/// Of which file there is talk.
fn subject(route: &Route) -> Subject {
    let repo = format!("{}/{}", route.releasever, route.arch);
    Subject { path: xxh3_64(format!("{repo}/{}", route.path).as_bytes()), repo: xxh3_64(repo.as_bytes()) }
}

fn with_slash(url: String) -> String {
    if url.ends_with('/') { url } else { url + "/" }
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
