//! The importers on real data, and what they wrote for `lists/`, as the inventory reads it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mirrorlistd::import::clouds::{self, Provider};
use mirrorlistd::import::{Imported, Stamp, aggregate, almalinux};
use mirrorlistd::inventory::{Inventory, Kind, World, read, read_text};

/// The folder of shared test data, where there is one.
fn shared_data() -> Option<PathBuf> {
    let shared = std::env::var_os("MIRRORLISTD_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let data = shared.join("data");
    if !data.exists() {
        println!("skipped: no ../shared/data");
        return None;
    }
    Some(data)
}

fn lists() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lists")
}

/// The shipped countries.
fn world_file() -> (PathBuf, String) {
    let path = lists().join("world/countries.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

fn stamp() -> Stamp {
    Stamp { origin: "shared test data".into(), date: "2026-07-15".into() }
}

/// What `import` wrote, read together with `more`; there must be nothing wrong with it.
fn read_back(imported: &Imported, more: &[(PathBuf, String)]) -> Inventory {
    let mut files = more.to_vec();
    files.extend(imported.files.iter().cloned());
    let reading = read_text(&files);
    assert_eq!(reading.problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    reading.inventory
}

fn provider_file(data: &Path, provider: Provider) -> Vec<u8> {
    let path = match provider {
        Provider::Aws => "aws/ip-ranges.2026-08-22.json",
        Provider::Azure => "azure/ServiceTags_Public.json",
        Provider::Gcp => "gcp/cloud.json",
        Provider::Oracle => "oci/public_ip_ranges.json",
    };
    std::fs::read(data.join("clouds").join(path)).unwrap()
}

#[test]
fn almalinux_imports_whole() {
    let Some(data) = shared_data() else { return };
    let world_file = world_file();
    let countries = read_text(std::slice::from_ref(&world_file)).inventory.countries;
    let imported = almalinux::import(&data.join("mirrors/almalinux"), &World::new(&countries), &stamp()).unwrap();
    let mut more = vec![world_file];
    // Mirrors inside clouds refer to them.
    for provider in [Provider::Aws, Provider::Gcp] {
        more.extend(clouds::import(provider, &provider_file(&data, provider), &stamp()).unwrap().files);
    }
    let inventory = read_back(&imported, &more);
    let mirrors = &inventory.mirrors;
    assert_eq!(mirrors.len(), 531, "530 files and the vault");
    assert_eq!(imported.notes.iter().filter(|note| note.done == "skipped").count(), 0);
    assert_eq!(mirrors.iter().filter(|mirror| mirror.listed).count(), 503);
    assert_eq!(mirrors.iter().filter(|mirror| mirror.base.contains_key("almalinux-kitten")).count(), 50);
    assert_eq!(mirrors.iter().filter(|mirror| !mirror.networks.is_empty()).count(), 13);
    assert_eq!(mirrors.iter().filter(|mirror| mirror.exclusive).count(), 3);
    assert_eq!(mirrors.iter().filter(|mirror| mirror.kind == Kind::Own).count(), 4);
    assert_eq!(mirrors.iter().filter(|mirror| !mirror.cloud_regions.is_empty()).count(), 2);
    let distribution = &inventory.distributions[0];
    assert_eq!((distribution.trees.len(), distribution.releases.len(), distribution.repos.len()), (3, 36, 61));
}

#[test]
fn clouds_import_whole() {
    let Some(data) = shared_data() else { return };
    for (provider, region_count, prefix_count) in
        [(Provider::Aws, 43, 6198), (Provider::Azure, 70, 12134), (Provider::Gcp, 46, 773), (Provider::Oracle, 45, 895)]
    {
        let bytes = provider_file(&data, provider);
        let imported = clouds::import(provider, &bytes, &stamp()).unwrap();
        let inventory = read_back(&imported, &[]);
        let cloud = &inventory.clouds[0];
        let found: usize = cloud.regions.iter().map(|region| region.prefixes.len()).sum();
        assert_eq!((cloud.regions.len(), found), (region_count, prefix_count), "{}", provider.name());
        assert_eq!(imported.notes, []);
        assert!(clouds::import(provider, &bytes[..bytes.len() / 2], &stamp()).is_err());
        let (regions, _) = clouds::read(provider, &bytes).unwrap();
        for region in &cloud.regions {
            assert_eq!(aggregate(&region.prefixes), regions[&region.name], "{} {}", provider.name(), region.name);
        }
    }
}

#[test]
fn the_shipped_lists_are_sound() {
    let reading = read(&lists()).unwrap();
    assert_eq!(reading.problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    let almalinux = |tree: &String| tree.starts_with("almalinux");
    let mirrors = reading.inventory.mirrors.iter().filter(|mirror| mirror.base.keys().any(almalinux));
    let listed: Vec<_> = mirrors.filter(|mirror| mirror.listed).collect();
    let countries: BTreeSet<_> = listed.iter().filter_map(|mirror| mirror.place).map(|place| place.country()).collect();
    assert!(listed.len() >= 300 && countries.len() >= 50, "{} in {}", listed.len(), countries.len());
    for provider in Provider::ALL {
        assert!(reading.inventory.clouds.iter().any(|cloud| cloud.name == provider.name()), "{}", provider.name());
    }
}
