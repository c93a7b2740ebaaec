//! `Atlas`: all that is known when a request is answered: a snapshot, tables of places and of autonomous systems,
//! client networks.
//!
//! Made beside the running workers and then shared by them, frozen. Not here: who makes it when (`daemon`).

use std::net::IpAddr;
use std::sync::Arc;

use ip_network::IpNetwork;

use super::images::Catalogue;
use crate::geoip::Table;
use crate::net::{Asn, PrefixMap};
use crate::place::Code;
use crate::snapshot::{Generation, GroupIndex, PlaceIndex, Target, View};
use crate::sys::Map;

/// A GeoIP table: the one in the program, or a mapped one.
pub enum GeoBytes {
    /// Part of the program.
    Embedded(&'static [u8]),
    /// A file, or one compiled a moment ago.
    Mapped(Map),
}

impl AsRef<[u8]> for GeoBytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            GeoBytes::Embedded(bytes) => bytes,
            GeoBytes::Mapped(map) => map.as_ref(),
        }
    }
}

/// All that is known when a request is answered.
pub struct Atlas {
    generation: Generation,
    view: View<Map>,
    geo: Arc<Table<GeoBytes>>,
    /// Place of the snapshot by place of the GeoIP table.
    geo_places: Vec<(Code, PlaceIndex)>,
    groups: PrefixMap<GroupIndex>,
    told: PrefixMap<PlaceIndex>,
    catalogue: Catalogue,
    asns: Option<Arc<Table<GeoBytes, Asn>>>,
    known_names: Vec<u8>,
}

/// Longest text of all single names of repos, bytes; what goes beyond it is left out. It is sent for each mistake.
const KNOWN_NAMES_BYTES_MAX: usize = 32 << 10;

/// The single names of repos as the Fedora dialect tells them, a line each.
fn known_names(view: &View<Map>) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, arch) in view.names() {
        let line = format!("# repo={name}&arch={arch}\n");
        if text.len() + line.len() > KNOWN_NAMES_BYTES_MAX {
            break;
        }
        text.extend_from_slice(line.as_bytes());
    }
    text
}

impl Atlas {
    /// Joins a snapshot and a GeoIP table.
    pub fn new(generation: Generation, view: View<Map>, geo: Arc<Table<GeoBytes>>) -> Atlas {
        let mut groups = Vec::new();
        let mut told = Vec::new();
        for network in view.networks() {
            match network.target {
                Target::Group(group) => groups.push((network.prefix, group)),
                Target::Place(place) => told.push((network.prefix, place)),
            };
        }
        let nearest = |code: Code| view.place(code).or_else(|| view.place(code.country()));
        let geo_places = geo.places().map(|(_, code)| (code, nearest(code).unwrap_or(PlaceIndex::FALLBACK))).collect();
        let (catalogue, known_names) = (Catalogue::of(&view), known_names(&view));
        let (groups, told) = (PrefixMap::new(groups), PrefixMap::new(told));
        Atlas { generation, view, geo, geo_places, groups, told, catalogue, asns: None, known_names }
    }

    /// The same with a table of autonomous systems, or without one.
    pub fn with_asns(self, asns: Option<Arc<Table<GeoBytes, Asn>>>) -> Atlas {
        Atlas { asns, ..self }
    }

    /// Number of the snapshot.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The snapshot.
    pub fn view(&self) -> &View<Map> {
        &self.view
    }

    /// The images that there are.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The single names of repos as the Fedora dialect tells them, a line each.
    pub fn known_names(&self) -> &[u8] {
        &self.known_names
    }

    /// The GeoIP table.
    pub fn geo_table(&self) -> &Table<GeoBytes> {
        &self.geo
    }

    /// The table of autonomous systems, where there is one.
    pub fn asn_table(&self) -> Option<&Table<GeoBytes, Asn>> {
        self.asns.as_deref()
    }

    /// The autonomous system a client is in; none without a table.
    pub fn asn(&self, client: IpAddr) -> Option<Asn> {
        self.asns.as_deref()?.asn(client)
    }

    /// The group of the autonomous system a client is in. Nobody is asked where no system has a group.
    pub fn asn_group(&self, client: IpAddr) -> Option<(Asn, GroupIndex)> {
        if self.view.asns().len() == 0 {
            return None;
        }
        let asn = self.asn(client)?;
        Some((asn, self.view.asn_group(asn)?))
    }

    /// The group a client's network belongs to, by the longest prefix.
    pub fn group(&self, client: IpAddr) -> Option<(IpNetwork, GroupIndex)> {
        self.groups.longest_match(client).map(|(network, &group)| (network, group))
    }

    /// Where operators say a client's network is, by the longest prefix.
    pub fn told(&self, client: IpAddr) -> Option<(IpNetwork, PlaceIndex)> {
        self.told.longest_match(client).map(|(network, &place)| (network, place))
    }

    /// Where the GeoIP table has a client, and the place of the snapshot that stands for it.
    pub fn geo(&self, client: IpAddr) -> Option<(Code, PlaceIndex)> {
        self.geo_places.get(self.geo.lookup(client)?.0 as usize).copied()
    }
}
