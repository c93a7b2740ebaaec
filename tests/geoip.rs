//! Tables from address to place: against a naive reference, against damage, and out of real and of broken databases.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mirrorlistd::geoip::{Builder, OpenError, Table, mmdb, tor};
use mirrorlistd::place::Code;
use proptest::prelude::*;

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn opened(bytes: &[u8]) -> Table<&[u8]> {
    let table = Table::open(bytes).unwrap();
    table.check().unwrap();
    table
}

fn place(table: &Table<&[u8]>, address: IpAddr) -> Option<Code> {
    table.lookup(address).and_then(|index| table.place(index))
}

fn place_text(table: &Table<&[u8]>, address: &str) -> String {
    place(table, ip(address)).map_or("-".to_owned(), |code| code.to_string())
}

/// The test data that is not part of this project; none when it is not there.
fn shared(under: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MIRRORLISTD_SHARED")
        .map_or_else(|| Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).to_owned(), PathBuf::from);
    let folder = folder.join("data").join(under);
    if !folder.is_dir() {
        println!("skipped: no ../shared/data");
        return None;
    }
    Some(folder)
}

/// A prefix as a test feeds it: address, length, place.
type Prefix = (IpAddr, u8, Option<Code>);

/// Prefixes that overlap a lot: few distinct high bits, lengths of all kinds.
fn prefixes() -> impl Strategy<Value = Vec<Prefix>> {
    let places =
        prop::sample::select(vec![None, Some(code("DE")), Some(code("US-TX")), Some(code("US")), Some(code("NA"))]);
    let ipv4 = (any::<u32>(), 0..=32_u8).prop_map(|(bits, length)| (IpAddr::V4((bits & 0xc003_80ff).into()), length));
    let ipv6 = (any::<u128>(), 0..=128_u8)
        .prop_map(|(bits, length)| (IpAddr::V6((bits & (0xc003_80ff_8000_00ff_8000_00ff << 32 | 3)).into()), length));
    let prefix = (prop_oneof![ipv4, ipv6], places).prop_map(|((address, length), place)| (address, length, place));
    prop::collection::vec(prefix, 0..40)
}

/// The prefix that decides about an address by the rules that `Builder` states: the longest; of equals the last.
fn reference(prefixes: &[Prefix], address: IpAddr) -> Option<Code> {
    let holds = |&&(network, length, _): &&Prefix| match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (network.to_bits() ^ address.to_bits()).checked_shr(32 - u32::from(length)).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            // The table sees the first address of each /64.
            let address = address.to_bits() >> 64 << 64;
            (network.to_bits() ^ address).checked_shr(128 - u32::from(length)).unwrap_or(0) == 0
        }
        _ => false,
    };
    let bits = |&&(address, length, _): &&Prefix| if address.is_ipv4() { length } else { length.min(64) };
    prefixes.iter().filter(holds).max_by_key(bits).and_then(|&(_, _, place)| place)
}

/// Both ends of a prefix, what lies next to them, and one address inside.
fn corners(&(address, length, _): &Prefix) -> Vec<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            let (first, last) = (address.to_bits() & !host, address.to_bits() | host);
            let all = [first, last, first.wrapping_sub(1), last.wrapping_add(1), address.to_bits()];
            all.map(|bits| IpAddr::V4(bits.into())).to_vec()
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
            let (first, last) = (address.to_bits() & !host, address.to_bits() | host);
            let all = [first, last, first.wrapping_sub(1), last.wrapping_add(1), address.to_bits(), last ^ (1 << 63)];
            all.map(|bits| IpAddr::V6(bits.into())).to_vec()
        }
    }
}

/// Whether an address means itself: IPv4 inside IPv6 is looked up as IPv4.
fn is_itself(address: &IpAddr) -> bool {
    address.to_canonical() == *address
}

