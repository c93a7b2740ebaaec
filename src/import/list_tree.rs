//! A published tree of finished lists, as plain data: what an existing crawler wrote for its frontend.
//!
//! Lives here: `repos.json`, `clouds_subnets.json` and the `mirrorlist.PLACE` files; lists of images (`images`);
//! what of a URL is the repo's (`suffix`). Not here: what is made of them (`tree_snapshot`).

mod images;
mod suffix;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ip_network::IpNetwork;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::note::Notes;
use super::{ImportError, Note, input};
use crate::net::Family;
use crate::place::Code;
pub use images::TreeFolder;

/// Longest JSON file, bytes.
const JSON_BYTES_MAX: usize = 16 << 20;

/// Longest list file, bytes: ten lines of about 80 are usual.
const LIST_BYTES_MAX: usize = 64 << 10;

/// Most files beside each other: one for each place there is, and some.
const PLACE_COUNT_MAX: usize = 2_000;

/// Most lists in all; the original had about 100 000. Picked by feel.
const LIST_COUNT_MAX: usize = 1_000_000;

/// What the name of a list file begins with.
const LIST_PREFIX: &str = "mirrorlist.";

/// The place of a list that serves all others.
const FALLBACK: &str = "fallback";

/// A list tree. Same folder, same value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListTree {
    /// Repos, sorted by release, repo and arch. Those without any list are there, too.
    pub repos: Vec<TreeRepo>,
    /// Folders of images, sorted by branch, release, kind and arch.
    pub folders: Vec<TreeFolder>,
    /// Cloud providers, sorted by name.
    pub clouds: Vec<TreeCloud>,
    /// What was odd.
    pub notes: Vec<Note>,
}

/// One repo of one release and arch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeRepo {
    /// As clients ask for it: `7`, `8-stream`.
    pub release: String,
    /// As clients ask for it, in lower case.
    pub repo: String,
    /// As clients ask for it.
    pub arch: String,
    /// The branch it is published in: `centos`, `altarch`.
    pub branch: String,
    /// What all its URLs end with, after a mirror's base: `7.9.2009/os/x86_64/`. With a final slash.
    pub suffix: String,
    /// Its lists.
    pub lists: TreeLists,
}

/// Base URLs (the lines without the suffix, with a final slash) in the order of the file. No list is empty.
pub type TreeLists = BTreeMap<(Family, TreePlace), Vec<String>>;

/// What a list file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TreePlace {
    /// All clients that no other list serves.
    Fallback,
    /// Clients in a country or subdivision.
    At(Code),
}

/// A cloud provider of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeCloud {
    /// The tree's name for it.
    pub name: String,
    /// Base URLs for its clients, with a scheme and a final slash, in the order of answers. A repo's suffix follows.
    pub base: Vec<String>,
    /// Its address ranges, IPv4 before IPv6.
    pub prefixes: Vec<IpNetwork>,
}

/// `repos.json`: release → repo → arch → where.
type ReposFile = BTreeMap<String, BTreeMap<String, BTreeMap<String, FileRepo>>>;

#[derive(Deserialize)]
struct FileRepo {
    branch: String,
    path: String,
}

#[derive(Deserialize)]
struct FileCloud {
    #[serde(default)]
    ipv4: Vec<String>,
    #[serde(default)]
    ipv6: Vec<String>,
    #[serde(default)]
    baseurl: Vec<String>,
}

