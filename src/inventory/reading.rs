//! `Reading`: an inventory as read, with what was wrong.
//!
//! Lives here: the way from files to an inventory. Not here: the steps on it (`files`, `block`, `entry`, `check`).

use std::path::{Path, PathBuf};

use super::block::Block;
use super::check::check;
use super::entry::Entries;
use super::files::{self, ReadError};
use super::model::Inventory;
use super::problem::{Problem, Problems};

/// What the files say, and what is wrong with them.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// All that was right.
    pub inventory: Inventory,
    /// All that was wrong and left out, by file and line.
    pub problems: Vec<Problem>,
}

/// Reads every `*.toml` under `folder`. A broken entry or file is a problem and costs nothing else; an error only when
/// the folder itself cannot be read.
pub fn read(folder: &Path) -> Result<Reading, ReadError> {
    let mut problems = Problems::default();
    let mut entries = Entries::default();
    for path in files::find(folder, &mut problems)? {
        match files::load(&path) {
            Ok(bytes) => add(&mut entries, &path, &bytes, &mut problems),
            Err(problem) => problems.push(problem),
        }
    }
    Ok(examined(entries, problems))
}

/// Reads files that are in memory already, in the order given. Each path should be given once.
pub fn read_text(files: &[(PathBuf, String)]) -> Reading {
    let mut problems = Problems::default();
    let mut entries = Entries::default();
    for (path, text) in files {
        add(&mut entries, path, text.as_bytes(), &mut problems);
    }
    examined(entries, problems)
}

fn add(entries: &mut Entries, path: &Path, bytes: &[u8], problems: &mut Problems) {
    for block in Block::split(path, bytes, problems) {
        entries.add(block, problems);
    }
}

fn examined(entries: Entries, mut problems: Problems) -> Reading {
    let inventory = check(&entries, &mut problems);
    Reading { inventory, problems: problems.into_sorted() }
}
