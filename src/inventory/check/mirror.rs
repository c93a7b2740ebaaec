//! Mirrors.

use std::collections::{BTreeMap, HashMap};

use toml::Spanned;

use super::case::{Case, Ledger};
use super::country::is_country;
use crate::inventory::entry::{Entries, Found, MirrorEntry, Text};
use crate::inventory::form;
use crate::inventory::model::{Cloud, Country, Distribution, Mirror, Origin, Status};
use crate::inventory::problem::quoted;
use crate::net::{Family, Protocol};
use crate::place::Code;

/// Most mirrors that are kept, so that a mirror fits into 16 bits.
pub const MIRROR_COUNT_MAX: usize = 65_000;

const _: () = assert!(MIRROR_COUNT_MAX < u16::MAX as usize);

/// Weight of a mirror that says none, megabits per second.
const BANDWIDTH_MBPS_DEFAULT: u32 = 1000;

/// The mirrors.
pub fn mirrors(
    entries: &Entries,
    distributions: &[Distribution],
    clouds: &[Cloud],
    countries: &[Country],
    ledger: &mut Ledger,
) -> Vec<Mirror> {
    let mut seen = HashMap::new();
    let mut mirrors = Vec::with_capacity(entries.mirrors.len().min(MIRROR_COUNT_MAX));
    for found in &entries.mirrors {
        let mut case = Case::new(ledger, found, "mirror", found.entry.name.as_ref());
        let Some(mirror) = mirror(found, &mut seen, distributions, clouds, countries, &mut case) else { continue };
        if mirrors.len() == MIRROR_COUNT_MAX {
            let why = format!("there are more than {MIRROR_COUNT_MAX} mirrors; this one and all after it are left out");
            case.report_all(why, "delete those that are dead");
            break;
        }
        mirrors.push(mirror);
    }
    mirrors
}

fn mirror(
    found: &Found<MirrorEntry>,
    seen: &mut HashMap<String, Origin>,
    distributions: &[Distribution],
    clouds: &[Cloud],
    countries: &[Country],
    case: &mut Case,
) -> Option<Mirror> {
    let entry = &found.entry;
    let name = case.formed(&entry.name, form::mirror_name)?;
    let place = place(entry, countries, case)?;
    let families = match &entry.families {
        Some(families) => case.some_of(families, "families")?,
        None => Family::ALL.to_vec(),
    };
    let base = base(&entry.base, distributions, case);
    if base.is_empty() {
        case.report_all("it has no valid base URL", "write `base.<tree>.https = \"https://…/\"`, or delete it");
        return None;
    }
    // Asked last of all that may cost the mirror: a broken entry must not take the name from a good one.
    if !case.is_first(seen, name.clone(), &name, entry.name.span()) {
        return None;
    }
    let bandwidth_mbps = entry.bandwidth_mbps.as_ref().map_or(BANDWIDTH_MBPS_DEFAULT, |bandwidth_mbps| {
        if *bandwidth_mbps.as_ref() == 0 {
            let why = "a bandwidth of 0 is no weight, and is taken for 1";
            case.report(bandwidth_mbps.span(), why, "write megabits per second, or delete the line");
        }
        (*bandwidth_mbps.as_ref()).max(1)
    });
    let tier = entry.tier.as_ref().map_or(1, |tier| {
        if *tier.as_ref() == 0 {
            case.report(tier.span(), "tier 0 is taken for 1", "write 1 or more");
        }
        (*tier.as_ref()).max(1)
    });
    Some(Mirror {
        name,
        base,
        place,
        bandwidth_mbps,
        tier,
        status: entry.status,
        kind: entry.kind,
        listed: entry.listed.unwrap_or(true),
        exclusive: entry.exclusive,
        networks: networks(entry, case),
        asns: asns(&entry.asns, case),
        cloud_regions: cloud_regions(&entry.cloud_regions, clouds, case),
        families,
        crawled: crawled(entry, case),
        origin: found.origin(),
    })
}

/// Whether the crawler looks at it, as it must at a master.
fn crawled(entry: &MirrorEntry, case: &mut Case) -> bool {
    let Some(crawled) = &entry.crawled else { return true };
    if entry.status == Status::Master && !*crawled.as_ref() {
        case.report(crawled.span(), "a master is crawled in any case", "delete the line");
        return true;
    }
    *crawled.as_ref()
}