fn built(prefixes: &[Prefix]) -> Vec<u8> {
    let mut builder = Builder::new();
    for &(address, length, place) in prefixes {
        builder.add_prefix(address, length, place).unwrap();
    }
    builder.finish("a source", "an attribution").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lookup_agrees_with_the_reference(prefixes in prefixes(), random in prop::collection::vec(any::<u128>(), 8)) {
        let bytes = built(&prefixes);
        prop_assert_eq!(&bytes, &built(&prefixes), "same input, same bytes");
        let table = opened(&bytes);
        let random = random.iter().flat_map(|&bits| {
            [IpAddr::V6(bits.into()), IpAddr::V4((bits as u32).into())]
        });
        for address in prefixes.iter().flat_map(corners).chain(random).filter(is_itself) {
            prop_assert_eq!(place(&table, address), reference(&prefixes, address), "{}", address);
        }
    }

    #[test]
    fn a_damaged_table_is_refused_and_harmless(
        prefixes in prefixes(),
        flip in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        head in any::<bool>(),
    ) {
        let whole = built(&prefixes);
        let mut flipped = whole.clone();
        // Half of the flips in the header and the places, where most would do harm.
        let bit = flip.index(8 * if head { 80.min(whole.len()) } else { whole.len() });
        flipped[bit / 8] ^= 1 << (bit % 8);
        let cut = &whole[..cut.index(whole.len())];
        for damaged in [&flipped[..], cut] {
            if let Ok(table) = Table::open(damaged) {
                prop_assert!(table.check().is_err(), "bit {bit}");
                for address in prefixes.iter().flat_map(corners) {
                    place(&table, address);
                }
            }
        }
    }

    #[test]
    fn nonsense_behind_a_good_header_is_harmless(prefixes in prefixes(), seed in any::<u64>()) {
        let mut bytes = built(&prefixes);
        let mut state = seed | 1;
        for byte in &mut bytes[48..] {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
        let table = Table::open(&bytes[..]).unwrap();
        prop_assert!(table.check().is_err());
        for address in prefixes.iter().flat_map(corners) {
            place(&table, address);
        }
        prop_assert!(table.places().count() <= 65_535);
        let _ = (table.source(), table.attribution());
    }
}

#[test]
fn every_truncation_is_refused() {
    let whole = built(&[(ip("192.0.2.0"), 24, Some(code("DE")))]);
    for length in 0..whole.len() {
        assert!(Table::open(&whole[..length]).is_err(), "{length} bytes");
    }
    let longer = [&whole[..], b"x"].concat();
    assert!(matches!(Table::open(&longer), Err(OpenError::Length { .. })));
    assert!(matches!(Table::open(b"MZ".repeat(99)), Err(OpenError::Magic { .. })));
}

#[test]
fn a_table_may_lie_at_any_address() {
    let whole = built(&[(ip("192.0.2.0"), 24, Some(code("DE"))), (ip("2001:db8::"), 32, Some(code("US-TX")))]);
    for offset in 0..8 {
        let shifted = [&vec![0; offset][..], &whole].concat();
        let table = opened(&shifted[offset..]);
        assert_eq!(place_text(&table, "192.0.2.255"), "DE");
        assert_eq!(place_text(&table, "::ffff:192.0.2.1"), "DE");
        assert_eq!(place_text(&table, "2001:db8:ffff::1"), "US-TX");
        assert_eq!(place_text(&table, "192.0.3.0"), "-");
        assert_eq!((table.source(), table.attribution()), ("a source", "an attribution"));
        assert_eq!(table.places().map(|(_, code)| code).collect::<Vec<_>>(), [code("DE"), code("US-TX")]);
    }
}

#[test]
fn the_edges_of_the_world_are_in_it() {
    let table = built(&[(ip("0.0.0.0"), 0, Some(code("DE"))), (ip("::"), 0, Some(code("FR")))]);
    let table = opened(&table);
    for (address, expected) in
        [("0.0.0.0", "DE"), ("255.255.255.255", "DE"), ("::", "FR"), ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "FR")]
    {
        assert_eq!(place_text(&table, address), expected, "{address}");
    }
}

#[test]
fn many_places_take_wider_indexes() {
    let mut builder = Builder::new();
    let codes: Vec<Code> = ('A'..='Z').flat_map(|a| ('A'..='Z').map(move |b| code(&format!("{a}{b}")))).collect();
    for (position, &code) in codes.iter().enumerate() {
        builder.add_prefix(Ipv4Addr::from_bits((position as u32) << 12).into(), 20, Some(code)).unwrap();
    }
    let bytes = builder.finish("", "").unwrap();
    let table = opened(&bytes);
    assert_eq!(table.places().count(), 676);
    for (position, &code) in codes.iter().enumerate() {
        let address = Ipv4Addr::from_bits((position as u32) << 12 | 0xabc);
        assert_eq!(place(&table, address.into()), Some(code));
    }
    assert_eq!(place_text(&table, "255.0.0.1"), "-");
}

