//! The plan: from an inventory to the lists of a snapshot. A pure function: same input, same bytes.
//!
//! - `rank`      `Ranker`: for one place, mirrors by phase and in the order of each turn
//! - `networks`  client networks: clouds, private networks, places that operators know better
//!
//! Until mirrors are crawled, every active mirror counts as good for all that its trees hold; the snapshot says so.

mod networks;
mod rank;

use std::collections::HashMap;

use crate::inventory::{Distribution, Inventory, Mirror, Release, Repo, Status, World};
use crate::net::{Family, Protocol};
use crate::snapshot::{Builder, DirectoryId, Evidence, Full, MirrorIndex, RepoEntry, SetId, TreeIndex};
use crate::turn::Entrant;
use rank::{Candidate, Ranker};

/// Turns per place: each mirror leads a share of them that is within 1/64 of its weight's.
pub const TURN_COUNT: usize = 64;

/// Builds the bytes of a snapshot from what operators told us.
pub fn build(inventory: &Inventory) -> Result<Vec<u8>, Full> {
    let world = World::new(&inventory.countries);
    let mut places: Vec<_> = inventory.countries.iter().map(|country| country.code).collect();
    places.extend(inventory.countries.iter().flat_map(|country| country.subdivisions.keys().copied()));
    places.sort_unstable();
    places.dedup();
    let mut builder = Builder::new(Evidence::Unverified, TURN_COUNT, places.clone());
    let trees = add_trees(&mut builder, &inventory.distributions);
    let active: Vec<&Mirror> = inventory.mirrors.iter().filter(|mirror| mirror.status == Status::Active).collect();
    let mut served = Served::default();
    let mirrors: Vec<MirrorIndex> =
        active.iter().map(|mirror| add_mirror(&mut builder, mirror, &trees, &mut served)).collect();
    let groups = networks::add(&mut builder, inventory, &active, &mirrors, &trees, &mut served);

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
    let directory = builder.directory(rows);
    add_repos(&mut builder, &inventory.distributions, &trees, &served, directory)?;
    builder.finish()
}

/// Trees by name.
type Trees<'a> = HashMap<&'a str, TreeIndex>;

/// Which mirrors hold a tree, by protocol and family.
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

fn add_mirror(builder: &mut Builder, mirror: &Mirror, trees: &Trees<'_>, served: &mut Served) -> MirrorIndex {
    let index = builder.mirror(&mirror.name, mirror.place, mirror.tier, mirror.bandwidth_mbps);
    for (tree, urls) in &mirror.base {
        let Some(&tree) = trees.get(tree.as_str()) else { continue };
        for (&protocol, url) in urls {
            builder.base(index, tree, protocol, url);
            for &family in &mirror.families {
                served.entry((tree, protocol, family)).or_default().push(index);
            }
        }
    }
    index
}

fn add_repos(
    builder: &mut Builder,
    distributions: &[Distribution],
    trees: &Trees<'_>,
    served: &Served,
    directory: DirectoryId,
) -> Result<(), Full> {
    for distribution in distributions {
        for repo in &distribution.repos {
            for release in distribution.releases.iter().filter(|release| repo.releases.contains(&release.name)) {
                let Some(&tree) = trees.get(repo.tree.as_ref().unwrap_or(&release.tree).as_str()) else { continue };
                let sets = Family::ALL.map(|family| {
                    Protocol::ALL.map(|protocol| good_mirrors(builder, served, (tree, protocol, family)))
                });
                for arch in repo.arches.as_ref().unwrap_or(&release.arches) {
                    builder.repo(&RepoEntry {
                        name: &repo.name,
                        release: &release.name,
                        aliases: &release.aliases,
                        arch,
                        suffix: &suffix(release, repo, arch),
                        tree,
                        directory: [directory; 2],
                        sets,
                    })?;
                }
            }
        }
    }
    Ok(())
}

fn good_mirrors(builder: &mut Builder, served: &Served, key: (TreeIndex, Protocol, Family)) -> SetId {
    builder.set(served.get(&key).into_iter().flatten().copied())
}

/// What follows a base URL: `9.8/BaseOS/x86_64/os/`.
fn suffix(release: &Release, repo: &Repo, arch: &str) -> String {
    let path = repo.path.replace("{arch}", arch);
    let parts = [release.dir.as_str(), &path];
    parts.iter().filter(|part| !part.is_empty()).flat_map(|part| [part, "/"]).collect()
}

#[cfg(test)]
mod tests;
