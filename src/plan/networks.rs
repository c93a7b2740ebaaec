//! Client networks: clouds, private networks and autonomous systems become groups, operators' knowledge becomes places.
//!
//! Lives here: which groups there are, who is in their lists, and what comes after them. A network that lies in others
//! has a group of its own with what is said of it alone, and the groups of the others follow, from the longest network
//! to the shortest. What ends the way is a group whose mirrors are for its clients alone, and only when one of them is
//! good: those of a cloud region (its own base URLs, the mirrors that name it, then the cloud's in the same way), and
//! exclusive mirrors. Only the innermost cloud counts. A cloud without mirrors of its own makes a group without
//! members: it is named, and its clients get what comes next.
//!
//! Not here: the order of lists by place (`rank`).

use std::collections::{BTreeMap, HashMap};

use ip_network::IpNetwork;
use ip_network_table::IpNetworkTable;

use super::{Served, Trees};
use crate::inventory::{Inventory, Mirror};
use crate::net::{Asn, Family, Protocol};
use crate::snapshot::{Builder, Ending, GroupIndex, MirrorIndex, Target};

/// What is said of one prefix, or of one autonomous system, alone.
#[derive(Default)]
struct Said {
    private: Vec<Private>,
    cloud: Option<usize>,
}

/// A mirror that serves the clients of its networks or autonomous systems first.
#[derive(Clone, Copy)]
struct Private {
    index: MirrorIndex,
    /// Its position among the active ones.
    position: usize,
}

/// A cloud region with its mirrors in the order of answers.
struct Region {
    name: String,
    mirrors: Vec<MirrorIndex>,
}

/// What one step of the way outward gives its clients.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Level {
    /// What it is, for people.
    name: String,
    members: Vec<MirrorIndex>,
    ends: bool,
}

/// The groups that were made, each different one once.
#[derive(Default)]
struct Groups {
    members: Vec<Vec<MirrorIndex>>,
    known: HashMap<(Level, Option<GroupIndex>), GroupIndex>,
}

impl Groups {
    /// The group for a level with what comes after it.
    fn group(&mut self, builder: &mut Builder, level: Level, outer: Option<GroupIndex>) -> GroupIndex {
        let key = (level, outer);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let ending = if key.0.ends { Ending::Alone } else { Ending::ThenPlace };
        let group = builder.group(&key.0.name, ending, outer);
        self.members.push(key.0.members.clone());
        self.known.insert(key, group);
        group
    }
}

/// Adds all client networks and autonomous systems; gives the members of each group, in the order of the groups.
pub fn add(
    builder: &mut Builder,
    inventory: &Inventory,
    active: &[&Mirror],
    mirrors: &[MirrorIndex],
    trees: &Trees<'_>,
    served: &mut Served,
) -> Vec<Vec<MirrorIndex>> {
    let mut said: BTreeMap<IpNetwork, Said> = BTreeMap::new();
    let mut said_of_asns: BTreeMap<Asn, Said> = BTreeMap::new();
    for (position, mirror) in active.iter().enumerate() {
        let private = Private { index: mirrors[position], position };
        for &prefix in &mirror.networks {
            said.entry(prefix).or_default().private.push(private);
        }
        for &asn in &mirror.asns {
            said_of_asns.entry(Asn(asn)).or_default().private.push(private);
        }
    }
    let regions = add_regions(builder, inventory, active, mirrors, trees, served, &mut said);
    for network in &inventory.networks {
        let Some(place) = builder.place(network.place) else { continue };
        for &prefix in &network.prefixes {
            builder.network(prefix, Target::Place(place));
        }
    }

    let mut enclosing = IpNetworkTable::new();
    for (prefix, own) in &said {
        enclosing.insert(*prefix, own);
    }
    let mut groups = Groups::default();
    for prefix in said.keys() {
        let mut outer = None;
        for level in levels(&enclosing, *prefix, active, &regions).into_iter().rev() {
            outer = Some(groups.group(builder, level, outer));
        }
        if let Some(group) = outer {
            builder.network(*prefix, Target::Group(group));
        }
    }
    for (asn, said) in &said_of_asns {
        if let Some(level) = private_level(said, active, &asn.to_string()) {
            let group = groups.group(builder, level, None);
            builder.asn(*asn, group);
        }
    }
    groups.members
}

