//! `Facts`: what the front page tells.

use std::sync::Arc;

use serde::Serialize;

use super::figures::{Ago, Count, Moment, Size};
use crate::cache::store::Usage;
use crate::proxy::edition::Edition;
use crate::proxy::repo::{Repo, Told};
use crate::shelf::Shelf;

/// Mirrors of one repo that are told of: those that served most.
const MIRRORS_MAX: usize = 20;

/// What the front page tells.
#[derive(Debug, Serialize)]
pub struct Facts {
    /// What the proxy calls itself.
    pub name: String,
    /// Nothing is fetched.
    pub offline: bool,
    /// The cache.
    pub cache: Cache,
    /// The repos, in the order of their names.
    pub repos: Vec<RepoFacts>,
}

/// The cache as a whole.
#[derive(Debug, Serialize)]
pub struct Cache {
    /// Objects.
    pub objects: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// What they may take.
    pub bytes_max: u64,
    /// Objects evicted since the start.
    pub evicted: u64,
    /// Objects that are coming.
    pub coming: u64,
}

/// A repo.
#[derive(Debug, Serialize)]
pub struct RepoFacts {
    /// The first part of its path.
    pub name: String,
    /// Answers since the start.
    pub answers: u64,
    /// Of these, from the cache.
    pub hits: u64,
    /// Bytes of all.
    pub body_bytes: u64,
    /// Bytes of those from the cache.
    pub hit_bytes: u64,
    /// Its releases and architectures that were asked for.
    pub releases: Vec<ShelfFacts>,
    /// Its mirrors that were tried.
    pub mirrors: Vec<MirrorFacts>,
}

/// A repo at one release and architecture.
#[derive(Debug, Serialize)]
pub struct ShelfFacts {
    /// `{releasever}`.
    pub release: String,
    /// `{arch}`.
    pub arch: String,
    /// What names the generation that is shown.
    pub generation: Option<String>,
    /// Generations that are kept.
    pub generations: usize,
    /// When its metadata were made, seconds since 1970.
    pub made: Option<u64>,
    /// Since when it is shown, seconds since 1970.
    pub shown: Option<u64>,
    /// When a mirror last had it.
    pub confirmed_seconds_ago: Option<u64>,
    /// Its packages that can be verified; none while the list is not here.
    pub packages: Option<usize>,
    /// How long all of them are.
    pub package_bytes: Option<u64>,
}

/// A mirror.
#[derive(Debug, Serialize)]
pub struct MirrorFacts {
    /// Its base URL.
    pub url: String,
    /// Files it served.
    pub served: u64,
    /// How often it failed, wrong files with it.
    pub failed: u64,
    /// Files that were wrong.
    pub wrong: u64,
    /// It is asked last now.
    pub avoided: bool,
    /// As measured lately.
    pub bytes_per_second: Option<u64>,
}

impl Facts {
    /// At this time, milliseconds since 1970.
    pub fn of(edition: &Edition, usage: &Usage, now_ms: u64) -> Facts {
        Facts {
            name: edition.name.clone(),
            offline: edition.settings.offline,
            cache: Cache {
                objects: usage.object_count,
                bytes: usage.object_bytes,
                bytes_max: edition.settings.cache_bytes_max,
                evicted: usage.evicted_count,
                coming: usage.filling_count,
            },
            repos: edition.repos.iter().map(|repo| RepoFacts::of(repo, now_ms)).collect(),
        }
    }
}

impl RepoFacts {
    fn of(repo: &Arc<Repo>, now_ms: u64) -> RepoFacts {
        let sums = repo.counts.sums();
        RepoFacts {
            name: repo.settings.name.clone(),
            answers: sums.answers,
            hits: sums.hits,
            body_bytes: sums.body_bytes,
            hit_bytes: sums.hit_bytes,
            releases: repo.shelves.all().iter().map(|(name, shelf)| ShelfFacts::of(name, shelf, now_ms)).collect(),
            mirrors: repo.mirrors.standings().into_iter().take(MIRRORS_MAX).map(MirrorFacts::of).collect(),
        }
    }

    /// Answers from the cache, in percent of all.
    pub fn hit_percent(&self) -> Option<u64> {
        (self.hits * 100).checked_div(self.answers)
    }
}

impl ShelfFacts {
    fn of(name: &str, shelf: &Shelf, now_ms: u64) -> ShelfFacts {
        let (release, arch) = name.split_once('/').unwrap_or((name, ""));
        let current = shelf.current();
        let packages = current.as_ref().and_then(|current| current.packages());
        let confirmed_at_ms = Some(shelf.confirmed_at_ms()).filter(|ms| *ms > 0);
        ShelfFacts {
            release: release.to_owned(),
            arch: arch.to_owned(),
            generation: current.as_ref().map(|current| current.id().to_owned()),
            generations: shelf.generations().len(),
            made: current.as_ref().map(|current| current.latest()).filter(|seconds| *seconds > 0),
            shown: current.as_ref().map(|current| current.visible_at_ms() / 1000),
            confirmed_seconds_ago: confirmed_at_ms.map(|ms| now_ms.saturating_sub(ms) / 1000),
            packages: packages.map(|packages| packages.count()),
            package_bytes: packages.map(|packages| packages.bytes()),
        }
    }
}

/// For people.
impl ShelfFacts {
    /// When its metadata were made.
    pub fn made_at(&self) -> Option<Moment> {
        self.made.map(Moment)
    }

    /// When a mirror last had it.
    pub fn confirmed(&self) -> Option<Ago> {
        self.confirmed_seconds_ago.map(Ago)
    }

    /// How many packages, and how long they are together.
    pub fn package_figures(&self) -> Option<(Count, Size)> {
        Some((Count(self.packages? as u64), Size(self.package_bytes?)))
    }
}

impl MirrorFacts {
    /// Its speed, for people.
    pub fn speed(&self) -> Option<Size> {
        self.bytes_per_second.map(Size)
    }

    fn of(told: Told) -> MirrorFacts {
        MirrorFacts {
            url: told.base.to_string(),
            served: told.served,
            failed: told.failed,
            wrong: told.wrong,
            avoided: told.is_avoided,
            bytes_per_second: told.speed,
        }
    }
}
