//! The shipped GeoIP table: whole, attributed, and in the right country mostly.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use mirrorlistd::geoip::Table;
use mirrorlistd::place::Code;

fn shipped(bytes: &[u8]) -> Table<&[u8]> {
    let table = Table::open(bytes).unwrap();
    table.check().unwrap();
    table
}

fn place(table: &Table<&[u8]>, address: IpAddr) -> Option<Code> {
    table.lookup(address).and_then(|index| table.place(index))
}

/// The test data that is not part of this project; none when it is not there.
fn shared(under: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MIRRORLISTD_SHARED")
        .map_or_else(|| Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).to_owned(), PathBuf::from);
    let folder = folder.join("data").join(under);
    if !folder.is_dir() {
        println!("skipped: no ../shared/data");
        return None;
    }
    Some(folder)
}

#[test]
fn the_shipped_table_is_whole() {
    let bytes = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/lists/geoip/country.table")).unwrap();
    assert!(bytes.len() < 5_000_000, "{} bytes", bytes.len());
    let table = shipped(&bytes);
    assert!(table.attribution().contains("CC BY-SA 4.0"), "{}", table.attribution());
    assert!(table.source().contains("IPFire"), "{}", table.source());
    assert!(table.places().count() > 200);
    for (address, expected) in [
        ("193.0.0.1", "NL"),
        ("202.12.29.1", "AU"),
        ("192.168.0.1", "-"),
        ("127.0.0.1", "-"),
        ("2001:db8::1", "-"),
        ("fe80::1", "-"),
    ] {
        let found = place(&table, address.parse().unwrap());
        assert_eq!(found.map_or("-".to_owned(), |code| code.to_string()), expected, "{address}");
    }
}

/// Registries say to whom a network was given, the shipped table where it is used: mostly the same. On the data of 2026
/// they agree on 94 % of the IPv4 addresses and of the IPv6 prefixes.
#[test]
fn the_shipped_table_mostly_agrees_with_the_registries() {
    let Some(folder) = shared("geoip/country-cidr/country") else { return };
    let bytes = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/lists/geoip/country.table")).unwrap();
    let table = shipped(&bytes);
    for (file, agreeing_percent_min) in [("ipv4-aggregated.txt", 90), ("ipv6-aggregated.txt", 90)] {
        let (mut agreeing, mut all) = (0_u64, 0_u64);
        for entry in fs::read_dir(&folder).unwrap() {
            let country = entry.unwrap().path();
            let expected = country.file_name().unwrap().to_str().unwrap().parse::<Code>().unwrap();
            let Ok(text) = fs::read_to_string(country.join(file)) else { continue };
            for prefix in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                for address in samples(prefix) {
                    all += 1;
                    agreeing += u64::from(place(&table, address) == Some(expected));
                }
            }
        }
        println!("{file}: {agreeing} of {all} addresses agree");
        assert!(all > 10_000 && agreeing * 100 >= all * agreeing_percent_min, "{file}: {agreeing} of {all}");
    }
}

/// Of an IPv4 prefix every 4093rd address there is; of an IPv6 prefix, whose sizes tell nothing, its first address.
fn samples(prefix: &str) -> Vec<IpAddr> {
    let (address, length) = prefix.split_once('/').unwrap();
    match address.parse().unwrap() {
        IpAddr::V4(first) => {
            let (first, stride) = (u64::from(first.to_bits()), 4093);
            let end = first + (1 << (32 - length.parse::<u32>().unwrap()));
            let multiples = (first.div_ceil(stride) * stride..end).step_by(stride as usize);
            multiples.map(|bits| IpAddr::V4((bits as u32).into())).collect()
        }
        address => vec![address],
    }
}
