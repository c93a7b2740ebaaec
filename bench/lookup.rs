//! How long does an answer take, from a parsed query and an address to the body in a buffer?
//!
//! `cargo bench --bench lookup` prints nanoseconds per answer for random addresses and the queries of a realistic mix
//! of clients (`bench/clients`), and for each part of the way by itself; the parts are timed over addresses and queries
//! in the same order as the whole, so they add up to more or less the whole. Then the same queries with filters and in
//! other forms, beside the plain list. Shipped lists, and for the groups also a cloud with 100,000 prefixes. With
//! `../shared/data` beside this repository the targets that CentOS's repositories named are asked as well.

mod clients;
mod dice;
mod stopwatch;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

use ip_network::IpNetwork;
use mirrorlistd::answer::{
    Answer, Ask, Atlas, Endpoint, GeoBytes, List, Order, Outcome, Query, Rules, Whereabouts, Wish, centos,
};
use mirrorlistd::config::Config;
use mirrorlistd::daemon::{Sources, Tolerance};
use mirrorlistd::geoip::{Builder, Table};
use mirrorlistd::inventory::{Cloud, CloudRegion, Inventory};
use mirrorlistd::net::{Asn, Family};
use mirrorlistd::plan::{self, Goods};
use mirrorlistd::snapshot::{Generation, View};
use mirrorlistd::sys::Map;
use mirrorlistd::turn;

use dice::Dice;
use stopwatch::Rounds;

/// Addresses of each kind: more than a cache holds of what they lead to.
const ADDRESS_COUNT: usize = 1 << 17;
/// Queries of the mix: few, because a worker has just read the one it answers.
const QUERY_COUNT: usize = 256;
/// Client prefixes of the large table, half of them IPv6.
const PREFIX_COUNT: usize = 100_000;
const RULES: Rules = Rules { lines_max: 10, fedora_lines_max: 20, fedora_lines_min: 5, strict_status: false };
/// The time in HTTP's form, for metalinks.
const DATE: &[u8] = b"Wed, 18 Nov 2026 05:46:40 GMT";
/// Some hour.
const NOW: u64 = 1_795_000_000;

fn main() {
    let mut dice = Dice(0x6d69_7272_6f72);
    let mut addresses = |kind: fn(&mut Dice) -> IpAddr| (0..ADDRESS_COUNT).map(|_| kind(&mut dice)).collect::<Vec<_>>();
    let kinds = [
        ("IPv4", addresses(Dice::ipv4)),
        ("IPv6 in use", addresses(Dice::crowded_ipv6)),
        ("IPv6 of 2000::/3", addresses(Dice::ipv6)),
    ];
    let texts = clients::queries(&mut dice, QUERY_COUNT);
    let atlas = shipped();
    println!("{} mirrors, {} prefixes", atlas.view().mirror_count(), atlas.view().network_count());

    time_queries("the mix", &texts);
    let mut decoded = vec![Vec::new(); texts.len()];
    let queries = parsed(&texts, &mut decoded);
    tell_outcomes("the mix", &atlas, &queries);
    time("find repo", &queries, |query| centos::find(&atlas, query));
    for (kind, addresses) in &kinds {
        time(&format!("place of {kind}"), addresses, |&address| atlas.geo(address));
        time(&format!("group of {kind}, shipped prefixes"), addresses, |&address| atlas.group(address));
        time_lists(kind, &atlas, addresses, &queries);
        time_answers(&format!("whole, {kind}"), Endpoint::Root, &atlas, addresses, &queries);
    }
    time_forms(&atlas, &kinds[0].1, &texts);
    let unknown: Vec<Query> =
        queries.iter().copied().filter(|query| centos::find(&atlas, query) == Err(Outcome::Unknown)).collect();
    time_answers("whole, unknown repos, IPv4", Endpoint::Root, &atlas, &kinds[0].1, &unknown);
    let with_systems = with_systems(&mut dice);
    for (kind, addresses) in &kinds[..2] {
        time(&format!("group of the system of {kind}"), addresses, |&address| with_systems.asn_group(address));
        time_answers(
            &format!("whole, {kind}, with a table of systems"),
            Endpoint::Root,
            &with_systems,
            addresses,
            &queries,
        );
    }
    let inside = addresses_inside(&mut dice, &atlas);
    time("group of an address in a shipped prefix", &inside, |&address| atlas.group(address));
    time_answers("whole, an address in a shipped prefix", Endpoint::Root, &atlas, &inside, &queries);

    let large = with_prefixes(&mut dice);
    println!("{} prefixes", large.view().network_count());
    for (kind, addresses) in &kinds {
        time(&format!("group of {kind}, {PREFIX_COUNT} prefixes"), addresses, |&address| large.group(address));
    }
    let inside = addresses_inside(&mut dice, &large);
    for family in Family::ALL {
        let inside: Vec<IpAddr> = inside.iter().copied().filter(|&address| Family::of(address) == family).collect();
        time(&format!("group of {family} in one of {PREFIX_COUNT} prefixes"), &inside, |&address| large.group(address));
    }

    let Some(texts) = clients::templates() else {
        println!("skipped: no ../shared/data");
        return;
    };
    time_queries("CentOS's targets", &texts);
    let mut decoded = vec![Vec::new(); texts.len()];
    let queries = parsed(&texts, &mut decoded);
    tell_outcomes("CentOS's targets", &atlas, &queries);
    time_answers("whole, CentOS's targets, IPv4", Endpoint::Root, &atlas, &kinds[0].1, &queries);
}

