//! What a plan made of an inventory answers, seen through the snapshot it builds.

use std::collections::BTreeMap;

use ip_network::IpNetwork;

use super::{Goods, build};
use crate::inventory::*;
use crate::net::{Asn, Family, Protocol};
use crate::place::Code;
use crate::snapshot::{Ending, Evidence, MirrorIndex, Row, Target, View};

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

fn country(text: &str, continent: Continent, latitude: f64, longitude: f64) -> Country {
    Country {
        code: code(text),
        name: text.to_owned(),
        continent,
        latitude,
        longitude,
        aliases: Vec::new(),
        subdivisions: BTreeMap::new(),
        nearby: None,
    }
}

pub(super) fn mirror(name: &str, place: Option<&str>) -> Mirror {
    let urls = BTreeMap::from([(Protocol::Http, format!("http://{name}/"))]);
    Mirror {
        name: name.to_owned(),
        base: BTreeMap::from([("main".to_owned(), urls)]),
        place: place.map(code),
        bandwidth_mbps: 1000,
        tier: 1,
        status: Status::Active,
        kind: Kind::Direct,
        listed: true,
        exclusive: false,
        networks: Vec::new(),
        asns: Vec::new(),
        cloud_regions: Vec::new(),
        families: Family::ALL.to_vec(),
        crawled: true,
        origin: Origin::default(),
    }
}

pub(super) fn inventory(mirrors: Vec<Mirror>) -> Inventory {
    let mut states = country("US", Continent::NorthAmerica, 39.8, -98.6);
    states.subdivisions = [("US-TX", "Texas"), ("US-NY", "New York")].map(|(a, b)| (code(a), b.to_owned())).into();
    Inventory {
        distributions: vec![Distribution {
            name: "d".into(),
            title: "D".into(),
            protocols: vec![Protocol::Https, Protocol::Http],
            trees: vec![Tree { name: "main".into(), last_resort: Some("http://last/".into()) }],
            releases: vec![Release {
                name: "9.8".into(),
                aliases: vec!["9".into()],
                dir: "9.8".into(),
                tree: "main".into(),
                arches: vec!["x86_64".into(), "aarch64".into()],
                vault: Vec::new(),
                sunset: None,
            }],
            repos: vec![Repo {
                name: "baseos".into(),
                path: "BaseOS/{arch}/os".into(),
                tree: None,
                releases: vec!["9.8".into()],
                arches: None,
                fedora_name: Some("{repo}-{release}".into()),
            }],
            images: Vec::new(),
            repo_aliases: vec![RepoAlias { from: "core-9".into(), to: "baseos-9".into() }],
            fedora_name: None,
        }],
        mirrors,
        clouds: Vec::new(),
        countries: vec![
            country("DE", Continent::Europe, 51.0, 10.0),
            country("FR", Continent::Europe, 46.0, 2.0),
            country("PT", Continent::Europe, 39.5, -8.0),
            country("JP", Continent::Asia, 36.0, 138.0),
            states,
        ],
        networks: Vec::new(),
    }
}

fn view(inventory: &Inventory) -> View<Vec<u8>> {
    let view = View::open(build(inventory, &Goods::unverified(inventory)).unwrap()).unwrap();
    view.check().unwrap();
    view
}

/// Names of the mirrors for a place (`None`: the fallback) in one turn, the good ones only.
fn names(view: &View<Vec<u8>>, place: Option<&str>, turn: usize) -> Vec<String> {
    let place = place.map_or(crate::snapshot::PlaceIndex::FALLBACK, |text| view.place(code(text)).unwrap());
    row(view, Row::Place(place), turn)
}

fn row(view: &View<Vec<u8>>, row: Row, turn: usize) -> Vec<String> {
    let repo = view.repo(view.find(b"9", b"x86_64", b"baseos").unwrap()).unwrap();
    let serving = view.serving(&repo, Family::Ipv4);
    let good = view.candidates(&repo, Family::Ipv4, row, turn).filter(|&index| serving.base(index).is_some());
    good.map(|index| view.mirror(index).unwrap().name.to_owned()).collect()
}

#[test]
fn the_same_inventory_gives_the_same_bytes() {
    let inventory = inventory((0..50).map(|at| mirror(&format!("m{at}"), Some("DE"))).collect());
    let built = || build(&inventory, &Goods::unverified(&inventory)).unwrap();
    assert_eq!(built(), built());
    assert_eq!(view(&inventory).evidence(), Evidence::Unverified);
}

