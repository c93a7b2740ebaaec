//! Mirrors.

use std::collections::{BTreeMap, HashMap};

use super::case::{Case, Ledger};
use super::country::is_country;
use crate::inventory::entry::{Entries, Found, MirrorEntry, Text};
use crate::inventory::form;
use crate::inventory::model::{Cloud, Country, Distribution, Mirror, Origin};
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
        asns: entry.asns.clone(),
        cloud_regions: cloud_regions(&entry.cloud_regions, clouds, case),
        families,
        origin: found.origin(),
    })
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
