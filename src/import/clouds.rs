//! Cloud providers' address ranges, in the formats that they publish, restated as inventory TOML.
//!
//! Lives here: AWS `ip-ranges.json`, Google `cloud.json`, Azure `ServiceTags_Public.json`, Oracle
//! `public_ip_ranges.json`. Not here: fetching them, and which mirrors are inside a cloud (`almalinux`).

use std::collections::BTreeMap;

use ip_network::IpNetwork;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::note::Notes;
use super::sheet::Sheet;
use super::{ImportError, Imported, Note, Stamp, aggregate};

/// Longest provider file, bytes. Azure's is the longest: 4.1 MB in July 2025.
pub const FILE_BYTES_MAX: usize = 32 << 20;

/// The name of the region that holds what the provider puts in none.
const NO_REGION: &str = "global";

/// What Azure's regional tags begin with, and the tag of everything.
const AZURE_TAG: &str = "AzureCloud";

/// A cloud provider whose format we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Amazon Web Services, `ip-ranges.json`.
    Aws,
    /// Microsoft Azure, `ServiceTags_Public.json`.
    Azure,
    /// Google Cloud, `cloud.json`.
    Gcp,
    /// Oracle Cloud, `public_ip_ranges.json`.
    Oracle,
}

impl Provider {
    /// All, in the order of their names.
    pub const ALL: [Provider; 4] = [Provider::Aws, Provider::Azure, Provider::Gcp, Provider::Oracle];

    /// Name in inventories: `aws`, `azure`, `gcp`, `oracle`.
    pub fn name(self) -> &'static str {
        match self {
            Provider::Aws => "aws",
            Provider::Azure => "azure",
            Provider::Gcp => "gcp",
            Provider::Oracle => "oracle",
        }
    }

    /// Name for people.
    pub fn title(self) -> &'static str {
        match self {
            Provider::Aws => "Amazon Web Services",
            Provider::Azure => "Microsoft Azure",
            Provider::Gcp => "Google Cloud",
            Provider::Oracle => "Oracle Cloud",
        }
    }
}

/// A provider's regions, by name, each with the shortest set of prefixes for its addresses. Never empty.
pub type Regions = BTreeMap<String, Vec<IpNetwork>>;

/// Imports a provider's file. Gives one inventory file, `NAME.toml`.
///
/// # Errors
/// As `read`.
pub fn import(provider: Provider, bytes: &[u8], stamp: &Stamp) -> Result<Imported, ImportError> {
    let (regions, notes) = read(provider, bytes)?;
    let text = text(provider, &regions, stamp);
    Ok(Imported { files: vec![(format!("{}.toml", provider.name()).into(), text)], notes })
}

/// The inventory file of a provider's regions.
pub(super) fn text(provider: Provider, regions: &Regions, stamp: &Stamp) -> String {
    let mut sheet = Sheet::new(&format!("{}: address ranges by region.", provider.title()), stamp);
    sheet.table("cloud");
    sheet.text("name", provider.name());
    sheet.text("title", provider.title());
    for (name, prefixes) in regions {
        sheet.table("cloud_region");
        sheet.text("cloud", provider.name());
        sheet.text("name", name);
        sheet.wrapped("prefixes", prefixes);
    }
    sheet.finish()
}

/// Reads a provider's file into its regions.
///
/// # Errors
/// When the file is longer than `FILE_BYTES_MAX`, empty, truncated, an HTML page, in another format than the
/// provider's, or without a single prefix. A bad prefix or region alone is a note.
pub fn read(provider: Provider, bytes: &[u8]) -> Result<(Regions, Vec<Note>), ImportError> {
    let file = format!("{} ranges", provider.name());
    let mut notes = Vec::new();
    let texts = match provider {
        Provider::Aws => aws(parse(&file, bytes)?),
        Provider::Azure => azure(parse(&file, bytes)?),
        Provider::Gcp => gcp(parse(&file, bytes)?),
        Provider::Oracle => oracle(parse(&file, bytes)?),
    };
    let mut regions = networks(texts, &mut Notes::on(&file, &mut notes));
    if provider == Provider::Azure {
        split_azure(&mut regions);
    }
    regions.retain(|_, prefixes| !prefixes.is_empty());
    match regions.is_empty() {
        true => Err(ImportError::format(&file, "no address range in it; is this the provider's file?")),
        false => Ok((regions, notes)),
    }
}

fn parse<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, ImportError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ImportError::format(file, format!("longer than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match bytes.trim_ascii_start().first() {
        None => return Err(ImportError::format(file, "the file is empty")),
        Some(b'<') => return Err(ImportError::format(file, "this is an HTML page and not JSON; fetch the file again")),
        Some(_) => {}
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let reason = match error.classify() {
            serde_json::error::Category::Eof => "the file is truncated",
            serde_json::error::Category::Data => "not in the provider's format",
            _ => "not JSON",
        };
        ImportError::format(file, format!("{reason}: {error}"))
    })
}

/// Regions and prefixes as the file spells them.
type Texts = Vec<(String, String)>;

#[derive(Deserialize)]
struct AwsFile {
    prefixes: Vec<AwsPrefix>,
    ipv6_prefixes: Vec<AwsPrefix>,
}

