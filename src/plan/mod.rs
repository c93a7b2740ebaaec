//! The plan: from an inventory and what is known of its mirrors to the lists of a snapshot. A pure function: same
//! input, same bytes.
//!
//! - `goods`     `Goods`: which mirrors each repo can be had from
//! - `images`    the same for folders of images and images
//! - `mirror_set` `MirrorSet`: some of the mirrors of an inventory
//! - `guard`     what must not be published, and what is kept in place of it
//! - `rank`      `Ranker`: for one place, mirrors by phase and in the order of each turn
//! - `names`     what clients of the Fedora dialect call a repo
//! - `networks`  clients known by their network: clouds, private networks, autonomous systems, places
//! - `vaults`    releases that have come to their end: all their clients are sent to the same URLs
//!
//! Lists are orders by place and turn, the same for all repos. Which of their mirrors are good for a repo is a set
//! beside them, and all that verdicts decide.

mod goods;
pub mod guard;
mod images;
mod mirror_set;
mod names;
mod networks;
mod rank;
mod vaults;

use std::collections::HashMap;

use crate::inventory::{Continent, Distribution, Inventory, Mirror, Status, World};
use crate::net::{Family, Protocol};
use crate::snapshot::{
    self, Builder, CarriedEntry, DirectoryId, Full, MirrorIndex, RepoEntry, Revision, SetId, TreeIndex,
};
use crate::turn::Entrant;
use crate::verdicts::Shown;
use goods::repos_of;
pub use goods::{ByProtocol, Fault, Goods, Known, RepoGoods, SPARED_BELOW, Sources};
pub use images::FolderGoods;
pub use mirror_set::{MirrorSet, Position};
use rank::{Candidate, Ranker};
use vaults::Vaults;

/// Turns per place: each mirror leads a share of them that is within 1/128 of its weight's. Half as many would take
/// most of the 2 % by which shares of the load may miss the weights, before clients come into it.
pub const TURN_COUNT: usize = 128;

/// Builds the bytes of a snapshot from what operators told us and what is known of their mirrors.
pub fn build(inventory: &Inventory, goods: &Goods) -> Result<Vec<u8>, Full> {
    let world = World::new(&inventory.countries);
    let mut places: Vec<_> = inventory.countries.iter().map(|country| country.code).collect();
    places.extend(inventory.countries.iter().flat_map(|country| country.subdivisions.keys().copied()));
    places.sort_unstable();
    places.dedup();
    let mut builder = Builder::new(goods.evidence, TURN_COUNT, places.clone());
    builder.verified_at(goods.verified_at);
    for country in &inventory.countries {
        builder.place_name(country.code, &country.name);
        country.subdivisions.iter().for_each(|(code, name)| builder.place_name(*code, name));
    }
    for &place in &places {
        if let (Some(index), Some(continent)) = (builder.place(place), world.continent(place)) {
            builder.continent(index, numbered(continent));
        }
    }
    let trees = add_trees(&mut builder, &inventory.distributions);
    let (positions, active): (Vec<Position>, Vec<&Mirror>) =
        inventory.mirrors.iter().enumerate().filter(|(_, mirror)| mirror.status == Status::Active).unzip();
    let mirrors: Vec<MirrorIndex> = active.iter().map(|mirror| add_mirror(&mut builder, mirror, &trees)).collect();
    let mut served = Served::default();
    let groups = networks::add(&mut builder, inventory, &active, &mirrors, &trees, &mut served);
    let vaults = Vaults::add(&mut builder, inventory, &trees);

    let candidates: Vec<Candidate> = active
        .iter()
        .zip(&mirrors)
        .filter(|(mirror, _)| mirror.listed)
        .map(|(mirror, &index)| Candidate {
            index,
            place: mirror.place,
            bandwidth_mbps: mirror.bandwidth_mbps,
            tier: mirror.tier,
            kind: mirror.kind,
            entrant: Entrant::new(&mirror.name, mirror.bandwidth_mbps),
        })
        .collect();
    let ranker = Ranker::new(&world, &candidates);
    let mut rows = vec![ranker.fallback().row(&mut builder)];
    rows.extend(places.iter().map(|&place| ranker.place(place).row(&mut builder)));
    rows.extend(groups.into_iter().map(|members| {
        let list = builder.list(members, None);
        builder.row(vec![list; TURN_COUNT])
    }));
    let row_count = rows.len();
    let directory = builder.directory(rows);
    let index_of: HashMap<Position, MirrorIndex> = positions.into_iter().zip(mirrors).collect();
    let numbers = Numbers { trees, served, index_of, row_count };
    add_repos(&mut builder, inventory, goods, &numbers, &vaults, directory)?;
    images::add(&mut builder, inventory, &goods.folders, &numbers, directory)?;
    builder.finish()
}

/// A continent as snapshots have it.
fn numbered(continent: Continent) -> snapshot::Continent {
    snapshot::Continent(1 + continent as u8)
}

