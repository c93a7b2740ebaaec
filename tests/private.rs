//! Who is told of which mirrors: networks, autonomous systems and clouds against a model of their rules, in random
//! inventories with random verdicts. Above all: nobody is told of a mirror that is not for him.
//!
//! The model is written from the documentation (`docs/inventory.md`), not from the code.

mod stage;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ip_network::IpNetwork;
use mirrorlistd::answer::{Atlas, GeoBytes, Query};
use mirrorlistd::geoip::{Builder, Table};
use mirrorlistd::inventory::{self, Inventory};
use mirrorlistd::net::{Asn, Family, Protocol};
use mirrorlistd::plan::guard::{self, Minimums};
use mirrorlistd::plan::{self, Goods, Known};
use mirrorlistd::snapshot::{Generation, View};
use mirrorlistd::sys::Map;
use mirrorlistd::verdicts::{MirrorId, RepoId, RepoKey, Standing, Subject};
use proptest::prelude::*;

/// Networks that mirrors may serve: nested, side by side, and of both families.
const NETWORKS: [&str; 6] =
    ["10.0.0.0/16", "10.0.1.0/24", "10.0.1.128/25", "10.1.0.0/16", "2001:db8::/32", "2001:db8:1::/48"];
/// Regions of the cloud `c` and what they hold.
const REGIONS: [(&str, &str); 3] =
    [("r0", "10.0.0.0/20 2001:db8:1::/56"), ("r1", "10.0.1.0/26 172.16.0.0/16"), ("r2", "10.0.1.160/27")];
/// Clients inside and outside of all of these.
const CLIENTS: [&str; 14] = [
    "10.0.200.1",
    "10.0.2.1",
    "10.0.1.1",
    "10.0.1.70",
    "10.0.1.130",
    "10.0.1.165",
    "10.1.0.1",
    "172.16.0.1",
    "192.0.2.1",
    "198.51.100.1",
    "2001:db8::1",
    "2001:db8:1::1",
    "2001:db8:1:ff00::1",
    "2001:db9::1",
];
/// Networks of autonomous systems.
const SYSTEMS: [(&str, u8, u32); 4] =
    [("10.0.0.0", 17, 64_496), ("192.0.2.0", 24, 64_496), ("10.1.0.0", 16, 64_497), ("2001:db8::", 33, 64_497)];
const ASNS: [u32; 2] = [64_496, 64_497];
const LAST_RESORT: &str = "http://last/";

/// A mirror as the test makes it up.
#[derive(Clone, Debug)]
struct Made {
    listed: bool,
    exclusive: bool,
    crawled: bool,
    own: bool,
    /// Which of `NETWORKS`.
    networks: Vec<bool>,
    /// Which of `ASNS`.
    asns: Vec<bool>,
    /// The cloud as a whole, then which of `REGIONS`.
    regions: Vec<bool>,
    /// By family.
    standings: Vec<Standing>,
}

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.2)
}

fn made() -> impl Strategy<Value = Made> {
    let standing = prop::sample::select(vec![Standing::In, Standing::In, Standing::Late, Standing::Out]);
    let flags = (any::<bool>(), rarely(), prop::bool::weighted(0.8), rarely());
    let lists = (
        prop::collection::vec(rarely(), NETWORKS.len()),
        prop::collection::vec(rarely(), ASNS.len()),
        prop::collection::vec(rarely(), REGIONS.len() + 1),
        prop::collection::vec(standing, 2),
    );
    (flags, lists).prop_map(|((listed, exclusive, crawled, own), (networks, asns, regions, standings))| Made {
        listed,
        exclusive,
        crawled,
        own,
        networks,
        asns,
        regions,
        standings,
    })
}

/// What else there is: base URLs of the cloud and of each region, and whether the tree has a last resort.
type Setting = (usize, Vec<usize>, bool);

fn setting() -> impl Strategy<Value = Setting> {
    (0_usize..3, prop::collection::vec(0_usize..3, REGIONS.len()), any::<bool>())
}

fn chosen<'a, T>(all: &'a [T], flags: &'a [bool]) -> impl Iterator<Item = &'a T> {
    all.iter().zip(flags).filter(|(_, flag)| **flag).map(|(one, _)| one)
}

fn bases(owner: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("http://{owner}-{number}/")).collect()
}

