//! `mirrorlistd import`: other people's inventories and list trees.

use std::fs;
use std::path::{Path, PathBuf};

use super::check;
use super::failure::Failure;
use super::publish;
use crate::import::{Imported, Note, Stamp, almalinux, clouds, list_tree, repoproxy, tree_snapshot};
use crate::inventory::World;

/// Turn other people's inventories into lists, and published list trees into snapshots.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// AlmaLinux's `mirrors.d/*.yml` and `config.yml` into lists.
    Almalinux(AlmalinuxArgs),
    /// A cloud provider's address ranges, in its own format, into lists.
    Cloud(CloudArgs),
    /// A published tree of mirror lists (`repos.json`, `ipv4/…/mirrorlist.de`) into a snapshot, as it is.
    Tree(TreeArgs),
    /// The `repos.yaml` of oVirt's repoproxy into tables for the proxy's configuration, on standard output.
    Repoproxy(RepoproxyArgs),
}

/// Where facts come from, for the head of the files that are written.
#[derive(Debug, clap::Args)]
pub struct Origin {
    /// Where the facts come from, for the head of each file.
    #[arg(long, value_name = "TEXT")]
    origin: String,
    /// Date of the facts, for the head of each file.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: String,
}

/// `import almalinux`.
#[derive(Debug, clap::Args)]
pub struct AlmalinuxArgs {
    /// Folder with `config.yml` and `mirrors.d`.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Folder to write the lists to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    origin: Origin,
}

/// `import cloud`.
#[derive(Debug, clap::Args)]
pub struct CloudArgs {
    /// Whose format the file has.
    #[arg(value_name = "aws|gcp|azure|oracle", value_parser = provider)]
    provider: clouds::Provider,
    /// The provider's file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Folder to write the list to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    origin: Origin,
}

/// `import tree`.
#[derive(Debug, clap::Args)]
pub struct TreeArgs {
    /// Folder of the tree.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    target: publish::Target,
}

/// `import repoproxy`.
#[derive(Debug, clap::Args)]
pub struct RepoproxyArgs {
    /// Its `repos.yaml`.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs the command.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Almalinux(args) => {
            let reading = check::read(None)?;
            let world = World::new(&reading.inventory.countries);
            let stamp = Stamp { origin: args.origin.origin, date: args.origin.date };
            write(&almalinux::import(&args.folder, &world, &stamp).map_err(Failure::input)?, &args.out)
        }
        Command::Cloud(args) => {
            let bytes = fs::read(&args.file).map_err(|error| Failure::reading(&args.file, &error))?;
            let stamp = Stamp { origin: args.origin.origin, date: args.origin.date };
            let imported = clouds::import(args.provider, &bytes, &stamp);
            write(&imported.map_err(|error| Failure::Input(format!("{}: {error}", args.file.display())))?, &args.out)
        }
        Command::Tree(args) => {
            let tree = list_tree::read(&args.folder).map_err(Failure::input)?;
            print_notes(&tree.notes);
            let bytes = tree_snapshot::build(&tree).map_err(Failure::input)?;
            args.target.publish(&bytes)
        }
        Command::Repoproxy(args) => {
            let imported = repoproxy::import(&args.file).map_err(Failure::input)?;
            print_notes(&imported.notes);
            print!("{}", imported.text);
            Ok(())
        }
    }
}

fn provider(text: &str) -> Result<clouds::Provider, String> {
    let all = clouds::Provider::ALL.into_iter();
    all.into_iter().find(|one| one.name() == text).ok_or_else(|| "one of aws, gcp, azure, oracle".to_owned())
}

fn print_notes(notes: &[Note]) {
    for note in notes {
        eprintln!("{note}");
    }
}

/// Writes the files, each by rename.
fn write(imported: &Imported, folder: &Path) -> Result<(), Failure> {
    print_notes(&imported.notes);
    for (name, text) in &imported.files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| Failure::writing(&path, &error))?;
        publish::write_by_rename(&path, text.as_bytes())?;
        println!("wrote {} ({} bytes)", path.display(), text.len());
    }
    println!("{} notes", imported.notes.len());
    Ok(())
}
