//! `mirrorlistd serve`: answer requests.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::failure::Failure;
use crate::daemon::{self, Origin};

/// Answer mirrorlist requests.
///
/// Without a configuration the shipped lists are served on port 8080. Each address listened on is printed on standard
/// output. HUP reloads, USR1 reopens the access log, TERM and INT end the program once answers under way are out.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on, in place of all that the configuration names; may be repeated, port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<SocketAddr>,
    /// Event loops, in place of the configuration's [default: one per processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Folder of the inventory, in place of the configuration's.
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
}

/// Serves until told to stop.
pub fn run(args: Args) -> Result<(), Failure> {
    let origin =
        Origin { file: args.config, listen: args.listen, workers: args.workers.map(usize::from), lists: args.lists };
    Ok(daemon::run(&origin)?)
}
