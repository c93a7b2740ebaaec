//! `Sources`: from a configuration to what workers answer from.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use super::geo::{GeoCache, GeoError};
use crate::answer::Atlas;
use crate::config::Config;
use crate::inventory::{self, Inventory, Problem, World};
use crate::plan;
use crate::serve::{Edition, Settings};
use crate::snapshot::{CheckError, Full, Generation, OpenError, Store, StoreError, View};
use crate::sys::Map;

/// Why there is nothing to answer from.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
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
}

impl Sources {
    /// Makes an edition of what the configuration names; tells of every problem by `report`.
    pub fn edition(
        &mut self,
        config: &Config,
        tolerance: Tolerance,
        report: &mut dyn FnMut(&Problem),
    ) -> Result<Edition, SourcesError> {
        // A machine that only serves needs no inventory; when it has one, it names the subdivisions of flat databases.
        let inventory = match (config.build, lists_folder(config)) {
            (true, None) => return Err(SourcesError::NoLists),
            (false, None) => Inventory::default(),
            (_, Some(lists)) => read(&lists, tolerance, report)?,
        };
        let world = World::new(&inventory.countries);
        let resolve = |country, name: &str| world.subdivision_named(country, name);
        let (generation, view) = snapshot(config, &inventory)?;
        let geo = self.geo.table(&config.geoip, config.state.as_deref(), &resolve)?;
        Ok(Edition { settings: settings(config), atlas: Atlas::new(generation, view, geo) })
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        lines_max: config.lines_max,
        trusted_proxies: config.trusted_proxies.clone(),
        metrics_allow: config.metrics_allow.clone(),
    }
}

fn read(lists: &Path, tolerance: Tolerance, report: &mut dyn FnMut(&Problem)) -> Result<Inventory, SourcesError> {
    let mut reading = inventory::read(lists)?;
    reading.problems.iter().for_each(report);
    if tolerance == Tolerance::Refuse && !reading.problems.is_empty() {
        let count = reading.problems.len();
        return Err(SourcesError::Problems { count, first: Box::new(reading.problems.swap_remove(0)) });
    }
    Ok(reading.inventory)
}

/// The snapshot: built and published, only built, or published by others.
fn snapshot(config: &Config, inventory: &Inventory) -> Result<(Generation, View<Map>), SourcesError> {
    let store = config.state.as_deref().map(Store::new).transpose()?;
    if config.build {
        let bytes = plan::build(inventory)?;
        match &store {
            Some(store) => store.publish(&bytes)?,
            None => {
                let view = View::open(Map::copy(&bytes)?)?;
                view.check()?;
                return Ok((Generation::default(), view));
            }
        };
    }
    match store {
        Some(store) => Ok(store.open()?),
        // The configuration is refused before it comes to this.
        None => Err(SourcesError::NoLists),
    }
}

fn lists_folder(config: &Config) -> Option<PathBuf> {
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
