//! Client networks: clouds and private networks become groups, operators' knowledge becomes places.
//!
//! A prefix that lies in others takes what they say as well, the longest first: private mirrors, then those of the
//! cloud region, then those of the cloud. Cloud clients and clients of an exclusive mirror get these alone; others go
//! on with the list of their place. A cloud without mirrors of its own makes a group without members: it is named, and
//! its clients get the list of their place.

use std::collections::{BTreeMap, HashMap};

use ip_network::IpNetwork;
use ip_network_table::IpNetworkTable;

use super::{Served, Trees};
use crate::inventory::{Inventory, Mirror};
use crate::net::{Family, Protocol};
use crate::snapshot::{Builder, Ending, GroupIndex, MirrorIndex, Target};

/// What is said of one prefix alone.
#[derive(Default)]
struct Said {
    private: Vec<(usize, MirrorIndex)>,
    cloud: Option<usize>,
}

/// A cloud region with its mirrors in the order of answers.
struct Region {
    name: String,
    mirrors: Vec<MirrorIndex>,
}

/// Adds all client networks; gives the members of each group, in the order of the groups.
pub fn add(
    builder: &mut Builder,
    inventory: &Inventory,
    active: &[&Mirror],
    mirrors: &[MirrorIndex],
    trees: &Trees<'_>,
    served: &mut Served,
) -> Vec<Vec<MirrorIndex>> {
    let mut said: BTreeMap<IpNetwork, Said> = BTreeMap::new();
    for (position, mirror) in active.iter().enumerate() {
        for &prefix in &mirror.networks {
            said.entry(prefix).or_default().private.push((position, mirrors[position]));
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
    let mut groups: Vec<Vec<MirrorIndex>> = Vec::new();
    let mut known: HashMap<(String, Vec<MirrorIndex>, bool), GroupIndex> = HashMap::new();
    for prefix in said.keys() {
        let (name, members, alone) = resolve(&enclosing, *prefix, active, &regions);
        let group = *known.entry((name.clone(), members.clone(), alone)).or_insert_with(|| {
            groups.push(members);
            builder.group(&name, if alone { Ending::Alone } else { Ending::ThenPlace })
        });
        builder.network(*prefix, Target::Group(group));
    }
    groups
}

/// What all prefixes around `prefix` say together: a name for people, the mirrors, and whether they are all there is.
fn resolve(
    enclosing: &IpNetworkTable<&Said>,
    prefix: IpNetwork,
    active: &[&Mirror],
    regions: &[Region],
) -> (String, Vec<MirrorIndex>, bool) {
    let mut around: Vec<(IpNetwork, &&Said)> =
        enclosing.matches(prefix.network_address()).filter(|(other, _)| other.netmask() <= prefix.netmask()).collect();
    around.sort_by_key(|(other, _)| std::cmp::Reverse(other.netmask()));
    let mut name = String::new();
    let mut members: Vec<MirrorIndex> = Vec::new();
    let mut alone = false;
    for (_, said) in around {
        let exclusive: Vec<_> = said.private.iter().filter(|(at, _)| active[*at].exclusive).collect();
        if !exclusive.is_empty() && members.is_empty() {
            members.extend(exclusive.iter().map(|(_, index)| index));
            return (format!("exclusive network of {}", active[exclusive[0].0].name), members, true);
        }
        for &(at, index) in &said.private {
            if name.is_empty() {
                name = format!("network of {}", active[at].name);
            }
            if !members.contains(&index) {
                members.push(index);
            }
        }
        if let Some(region) = said.cloud.and_then(|number| regions.get(number)) {
            if name.is_empty() {
                name = format!("cloud {}", region.name);
            }
            alone = !region.mirrors.is_empty();
            members.extend(region.mirrors.iter().filter(|index| !members.contains(index)).collect::<Vec<_>>());
            break;
        }
    }
    (name, members, alone)
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
            order.extend(in_region(active, mirrors, &cloud.name, Some(&region.name)));
            order.extend(&of_cloud);
            order.extend(in_region(active, mirrors, &cloud.name, None));
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

/// Base URLs that a cloud or region has itself, as mirrors that nobody else is told of.
fn bases(
    builder: &mut Builder,
    owner: &str,
    base: &BTreeMap<String, Vec<String>>,
    trees: &Trees<'_>,
    served: &mut Served,
) -> Vec<MirrorIndex> {
    let mut added = Vec::new();
    for (tree, urls) in base {
        let Some(&tree) = trees.get(tree.as_str()) else { continue };
        for (position, url) in urls.iter().enumerate() {
            let index = builder.mirror(&format!("{owner} #{}", position + 1), None, 1, 1);
            let protocol = if url.starts_with("https:") { Protocol::Https } else { Protocol::Http };
            builder.base(index, tree, protocol, url);
            for family in Family::ALL {
                served.entry((tree, protocol, family)).or_default().push(index);
            }
            added.push(index);
        }
    }
    added
}
