//! `mirrorlistd snapshot`: look into snapshot files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::net::Family;
use crate::place::Code;
use crate::snapshot::{self, PlaceIndex, RepoIndex, Row, VERSION, View};
use crate::sys::Map;

/// Look into snapshot files.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Tell what a snapshot holds.
    Info(One),
    /// Walk every byte of a snapshot; exit code 1 when something is wrong.
    Check(One),
    /// Print every list as text: repo, family, place, mirrors in the order of the first turn.
    Dump(One),
    /// Compare two snapshots: repos that came and went, and per repo and place the mirrors of the lists.
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

/// Mirrors that `dump` and `diff` show of a list: as many as an answer has by default.
const SHOWN_MAX: usize = 10;

/// Runs the command.
pub fn run(command: Command) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match command {
        Command::Info(one) => info(&snapshot::open(&one.file)?, &one.file, &mut out),
        Command::Check(one) => {
            snapshot::open(&one.file)?;
            writeln!(out, "{}: sound", one.file.display())
        }
        Command::Dump(one) => dump(&snapshot::open(&one.file)?, &mut out),
        Command::Diff(two) => diff(&snapshot::open(&two.old)?, &snapshot::open(&two.new)?, &mut out),
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
    writeln!(out, "mirrors    {}", view.mirror_count())?;
    writeln!(out, "repos      {} under {} names", view.repo_count(), view.keys().len())?;
    writeln!(out, "places     {} and the fallback", view.places().count())?;
    writeln!(out, "groups     {} of {} client networks", view.group_count(), view.network_count())?;
    writeln!(out, "turns      {}", view.turn_count())?;
    writeln!(out, "lists      {}", view.list_count())
}

fn dump(view: &View<Map>, out: &mut dyn Write) -> io::Result<()> {
    for ([release, arch, repo], index) in view.keys() {
        if let Some(found) = view.repo_name(index)
            && found.release != release
        {
            writeln!(out, "{release} {arch} {repo} = {} {arch} {repo}", found.release)?;
            continue;
        }
        for family in Family::ALL {
            for (place, mirrors) in lists(view, index, family) {
                let place = place.map_or_else(|| "fallback".to_owned(), |code| code.to_string());
                writeln!(out, "{release} {arch} {repo} {family} {place}: {}", mirrors.join(" "))?;
            }
        }
    }
    Ok(())
}

/// The lists of a repo by place (none: the fallback), in the order of the first turn.
fn lists(view: &View<Map>, repo: RepoIndex, family: Family) -> BTreeMap<Option<Code>, Vec<&str>> {
    let Some(repo) = view.repo(repo) else { return BTreeMap::new() };
    let serving = view.serving(&repo, family);
    let places = std::iter::once(None).chain(view.places().map(Some));
    let named = places.map(|code| {
        let place = code.and_then(|code| view.place(code)).unwrap_or(PlaceIndex::FALLBACK);
        let good = view.candidates(&repo, family, Row::Place(place), 0).filter(|&index| serving.base(index).is_some());
        (code, good.take(SHOWN_MAX).filter_map(|index| view.mirror(index)).map(|mirror| mirror.name).collect())
    });
    named.collect()
}

fn diff(old: &View<Map>, new: &View<Map>, out: &mut dyn Write) -> io::Result<()> {
    let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (old.keys().into_iter().collect(), new.keys().into_iter().collect());
    let mirrors = |view: &View<Map>| -> BTreeSet<String> {
        let all = (0..view.mirror_count()).filter_map(|at| view.mirror(snapshot::MirrorIndex(at as u16)));
        all.map(|mirror| mirror.name.to_owned()).collect()
    };
    let (mirrors_before, mirrors_after) = (mirrors(old), mirrors(new));
    for name in mirrors_before.difference(&mirrors_after) {
        writeln!(out, "- mirror {name}")?;
    }
    for name in mirrors_after.difference(&mirrors_before) {
        writeln!(out, "+ mirror {name}")?;
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        writeln!(out, "- repo {}", key.join(" "))?;
    }
    let mut changed = 0;
    for (key, &index) in &after {
        let Some(&index_before) = before.get(key) else {
            writeln!(out, "+ repo {}", key.join(" "))?;
            continue;
        };
        for family in Family::ALL {
            let lists_before = lists(old, index_before, family);
            for (place, mirrors) in lists(new, index, family) {
                let was = lists_before.get(&place).map_or(&[][..], Vec::as_slice);
                if was != mirrors {
                    changed += 1;
                    let place = place.map_or_else(|| "fallback".to_owned(), |code| code.to_string());
                    let less: Vec<_> =
                        was.iter().filter(|one| !mirrors.contains(one)).map(|one| format!("-{one}")).collect();
                    let more: Vec<_> =
                        mirrors.iter().filter(|one| !was.contains(one)).map(|one| format!("+{one}")).collect();
                    let what = [less, more].concat().join(" ");
                    let what = if what.is_empty() { "another order".to_owned() } else { what };
                    writeln!(out, "~ list {} {family} {place}: {what}", key.join(" "))?;
                }
            }
        }
    }
    writeln!(out, "{changed} lists differ")
}
