//! The original's tree of finished lists, as files in memory.
//!
//! Lives here: `{ipv4,ipv6}/BRANCH/RELEASE/PATH/mirrorlists/mirrorlist.PLACE` with a URL per line, `repos.json`, and
//! `clouds_subnets.json`. A branch is a tree of the snapshot. PATH is what follows the release's directory in URLs; of
//! a repo whose URLs have nothing but that directory, it is the directory. Aliases of releases are releases of the
//! tree. A place has a file where its list is another one than that of the next wider place (its country, then the
//! fallback), which is what frontends go on to. Client networks that get their mirrors alone are clouds.
//!
//! Folders of images are in `ipv4/BRANCH/RELEASE/isos/ARCH/`: `iso.PLACE` with the URLs of the folder, `FILE.PLACE`
//! with those of an image; disk images are in `images` in place of `isos`. The original has them for IPv4 only.
//!
//! Not here: writing the files (`folder`).

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Serialize;

use crate::net::Family;
use crate::place::Code;
use crate::snapshot::{Ending, GroupIndex, Naming, PlaceIndex, Repo, Row, Target, View};

/// Most lines of a list.
pub const LINES_MAX: usize = 64;

/// Name of the list of a folder of images.
const FOLDER_LIST: &str = "iso";

/// What goes into the files.
#[derive(Clone, Copy, Debug)]
pub struct Selection {
    /// Lines of a list at most.
    pub lines_max: usize,
    /// Turn whose order is written; counted round when the snapshot has fewer.
    pub turn: usize,
}

/// A repo, a folder of images or an image that the tree cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Release or alias, architecture, repo; or branch, release or alias, kind, architecture, and perhaps file.
    pub key: Vec<String>,
}

impl fmt::Display for Skipped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: skipped: its release, tree or path is no path for a folder", self.key.join(" "))
    }
}

#[derive(Serialize)]
struct FileRepo<'a> {
    branch: &'a str,
    path: &'a str,
}

/// `repos.json`: release → repo → arch → where.
type ReposFile<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a str, FileRepo<'a>>>>;

#[derive(Default, Serialize)]
struct FileCloud {
    ipv4: Vec<String>,
    ipv6: Vec<String>,
    baseurl: Vec<String>,
}

/// Hands each file to `write`, its path below the tree and its content: lists first, so that no map ever names a repo
/// whose lists are not there yet. Same snapshot, same files. Gives the repos that were skipped.
pub fn list_tree<B: AsRef<[u8]>, E>(
    view: &View<B>,
    selection: &Selection,
    mut write: impl FnMut(&str, &[u8]) -> Result<(), E>,
) -> Result<Vec<Skipped>, E> {
    let mut skipped = Vec::new();
    let mut repos = ReposFile::new();
    // Most repos of a tree have the same lists.
    let mut memory: HashMap<Naming, Lists<'_>> = HashMap::new();
    for ([release, arch, name], index) in view.keys() {
        let Some(repo) = view.repo(index) else { continue };
        let branch = view.tree_name(repo.tree);
        let path = path(&repo);
        if ![branch, release, path].into_iter().all(is_path) {
            skipped.push(Skipped { key: [release, arch, name].map(str::to_owned).to_vec() });
            continue;
        }
        for family in Family::ALL {
            let folder = format!("{family}/{branch}/{release}/{path}/mirrorlists");
            let lists =
                memory.entry(view.naming(&repo, family)).or_insert_with(|| lists(view, &repo, family, selection));
            for (place, bases) in lists.iter() {
                write(&format!("{folder}/mirrorlist.{}", file_name(*place)), &text(bases, repo.suffix))?;
            }
        }
        repos.entry(release).or_default().entry(name).or_default().insert(arch, FileRepo { branch, path });
    }
    skipped.extend(image_lists(view, selection, &mut memory, &mut write)?);
    write("clouds_subnets.json", &json(&clouds(view)))?;
    write("repos.json", &json(&repos))?;
    Ok(skipped)
}

/// The lists of folders of images and of images.
fn image_lists<'a, B: AsRef<[u8]>, E>(
    view: &'a View<B>,
    selection: &Selection,
    memory: &mut HashMap<Naming, Lists<'a>>,
    write: &mut impl FnMut(&str, &[u8]) -> Result<(), E>,
) -> Result<Vec<Skipped>, E> {
    let mut skipped = Vec::new();
    let family = Family::Ipv4;
    for (index, folder) in view.image_folders() {
        let files = view.files(index).map(|file| (Some(file.name), file.carried));
        let all: Vec<_> = [(None, folder.carried)].into_iter().chain(files).collect();
        for release in [folder.release].into_iter().chain(view.folder_aliases(index)) {
            let names = [folder.branch, release, folder.kind, folder.arch];
            for (file, carried) in &all {
                // A file of the name `iso` would take the place of the folder's list.
                if !names.iter().copied().chain(*file).all(is_path) || *file == Some(FOLDER_LIST) {
                    let key = names.into_iter().chain(*file).map(str::to_owned).collect();
                    skipped.push(Skipped { key });
                    continue;
                }
                let name = file.unwrap_or(FOLDER_LIST);
                let lists = memory
                    .entry(view.naming(carried, family))
                    .or_insert_with(|| lists(view, carried, family, selection));
                for (place, bases) in lists.iter() {
                    let path = format!("{family}/{}/{name}.{}", names.join("/"), file_name(*place));
                    write(&path, &text(bases, carried.suffix))?;
                }
            }
        }
    }
    Ok(skipped)
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Maps with texts for keys, and texts: nothing in them can fail.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// What follows the release's directory: `BaseOS/x86_64/os`.
fn path<'a>(repo: &Repo<'a>) -> &'a str {
    let suffix = std::str::from_utf8(repo.suffix).unwrap_or_default().trim_matches('/');
    suffix.split_once('/').map_or(suffix, |(_, path)| path)
}

