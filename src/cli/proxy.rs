//! `mirrorlistd proxy`: repos by stable URLs, and a caching forward proxy.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::failure::Failure;
use crate::daemon::{self, Origin};

/// Serve repos by stable URLs from the first mirror that works, and be a caching forward proxy.
///
/// Without a configuration it listens on port 3128, serves clients of this machine, and keeps its cache in
/// /var/cache/mirrorlistd. Each address listened on is printed on standard output. HUP reloads without dropping a
/// transfer, USR1 reopens the access log, TERM and INT end the program once answers under way are out.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file; its table `[proxy]` counts.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on, in place of all that the configuration names; may be repeated, port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<SocketAddr>,
    /// Event loops, in place of the configuration's [default: one per processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
}

/// Serves until told to stop.
pub fn run(args: Args) -> Result<(), Failure> {
    let origin = Origin { file: args.config, listen: args.listen, workers: args.workers.map(usize::from), lists: None };
    Ok(daemon::run_proxy(&origin)?)
}