fn parsed<'q>(texts: &'q [String], decoded: &'q mut [Vec<u8>]) -> Vec<Query<'q>> {
    texts.iter().zip(decoded).map(|(text, decoded)| Query::parse(text.as_bytes(), decoded)).collect()
}

/// The queries again with a filter more, or asked for in another form.
fn time_forms(atlas: &Atlas, addresses: &[IpAddr], texts: &[String]) {
    for (name, endpoint, more) in [
        ("https only", Endpoint::Root, "&protocol=https"),
        ("of two countries", Endpoint::Root, "&country=de,fr"),
        ("a host and a country excluded", Endpoint::Root, "&exclude=a.example,us"),
        ("a filter that leaves nothing", Endpoint::Root, "&country=aq&protocol=rsync"),
        ("JSON", Endpoint::Root, "&format=json"),
        ("full JSON", Endpoint::Root, "&format=json-full"),
        ("metalink", Endpoint::Metalink, ""),
        ("Metalink 4", Endpoint::Metalink4, ""),
        ("metalink, https only", Endpoint::Metalink, "&protocol=https"),
    ] {
        let texts: Vec<String> = texts.iter().map(|text| format!("{text}{more}")).collect();
        let mut decoded = vec![Vec::new(); texts.len()];
        let queries = parsed(&texts, &mut decoded);
        time_answers(&format!("whole, IPv4, {name}"), endpoint, atlas, addresses, &queries);
    }
}

/// Times `one` over all items.
fn time<T, R>(question: &str, items: &[T], one: impl Fn(&T) -> R) {
    let rounds = Rounds::time(items, |items| {
        for item in items {
            black_box(one(black_box(item)));
        }
    });
    rounds.print(question);
}

fn time_queries(name: &str, texts: &[String]) {
    let mut decoded = Vec::new();
    let rounds = Rounds::time(texts, |texts| {
        for text in texts {
            black_box(Query::parse(black_box(text).as_bytes(), &mut decoded));
        }
    });
    rounds.print(&format!("parse query, {name}"));
}

/// The queries again and again, in another order each time.
fn pairs<'a>(addresses: &'a [IpAddr], queries: &'a [Query<'a>]) -> impl Iterator<Item = (IpAddr, &'a Query<'a>)> {
    let stride = 101;
    addresses.iter().enumerate().map(move |(position, &address)| (address, &queries[position * stride % queries.len()]))
}

/// Walking the lists and writing the body, where and for which repo being known.
fn time_lists(kind: &str, atlas: &Atlas, addresses: &[IpAddr], queries: &[Query<'_>]) {
    let view = atlas.view();
    let known: Vec<_> = pairs(addresses, queries)
        .filter_map(|(address, query)| {
            let index = centos::find(atlas, query).ok()?;
            Some((view.repo(index)?, Whereabouts::find(atlas, address, b""), address))
        })
        .collect();
    let mut out = Vec::with_capacity(64 << 10);
    let mut list = List::default();
    let rounds = Rounds::time(&known, |known| {
        for (repo, whereabouts, address) in known {
            out.clear();
            let turn = turn::of_client(*address, NOW, view.turn_count());
            let (family, order, count_max) = (Family::of(*address), Order::Place, RULES.lines_max);
            list.choose(view, &Wish { repo, family, whereabouts, turn, order, count_max, filter: None });
            list.write_text(view, repo.suffix, b"", &mut out);
            black_box(&out);
        }
    });
    rounds.print(&format!("turn, list and body for {kind}"));
}

fn time_answers(question: &str, endpoint: Endpoint, atlas: &Atlas, addresses: &[IpAddr], queries: &[Query<'_>]) {
    let mut out = Vec::with_capacity(64 << 10);
    let mut list = List::default();
    let (mut answer_count, mut body_bytes) = (0, 0);
    let rounds = Rounds::time(addresses, |addresses| {
        for (address, query) in pairs(addresses, queries) {
            out.clear();
            let ask = ask(endpoint, query, address);
            Answer::choose(atlas, &ask, &RULES, &mut list).write(DATE, &mut out);
            answer_count += 1;
            body_bytes += black_box(&out).len();
        }
    });
    rounds.print(question);
    println!("    of {} bytes on average", body_bytes / answer_count);
}

fn ask<'q>(endpoint: Endpoint, query: &Query<'q>, client: IpAddr) -> Ask<'q> {
    Ask { endpoint, query: *query, accepts_metalink4: false, client, unix_seconds: NOW }
}