/// The base URLs of each list that differs from that of the next wider place, none of them empty.
type Lists<'a> = Vec<(Option<Code>, Vec<&'a [u8]>)>;

fn lists<'a, B: AsRef<[u8]>>(view: &'a View<B>, repo: &Repo<'a>, family: Family, selection: &Selection) -> Lists<'a> {
    let turn = selection.turn.checked_rem(view.turn_count()).unwrap_or_default();
    let bases = |place: PlaceIndex| -> Vec<&'a [u8]> {
        let named = view.named(repo, family, Row::Place(place), turn);
        named.take(selection.lines_max.min(LINES_MAX)).map(|(_, base)| base).collect()
    };
    let fallback = bases(PlaceIndex::FALLBACK);
    let mut found = Lists::new();
    // A country comes before its subdivisions.
    let mut country: Option<(Code, Vec<&[u8]>)> = None;
    for code in view.places() {
        let Some(place) = view.place(code) else { continue };
        let own = bases(place);
        let wider = country.as_ref().filter(|(of, _)| *of == code.country()).map_or(&fallback, |(_, bases)| bases);
        if own != *wider && !own.is_empty() {
            found.push((Some(code), own.clone()));
        }
        if !code.is_subdivision() {
            country = Some((code, own));
        }
    }
    if !fallback.is_empty() {
        found.insert(0, (None, fallback));
    }
    found
}

fn text(bases: &[&[u8]], suffix: &[u8]) -> Vec<u8> {
    bases.iter().flat_map(|base| [base, suffix, b"\n"]).flatten().copied().collect()
}

/// `de`, `us-TX`, `fallback`.
fn file_name(place: Option<Code>) -> String {
    let Some(code) = place else { return "fallback".to_owned() };
    let text = code.to_string();
    match text.split_once('-') {
        Some((country, subdivision)) => format!("{}-{subdivision}", country.to_lowercase()),
        None => text.to_lowercase(),
    }
}

/// Client networks that get their mirrors alone, by name without `cloud `. Base URLs are those for the first tree that
/// any of the mirrors has.
fn clouds<B: AsRef<[u8]>>(view: &View<B>) -> BTreeMap<String, FileCloud> {
    let mut clouds: BTreeMap<String, FileCloud> = BTreeMap::new();
    let mut names: BTreeMap<u32, String> = BTreeMap::new();
    for group in (0..view.group_count() as u32).map(GroupIndex) {
        let Some((name, Ending::Alone)) = view.group(group) else { continue };
        let baseurl = bases(view, group);
        if baseurl.is_empty() {
            continue;
        }
        let name = name.strip_prefix("cloud ").unwrap_or(name);
        // Two groups of one name have other mirrors.
        let name = match clouds.contains_key(name) {
            true => format!("{name} #{}", group.0),
            false => name.to_owned(),
        };
        clouds.insert(name.clone(), FileCloud { baseurl, ..FileCloud::default() });
        names.insert(group.0, name);
    }
    for network in view.networks() {
        let Target::Group(group) = network.target else { continue };
        let Some(cloud) = names.get(&group.0).and_then(|name| clouds.get_mut(name)) else { continue };
        let prefix = network.prefix.to_string();
        if network.prefix.is_ipv4() { cloud.ipv4.push(prefix) } else { cloud.ipv6.push(prefix) }
    }
    clouds
}

fn bases<B: AsRef<[u8]>>(view: &View<B>, group: GroupIndex) -> Vec<String> {
    // A group's mirrors are the same for all repos.
    let Some(repo) = view.repo(crate::snapshot::RepoIndex(0)) else { return Vec::new() };
    let members: Vec<_> = view.candidates(&repo, Family::Ipv4, Row::Group(group), 0).collect();
    let of_tree = |tree| -> Vec<String> {
        let bases = members.iter().filter_map(|&mirror| view.base(mirror, tree));
        bases.map(|base| String::from_utf8_lossy(base).into_owned()).collect()
    };
    view.trees().map(of_tree).find(|bases| !bases.is_empty()).unwrap_or_default()
}

/// Whether `text` leads to a folder below where it starts.
fn is_path(text: &str) -> bool {
    let is_segment = |segment: &str| {
        !segment.is_empty() && !segment.starts_with('.') && !segment.contains(|c: char| c.is_control() || c == '\\')
    };
    text.len() <= 512 && text.split('/').all(is_segment)
}
