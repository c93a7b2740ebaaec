//! From a published list tree to a snapshot of just these lists: one turn, nothing planned.
//!
//! The mirrors of such a snapshot are the base URLs of the tree, its trees are the branches; a repo's set of good
//! mirrors is all that its lists name. A place without a list of its own takes its country's, and else the repo's
//! fallback.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::list_tree::{ListTree, TreeLists, TreePlace};
use crate::net::{Family, Protocol};
use crate::place::Code;
use crate::snapshot::{
    Builder, CarriedEntry, DirectoryId, Ending, Evidence, FileEntry, FolderEntry, Full, ListId, MirrorIndex, RepoEntry,
    SetId, Target, TreeIndex,
};

/// Builds the bytes of a snapshot that answers exactly what the tree says.
pub fn build(tree: &ListTree) -> Result<Vec<u8>, Full> {
    let places: BTreeSet<Code> = tree.repos.iter().flat_map(|repo| repo.lists.keys()).filter_map(code).collect();
    let places: Vec<Code> = places.into_iter().collect();
    let mut builder = Builder::new(Evidence::Imported, 1, places.clone());
    let branches: BTreeSet<&str> = tree.repos.iter().map(|repo| repo.branch.as_str()).collect();
    let trees: BTreeMap<&str, TreeIndex> = branches
        .into_iter()
        .map(|branch| (branch, builder.tree(branch, None, &[Protocol::Https, Protocol::Http])))
        .collect();
    let mirrors = add_mirrors(&mut builder, &trees, tree);
    let mut groups = Vec::new();
    for cloud in &tree.clouds {
        let group = builder.group(&format!("cloud {}", cloud.name), Ending::Alone, None);
        for &prefix in &cloud.prefixes {
            builder.network(prefix, Target::Group(group));
        }
        groups.push(indexes(&mirrors, &cloud.base));
    }
    let everywhere: BTreeSet<MirrorIndex> = groups.iter().flatten().copied().collect();
    let makes = Makes { places: &places, mirrors: &mirrors, groups: &groups, everywhere: &everywhere };
    for repo in &tree.repos {
        let carried = makes.carried(&mut builder, &repo.lists, &repo.suffix, trees[repo.branch.as_str()]);
        builder.repo(&RepoEntry {
            name: &repo.repo,
            release: &repo.release,
            aliases: &[],
            arch: &repo.arch,
            carried,
            comment: None,
            revisions: &[],
        })?;
    }
    for folder in &tree.folders {
        let tree = trees[folder.branch.as_str()];
        let paths: Vec<String> = folder.files.keys().map(|name| format!("{}{name}", folder.suffix)).collect();
        let mut files = Vec::with_capacity(paths.len());
        for ((name, lists), path) in folder.files.iter().zip(&paths) {
            let carried = makes.carried(&mut builder, lists, path, tree);
            files.push(FileEntry { name, size_bytes: 0, modified_at: None, digest: None, torrent: None, carried });
        }
        let carried = makes.carried(&mut builder, &folder.lists, &folder.suffix, tree);
        builder.folder(&FolderEntry {
            branch: &folder.branch,
            release: &folder.release,
            aliases: &[],
            kind: &folder.kind,
            arch: &folder.arch,
            title: &folder.branch,
            checksum_file: None,
            torrent: None,
            is_verified: true,
            carried,
            files: &files,
        })?;
    }
    builder.finish()
}

/// What the entries of a tree have in common.
struct Makes<'a> {
    places: &'a [Code],
    mirrors: &'a Mirrors<'a>,
    groups: &'a [Vec<MirrorIndex>],
    everywhere: &'a BTreeSet<MirrorIndex>,
}

impl Makes<'_> {
    /// What lies at `suffix`, with the mirrors of `lists`.
    fn carried<'a>(
        &self,
        builder: &mut Builder,
        lists: &TreeLists,
        suffix: &'a str,
        tree: TreeIndex,
    ) -> CarriedEntry<'a> {
        let Makes { places, mirrors, groups, everywhere } = *self;
        let directory = Family::ALL.map(|family| add_directory(builder, lists, family, places, mirrors, groups));
        let sets = Family::ALL.map(|family| add_sets(builder, lists, family, mirrors, everywhere));
        CarriedEntry { suffix, tree, directory, sets, spares: [[None; 3]; 2] }
    }
}

