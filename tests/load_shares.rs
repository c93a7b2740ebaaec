//! Whether mirrors are named first as often as their weights say, over a day of a country's clients.
//!
//! Lives here: the whole way from an inventory to the first line of answers. Not here: a single turn's order (`turn`).

mod stage;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use mirrorlistd::answer::{Answer, Ask, Atlas, Endpoint, GeoBytes, List, Query, Rules};
use mirrorlistd::geoip::Table;
use mirrorlistd::inventory::{self, Inventory};
use mirrorlistd::plan::{self, Goods};
use mirrorlistd::snapshot::{Generation, View};
use mirrorlistd::sys::Map;
use mirrorlistd::turn::{self, TURN_SECONDS};

/// Networks of clients: a /24 or /48 each, whose machines all get the same order.
const NETWORK_COUNT: u32 = 4000;
/// Some midnight.
const MIDNIGHT: u64 = 1_795_046_400;
/// How far a mirror's share of first places may be from its share of the weight: a turn is 1/128, and the clients of a
/// country do not fall evenly into turns.
const DEVIATION_MAX: f64 = 0.02;

/// Bandwidths of the mirrors of a country, megabits per second: alike, far apart, and one that is nearly all.
const COUNTRIES: &[(&str, &[u32])] = &[
    ("DE", &[1000, 1000, 1000, 1000, 1000, 1000, 1000]),
    ("FR", &[100, 200, 1000, 2000, 10_000, 10_000, 20_000]),
    ("JP", &[40_000, 500]),
    ("BR", &[1000]),
    ("US", &[1000, 1000, 10_000, 10_000, 10_000, 10_000, 10_000, 20_000, 20_000, 40_000, 40_000, 40_000]),
];

fn inventory() -> Inventory {
    let mut text = String::from(
        "[[distribution]]\nname = 'd'\ntitle = 'D'\n[[tree]]\nname = 't'\n\
         [[release]]\nname = '9'\narches = ['x86_64']\n[[repo]]\nname = 'baseos'\npath = 'BaseOS/{arch}/os'\n\
         [[repo]]\nname = 'extras'\npath = 'extras/{arch}/os'\n\
         [[tree]]\nname = 'u'\n[[repo]]\nname = 'some'\npath = 'some/{arch}/os'\ntree = 'u'\n",
    );
    for (position, (country, bandwidths)) in COUNTRIES.iter().enumerate() {
        text += &format!(
            "[[country]]\ncode = '{country}'\nname = 'Country {position}'\ncontinent = 'europe'\n\
             latitude = {position}.5\nlongitude = 0.0\n"
        );
        for (number, bandwidth) in bandwidths.iter().enumerate() {
            let name = format!("{}-{number}.example", country.to_lowercase());
            text += &format!(
                "[[mirror]]\nname = '{name}'\nbase.t.http = 'http://{name}/'\ncountry = '{country}'\n\
                 bandwidth_mbps = {bandwidth}\n"
            );
            if number % 2 == 0 {
                text += &format!("base.u.https = 'https://{name}/u/'\n");
            }
        }
    }
    let reading = inventory::read_text(&[("lists.toml".into(), text)]);
    assert!(reading.problems.is_empty(), "{:?}", reading.problems);
    reading.inventory
}

fn atlas(inventory: &Inventory) -> Atlas {
    let view = View::open(Map::copy(&plan::build(inventory, &Goods::unverified(inventory)).unwrap()).unwrap()).unwrap();
    view.check().unwrap();
    let geo = include_bytes!("../lists/geoip/country.table");
    Atlas::new(Generation::default(), view, Arc::new(Table::open(GeoBytes::Embedded(geo)).unwrap()))
}

const RULES: Rules = Rules { lines_max: 10, fedora_lines_max: 20, fedora_lines_min: 5, strict_status: false };

/// The clients of a day: each network asks once an hour, over IPv4 or IPv6.
fn clients(ipv6: bool) -> impl Iterator<Item = (IpAddr, u64)> {
    (0..NETWORK_COUNT).flat_map(move |network| {
        let address = if ipv6 {
            IpAddr::from((0x2001_0db8_u128 << 96 | u128::from(network) << 80 | 1).to_be_bytes())
        } else {
            IpAddr::from((0x5000_0000 | network << 8 | 7).to_be_bytes())
        };
        (0..24).map(move |hour| (address, MIDNIGHT + hour * TURN_SECONDS))
    })
}

