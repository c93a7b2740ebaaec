//! How large is a snapshot, and how long do building, opening and checking it take?
//!
//! `cargo bench --bench snapshot` prints that for the shipped lists, and for an inventory of Fedora's size that is made
//! up: 1,000 mirrors, each with a part of 40 trees; 400 repos; 320 places, counting the fallback; both families; as
//! operators tell of it, and after a crawl that found some of it bad. Times
//! are the median and the best of a few rounds. What a build takes is mostly the ordering of mirrors, so the mirrors
//! lie in the countries as unevenly as they do: the k-th country has a share of 1/k.

mod dice;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use mirrorlistd::inventory::{
    self, Continent, Country, Distribution, Inventory, Kind, Mirror, Origin, Release, Repo, Status, Tree,
};
use mirrorlistd::net::{Family, Protocol};
use mirrorlistd::place::Code;
use mirrorlistd::plan::{self, Goods, Known};
use mirrorlistd::snapshot::View;
use mirrorlistd::sys::Map;
use mirrorlistd::verdicts::{Finding, MirrorId, RepoId, RepoKey, Standing, Subject};

use dice::Dice;

const MIRROR_COUNT: usize = 1000;
const TREE_COUNT: usize = 40;
const REPOS_PER_TREE: usize = 10;
const COUNTRY_COUNT: usize = 255;
/// Of one country, as the shipped table has them: with the countries and the fallback, 320 places.
const SUBDIVISION_COUNT: usize = 64;
const CONTINENTS: [Continent; 6] = [
    Continent::Africa,
    Continent::Asia,
    Continent::Europe,
    Continent::NorthAmerica,
    Continent::Oceania,
    Continent::SouthAmerica,
];
const BUILD_COUNT: usize = 3;
const ROUND_COUNT: usize = 15;

fn main() {
    let shipped = inventory::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/lists"))).expect("shipped lists");
    measure("shipped", &shipped.inventory, &Goods::unverified(&shipped.inventory));
    let mut dice = Dice(0x6d69_7272_6f72);
    let inventory = made_up(&mut dice);
    measure("Fedora's size", &inventory, &Goods::unverified(&inventory));
    measure("the same after a crawl", &inventory, &Goods::judged(&inventory, &crawled(&mut dice, &inventory)));
}

fn measure(name: &str, inventory: &Inventory, goods: &Goods) {
    let bytes = plan::build(inventory, goods).expect("build");
    let view = View::open(&bytes).expect("open");
    println!(
        "{name}: {} mirrors, {} repos, {} places, {} turns, {} lists, {} prefixes, {} runs of faults: {} bytes",
        view.mirror_count(),
        view.repo_count(),
        view.places().count() + 1,
        view.turn_count(),
        view.list_count(),
        view.network_count(),
        view.fault_count(),
        bytes.len()
    );
    time("build", BUILD_COUNT, || plan::build(inventory, goods).is_ok());
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    std::fs::write(file.path(), &bytes).expect("write");
    time("open", ROUND_COUNT, || View::open(Map::open(file.path()).expect("map")).is_ok());
    time("check", ROUND_COUNT, || view.check().is_ok());
}