#[test]
fn near_mirrors_come_first() {
    let mut own = mirror("own", Some("DE"));
    own.kind = Kind::Own;
    let view = view(&inventory(vec![
        mirror("japan", Some("JP")),
        mirror("texas", Some("US-TX")),
        mirror("states", Some("US")),
        own,
        mirror("anycast", None),
        mirror("portugal", Some("PT")),
        mirror("france", Some("FR")),
        mirror("germany", Some("DE")),
    ]));
    for turn in 0..super::TURN_COUNT {
        assert_eq!(names(&view, Some("DE"), turn)[..3], ["germany", "france", "portugal"], "turn {turn}");
        assert_eq!(names(&view, Some("US-TX"), turn)[..2], ["texas", "states"]);
        assert_eq!(names(&view, Some("US-NY"), turn).len(), 8, "everybody is there, each once");
    }
    let leaders: std::collections::BTreeSet<String> =
        (0..super::TURN_COUNT).map(|turn| names(&view, Some("US-NY"), turn)[0].clone()).collect();
    assert_eq!(leaders, ["states", "texas"].map(String::from).into(), "a state without mirrors shares its country's");
    assert_eq!(names(&view, None, 0).last().unwrap(), "own", "the project's own server is last");
}

#[test]
fn a_higher_tier_serves_its_own_country_first() {
    let mut small = mirror("small", Some("FR"));
    small.tier = 2;
    let view = view(&inventory(vec![small, mirror("japan", Some("JP"))]));
    assert_eq!(names(&view, Some("FR"), 0), ["small", "japan"]);
    assert_eq!(names(&view, Some("DE"), 0), ["japan", "small"]);
}

#[test]
fn the_fallback_begins_with_one_of_each_continent() {
    let mut mirrors: Vec<Mirror> = (0..20).map(|at| mirror(&format!("de{at}"), Some("DE"))).collect();
    mirrors.extend([mirror("jp", Some("JP")), mirror("us", Some("US"))]);
    let view = view(&inventory(mirrors));
    for turn in 0..super::TURN_COUNT {
        let first = &names(&view, None, turn)[..3];
        assert!(first.contains(&"jp".into()) && first.contains(&"us".into()), "turn {turn}: {first:?}");
    }
}

#[test]
fn only_active_and_listed_mirrors_are_listed() {
    let mut mirrors = vec![mirror("good", Some("DE"))];
    for status in [Status::Disabled, Status::Dead, Status::Master] {
        mirrors.push(Mirror { status, ..mirror(&format!("{status:?}"), Some("DE")) });
    }
    mirrors.push(Mirror { listed: false, ..mirror("hidden", Some("DE")) });
    assert_eq!(names(&view(&inventory(mirrors)), Some("DE"), 0), ["good"]);
}

#[test]
fn a_family_gets_only_its_mirrors() {
    let four = Mirror { families: vec![Family::Ipv4], ..mirror("four", Some("DE")) };
    let view = view(&inventory(vec![four, mirror("both", Some("DE"))]));
    let repo = view.repo(view.find(b"9.8", b"aarch64", b"baseos").unwrap()).unwrap();
    let good = |family| {
        let serving = view.serving(&repo, family);
        (0..2).filter(|&at| serving.base(MirrorIndex(at)).is_some()).count()
    };
    assert_eq!((good(Family::Ipv4), good(Family::Ipv6)), (2, 1));
}

#[test]
fn many_mirrors_are_all_reachable_behind_the_head() {
    let mirrors = (0..200).map(|at| mirror(&format!("m{at}"), Some("DE"))).collect();
    let view = view(&inventory(mirrors));
    for turn in [0, 17, 127] {
        let mut all = names(&view, Some("DE"), turn);
        assert_eq!(all.len(), 200);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 200, "no mirror twice");
    }
}

