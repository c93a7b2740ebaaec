//! Autonomous systems: databases of both kinds compiled and asked, and a server whose clients get the mirrors of
//! theirs.
//!
//! Not here: the rules of who is told of whom (`private`), damaged databases as such (`geoip`).

mod stage;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use mirrorlistd::daemon::compile_asns;
use mirrorlistd::geoip::{Builder, Table, mmdb};
use mirrorlistd::net::Asn;
use proptest::prelude::*;
use stage::{Server, client_of, program, shared_data, write_embers};

const BASEOS: &str = "/?release=9&arch=x86_64&repo=baseos";
const SYSTEMS: &str = "# who announces what\n192.0.2.0/24 64510\n198.51.100.0/26 AS64510\n2001:db8:de::/48,64511\n\
                       203.0.113.0/24 64510\n";
const MIRRORS: &str = r#"
[[mirror]]
name = "transit.ember.example"
base.ember.https = "https://transit.ember.example/ember/"
country = "JP"
asns = [64510]

[[mirror]]
name = "eyeballs.ember.example"
base.ember.https = "https://eyeballs.ember.example/ember/"
listed = false
exclusive = true
asns = [64511]
"#;

fn start() -> Server {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    fs::write(folder.path().join("systems.txt"), SYSTEMS).unwrap();
    fs::write(folder.path().join("lists/mirrors.toml"), format!("{}{MIRRORS}", stage::EMBERS[1].1)).unwrap();
    Server::start_in(folder, "asn = ['systems.txt']\nstate = 'state'")
}

fn hosts(server: &Server, place: &str, family: u8) -> Vec<String> {
    let answer = server.get_as(client_of(place, family), BASEOS);
    answer.lines().iter().map(|line| line.split('/').nth(2).unwrap().replace(".ember.example", "")).collect()
}

fn opened(bytes: Vec<u8>) -> Table<Vec<u8>, Asn> {
    let table = Table::open_labelled(bytes).unwrap();
    table.check().unwrap();
    table
}

#[test]
fn clients_get_the_mirrors_of_their_system_after_those_of_their_network() {
    let server = start();
    assert_eq!(hosts(&server, "DE", 4)[..2], ["transit", "de"], "then those of the place");
    assert_eq!(hosts(&server, "campus", 4)[..3], ["campus", "transit", "de"], "a network comes first");
    assert_eq!(hosts(&server, "lab", 4), ["lab"], "an exclusive mirror is alone");
    assert_eq!(hosts(&server, "nimbus east", 4), ["east.nimbus.example", "two.nimbus.example", "one.nimbus.example"]);
    assert_eq!(hosts(&server, "DE", 6), ["eyeballs"], "the system's exclusive mirror is alone");
    assert!(!hosts(&server, "US-TX", 4).contains(&"eyeballs".to_owned()));
    assert_eq!(
        (server.metric("mirrorlistd_asns"), server.metric("mirrorlistd_snapshot_asns")),
        (2, 4),
        "two are in the table, two are named by mirrors, and two others by one of the small inventory"
    );
}

#[test]
fn a_table_changes_with_its_file_and_a_bad_file_changes_nothing() {
    let server = start();
    let kept = || {
        let names = fs::read_dir(server.folder.path().join("state")).unwrap().map(|entry| entry.unwrap().path());
        let mut tables: Vec<PathBuf> =
            names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("asn-")).collect();
        tables.sort();
        tables
    };
    assert_eq!(hosts(&server, "DE", 4)[0], "transit");
    let first = kept();
    assert_eq!(first.len(), 1);
    let identity = |path: &Path| {
        use std::os::unix::fs::MetadataExt;
        let file = fs::metadata(path).unwrap();
        (file.ino(), file.mtime(), file.mtime_nsec())
    };
    let made = identity(&first[0]);
    server.reload("done");
    assert_eq!((kept(), identity(&first[0])), (first.clone(), made), "the same file is not compiled again");
    for bad in ["192.0.2.0/24 nobody\n", "", "MZ\0\0", "192.0.2.0 64510 x\n192.0.2.0/99 1\n"] {
        server.write("systems.txt", bad);
        let told = server.reload("failed");
        assert!(told.contains("systems.txt"), "{told}");
        assert_eq!(hosts(&server, "DE", 4)[0], "transit", "after {bad:?}");
        assert_eq!(kept(), first);
    }
    server.write("systems.txt", "100.64.0.0/10 64510\n");
    server.reload("done");
    assert_eq!((hosts(&server, "DE", 4)[0].as_str(), hosts(&server, "nowhere", 4)[0].as_str()), ("de", "transit"));
    let second = kept();
    assert!(second.len() == 1 && second != first, "{second:?}");
    fs::write(&second[0], b"damage").unwrap();
    server.configure("state = 'state'");
    server.reload("done");
    assert_ne!(hosts(&server, "nowhere", 4)[0], "transit", "without a table nobody is in a system");
    assert_eq!(server.metric("mirrorlistd_asns"), 0);
    server.configure("asn = ['systems.txt']\nstate = 'state'");
    server.reload("done");
    assert_eq!(hosts(&server, "nowhere", 4)[0], "transit", "a damaged copy is made again");
}

