//! AlmaLinux's `config.yml`: releases, modules, repos.

use std::collections::BTreeMap;

use crate::import::note::Notes;
use crate::import::yaml;
use crate::inventory::{PATH_BYTES_MAX, Release, Repo};

/// The tree of the current releases.
pub(super) const MAIN_TREE: &str = "almalinux";

/// The tree of old releases, sources and debug packages.
pub(super) const VAULT_TREE: &str = "almalinux-vault";

/// What `config.yml` tells, in our nouns.
#[derive(Debug)]
pub(super) struct Config {
    /// Modules (`kitten`): each has a tree of its own.
    pub(super) modules: Vec<String>,
    /// Current releases, then those of modules, then old ones.
    pub(super) releases: Vec<Release>,
    /// Repos in file order, each with its releases written out.
    pub(super) repos: Vec<Repo>,
    /// Base URL of the vault as they give it.
    pub(super) vault: Option<String>,
}

/// The tree of a module.
pub(super) fn module_tree(module: &str) -> String {
    format!("{MAIN_TREE}-{module}")
}

/// The file. Typed as text all through: `8.10` is a release and no number.
#[derive(serde::Deserialize)]
struct File {
    versions: Vec<String>,
    #[serde(default)]
    optional_module_versions: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    duplicated_versions: BTreeMap<String, String>,
    #[serde(default)]
    vault_versions: Vec<String>,
    vault_mirror: Option<String>,
    arches: BTreeMap<String, Vec<String>>,
    repos: Vec<FileRepo>,
}

#[derive(serde::Deserialize)]
struct FileRepo {
    name: String,
    path: String,
    versions: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    #[serde(default)]
    vault: bool,
}

impl Config {
    /// Reads the text of a `config.yml`.
    ///
    /// # Errors
    /// A sentence, when it is not YAML, lacks a key, or no release or repo in it can be used.
    pub(super) fn read(text: &str, notes: &mut Notes<'_>) -> Result<Config, String> {
        let file: File = yaml::parse(text)?;
        let modules: Vec<String> = file.optional_module_versions.keys().filter(|name| is_word(name)).cloned().collect();
        let releases = releases(&file, notes);
        let mut repos: Vec<Repo> = Vec::new();
        for repo in &file.repos {
            if let Some(repo) = read_repo(repo, &file, &releases, &repos, notes) {
                repos.push(repo);
            }
        }
        match (releases.is_empty(), repos.is_empty()) {
            (true, _) => Err("has no release that can be used".into()),
            (_, true) => Err("has no repo that can be used".into()),
            _ => Ok(Config { modules, releases, repos, vault: file.vault_mirror }),
        }
    }
}

fn releases(file: &File, notes: &mut Notes<'_>) -> Vec<Release> {
    let current = file.versions.iter().filter(|version| !file.duplicated_versions.contains_key(*version));
    let current = current.map(|version| (version.clone(), MAIN_TREE.to_owned()));
    let of_modules =
        file.optional_module_versions.iter().filter(|(module, _)| is_word(module)).flat_map(|(module, versions)| {
            versions.iter().map(move |version| (format!("{version}-{module}"), module_tree(module)))
        });
    let old = file.vault_versions.iter().map(|version| (version.clone(), VAULT_TREE.to_owned()));
    let mut releases: Vec<Release> = Vec::new();
    for (name, tree) in current.chain(of_modules).chain(old) {
        let found = format!("release `{name}`");
        if !is_word(&name) {
            notes.add(found, "left out: it cannot be part of a path");
        } else if releases.iter().any(|release| release.name == name) {
            notes.add(format!("{found} stands there twice"), "the first one counts");
        } else if let Some(arches) = arches(&name, file) {
            let aliases = file.duplicated_versions.iter().filter(|(_, full)| **full == name);
            let aliases = aliases.map(|(alias, _)| alias.clone()).filter(|alias| is_word(alias)).collect();
            let (dir, vault) = (name.clone(), Vec::new());
            releases.push(Release { name, aliases, dir, tree, arches, vault, sunset: None });
        } else {
            notes.add(format!("{found} has no arches"), "left out");
        }
    }
    for (alias, full) in &file.duplicated_versions {
        if !releases.iter().any(|release| release.name == *full) {
            notes.add(format!("alias `{alias}` stands for `{full}`, which is no release"), "left out");
        }
    }
    releases
}

/// The arches of a release: its own, else those of its major version.
fn arches(release: &str, file: &File) -> Option<Vec<String>> {
    let major = release.split(['.', '-']).next().unwrap_or(release);
    let arches = file.arches.get(release).or_else(|| file.arches.get(major))?;
    let arches: Vec<String> = arches.iter().filter(|arch| is_word(arch)).cloned().collect();
    (!arches.is_empty()).then_some(arches)
}

