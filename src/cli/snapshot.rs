//! `mirrorlistd snapshot`: look into snapshot files.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::answer;
use crate::snapshot::{self, VERSION, View};
use crate::sys::Map;

/// Look into snapshot files.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Tell what a snapshot holds.
    Info(One),
    /// Walk every byte of a snapshot; exit code 1 when something is wrong.
    Check(One),
    /// Print every list as text: repo or image, family, place, and the first ten mirrors in the first turn's order.
    Dump(One),
    /// Compare two snapshots: mirrors, repos and images that came and went, and lists that `dump` shows otherwise.
    Diff(Two),
}

/// One snapshot.
#[derive(Debug, clap::Args)]
pub struct One {
    /// Snapshot file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Two snapshots.
#[derive(Debug, clap::Args)]
pub struct Two {
    /// Snapshot file before.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// Snapshot file after.
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

/// Runs the command.
pub fn run(command: Command) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match command {
        Command::Info(one) => info(&snapshot::open(&one.file)?, &one.file, &mut out),
        Command::Check(one) => {
            snapshot::open(&one.file)?;
            writeln!(out, "{}: sound", one.file.display())
        }
        Command::Dump(one) => snapshot::dump(&snapshot::open(&one.file)?, &mut out),
        Command::Diff(two) => {
            let (old, new) = (snapshot::open(&two.old)?, snapshot::open(&two.new)?);
            snapshot::diff(&old, &new, &mut out)
                .and_then(|difference| writeln!(out, "{} lists differ", difference.list_count))
        }
    };
    match written.and_then(|()| out.flush()) {
        // Whoever pipes into `head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::System(format!("cannot print: {error}"))),
        Ok(()) => Ok(()),
    }
}

fn info(view: &View<Map>, path: &Path, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "file       {}", path.display())?;
    writeln!(out, "bytes      {}", view.bytes().len())?;
    writeln!(out, "format     {VERSION}")?;
    writeln!(out, "checksum   {:016x}", view.checksum())?;
    writeln!(out, "evidence   {}", view.evidence().explain())?;
    if let Some(verified_at) = view.verified_at() {
        writeln!(out, "verified   {}", answer::time(verified_at))?;
    }
    writeln!(out, "mirrors    {}", view.mirror_count())?;
    writeln!(out, "repos      {} under {} names", view.repo_count(), view.keys().len())?;
    writeln!(out, "images     {} in {} folders", view.file_count(), view.folder_count())?;
    writeln!(out, "places     {} and the fallback", view.places().count())?;
    let (groups, networks, systems) = (view.group_count(), view.network_count(), view.asns().len());
    writeln!(out, "groups     {groups} of {networks} client networks and {systems} autonomous systems")?;
    writeln!(out, "turns      {}", view.turn_count())?;
    writeln!(out, "lists      {}", view.list_count())
}
