//! Folders of images, and that no two of them answer to one request.

use std::collections::HashMap;

use super::case::{Case, Ledger};
use super::distribution::Owners;
use crate::inventory::entry::{Entries, Found, ImagesEntry, Text};
use crate::inventory::form::{self, Fault};
use crate::inventory::model::{Distribution, Images, Origin};
use crate::inventory::problem::quoted;

/// Kinds of images, as clients ask for them.
const KINDS: [&str; 2] = ["isos", "images"];

/// Names that checksum files have where an inventory names none, in the order of trying.
const CHECKSUM_FILES: [&str; 6] =
    ["sha256sum.txt", "CHECKSUM", "sha256sum.txt.asc", "CHECKSUM.asc", "SHA256SUMS", "sha256sums"];

/// Names of checksum files of one folder at most: each that is not there costs a request in every run.
const CHECKSUM_FILES_MAX: usize = 8;

/// What a client asks for: branch, release or alias, kind, architecture.
type Key = [String; 4];

/// Adds the folders of images to their distributions.
pub fn add_images(entries: &Entries, distributions: &mut [Distribution], ledger: &mut Ledger) {
    let owners = Owners::new(entries, distributions);
    let mut taken = HashMap::new();
    for found in &entries.images {
        let entry = &found.entry;
        let mut case = Case::new(ledger, found, "images", entry.path.as_ref());
        let Some(owner) = owners.owner(&mut case, found, &entry.distribution) else { continue };
        let Some(images) = images(entry, &distributions[owner], distributions, &mut case) else { continue };
        let images = without_taken(images, found, &distributions[owner], &mut taken, &mut case);
        distributions[owner].images.extend(images);
    }
}

fn images(
    entry: &ImagesEntry,
    owner: &Distribution,
    distributions: &[Distribution],
    case: &mut Case,
) -> Option<Images> {
    let kind = case.formed(&entry.kind, kind)?;
    let branch = match &entry.branch {
        Some(branch) => Some(case.formed(branch, form::name)?),
        None => None,
    };
    let path = case.formed(&entry.path, form::repo_path)?;
    let tree = match &entry.tree {
        Some(tree) => Some(case.is_tree(tree, distributions).then(|| tree.as_ref().clone())?),
        None => None,
    };
    let arches = match &entry.arches {
        Some(list) => Some(case.some_arches(list)?),
        None => None,
    };
    let releases = case.releases(entry.releases.as_ref(), owner)?;
    let checksum_files = match &entry.checksum_files {
        Some(list) => {
            let names = file_names(list.as_ref(), form::file_name, case);
            if names.is_empty() || names.len() > CHECKSUM_FILES_MAX {
                let why = format!("it has {} valid names of checksum files", names.len());
                case.report(list.span(), why, format!("name 1 to {CHECKSUM_FILES_MAX}, or delete the line"));
                return None;
            }
            names
        }
        None => CHECKSUM_FILES.map(str::to_owned).to_vec(),
    };
    let exclude = file_names(&entry.exclude, form::file_pattern, case);
    Some(Images { kind, branch, path, tree, releases, arches, checksum_files, exclude })
}

fn kind(text: &str) -> Result<String, Fault> {
    match KINDS.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(Fault::new(format!("{} is no kind of images", quoted(text)), "write `isos` or `images`")),
    }
}

fn file_names(list: &[Text], form: impl Fn(&str) -> Result<String, Fault>, case: &mut Case) -> Vec<String> {
    let mut names = Vec::with_capacity(list.len());
    for text in list {
        names.extend(case.formed(text, &form).map(|name| (name, text.span())));
    }
    case.each_once(names)
}

/// `images` without the releases for which clients would mean other images already; none when no release is left.
fn without_taken(
    mut images: Images,
    found: &Found<ImagesEntry>,
    owner: &Distribution,
    taken: &mut HashMap<Key, Origin>,
    case: &mut Case,
) -> Option<Images> {
    let mut free = Vec::with_capacity(images.releases.len());
    for name in std::mem::take(&mut images.releases) {
        let Some(release) = owner.releases.iter().find(|release| release.name == name) else { continue };
        let arches = images.arches.as_ref().unwrap_or(&release.arches);
        let branch = images.branch.as_ref().unwrap_or(images.tree.as_ref().unwrap_or(&release.tree));
        let labels = std::iter::once(&release.name).chain(&release.aliases);
        let key = |label: &String, arch: &String| [branch, label, &images.kind, arch].map(String::clone);
        let keys: Vec<Key> = labels.flat_map(|label| arches.iter().map(move |arch| key(label, arch))).collect();
        match keys.iter().find_map(|key| taken.get_key_value(key)) {
            None => {
                taken.extend(keys.into_iter().map(|key| (key, found.origin())));
                free.push(name);
            }
            Some((key, first)) => {
                let place = format!("{}:{}", first.file.display(), first.line);
                let why = format!("`{}` is defined already, at {place}", key.join("/"));
                case.report(entry_span(found), why, "give it another branch, or take the release from one of them");
            }
        }
    }
    images.releases = free;
    (!images.releases.is_empty()).then_some(images)
}

