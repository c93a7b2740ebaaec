//! Distributions, their trees and their releases.

use std::collections::HashMap;
use std::path::Path;

use super::case::{Case, Ledger};
use crate::inventory::entry::{DistributionEntry, Entries, Found, ReleaseEntry, Text, TreeEntry};
use crate::inventory::form;
use crate::inventory::model::{Distribution, Origin, Release, Tree};
use crate::inventory::problem::quoted;
use crate::net::Protocol;

/// Protocols of list URLs where a distribution names none.
const PROTOCOLS_DEFAULT: [Protocol; 2] = [Protocol::Https, Protocol::Http];

/// The distributions, with trees and releases, without repos.
pub fn distributions(entries: &Entries, ledger: &mut Ledger) -> Vec<Distribution> {
    let mut seen = HashMap::new();
    let mut distributions = Vec::with_capacity(entries.distributions.len());
    for found in &entries.distributions {
        let mut case = Case::new(ledger, found, "distribution", found.entry.name.as_ref());
        distributions.extend(distribution(&found.entry, &mut seen, &mut case));
    }
    let owners = Owners::new(entries, &distributions);
    let mut seen = HashMap::new();
    for found in &entries.trees {
        let entry = &found.entry;
        let mut case = Case::new(ledger, found, "tree", entry.name.as_ref());
        if let Some(owner) = owners.owner(&mut case, found, &entry.distribution) {
            distributions[owner].trees.extend(tree(entry, &mut seen, &mut case));
        }
    }
    let mut seen = HashMap::new();
    for found in &entries.releases {
        let entry = &found.entry;
        let mut case = Case::new(ledger, found, "release", entry.name.as_ref());
        if let Some(owner) = owners.owner(&mut case, found, &entry.distribution) {
            let release = release(entry, owner, &distributions, &mut seen, &mut case);
            distributions[owner].releases.extend(release);
        }
    }
    distributions
}

fn distribution(
    entry: &DistributionEntry,
    seen: &mut HashMap<String, Origin>,
    case: &mut Case,
) -> Option<Distribution> {
    let name = case.formed(&entry.name, form::name)?;
    if !case.is_first(seen, name.clone(), &name, entry.name.span()) {
        return None;
    }
    let title = entry.title.as_ref().and_then(|title| case.formed(title, form::title));
    let protocols = entry.protocols.as_ref().and_then(|protocols| case.some_of(protocols, "protocols"));
    Some(Distribution {
        title: title.unwrap_or_else(|| name.clone()),
        protocols: protocols.unwrap_or_else(|| PROTOCOLS_DEFAULT.to_vec()),
        name,
        trees: Vec::new(),
        releases: Vec::new(),
        repos: Vec::new(),
    })
}

fn tree(entry: &TreeEntry, seen: &mut HashMap<String, Origin>, case: &mut Case) -> Option<Tree> {
    let name = case.formed(&entry.name, form::name)?;
    if !case.is_first(seen, name.clone(), &name, entry.name.span()) {
        return None;
    }
    let last_resort = entry.last_resort.as_ref();
    let last_resort = last_resort.and_then(|url| case.url(url, &[Protocol::Http, Protocol::Https]));
    Some(Tree { name, last_resort })
}

/// A release of the distribution `owner`. `seen` has every name and alias of every distribution's releases.
fn release(
    entry: &ReleaseEntry,
    owner: usize,
    distributions: &[Distribution],
    seen: &mut HashMap<(usize, String), Origin>,
    case: &mut Case,
) -> Option<Release> {
    let name = case.formed(&entry.name, form::name)?;
    let dir = match &entry.dir {
        Some(dir) => case.formed(dir, form::directory)?,
        None => name.clone(),
    };
    let tree = match &entry.tree {
        Some(tree) => case.is_tree(tree, distributions).then(|| tree.as_ref().clone())?,
        None => {
            let Some(tree) = distributions[owner].trees.first() else {
                case.report_all("its distribution has no valid tree", "add a `[[tree]]`");
                return None;
            };
            tree.name.clone()
        }
    };
    let arches = case.names(entry.arches.as_ref());
    if arches.is_empty() {
        case.report(entry.arches.span(), "it has no valid architecture", "write `arches = [\"x86_64\"]`");
        return None;
    }
    if !case.is_first(seen, (owner, name.clone()), &name, entry.name.span()) {
        return None;
    }
    let mut aliases = Vec::with_capacity(entry.aliases.len());
    for text in &entry.aliases {
        let Some(alias) = case.formed(text, form::name) else { continue };
        if case.is_first(seen, (owner, alias.clone()), &alias, text.span()) {
            aliases.push(alias);
        }
    }
    Some(Release { name, aliases, dir, tree, arches })
}

/// Which distribution an entry belongs to: the one it names, or the only one in its file.
pub struct Owners<'a> {
    index_by_name: HashMap<String, usize>,
    names_by_file: HashMap<&'a Path, Vec<&'a str>>,
}

impl<'a> Owners<'a> {
    /// Of the valid `distributions`, and those that the files of `entries` mention.
    pub fn new(entries: &'a Entries, distributions: &[Distribution]) -> Owners<'a> {
        let mut names_by_file: HashMap<&Path, Vec<&str>> = HashMap::new();
        for found in &entries.distributions {
            names_by_file.entry(&found.block.file).or_default().push(found.entry.name.as_ref());
        }
        let names = distributions.iter().map(|distribution| distribution.name.clone());
        Owners { index_by_name: names.zip(0..).collect(), names_by_file }
    }

    /// The index of the distribution that the entry `found`, which names `distribution`, belongs to.
    pub fn owner<E>(&self, case: &mut Case, found: &Found<E>, distribution: &Option<Text>) -> Option<usize> {
        let name: &str = match (distribution, self.names_by_file.get(&*found.block.file).map(Vec::as_slice)) {
            (Some(name), _) => name.as_ref(),
            (None, Some([name])) => name,
            (None, names) => {
                let count = names.map_or(0, <[&str]>::len);
                case.report_all(
                    format!("it names no distribution, and its file has {count} valid ones"),
                    "write `distribution = \"…\"`",
                );
                return None;
            }
        };
        let index = self.index_by_name.get(name).copied();
        if index.is_none() {
            let why = format!("there is no distribution {}", quoted(name));
            let fix = "name one that a valid `[[distribution]]` defines";
            match distribution {
                Some(text) => case.report(text.span(), why, fix),
                None => case.report_all(why, fix),
            }
        }
        index
    }
}