/// Reads the list tree in `dir`.
///
/// # Errors
/// When `repos.json` cannot be read or understood, or `clouds_subnets.json` is there but cannot. A list that is
/// missing is no error, one that cannot be used is a note.
pub fn read(dir: &Path) -> Result<ListTree, ImportError> {
    let file: ReposFile = read_json(&dir.join("repos.json"))?;
    let mut tree = ListTree::default();
    let mut list_count = 0;
    for (release, repos) in file {
        for (repo, arches) in repos {
            for (arch, FileRepo { branch, path }) in arches {
                let [release, repo, arch] = [release.clone(), repo.to_lowercase(), arch];
                let path = path.trim_matches('/').to_owned();
                if ![&release, &branch, &path].into_iter().all(|path| is_path(path)) {
                    let found = format!("{release}/{repo}/{arch}: branch `{branch}`, path `{path}`");
                    Notes::on("repos.json", &mut tree.notes).add(found, "left out: not folders below this one");
                    continue;
                }
                let mut entry = TreeRepo { release, repo, arch, branch, suffix: String::new(), lists: BTreeMap::new() };
                read_lists(dir, &path, &mut entry, &mut list_count, &mut tree.notes)?;
                tree.repos.push(entry);
            }
        }
    }
    let by_name = |repo: &TreeRepo| (repo.release.clone(), repo.repo.clone(), repo.arch.clone());
    tree.repos.sort_by_cached_key(by_name);
    let published: BTreeSet<_> = tree.repos.iter().map(|repo| (repo.branch.clone(), repo.release.clone())).collect();
    for (branch, release) in published {
        let folders = images::read(dir, &branch, &release, &mut list_count, &mut tree.notes)?;
        tree.folders.extend(folders);
    }
    // Two spellings of one name can differ in case only.
    tree.repos.dedup_by_key(|repo| by_name(repo));
    match read_json::<BTreeMap<String, FileCloud>>(&dir.join("clouds_subnets.json")) {
        Ok(clouds) => {
            let mut notes = Notes::on("clouds_subnets.json", &mut tree.notes);
            tree.clouds = clouds.into_iter().map(|(name, cloud)| read_cloud(name, cloud, &mut notes)).collect();
        }
        Err(error) if error.is_missing() => {}
        Err(error) => return Err(error),
    }
    Ok(tree)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ImportError> {
    serde_json::from_slice(&input::read(path, JSON_BYTES_MAX)?)
        .map_err(|error| ImportError::format(&path.display().to_string(), error.to_string()))
}

/// Reads the lists of one repo into `repo`, and finds out its suffix.
fn read_lists(
    dir: &Path,
    path: &str,
    repo: &mut TreeRepo,
    list_count: &mut usize,
    notes: &mut Vec<Note>,
) -> Result<(), ImportError> {
    let mut files: Vec<(String, Family, TreePlace, Vec<String>)> = Vec::new();
    for family in Family::ALL {
        let folder = format!("{family}/{}/{}/{path}/mirrorlists", repo.branch, repo.release);
        let names = match input::names(&dir.join(&folder), PLACE_COUNT_MAX) {
            Ok(names) => names,
            Err(error) if error.is_missing() => continue,
            Err(error) => return Err(error),
        };
        for name in names {
            let file = format!("{folder}/{name}");
            let mut notes = Notes::on(&file, notes);
            let Some(place) = place(&name) else {
                notes.add("not a list of a place", "skipped");
                continue;
            };
            *list_count += 1;
            if *list_count > LIST_COUNT_MAX {
                return Err(ImportError::TooMany { path: dir.to_owned(), count_max: LIST_COUNT_MAX });
            }
            match input::read_text(&dir.join(&file), LIST_BYTES_MAX) {
                Ok(text) => {
                    let urls = urls(&text, &mut notes).iter().map(|url| with_slash(url)).collect();
                    files.push((file, family, place, urls));
                }
                Err(error) => notes.add(format!("cannot be read ({error})"), "skipped"),
            }
        }
    }
    repo.suffix = suffix::shared(&repo.release, path, files.iter().flat_map(|(.., urls)| urls));
    for (file, family, place, urls) in files {
        let mut notes = Notes::on(&file, notes);
        let mut bases = Vec::with_capacity(urls.len());
        for url in urls {
            match suffix::base(&url, &repo.suffix) {
                Some(base) => bases.push(base.to_owned()),
                None => notes.add(format!("line `{url}` does not end with `{}`", repo.suffix), "skipped"),
            }
        }
        if bases.is_empty() {
            notes.add("no URL in it", "skipped");
        } else if repo.lists.insert((family, place), bases).is_some() {
            notes.add("a place spelt in two ways", "this file counts");
        }
    }
    Ok(())
}

/// The place in the name of a list file.
fn place(name: &str) -> Option<TreePlace> {
    name.strip_prefix(LIST_PREFIX).and_then(place_named)
}

fn place_named(name: &str) -> Option<TreePlace> {
    match name {
        FALLBACK => Some(TreePlace::Fallback),
        place => Code::parse(place.as_bytes()).map(TreePlace::At),
    }
}

/// The lines of a list that are URLs.
fn urls(text: &str, notes: &mut Notes<'_>) -> Vec<String> {
    let mut urls = Vec::new();
    for line in text.split_terminator('\n') {
        let reason = if line.trim().is_empty() {
            "is blank"
        } else if line.contains('\r') {
            "has a carriage return"
        } else if line.contains(char::is_whitespace) || line.contains(char::is_control) {
            "has blanks in it"
        } else if !["http://", "https://"].into_iter().any(|scheme| line.starts_with(scheme)) {
            "has no scheme that clients know"
        } else {
            urls.push(line.to_owned());
            continue;
        };
        notes.add(format!("line `{line}` {reason}"), "skipped");
    }
    urls
}

fn with_slash(url: &str) -> String {
    format!("{url}{}", if url.ends_with('/') { "" } else { "/" })
}

fn read_cloud(name: String, cloud: FileCloud, notes: &mut Notes<'_>) -> TreeCloud {
    let mut base = Vec::new();
    for url in cloud.baseurl {
        let mut whole = with_slash(url.trim());
        if !whole.contains("://") {
            whole = format!("http://{whole}");
            notes.add(format!("cloud {name}: base `{url}` has no scheme"), format!("taken as `{whole}`"));
        }
        let host = ["http://", "https://"].into_iter().find_map(|scheme| whole.strip_prefix(scheme));
        let is_url = |host: &str| {
            !host.is_empty() && !host.starts_with('/') && !host.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        match host.is_some_and(is_url) {
            true => base.push(whole),
            false => notes.add(format!("cloud {name}: base `{url}` is no URL"), "left out"),
        }
    }
    let mut prefixes = Vec::new();
    for text in cloud.ipv4.iter().chain(&cloud.ipv6) {
        match IpNetwork::from_str_truncate(text) {
            Ok(network) => prefixes.push(network),
            Err(_) => notes.add(format!("cloud {name}: `{text}` is no prefix"), "left out"),
        }
    }
    prefixes.sort();
    prefixes.dedup();
    TreeCloud { name, base, prefixes }
}

/// Whether `text` leads to a folder below where it starts.
fn is_path(text: &str) -> bool {
    let is_segment = |segment: &str| {
        !segment.is_empty() && !segment.starts_with('.') && !segment.contains(|c: char| c.is_control() || c == '\\')
    };
    text.len() <= 512 && text.split('/').all(is_segment)
}

#[cfg(test)]
mod tests;