/// Where an entry names its releases; where it names its path when it has all of them by default.
fn entry_span(found: &Found<ImagesEntry>) -> std::ops::Range<usize> {
    found.entry.releases.as_ref().map_or(found.entry.path.span(), |releases| releases.span())
}

#[cfg(test)]
mod tests {
    use super::super::ground::{problems, reading};

    fn images(more: &str) -> String {
        format!("[[images]]\ndistribution = \"alma\"\nkind = \"isos\"\n{more}\n")
    }

    #[test]
    fn images_have_defaults() {
        let inventory = reading(&images("path = \"isos/{arch}/\"")).inventory;
        let folders: Vec<_> = inventory.distributions[0].image_folders().collect();
        let shown: Vec<_> =
            folders.iter().map(|one| (one.branch, one.tree, one.release.name.as_str(), one.arch, one.dir())).collect();
        assert_eq!(
            shown,
            [
                ("alma", "alma", "9.8", "x86_64", "9.8/isos/x86_64/".to_owned()),
                ("alma", "alma", "9.8", "aarch64", "9.8/isos/aarch64/".to_owned())
            ]
        );
        assert_eq!(folders[0].images.checksum_files[..2], ["sha256sum.txt", "CHECKSUM"]);
        assert!(folders[0].images.exclude.is_empty());
        let text = "path = \"x\"\nbranch = \"cloud\"\narches = [\"s390x\"]\nexclude = [\"*.manifest\"]\n\
                    checksum_files = [\"SUMS\"]";
        let inventory = reading(&images(text)).inventory;
        let folder = inventory.distributions[0].image_folders().next().unwrap();
        assert_eq!((folder.branch, folder.arch, folder.dir().as_str()), ("cloud", "s390x", "9.8/x/"));
        assert_eq!(
            (&folder.images.checksum_files[..], &folder.images.exclude[..]),
            (&["SUMS".to_owned()][..], &["*.manifest".to_owned()][..])
        );
    }

    #[test]
    fn broken_images_are_left_out() {
        for (more, want) in [
            ("", "a.toml:1: images: missing field `path`; add it"),
            (
                "path = \"a/../b\"",
                "a.toml:4: images `a/../b`: `a/../b` has an empty part, `.` or `..`; write the plain path",
            ),
            (
                "path = \"a\"\ntree = \"x\"",
                "a.toml:5: images `a`: there is no tree `x`; name one that a valid `[[tree]]` defines",
            ),
            (
                "path = \"a\"\nbranch = \"x/y\"",
                "a.toml:5: images `a`: `x/y` is no name; write 1 to 64 of the letters A-Z, a-z, digits and `._+~-`",
            ),
            (
                "path = \"a\"\nchecksum_files = []",
                "a.toml:5: images `a`: it has 0 valid names of checksum files; name 1 to 8, or delete the line",
            ),
            (
                "path = \"a\"\nreleases = []",
                "a.toml:1: images `a`: no valid release has it; add a `[[release]]` of AlmaLinux",
            ),
        ] {
            assert_eq!(problems(&images(more)), [want]);
            assert!(reading(&images(more)).inventory.distributions[0].images.is_empty());
        }
        let odd = images("path = \"a\"").replace("isos", "dvds");
        assert_eq!(problems(&odd), ["a.toml:3: images `a`: `dvds` is no kind of images; write `isos` or `images`"]);
    }

    #[test]
    fn a_wrong_name_of_a_file_costs_itself() {
        let text = images("path = \"a\"\nexclude = [\"*.x\", \"a/b\"]\nchecksum_files = [\n\"A\",\n\"*\"]");
        assert_eq!(
            problems(&text),
            [
                "a.toml:5: images `a`: `a/b` names no file; write a name, or a part of it and `*`",
                "a.toml:8: images `a`: `*` is no name of a file; write the name that it has in its folder",
            ]
        );
        let images = reading(&text).inventory.distributions.remove(0).images.remove(0);
        assert_eq!((images.exclude, images.checksum_files), (vec!["*.x".to_owned()], vec!["A".to_owned()]));
    }

    #[test]
    fn no_two_folders_answer_to_one_request() {
        let text = format!(
            "{}{}{}",
            images("path = \"a\""),
            images("path = \"b\"\narches = [\"x86_64\"]"),
            images("path = \"c\"\nbranch = \"other\"")
        );
        assert_eq!(
            problems(&text),
            ["a.toml:8: images `b`: `alma/9.8/isos/x86_64` is defined already, at a.toml:1; \
             give it another branch, or take the release from one of them",]
        );
        assert_eq!(reading(&text).inventory.distributions[0].images.len(), 2);
    }
}
