//! `mirrorlistd rollback`: go back to the snapshot before the one in use.

use std::path::PathBuf;

use super::failure::Failure;
use crate::snapshot::Store;

/// Go back to the snapshot before the one in use; a running server takes it at its next HUP.
///
/// It stays in use until the lists give a snapshot that differs from the newest one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// State folder.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

/// Goes back.
pub fn run(args: &Args) -> Result<(), Failure> {
    let store = Store::new(&args.state);
    let before = store.current();
    let now = store.rollback()?;
    println!("generation {now} is in use again (before: {before}); send HUP to the server");
    Ok(())
}
