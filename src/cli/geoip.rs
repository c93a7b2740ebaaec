//! `mirrorlistd geoip`: compile and ask tables of places and of autonomous systems.

use std::net::IpAddr;
use std::path::PathBuf;

use super::check;
use super::failure::Failure;
use super::publish::write_by_rename;
use crate::config::Config;
use crate::daemon::{GeoCache, compile_asns};
use crate::geoip::{Label, Table, mmdb, tor};
use crate::inventory::World;

/// Compile and ask tables of places and of autonomous systems.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Compile databases into a table: MaxMind's schema or a flat one (.mmdb), or Tor's text files; with --asn ASN
    /// databases (.mmdb), or text files with a network and an AS number per line.
    Build(BuildArgs),
    /// Tell what a table (or the one in the program) is made of, or what a configuration names.
    Info(InfoArgs),
    /// Tell where addresses are, and in which autonomous system.
    Lookup(LookupArgs),
}

/// What to compile.
#[derive(Debug, clap::Args)]
pub struct BuildArgs {
    /// Databases: one for both families, or one for each. Names of subdivisions are looked up in the shipped lists.
    #[arg(value_name = "FILE", required_unless_present = "tor", conflicts_with = "tor")]
    databases: Vec<PathBuf>,
    /// Make a table of autonomous systems, not of places.
    #[arg(long, conflicts_with = "tor")]
    asn: bool,
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
    /// They are of autonomous systems, not of places.
    #[arg(long, requires = "files")]
    asn: bool,
    /// Configuration file whose tables are told of.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "asn"])]
    config: Option<PathBuf>,
}

/// Which addresses.
#[derive(Debug, clap::Args)]
pub struct LookupArgs {
    /// Addresses.
    #[arg(value_name = "ADDR", required = true)]
    addresses: Vec<IpAddr>,
    /// Configuration file whose tables are asked [default: the table in the program, and none of autonomous systems].
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
    } else if args.asn {
        compile_asns(&args.databases)?
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
    let mut cache = GeoCache::default();
    if let Some(path) = &args.config {
        let config = Config::read(path).map_err(Failure::input)?;
        let state = config.state.as_deref();
        tell("places", &*cache.table(&config.geoip, state, &|_, _| None)?);
        match cache.asn_table(&config.asn, state)? {
            Some(table) => tell("systems", &*table),
            None => println!("systems      no table is configured"),
        }
    } else if args.asn {
        cache.asn_table(&args.files, None)?.iter().for_each(|table| tell("systems", &**table));
    } else {
        tell("places", &*cache.table(&args.files, None, &|_, _| None)?);
    }
    Ok(())
}

/// Tells of a table. `labels`: what its labels are.
fn tell<B: AsRef<[u8]>, L: Label>(labels: &str, table: &Table<B, L>) {
    println!("source       {}", table.source());
    println!("attribution  {}", table.attribution());
    println!("{labels:<12} {}", table.label_count());
    println!("ranges       {}", table.range_count());
}

fn lookup(args: &LookupArgs) -> Result<(), Failure> {
    let config = args.config.as_deref().map(Config::read).transpose().map_err(Failure::input)?;
    let config = config.unwrap_or_else(Config::shipped);
    let mut cache = GeoCache::default();
    let places = cache.table(&config.geoip, config.state.as_deref(), &|_, _| None)?;
    let systems = cache.asn_table(&config.asn, config.state.as_deref())?;
    for address in &args.addresses {
        let place = places.lookup(*address).and_then(|place| places.place(place));
        let place = place.map_or_else(|| "unknown".to_owned(), |code| code.to_string());
        match &systems {
            Some(systems) => {
                let system = systems.asn(*address).map_or_else(|| "unknown".to_owned(), |asn| asn.to_string());
                println!("{address} {place} {system}");
            }
            None => println!("{address} {place}"),
        }
    }
    Ok(())
}