/// Base URL → mirror and protocol.
type Mirrors<'a> = HashMap<&'a str, (MirrorIndex, Protocol)>;

fn add_mirrors<'a>(builder: &mut Builder, trees: &BTreeMap<&str, TreeIndex>, tree: &'a ListTree) -> Mirrors<'a> {
    let of_repos = tree.repos.iter().flat_map(|repo| repo.lists.values()).flatten();
    let of_images = tree.folders.iter().flat_map(|folder| folder.files.values().chain([&folder.lists]));
    let of_repos = of_repos.chain(of_images.flat_map(|lists| lists.values()).flatten());
    let all: BTreeSet<&str> =
        of_repos.chain(tree.clouds.iter().flat_map(|cloud| &cloud.base)).map(String::as_str).collect();
    let mut mirrors = Mirrors::new();
    for url in all {
        let protocol = match url.split_once("://") {
            Some(("https", _)) => Protocol::Https,
            _ => Protocol::Http,
        };
        let mirror = builder.mirror(url, None, 1, 1);
        for &tree in trees.values() {
            builder.base(mirror, tree, protocol, url);
        }
        mirrors.insert(url, (mirror, protocol));
    }
    mirrors
}

fn indexes(mirrors: &Mirrors<'_>, urls: &[String]) -> Vec<MirrorIndex> {
    let mut found = Vec::new();
    for (index, _) in urls.iter().filter_map(|url| mirrors.get(url.as_str())) {
        // A tree may name a mirror twice in a list; a snapshot's list has each once.
        if !found.contains(index) {
            found.push(*index);
        }
    }
    found
}

fn add_directory(
    builder: &mut Builder,
    lists: &TreeLists,
    family: Family,
    places: &[Code],
    mirrors: &Mirrors<'_>,
    groups: &[Vec<MirrorIndex>],
) -> DirectoryId {
    let mut list = |at: TreePlace| -> Option<ListId> {
        lists.get(&(family, at)).map(|urls| builder.list(indexes(mirrors, urls), None))
    };
    let fallback = list(TreePlace::Fallback);
    let by_place: Vec<Option<ListId>> = places
        .iter()
        .map(|&place| list(TreePlace::At(place)).or_else(|| list(TreePlace::At(place.country()))).or(fallback))
        .collect();
    let empty = builder.list(Vec::new(), None);
    let mut rows = vec![builder.row(vec![fallback.unwrap_or(empty)])];
    rows.extend(by_place.into_iter().map(|list| builder.row(vec![list.unwrap_or(empty)])));
    for members in groups {
        let list = builder.list(members.clone(), None);
        rows.push(builder.row(vec![list]));
    }
    builder.directory(rows)
}

fn add_sets(
    builder: &mut Builder,
    lists: &TreeLists,
    family: Family,
    mirrors: &Mirrors<'_>,
    everywhere: &BTreeSet<MirrorIndex>,
) -> [SetId; 3] {
    let of_family = lists.iter().filter(|((other, _), _)| *other == family).flat_map(|(_, urls)| urls);
    let mut by_protocol: BTreeMap<Protocol, Vec<MirrorIndex>> = BTreeMap::new();
    for (index, protocol) in of_family.filter_map(|url| mirrors.get(url.as_str())) {
        by_protocol.entry(*protocol).or_default().push(*index);
    }
    let of_clouds = mirrors.values().filter(|(index, _)| everywhere.contains(index));
    for (index, protocol) in of_clouds {
        by_protocol.entry(*protocol).or_default().push(*index);
    }
    Protocol::ALL.map(|protocol| builder.set(by_protocol.remove(&protocol).unwrap_or_default()))
}

fn code(key: &(Family, TreePlace)) -> Option<Code> {
    match key.1 {
        TreePlace::Fallback => None,
        TreePlace::At(code) => Some(code),
    }
}
