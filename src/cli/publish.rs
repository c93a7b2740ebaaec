//! Where what was made goes: a snapshot into a state folder or one file, any other file by rename.

use std::fs;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::snapshot::Store;

/// Where the snapshot goes.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Target {
    /// State folder to publish it in, as the next generation.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// File to write it to, by rename.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Target {
    /// The state folder, when it goes there.
    pub fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }

    /// Publishes a snapshot and tells where it went.
    pub fn publish(&self, bytes: &[u8]) -> Result<(), Failure> {
        if let Some(folder) = &self.state {
            let store = Store::new(folder);
            let (generation, is_new) = store.publish(bytes)?;
            let news = if is_new { "published" } else { "is the newest already:" };
            println!("{news} generation {generation} ({} bytes) in {}", bytes.len(), folder.display());
        }
        if let Some(path) = &self.out {
            write_by_rename(path, bytes)?;
            println!("wrote {} ({} bytes)", path.display(), bytes.len());
        }
        Ok(())
    }
}

/// Writes a file so that readers see the old one or the new one, and never a half.
pub fn write_by_rename(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let unfinished = path.with_extension("unfinished");
    let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|error| Failure::writing(path, &error))
}