/// The mirror's place, which may be none; the outer none when it names one that does not exist, since a mirror in the
/// wrong place is worse than no mirror.
fn place(entry: &MirrorEntry, countries: &[Country], case: &mut Case) -> Option<Option<Code>> {
    let Some(country) = &entry.country else {
        if let Some(subdivision) = &entry.subdivision {
            case.report(subdivision.span(), "it has a subdivision but no country", "write `country = \"…\"` too");
            return None;
        }
        return Some(None);
    };
    if !is_country(case, country, countries) {
        return None;
    }
    let country = *country.as_ref();
    let Some(text) = &entry.subdivision else { return Some(Some(country)) };
    let subdivision = country.with_subdivision(text.as_ref()).filter(|subdivision| {
        let home = countries.iter().find(|home| home.code == country);
        home.is_some_and(|home| home.subdivisions.contains_key(subdivision))
    });
    if subdivision.is_none() {
        // The country alone is still right.
        let why = format!("`{country}` has no subdivision {}", quoted(text.as_ref()));
        case.report(text.span(), why, "write a code of the country's `subdivisions`, or delete the line");
    }
    Some(Some(subdivision.unwrap_or(country)))
}

/// The valid base URLs: tree → protocol → URL.
fn base(
    base: &BTreeMap<Text, BTreeMap<Text, Text>>,
    distributions: &[Distribution],
    case: &mut Case,
) -> BTreeMap<String, BTreeMap<Protocol, String>> {
    let mut checked = BTreeMap::new();
    for (tree, texts) in base {
        if !case.is_tree(tree, distributions) {
            continue;
        }
        let mut urls = BTreeMap::new();
        for (key, text) in texts {
            let Some(&protocol) = Protocol::ALL.iter().find(|protocol| protocol.name() == key.as_ref()) else {
                let why = format!("there is no protocol {}", quoted(key.as_ref()));
                case.report(key.span(), why, "write `http`, `https` or `rsync`");
                continue;
            };
            urls.extend(case.url(text, &[protocol]).map(|url| (protocol, url)));
        }
        if !urls.is_empty() {
            checked.insert(tree.as_ref().clone(), urls);
        }
    }
    checked
}

/// The client networks that are not suspiciously large.
fn networks(entry: &MirrorEntry, case: &mut Case) -> Vec<ip_network::IpNetwork> {
    let mut networks = Vec::with_capacity(entry.networks.len());
    for text in &entry.networks {
        let Some(network) = case.prefix(text) else { continue };
        if form::is_too_short(&network) && !entry.networks_any_size {
            let why = format!("`{network}` is larger than /16, or /32 in IPv6");
            case.report(text.span(), why, "write `networks_any_size = true` if that is meant");
        } else {
            networks.push((network, text.span()));
        }
    }
    case.each_once(networks)
}

/// The numbers of autonomous systems, each once.
fn asns(numbers: &[Spanned<u32>], case: &mut Case) -> Vec<u32> {
    let mut asns = Vec::with_capacity(numbers.len());
    for number in numbers {
        match *number.as_ref() {
            0 => case.report(number.span(), "0 is no autonomous system", "write its number, or delete it"),
            asn => asns.push((asn, number.span())),
        }
    }
    case.each_once(asns)
}

/// The cloud regions there are: `aws`, `aws/us-east-1`.
fn cloud_regions(texts: &[Text], clouds: &[Cloud], case: &mut Case) -> Vec<(String, Option<String>)> {
    let mut known = Vec::with_capacity(texts.len());
    for text in texts {
        let (cloud, region) = match text.as_ref().split_once('/') {
            Some((cloud, region)) => (cloud, Some(region)),
            None => (text.as_ref().as_str(), None),
        };
        let home = clouds.iter().find(|home| home.name == cloud);
        let exists =
            home.is_some_and(|home| region.is_none_or(|name| home.regions.iter().any(|region| region.name == name)));
        if exists {
            known.push((text.as_ref().clone(), text.span()));
        } else {
            let why = format!("there is no cloud region {}", quoted(text.as_ref()));
            case.report(text.span(), why, "write a cloud like `aws` or a region like `aws/us-east-1`");
        }
    }
    let once = case.each_once(known);
    let parted = once.into_iter().map(|text| match text.split_once('/') {
        Some((cloud, region)) => (cloud.to_owned(), Some(region.to_owned())),
        None => (text, None),
    });
    parted.collect()
}

#[cfg(test)]
mod tests {
    use super::super::ground::{problems, reading};
    use super::*;
    use crate::inventory::model::Kind;

    fn mirror(more: &str) -> String {
        format!("[[mirror]]\nname = \"m\"\nbase.alma.http = \"http://m/alma\"\n{more}\n")
    }

