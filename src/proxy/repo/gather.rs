//! `Gather`: brings what a `repomd.xml` names, before clients see it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::archive::{at, read_list};
use super::fill::{Means, RepoFill};
use super::route::{Route, Stand};
use crate::cache::store::{Filling, Lookup, Progress, Wake};
use crate::http::Fields;
use crate::proxy::fetch::Fetcher;
use crate::shelf::{Generation, Shelf, Table};

/// How long one file may take that somebody else is bringing.
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// How often it is looked at without a call.
const LOOK: Duration = Duration::from_secs(1);

/// Brings what a `repomd.xml` names, before clients see it.
pub struct Gather<'g> {
    /// The `repomd.xml`.
    pub route: &'g Route,
    /// What is known of its repo.
    pub shelf: &'g Shelf,
    /// What it stands for.
    pub generation: &'g Arc<Generation>,
    /// What it takes.
    pub means: &'g Means,
    /// Other servers.
    pub fetcher: &'g Fetcher,
}

/// What one file came to.
enum Brought {
    /// It is in the store.
    Stored,
    /// A mirror has it, and it is right, but the store cannot keep it.
    Seen,
    /// It is not to be had: why.
    Lacking(String),
}

impl Gather<'_> {
    /// Brings the list of packages, and of the rest whatever clients of this repo ever asked for. What they never asked
    /// for (databases, metadata that no tool of theirs knows) is not waited for. Gives the packages, or says what is
    /// lacking.
    pub fn run(&self) -> Result<Table, String> {
        let wanted: Vec<Box<str>> = self.shelf.wanted().iter().cloned().collect();
        let is_wanted = |path: &&str| {
            let kind = self.generation.kind(path).unwrap_or_default();
            kind == "primary" || wanted.iter().any(|wanted| **wanted == *kind)
        };
        let mut paths: Vec<&str> = self.generation.paths().filter(is_wanted).collect();
        // The list of packages first: without it the rest is of no use.
        paths.sort_by_key(|path| (self.generation.kind(path) != Some("primary"), *path));
        for path in paths {
            let Some(known) = self.generation.known(path) else { continue };
            if let Brought::Lacking(why) = self.bring(&self.route.beside(path, Stand::Known(known))) {
                return Err(format!("{path}: {why}"));
            }
        }
        // Beside it: no repo has to have these, and nobody can say which are right.
        for path in wanted.iter().filter(|path| path.contains('/')) {
            let _ = self.bring(&self.route.beside(path, Stand::Of(Arc::clone(self.generation))));
        }
        // One that cannot be read (or that is not there) verifies nothing; clients can tell us no more than that.
        Ok(read_list(&self.means.store, self.route, self.generation).unwrap_or_else(|| {
            eprintln!("repo name={} generation={} state=unverified", at(self.route), self.generation.id());
            Table::default()
        }))
    }

    fn bring(&self, route: &Route) -> Brought {
        let Some(key) = route.key() else { return Brought::Lacking("its path is too long".to_owned()) };
        let filling = match self.means.store.lookup(&key, Fields::NONE) {
            Lookup::Hit(_) => return Brought::Stored,
            Lookup::Filling(filling) => filling,
            Lookup::Miss(draft) => {
                let filling = Arc::clone(draft.filling());
                let fill = RepoFill { draft, route: route.clone(), old: None, means: self.means.clone() };
                fill.run(self.fetcher);
                filling
            }
        };
        end_of(&filling);
        match filling.progress() {
            Progress::Complete if self.means.store.find(&key, Fields::NONE).is_some() => Brought::Stored,
            Progress::Complete => Brought::Seen,
            _ => Brought::Lacking(filling.failure().as_deref().unwrap_or("it did not come").to_owned()),
        }
    }
}

/// Waits until a filling has ended.
fn end_of(filling: &Filling) {
    let bell = Arc::new(Bell::default());
    filling.watch(&(Arc::clone(&bell) as Arc<dyn Wake>));
    let began = Instant::now();
    let is_open = || matches!(filling.progress(), Progress::Waiting | Progress::Streaming);
    // `Complete` comes before the object is in the store: when it is not after a while, it never will be.
    let is_stored = || filling.progress() != Progress::Complete || filling.entry().is_some();
    while is_open() && began.elapsed() < WAIT_MAX {
        bell.wait();
    }
    let ended = Instant::now();
    while !is_stored() && ended.elapsed() < 5 * LOOK {
        bell.wait();
    }
}

/// Wakes a thread.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl Bell {
    /// Until it rings, or a while.
    fn wait(&self) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ring.wait_timeout_while(rung, LOOK, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

impl Wake for Bell {
    fn wake(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ring.notify_all();
    }
}
