//! AlmaLinux's mirror repository, `config.yml` and `mirrors.d/*.yml`, restated as inventory TOML.
//!
//! - `config`        `config.yml`: releases, modules, repos
//! - `mirror_file`   one file of `mirrors.d`
//! - `address`       a mirror's URL, repaired
//! - `geolocation`   where a mirror is
//! - `networks`      the client networks of a mirror
//!
//! Whatever is odd in a mirror's file becomes a note and never ends the import.

mod address;
mod config;
mod geolocation;
mod mirror_file;
mod networks;

use std::collections::BTreeMap;
use std::path::Path;

use self::address::Address;
use self::config::{Config, MAIN_TREE, VAULT_TREE, module_tree};
use super::note::Notes;
use super::sheet::Sheet;
use super::{ImportError, Imported, Note, Stamp, input};
use crate::inventory::{Kind, Mirror, Origin, Status, World};
use crate::net::Family;

/// Longest `config.yml`, bytes; that of July 2026 has 11 kB.
const CONFIG_BYTES_MAX: usize = 1 << 20;

/// Longest file of a mirror, bytes; the longest of July 2026 has 1 kB.
const MIRROR_BYTES_MAX: usize = 64 << 10;

/// Most files in `mirrors.d`; in July 2026 there are 530.
const MIRROR_COUNT_MAX: usize = 20_000;

/// The server that has every current release; answers name it when no mirror is left.
const LAST_RESORT: &str = "https://repo.almalinux.org/";

/// The server that has every old release.
const VAULT_LAST_RESORT: &str = "https://vault.almalinux.org/";

/// Imports a checkout of AlmaLinux's mirror repository: the folder that holds `config.yml` and `mirrors.d`.
/// Gives `almalinux.toml` (distribution, trees, releases, repos) and `mirrors.toml`.
///
/// # Errors
/// When `config.yml` cannot be read or understood, or there is no folder `mirrors.d`.
pub fn import(dir: &Path, world: &World<'_>, stamp: &Stamp) -> Result<Imported, ImportError> {
    let mut notes: Vec<Note> = Vec::new();
    let text = input::read_text(&dir.join("config.yml"), CONFIG_BYTES_MAX)?;
    let on_config = &mut Notes::on("config.yml", &mut notes);
    let config = Config::read(&text, on_config)
        .map_err(|reason| ImportError::format(&dir.join("config.yml").display().to_string(), reason))?;
    let mut mirrors: BTreeMap<String, Mirror> = BTreeMap::new();
    if let Some(vault) = vault(&config, on_config) {
        mirrors.insert(vault.name.clone(), vault);
    }
    for name in input::names(&dir.join("mirrors.d"), MIRROR_COUNT_MAX)? {
        let file = format!("mirrors.d/{name}");
        let mut notes = Notes::on(&file, &mut notes);
        if !name.ends_with(".yml") && !name.ends_with(".yaml") {
            notes.add("not a `.yml` file", "skipped");
            continue;
        }
        let text = match input::read_text(&dir.join(&file), MIRROR_BYTES_MAX) {
            Ok(text) => text,
            Err(error) => {
                notes.add(format!("cannot be read ({error})"), "skipped");
                continue;
            }
        };
        let Some(mirror) = mirror_file::read(&file, &text, &config.modules, world, &mut notes) else { continue };
        match mirrors.contains_key(&mirror.name) {
            true => notes.add(format!("there is a mirror `{}` already", mirror.name), "skipped"),
            false => drop(mirrors.insert(mirror.name.clone(), mirror)),
        }
    }
    let files = vec![
        ("almalinux.toml".into(), distribution_sheet(&config, stamp)),
        ("mirrors.toml".into(), mirror_sheet(mirrors.values(), stamp)),
    ];
    Ok(Imported { files, notes })
}

/// The project's vault, as a mirror of its tree.
fn vault(config: &Config, notes: &mut Notes<'_>) -> Option<Mirror> {
    let text = config.vault.as_deref()?;
    let address = Address::read("http", text, notes)?;
    let host = address.url.split('/').nth(2)?.to_owned();
    Some(Mirror {
        name: host,
        base: BTreeMap::from([(VAULT_TREE.to_owned(), BTreeMap::from([(address.protocol, address.url)]))]),
        place: None,
        bandwidth_mbps: 1000,
        tier: 1,
        status: Status::Active,
        kind: Kind::Own,
        listed: true,
        exclusive: false,
        networks: Vec::new(),
        asns: Vec::new(),
        cloud_regions: Vec::new(),
        families: Family::ALL.to_vec(),
        crawled: true,
        origin: Origin::default(),
    })
}

fn distribution_sheet(config: &Config, stamp: &Stamp) -> String {
    let mut sheet = Sheet::new("AlmaLinux: trees, releases and repos.", stamp);
    sheet.table("distribution");
    sheet.text("name", "almalinux");
    sheet.text("title", "AlmaLinux");
    // Ours, not a fact of AlmaLinux's: by these names clients of the Fedora dialect ask for its repos.
    sheet.text("fedora_name", "almalinux-{repo}-{release}");
    let module_trees = config.modules.iter().map(|module| module_tree(module));
    for tree in [MAIN_TREE.to_owned()].into_iter().chain(module_trees) {
        sheet.table("tree");
        sheet.text("name", &tree);
        sheet.text("last_resort", &format!("{LAST_RESORT}{tree}/"));
    }
    sheet.table("tree");
    sheet.text("name", VAULT_TREE);
    sheet.text("last_resort", VAULT_LAST_RESORT);
    for release in &config.releases {
        sheet.table("release");
        sheet.text("name", &release.name);
        sheet.texts("aliases", &release.aliases);
        if release.tree != MAIN_TREE {
            sheet.text("tree", &release.tree);
        }
        sheet.texts("arches", &release.arches);
    }
    for repo in &config.repos {
        sheet.table("repo");
        sheet.text("name", &repo.name);
        sheet.text("path", &repo.path);
        if let Some(tree) = &repo.tree {
            sheet.text("tree", tree);
        }
        if repo.releases.len() < config.releases.len() {
            sheet.texts("releases", &repo.releases);
        }
        sheet.texts("arches", repo.arches.iter().flatten());
    }
    sheet.finish()
}

fn mirror_sheet<'a>(mirrors: impl Iterator<Item = &'a Mirror>, stamp: &Stamp) -> String {
    let mut sheet = Sheet::new("Mirrors of AlmaLinux.", stamp);
    for mirror in mirrors {
        sheet.table("mirror");
        sheet.text("name", &mirror.name);
        for (tree, urls) in &mirror.base {
            for (protocol, url) in urls {
                sheet.text(&format!("base.{tree}.{protocol}"), url);
            }
        }
        if let Some(place) = mirror.place {
            sheet.text("country", &place.country().to_string());
            if let Some((_, subdivision)) = place.to_string().split_once('-') {
                sheet.text("subdivision", subdivision);
            }
        }
        if mirror.kind == Kind::Own {
            sheet.text("kind", "own");
        }
        if !mirror.listed {
            sheet.truth("listed", false);
        }
        if mirror.exclusive {
            sheet.truth("exclusive", true);
        }
        sheet.texts("networks", &mirror.networks);
        sheet.numbers("asns", mirror.asns.iter().copied());
        sheet.texts(
            "cloud_regions",
            mirror.cloud_regions.iter().map(|(cloud, region)| match region {
                Some(region) => format!("{cloud}/{region}"),
                None => cloud.clone(),
            }),
        );
    }
    sheet.finish()
}

#[cfg(test)]
mod tests;