fn read_repo(
    repo: &FileRepo,
    file: &File,
    releases: &[Release],
    before: &[Repo],
    notes: &mut Notes<'_>,
) -> Option<Repo> {
    let name = repo.name.to_ascii_lowercase();
    let found = format!("repo `{name}`");
    let path = repo.path.trim_matches('/').replace("$basearch", "{arch}");
    let path_is_good =
        path.len() <= PATH_BYTES_MAX && path.split('/').all(|segment| is_word(&segment.replace("{arch}", "arch")));
    if !is_word(&name) || !path_is_good {
        notes.add(format!("{found} with path `{}`", repo.path), "left out: not a name and a path");
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    for version in repo.versions.iter().flatten() {
        let full = file.duplicated_versions.get(version).unwrap_or(version);
        match releases.iter().any(|release| release.name == *full) {
            true if names.contains(full) => {}
            true => names.push(full.clone()),
            false => notes.add(format!("{found} is for `{version}`, which is no release"), "left out there"),
        }
    }
    if repo.versions.is_none() {
        names.extend(releases.iter().map(|release| release.name.clone()));
    }
    names.retain(|release| {
        let taken = before.iter().any(|repo| repo.name == name && repo.releases.contains(release));
        if taken {
            notes.add(format!("{found} stands there twice for `{release}`"), "the first one counts");
        }
        !taken
    });
    let arches: Option<Vec<String>> =
        repo.arches.as_ref().map(|arches| arches.iter().filter(|arch| is_word(arch)).cloned().collect());
    if names.is_empty() || arches.as_ref().is_some_and(Vec::is_empty) {
        notes.add(format!("{found} has no release or no arch"), "left out");
        return None;
    }
    Some(Repo {
        name,
        path,
        tree: repo.vault.then(|| VAULT_TREE.to_owned()),
        releases: names,
        arches,
        fedora_name: None,
    })
}

/// Whether `text` can be a name in an inventory and one segment of a path.
pub(super) fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+".contains(&byte))
        && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "
versions: ['8', '8.10', '9', '9.8']
optional_module_versions: {kitten: ['10']}
duplicated_versions: {'8': '8.10', '9': '9.8'}
vault_versions: ['8.3', '9.8-beta']
vault_mirror: http://vault.example.org/
arches: {'8': [x86_64], '9': [x86_64, aarch64], 10-kitten: [x86_64_v2], '10': [s390x]}
repos:
  - {name: BaseOS, path: BaseOS/$basearch/os/}
  - {name: rt, path: /RT/$basearch/os, versions: ['9'], arches: [x86_64]}
  - {name: baseos-source, path: BaseOS/Source/, vault: true, versions: [8.10, 10-kitten]}
";

    fn read(text: &str) -> (Result<Config, String>, Vec<String>) {
        let mut notes = Vec::new();
        let config = Config::read(text, &mut Notes::on("config.yml", &mut notes));
        (config, notes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn releases_have_aliases_trees_and_arches() {
        let (config, notes) = read(SMALL);
        let config = config.unwrap();
        assert_eq!(notes, [""; 0]);
        assert_eq!(config.modules, ["kitten"]);
        assert_eq!(config.vault.as_deref(), Some("http://vault.example.org/"));
        let lines: Vec<String> = config
            .releases
            .iter()
            .map(|r| format!("{} {:?} {} {} {}", r.name, r.aliases, r.dir, r.tree, r.arches.join(",")))
            .collect();
        assert_eq!(
            lines,
            [
                r#"8.10 ["8"] 8.10 almalinux x86_64"#,
                r#"9.8 ["9"] 9.8 almalinux x86_64,aarch64"#,
                r#"10-kitten [] 10-kitten almalinux-kitten x86_64_v2"#,
                r#"8.3 [] 8.3 almalinux-vault x86_64"#,
                r#"9.8-beta [] 9.8-beta almalinux-vault x86_64,aarch64"#,
            ]
        );
    }

    #[test]
    fn repos_are_where_the_file_says() {
        let repos = read(SMALL).0.unwrap().repos;
        assert_eq!((repos[0].name.as_str(), repos[0].path.as_str()), ("baseos", "BaseOS/{arch}/os"));
        assert_eq!(repos[0].releases, ["8.10", "9.8", "10-kitten", "8.3", "9.8-beta"]);
        assert_eq!((repos[1].path.as_str(), &repos[1].releases[..]), ("RT/{arch}/os", &["9.8".to_owned()][..]));
        assert_eq!(repos[1].arches.as_deref(), Some(&["x86_64".to_owned()][..]));
        assert_eq!((repos[2].path.as_str(), repos[2].tree.as_deref()), ("BaseOS/Source", Some(VAULT_TREE)));
        assert_eq!(repos[2].releases, ["8.10", "10-kitten"]);
    }

    #[test]
    fn what_cannot_be_used_is_noted() {
        let (config, notes) = read(
            "
versions: ['8.10', '../x', '8.10', '7']
duplicated_versions: {'9': '9.8'}
arches: {'8': [x86_64]}
repos:
  - {name: a, path: a/$basearch/}
  - {name: A, path: b}
  - {name: b, path: a/../b}
  - {name: c, path: $arch/c}
  - {name: d, path: d, versions: ['6']}
",
        );
        let config = config.unwrap();
        assert_eq!((config.releases.len(), config.repos.len()), (1, 1));
        for part in [
            "`../x`",
            "`8.10` stands there twice",
            "`7` has no arches",
            "alias `9`",
            "repo `a` stands there twice",
            "`a/../b`",
            "`$arch/c`",
            "repo `d` is for `6`",
            "repo `d` has no release",
        ] {
            assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:#?}");
        }
    }

    #[test]
    fn a_file_without_use_is_refused() {
        for text in [
            "",
            "[]",
            "versions: {",
            "versions: []\narches: {}\nrepos: []",
            "versions: ['8']\narches: {'8': [x]}\nrepos: []",
        ] {
            assert!(read(text).0.is_err(), "{text}");
        }
    }
}