#[test]
fn clouds_and_private_networks_are_groups() {
    let aws = |region: Option<&str>| vec![("aws".to_owned(), region.map(str::to_owned))];
    let mut inventory = inventory(vec![
        mirror("public", Some("DE")),
        Mirror { listed: false, cloud_regions: aws(None), ..mirror("all-of-aws", None) },
        Mirror { listed: false, cloud_regions: aws(Some("eu")), ..mirror("aws-eu", None) },
        Mirror { listed: false, networks: vec!["10.1.0.0/16".parse().unwrap()], ..mirror("campus", None) },
        Mirror {
            listed: false,
            exclusive: true,
            networks: vec!["10.1.2.0/24".parse().unwrap()],
            ..mirror("vault", None)
        },
    ]);
    let region = |name: &str, base: &[&str], prefixes: &[&str]| CloudRegion {
        name: name.to_owned(),
        base: BTreeMap::from([("main".to_owned(), base.iter().map(|url| (*url).to_owned()).collect())]),
        prefixes: prefixes.iter().map(|text| text.parse().unwrap()).collect(),
    };
    inventory.clouds = vec![
        Cloud {
            name: "aws".into(),
            base: BTreeMap::new(),
            regions: vec![region("eu", &["http://eu.internal/"], &["10.0.0.0/8"]), region("us", &[], &["11.0.0.0/8"])],
        },
        Cloud { name: "bare".into(), base: BTreeMap::new(), regions: vec![region("x", &[], &["12.0.0.0/8"])] },
    ];
    inventory.networks = vec![NetworkPlace { prefixes: vec!["192.0.2.0/24".parse().unwrap()], place: code("US-TX") }];
    let view = view(&inventory);
    let group = |prefix: &str| {
        let found = view.networks().find(|network| network.prefix == prefix.parse::<IpNetwork>().unwrap()).unwrap();
        let Target::Group(group) = found.target else { panic!("{prefix} is a place") };
        let (name, ending) = view.group(group).unwrap();
        (name.to_owned(), ending, row(&view, Row::Group(group), 5))
    };
    let expect = |prefix: &str, name: &str, ending, mirrors: &[&str]| {
        let mirrors: Vec<String> = mirrors.iter().map(|one| (*one).to_owned()).collect();
        assert_eq!(group(prefix), (name.to_owned(), ending, mirrors));
    };
    expect("10.0.0.0/8", "cloud aws/eu", Ending::Alone, &["aws/eu #1", "aws-eu", "all-of-aws"]);
    expect("11.0.0.0/8", "cloud aws/us", Ending::Alone, &["all-of-aws"]);
    expect("12.0.0.0/8", "cloud bare/x", Ending::ThenPlace, &[]);
    expect("10.1.0.0/16", "network of campus", Ending::ThenPlace, &["campus"]);
    let around = |prefix: &str| {
        let found = view.networks().find(|network| network.prefix == prefix.parse::<IpNetwork>().unwrap()).unwrap();
        let Target::Group(group) = found.target else { panic!("{prefix} is a place") };
        view.groups_around(group).map(|group| view.group(group).unwrap().0).collect::<Vec<_>>()
    };
    assert_eq!(around("10.1.2.0/24"), ["exclusive network of vault", "network of campus", "cloud aws/eu"]);
    assert_eq!(around("10.1.0.0/16"), ["network of campus", "cloud aws/eu"]);
    expect("10.1.2.0/24", "exclusive network of vault", Ending::Alone, &["vault"]);
    let told = view.networks().find(|network| network.prefix == "192.0.2.0/24".parse::<IpNetwork>().unwrap()).unwrap();
    assert_eq!(told.target, Target::Place(view.place(code("US-TX")).unwrap()));
    assert_eq!(names(&view, Some("DE"), 0), ["public"], "nobody else is told of them");
}

#[test]
fn repos_are_found_by_release_and_alias() {
    let view = view(&inventory(vec![mirror("m", Some("DE"))]));
    let found = view.find(b"9", b"x86_64", b"baseos").unwrap();
    assert_eq!(view.find(b"9.8", b"x86_64", b"baseos"), Some(found));
    assert_eq!(view.repo(found).unwrap().suffix, b"9.8/BaseOS/x86_64/os/");
    for (release, arch, repo) in
        [("8", "x86_64", "baseos"), ("9", "sparc", "baseos"), ("9", "x86_64", "x"), ("", "", "")]
    {
        assert_eq!(view.find(release.as_bytes(), arch.as_bytes(), repo.as_bytes()), None);
    }
    assert_eq!(view.find(&[b'9'; 4000], b"x86_64", b"baseos"), None);
    assert_eq!(view.keys().len(), 4);
    let last_resort = view.last_resort(view.repo(found).unwrap().tree).map(|url| view.url(url));
    assert_eq!(last_resort, Some(&b"http://last/"[..]));
}