/// Folder with files of a test's own.
fn files(contents: &[(&str, &str)]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let paths = contents.iter().map(|(name, text)| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    });
    let paths = paths.collect();
    (folder, paths)
}

#[test]
fn tors_files_become_a_table() {
    let (_folder, paths) = files(&[
        (
            "geoip",
            "# Vendor:    Nobody\n# Generated: on a Thursday\n# License:   free\n# see https://example.net/, really\n\
             \n3221225984,3221226239,DE\r\n3221226240,3221226495,??\n3221226496,3221226751,na\n\
             3221226752,3221226752,ZZ\n",
        ),
        ("geoip6", "2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,JP\n2001:db9::1,2001:db9::2,FR"),
    ]);
    let bytes = tor::compile(&paths).unwrap();
    let table = opened(&bytes);
    for (address, expected) in [
        ("192.0.1.255", "-"),
        ("192.0.2.0", "DE"),
        ("192.0.2.255", "DE"),
        ("192.0.3.0", "-"),
        ("192.0.4.255", "NA"),
        ("192.0.5.0", "-"),
        ("2001:db8:1::", "JP"),
        ("2001:db9::1", "-"),
    ] {
        assert_eq!(place_text(&table, address), expected, "{address}");
    }
    assert_eq!(table.source(), "Nobody, generated on a Thursday, by way of Tor's geoip files");
    assert_eq!(
        table.attribution(),
        "Location data: Nobody, licence free; compiled into another form; see https://example.net/"
    );
}

#[test]
fn a_bad_line_is_named() {
    for (text, reason) in [
        ("1,2,DE\n1,2\n", "geoip:2: not of the form"),
        ("1,2,DE,FR", "geoip:1: not of the form"),
        ("\n\n1.2.3.4,1.2.3.5,DE", "geoip:3: `1.2.3.4` is neither"),
        ("1,4294967296,DE", "geoip:1: `4294967296` is neither"),
        ("1,2,Germany", "geoip:1: `Germany` is neither"),
        ("1,2,US-TX", "geoip:1: `US-TX` is neither"),
        ("2,1,DE", "geoip:1: the range 0.0.0.2 to 0.0.0.1 ends before it begins"),
        ("2,::1,DE", "geoip:1: the range 0.0.0.2 to ::1 begins in one address family"),
        ("# nothing", "geoip: holds no country"),
        (&"1".repeat(5000), "geoip:1: no line of text"),
    ] {
        let (folder, paths) = files(&[("geoip", text)]);
        let message = tor::compile(&paths).unwrap_err().to_string();
        let found = message.strip_prefix(&format!("{}/", folder.path().display())).unwrap_or(&message);
        assert!(found.starts_with(reason), "{found}");
    }
    assert!(matches!(tor::compile(&[]), Err(tor::CompileError::NoFile)));
    let message = tor::compile(&[PathBuf::from("/nowhere/geoip")]).unwrap_err().to_string();
    assert!(message.starts_with("/nowhere/geoip: cannot be read"), "{message}");
}

#[test]
fn what_is_no_database_is_refused() {
    let (_folder, paths) =
        files(&[("a.mmdb", ""), ("b.mmdb", "just text"), ("c.mmdb", "\u{ab}\u{cd}\u{ef}MaxMind.com")]);
    for path in &paths {
        let message = mmdb::compile(std::slice::from_ref(path), &|_, _| None).unwrap_err().to_string();
        assert!(message.contains(".mmdb: is damaged or no MaxMind database"), "{message}");
    }
    assert!(matches!(mmdb::compile(&[], &|_, _| None), Err(mmdb::CompileError::NoFile)));
}

