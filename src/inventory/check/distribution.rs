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
    let fedora_name = entry.fedora_name.as_ref().and_then(|text| case.formed(text, form::repo_name_pattern));
    Some(Distribution {
        fedora_name,
        title: title.unwrap_or_else(|| name.clone()),
        protocols: protocols.unwrap_or_else(|| PROTOCOLS_DEFAULT.to_vec()),
        name,
        trees: Vec::new(),
        releases: Vec::new(),
        repos: Vec::new(),
        images: Vec::new(),
        repo_aliases: Vec::new(),
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
    // A URL of a protocol that lists do not name would never be named.
    let protocols: Vec<Protocol> =
        distributions[owner].protocols.iter().copied().filter(|&protocol| protocol != Protocol::Rsync).collect();
    let mut vault = Vec::with_capacity(entry.vault.len());
    for text in &entry.vault {
        vault.extend(case.url(text, &protocols).map(|url| (url, text.span())));
    }
    let vault = case.each_once(vault);
    let sunset = entry.sunset.as_ref().and_then(|text| case.formed(text, form::notice));
    Some(Release { name, aliases, dir, tree, arches, vault, sunset })
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

#[cfg(test)]
mod tests {
    use super::super::ground::{problems, reading};
    use super::*;

    #[test]
    fn a_release_may_end_in_a_vault() {
        let text = |more: &str| {
            format!(
                "[[distribution]]\nname = \"d\"\nprotocols = [\"https\", \"rsync\"]\n[[tree]]\nname = \"t\"\n\
                 [[release]]\nname = \"8.4\"\narches = [\"x86_64\"]\n{more}\n"
            )
        };
        let good = text("vault = [\"https://b/x\", \"https://a/\"]\nsunset = \" It is over. \"");
        assert!(problems(&good).is_empty(), "{:?}", problems(&good));
        let release = &reading(&good).inventory.distributions[1].releases[0];
        assert_eq!(release.vault, ["https://b/x/", "https://a/"]);
        assert_eq!(release.sunset.as_deref(), Some("It is over."));
        let bad =
            text("vault = [\"http://a/\", \"rsync://a/\", \"https://a/\", \"https://a\"]\nsunset = \"a metalink\"");
        assert_eq!(
            problems(&bad),
            [
                "a.toml:9: release `8.4`: `http://a/` has another scheme; begin it with `https://`",
                "a.toml:9: release `8.4`: `https://a/` stands twice; keep one",
                "a.toml:9: release `8.4`: `rsync://a/` has another scheme; begin it with `https://`",
                "a.toml:10: release `8.4`: `a metalink` has `metalink`, `<` or `>` in it; \
                 find other words: clients would take it for XML",
            ]
        );
        let release = &reading(&bad).inventory.distributions[1].releases[0];
        assert_eq!((release.vault.len(), release.sunset.as_ref()), (1, None), "the rest is kept");
        assert!(reading("").inventory.distributions[0].releases[0].vault.is_empty());
    }

    #[test]
    fn defaults_are_filled_in() {
        let reading = reading(
            "[[distribution]]\nname = \"rocky\"\n[[tree]]\nname = \"rocky\"\nlast_resort = \"https://a/x\"\n\
             [[release]]\nname = \"10.0\"\narches = [\"x86_64\"]\n",
        );
        assert!(reading.problems.is_empty());
        let rocky = &reading.inventory.distributions[1];
        assert_eq!((rocky.title.as_str(), rocky.protocols.as_slice()), ("rocky", PROTOCOLS_DEFAULT.as_slice()));
        assert_eq!(rocky.trees[0].last_resort.as_deref(), Some("https://a/x/"));
        assert_eq!((rocky.releases[0].dir.as_str(), rocky.releases[0].tree.as_str()), ("10.0", "rocky"));
    }

    #[test]
    fn a_second_name_is_told_where_the_first_stands() {
        let text = r#"
[[distribution]]
name = "alma"
[[tree]]
distribution = "alma"
name = "alma"
[[release]]
distribution = "alma"
name = "9"
arches = ["x86_64"]
[[release]]
distribution = "alma"
name = "9.9"
aliases = ["9.x", "9", "9.x"]
arches = ["x86_64"]
"#;
        assert_eq!(
            problems(text),
            [
                "a.toml:3: distribution `alma`: `alma` is already at 0.toml:2; rename or delete one",
                "a.toml:6: tree `alma`: `alma` is already at 0.toml:5; rename or delete one",
                "a.toml:9: release `9`: `9` is already at 0.toml:7; rename or delete one",
                "a.toml:14: release `9.9`: `9.x` is already at a.toml:11; rename or delete one",
                "a.toml:14: release `9.9`: `9` is already at 0.toml:7; rename or delete one",
            ]
        );
        let distributions = reading(text).inventory.distributions;
        assert_eq!((distributions.len(), distributions[0].trees.len()), (1, 1));
        assert_eq!(distributions[0].releases[1].aliases, ["9.x"]);
    }

    #[test]
    fn an_entry_belongs_to_a_distribution_there_is() {
        let text = r#"
[[tree]]
name = "a"
[[tree]]
distribution = "b"
name = "b"
"#;
        let none =
            "a.toml:2: tree `a`: it names no distribution, and its file has 0 valid ones; write `distribution = \"…\"`";
        assert_eq!(
            problems(text),
            [
                none,
                "a.toml:5: tree `b`: there is no distribution `b`; name one that a valid `[[distribution]]` defines",
            ]
        );
        let two = format!("{}[[distribution]]\nname = \"c\"\n[[distribution]]\nname = \"d\"\n", &text[..21]);
        assert_eq!(problems(&two), [none.replace("0 valid", "2 valid")]);
        let broken = format!("{}[[distribution]]\nname = \"c d\"\n", &text[..21]);
        assert_eq!(
            problems(&broken),
            [
                "a.toml:2: tree `a`: there is no distribution `c d`; name one that a valid `[[distribution]]` defines",
                "a.toml:5: distribution `c d`: `c d` is no name; \
                 write 1 to 64 of the letters A-Z, a-z, digits and `._+~-`",
            ]
        );
    }

    #[test]
    fn a_broken_part_costs_itself_where_it_can() {
        let text = r#"
[[distribution]]
name = "rocky"
title = ""
protocols = []
[[tree]]
name = "rocky"
last_resort = "rsync://a/"
[[release]]
name = "10"
aliases = ["a b"]
arches = ["x86_64", "a/b", "x86_64"]
"#;
        assert_eq!(
            problems(text),
            [
                "a.toml:4: distribution `rocky`: `` is no title; write one line of at most 128 bytes",
                "a.toml:5: distribution `rocky`: `protocols` is empty; name at least one, or delete the line",
                "a.toml:8: tree `rocky`: `rsync://a/` has another scheme; begin it with `http://` or `https://`",
                "a.toml:11: release `10`: `a b` is no name; write 1 to 64 of the letters A-Z, a-z, digits and `._+~-`",
                "a.toml:12: release `10`: `a/b` is no name; write 1 to 64 of the letters A-Z, a-z, digits and `._+~-`",
                "a.toml:12: release `10`: `x86_64` stands twice; keep one",
            ]
        );
        let rocky = &reading(text).inventory.distributions[1];
        assert_eq!((rocky.protocols.len(), rocky.trees.len(), rocky.releases[0].arches.len()), (2, 1, 1));
    }

    #[test]
    fn a_release_needs_a_tree_a_directory_and_an_architecture() {
        let release = |more: &str| format!("[[distribution]]\nname = \"rocky\"\n[[release]]\nname = \"10\"\n{more}\n");
        for (more, want) in [
            ("arches = [\"x86_64\"]", "a.toml:3: release `10`: its distribution has no valid tree; add a `[[tree]]`"),
            (
                "arches = [\"x86_64\"]\ntree = \"x\"",
                "a.toml:6: release `10`: there is no tree `x`; name one that a valid `[[tree]]` defines",
            ),
            (
                "arches = []\ntree = \"alma\"",
                "a.toml:5: release `10`: it has no valid architecture; write `arches = [\"x86_64\"]`",
            ),
            (
                "arches = [\"x86_64\"]\ntree = \"alma\"\ndir = \"../x\"",
                "a.toml:7: release `10`: `../x` has an empty part, `.` or `..`; write the plain path",
            ),
            ("tree = \"alma\"", "a.toml:3: release: missing field `arches`; add it"),
        ] {
            assert_eq!(problems(&release(more)), [want]);
            assert!(reading(&release(more)).inventory.distributions[1].releases.is_empty());
        }
    }
}
