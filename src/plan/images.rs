//! `FolderGoods`: which mirrors each folder of images and each image can be had from, and how they go into a snapshot.
//!
//! The rules are those of repos (`goods`), and these:
//! - Which images a folder has is what its master has shown; before that it has none.
//! - Nobody is to spare: a mirror that is behind has other bytes under the same name, of which no digest is right.
//! - A mirror is good for a folder when its index page is, and it has all images.
//!
//! Not here: what is kept of the snapshot in use (`guard`).

use std::collections::BTreeMap;

use super::goods::{Judge, Known, RepoGoods, Sources};
use super::{Numbers, suffix_of};
use crate::inventory::Inventory;
use crate::snapshot::{Builder, DirectoryId, FileEntry, FolderEntry, Full};
use crate::verdicts::{Catalog, RepoKey};

/// The mirrors of one folder of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderGoods {
    /// Its images; none when the master has never shown any.
    pub catalog: Option<Catalog>,
    /// Mirrors that have all of it, and an index page.
    pub own: RepoGoods,
    /// Mirrors that have an image, by its name.
    pub files: BTreeMap<String, RepoGoods>,
}

impl FolderGoods {
    /// Whether verdicts say who has it.
    pub fn is_verified(&self) -> bool {
        self.catalog.is_some() && self.own.is_judged
    }
}

/// All folders of images of an inventory.
pub(super) fn folders(inventory: &Inventory, known: &Known, judge: &mut Judge<'_>) -> BTreeMap<RepoKey, FolderGoods> {
    let mut folders = BTreeMap::new();
    for of in inventory.distributions.iter().flat_map(|distribution| distribution.image_folders()) {
        let key = RepoKey::of_folder(of.branch, &of.release.name, &of.images.kind, of.arch);
        let mut goods = |key: &RepoKey| {
            let mut goods = judge.goods(key, of.tree, &of.distribution.protocols);
            goods.sources.iter_mut().for_each(|sources| sources.spare = Default::default());
            goods
        };
        let mut own = goods(&key);
        let catalog = known.repos.get(&key).and_then(|id| known.catalogs.get(id)).cloned();
        let names = catalog.iter().flat_map(|catalog| catalog.images.keys());
        let files: BTreeMap<String, RepoGoods> = names.map(|name| (name.clone(), goods(&key.of_image(name)))).collect();
        files.values().for_each(|file| keep_common(&mut own.sources, &file.sources));
        folders.insert(key, FolderGoods { catalog, own, files });
    }
    folders
}

fn keep_common(own: &mut [Sources; 2], file: &[Sources; 2]) {
    for (own, file) in own.iter_mut().zip(file) {
        for (own, file) in own.good.iter_mut().zip(&file.good) {
            *own = own.and(file);
        }
    }
}

/// Adds all folders of images to a snapshot.
pub(super) fn add(
    builder: &mut Builder,
    inventory: &Inventory,
    folders: &BTreeMap<RepoKey, FolderGoods>,
    numbers: &Numbers<'_>,
    directory: DirectoryId,
) -> Result<(), Full> {
    for of in inventory.distributions.iter().flat_map(|distribution| distribution.image_folders()) {
        let key = RepoKey::of_folder(of.branch, &of.release.name, &of.images.kind, of.arch);
        let (Some(folder), Some(&tree)) = (folders.get(&key), numbers.trees.get(of.tree)) else { continue };
        let suffix = suffix_of(&of.release.dir, &of.images.path, of.arch);
        let catalog = folder.catalog.as_ref();
        let images = catalog.map(|catalog| &catalog.images).into_iter().flatten();
        let images: Vec<_> = images.map(|(name, image)| (name, image, format!("{suffix}{name}"))).collect();
        let mut files = Vec::with_capacity(images.len());
        for (name, image, path) in &images {
            files.push(FileEntry {
                name,
                size_bytes: image.bytes,
                modified_at: image.modified,
                digest: image.digest.as_ref().map(|(kind, digits)| (*kind, digits.as_str())),
                torrent: image.torrent.as_deref(),
                carried: numbers.carried(builder, folder.files.get(*name), path, tree, directory),
            });
        }
        let carried = numbers.carried(builder, Some(&folder.own), &suffix, tree, directory);
        builder.folder(&FolderEntry {
            branch: of.branch,
            release: &of.release.name,
            aliases: &of.release.aliases,
            kind: &of.images.kind,
            arch: of.arch,
            title: &of.distribution.title,
            checksum_file: catalog.map(|catalog| catalog.checksum_file.as_str()),
            torrent: catalog.and_then(|catalog| catalog.torrent.as_deref()),
            is_verified: folder.is_verified(),
            carried,
            files: &files,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
