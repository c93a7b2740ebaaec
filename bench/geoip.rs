//! How long does it take to find the place of an address, and its autonomous system?
//!
//! `cargo bench --bench geoip` prints the median over rounds of the time of one lookup, by table and kind of address.
//! The shipped table is read from `lists/geoip`; tables of the size of a City and an ASN database are made up.

mod dice;
mod stopwatch;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mirrorlistd::geoip::{Builder, Label, Table};
use mirrorlistd::net::Asn;
use mirrorlistd::place::Code;

use dice::Dice;
use stopwatch::Rounds;

/// Addresses looked up in a round.
const ADDRESS_COUNT: usize = 1 << 20;

/// Ranges of each family in the tables that are made up.
const RANGE_COUNT: usize = 500_000;

/// Autonomous systems in the table that is made up: about those that announce anything.
const SYSTEM_COUNT: u32 = 80_000;

fn main() {
    let shipped = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/lists/geoip/country.table")).expect("read");
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let letters = || (b'A'..=b'Z').map(char::from);
    let places: Vec<Code> = letters()
        .flat_map(|a| letters().map(move |b| format!("{a}{b}")))
        .take(400)
        .map(|text| text.parse().expect("two letters"))
        .collect();
    let systems: Vec<Asn> = (1..=SYSTEM_COUNT).map(Asn).collect();
    let (city_size, city_ipv6) = made_up(&mut dice, &places);
    for (name, bytes, allocated) in [("shipped", shipped, ipv6_of_tor()), ("city-size", city_size, city_ipv6)] {
        let table = Table::open(bytes).expect("open");
        time_table(name, &table, &mut dice, &allocated, |address| table.lookup(address).is_some());
    }
    let (bytes, allocated) = made_up(&mut dice, &systems);
    let table = Table::open_labelled(bytes).expect("open");
    time_table("systems", &table, &mut dice, &allocated, |address| table.asn(address).is_some());
}

/// Times lookups of addresses of three kinds. `allocated`: upper halves near which IPv6 addresses are in use.
fn time_table<L: Label>(
    name: &str,
    table: &Table<Vec<u8>, L>,
    dice: &mut Dice,
    allocated: &[u64],
    find: impl Fn(IpAddr) -> bool,
) {
    table.check().expect("check");
    let ipv4: Vec<IpAddr> = (0..ADDRESS_COUNT).map(|_| IpAddr::V4(Ipv4Addr::from_bits(dice.roll() as u32))).collect();
    time(name, "random IPv4", &ipv4, &find);
    let ipv6: Vec<IpAddr> = (0..ADDRESS_COUNT)
        .map(|_| {
            let upper = allocated[dice.roll() as usize % allocated.len()] | (dice.roll() >> 48);
            IpAddr::V6(Ipv6Addr::from_bits(u128::from(upper) << 64 | 1))
        })
        .collect();
    time(name, "IPv6 near random starts", &ipv6, &find);
    let wide: Vec<IpAddr> = (0..ADDRESS_COUNT)
        .map(|_| IpAddr::V6(Ipv6Addr::from_bits(u128::from(0x2000 << 48 | dice.roll() >> 3) << 64)))
        .collect();
    time(name, "random IPv6 in 2000::/3", &wide, &find);
}

/// Times lookups one after the other, and prints the median round.
fn time(name: &str, question: &str, addresses: &[IpAddr], find: impl Fn(IpAddr) -> bool) {
    let rounds = Rounds::time(addresses, |addresses| {
        for &address in addresses {
            black_box(find(black_box(address)));
        }
    });
    let placed = addresses.iter().filter(|&&address| find(address)).count();
    rounds.print(&format!("{name}, {question}, {} % found", placed * 100 / addresses.len()));
}

/// A table with as many ranges as such databases have after merging; and where its IPv6 ranges start.
fn made_up<L: Label>(dice: &mut Dice, labels: &[L]) -> (Vec<u8>, Vec<u64>) {
    let mut builder = Builder::<L>::default();
    let mut starts_ipv4: Vec<u32> = (0..RANGE_COUNT).map(|_| dice.roll() as u32 & 0xdfff_fff8).collect();
    // Registries give out a few large networks; IPv6 ranges lie in them, a /48 or larger.
    let mut starts_ipv6: Vec<u64> =
        (0..RANGE_COUNT).map(|_| (0x2a00 + dice.roll() % 24) << 48 | (dice.roll() & 0x0000_ffff_ffff_0000)).collect();
    starts_ipv4.sort_unstable();
    starts_ipv6.sort_unstable();
    let mut label = || Some(labels[dice.roll() as usize % labels.len()]);
    for pair in starts_ipv4.windows(2).filter(|pair| pair[0] < pair[1]) {
        builder.add_range(IpAddr::V4(pair[0].into()), IpAddr::V4((pair[1] - 1).into()), label()).expect("range");
    }
    for pair in starts_ipv6.windows(2).filter(|pair| pair[0] < pair[1]) {
        let [first, end] = [pair[0], pair[1]].map(|upper| u128::from(upper) << 64);
        builder.add_range(IpAddr::V6(first.into()), IpAddr::V6((end - 1).into()), label()).expect("range");
    }
    let bytes = builder.finish("made up", "").expect("finish");
    println!("table of {} labels: {} bytes", labels.len(), bytes.len());
    (bytes, starts_ipv6)
}

/// Upper halves of registry allocations, as seeds for addresses that are in use.
fn ipv6_of_tor() -> Vec<u64> {
    // The /16 networks with the most ranges in the shipped table, each cut into /28 networks.
    let networks = [0x2a10_u64, 0x2001, 0x2a09, 0x2804, 0x2a01, 0x2a00, 0x2602, 0x2803, 0x2a0f, 0x2a14, 0x2a13, 0x2620];
    networks.iter().flat_map(|network| (0..4096).map(move |low| network << 48 | low << 36)).collect()
}
