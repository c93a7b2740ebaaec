//! `mirrorlistd export`: lists for other people's frontends.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::PathBuf;

use super::failure::Failure;
use crate::export::{self, Folder, FolderError, Selection};
use crate::snapshot::{self, Store};

/// Write lists for other people's frontends.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// The tree that `import tree` reads: `repos.json`, `clouds_subnets.json`, `ipv4/…/mirrorlist.de`.
    Tree(TreeArgs),
}

/// Write the lists of a snapshot as a tree of files, each by rename, and remove files that an earlier export wrote.
#[derive(Debug, clap::Args)]
pub struct TreeArgs {
    #[command(flatten)]
    from: Which,
    /// Folder to write to: empty, or of an earlier export.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Mirrors in a list at most.
    #[arg(
        long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=export::LINES_MAX as i64)
    )]
    lines_max: u16,
    /// Turn whose order is written: another one at each export shares the load as the service does.
    #[arg(long, value_name = "N", default_value_t = 0)]
    turn: usize,
}

/// Which snapshot.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Snapshot file.
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
    /// State folder whose snapshot in use is exported.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// Exports.
pub fn run(command: Command) -> Result<(), Failure> {
    let Command::Tree(args) = command;
    let path = match (args.from.snapshot, args.from.state) {
        (Some(file), _) => file,
        (None, Some(folder)) => Store::path_in_use(&folder),
        // Clap takes no arguments without one of them.
        (None, None) => return Err(Failure::Input("give --snapshot or --state".to_owned())),
    };
    let view = snapshot::open(&path)?;
    let selection = Selection { lines_max: usize::from(args.lines_max), turn: args.turn };
    let mut files = BTreeSet::new();
    let listed = export::list_tree(&view, &selection, |file, _| {
        files.insert(file.to_owned());
        Ok::<(), Infallible>(())
    });
    for skipped in listed.unwrap_or_default() {
        eprintln!("{skipped}");
    }
    let mut folder = Folder::open(&args.out, files)?;
    export::list_tree(&view, &selection, |file, content| folder.write(file, content))?;
    let written = folder.finish()?;
    println!(
        "{}: {} files written, {} the same, {} removed",
        args.out.display(),
        written.changed_count,
        written.same_count,
        written.removed_count
    );
    Ok(())
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Failure {
        match error {
            FolderError::System { .. } => Failure::System(error.to_string()),
            FolderError::Foreign { .. } | FolderError::InTheWay { .. } | FolderError::Manifest { .. } => {
                Failure::Guard(error.to_string())
            }
        }
    }
}