    #[test]
    fn a_mirror_has_defaults() {
        let reading = reading(&mirror(""));
        assert!(reading.problems.is_empty());
        let mirror = &reading.inventory.mirrors[0];
        assert_eq!(mirror.base["alma"][&Protocol::Http], "http://m/alma/");
        assert_eq!((mirror.place, mirror.bandwidth_mbps, mirror.tier), (None, 1000, 1));
        assert_eq!((mirror.status, mirror.kind), (Status::Active, Kind::Direct));
        assert!(
            mirror.listed
                && mirror.crawled
                && !mirror.exclusive
                && mirror.networks.is_empty()
                && mirror.asns.is_empty()
        );
        assert_eq!((mirror.families.as_slice(), mirror.cloud_regions.len()), (Family::ALL.as_slice(), 0));
        assert_eq!((mirror.origin.file.to_str(), mirror.origin.line), (Some("a.toml"), 1));
    }

    #[test]
    fn a_mirror_is_kept_whole() {
        let reading = reading(
            r#"
# A note.
[[mirror]]
name = "m"
country = "us"
subdivision = "tx"
bandwidth_mbps = 100
tier = 2
status = "disabled"
kind = "own"
listed = false
exclusive = true
networks = ["192.0.2.0/24", "2001:db8::/32"]
asns = [64496]
crawled = false
cloud_regions = ["aws", "aws/us-east-1"]
families = ["ipv6"]
origin = "by hand"
date = 2026-11-01
comment = """
many
lines"""
[mirror.base.alma]
https = "https://m/"
rsync = "rsync://m/alma/"
"#,
        );
        assert!(reading.problems.is_empty(), "{:?}", reading.problems);
        let mirror = &reading.inventory.mirrors[0];
        assert_eq!(mirror.base["alma"].len(), 2);
        assert_eq!((mirror.place, mirror.bandwidth_mbps, mirror.tier), ("US-TX".parse().ok(), 100, 2));
        assert_eq!((mirror.status, mirror.kind), (Status::Disabled, Kind::Own));
        assert!(!mirror.listed && mirror.exclusive && !mirror.crawled);
        assert_eq!((mirror.networks.len(), mirror.asns.as_slice()), (2, [64496].as_slice()));
        let regions = [("aws".to_owned(), None), ("aws".to_owned(), Some("us-east-1".to_owned()))];
        assert_eq!((mirror.cloud_regions.as_slice(), mirror.families.as_slice()), (&regions[..], &[Family::Ipv6][..]));
        assert_eq!(mirror.origin.line, 3);
    }

    #[test]
    fn a_mirror_in_no_place_there_is_is_left_out() {
        for (more, want) in [
            (
                "\ncountry = \"FR\"",
                "a.toml:5: mirror `m`: there is no country `FR`; name one that a valid `[[country]]` defines",
            ),
            (
                "country = \"US-TX\"",
                "a.toml:4: mirror `m`: `US-TX` is a subdivision; write the two letters of a country",
            ),
            (
                "subdivision = \"TX\"",
                "a.toml:4: mirror `m`: it has a subdivision but no country; write `country = \"…\"` too",
            ),
            ("families = []", "a.toml:4: mirror `m`: `families` is empty; name at least one, or delete the line"),
        ] {
            assert_eq!(problems(&mirror(more)), [want]);
            assert!(reading(&mirror(more)).inventory.mirrors.is_empty());
        }
    }

