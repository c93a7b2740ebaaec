//! `mirrorlistd geoip`: compile and ask GeoIP tables.

use std::net::IpAddr;
use std::path::PathBuf;

use super::check;
use super::failure::Failure;
use super::publish::write_by_rename;
use crate::config::Config;
use crate::daemon::GeoCache;
use crate::geoip::{mmdb, tor};
use crate::inventory::World;

/// Compile and ask GeoIP tables.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Compile databases into a table: MaxMind's schema or a flat one (.mmdb), or Tor's text files.
    Build(BuildArgs),
    /// Tell what a table (or the one in the program) is made of.
    Info(InfoArgs),
    /// Tell where addresses are.
    Lookup(LookupArgs),
}

/// What to compile.
#[derive(Debug, clap::Args)]
pub struct BuildArgs {
    /// Databases: one for both families, or one for each. Names of subdivisions are looked up in the shipped lists.
    #[arg(value_name = "MMDB", required_unless_present = "tor", conflicts_with = "tor")]
    databases: Vec<PathBuf>,
    /// IPv4 file in Tor's format.
    #[arg(long, value_name = "FILE")]
    tor: Option<PathBuf>,
    /// IPv6 file in Tor's format.
    #[arg(long, value_name = "FILE", requires = "tor")]
    tor6: Option<PathBuf>,
    /// File to write the table to, by rename; its name should end in `.table`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Which table.
#[derive(Debug, clap::Args)]
pub struct InfoArgs {
    /// Table or databases [default: the table in the program].
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Which addresses.
#[derive(Debug, clap::Args)]
pub struct LookupArgs {
    /// Addresses.
    #[arg(value_name = "ADDR", required = true)]
    addresses: Vec<IpAddr>,
    /// Configuration file whose table is asked [default: the table in the program].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Build(args) => build(&args),
        Command::Info(args) => info(&args),
        Command::Lookup(args) => lookup(&args),
    }
}

fn build(args: &BuildArgs) -> Result<(), Failure> {
    let bytes = if args.tor.is_some() {
        let files: Vec<PathBuf> = args.tor.iter().chain(&args.tor6).cloned().collect();
        tor::compile(&files).map_err(Failure::input)?
    } else {
        let reading = check::read(None)?;
        let world = World::new(&reading.inventory.countries);
        mmdb::compile(&args.databases, &|country, name| world.subdivision_named(country, name))
            .map_err(Failure::input)?
    };
    write_by_rename(&args.out, &bytes)?;
    println!("wrote {} ({} bytes)", args.out.display(), bytes.len());
    Ok(())
}

fn info(args: &InfoArgs) -> Result<(), Failure> {
    let table = GeoCache::default().table(&args.files, None, &|_, _| None)?;
    println!("source       {}", table.source());
    println!("attribution  {}", table.attribution());
    println!("places       {}", table.places().count());
    Ok(())
}

fn lookup(args: &LookupArgs) -> Result<(), Failure> {
    let config = args.config.as_deref().map(Config::read).transpose().map_err(Failure::input)?;
    let config = config.unwrap_or_else(Config::shipped);
    let table = GeoCache::default().table(&config.geoip, config.state.as_deref(), &|_, _| None)?;
    for address in &args.addresses {
        let place = table.lookup(address.to_canonical()).and_then(|place| table.place(place));
        println!("{address} {}", place.map_or_else(|| "unknown".to_owned(), |code| code.to_string()));
    }
    Ok(())
}
