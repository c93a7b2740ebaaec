//! One file of `mirrors.d`: a mirror.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::address::{Address, is_host_name};
use super::config::{MAIN_TREE, is_word, module_tree};
use super::{geolocation, networks};
use crate::import::note::Notes;
use crate::import::yaml;
use crate::inventory::{Kind, Mirror, Origin, Status, World};
use crate::net::{Family, Protocol};

/// The domain of the project's own servers.
const OWN_DOMAIN: &str = ".almalinux.org";

/// Cloud providers as AlmaLinux names them, and as our inventory does.
const CLOUDS: [(&str, &str); 5] =
    [("aws", "aws"), ("azure", "azure"), ("gcp", "gcp"), ("oci", "oracle"), ("oracle", "oracle")];

/// Keys that say nothing an inventory needs.
const KEYS_NOT_NEEDED: [&str; 4] = ["update_frequency", "sponsor", "sponsor_url", "email"];

/// Reads the mirror in the text of `file`; none, with a note, when it cannot be used.
pub(super) fn read(
    file: &str,
    text: &str,
    modules: &[String],
    world: &World<'_>,
    notes: &mut Notes<'_>,
) -> Option<Mirror> {
    let mut map = document(text, notes)?;
    let base = bases(&mut map, modules, notes);
    let Some(name) = name(&mut map, file, notes) else {
        notes.add("no host name", "skipped");
        return None;
    };
    if base.is_empty() {
        notes.add("no address that can be used", "skipped");
        return None;
    }
    let mut geolocation = yaml::take_map(&mut map, "geolocation").unwrap_or_default();
    let misplaced_asn = yaml::take(&mut geolocation, "asn");
    if misplaced_asn.is_some() {
        notes.add("`asn` stands under `geolocation`", "taken all the same");
    }
    let asns = asns(yaml::take(&mut map, "asn").or(misplaced_asn), notes);
    let place = geolocation::place(geolocation, &name, world, notes);
    let networks = networks::read(yaml::take(&mut map, "subnets").unwrap_or_default(), notes);
    let is_private = truth(&mut map, "private", notes);
    if is_private && networks.is_empty() {
        notes.add("private, without subnets", "kept, but not listed");
    }
    let wants_monopoly = truth(&mut map, "monopoly", notes);
    if wants_monopoly && networks.is_empty() {
        notes.add("monopoly, without subnets", "ignored");
    }
    let cloud = cloud(&mut map, notes);
    for (key, value) in map.iter().filter(|(key, value)| !KEYS_NOT_NEEDED.contains(&key.as_str()) && !value.is_null()) {
        notes.add(format!("unknown `{key}: {}`", yaml::shown(value)), "ignored");
    }
    Some(Mirror {
        place,
        base,
        bandwidth_mbps: 1000,
        tier: 1,
        status: Status::Active,
        kind: kind(&name),
        listed: !is_private && cloud.is_none(),
        exclusive: wants_monopoly && !networks.is_empty(),
        networks,
        asns,
        cloud_regions: cloud.unwrap_or_default(),
        families: Family::ALL.to_vec(),
        crawled: true,
        origin: Origin::default(),
        name,
    })
}

/// The file's keys. Some files give a key twice; most programs take the last one, and so do their authors.
fn document(text: &str, notes: &mut Notes<'_>) -> Option<Map<String, Value>> {
    let reason = match yaml::parse(text) {
        Ok(map) => return Some(map),
        Err(reason) => reason,
    };
    match yaml::parse_last_wins(text) {
        Ok(map) => {
            notes.add(format!("a key stands there twice ({reason})"), "the last one counts");
            Some(map)
        }
        Err(_) => {
            notes.add(format!("cannot be parsed ({reason})"), "skipped");
            None
        }
    }
}

/// Whose server it is. The project's own are last in lists, but for those that it set up in one place for the clients
/// of that place (`SITE.PROVIDER.repo.almalinux.org`): those are mirrors like any other.
fn kind(name: &str) -> Kind {
    match name.strip_suffix(OWN_DOMAIN) {
        Some(host) if host.split('.').count() < 3 => Kind::Own,
        _ => Kind::Direct,
    }
}

fn name(map: &mut Map<String, Value>, file: &str, notes: &mut Notes<'_>) -> Option<String> {
    let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".yml").to_ascii_lowercase();
    let name = yaml::take(map, "name").and_then(|value| yaml::text(&value)).map(|name| name.to_ascii_lowercase());
    match name {
        Some(name) if is_host_name(&name) => Some(name),
        name => {
            let found = name.map_or("no name".to_owned(), |name| format!("name `{name}` is no host name"));
            let stem = is_host_name(&stem).then_some(stem)?;
            notes.add(found, format!("taken as `{stem}`, after the file"));
            Some(stem)
        }
    }
}

