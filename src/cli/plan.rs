//! `mirrorlistd plan`: lists and verdicts → what a publication would change, what the guard says, and the publication.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::check;
use super::failure::Failure;
use crate::plan::guard::{self, Decision, Minimums};
use crate::plan::{self, Goods, Known};
use crate::snapshot::{self, Store, View};
use crate::verdicts::State;

/// Plan a snapshot from the lists and the verdicts of the last crawl, compare it with the one in use, and publish it.
///
/// Tells what changes per repo and place, what is kept of the snapshot in use, and what the guard refuses: then nothing
/// is published (exit code 3), unless --force is given. With problems in the lists nothing is planned (exit code 1).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only tell; publish nothing.
    #[arg(long)]
    dry_run: bool,
    /// State folder, with the snapshots and the verdicts.
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    state: Option<PathBuf>,
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
    /// Print no changes, only how many there are.
    #[arg(long)]
    quiet: bool,
}

/// Plans, tells and publishes.
pub fn run(args: &Args) -> Result<(), Failure> {
    let reading = check::read(args.lists.as_deref())?;
    if !reading.problems.is_empty() {
        return Err(Failure::Input(format!("{} problems in the lists: nothing was planned", reading.problems.len())));
    }
    let known = args.state.as_deref().map_or_else(|| Ok(Known::default()), known)?;
    // Looking must not make the folder.
    let store = args.state.as_deref().filter(|folder| !args.dry_run || folder.is_dir()).map(Store::new);
    let in_use = match &store {
        Some(store) if !store.is_empty() => Some(store.open()?.1),
        _ => None,
    };
    let minimums = Minimums { mirror_count: args.mirrors_min, repo_count: args.repos_min };
    let planned = Goods::judged(&reading.inventory, &known);
    let decision = guard::decide(in_use.as_ref(), &reading.inventory, planned, &minimums, &[]);
    let bytes = plan::build(&reading.inventory, &decision.goods).map_err(Failure::input)?;
    let view = View::open(&bytes).map_err(|error| Failure::System(error.to_string()))?;
    view.check().map_err(|error| Failure::System(error.to_string()))?;

    let mut out = BufWriter::new(io::stdout().lock());
    let told = match &in_use {
        Some(in_use) if args.quiet => snapshot::diff(in_use, &view, &mut io::sink()).map(Some),
        Some(in_use) => snapshot::diff(in_use, &view, &mut out).map(Some),
        None => Ok(None),
    };
    let told = told.and_then(|difference| tell(&decision, difference, &mut out)).and_then(|()| out.flush());
    match told {
        // Whoever pipes into `head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        told => told.map_err(|error| Failure::System(format!("cannot print: {error}")))?,
    }
    drop(out);
    if !decision.refusals.is_empty() && !args.force {
        let count = decision.refusals.len();
        return Err(Failure::Guard(format!(
            "the guard refuses ({count} reasons, the first: {}); the snapshot in use stays; --force publishes in spite",
            decision.refusals[0]
        )));
    }
    match &store {
        Some(store) if !args.dry_run => {
            let (generation, is_new) = store.publish(&bytes)?;
            println!("{} generation {generation}", if is_new { "published" } else { "is the newest already:" });
        }
        _ => {}
    }
    Ok(())
}

/// What the verdicts in a state folder say; nothing when nobody has crawled yet.
fn known(folder: &Path) -> Result<Known, Failure> {
    if !State::exists(folder) {
        return Ok(Known::default());
    }
    let state = State::read(folder).map_err(Failure::input)?;
    Known::read(&state).map_err(Failure::input)
}

fn tell(decision: &Decision, difference: Option<snapshot::Difference>, out: &mut dyn Write) -> io::Result<()> {
    for kept in &decision.kept {
        writeln!(out, "kept    {kept}")?;
    }
    for refusal in &decision.refusals {
        writeln!(out, "refused {refusal}")?;
    }
    let is_empty = |repo: &&plan::RepoGoods| repo.sources.iter().all(|sources| *sources == plan::Sources::default());
    let repos = &decision.goods.repos;
    writeln!(out, "evidence {}", decision.goods.evidence.explain())?;
    writeln!(out, "{} repos, {} of them without a mirror", repos.len(), repos.values().filter(is_empty).count())?;
    match difference {
        Some(now) => writeln!(
            out,
            "{} lists differ, {} repos and {} mirrors come or go",
            now.list_count, now.repo_count, now.mirror_count
        )?,
        None => writeln!(out, "nothing is published yet")?,
    }
    writeln!(out, "{} kept, {} refused", decision.kept.len(), decision.refusals.len())
}
