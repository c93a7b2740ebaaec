//! `mirrorlistd build`: lists → snapshot, published into a state folder.

use std::path::PathBuf;

use super::check;
use super::failure::Failure;
use super::publish;
use crate::plan::{self, Goods};
use crate::verdicts::State;

/// Build a snapshot from the lists and publish it.
///
/// With problems in the lists nothing is published (exit code 1), unless --skip-bad is given.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the inventory [default: the shipped one].
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    #[command(flatten)]
    target: publish::Target,
    /// Publish what is good when the lists have problems.
    #[arg(long)]
    skip_bad: bool,
}

/// Builds and publishes.
pub fn run(args: &Args) -> Result<(), Failure> {
    let reading = check::read(args.lists.as_deref())?;
    if !reading.problems.is_empty() && !args.skip_bad {
        return Err(Failure::Input(format!(
            "{} problems in the lists: nothing was published; mend them, \
             or give --skip-bad to do without the bad entries",
            reading.problems.len()
        )));
    }
    if let Some(folder) = args.target.state().filter(|folder| State::exists(folder)) {
        return Err(Failure::Guard(format!(
            "{} holds what a crawler found, and this command goes by the lists alone: nothing was published; \
             `mirrorlistd plan` publishes what follows from both",
            folder.display()
        )));
    }
    let bytes = plan::build(&reading.inventory, &Goods::unverified(&reading.inventory)).map_err(Failure::input)?;
    args.target.publish(&bytes)
}