/// The base URLs of all trees.
fn bases(
    map: &mut Map<String, Value>,
    modules: &[String],
    notes: &mut Notes<'_>,
) -> BTreeMap<String, BTreeMap<Protocol, String>> {
    let mut base = BTreeMap::new();
    let mut slashes_added = 0;
    let main = yaml::take_map(map, "address").unwrap_or_default();
    base.insert(MAIN_TREE.to_owned(), addresses(main, &mut slashes_added, notes));
    for key in ["address_optional", "address_options"] {
        let Some(of_modules) = yaml::take_map(map, key) else { continue };
        if key == "address_options" {
            notes.add("`address_options` is misspelt", "taken as `address_optional`");
        }
        for (module, value) in of_modules {
            match value {
                Value::Object(of_module) if modules.contains(&module) => {
                    let urls = addresses(of_module, &mut slashes_added, notes);
                    base.entry(module_tree(&module)).or_insert(urls);
                }
                Value::Null => {}
                _ => notes.add(format!("{key} has `{module}`"), "ignored: not a module with addresses"),
            }
        }
    }
    if slashes_added > 0 {
        notes.add(format!("{slashes_added} addresses without a final slash"), "added");
    }
    base.retain(|_, urls| !urls.is_empty());
    base
}

/// The base URLs of one tree. A URL's own scheme counts, not the key it stands under; a URL under its right key wins.
fn addresses(map: Map<String, Value>, slashes_added: &mut usize, notes: &mut Notes<'_>) -> BTreeMap<Protocol, String> {
    let mut urls: BTreeMap<Protocol, String> = BTreeMap::new();
    let mut strays = Vec::new();
    for (key, value) in map {
        if value.is_null() {
            continue;
        }
        let Some(text) = yaml::text(&value) else {
            notes.add(format!("address `{key}: {}`", yaml::shown(&value)), "left out: it is no text");
            continue;
        };
        let Some(address) = Address::read(&key, &text, notes) else { continue };
        *slashes_added += usize::from(address.slash_added);
        match address.protocol.name() == key {
            true => drop(urls.insert(address.protocol, address.url)),
            false => strays.push((key, address)),
        }
    }
    for (key, Address { protocol, url, .. }) in strays {
        let found = format!("address `{url}` stands under `{key}`");
        match urls.get(&protocol) {
            Some(_) => notes.add(found, format!("left out: there is one for {protocol}")),
            None => {
                notes.add(found, format!("taken for {protocol}"));
                urls.insert(protocol, url);
            }
        }
    }
    urls
}

fn asns(value: Option<Value>, notes: &mut Notes<'_>) -> Vec<u32> {
    let mut asns = Vec::new();
    for value in value.map(yaml::list).unwrap_or_default() {
        let text = yaml::text(&value).unwrap_or_default();
        let number = text.trim_start_matches(['A', 'a', 'S', 's']).parse().ok().filter(|&asn: &u32| asn > 0);
        match number {
            Some(asn) if asns.contains(&asn) => {}
            Some(asn) => asns.push(asn),
            None => {
                notes.add(format!("asn `{}`", yaml::shown(&value)), "left out: not a number of an autonomous system")
            }
        }
    }
    asns
}

fn truth(map: &mut Map<String, Value>, key: &str, notes: &mut Notes<'_>) -> bool {
    let Some(value) = yaml::take(map, key) else { return false };
    match yaml::text(&value).unwrap_or_default().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => true,
        "false" | "no" | "off" | "0" => false,
        _ => {
            notes.add(format!("`{key}: {}`", yaml::shown(&value)), "taken as false");
            false
        }
    }
}

