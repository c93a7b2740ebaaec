//! `mirrorlistd lookup`: explain an answer step by step.

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::atlas;
use super::failure::Failure;
use crate::answer::{self, Ask, Endpoint, Query};
use crate::config::Config;
use crate::daemon::rules;

/// Explain what a client is answered: network, place, turn, lists, and each mirror with the reason.
///
/// The same is answered by a server to `explain=1` where it may.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The client's address.
    #[arg(long, value_name = "ADDR")]
    ip: IpAddr,
    /// Release, or alias of one.
    #[arg(long)]
    release: String,
    /// Architecture.
    #[arg(long)]
    arch: String,
    /// Repo.
    #[arg(long)]
    repo: String,
    /// Place to answer for in place of the client's own, as `cc=` does: `de`, `us-TX`.
    #[arg(long, value_name = "PLACE")]
    cc: Option<String>,
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the inventory [default: the configuration's, else the shipped one].
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    /// Snapshot file to answer from, in place of lists.
    #[arg(long, value_name = "FILE", conflicts_with = "lists")]
    snapshot: Option<PathBuf>,
    /// Time of the request, seconds since 1970 [default: now]; the hour decides the turn.
    #[arg(long, value_name = "SECONDS")]
    at: Option<u64>,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How to tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Explains.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut config = match &args.config {
        Some(path) => Config::read(path).map_err(Failure::input)?,
        None => Config::shipped(),
    };
    let rules = rules(&config);
    config.lists = args.lists.clone().or(config.lists);
    let atlas = atlas::open(config, args.snapshot.as_deref())?;
    let atlas = atlas.as_ref();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let query = Query::of(&args.release, &args.arch, &args.repo, args.cc.as_deref().unwrap_or_default());
    let unix_seconds = args.at.unwrap_or(now);
    let ask = Ask { endpoint: Endpoint::Root, query, accepts_metalink4: false, client: args.ip, unix_seconds };
    let told = answer::explain(atlas, &ask, &rules);
    let bytes = match args.format {
        Format::Text => told.text().into_bytes(),
        Format::Json => told.json(),
    };
    match io::stdout().lock().write_all(&bytes) {
        // Whoever pipes into `head` has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::System(format!("cannot print: {error}")));
        }
        _ => {}
    }
    match answer::centos::find(atlas, &query) {
        Ok(_) => Ok(()),
        Err(outcome) => Err(Failure::Input(format!("no list: {}", outcome.label()))),
    }
}