fn inventory(mirrors: &[Made], (cloud, regions, last_resort): &Setting) -> Inventory {
    let mut text = String::from(
        "[[distribution]]\nname = 'd'\n[[release]]\nname = '9'\narches = ['x86_64']\n\
         [[repo]]\nname = 'baseos'\npath = 'os'\n\
         [[country]]\ncode = 'DE'\nname = 'Germany'\ncontinent = 'europe'\nlatitude = 51\nlongitude = 10\n\
         [[tree]]\nname = 't'\n",
    );
    if *last_resort {
        text += &format!("last_resort = '{LAST_RESORT}'\n");
    }
    text += &format!("[[cloud]]\nname = 'c'\nbase.t = {:?}\n", bases("c", *cloud));
    for ((name, prefixes), count) in REGIONS.iter().zip(regions) {
        let base = bases(name, *count);
        text += &format!(
            "[[cloud_region]]\ncloud = 'c'\nname = '{name}'\nbase.t = {base:?}\nprefixes = \"\"\"{prefixes}\"\"\"\n"
        );
    }
    for (number, mirror) in mirrors.iter().enumerate() {
        let networks: Vec<_> = chosen(&NETWORKS, &mirror.networks).collect();
        let asns: Vec<_> = chosen(&ASNS, &mirror.asns).collect();
        let names = ["c", "c/r0", "c/r1", "c/r2"];
        let regions: Vec<_> = chosen(&names, &mirror.regions).collect();
        let kind = if mirror.own { "own" } else { "direct" };
        text += &format!(
            "[[mirror]]\nname = 'm{number}'\nbase.t.http = 'http://m{number}/'\ncountry = 'DE'\nkind = '{kind}'\n\
             listed = {}\nexclusive = {}\ncrawled = {}\nnetworks = {networks:?}\nasns = {asns:?}\n\
             cloud_regions = {regions:?}\n",
            mirror.listed, mirror.exclusive, mirror.crawled
        );
    }
    let reading = inventory::read_text(&[("lists.toml".into(), text)]);
    assert!(reading.problems.is_empty(), "{:?}", reading.problems);
    reading.inventory
}

fn view(inventory: &Inventory, goods: &Goods) -> View<Map> {
    let view = View::open(Map::copy(&plan::build(inventory, goods).unwrap()).unwrap()).unwrap();
    view.check().unwrap();
    view
}

/// Verdicts as made up. With a snapshot before in which everybody was public and good, so that the guard keeps some.
fn goods(mirrors: &[Made], setting: &Setting, inventory: &Inventory) -> Goods {
    let key = RepoKey { release: "9".into(), arch: "x86_64".into(), repo: "baseos".into() };
    let mut known = Known::default();
    known.repos.insert(key, RepoId(1));
    known.with_truth.insert(RepoId(1));
    for (number, mirror) in (1..).zip(mirrors) {
        known.mirrors.insert(format!("m{}", number - 1), MirrorId(number));
        for (family, &standing) in Family::ALL.into_iter().zip(&mirror.standings) {
            let (mirror, repo, protocol) = (MirrorId(number), RepoId(1), Protocol::Http);
            known.standings.insert(Subject { mirror, repo, family, protocol }, standing);
        }
    }
    let all_public: Vec<Made> = mirrors.iter().map(|mirror| Made { listed: true, ..mirror.clone() }).collect();
    let before = self::inventory(&all_public, setting);
    let before = view(&before, &Goods::unverified(&before));
    let minimums = Minimums { mirror_count: 3, repo_count: 1 };
    guard::decide(Some(&before), inventory, Goods::judged(inventory, &known), &minimums, None).goods
}

fn atlas(inventory: &Inventory, goods: &Goods) -> Atlas {
    let mut systems = Builder::<Asn>::default();
    for (address, bits, asn) in SYSTEMS {
        systems.add_prefix(address.parse().unwrap(), bits, Some(Asn(asn))).unwrap();
    }
    let systems = GeoBytes::Mapped(Map::copy(&systems.finish("", "").unwrap()).unwrap());
    let geo = include_bytes!("../lists/geoip/country.table");
    let geo = Arc::new(Table::open(GeoBytes::Embedded(geo)).unwrap());
    let atlas = Atlas::new(Generation::default(), view(inventory, goods), geo);
    atlas.with_asns(Some(Arc::new(Table::open_labelled(systems).unwrap())))
}

fn holds(prefix: &str, client: IpAddr) -> Option<u8> {
    let network: IpNetwork = prefix.parse().unwrap();
    network.contains(client).then(|| network.netmask())
}

/// What one step on the way to the public list names, and whether it is all there is when somebody of it is good.
type Step = (Vec<String>, bool);

