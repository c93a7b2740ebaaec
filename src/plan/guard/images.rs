//! Folders of images held against the snapshot in use.
//!
//! An image that has been made anew under its old name is another one: that mirrors do not have it yet is no loss, and
//! those that had the old one are not kept. So only what is the same in both is compared. A folder of which no master
//! has shown anything (the state was lost) keeps the images that it has in the snapshot in use.

use std::collections::BTreeMap;

use super::{Before, Kept, Minimums, Refusal};
use crate::net::Family;
use crate::plan::{FolderGoods, RepoGoods};
use crate::snapshot::{Carried, File, Folder, FolderIndex, View};
use crate::verdicts::{Catalog, Original, RepoKey};

/// Compares all folders of images.
pub(super) fn compare<B: AsRef<[u8]>>(
    before: &Before<'_, B>,
    folders: &mut BTreeMap<RepoKey, FolderGoods>,
    minimums: &Minimums,
    kept: &mut Vec<Kept>,
    refusals: &mut Vec<Refusal>,
) {
    for (key, goods) in folders {
        let Some((index, folder)) = find(before.view, key) else { continue };
        if goods.catalog.is_none() {
            restore(before.view, index, &folder, goods);
        }
        let mut is_same = folder.file_count == goods.files.len();
        for (name, file) in &mut goods.files {
            let old = before.view.file(index, name.as_bytes());
            let new = goods.catalog.as_ref().and_then(|catalog| catalog.images.get(name));
            let is_old = |old: &File<'_>| new.is_some_and(|new| new.mark() == original(old).mark());
            match old.filter(is_old) {
                Some(old) => hold(before, &old.carried, &key.of_image(name), file, minimums, kept, refusals),
                None => is_same = false,
            }
        }
        if is_same {
            hold(before, &folder.carried, key, &mut goods.own, minimums, kept, refusals);
        }
    }
}

/// Holds what is planned for a folder or an image against what it is in the snapshot in use.
fn hold<B: AsRef<[u8]>>(
    before: &Before<'_, B>,
    old: &Carried<'_>,
    key: &RepoKey,
    goods: &mut RepoGoods,
    minimums: &Minimums,
    kept: &mut Vec<Kept>,
    refusals: &mut Vec<Refusal>,
) {
    for family in Family::ALL {
        let (why, refused) = before.compare(old, key, family, goods, minimums);
        kept.extend(why.map(|why| Kept { repo: key.clone(), family, why }));
        refusals.extend(refused);
        refusals.extend(before.emptied(old, key, family, goods));
    }
}

fn find<'a, B: AsRef<[u8]>>(view: &'a View<B>, key: &RepoKey) -> Option<(FolderIndex, Folder<'a>)> {
    let [branch, kind, _] = key.image()?;
    let [branch, release, kind, arch] = [branch, &key.release, kind, &key.arch].map(str::as_bytes);
    let index = view.find_images(branch, release, kind, arch)?;
    Some((index, view.folder(index)?))
}

/// Takes the images of a folder from the snapshot in use. Who has them is what is known of the folder.
fn restore<B: AsRef<[u8]>>(view: &View<B>, index: FolderIndex, folder: &Folder<'_>, goods: &mut FolderGoods) {
    let Some(checksum_file) = folder.checksum_file else { return };
    let images: BTreeMap<_, _> = view.files(index).map(|file| (file.name.to_owned(), original(&file))).collect();
    goods.files = images.keys().map(|name| (name.clone(), goods.own.clone())).collect();
    goods.catalog = Some(Catalog {
        checksum_file: checksum_file.to_owned(),
        torrent: folder.torrent.map(str::to_owned),
        images,
        ..Catalog::default()
    });
}

fn original(file: &File<'_>) -> Original {
    Original {
        bytes: file.size_bytes,
        modified: file.modified_at,
        digest: file.digest.map(|digest| (digest.kind, digest.digits.to_owned())),
        torrent: file.torrent.map(str::to_owned),
    }
}