/// Trees by name.
type Trees<'a> = HashMap<&'a str, TreeIndex>;

/// Base URLs of clouds that hold a tree, by protocol and family.
type Served = HashMap<(TreeIndex, Protocol, Family), Vec<MirrorIndex>>;

fn add_trees<'a>(builder: &mut Builder, distributions: &'a [Distribution]) -> Trees<'a> {
    let mut trees = Trees::new();
    for distribution in distributions {
        for tree in &distribution.trees {
            let index = builder.tree(&tree.name, tree.last_resort.as_deref(), &distribution.protocols);
            trees.insert(&tree.name, index);
        }
    }
    trees
}

fn add_mirror(builder: &mut Builder, mirror: &Mirror, trees: &Trees<'_>) -> MirrorIndex {
    let index = builder.mirror(&mirror.name, mirror.place, mirror.tier, mirror.bandwidth_mbps);
    for (tree, urls) in &mirror.base {
        let Some(&tree) = trees.get(tree.as_str()) else { continue };
        for (&protocol, url) in urls {
            builder.base(index, tree, protocol, url);
        }
    }
    for &asn in &mirror.asns {
        builder.mirror_asn(index, asn);
    }
    index
}

/// What the builder calls things.
struct Numbers<'a> {
    trees: Trees<'a>,
    served: Served,
    index_of: HashMap<Position, MirrorIndex>,
    /// Rows of a directory.
    row_count: usize,
}

impl Numbers<'_> {
    /// The set of `mirrors`, and of all of `clouds`.
    fn set(&self, builder: &mut Builder, mirrors: &MirrorSet, clouds: Option<&Vec<MirrorIndex>>) -> SetId {
        let own = mirrors.iter().filter_map(|position| self.index_of.get(&position));
        builder.set(own.chain(clouds.into_iter().flatten()).copied())
    }

    /// What lies at `suffix` in `tree`, with the mirrors that are known to have it.
    fn carried<'a>(
        &self,
        builder: &mut Builder,
        known: Option<&RepoGoods>,
        suffix: &'a str,
        tree: TreeIndex,
        directory: DirectoryId,
    ) -> CarriedEntry<'a> {
        let nothing = Sources::default();
        let sources = Family::ALL.map(|family| known.map_or(&nothing, |known| &known.sources[family as usize]));
        let sets = Family::ALL.map(|family| {
            Protocol::ALL.map(|protocol| {
                let clouds = self.served.get(&(tree, protocol, family));
                self.set(builder, &sources[family as usize].good[protocol as usize], clouds)
            })
        });
        let spares = sources.map(|sources| {
            Protocol::ALL.map(|protocol| {
                let spare = &sources.spare[protocol as usize];
                (!spare.is_empty()).then(|| self.set(builder, spare, None))
            })
        });
        CarriedEntry { suffix, tree, directory: [directory; 2], sets, spares }
    }
}

fn add_repos(
    builder: &mut Builder,
    inventory: &Inventory,
    goods: &Goods,
    numbers: &Numbers<'_>,
    vaults: &Vaults,
    directory: DirectoryId,
) -> Result<(), Full> {
    for of in repos_of(inventory) {
        let Some(&tree) = numbers.trees.get(of.tree) else { continue };
        let known = goods.repos.get(&of.key);
        let revisions: Vec<Revision> = known.into_iter().flat_map(|repo| &repo.generations).map(revision).collect();
        let suffix = suffix_of(&of.release.dir, &of.repo.path, &of.key.arch);
        let mut carried = numbers.carried(builder, known, &suffix, tree, directory);
        if let Some((directory, sets)) = vaults.lists(builder, &of, numbers.row_count) {
            carried = CarriedEntry { directory: [directory; 2], sets, ..carried };
        }
        let index = builder.repo(&RepoEntry {
            name: &of.repo.name,
            release: &of.release.name,
            aliases: &of.release.aliases,
            arch: &of.key.arch,
            carried,
            comment: of.release.sunset.as_deref(),
            revisions: &revisions,
        })?;
        names::add(builder, index, (of.distribution, of.release, of.repo), (of.tree, &of.key.arch, &suffix));
        for fault in known.iter().flat_map(|repo| &repo.faults) {
            let Some(&mirror) = numbers.index_of.get(&fault.mirror) else { continue };
            let why = snapshot::Fault { finding: fault.finding as u8, since: fault.since };
            builder.fault(index, mirror, fault.family, fault.protocol, why);
        }
    }
    Ok(())
}

fn revision(shown: &Shown) -> Revision {
    Revision::new(shown.timestamp, shown.bytes, shown.sha256, shown.sha512)
}

/// What follows a base URL: `9.8/BaseOS/x86_64/os/`.
fn suffix_of(dir: &str, path: &str, arch: &str) -> String {
    let path = path.replace("{arch}", arch);
    let parts = [dir, &path];
    parts.iter().filter(|part| !part.is_empty()).flat_map(|part| [part, "/"]).collect()
}

#[cfg(test)]
mod tests;