/// The steps for a client, by the rules.
fn steps(mirrors: &[Made], (cloud, regions, _): &Setting, client: IpAddr) -> Vec<Step> {
    let url = |number: usize| format!("http://m{number}/");
    let private = |of: &dyn Fn(&Made) -> bool| -> Option<Step> {
        let all: Vec<usize> = (0..mirrors.len()).filter(|&at| of(&mirrors[at])).collect();
        let exclusive: Vec<usize> = all.iter().copied().filter(|&at| mirrors[at].exclusive).collect();
        match (all.is_empty(), exclusive.is_empty()) {
            (true, _) => None,
            (false, true) => Some((all.into_iter().map(url).collect(), false)),
            (false, false) => Some((exclusive.into_iter().map(url).collect(), true)),
        }
    };
    // Longest first; in one network private mirrors before the cloud.
    let mut found: Vec<(u8, u8, Step)> = Vec::new();
    for (at, prefix) in NETWORKS.iter().enumerate() {
        let Some(bits) = holds(prefix, client) else { continue };
        found.extend(private(&|mirror| mirror.networks[at]).map(|step| (bits, 1, step)));
    }
    let mut inner: Option<(u8, usize)> = None;
    for (region, (_, prefixes)) in REGIONS.iter().enumerate() {
        for bits in prefixes.split(' ').filter_map(|prefix| holds(prefix, client)) {
            inner = inner.max(Some((bits, region)));
        }
    }
    if let Some((bits, region)) = inner {
        let mut urls = bases(REGIONS[region].0, regions[region]);
        urls.extend((0..mirrors.len()).filter(|&at| mirrors[at].regions[region + 1]).map(url));
        urls.extend(bases("c", *cloud));
        urls.extend((0..mirrors.len()).filter(|&at| mirrors[at].regions[0]).map(url));
        found.push((bits, 0, (urls, true)));
    }
    found.sort_by_key(|(bits, kind, _)| std::cmp::Reverse((*bits, *kind)));
    let mut steps: Vec<Step> = found.into_iter().map(|(_, _, step)| step).collect();
    let system = SYSTEMS.iter().find(|(address, bits, _)| holds(&format!("{address}/{bits}"), client).is_some());
    if let Some(at) = system.and_then(|(_, _, asn)| ASNS.iter().position(|one| one == asn)) {
        steps.extend(private(&|mirror| mirror.asns[at]));
    }
    steps
}

/// What a client gets before the public list, and whether the public list follows.
fn before_public(mirrors: &[Made], steps: &[Step], family: Family) -> (Vec<String>, bool) {
    let good: HashMap<String, bool> = mirrors
        .iter()
        .enumerate()
        .map(|(at, one)| {
            let is_in = one.standings[family as usize] == Standing::In;
            (format!("http://m{at}/"), is_in || !one.crawled)
        })
        .collect();
    let mut urls: Vec<String> = Vec::new();
    for (step, ends) in steps {
        let usable: Vec<&String> = step.iter().filter(|url| good.get(*url).copied().unwrap_or(true)).collect();
        for url in &usable {
            if !urls.contains(url) {
                urls.push((*url).clone());
            }
        }
        if *ends && !usable.is_empty() {
            return (urls, false);
        }
    }
    (urls, true)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_told_of_a_mirror_that_is_not_for_him(
        mirrors in prop::collection::vec(made(), 0..10), setting in setting(), cap in 1_usize..8,
    ) {
        let inventory = inventory(&mirrors, &setting);
        let atlas = atlas(&inventory, &goods(&mirrors, &setting, &inventory));
        for client in CLIENTS.map(|text| text.parse::<IpAddr>().unwrap()) {
            let steps = steps(&mirrors, &setting, client);
            for (cc, hour) in [("", 0), ("de", 1), ("US-TX", 2), ("nowhere", 3)] {
                let query = Query::of("9", "x86_64", "baseos", cc);
                let told = |cap| {
                    let text = stage::listing(&atlas, query, client, hour * 3600, cap);
                    text.lines().map(|line| line.strip_suffix("9/os/").unwrap().to_owned()).collect::<Vec<_>>()
                };
                let all = told(64);
                let family = Family::of(client);
                let (first, goes_on) = before_public(&mirrors, &steps, family);
                let is_public = |url: &String| {
                    let is_listed = |at: usize| mirrors[at].listed && *url == format!("http://m{at}/");
                    url == LAST_RESORT || (0..mirrors.len()).any(is_listed)
                };
                if all.starts_with(&first) && (goes_on || all.len() == first.len()) {
                    let leaked: Vec<&String> = all[first.len()..].iter().filter(|url| !is_public(url)).collect();
                    let other = before_public(&mirrors, &steps, family.other()).0;
                    let from_other = first.is_empty() && leaked.iter().all(|url| other.contains(url));
                    prop_assert!(leaked.is_empty() || from_other, "{client} {cc}: told of {leaked:?} in {all:?}");
                } else {
                    prop_assert!(false, "{client} {cc}: {first:?} should lead, {all:?} are told");
                }
                let mut once = all.clone();
                once.sort();
                once.dedup();
                prop_assert_eq!(once.len(), all.len(), "{} is told twice of a mirror", client);
                let few = told(cap);
                prop_assert_eq!(&few[..], &all[..all.len().min(cap)], "the first of the same");
            }
        }
    }
}
