//! `mirrorlistd check`: read the lists and tell of every problem.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::config::Config;
use crate::daemon::{self, SourcesError};
use crate::inventory::{self, Inventory, Reading};

/// Check the configuration and the lists; every problem is told with its file and line.
///
/// Exit code 1 when there is one. GeoIP databases and snapshots are not opened.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file to check as well; its `lists` are checked when none are given.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the inventory [default: the configuration's, else the shipped one].
    #[arg(value_name = "DIR")]
    lists: Option<PathBuf>,
}

/// Checks.
pub fn run(args: &Args) -> Result<(), Failure> {
    let config = args.config.as_deref().map(Config::read).transpose().map_err(Failure::input)?;
    let lists = args.lists.clone().or(config.and_then(|config| config.lists));
    let reading = read(lists.as_deref())?;
    println!("{}", summary(&reading.inventory));
    match reading.problems.len() {
        0 => Ok(()),
        count => Err(Failure::Input(format!("{count} problems in the lists"))),
    }
}

/// Reads the lists in `folder` (none: the shipped ones) and prints each problem.
pub fn read(folder: Option<&Path>) -> Result<Reading, Failure> {
    let folder = folder.map(Path::to_owned).or_else(daemon::shipped_lists).ok_or(SourcesError::NoLists)?;
    let reading = inventory::read(&folder).map_err(Failure::input)?;
    for problem in &reading.problems {
        eprintln!("{problem}");
    }
    Ok(reading)
}

fn summary(inventory: &Inventory) -> String {
    let repos: usize = inventory.distributions.iter().map(|one| one.repos.len()).sum();
    let releases: usize = inventory.distributions.iter().map(|one| one.releases.len()).sum();
    let prefixes: usize = inventory.clouds.iter().flat_map(|cloud| &cloud.regions).map(|one| one.prefixes.len()).sum();
    format!(
        "{} distributions, {releases} releases, {repos} repos, {} mirrors ({} listed), \
         {} clouds with {prefixes} prefixes, {} countries",
        inventory.distributions.len(),
        inventory.mirrors.len(),
        inventory.mirrors.iter().filter(|mirror| mirror.listed).count(),
        inventory.clouds.len(),
        inventory.countries.len()
    )
}