    #[test]
    fn a_broken_part_costs_itself() {
        let text = mirror(
            r#"
base.alma.https = "http://m/"
base.alma.ftp = "ftp://m/"
base.vault.http = "http://m/"
country = "US"
subdivision = "Texas"
bandwidth_mbps = 0
tier = 0
networks = [
    "192.0.2.0/24",
    "10.0.0.0/8",
    "2001::/16",
    "192.0.2.0/24",
    "192.0.2.0",
]
cloud_regions = ["aws/eu", "azure", "aws", "aws"]
families = ["ipv4", "ipv4"]
"#,
        );
        assert_eq!(
            problems(&text),
            [
                "a.toml:5: mirror `m`: `http://m/` has another scheme; begin it with `https://`",
                "a.toml:6: mirror `m`: there is no protocol `ftp`; write `http`, `https` or `rsync`",
                "a.toml:7: mirror `m`: there is no tree `vault`; name one that a valid `[[tree]]` defines",
                "a.toml:9: mirror `m`: `US` has no subdivision `Texas`; \
                 write a code of the country's `subdivisions`, or delete the line",
                "a.toml:10: mirror `m`: a bandwidth of 0 is no weight, and is taken for 1; \
                 write megabits per second, or delete the line",
                "a.toml:11: mirror `m`: tier 0 is taken for 1; write 1 or more",
                "a.toml:14: mirror `m`: `10.0.0.0/8` is larger than /16, or /32 in IPv6; \
                 write `networks_any_size = true` if that is meant",
                "a.toml:15: mirror `m`: `2001::/16` is larger than /16, or /32 in IPv6; \
                 write `networks_any_size = true` if that is meant",
                "a.toml:16: mirror `m`: `192.0.2.0/24` stands twice; keep one",
                "a.toml:17: mirror `m`: `192.0.2.0` is no network; \
                 write an address and a length like `192.0.2.0/24` or `2001:db8::/32`",
                "a.toml:19: mirror `m`: `aws` stands twice; keep one",
                "a.toml:19: mirror `m`: there is no cloud region `aws/eu`; \
                 write a cloud like `aws` or a region like `aws/us-east-1`",
                "a.toml:19: mirror `m`: there is no cloud region `azure`; \
                 write a cloud like `aws` or a region like `aws/us-east-1`",
                "a.toml:20: mirror `m`: `ipv4` stands twice; keep one",
            ]
        );
        let mirror = &reading(&text).inventory.mirrors[0];
        assert_eq!((mirror.place, mirror.bandwidth_mbps, mirror.tier), ("US".parse().ok(), 1, 1));
        assert_eq!((mirror.base.len(), mirror.base["alma"].len(), mirror.networks.len()), (1, 1, 1));
    }

    #[test]
    fn a_master_is_crawled_and_a_system_has_a_number() {
        let text = mirror("status = \"master\"\ncrawled = false\nasns = [64496, 0,\n64496]");
        assert_eq!(
            problems(&text),
            [
                "a.toml:5: mirror `m`: a master is crawled in any case; delete the line",
                "a.toml:6: mirror `m`: 0 is no autonomous system; write its number, or delete it",
                "a.toml:7: mirror `m`: `64496` stands twice; keep one",
            ]
        );
        let mirror = &reading(&text).inventory.mirrors[0];
        assert_eq!((mirror.crawled, mirror.asns.as_slice()), (true, &[64_496][..]));
    }

    #[test]
    fn large_networks_can_be_meant() {
        let text = mirror("networks = [\"10.0.0.0/8\", \"fc00::/7\"]\nnetworks_any_size = true");
        assert!(problems(&text).is_empty());
        assert_eq!(reading(&text).inventory.mirrors[0].networks.len(), 2);
    }

    #[test]
    fn a_mirror_without_a_url_is_left_out_and_leaves_its_name() {
        let text = format!(
            "[[mirror]]\nname = \"m\"\nbase.alma.http = \"http:/m/\"\n[[mirror]]\nname = \"m\"\n{}",
            mirror("")
        );
        let none = "it has no valid base URL; write `base.<tree>.https = \"https://…/\"`, or delete it";
        assert_eq!(
            problems(&text),
            [
                format!("a.toml:1: mirror `m`: {none}"),
                "a.toml:3: mirror `m`: `http:/m/` has another scheme; begin it with `http://`".to_owned(),
                format!("a.toml:4: mirror `m`: {none}"),
            ]
        );
        assert_eq!(reading(&text).inventory.mirrors[0].origin.line, 6);
    }

    #[test]
    fn a_second_mirror_of_a_name_is_left_out() {
        let text = format!("{}{}", mirror(""), mirror(""));
        assert_eq!(problems(&text), ["a.toml:6: mirror `m`: `m` is already at a.toml:1; rename or delete one"]);
        assert_eq!(reading(&text).inventory.mirrors.len(), 1);
    }

    #[test]
    fn an_unlisted_mirror_that_serves_no_one_is_no_problem() {
        assert!(problems(&mirror("listed = false")).is_empty());
    }

    #[test]
    fn mirrors_beyond_the_limit_are_left_out() {
        let mut text = String::new();
        for index in 0..MIRROR_COUNT_MAX + 2 {
            text.push_str(&format!("[[mirror]]\nname = \"m{index}\"\nbase.alma.http = \"http://m/\"\n"));
        }
        let reading = reading(&text);
        assert_eq!(reading.inventory.mirrors.len(), MIRROR_COUNT_MAX);
        let told: Vec<String> = reading.problems.iter().map(|problem| problem.to_string()).collect();
        assert_eq!(
            told,
            ["a.toml:195001: mirror `m65000`: there are more than 65000 mirrors; \
              this one and all after it are left out; delete those that are dead"]
        );
    }
}