#[test]
fn first_places_follow_the_weights() {
    let atlas = atlas(&inventory());
    for (country, bandwidths) in COUNTRIES {
        for (repo, ipv6) in [("baseos", false), ("extras", true)] {
            let query = Query::of("9", "x86_64", repo, country);
            let mut led: BTreeMap<String, u32> = BTreeMap::new();
            let (mut list, mut body) = (List::default(), Vec::new());
            for (client, unix_seconds) in clients(ipv6) {
                body.clear();
                let ask = Ask { endpoint: Endpoint::Root, query, accepts_metalink4: false, client, unix_seconds };
                Answer::choose(&atlas, &ask, &RULES, &mut list).write(b"", &mut body);
                let host = std::str::from_utf8(&body).unwrap().split('/').nth(2).unwrap();
                match led.get_mut(host) {
                    Some(count) => *count += 1,
                    None => drop(led.insert(host.to_owned(), 1)),
                }
            }
            let (all, total) = (led.values().sum::<u32>(), bandwidths.iter().sum::<u32>());
            assert_eq!(all, NETWORK_COUNT * 24);
            let mut known = 0;
            for (number, bandwidth) in bandwidths.iter().enumerate() {
                let host = format!("{}-{number}.example", country.to_lowercase());
                let count = led.get(&host).copied().unwrap_or_default();
                known += count;
                let (share, due) = (f64::from(count) / f64::from(all), f64::from(*bandwidth) / f64::from(total));
                assert!((share - due).abs() <= DEVIATION_MAX, "{host} leads {share:.4} of answers, {due:.4} are due");
            }
            assert_eq!(known, all, "nobody but the country's own mirrors leads: {led:?}");
        }
    }
}

/// How many requests the networks of a country send in an hour: a few send most (the share falls with the rank, as
/// Zipf has it: the first of 3000 sends 12 %), and there is a day and a night.
fn realistic_load(ipv6: bool) -> impl Iterator<Item = (IpAddr, u64, f64)> {
    const ASKING: usize = 3000;
    clients(ipv6).take(ASKING * 24).enumerate().map(|(number, (client, unix_seconds))| {
        let hour = (number % 24) as f64;
        let day_and_night = 1.0 + 0.5 * (hour / 24.0 * std::f64::consts::TAU).sin();
        (client, unix_seconds, day_and_night / (number / 24 + 1) as f64)
    })
}

#[test]
fn a_realistic_population_loads_mirrors_by_weight() {
    let inventory = inventory();
    let atlas = atlas(&inventory);
    let turn_count = atlas.view().turn_count();
    for ipv6 in [false, true] {
        // Who leads does not depend on the client but on its turn (`all_repos_of_a_network_agree`).
        let mut load_of_turn = vec![0.0; turn_count];
        let mut client_of_turn = vec![None; turn_count];
        for (client, unix_seconds, load) in realistic_load(ipv6) {
            let turn = turn::of_client(client, unix_seconds, turn_count);
            load_of_turn[turn] += load;
            client_of_turn[turn].get_or_insert((client, unix_seconds));
        }
        let all: f64 = load_of_turn.iter().sum();
        for (country, bandwidths) in COUNTRIES {
            let query = Query::of("9", "x86_64", "baseos", country);
            let mut load: BTreeMap<String, f64> = BTreeMap::new();
            for (client, of_turn) in client_of_turn.iter().zip(&load_of_turn) {
                let (client, unix_seconds) = client.expect("every turn has clients");
                let text = stage::listing(&atlas, query, client, unix_seconds, 10);
                let host = text.split('/').nth(2).unwrap();
                *load.entry(host.to_owned()).or_default() += of_turn;
            }
            let total: u32 = bandwidths.iter().sum();
            for (number, bandwidth) in bandwidths.iter().enumerate() {
                let host = format!("{}-{number}.example", country.to_lowercase());
                let share = load.get(&host).copied().unwrap_or_default() / all;
                let due = f64::from(*bandwidth) / f64::from(total);
                assert!((share - due).abs() <= DEVIATION_MAX, "{host} gets {share:.4} of the load, {due:.4} are due");
            }
        }
    }
}

#[test]
fn all_repos_of_a_network_agree() {
    let atlas = atlas(&inventory());
    let hosts = |client: IpAddr, repo: &str, unix_seconds: u64| {
        let text = stage::listing(&atlas, Query::of("9", "x86_64", repo, "US"), client, unix_seconds, 64);
        text.lines().map(|line| line.split('/').nth(2).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut orders = std::collections::HashSet::new();
    for network in 0..200_u32 {
        let address = |host: u32| IpAddr::from((0x5000_0000 | network << 8 | host).to_be_bytes());
        let order = hosts(address(1), "baseos", MIDNIGHT);
        for (host, second) in [(2, 0), (254, 1800), (9, TURN_SECONDS - 1)] {
            assert_eq!(hosts(address(host), "baseos", MIDNIGHT + second), order, "the same all over the hour");
            // Half of the mirrors have the other repo, and by another protocol: they come in the same order.
            let few = hosts(address(host), "some", MIDNIGHT + second);
            let expected: Vec<String> = order.iter().filter(|host| few.contains(host)).cloned().collect();
            assert_eq!(few, expected);
            assert!(few.len() < order.len() && few.len() > 1);
        }
        orders.insert(order);
    }
    assert!(orders.len() > 50, "{} orders of 200 networks", orders.len());
}
