//! `Whereabouts`: where a client is, and whose, each with the reason.

use std::net::IpAddr;

use ip_network::IpNetwork;

use super::atlas::Atlas;
use crate::net::Asn;
use crate::place::Code;
use crate::snapshot::{GroupIndex, PlaceIndex, View};

/// Where a client is, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The row of the snapshot to answer from.
    pub place: PlaceIndex,
    /// Why that place.
    pub reason: Reason,
    /// The group its network belongs to.
    pub group: Option<GroupIndex>,
    /// The network that says so.
    pub network: Option<IpNetwork>,
    /// The autonomous system it is in, where that has a group, and the group.
    pub system: Option<(Asn, GroupIndex)>,
}

/// Why a client is taken to be at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It asked to be, by a parameter.
    Asked,
    /// An operator said so of this network.
    Told(IpNetwork),
    /// The GeoIP table has its address in this place.
    Geo(Code),
    /// Nothing is known of it.
    Unknown,
}

impl Whereabouts {
    /// Finds out where `client` is. `asked` is the place it asked for, empty for none; any place that is not known
    /// counts as the country it begins with, and else as unknown.
    pub fn find(atlas: &Atlas, client: IpAddr, asked: &[u8]) -> Whereabouts {
        let (network, group) = match atlas.group(client) {
            Some((network, group)) => (Some(network), Some(group)),
            None => (None, None),
        };
        let (place, reason) = if asked.is_empty() {
            from_address(atlas, client)
        } else {
            (named(atlas, asked).unwrap_or(PlaceIndex::FALLBACK), Reason::Asked)
        };
        Whereabouts { place, reason, group, network, system: atlas.asn_group(client) }
    }

    /// All groups it belongs to, in the order in which their lists come: that of its network, those of the networks
    /// around that, that of its autonomous system.
    pub fn groups<B: AsRef<[u8]>>(&self, view: &View<B>) -> impl Iterator<Item = GroupIndex> {
        let around = self.group.into_iter().flat_map(|group| view.groups_around(group));
        around.chain(self.system.map(|(_, group)| group))
    }

    /// The same without regard to its network and whose that is.
    pub fn without_network(self) -> Whereabouts {
        Whereabouts { group: None, network: None, system: None, ..self }
    }
}

fn from_address(atlas: &Atlas, client: IpAddr) -> (PlaceIndex, Reason) {
    if let Some((network, place)) = atlas.told(client) {
        return (place, Reason::Told(network));
    }
    match atlas.geo(client) {
        Some((code, place)) => (place, Reason::Geo(code)),
        None => (PlaceIndex::FALLBACK, Reason::Unknown),
    }
}

fn named(atlas: &Atlas, text: &[u8]) -> Option<PlaceIndex> {
    let country = text.split(|&byte| byte == b'-').next().unwrap_or_default();
    let code = Code::parse(text).or_else(|| Code::parse(country))?;
    atlas.view().place(code).or_else(|| atlas.view().place(code.country()))
}