/// A database of our own with two records of 24 bits in each node: `nodes`, then the data section.
fn database(ip_version: u16, nodes: &[[u32; 2]], data: &[u8]) -> Vec<u8> {
    let text = |text: &str| [&[0x40 | text.len() as u8], text.as_bytes()].concat();
    let tree = nodes.iter().flatten().flat_map(|record| record.to_be_bytes()[1..].to_vec());
    let mut out: Vec<u8> = tree.chain([0; 16]).chain(data.iter().copied()).collect();
    out.extend(b"\xab\xcd\xefMaxMind.com\xe9");
    let node_count = (nodes.len() as u32).to_be_bytes();
    for (key, value) in [
        ("binary_format_major_version", vec![0xa1, 2]),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![0x01, 0x02, 1]),
        ("database_type", text("Own-Test")),
        ("description", [&[0xe1][..], &text("en"), &text("made\nby hand")].concat()),
        ("ip_version", vec![0xa1, ip_version as u8]),
        ("languages", vec![0x00, 0x04]),
        ("node_count", [&[0xc4][..], &node_count].concat()),
        ("record_size", vec![0xa1, 24]),
    ] {
        out.extend(text(key));
        out.extend(value);
    }
    out
}

/// A flat record: a map of texts.
fn flat(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = vec![0xe0 | fields.len() as u8];
    for text in fields.iter().flat_map(|&(key, value)| [key, value]) {
        out.push(0x40 | text.len() as u8);
        out.extend(text.as_bytes());
    }
    out
}

#[test]
fn flat_schemas_in_two_files_become_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["four.mmdb", "six.mmdb"].map(|name| folder.path().join(name));
    // 0.0.0.0/1 to the first record, 128.0.0.0/1 to the second one.
    let california = flat(&[("country", "US"), ("region", "California")]);
    let second = 1 + 16 + california.len() as u32;
    let data = [california, flat(&[("country_code", "na"), ("continent", "AF")])].concat();
    fs::write(&paths[0], database(4, &[[1 + 16, second]], &data)).unwrap();
    // ::/3 to nothing, 2000::/3 to the only record.
    let data = flat(&[("country", "Canada"), ("country_code", "CA"), ("region_code", "QC")]);
    fs::write(&paths[1], database(6, &[[1, 3], [2, 3], [3, 3 + 16]], &data)).unwrap();
    let resolve = |country: Code, name: &str| (name == "California").then(|| country.with_subdivision("CA")).flatten();
    let bytes = mmdb::compile(&paths, &resolve).unwrap();
    let table = opened(&bytes);
    for (address, expected) in [
        ("0.0.0.0", "US-CA"),
        ("127.255.255.255", "US-CA"),
        ("128.0.0.0", "NA"),
        ("255.255.255.255", "NA"),
        ("2000::", "CA-QC"),
        ("3fff:ffff::", "CA-QC"),
        ("4000::", "-"),
        ("1fff::", "-"),
    ] {
        assert_eq!(place_text(&table, address), expected, "{address}");
    }
    let built = "Own-Test, built Thu, 01 Jan 1970 00:00:01 GMT";
    assert_eq!(table.source(), format!("{built}; {built}"));
    assert_eq!(table.attribution(), "made by hand");
    let message = mmdb::compile(&[paths[0].clone(), paths[0].clone()], &resolve).unwrap_err().to_string();
    assert!(message.contains("both hold ipv4"), "{message}");
}

#[test]
fn a_tree_above_ipv4_places_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.mmdb");
    fs::write(&path, database(6, &[[1 + 16, 1]], &flat(&[("country", "DE")]))).unwrap();
    let bytes = compiled(&path).unwrap();
    let table = opened(&bytes);
    assert_eq!(place_text(&table, "255.255.255.255"), "DE");
    assert_eq!(place_text(&table, "7fff::"), "DE");
    assert_eq!(place_text(&table, "8000::"), "-");
}