#[test]
fn the_command_line_tells_systems() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("systems.txt"), SYSTEMS).unwrap();
    fs::write(folder.path().join("c.toml"), "asn = ['systems.txt']\n").unwrap();
    let run = |arguments: &[&str]| {
        let output = program().args(arguments).current_dir(folder.path()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    };
    let (code, text) = run(&["geoip", "lookup", "--config", "c.toml", "192.0.2.1", "193.0.0.1", "2001:db8:de::1"]);
    assert_eq!(
        (code, text.as_str()),
        (0, "192.0.2.1 unknown AS64510\n193.0.0.1 NL unknown\n2001:db8:de::1 unknown AS64511\n")
    );
    let (code, text) = run(&["geoip", "lookup", "193.0.0.1"]);
    assert_eq!((code, text.as_str()), (0, "193.0.0.1 NL\n"), "no table, no word of it");
    let (code, text) = run(&["geoip", "build", "--asn", "systems.txt", "--out", "asn.table"]);
    assert!(code == 0 && text.starts_with("wrote asn.table"), "{text}");
    let (code, text) = run(&["geoip", "info", "--asn", "asn.table"]);
    assert!(code == 0 && text.contains("source       text files: systems.txt\n"), "{text}");
    assert!(text.contains("systems      2\n"), "{text}");
    let (code, text) = run(&["geoip", "info", "--config", "c.toml"]);
    assert!(code == 0 && text.contains("places  ") && text.contains("systems      2\n"), "{text}");
    let (code, text) = run(&["geoip", "info", "asn.table"]);
    assert!(
        code == 1 && text.contains("asn.table: this is no table of its kind (each address with its country)"),
        "{text}"
    );
    fs::write(folder.path().join("m.mmdb"), b"nothing").unwrap();
    let (code, text) = run(&["geoip", "build", "--asn", "systems.txt", "m.mmdb", "--out", "asn.table"]);
    assert!(code == 1 && text.contains("not both"), "{text}");
}

/// Expected from the text that the database was made of.
#[test]
fn maxminds_databases_tell_systems() {
    let Some(folder) = shared_data().map(|folder| folder.join("geoip/maxmind")) else { return };
    for (name, count_min) in [("GeoLite2-ASN-Test", 700), ("GeoIP2-ISP-Test", 200)] {
        let path = folder.join(format!("test-data/{name}.mmdb"));
        let table = opened(compile_asns(&[path]).unwrap());
        let source = fs::read_to_string(folder.join(format!("source-data/{name}.json"))).unwrap();
        let source: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&source).unwrap();
        let mut expected: Vec<(IpAddr, u8, Option<Asn>)> = Vec::new();
        for (network, record) in source.iter().flatten() {
            let (address, bits) = network.split_once('/').unwrap();
            let number = record.get("autonomous_system_number").and_then(serde_json::Value::as_u64);
            let address: IpAddr = address.parse().unwrap();
            let (address, bits) = match (address, address.to_canonical()) {
                (IpAddr::V6(_), IpAddr::V4(inside)) => (IpAddr::V4(inside), bits.parse::<u8>().unwrap() - 96),
                _ => (address, bits.parse().unwrap()),
            };
            expected.push((address, bits, number.map(|number| Asn(number as u32))));
        }
        let mut count = 0;
        for &(address, bits, asn) in expected.iter().filter(|(_, _, asn)| asn.is_some()) {
            // Where a longer network begins at the same address, that one counts.
            let longer = expected.iter().any(|&(other, more, _)| other == address && more > bits);
            let too_long = address.is_ipv6() && bits > 64;
            if !longer && !too_long {
                assert_eq!(table.asn(address), asn, "{name}: {address}/{bits}");
                count += 1;
            }
        }
        assert!(count >= count_min, "{name}: {count} networks");
        assert_eq!(table.asn("192.0.2.1".parse().unwrap()), None);
    }
    let city = folder.join("test-data/GeoLite2-City-Test.mmdb");
    let error = mmdb::compile_asns(&[city]).unwrap_err().to_string();
    assert!(error.ends_with("holds no AS number (it is a `GeoLite2-City` database); give an ASN database"), "{error}");
    let asn = folder.join("test-data/GeoLite2-ASN-Test.mmdb");
    let error = mmdb::compile(&[asn], &|_, _| None).unwrap_err().to_string();
    assert!(error.ends_with("(it is a `GeoLite2-ASN` database); give a City or Country database"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// With one number, hundreds and more than 65,535, so that indexes of all widths are there.
    #[test]
    fn tables_of_any_width_agree_with_what_they_were_made_of(
        count in prop::sample::select(vec![1_u32, 255, 256, 300, 66_000]),
        first in 1_u32..1000,
        flip in any::<prop::sample::Index>(),
    ) {
        let mut builder = Builder::<Asn>::default();
        for number in 0..count {
            builder.add_prefix(IpAddr::from((number << 12).to_be_bytes()), 24, Some(Asn(first + number))).unwrap();
            let ipv6 = 0x2000_u128 << 112 | u128::from(number) << 80;
            builder.add_prefix(IpAddr::from(ipv6.to_be_bytes()), 48, Some(Asn(first + number))).unwrap();
        }
        let bytes = builder.finish("", "").unwrap();
        let table = opened(bytes.clone());
        prop_assert_eq!(table.label_count(), count as usize);
        for number in (0..count).step_by(count.div_ceil(500) as usize) {
            let address = |offset: u32| IpAddr::from(((number << 12) + offset).to_be_bytes());
            prop_assert_eq!(table.asn(address(255)), Some(Asn(first + number)));
            prop_assert_eq!(table.asn(address(256)), None);
            let ipv6 = IpAddr::from((0x2000_u128 << 112 | u128::from(number) << 80 | 7).to_be_bytes());
            prop_assert_eq!(table.asn(ipv6), Some(Asn(first + number)));
        }
        let mut damaged = bytes;
        let at = flip.index(damaged.len());
        damaged[at] ^= 1;
        let is_found = Table::<_, Asn>::open_labelled(damaged).map_or(true, |table| table.check().is_err());
        prop_assert!(is_found, "byte {}", at);
    }
}