/// The cloud regions of a mirror that is inside a cloud; none when it is not.
fn cloud(map: &mut Map<String, Value>, notes: &mut Notes<'_>) -> Option<Vec<(String, Option<String>)>> {
    let cloud_type = yaml::take(map, "cloud_type").and_then(|value| yaml::text(&value));
    let regions: Vec<String> =
        yaml::take(map, "cloud_regions").map(yaml::list).unwrap_or_default().iter().filter_map(yaml::text).collect();
    let Some(cloud_type) = cloud_type else {
        if !regions.is_empty() {
            notes.add("`cloud_regions` without `cloud_type`", "ignored");
        }
        return None;
    };
    let known = CLOUDS.into_iter().find(|(theirs, _)| cloud_type.eq_ignore_ascii_case(theirs));
    let Some((_, cloud)) = known else {
        notes.add(format!("cloud_type `{cloud_type}` is unknown"), "kept, but not listed");
        return Some(Vec::new());
    };
    if regions.is_empty() {
        notes.add("`cloud_type` without `cloud_regions`", format!("taken as all of {cloud}"));
    }
    if regions.is_empty() || regions.iter().any(|region| region.eq_ignore_ascii_case("all")) {
        return Some(vec![(cloud.to_owned(), None)]);
    }
    let mut known = Vec::new();
    for region in regions {
        match is_word(&region) {
            true => known.push((cloud.to_owned(), Some(region))),
            false => notes.add(format!("cloud region `{region}`"), "left out: not a region's name"),
        }
    }
    Some(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::almalinux::tests::countries;

    fn read_one(text: &str) -> (Option<Mirror>, String) {
        let countries = countries();
        let mut notes = Vec::new();
        let modules = ["kitten".to_owned()];
        let on = &mut Notes::on("mirrors.d/m.example.de.yml", &mut notes);
        let mirror = read("mirrors.d/m.example.de.yml", text, &modules, &World::new(&countries), on);
        (mirror, notes.iter().map(|note| format!("{note}\n")).collect())
    }

    /// A good mirror in Germany with `lines` added.
    fn with(lines: &str) -> (Mirror, String) {
        let text = format!(
            "name: m.example.de\naddress: {{http: 'http://m.example.de/a/'}}\ngeolocation: {{country: DE}}\n{lines}\n"
        );
        let (mirror, notes) = read_one(&text);
        (mirror.unwrap(), notes)
    }

    fn urls(mirror: &Mirror) -> Vec<String> {
        let of_tree = |(tree, urls): (&String, &BTreeMap<Protocol, String>)| {
            urls.iter().map(|(protocol, url)| format!("{tree} {protocol} {url}")).collect::<Vec<_>>()
        };
        mirror.base.iter().flat_map(of_tree).collect()
    }

    #[test]
    fn a_plain_mirror_needs_no_note() {
        let (mirror, notes) = with("update_frequency: 1h\nsponsor: Some\nsponsor_url: x\nemail: null\nprivate: false");
        assert_eq!(notes, "");
        assert_eq!((mirror.name.as_str(), mirror.kind, mirror.listed), ("m.example.de", Kind::Direct, true));
        assert_eq!(mirror.place.map(|place| place.to_string()).as_deref(), Some("DE"));
        assert_eq!(urls(&mirror), ["almalinux http http://m.example.de/a/"]);
    }

    #[test]
    fn the_scheme_counts_and_not_the_key() {
        let (mirror, notes) = read_one(
            "name: m.example.de\naddress:\n  https: http://m.example.de/a\n  ftp: http://m.example.de/b/\n  \
             rsync: m.example.de::c\n  http:\ngeolocation: {country: DE}\n",
        );
        assert_eq!(
            urls(&mirror.unwrap()),
            ["almalinux http http://m.example.de/b/", "almalinux rsync rsync://m.example.de/c/",]
        );
        assert!(notes.contains("stands under `ftp`: taken for http"), "{notes}");
        assert!(notes.contains("stands under `https`: left out"), "{notes}");
        assert!(notes.contains("2 addresses without a final slash: added"), "{notes}");
        assert!(notes.contains("`host::module` form"), "{notes}");
    }

    #[test]
    fn modules_have_trees_of_their_own() {
        let kitten = "{kitten: {https: 'https://m.example.de/k/'}, puppy: {http: 'http://m.example.de/p/'}}";
        let (mirror, notes) = with(&format!("address_optional: {kitten}"));
        assert_eq!(urls(&mirror)[0], "almalinux http http://m.example.de/a/");
        assert_eq!(urls(&mirror)[1], "almalinux-kitten https https://m.example.de/k/");
        assert!(notes.contains("`puppy`: ignored") && !notes.contains("misspelt"), "{notes}");
        let (mirror, notes) = with(&format!("address_options: {kitten}"));
        assert_eq!(urls(&mirror).len(), 2);
        assert!(notes.contains("`address_options` is misspelt"), "{notes}");
    }

    #[test]
    fn private_and_monopoly_depend_on_networks() {
        for (lines, listed, exclusive, note) in [
            ("private: True", false, false, "private, without subnets: kept, but not listed"),
            ("private: yes\nsubnets: [192.0.2.0/24]", false, false, ""),
            ("monopoly: true", true, false, "monopoly, without subnets: ignored"),
            ("monopoly: true\nsubnets: [192.0.2.0/24]", true, true, ""),
            ("private: maybe", true, false, "`private: maybe`: taken as false"),
        ] {
            let (mirror, notes) = with(lines);
            assert_eq!((mirror.listed, mirror.exclusive), (listed, exclusive), "{lines}");
            assert!(notes.contains(note) && notes.is_empty() == note.is_empty(), "{lines}: {notes}");
        }
    }

    #[test]
    fn autonomous_systems_come_in_many_forms() {
        for (lines, asns, note_count) in [
            ("asn: 64500", &[64500][..], 0),
            ("asn: [64500, 64501, 64500]", &[64500, 64501], 0),
            ("asn: AS64500", &[64500], 0),
            ("asn: [0, -1, x, 4294967296, 64500.5, [1]]", &[], 6),
            ("asn:", &[], 0),
        ] {
            let (mirror, notes) = with(lines);
            assert_eq!((mirror.asns.as_slice(), notes.lines().count()), (asns, note_count), "{lines}: {notes}");
        }
        let text =
            "address: {http: 'http://m.example.de/'}\nname: m.example.de\ngeolocation: {country: DE, asn: 64500}";
        let (mirror, notes) = read_one(text);
        assert_eq!(mirror.unwrap().asns, [64500]);
        assert!(notes.contains("`asn` stands under `geolocation`"), "{notes}");
    }

    #[test]
    fn mirrors_inside_clouds_are_listed_nowhere_else() {
        for (lines, regions, note) in [
            ("cloud_type: aws\ncloud_regions: [all]", vec![("aws", None)], ""),
            ("cloud_type: oci\ncloud_regions: [uk-london-1]", vec![("oracle", Some("uk-london-1"))], ""),
            ("cloud_type: aws\ncloud_regions: [a b]", vec![], "cloud region `a b`"),
            ("cloud_type: gcp", vec![("gcp", None)], "taken as all of gcp"),
            ("cloud_type: fog\ncloud_regions: [all]", vec![], "`fog` is unknown"),
        ] {
            let (mirror, notes) = with(lines);
            let found = mirror.cloud_regions.iter().map(|(cloud, region)| (cloud.as_str(), region.as_deref()));
            assert_eq!(found.collect::<Vec<_>>(), regions, "{lines}");
            assert!(!mirror.listed && notes.contains(note), "{lines}: {notes}");
        }
        let (mirror, notes) = with("cloud_regions: [all]");
        assert!(mirror.listed && mirror.cloud_regions.is_empty() && notes.contains("without `cloud_type`"), "{notes}");
    }

    #[test]
    fn the_projects_own_servers_are_known() {
        for (name, own) in [
            ("repo.almalinux.org", Kind::Own),
            ("aws.repo.almalinux.org", Kind::Own),
            ("hnl.fastly.repo.almalinux.org", Kind::Direct),
            ("mirror.example.org", Kind::Direct),
        ] {
            assert_eq!(kind(name), own, "{name}");
        }
    }

    #[test]
    fn names_may_come_from_the_file() {
        for name in ["name:", "name: 'a b'", "name: [x]", "x: null"] {
            let (mirror, notes) = read_one(&format!("{name}\naddress: {{http: 'http://a.example.de/'}}"));
            assert_eq!(mirror.unwrap().name, "m.example.de", "{name}");
            assert!(notes.contains("after the file"), "{notes}");
        }
    }

    #[test]
    fn what_is_no_mirror_is_skipped_with_a_note() {
        for text in [
            "",
            "[]",
            "just text",
            "{",
            "\u{0}",
            "name: m.example.de",
            "name: m.example.de\naddress: {http: 'ftp://a/'}",
            "a: &a [*a]",
            "name: m.example.de\naddress: [http://m.example.de/]",
        ] {
            let (mirror, notes) = read_one(text);
            assert!(mirror.is_none() && notes.contains("skipped"), "{text}: {notes}");
        }
        let deep = format!("name: {}1{}", "[".repeat(200), "]".repeat(200));
        assert!(read_one(&deep).1.contains("skipped"));
    }

    #[test]
    fn the_last_of_two_keys_counts() {
        let (mirror, notes) = with("geolocation: {country: JP}");
        assert_eq!(mirror.place.map(|place| place.to_string()).as_deref(), Some("JP"));
        assert!(notes.contains("a key stands there twice") && notes.contains("geolocation"), "{notes}");
    }

    #[test]
    fn unknown_keys_are_noted() {
        let (_, notes) = with("colour: blue");
        assert_eq!(notes, "mirrors.d/m.example.de.yml: unknown `colour: blue`: ignored\n");
    }
}