#[test]
fn trees_that_lead_in_circles_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.mmdb");
    let data = flat(&[("country", "DE")]);
    // Every node leads to the next one on both sides: 2^32 networks in 32 nodes.
    let chain: Vec<[u32; 2]> = (1..=32).map(|next| if next < 32 { [next, next] } else { [32, 32 + 16] }).collect();
    for nodes in [vec![[0, 0]], vec![[0, 1 + 16]], chain] {
        for ip_version in [4, 6] {
            fs::write(&path, database(ip_version, &nodes, &data)).unwrap();
            match compiled(&path) {
                Ok(bytes) => drop(opened(&bytes)),
                Err(error @ mmdb::CompileError::Endless { .. }) => assert!(error.to_string().contains("own.mmdb: its")),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Compiles one database, with the time that takes bounded.
fn compiled(path: &Path) -> Result<Vec<u8>, mmdb::CompileError> {
    let begin = Instant::now();
    let result = mmdb::compile(&[path.to_owned()], &|_, _| None);
    assert!(begin.elapsed() < Duration::from_secs(2), "{} took {:?}", path.display(), begin.elapsed());
    result
}

/// All files below a folder whose names end in `.mmdb`, in path order.
fn databases(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|ending| ending == "mmdb") => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_test_database_opens_or_is_refused_clearly() {
    let Some(folder) = shared("geoip/maxmind") else { return };
    for path in databases(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let has_countries = ["City", "Country", "Enterprise"].iter().any(|kind| name.contains(kind));
        let is_broken = name.contains("Broken") || name.contains("Invalid");
        match compiled(&path) {
            Ok(bytes) => {
                assert!(has_countries && !is_broken, "{name} became a table");
                opened(&bytes);
            }
            Err(error) => {
                assert!(!has_countries || is_broken, "{error}");
                let message = error.to_string();
                let clear = message.contains(": is damaged or no MaxMind database: ")
                    || message.contains(": holds no country (it is a `");
                assert!(clear && message.starts_with(path.to_str().unwrap()), "{message}");
            }
        }
    }
}

#[test]
fn each_kind_of_damage_has_its_message() {
    let Some(folder) = shared("geoip/maxmind") else { return };
    for (name, expected) in [
        ("test-data/GeoIP2-City-Test-Broken-Double-Format.mmdb", "is damaged"),
        ("test-data/GeoIP2-City-Test-Invalid-Node-Count.mmdb", "is damaged"),
        ("test-data/MaxMind-DB-test-broken-pointers-24.mmdb", "is damaged"),
        ("test-data/GeoLite2-ASN-Test.mmdb", "holds no country (it is a `GeoLite2-ASN` database)"),
        ("test-data/GeoIP2-ISP-Test.mmdb", "holds no country"),
        ("test-data/GeoIP2-Domain-Test.mmdb", "holds no country"),
        ("test-data/MaxMind-DB-no-ipv4-search-tree.mmdb", "holds no country"),
        ("bad-data/libmaxminddb/libmaxminddb-deep-nesting.mmdb", "is damaged"),
        ("bad-data/libmaxminddb/libmaxminddb-oversized-array.mmdb", "is damaged"),
        ("bad-data/libmaxminddb/libmaxminddb-metadata-marker-only.mmdb", "is damaged"),
        ("bad-data/maxminddb-golang/cyclic-data-structure.mmdb", "is damaged"),
        ("bad-data/maxminddb-golang/invalid-string-length.mmdb", "is damaged"),
        ("bad-data/maxminddb-python/bad-unicode-in-map-key.mmdb", "is damaged"),
    ] {
        let message = compiled(&folder.join(name)).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_city_database_gives_subdivisions_of_two_countries() {
    let Some(folder) = shared("geoip/maxmind/test-data") else { return };
    for (name, address, expected) in [
        ("GeoIP2-City-Test", "216.160.83.57", "US-WA"),
        ("GeoIP2-City-Test", "216.160.83.55", "-"),
        ("GeoIP2-City-Test", "214.78.123.4", "US-CA"),
        ("GeoIP2-City-Test", "2.125.160.217", "GB"),
        ("GeoIP2-City-Test", "149.101.100.1", "US"),
        ("GeoIP2-City-Test", "2001:480:10:ffff::1", "US-CA"),
        ("GeoIP2-City-Test", "2001:218:85a3::8a2e:370:7334", "JP"),
        ("GeoIP2-City-Test", "2002:d8a0:5339::1", "-"),
        ("GeoIP2-City-Test", "10.0.0.1", "-"),
        ("GeoIP2-Country-Test", "216.160.83.57", "US"),
        ("GeoLite2-Country-Test", "2a02:ff40::", "IM"),
        ("GeoLite2-Country-Test", "::ffff:216.160.83.57", "US"),
        ("GeoLite2-City-Test", "216.160.83.57", "US-WA"),
        ("GeoIP2-Enterprise-Test", "74.209.24.0", "US-NY"),
    ] {
        let bytes = compiled(&folder.join(name).with_extension("mmdb")).unwrap();
        assert_eq!(place_text(&opened(&bytes), address), expected, "{name} {address}");
    }
    let path = folder.join("GeoLite2-City-Test.mmdb");
    let bytes = mmdb::compile_with(std::slice::from_ref(&path), &|_| true, &|_, _| None).unwrap();
    assert_eq!(place_text(&opened(&bytes), "2.125.160.217"), "GB-ENG");
    let table = compiled(&path).unwrap();
    let table = opened(&table);
    assert!(table.source().starts_with("GeoLite2-City, built "), "{}", table.source());
    assert!(table.attribution().contains("https://www.maxmind.com"), "{}", table.attribution());
}

#[test]
fn tables_agree_with_what_the_databases_were_made_from() {
    let Some(folder) = shared("geoip/maxmind") else { return };
    for name in [
        "GeoIP2-City-Test",
        "GeoIP2-Country-Test",
        "GeoLite2-City-Test",
        "GeoLite2-Country-Test",
        "GeoIP2-Enterprise-Test",
        "GeoIP2-Precision-Enterprise-Test",
    ] {
        let bytes = compiled(&folder.join("test-data").join(name).with_extension("mmdb")).unwrap();
        let table = opened(&bytes);
        let json = fs::read_to_string(folder.join("source-data").join(name).with_extension("json")).unwrap();
        let networks: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&json).unwrap();
        let mut compared = 0;
        for (network, record) in networks.iter().flatten() {
            let (address, length) = network.split_once('/').unwrap();
            // The table sees the first address of a /64 only.
            if length.parse::<u8>().unwrap() > 64 && !address.contains('.') {
                continue;
            }
            // IPv4 is written as ::192.0.2.0 there.
            let address = address.strip_prefix("::").filter(|rest| rest.contains('.')).unwrap_or(address);
            let iso = |field: &str| record[field]["iso_code"].as_str();
            let country = iso("country").or_else(|| iso("registered_country"));
            let found = place(&table, ip(address)).map(|code| code.country().to_string());
            assert_eq!(found.as_deref(), country, "{name} {network}");
            compared += 1;
        }
        assert!(compared > 10, "{name}: {compared}");
    }
}

#[test]
fn two_databases_may_not_hold_the_same_family() {
    let Some(folder) = shared("geoip/maxmind/test-data") else { return };
    let files = ["GeoIP2-City-Test.mmdb", "GeoIP2-Country-Test.mmdb"].map(|name| folder.join(name));
    let message = mmdb::compile(&files, &|_, _| None).unwrap_err().to_string();
    assert!(message.ends_with("GeoIP2-Country-Test.mmdb both hold ipv4; leave one out"), "{message}");
}

#[test]
fn every_cut_of_a_database_is_refused_in_time() {
    let Some(folder) = shared("geoip/maxmind/test-data") else { return };
    let whole = fs::read(folder.join("GeoLite2-Country-Test.mmdb")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("cut.mmdb");
    for length in (0..whole.len()).step_by(997) {
        fs::write(&path, &whole[..length]).unwrap();
        let message = compiled(&path).unwrap_err().to_string();
        assert!(message.contains("cut.mmdb: is damaged"), "{message}");
    }
}

#[test]
fn a_changed_database_is_harmless() {
    let Some(folder) = shared("geoip/maxmind/test-data") else { return };
    let whole = fs::read(folder.join("GeoLite2-Country-Test.mmdb")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("changed.mmdb");
    let mut state = 1_u64;
    for _ in 0..200 {
        let mut changed = whole.clone();
        for _ in 0..8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let position = (state >> 20) as usize % changed.len();
            changed[position] = (state >> 56) as u8;
        }
        fs::write(&path, &changed).unwrap();
        if let Ok(bytes) = compiled(&path) {
            opened(&bytes);
        }
    }
}
