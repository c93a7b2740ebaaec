//! `Sources`: from a configuration to what workers answer from.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, io};

use super::cycle;
use super::geo::{self, GeoCache, GeoError};
use super::pages::{self, LogoError};
use super::publication::Publication;
use crate::answer::{Atlas, Rules};
use crate::config::Config;
use crate::crawl::DialerError;
use crate::inventory::{self, Inventory, Problem, Reading, World};
use crate::plan::{self, Goods};
use crate::serve::{Edition, Settings};
use crate::snapshot::{CheckError, Full, Generation, OpenError, Store, StoreError, View};
use crate::sys::Map;
use crate::verdicts::{State, StateError};

/// Why there is nothing to answer from.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// No state folder.
    #[error("no state folder; name one by `state` in the configuration or by --state")]
    NoState,
    /// The verdicts of the crawler.
    #[error("{0}")]
    State(#[from] StateError),
    /// What the crawler dials with.
    #[error("{0}")]
    Dialer(#[from] DialerError),
    /// The guard.
    #[error("the guard refuses to publish ({count} reasons), the first: {first}; what is published stays")]
    Refused {
        /// How many reasons there are.
        count: usize,
        /// The first one.
        first: String,
    },
    /// No inventory.
    #[error("no `lists` folder here or beside the program; name one by `lists` in the configuration or by --lists")]
    NoLists,
    /// The inventory cannot be read.
    #[error("{0}")]
    Inventory(#[from] inventory::ReadError),
    /// The inventory has problems, and there is an older state that is better kept.
    #[error("the lists have problems ({count}), the first: {first}; mend them and reload again")]
    Problems {
        /// How many.
        count: usize,
        /// The first one.
        first: Box<Problem>,
    },
    /// The snapshot cannot be built.
    #[error("cannot build the snapshot: {0}")]
    Full(#[from] Full),
    /// The state folder.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The GeoIP table.
    #[error("{0}")]
    Geo(#[from] GeoError),
    /// The logo of pages.
    #[error("{0}")]
    Logo(#[from] LogoError),
    /// A snapshot just built is unsound: a bug.
    #[error("the snapshot just built cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// A snapshot just built is unsound: a bug.
    #[error("the snapshot just built is unsound: {0}")]
    Check(#[from] CheckError),
    /// No memory for it.
    #[error("no memory for the snapshot: {0}")]
    Memory(#[from] io::Error),
}

/// What to do about lines of the inventory that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// Skip them: there is nothing better to serve.
    Skip,
    /// Refuse all of it: there is an older state that is whole.
    Refuse,
}

/// Where editions come from. Keeps what need not be made again.
#[derive(Default)]
pub struct Sources {
    geo: GeoCache,
    made: Option<(Inputs, Arc<Atlas>)>,
}

/// Device, inode, and time of change in seconds and nanoseconds: another file has another one.
type FileIdentity = (u64, u64, i64, i64);

/// All that an atlas is made from, by name: equal inputs make equal atlases.
#[derive(PartialEq, Eq)]
struct Inputs {
    /// Content of the inventory.
    lists: Option<u64>,
    build: bool,
    /// The published snapshot: its path, and the file that it is.
    snapshot: Option<(PathBuf, Option<FileIdentity>)>,
    /// When the crawler last found something, where there is one.
    verdicts: Vec<Option<FileIdentity>>,
    geo: u64,
    asn: u64,
}

impl Sources {
    /// Makes an edition of what the configuration names; tells of every problem by `report`. Where nothing but settings
    /// has changed since the last time, the atlas stays the same.
    pub fn edition(
        &mut self,
        config: &Config,
        tolerance: Tolerance,
        report: &mut dyn FnMut(&Problem),
    ) -> Result<Edition, SourcesError> {
        let lists = lists_folder(config);
        let inputs = Inputs::now(config, lists.as_deref())?;
        if let Some((made_from, atlas)) = &self.made
            && *made_from == inputs
        {
            return Ok(Edition { settings: settings(config)?, atlas: Arc::clone(atlas) });
        }
        // A machine that only serves needs no inventory; when it has one, it names the subdivisions of flat databases.
        let reading = match (config.build, lists) {
            (true, None) => return Err(SourcesError::NoLists),
            (false, None) => Reading::default(),
            (_, Some(lists)) => read(&lists, tolerance, report)?,
        };
        let world = World::new(&reading.inventory.countries);
        let resolve = |country, name: &str| world.subdivision_named(country, name);
        let (generation, view) = snapshot(config, tolerance, &reading.inventory)?;
        let geo = self.geo.table(&config.geoip, config.state.as_deref(), &resolve)?;
        let asns = self.geo.asn_table(&config.asn, config.state.as_deref())?;
        let atlas = Arc::new(Atlas::new(generation, view, geo).with_asns(asns));
        // Problems are told each time, so an inventory that has some is read each time.
        self.made = reading.problems.is_empty().then(|| {
            let snapshot = Inputs::snapshot(config);
            (Inputs { snapshot, ..inputs }, Arc::clone(&atlas))
        });
        Ok(Edition { settings: settings(config)?, atlas })
    }
}

impl Inputs {
    fn now(config: &Config, lists: Option<&Path>) -> Result<Inputs, SourcesError> {
        Ok(Inputs {
            lists: lists.map(inventory::fingerprint).transpose()?,
            build: config.build,
            snapshot: Inputs::snapshot(config),
            verdicts: config.state.iter().flat_map(|folder| State::files(folder)).map(|path| identity(&path)).collect(),
            geo: geo::key(&config.geoip)?,
            asn: geo::key(&config.asn)?,
        })
    }

    fn snapshot(config: &Config) -> Option<(PathBuf, Option<FileIdentity>)> {
        let path = Store::path_in_use(config.state.as_deref()?);
        let identity = identity(&path);
        Some((path, identity))
    }
}

fn identity(path: &Path) -> Option<FileIdentity> {
    let file = fs::metadata(path).ok()?;
    Some((file.dev(), file.ino(), file.mtime(), file.mtime_nsec()))
}

/// What a configuration allows in answers.
pub fn rules(config: &Config) -> Rules {
    Rules {
        lines_max: config.lines_max,
        fedora_lines_max: config.fedora_lines_max,
        fedora_lines_min: config.fedora_lines_min,
        strict_status: config.strict_status,
    }
}

fn settings(config: &Config) -> Result<Settings, LogoError> {
    Ok(Settings {
        rules: rules(config),
        ip_allow: config.ip_allow.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        metrics_allow: config.metrics_allow.clone(),
        explain_allow: config.explain_allow.clone(),
        explain_self: config.explain_self,
        pages: pages::pages(&config.pages)?,
    })
}

fn read(lists: &Path, tolerance: Tolerance, report: &mut dyn FnMut(&Problem)) -> Result<Reading, SourcesError> {
    let mut reading = inventory::read(lists)?;
    reading.problems.iter().for_each(report);
    if tolerance == Tolerance::Refuse && !reading.problems.is_empty() {
        let count = reading.problems.len();
        return Err(SourcesError::Problems { count, first: Box::new(reading.problems.swap_remove(0)) });
    }
    Ok(reading)
}

/// The snapshot: built and published, only built, or published by others.
fn snapshot(
    config: &Config,
    tolerance: Tolerance,
    inventory: &Inventory,
) -> Result<(Generation, View<Map>), SourcesError> {
    let Some(folder) = config.state.as_deref() else {
        // Without a folder nothing can be published by others, so the configuration says `build`.
        let view = View::open(Map::copy(&plan::build(inventory, &Goods::unverified(inventory))?)?)?;
        view.check()?;
        return Ok((Generation::default(), view));
    };
    let store = Store::new(folder);
    if config.build {
        let publication = match Publication::plan(inventory, Some(folder), &cycle::minimums(config)) {
            // At the start what is published is better than nothing: damaged verdicts, say, must not keep it back.
            Err(error) if tolerance == Tolerance::Skip && !store.is_empty() => {
                eprintln!("publication state=failed note=\"what is published is served\" error=\"{error}\"");
                return Ok(store.open()?);
            }
            planned => planned?,
        };
        // The guard holds what was found by looking; before the first look operators alone decide.
        let refused = publication.refused().filter(|_| State::exists(folder));
        match (refused, publication.in_use) {
            (Some(error), Some(in_use)) if tolerance == Tolerance::Skip => {
                eprintln!("publication state=refused error=\"{error}\"");
                return Ok(in_use);
            }
            (Some(error), _) => return Err(error),
            (None, _) => store.publish(&publication.bytes)?,
        };
    }
    Ok(store.open()?)
}

pub(super) fn lists_folder(config: &Config) -> Option<PathBuf> {
    config.lists.clone().or_else(shipped_lists)
}

/// The shipped lists: `lists` here, or beside the program as it is built (`target/release`) or installed (`share`).
pub fn shipped_lists() -> Option<PathBuf> {
    let is_inventory = |folder: &PathBuf| folder.join("world/countries.toml").is_file();
    let program = env::current_exe().ok();
    let above = program.iter().flat_map(|program| program.ancestors().skip(1).take(4));
    let beside = above.flat_map(|folder| [folder.join("lists"), folder.join("share/mirrorlistd/lists")]);
    std::iter::once(PathBuf::from("lists")).chain(beside).find(is_inventory)
}
