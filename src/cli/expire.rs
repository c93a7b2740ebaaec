//! `mirrorlistd expire`: an urgent update is out, and nothing older is to be named any more.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::check;
use super::failure::Failure;
use crate::daemon::Publication;
use crate::inventory::Inventory;
use crate::plan::guard::Minimums;
use crate::snapshot::Store;
use crate::verdicts::{RepoKey, State};

/// Drop older metadata of a repo from metalinks, and mirrors that are behind from its lists, at once.
///
/// For an urgent update: run it when the master has the new metadata and a crawl has seen it. What the master shows now
/// and later stays named. The word is kept in the state, so every later snapshot obeys it as well; a snapshot that
/// does is published now, and a running server takes it at its next HUP. Where no mirror would be left, the guard
/// refuses (exit code 3), and the repo keeps its lists until a crawl has found one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the repo, as clients ask for it.
    repo: String,
    /// Only of this release, or alias of one.
    #[arg(long)]
    release: Option<String>,
    /// Only of this architecture.
    #[arg(long)]
    arch: Option<String>,
    /// State folder, with the snapshots and the verdicts.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Folder of the inventory [default: the shipped one].
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    /// Good mirrors that a repo has to have over a family, or it keeps those it had.
    #[arg(long, value_name = "N", default_value_t = Minimums::default().mirror_count)]
    mirrors_min: usize,
    /// Repos that have to be left.
    #[arg(long, value_name = "N", default_value_t = Minimums::default().repo_count)]
    repos_min: usize,
    /// Publish what the guard refuses.
    #[arg(long)]
    force: bool,
}

/// Expires and publishes.
pub fn run(args: &Args) -> Result<(), Failure> {
    let reading = check::read(args.lists.as_deref())?;
    if !reading.problems.is_empty() {
        return Err(Failure::Input(format!("{} problems in the lists: nothing was done", reading.problems.len())));
    }
    let releases = args.release.as_deref().map(|release| named(&reading.inventory, release));
    let is_meant = |key: &RepoKey| {
        key.repo.eq_ignore_ascii_case(&args.repo)
            && releases.as_ref().is_none_or(|releases| releases.contains(&key.release.as_str()))
            && args.arch.as_ref().is_none_or(|arch| *arch == key.arch)
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let expired = State::expire(&args.state, now, is_meant)?;
    if expired.is_empty() {
        return Err(Failure::Input(format!(
            "no crawl into {} knows such a repo `{}`: nothing was done; `mirrorlistd mirrors` lists what is known",
            args.state.display(),
            args.repo
        )));
    }
    expired.iter().for_each(|key| println!("expired {key}"));
    let minimums = Minimums { mirror_count: args.mirrors_min, repo_count: args.repos_min };
    let publication = Publication::plan(&reading.inventory, Some(&args.state), &minimums)?;
    match publication.refused() {
        Some(refused) if !args.force => {
            return Err(Failure::Guard(format!("{refused}; the next crawl tries again; --force publishes in spite")));
        }
        _ => {}
    }
    let (generation, is_new) = Store::new(&args.state).publish(&publication.bytes)?;
    match is_new {
        true => println!("published generation {generation}; send HUP to the server"),
        false => println!("generation {generation} names nothing of it already"),
    }
    Ok(())
}

/// The releases that a client may mean by a name.
fn named<'a>(inventory: &'a Inventory, name: &str) -> Vec<&'a str> {
    let releases = inventory.distributions.iter().flat_map(|distribution| &distribution.releases);
    let meant = releases.filter(|release| release.name == name || release.aliases.iter().any(|alias| alias == name));
    meant.map(|release| release.name.as_str()).collect()
}