/// How many of the queries come to what.
fn tell_outcomes(name: &str, atlas: &Atlas, queries: &[Query<'_>]) {
    let mut counts = BTreeMap::new();
    let mut list = List::default();
    for query in queries {
        let ask = ask(Endpoint::Root, query, IpAddr::from([141, 30, 1, 1]));
        let outcome: Outcome = Answer::choose(atlas, &ask, &RULES, &mut list).outcome;
        *counts.entry(outcome.label()).or_insert(0usize) += 1;
    }
    let told: Vec<String> =
        counts.iter().map(|(label, count)| format!("{label} {} %", (count * 100).div_ceil(queries.len()))).collect();
    println!("{name}: {}", told.join(", "));
}

/// A random address of a random client prefix each.
fn addresses_inside(dice: &mut Dice, atlas: &Atlas) -> Vec<IpAddr> {
    let prefixes: Vec<IpNetwork> = atlas.view().networks().map(|network| network.prefix).collect();
    let inside = |dice: &mut Dice| match prefixes[dice.below(prefixes.len())] {
        IpNetwork::V4(prefix) => {
            let host_bits = u32::MAX.checked_shr(prefix.netmask().into()).unwrap_or_default();
            IpAddr::V4(Ipv4Addr::from_bits(prefix.network_address().to_bits() | dice.roll() as u32 & host_bits))
        }
        IpNetwork::V6(prefix) => {
            let host_bits = u128::MAX.checked_shr(prefix.netmask().into()).unwrap_or_default();
            let random = u128::from(dice.roll()) << 64 | u128::from(dice.roll());
            IpAddr::V6(Ipv6Addr::from_bits(prefix.network_address().to_bits() | random & host_bits))
        }
    };
    (0..ADDRESS_COUNT).map(|_| inside(dice)).collect()
}

fn shipped() -> Arc<Atlas> {
    let mut config = Config::shipped();
    config.lists = Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/lists")));
    Sources::default().edition(&config, Tolerance::Refuse, &mut |_| ()).expect("shipped lists").atlas
}

/// The shipped lists with a table of autonomous systems that is made up: 100,000 networks of each family, one of a
/// hundred with mirrors.
fn with_systems(dice: &mut Dice) -> Atlas {
    let shipped = shipped();
    let named: Vec<Asn> = shipped.view().asns().map(|(asn, _)| asn).collect();
    let mut builder = Builder::<Asn>::default();
    for _ in 0..100_000 {
        let asn =
            if dice.below(100) == 0 { named[dice.below(named.len())] } else { Asn(1 + dice.below(80_000) as u32) };
        builder.add_prefix(dice.ipv4(), 16 + dice.below(9) as u8, Some(asn)).expect("prefix");
        builder.add_prefix(dice.crowded_ipv6(), 32 + dice.below(17) as u8, Some(asn)).expect("prefix");
    }
    let table = Map::copy(&builder.finish("made up", "").expect("table")).expect("memory");
    let table = Table::open_labelled(GeoBytes::Mapped(table)).expect("table");
    let view = View::open(Map::copy(shipped.view().bytes()).expect("memory")).expect("open");
    let geo = include_bytes!("../lists/geoip/country.table");
    let geo = Arc::new(Table::open(GeoBytes::Embedded(geo)).expect("table"));
    Atlas::new(Generation::default(), view, geo).with_asns(Some(Arc::new(table)))
}

/// An atlas with nothing but a cloud of 1,000 regions.
fn with_prefixes(dice: &mut Dice) -> Atlas {
    let prefix = |dice: &mut Dice, position: usize| {
        // Lengths as clouds publish them: IPv4 mostly /20 to /24, IPv6 /36 to /48.
        let (address, bits) = if position.is_multiple_of(2) {
            (dice.ipv4(), 14 + dice.below(6) + dice.below(6))
        } else {
            (dice.crowded_ipv6(), 32 + dice.below(9) + dice.below(9))
        };
        IpNetwork::new_truncate(address, bits as u8).expect("bits within an address")
    };
    let regions = (0..1000)
        .map(|region| CloudRegion {
            name: format!("region-{region}"),
            base: BTreeMap::new(),
            prefixes: (0..PREFIX_COUNT / 1000).map(|position| prefix(dice, position)).collect(),
        })
        .collect();
    let cloud = Cloud { name: "cloud".to_owned(), base: BTreeMap::new(), regions };
    let inventory = Inventory { clouds: vec![cloud], ..Inventory::default() };
    let bytes = plan::build(&inventory, &Goods::unverified(&inventory)).expect("build");
    let view = View::open(Map::copy(&bytes).expect("memory")).expect("open");
    view.check().expect("check");
    let geo = include_bytes!("../lists/geoip/country.table");
    Atlas::new(Generation::default(), view, Arc::new(Table::open(GeoBytes::Embedded(geo)).expect("table")))
}