fn time(what: &str, round_count: usize, mut round: impl FnMut() -> bool) {
    let mut rounds: Vec<Duration> = (0..round_count)
        .map(|_| {
            let begin = Instant::now();
            assert!(black_box(round()), "{what}");
            begin.elapsed()
        })
        .collect();
    rounds.sort_unstable();
    println!("    {what:6} {:12.4} ms  (best {:.4})", milliseconds(rounds[round_count / 2]), milliseconds(rounds[0]));
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn made_up(dice: &mut Dice) -> Inventory {
    let countries = countries(dice);
    let mirrors = (0..MIRROR_COUNT).map(|number| mirror(dice, number, &countries)).collect();
    let tree = |tree: usize| Tree { name: tree_name(tree), last_resort: Some(format!("https://last.example/{tree}/")) };
    let release = |tree: usize| Release {
        name: format!("{tree}.1"),
        aliases: vec![tree.to_string()],
        dir: format!("{tree}.1"),
        tree: tree_name(tree),
        arches: vec!["x86_64".to_owned()],
        vault: Vec::new(),
        sunset: None,
    };
    let repo = |number: usize| Repo {
        name: format!("repo-{number}"),
        path: format!("Repo{number}/{{arch}}/os"),
        tree: None,
        releases: vec![format!("{}.1", number / REPOS_PER_TREE)],
        arches: None,
        fedora_name: Some("{repo}-{release}".to_owned()),
    };
    let distribution = Distribution {
        name: "made-up".to_owned(),
        title: "Made up".to_owned(),
        protocols: vec![Protocol::Https, Protocol::Http],
        trees: (0..TREE_COUNT).map(tree).collect(),
        releases: (0..TREE_COUNT).map(release).collect(),
        repos: (0..TREE_COUNT * REPOS_PER_TREE).map(repo).collect(),
        images: Vec::new(),
        repo_aliases: Vec::new(),
        fedora_name: None,
    };
    Inventory { distributions: vec![distribution], mirrors, countries, ..Inventory::default() }
}

/// What a crawl of an hour ago knows: one mirror in twenty is away since some hour of the last thirty days, one in ten
/// is behind for a tenth of its repos, one in twenty lacks a tree, each over both families and by both protocols.
fn crawled(dice: &mut Dice, inventory: &Inventory) -> Known {
    const NOW: u64 = 1_795_000_000;
    let mut known = Known { verified_at: NOW, ..Known::default() };
    for repo in 0..TREE_COUNT * REPOS_PER_TREE {
        let release = format!("{}.1", repo / REPOS_PER_TREE);
        let key = RepoKey { release, arch: "x86_64".to_owned(), repo: format!("repo-{repo}") };
        known.repos.insert(key, RepoId(repo as u32));
        known.with_truth.insert(RepoId(repo as u32));
    }
    for (number, mirror) in inventory.mirrors.iter().enumerate() {
        let id = MirrorId(number as u32);
        known.mirrors.insert(mirror.name.clone(), id);
        let hours_ago = |dice: &mut Dice| NOW - 3600 * dice.below(30 * 24) as u64;
        let since = hours_ago(dice);
        let (kind, missing) = (dice.below(20), dice.below(TREE_COUNT));
        for repo in 0..TREE_COUNT * REPOS_PER_TREE {
            let tree = repo / REPOS_PER_TREE;
            if !mirror.base.contains_key(&tree_name(tree)) {
                continue;
            }
            let fault = match kind {
                0 => Some((Standing::Out, Finding::TimedOut, since)),
                1 | 2 if dice.below(10) == 0 => Some((Standing::Late, Finding::Behind, hours_ago(dice))),
                3 if tree == missing => Some((Standing::Out, Finding::Missing, since)),
                _ => None,
            };
            for &family in &mirror.families {
                for protocol in [Protocol::Http, Protocol::Https] {
                    let subject = Subject { mirror: id, repo: RepoId(repo as u32), family, protocol };
                    known.standings.insert(subject, fault.map_or(Standing::In, |fault| fault.0));
                    known.faults.extend(fault.map(|(_, finding, since)| (subject, (finding, since))));
                }
            }
        }
    }
    known
}

fn tree_name(tree: usize) -> String {
    format!("tree-{tree}")
}

fn countries(dice: &mut Dice) -> Vec<Country> {
    let letters = || (b'A'..=b'Z').map(char::from);
    let codes = letters().flat_map(|first| letters().map(move |second| format!("{first}{second}"))).take(COUNTRY_COUNT);
    let mut countries: Vec<Country> = codes
        .map(|code| Country {
            name: format!("Country {code}"),
            code: code.parse().expect("two letters"),
            continent: CONTINENTS[dice.below(CONTINENTS.len())],
            latitude: dice.share() * 130.0 - 55.0,
            longitude: dice.share() * 360.0 - 180.0,
            aliases: Vec::new(),
            subdivisions: BTreeMap::new(),
            nearby: None,
        })
        .collect();
    let first: Code = countries[0].code;
    let subdivision =
        |number: usize| (first.with_subdivision(&number.to_string()).expect("digits"), number.to_string());
    countries[0].subdivisions = (0..SUBDIVISION_COUNT).map(subdivision).collect();
    countries
}

fn mirror(dice: &mut Dice, number: usize, countries: &[Country]) -> Mirror {
    let shares: Vec<f64> = (1..=countries.len()).map(|rank| 1.0 / rank as f64).collect();
    let country = &countries[dice.weighted(&shares)];
    let subdivisions: Vec<Code> = country.subdivisions.keys().copied().collect();
    let place = if subdivisions.is_empty() { country.code } else { subdivisions[dice.below(subdivisions.len())] };
    let name = format!("mirror-{number}.example");
    // Everybody has the first tree; of the others most mirrors have some.
    let base = (0..TREE_COUNT).filter(|&tree| tree == 0 || dice.below(10) < 6).map(|tree| {
        let url = |protocol: Protocol| (protocol, format!("{protocol}://{name}/pub/linux/{}/", tree_name(tree)));
        (tree_name(tree), [Protocol::Http, Protocol::Https].map(url).into())
    });
    Mirror {
        base: base.collect(),
        place: Some(place),
        bandwidth_mbps: [100, 1000, 1000, 2000, 10_000, 20_000][dice.below(6)],
        tier: 1 + u8::from(dice.below(20) == 0),
        status: Status::Active,
        kind: Kind::Direct,
        listed: true,
        exclusive: false,
        networks: Vec::new(),
        asns: Vec::new(),
        cloud_regions: Vec::new(),
        families: if dice.below(3) == 0 { vec![Family::Ipv4] } else { Family::ALL.to_vec() },
        crawled: true,
        origin: Origin::default(),
        name,
    }
}
