//! Lists of images in a tree: `ipv4/BRANCH/RELEASE/{isos,images}/ARCH/{iso,FILE}.PLACE`.
//!
//! There are none for IPv6, and frontends give those for IPv4 to everybody; so do we. Lengths and digests are not in a
//! tree.

use std::collections::BTreeMap;
use std::path::Path;

use super::{
    LIST_BYTES_MAX, LIST_COUNT_MAX, PLACE_COUNT_MAX, TreeLists, TreePlace, is_path, place_named, suffix, urls,
    with_slash,
};
use crate::import::note::Notes;
use crate::import::{ImportError, Note, input};
use crate::net::Family;

/// Name of the lists of a folder; all others are of files.
const FOLDER_LIST: &str = "iso";

/// Most files beside each other: 50 images with a list for each place there is.
const FILE_COUNT_MAX: usize = PLACE_COUNT_MAX * 50;

/// A folder of images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeFolder {
    /// The branch it is published in.
    pub branch: String,
    /// As clients ask for it.
    pub release: String,
    /// `isos` or `images`.
    pub kind: String,
    /// As clients ask for it.
    pub arch: String,
    /// What URLs of the folder end with, after a mirror's base: `9.8/isos/x86_64/`.
    pub suffix: String,
    /// Mirrors of the folder.
    pub lists: TreeLists,
    /// Mirrors of each file, by its name.
    pub files: BTreeMap<String, TreeLists>,
}

/// A list: its path in the tree, which file it is of (none: the folder), of which place, and the URLs of folders.
type Found = (String, Option<String>, TreePlace, Vec<String>);

/// Reads the lists of images of one release.
pub(super) fn read(
    dir: &Path,
    branch: &str,
    release: &str,
    list_count: &mut usize,
    notes: &mut Vec<Note>,
) -> Result<Vec<TreeFolder>, ImportError> {
    let mut folders = Vec::new();
    for kind in ["images", "isos"] {
        let parent = format!("{}/{branch}/{release}/{kind}", Family::Ipv4);
        for arch in names(dir, &parent, PLACE_COUNT_MAX)? {
            let folder = format!("{parent}/{arch}");
            let mut found = Vec::new();
            for name in names(dir, &folder, FILE_COUNT_MAX)? {
                *list_count += 1;
                if *list_count > LIST_COUNT_MAX {
                    return Err(ImportError::TooMany { path: dir.to_owned(), count_max: LIST_COUNT_MAX });
                }
                found.extend(list(dir, format!("{folder}/{name}"), &name, notes));
            }
            let path = format!("{kind}/{arch}");
            let suffix = suffix::shared(release, &path, found.iter().flat_map(|(.., urls)| urls));
            let [branch, release, kind] = [branch, release, kind].map(str::to_owned);
            let mut folder = TreeFolder { branch, release, kind, arch, suffix, ..TreeFolder::default() };
            found.into_iter().for_each(|found| add(&mut folder, found, notes));
            folders.extend((!folder.lists.is_empty() || !folder.files.is_empty()).then_some(folder));
        }
    }
    Ok(folders)
}

/// Names in a folder of the tree, without hidden ones and a repo's folder of lists; none when it is not there.
fn names(dir: &Path, folder: &str, count_max: usize) -> Result<Vec<String>, ImportError> {
    match input::names(&dir.join(folder), count_max) {
        Ok(names) => Ok(names.into_iter().filter(|name| name != "mirrorlists" && is_path(name)).collect()),
        Err(error) if error.is_missing() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Reads one list. URLs of files become those of their folders.
fn list(dir: &Path, path: String, name: &str, notes: &mut Vec<Note>) -> Option<Found> {
    let mut notes = Notes::on(&path, notes);
    let parts = name.rsplit_once('.').filter(|(file, _)| is_path(file));
    let Some((file, place)) = parts.and_then(|(file, place)| Some((file, place_named(place)?))) else {
        notes.add("not a list of a place", "skipped");
        return None;
    };
    let text = match input::read_text(&dir.join(&path), LIST_BYTES_MAX) {
        Ok(text) => text,
        Err(error) => {
            notes.add(format!("cannot be read ({error})"), "skipped");
            return None;
        }
    };
    let lines = urls(&text, &mut notes);
    if file == FOLDER_LIST {
        return Some((path, None, place, lines.iter().map(|url| with_slash(url)).collect()));
    }
    let mut folders = Vec::with_capacity(lines.len());
    for url in lines {
        match url.strip_suffix(file).filter(|folder| folder.ends_with('/')) {
            Some(folder) => folders.push(folder.to_owned()),
            None => notes.add(format!("line `{url}` does not end with `{file}`"), "skipped"),
        }
    }
    Some((path, Some(file.to_owned()), place, folders))
}

fn add(folder: &mut TreeFolder, (path, file, place, urls): Found, notes: &mut Vec<Note>) {
    let mut notes = Notes::on(&path, notes);
    let mut bases = Vec::with_capacity(urls.len());
    for url in urls {
        match suffix::base(&url, &folder.suffix) {
            Some(base) => bases.push(base.to_owned()),
            None => notes.add(format!("folder `{url}` does not end with `{}`", folder.suffix), "skipped"),
        }
    }
    if bases.is_empty() {
        return notes.add("no URL in it", "skipped");
    }
    let lists = match file {
        Some(file) => folder.files.entry(file).or_default(),
        None => &mut folder.lists,
    };
    for family in Family::ALL {
        lists.insert((family, place), bases.clone());
    }
}
