//! Tables from address to place: against a naive reference, against damage, and out of real and of broken databases.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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
        for byte in &mut bytes[44..] {
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
    assert!(matches!(Table::open(b"MZ".repeat(99)), Err(OpenError::Magic)));
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
             \n3221225984,3221226239,DE\r\n3221226240,3221226495,??\n3221226496,3221226751,na\n3221226752,3221226752,ZZ\n",
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
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let outcome = match compiled(&path) {
            Ok(bytes) => format!("{} places", opened(&bytes).places().count()),
            Err(error) => error.to_string(),
        };
        println!("{name}: {outcome}");
    }
}

#[test]
fn the_shipped_table_is_whole() {
    let bytes = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/lists/geoip/country.table")).unwrap();
    assert!(bytes.len() < 4 << 20, "{} bytes", bytes.len());
    let table = opened(&bytes);
    assert!(table.attribution().contains("CC BY-SA 4.0"), "{}", table.attribution());
    assert!(table.source().contains("IPFire"), "{}", table.source());
    assert!(table.places().count() > 200);
}