/// What the prefixes around `prefix` say, from the longest on.
fn levels(enclosing: &IpNetworkTable<&Said>, prefix: IpNetwork, active: &[&Mirror], regions: &[Region]) -> Vec<Level> {
    let mut around: Vec<(IpNetwork, &&Said)> =
        enclosing.matches(prefix.network_address()).filter(|(other, _)| other.netmask() <= prefix.netmask()).collect();
    around.sort_by_key(|(other, _)| std::cmp::Reverse(other.netmask()));
    let mut levels = Vec::new();
    let mut in_cloud = false;
    for (_, said) in around {
        levels.extend(private_level(said, active, "network"));
        let region = said.cloud.and_then(|number| regions.get(number)).filter(|_| !in_cloud);
        if let Some(region) = region {
            in_cloud = true;
            let (name, members) = (format!("cloud {}", region.name), region.mirrors.clone());
            levels.push(Level { name, ends: !members.is_empty(), members });
        }
    }
    levels
}

/// The mirrors that serve clients first; where some are exclusive, these alone. `whose`: what the clients are of.
fn private_level(said: &Said, active: &[&Mirror], whose: &str) -> Option<Level> {
    let exclusive: Vec<Private> =
        said.private.iter().copied().filter(|private| active[private.position].exclusive).collect();
    let ends = !exclusive.is_empty();
    let private = if ends { &exclusive } else { &said.private };
    let first = &active[private.first()?.position].name;
    let name = if ends { format!("exclusive {whose} of {first}") } else { format!("{whose} of {first}") };
    Some(Level { name, members: private.iter().map(|private| private.index).collect(), ends })
}

fn add_regions(
    builder: &mut Builder,
    inventory: &Inventory,
    active: &[&Mirror],
    mirrors: &[MirrorIndex],
    trees: &Trees<'_>,
    served: &mut Served,
    said: &mut BTreeMap<IpNetwork, Said>,
) -> Vec<Region> {
    let mut regions = Vec::new();
    for cloud in &inventory.clouds {
        let of_cloud = bases(builder, &cloud.name, &cloud.base, trees, served);
        for region in &cloud.regions {
            let name = format!("{}/{}", cloud.name, region.name);
            let mut order = bases(builder, &name, &region.base, trees, served);
            let mirrors_of = |region| in_region(active, mirrors, &cloud.name, region);
            for index in mirrors_of(Some(&region.name)).into_iter().chain(of_cloud.clone()).chain(mirrors_of(None)) {
                if !order.contains(&index) {
                    order.push(index);
                }
            }
            let number = regions.len();
            regions.push(Region { name, mirrors: order });
            for &prefix in &region.prefixes {
                said.entry(prefix).or_default().cloud.get_or_insert(number);
            }
        }
    }
    regions
}

/// Mirrors that name this region, or with none this cloud as a whole, in file order.
fn in_region(active: &[&Mirror], mirrors: &[MirrorIndex], cloud: &str, region: Option<&str>) -> Vec<MirrorIndex> {
    let names = |mirror: &Mirror| mirror.cloud_regions.iter().any(|(a, b)| a == cloud && b.as_deref() == region);
    active.iter().zip(mirrors).filter(|(mirror, _)| names(mirror)).map(|(_, &index)| index).collect()
}

/// Base URLs that a cloud or region has itself, as mirrors that nobody else is told of: the first URL of each tree is
/// the first mirror's, and so on.
fn bases(
    builder: &mut Builder,
    owner: &str,
    base: &BTreeMap<String, Vec<String>>,
    trees: &Trees<'_>,
    served: &mut Served,
) -> Vec<MirrorIndex> {
    let count = base.values().map(Vec::len).max().unwrap_or_default();
    let added: Vec<MirrorIndex> =
        (1..=count).map(|number| builder.mirror(&format!("{owner} #{number}"), None, 1, 1)).collect();
    for (tree, urls) in base {
        let Some(&tree) = trees.get(tree.as_str()) else { continue };
        for (&index, url) in added.iter().zip(urls) {
            let protocol = if url.starts_with("https:") { Protocol::Https } else { Protocol::Http };
            builder.base(index, tree, protocol, url);
            for family in Family::ALL {
                served.entry((tree, protocol, family)).or_default().push(index);
            }
        }
    }
    added
}
