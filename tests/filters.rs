//! Filters are obeyed whatever inventory, client and dialect there is: what they promise is held against the inventory.

mod stage;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use mirrorlistd::answer::{
    Answer, Ask, Atlas, Endpoint, Filter, Form, GeoBytes, Kind, List, Order, Outcome, Pick, Query, Rules, Whereabouts,
    Wish,
};
use mirrorlistd::geoip::Table;
use mirrorlistd::inventory::{Inventory, Mirror, read_text};
use mirrorlistd::net::{Family, Protocol};
use mirrorlistd::plan::{self, Goods};
use mirrorlistd::snapshot::{Generation, View};
use mirrorlistd::sys::Map;
use proptest::prelude::*;
use stage::client_of;

const COUNTRIES: [&str; 6] = ["DE", "AT", "FR", "US", "JP", ""];
/// Networks that private mirrors serve, and a client in each; the last client is in none.
const NETWORKS: [&str; 2] = ["198.51.100.0/26", "198.18.2.0/24"];

/// A mirror that is made up: country, protocols, families, AS number, whether it is private and exclusive.
type Made = (usize, u8, u8, u32, Option<(usize, bool)>);

fn made() -> impl Strategy<Value = Made> {
    let private = proptest::option::weighted(0.2, (0..NETWORKS.len(), any::<bool>()));
    (0..COUNTRIES.len(), 1..4_u8, 1..4_u8, 1..4_u32, private)
}

