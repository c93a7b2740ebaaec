//! Generations in the store: kept, found again at the start, thrown away.
//!
//! Lives here: under which keys they lie, which objects are pinned for them. Of each generation its `repomd.xml` lies
//! there and a table of its packages, so that a start takes moments; a table that is missing or damaged is made anew
//! from the list of packages. Not here: when a generation comes and goes (`repomd`, `shelf`).

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::route::{REPOMD, Repo, Repos, Route, Stand};
use crate::cache::store::{Catalogue, Entry, Head, Key, Label, Refill, Store, StoreError};
use crate::config::ProxyRepo;
use crate::http::{FieldBlock, Fields};
use crate::shelf::{Generation, Shelf, Table};

/// The label of what is kept of generations.
const GENERATION: u8 = 2;
/// Where a generation's table lies: no path that a client can ask for.
const PACKAGES: &str = ".packages";
/// Longest `repomd.xml`, bytes.
pub const REPOMD_BYTES_MAX: usize = 4 << 20;
/// Longest table, bytes: a million packages with SHA-512.
const TABLE_BYTES_MAX: u64 = 100 << 20;

/// Keeps a generation that is about to be shown: `repomd` are the bytes and `head` the head of its `repomd.xml`.
pub fn keep(
    store: &Store,
    route: &Route,
    generation: &Arc<Generation>,
    repomd: &[u8],
    head: Head,
) -> Result<(), StoreError> {
    let tag = format!("{} {:016x}", generation.visible_at_ms(), source_hash(&route.repo.settings));
    let label = Label { class: GENERATION, tag };
    let of = |path: &str| route.beside(path, Stand::Of(Arc::clone(generation))).key();
    let (Some(repomd_key), Some(table_key)) = (of(REPOMD), of(PACKAGES)) else { return Err(StoreError::Gone) };
    if let Some(table) = generation.packages() {
        let head = Head { fields: FieldBlock::new(), ..head.clone() };
        put(store, &table_key, &table.to_bytes(), head, label.clone())?;
    }
    // Last: what is found at the start is whole.
    put(store, &repomd_key, repomd, head, label)?;
    pin(store, route, generation);
    Ok(())
}

/// Puts an object of our own making into the store, in place of what is there.
pub fn put(store: &Store, key: &Key, body: &[u8], head: Head, label: Label) -> Result<(), StoreError> {
    match store.refill(key, Fields::NONE) {
        // Somebody else puts the same.
        Refill::Joined(_) => Ok(()),
        Refill::Started(mut draft) => {
            draft.begin(head, label, Some(body.len() as u64), true)?;
            draft.append(body)?;
            let sha256 = draft.sha256();
            draft.commit(sha256).map(drop)
        }
    }
}

/// Keeps what a generation needs from being evicted, as far as it is here.
fn pin(store: &Store, route: &Route, generation: &Arc<Generation>) {
    for key in keys(route, generation) {
        store.pin(&key);
    }
}

/// Keys of what a generation needs: its own two objects, what clients are shown, and the metadata it names.
fn keys(route: &Route, generation: &Arc<Generation>) -> Vec<Key> {
    let of = |path: &str| route.beside(path, Stand::Of(Arc::clone(generation))).key();
    let known = |path: &str| route.beside(path, Stand::Known(generation.known(path)?)).key();
    let own = [REPOMD, PACKAGES].into_iter().filter_map(of).chain(route.beside(REPOMD, Stand::Path).key());
    own.chain(generation.paths().filter_map(known)).collect()
}

/// The `repomd.xml` of a generation, with its head, while it is kept.
pub fn repomd_of(store: &Store, route: &Route, generation: &Arc<Generation>) -> Option<(Vec<u8>, Head)> {
    let key = route.beside(REPOMD, Stand::Of(Arc::clone(generation))).key()?;
    let entry = store.find(&key, Fields::NONE)?;
    Some((read(&entry, REPOMD_BYTES_MAX as u64).ok()?, entry.metadata().head.clone()))
}

/// Throws generations away that have left the shelf, with the metadata that no other one names.
pub fn discard(store: &Store, route: &Route, shelf: &Shelf, left: &[Arc<Generation>]) {
    let kept: Vec<Key> = shelf.generations().iter().flat_map(|generation| keys(route, generation)).collect();
    for generation in left {
        for key in keys(route, generation).iter().filter(|key| !kept.contains(key)) {
            store.remove(key);
        }
        eprintln!("repo name={} generation={} state=gone", at(route), generation.id());
    }
}

/// Name, release and architecture, for logs.
pub fn at(route: &Route) -> String {
    format!("{}/{}/{}", route.repo.settings.name, route.releasever, route.arch)
}

