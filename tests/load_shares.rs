//! Whether mirrors are named first as often as their weights say, over a day of a country's clients.
//!
//! Lives here: the whole way from an inventory to the first line of answers. Not here: a single turn's order (`turn`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use mirrorlistd::answer::{Answer, Ask, Atlas, Endpoint, GeoBytes, List, Query, Rules};
use mirrorlistd::geoip::Table;
use mirrorlistd::inventory::{self, Inventory};
use mirrorlistd::plan::{self, Goods};
use mirrorlistd::snapshot::{Generation, View};
use mirrorlistd::sys::Map;
use mirrorlistd::turn::TURN_SECONDS;

/// Networks of clients: a /24 or /48 each, whose machines all get the same order.
const NETWORK_COUNT: u32 = 4000;
/// Some midnight.
const MIDNIGHT: u64 = 1_795_046_400;
/// How far a mirror's share of first places may be from its share of the weight: a turn is 1/64, and the clients of a
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
         [[repo]]\nname = 'extras'\npath = 'extras/{arch}/os'\n",
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
