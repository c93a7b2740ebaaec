//! `mirrorlistd plan`: lists and verdicts → what a publication would change, what the guard says, and the publication.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use super::check;
use super::failure::Failure;
use crate::daemon::Publication;
use crate::plan;
use crate::plan::guard::{Decision, Minimums};
use crate::snapshot::{self, Store, View};

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
    let minimums = Minimums { mirror_count: args.mirrors_min, repo_count: args.repos_min };
    let Publication { bytes, decision, in_use } =
        Publication::plan(&reading.inventory, args.state.as_deref(), &minimums)?;
    let in_use = in_use.map(|(_, view)| view);
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
    match &args.state {
        Some(folder) if !args.dry_run => {
            let (generation, is_new) = Store::new(folder).publish(&bytes)?;
            println!("{} generation {generation}", if is_new { "published" } else { "is the newest already:" });
        }
        _ => {}
    }
    Ok(())
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
            "{} lists differ, {} repos and {} mirrors come or go, {} images come, go or change",
            now.list_count, now.repo_count, now.mirror_count, now.image_count
        )?,
        None => writeln!(out, "nothing is published yet")?,
    }
    writeln!(out, "{} kept, {} refused", decision.kept.len(), decision.refusals.len())
}