fn inventory(made: &[Made]) -> Inventory {
    let mut text = include_str!("lists/world.toml").to_owned();
    text.push_str(
        "[[distribution]]\nname = \"d\"\nfedora_name = \"{repo}-{release}\"\n[[tree]]\nname = \"d\"\n\
         [[release]]\nname = \"9\"\narches = [\"x86_64\"]\n[[repo]]\nname = \"os\"\npath = \"os\"\n",
    );
    for (at, &(country, protocols, families, asn, private)) in made.iter().enumerate() {
        text.push_str(&format!("[[mirror]]\nname = \"m{at}.example\"\nasns = [{asn}]\n"));
        for (bit, protocol) in ["http", "https"].iter().enumerate() {
            if protocols >> bit & 1 == 1 {
                text.push_str(&format!("base.d.{protocol} = \"{protocol}://m{at}.example/\"\n"));
            }
        }
        if !COUNTRIES[country].is_empty() {
            text.push_str(&format!("country = \"{}\"\n", COUNTRIES[country]));
        }
        let families: Vec<&str> = ["'ipv4'", "'ipv6'"]
            .into_iter()
            .enumerate()
            .filter(|(bit, _)| families >> bit & 1 == 1)
            .map(|one| one.1)
            .collect();
        text.push_str(&format!("families = [{}]\n", families.join(",")));
        if let Some((network, exclusive)) = private {
            let network = NETWORKS[network];
            text.push_str(&format!("listed = false\nexclusive = {exclusive}\nnetworks = [\"{network}\"]\n"));
        }
    }
    let reading = read_text(&[(PathBuf::from("a.toml"), text)]);
    assert_eq!(reading.problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    reading.inventory
}

fn atlas(inventory: &Inventory) -> Atlas {
    let bytes = plan::build(inventory, &Goods::unverified(inventory)).unwrap();
    let view = View::open(Map::copy(&bytes).unwrap()).unwrap();
    view.check().unwrap();
    let geo = GeoBytes::Mapped(Map::copy(&stage::geo_table()).unwrap());
    Atlas::new(Generation::default(), view, Arc::new(Table::open(geo).unwrap()))
}

/// Some filters: what follows the parameters that name a repo.
fn filters() -> impl Strategy<Value = String> {
    let some = |name: &'static str, values: &'static [&'static str]| {
        let chosen = proptest::collection::vec(proptest::sample::select(values), 1..4);
        proptest::option::of(chosen.prop_map(move |values| format!("&{name}={}", values.join(","))))
    };
    let one = |name: &'static str, values: &'static [&'static str]| {
        proptest::option::of(proptest::sample::select(values).prop_map(move |value| format!("&{name}={value}")))
    };
    (
        some("protocol", &["http", "https", "rsync", "x"]),
        some("country", &["de", "FR", "us", "nz", "q", "global"]),
        some("exclude", &["m0.example", "M1.EXAMPLE", "as2", "AS3", "de", "JP", "?"]),
        one("family", &["4", "6", "any", "5"]),
        one("limit", &["1", "3", "0", "-1"]),
    )
        .prop_map(|(a, b, c, d, e)| [a, b, c, d, e].into_iter().flatten().collect())
}

/// What a filter says of a mirror, and of the protocol it was taken by, in the test's own words.
fn obeys(kind: Kind, text: &str, mirror: &Mirror, protocol: Protocol, own: Family) -> bool {
    let values: BTreeMap<&str, &str> = text.split('&').filter_map(|part| part.split_once('=')).collect();
    let country = mirror.place.map(|place| place.country().to_string()).unwrap_or_default();
    let mut items = values.get(kind.name()).into_iter().flat_map(|list| list.split(','));
    match kind {
        Kind::Protocol => items.any(|item| item == protocol.name()),
        Kind::Country => items.any(|item| item == "global" || item.eq_ignore_ascii_case(&country)),
        Kind::Exclude => !items.any(|item| {
            item.eq_ignore_ascii_case(&mirror.name)
                || item.eq_ignore_ascii_case(&country)
                || mirror.asns.iter().any(|asn| item.eq_ignore_ascii_case(&format!("as{asn}")))
        }),
        Kind::Family => items.any(|item| match item {
            "4" => mirror.families.contains(&Family::Ipv4),
            "6" => mirror.families.contains(&Family::Ipv6),
            "any" => mirror.families.contains(&own) || mirror.families.contains(&own.other()),
            _ => false,
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn every_filter_is_obeyed_or_told(
        made in proptest::collection::vec(made(), 1..16),
        text in filters(),
        place in proptest::sample::select(&[("DE", 4), ("JP", 4), ("US-TX", 4), ("DE", 6), ("nowhere", 4)][..]),
        is_fedora: bool,
        turn in 0..64_usize,
    ) {
        let inventory = inventory(&made);
        let atlas = atlas(&inventory);
        let view = atlas.view();
        let client: IpAddr = client_of(place.0, place.1).parse().unwrap();
        let own = Family::of(client);
        let mut decoded = Vec::new();
        let query = Query::parse(text.as_bytes(), &mut decoded);
        let filter = Filter::of(&query, own);
        let whereabouts = Whereabouts::find(&atlas, client, b"");
        let repo = view.repo(view.find(b"9", b"x86_64", b"os").unwrap()).unwrap();
        let order = if is_fedora { Order::Rings { count_min: 5 } } else { Order::Place };
        let count_max = 10;
        let wish = Wish { repo: &repo, family: own, whereabouts: &whereabouts, turn, order, count_max, filter: None };
        let (mut plain, mut list) = (List::default(), List::default());
        plain.choose(view, &wish);
        list.choose(view, &Wish { filter: filter.as_ref(), ..wish });

        let by_name = |pick: &Pick| {
            let name = view.mirror(pick.mirror.unwrap()).unwrap().name;
            inventory.mirrors.iter().find(|mirror| mirror.name == name).unwrap()
        };
        let named: Vec<&str> = list.picks().iter().map(|pick| by_name(pick).name.as_str()).collect();
        for (at, name) in named.iter().enumerate() {
            prop_assert!(!named[..at].contains(name), "{} twice in {:?}", name, named);
        }
        for mirror in list.picks().iter().chain(plain.picks()).map(by_name) {
            let serves = mirror.networks.iter().any(|network| network.contains(client));
            prop_assert!(mirror.listed || serves, "{} leaks to {}", mirror.name, client);
        }
        prop_assert!(plain.dropped().is_empty());
        let has_plain = !plain.picks().is_empty();
        prop_assert!(!has_plain || !list.picks().is_empty(), "`{}` leaves nothing", text);
        let Some(filter) = filter else {
            prop_assert_eq!(named, plain.picks().iter().map(|pick| by_name(pick).name.as_str()).collect::<Vec<_>>());
            return Ok(());
        };
        prop_assert!(list.picks().len() <= filter.count_max.max(1));
        let obeyed = filter.kinds.without(list.dropped());
        for pick in list.picks() {
            for kind in obeyed.iter() {
                let is_obeyed = obeys(kind, &text, by_name(pick), pick.protocol, own);
                prop_assert!(is_obeyed, "{:?} of `{}`: {:?}", kind, text, named);
            }
        }
        // One filter alone is dropped only when no mirror that public lists name obeys it.
        if filter.kinds.iter().count() == 1 && !list.dropped().is_empty() {
            let kind = filter.kinds.iter().next().unwrap();
            for mirror in inventory.mirrors.iter().filter(|mirror| mirror.listed && mirror.families.contains(&own)) {
                for &protocol in mirror.base["d"].keys() {
                    let alone = whereabouts.group.is_some();
                    prop_assert!(alone || !obeys(kind, &text, mirror, protocol, own), "`{}`: {}", text, mirror.name);
                }
            }
        }
    }

    #[test]
    fn no_target_makes_a_bad_document(
        query in "(release=9&|repo=os&|repo=os-9&|arch=x86_64&|path=d/9/os/|[a-z]{1,8}=[ -~]{0,12}&|%[0-9a-f]{2}){0,8}",
        more in filters(),
        endpoint in 0..4_usize,
        strict_status: bool,
    ) {
        let atlas = atlas(&inventory(&[(0, 3, 3, 1, None), (2, 2, 3, 2, None)]));
        let text = format!("{query}{more}");
        let endpoint = [Endpoint::Root, Endpoint::List, Endpoint::Metalink, Endpoint::Metalink4][endpoint];
        let mut decoded = Vec::new();
        let client = client_of("DE", 4).parse().unwrap();
        let query = Query::parse(text.as_bytes(), &mut decoded);
        let ask = Ask { endpoint, query, accepts_metalink4: false, client, unix_seconds: 1_790_000_000 };
        let rules = Rules { lines_max: 10, fedora_lines_max: 20, fedora_lines_min: 5, strict_status };
        let (mut list, mut body) = (List::default(), Vec::new());
        let answer = Answer::choose(&atlas, &ask, &rules, &mut list);
        answer.write(b"Sun, 06 Nov 1994 08:49:37 GMT", &mut body);
        let body = String::from_utf8(body).unwrap();
        match answer.form {
            Form::Text => prop_assert!(body.lines().all(|line| {
                line.starts_with("# ") || line.starts_with("http") || answer.outcome != Outcome::Listed
            }), "{}", body),
            Form::Json => prop_assert!(serde_json::from_str::<serde_json::Value>(&body).unwrap().is_array()),
            Form::JsonFull => prop_assert!(serde_json::from_str::<serde_json::Value>(&body).unwrap().is_object()),
            Form::Redirect => prop_assert!(body.is_empty()),
            Form::Metalink | Form::Metalink4 => {
                let mut reader = quick_xml::Reader::from_str(&body);
                reader.config_mut().check_comments = true;
                loop {
                    match reader.read_event() {
                        Ok(quick_xml::events::Event::Eof) => break,
                        Ok(_) => {}
                        Err(error) => prop_assert!(false, "{}: {}", error, body),
                    }
                }
            }
        }
    }
}