#[test]
fn repos_have_single_names_and_paths() {
    let view = view(&inventory(vec![mirror("m", Some("DE"))]));
    let found = view.find(b"9.8", b"x86_64", b"baseos").unwrap();
    for name in ["baseos-9", "baseos-9.8", "BaseOS-9", "core-9"] {
        assert_eq!(view.find_named(name.as_bytes(), b"x86_64"), Some(found), "{name}");
        assert_ne!(view.find_named(name.as_bytes(), b"aarch64"), Some(found), "{name}");
    }
    for path in ["main/9.8/BaseOS/x86_64/os", "main/9/BaseOS/x86_64/os"] {
        assert_eq!(view.find_path(path.as_bytes()), Some(found), "{path}");
    }
    let long = "x".repeat(1000);
    for name in ["", "baseos", "core-9.8", "baseos-9\0x86_64", "\0main/9.8/BaseOS/x86_64/os", &long] {
        assert_eq!(view.find_named(name.as_bytes(), b"x86_64"), None, "{name}");
        assert_eq!(view.find_path(name.as_bytes()), None, "{name}");
    }
    assert_eq!(view.find_named(b"baseos-9", b""), None);
    let names: Vec<&str> = view.names().into_iter().filter(|(_, arch)| *arch == "x86_64").map(|one| one.0).collect();
    assert_eq!(names, ["baseos-9", "baseos-9.8", "core-9"]);
    assert!(view.revisions(found).is_empty());
    let (de, us) = (view.place(code("DE")).unwrap(), view.place(code("US-TX")).unwrap());
    assert_eq!((view.country_of_place(de), view.country_of_place(us)), (Some(*b"DE"), Some(*b"US")));
    assert_ne!(view.continent_of_place(de), view.continent_of_place(us));
    assert_eq!(view.continent_of_place(de), view.continent_of_place(view.place(code("PT")).unwrap()));
}

#[test]
fn autonomous_systems_are_groups() {
    let view = view(&inventory(vec![
        mirror("public", Some("DE")),
        Mirror { asns: vec![64_496, 64_497], ..mirror("both", Some("DE")) },
        Mirror { asns: vec![64_497], listed: false, ..mirror("one", None) },
        Mirror { asns: vec![64_498], exclusive: true, ..mirror("alone", None) },
        Mirror { asns: vec![64_499], status: Status::Disabled, ..mirror("away", None) },
    ]));
    let told: Vec<_> = view
        .asns()
        .map(|(asn, group)| {
            let (name, ending) = view.group(group).unwrap();
            (asn.0, name, ending, row(&view, Row::Group(group), 0))
        })
        .collect();
    let names = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        told,
        [
            (64_496, "AS64496 of both", Ending::ThenPlace, names(&["both"])),
            (64_497, "AS64497 of both", Ending::ThenPlace, names(&["both", "one"])),
            (64_498, "exclusive AS64498 of alone", Ending::Alone, names(&["alone"])),
        ]
    );
    assert_eq!(view.asn_group(Asn(64_499)), None);
}

#[test]
fn a_release_at_its_end_names_its_vault_for_everybody() {
    let mut inventory = inventory(vec![
        mirror("public", Some("DE")),
        Mirror { networks: vec!["10.1.0.0/16".parse().unwrap()], exclusive: true, ..mirror("campus", None) },
    ]);
    let distribution = &mut inventory.distributions[0];
    let old = Release {
        name: "8.4".into(),
        aliases: vec![],
        dir: "8.4".into(),
        vault: vec!["http://b/vault/".into(), "https://a/".into()],
        sunset: Some("8.4 has ended".into()),
        ..distribution.releases[0].clone()
    };
    distribution.releases.push(old);
    distribution.repos[0].releases.push("8.4".into());
    let view = view(&inventory);
    let index = view.find(b"8.4", b"aarch64", b"baseos").unwrap();
    assert_eq!(view.comment(index), Some(&b"8.4 has ended"[..]));
    assert_eq!(view.comment(view.find(b"9", b"aarch64", b"baseos").unwrap()), None);
    let repo = view.repo(index).unwrap();
    let Target::Group(group) = view.networks().next().unwrap().target else { panic!("no group") };
    for row in [Row::Group(group), Row::Place(view.place(code("DE")).unwrap())] {
        for family in Family::ALL {
            let named: Vec<&[u8]> = view.named(&repo, family, row, 77).map(|(_, base)| base).collect();
            assert_eq!(named, [&b"http://b/vault/"[..], b"https://a/"], "{row:?} {family}");
        }
    }
    assert_eq!(
        names(&view, Some("DE"), 0),
        ["public", "campus"].map(String::from),
        "the other release has its mirrors"
    );
    let goods = Goods::unverified(&inventory);
    assert!(goods.repos.keys().all(|key| key.release == "9.8"), "nobody judges what is in a vault");
}