#[derive(Deserialize)]
struct AwsPrefix {
    #[serde(alias = "ipv6_prefix")]
    ip_prefix: String,
    region: String,
}

/// All services together: whatever calls from one of the region's addresses is in the region.
fn aws(file: AwsFile) -> Texts {
    file.prefixes.into_iter().chain(file.ipv6_prefixes).map(|prefix| (prefix.region, prefix.ip_prefix)).collect()
}

#[derive(Deserialize)]
struct GcpFile {
    prefixes: Vec<GcpPrefix>,
}

#[derive(Deserialize)]
struct GcpPrefix {
    #[serde(rename = "ipv4Prefix")]
    ipv4: Option<String>,
    #[serde(rename = "ipv6Prefix")]
    ipv6: Option<String>,
    scope: String,
}

fn gcp(file: GcpFile) -> Texts {
    let of_prefix = |prefix: GcpPrefix| {
        [prefix.ipv4, prefix.ipv6].into_iter().flatten().map(move |text| (prefix.scope.clone(), text))
    };
    file.prefixes.into_iter().flat_map(of_prefix).collect()
}

#[derive(Deserialize)]
struct AzureFile {
    values: Vec<AzureTag>,
}

#[derive(Deserialize)]
struct AzureTag {
    name: String,
    properties: AzureProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AzureProperties {
    address_prefixes: Vec<String>,
}

/// The tags of whole regions, `AzureCloud.REGION`, and `AzureCloud` as the region of what is in none.
fn azure(file: AzureFile) -> Texts {
    let mut texts = Texts::new();
    for tag in file.values {
        let region = match tag.name.strip_prefix(AZURE_TAG) {
            Some("") => NO_REGION,
            Some(rest) if rest.len() > 1 && rest.starts_with('.') => &rest[1..],
            _ => continue,
        };
        texts.extend(tag.properties.address_prefixes.into_iter().map(|prefix| (region.to_owned(), prefix)));
    }
    texts
}

/// Takes out of Azure's tag of everything what a region has already; without regional tags it stays whole.
fn split_azure(regions: &mut Regions) {
    let Some(whole) = regions.remove(NO_REGION) else { return };
    let regional: Vec<IpNetwork> = regions.values().flatten().copied().collect();
    let regional = aggregate(&regional);
    // Both sorted and free of nesting, so the only candidate is the last prefix that starts at or before this one.
    let is_regional = |network: &IpNetwork| {
        let after = regional.partition_point(|other| {
            (other.is_ipv6(), other.network_address()) <= (network.is_ipv6(), network.network_address())
        });
        regional[..after]
            .last()
            .is_some_and(|other| other.netmask() <= network.netmask() && other.contains(network.network_address()))
    };
    let rest: Vec<IpNetwork> = whole.into_iter().filter(|network| !is_regional(network)).collect();
    regions.insert(NO_REGION.to_owned(), rest);
}

#[derive(Deserialize)]
struct OracleFile {
    regions: Vec<OracleRegion>,
}

#[derive(Deserialize)]
struct OracleRegion {
    region: String,
    cidrs: Vec<OracleRange>,
}

#[derive(Deserialize)]
struct OracleRange {
    cidr: String,
}

fn oracle(file: OracleFile) -> Texts {
    let of_region =
        |region: OracleRegion| region.cidrs.into_iter().map(move |range| (region.region.clone(), range.cidr));
    file.regions.into_iter().flat_map(of_region).collect()
}

/// The prefixes of each region, aggregated. What is no region or no prefix is noted.
fn networks(texts: Texts, notes: &mut Notes<'_>) -> Regions {
    let mut regions = Regions::new();
    for (region, text) in texts {
        if !is_region(&region) {
            notes.add(format!("region `{region}` with {text}"), "left out: not a region's name");
            continue;
        }
        match IpNetwork::from_str_truncate(&text) {
            // Not even a whole provider has so much: it would send half of the world to one cloud.
            Ok(network) if network.netmask() < 8 => {
                notes.add(format!("region {region}: prefix {network}"), "left out: too broad")
            }
            Ok(network) => {
                if network.to_string() != text {
                    notes.add(format!("region {region}: prefix `{text}`"), format!("taken as {network}"));
                }
                regions.entry(region).or_default().push(network);
            }
            Err(_) => notes.add(format!("region {region}: `{text}` is no prefix"), "left out"),
        }
    }
    for prefixes in regions.values_mut() {
        *prefixes = aggregate(prefixes);
    }
    regions
}

fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AWS: &str = r#"{"syncToken": "1", "prefixes": [
        {"ip_prefix": "192.0.2.0/25", "region": "eu-west-1", "service": "AMAZON", "network_border_group": "x"},
        {"ip_prefix": "192.0.2.128/25", "region": "eu-west-1", "service": "EC2"},
        {"ip_prefix": "198.51.100.0/24", "region": "GLOBAL", "service": "AMAZON"}],
        "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/35", "region": "eu-west-1", "service": "AMAZON"}]}"#;
    const GCP: &str = r#"{"prefixes": [{"ipv4Prefix": "192.0.2.0/24", "scope": "us-east1"},
        {"ipv6Prefix": "2001:db8::/44", "scope": "global"}]}"#;
    const AZURE: &str = r#"{"cloud": "Public", "values": [
        {"name": "Storage.uksouth", "properties": {"region": "uksouth", "addressPrefixes": ["203.0.113.0/24"]}},
        {"name": "AzureCloud.uksouth", "properties": {"region": "uksouth", "addressPrefixes": ["192.0.2.0/24"]}},
        {"name": "AzureCloud", "properties": {"region": "", "addressPrefixes":
            ["192.0.2.0/25", "192.0.2.128/25", "198.51.100.0/24", "2001:db8::/48"]}}]}"#;
    const ORACLE: &str = r#"{"regions": [{"region": "uk-london-1", "cidrs": [
        {"cidr": "192.0.2.0/24", "tags": ["OCI"]}, {"cidr": "192.0.2.9/32", "tags": ["OSN"]}]}]}"#;

    fn stamp() -> Stamp {
        Stamp { origin: "the provider".into(), date: "2026-01-02".into() }
    }

    fn shown(provider: Provider, text: &str) -> String {
        let (regions, notes) = read(provider, text.as_bytes()).unwrap();
        assert_eq!(notes, []);
        let shown = |(region, prefixes): (&String, &Vec<IpNetwork>)| {
            format!("{region}: {}", prefixes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        regions.iter().map(shown).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn each_format_gives_regions() {
        assert_eq!(shown(Provider::Aws, AWS), "GLOBAL: 198.51.100.0/24; eu-west-1: 192.0.2.0/24 2001:db8::/35");
        assert_eq!(shown(Provider::Gcp, GCP), "global: 2001:db8::/44; us-east1: 192.0.2.0/24");
        assert_eq!(shown(Provider::Azure, AZURE), "global: 198.51.100.0/24 2001:db8::/48; uksouth: 192.0.2.0/24");
        assert_eq!(shown(Provider::Oracle, ORACLE), "uk-london-1: 192.0.2.0/24");
    }

    #[test]
    fn azure_without_regional_tags_is_one_region() {
        let text = AZURE.replace("AzureCloud.uksouth", "Other.uksouth");
        assert_eq!(shown(Provider::Azure, &text), "global: 192.0.2.0/24 198.51.100.0/24 2001:db8::/48");
    }

    #[test]
    fn the_file_is_toml_and_the_same_each_time() {
        let imported = import(Provider::Aws, AWS.as_bytes(), &stamp()).unwrap();
        let (path, text) = &imported.files[0];
        assert_eq!(path.to_str(), Some("aws.toml"));
        assert_eq!(imported, import(Provider::Aws, AWS.as_bytes(), &stamp()).unwrap());
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["cloud"][0]["name"].as_str(), Some("aws"));
        assert_eq!(table["cloud_region"][1]["name"].as_str(), Some("eu-west-1"));
        assert_eq!(table["cloud_region"][1]["prefixes"].as_str(), Some("192.0.2.0/24 2001:db8::/35\n"));
    }

    #[test]
    fn what_is_not_the_file_is_refused_with_a_reason() {
        let truncated = &AWS[..AWS.len() / 2];
        for (text, reason) in [
            ("", "empty"),
            (" \n", "empty"),
            ("<!DOCTYPE html><html>", "HTML"),
            (truncated, "truncated"),
            ("{}", "missing field"),
            ("[1]", "not in the provider's format"),
            ("oops", "not JSON"),
            (GCP, "missing field"),
            (r#"{"prefixes": [], "ipv6_prefixes": []}"#, "no address range"),
        ] {
            let error = read(Provider::Aws, text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("aws ranges: ") && error.contains(reason), "{error}");
        }
        assert!(read(Provider::Aws, &vec![b' '; FILE_BYTES_MAX + 1]).unwrap_err().to_string().contains("longer"));
    }

    #[test]
    fn bad_entries_are_noted_and_left_out() {
        let text = r#"{"prefixes": [{"ipv4Prefix": "192.0.2.9/24", "scope": "a"}, {"ipv4Prefix": "x", "scope": "a"},
            {"ipv4Prefix": "0.0.0.0/0", "scope": "a"}, {"ipv4Prefix": "192.0.2.0/24", "scope": "a b"},
            {"scope": "a"}]}"#;
        let (regions, notes) = read(Provider::Gcp, text.as_bytes()).unwrap();
        assert_eq!(regions["a"], ["192.0.2.0/24".parse::<IpNetwork>().unwrap()]);
        assert_eq!((regions.len(), notes.len()), (1, 4), "{notes:#?}");
    }

    proptest! {
        #[test]
        fn mutations_never_panic(which in 0usize..4, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = [AWS, AZURE, GCP, ORACLE][which].as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            for provider in Provider::ALL {
                if let Ok((regions, _)) = read(provider, &bytes) {
                    prop_assert!(regions.values().all(|prefixes| !prefixes.is_empty()));
                }
            }
            bytes.truncate(at);
            prop_assert!(read(Provider::ALL[which], &bytes).is_err());
        }
    }
}