/// Brings back what was known of repos before the program ended. Reads the metadata of all objects in `folder`.
pub fn restore(store: &Store, folder: &Path, repos: &Repos) -> Result<(), StoreError> {
    let new: Vec<&Arc<Repo>> = repos.iter().filter(|repo| repo.shelves.begin_restoring()).collect();
    if new.is_empty() {
        return Ok(());
    }
    let mut found: Vec<(Route, String, u64)> = Vec::new();
    Catalogue::of(folder).for_each(&mut |listed| {
        let Ok(listed) = listed else { return true };
        let metadata = &listed.metadata;
        if metadata.label.class == GENERATION {
            found.extend(new.iter().find_map(|repo| place_of(repo, &metadata.key, &metadata.label.tag)));
        }
        true
    })?;
    let mut shelves: Vec<(Route, Arc<Shelf>, Vec<Arc<Generation>>)> = Vec::new();
    for (route, key, visible_at_ms) in found {
        let Some(generation) = read_generation(store, &route, &key, visible_at_ms) else { continue };
        let Some(shelf) = route.repo.shelves.make(&route.releasever, &route.arch) else { continue };
        let known = shelves.iter_mut().find(|(_, known, _)| Arc::ptr_eq(known, &shelf));
        match known {
            Some((_, _, generations)) => generations.push(generation),
            None => shelves.push((route, shelf, vec![generation])),
        }
    }
    for (route, shelf, generations) in shelves {
        for generation in &generations {
            pin(store, &route, generation);
        }
        eprintln!("repo name={} generations={} state=restored", at(&route), generations.len());
        shelf.restore(generations);
        if let Some(current) = shelf.current() {
            want_what_is_here(store, &route, &shelf, &current);
        }
    }
    Ok(())
}

/// What of the newest generation is in the store was asked for by clients.
fn want_what_is_here(store: &Store, route: &Route, shelf: &Shelf, current: &Generation) {
    for path in current.paths() {
        let key = current.known(path).and_then(|known| route.beside(path, Stand::Known(known)).key());
        if key.is_some_and(|key| store.find(&key, Fields::NONE).is_some())
            && let Some(kind) = current.kind(path)
        {
            shelf.want(kind);
        }
    }
}

/// Of which repo, release and architecture a kept `repomd.xml` is, its key, and since when it was shown.
fn place_of(repo: &Arc<Repo>, key: &str, tag: &str) -> Option<(Route, String, u64)> {
    let rest = key.strip_prefix("repo:")?.strip_prefix(repo.settings.name.as_str())?.strip_prefix('/')?;
    let mut parts = rest.splitn(3, '/');
    let (releasever, arch, path) = (parts.next()?, parts.next()?, parts.next()?);
    let (visible_at_ms, source) = tag.split_once(' ')?;
    let is_ours = path.starts_with(REPOMD) && source == format!("{:016x}", source_hash(&repo.settings));
    let route = Route {
        repo: Arc::clone(repo),
        releasever: releasever.into(),
        arch: arch.into(),
        path: REPOMD.into(),
        stand: Stand::Path,
    };
    is_ours.then_some((route, key.to_owned(), visible_at_ms.parse().ok()?))
}

fn read_generation(store: &Store, route: &Route, key: &str, visible_at_ms: u64) -> Option<Arc<Generation>> {
    let body = read(&*store.find(&Key::new(key)?, Fields::NONE)?, REPOMD_BYTES_MAX as u64).ok()?;
    let generation = Arc::new(Generation::read(&body).ok()?);
    let table_key = route.beside(PACKAGES, Stand::Of(Arc::clone(&generation))).key()?;
    let table = store.find(&table_key, Fields::NONE).and_then(|entry| read(&entry, TABLE_BYTES_MAX).ok());
    let table = table.and_then(|bytes| Table::from_bytes(&bytes)).or_else(|| read_list(store, route, &generation));
    let generation = Arc::into_inner(generation)?;
    Some(Arc::new(generation.shown(table, visible_at_ms)))
}

/// The table of a generation, from its list of packages in the store.
pub fn read_list(store: &Store, route: &Route, generation: &Generation) -> Option<Table> {
    let path = generation.path_of("primary")?;
    let key = route.beside(path, Stand::Known(generation.known(path)?)).key()?;
    let entry = store.find(&key, Fields::NONE)?;
    match generation.read_primary(Body { entry: &entry, at: 0 }) {
        Ok((table, left_out)) => {
            eprintln!(
                "repo name={} generation={} packages={} unverifiable={left_out}",
                at(route),
                generation.id(),
                table.count()
            );
            Some(table)
        }
        Err(fault) => {
            eprintln!("repo name={} generation={} state=unreadable error=\"{fault}\"", at(route), generation.id());
            None
        }
    }
}

/// Where a repo comes from, in a number: generations of another source are not those of this one.
fn source_hash(settings: &ProxyRepo) -> u64 {
    xxh3_64(format!("{:?}", settings.source).as_bytes())
}

fn read(entry: &Entry, bytes_max: u64) -> io::Result<Vec<u8>> {
    let bytes = usize::try_from(entry.body_bytes().min(bytes_max)).unwrap_or(usize::MAX);
    let mut body = vec![0; bytes];
    entry.file().read_exact_at(&mut body, entry.body_offset())?;
    Ok(body)
}

/// The body of an object, read from its beginning.
struct Body<'e> {
    entry: &'e Entry,
    at: u64,
}

impl io::Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.entry.body_bytes().saturating_sub(self.at);
        let wanted = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let bytes = self.entry.file().read_at(&mut into[..wanted], self.entry.body_offset() + self.at)?;
        self.at += bytes as u64;
        Ok(bytes)
    }
}
