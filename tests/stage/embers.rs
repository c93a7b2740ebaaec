//! A small inventory, one mirror per rank, so that no order is left to chance, and where its clients are.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use mirrorlistd::geoip::Builder;
use mirrorlistd::inventory::{Inventory, read_text};

/// The inventory: file name and text.
pub const EMBERS: [(&str, &str); 3] = [
    ("ember.toml", include_str!("../lists/ember.toml")),
    ("mirrors.toml", include_str!("../lists/mirrors.toml")),
    ("world.toml", include_str!("../lists/world.toml")),
];

/// Where client networks are: a network, and its place. Networks that are known otherwise are clouds' and operators'.
const PLACES: &[(&str, u8, &str)] = &[
    ("192.0.2.0", 24, "DE"),
    ("203.0.113.0", 24, "DE"),
    ("198.51.100.0", 26, "DE"),
    ("198.51.100.64", 26, "US-TX"),
    ("198.51.100.128", 27, "US-NV"),
    ("198.51.100.160", 27, "US"),
    ("198.51.100.192", 27, "CA-QC"),
    ("198.51.100.224", 28, "CA-ON"),
    ("198.51.100.240", 28, "NZ"),
    ("198.18.0.0", 24, "AT"),
    ("198.18.1.0", 24, "FR"),
    ("198.18.2.0", 24, "JP"),
    ("198.18.3.0", 24, "CH"),
    ("2001:db8:de::", 48, "DE"),
    ("2001:db8:c1::", 48, "DE"),
    ("2001:db8:7a::", 48, "US-TX"),
    ("2001:db8:ca::", 48, "CA-QC"),
];

/// An address of a client at a place, by its family (4 or 6).
pub fn client_of(place: &str, family: u8) -> &'static str {
    match (place, family) {
        ("DE", 4) => "198.51.100.7",
        ("US-TX", 4) => "198.51.100.70",
        ("US-NV", 4) => "198.51.100.130",
        ("US", 4) => "198.51.100.170",
        ("CA-QC", 4) => "198.51.100.200",
        ("CA-ON", 4) => "198.51.100.230",
        ("NZ", 4) => "198.51.100.250",
        ("AT", 4) => "198.18.0.7",
        ("FR", 4) => "198.18.1.7",
        ("JP", 4) => "198.18.2.7",
        // A country of the table that the inventory does not have.
        ("CH", 4) => "198.18.3.7",
        ("nowhere", 4) => "100.64.0.7",
        ("campus", 4) => "192.0.2.7",
        ("lab", 4) => "192.0.2.130",
        ("told", 4) => "192.0.2.200",
        ("nimbus east", 4) => "203.0.113.7",
        ("nimbus west", 4) => "203.0.113.70",
        ("DE", 6) => "2001:db8:de::7",
        ("US-TX", 6) => "2001:db8:7a::7",
        ("CA-QC", 6) => "2001:db8:ca::7",
        ("nimbus east", 6) => "2001:db8:c1::7",
        ("nowhere", 6) => "2001:db8:ffff::7",
        _ => panic!("nobody is at {place} with IPv{family}"),
    }
}

/// The GeoIP table of that world.
pub fn geo_table() -> Vec<u8> {
    let mut builder = Builder::new();
    for (address, prefix_bits, place) in PLACES {
        builder.add_prefix(address.parse::<IpAddr>().unwrap(), *prefix_bits, Some(place.parse().unwrap())).unwrap();
    }
    builder.finish("a test", "nobody").unwrap()
}

/// The inventory, read.
pub fn inventory() -> Inventory {
    let reading = read_text(&EMBERS.map(|(name, text)| (PathBuf::from(name), text.to_owned())));
    assert_eq!(reading.problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    reading.inventory
}

/// Puts `lists/` and `geo.table` into a folder.
pub fn write_embers(folder: &Path) {
    let lists = folder.join("lists");
    std::fs::create_dir_all(&lists).unwrap();
    for (name, text) in EMBERS {
        std::fs::write(lists.join(name), text).unwrap();
    }
    std::fs::write(folder.join("geo.table"), geo_table()).unwrap();
}
