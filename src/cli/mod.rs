//! The command line: one file per command.
//!
//! - `atlas`      what commands that answer without serving answer from
//! - `bar`        progress on a terminal
//! - `csv`        lines of CSV
//! - `failure`    `Failure`: what went wrong, and so the exit code
//! - `serve`      answer requests
//! - `proxy`      repos by stable URLs, and a caching forward proxy
//! - `crawl`      look at every mirror, keep what was found, publish what follows
//! - `build`      lists → snapshot, published
//! - `prefetch`   what the cache will be asked for, fetched before
//! - `publish`    where a snapshot that was made goes
//! - `check`      read the lists and tell of every problem
//! - `plan`       lists and verdicts → what would change, what the guard says, the publication
//! - `expire`     name nothing of a repo that is older than what its master shows now
//! - `cache`      what is in the proxy's cache
//! - `clouds`     bring the address ranges of clouds up to date
//! - `export`     lists for other people's frontends
//! - `logs`       reading access logs
//! - `lookup`     explain an answer
//! - `simulate`   what answers would be, and so what mirrors would carry
//! - `stats`      what an access log tells
//! - `snapshot`   info, check, dump, diff of snapshot files
//! - `rollback`   go back to an older snapshot
//! - `mirrors`    what the crawler knows of mirrors
//! - `import`     other people's inventories and list trees
//! - `geoip`      compile and ask GeoIP tables

mod atlas;
mod bar;
mod build;
mod cache;
mod check;
mod clouds;
mod crawl;
mod csv;
mod expire;
mod export;
mod failure;
mod geoip;
mod import;
mod logs;
mod lookup;
mod mirrors;
mod plan;
mod prefetch;
mod proxy;
mod publish;
mod rollback;
mod serve;
mod simulate;
mod snapshot;
mod stats;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Which mirrors are near this client, for this release, repo and architecture.
///
/// Exit codes: 0 done, 1 the input is at fault, 2 usage, 3 refused by a guard, 4 the system failed.
#[derive(Debug, Parser)]
#[command(name = "mirrorlistd", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Proxy(proxy::Args),
    Crawl(crawl::Args),
    Build(build::Args),
    Check(check::Args),
    Plan(plan::Args),
    Expire(expire::Args),
    #[command(subcommand)]
    Cache(cache::Command),
    #[command(subcommand)]
    Clouds(clouds::Command),
    #[command(subcommand)]
    Export(export::Command),
    Lookup(lookup::Args),
    Simulate(simulate::Args),
    Stats(stats::Args),
    #[command(subcommand)]
    Snapshot(snapshot::Command),
    Rollback(rollback::Args),
    Mirrors(mirrors::Args),
    #[command(subcommand)]
    Import(import::Command),
    #[command(subcommand)]
    Geoip(geoip::Command),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Proxy(args) => proxy::run(args),
        Command::Crawl(args) => crawl::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Expire(args) => expire::run(&args),
        Command::Cache(command) => cache::run(&command),
        Command::Clouds(command) => clouds::run(command),
        Command::Export(command) => export::run(command),
        Command::Lookup(args) => lookup::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Stats(args) => stats::run(&args),
        Command::Snapshot(command) => snapshot::run(command),
        Command::Rollback(args) => rollback::run(&args),
        Command::Mirrors(args) => mirrors::run(&args),
        Command::Import(command) => import::run(command),
        Command::Geoip(command) => geoip::run(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("mirrorlistd: {failure}");
            failure.exit_code()
        }
    }
}
