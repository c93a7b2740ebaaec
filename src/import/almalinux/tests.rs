//! Whole imports.

use proptest::prelude::*;

use super::*;
use crate::inventory::{Country, read_text};

/// A small world and a cloud, as inventory files have them.
fn world_text() -> String {
    let country = |code: &str, name: &str, more: &str| {
        format!(
            "[[country]]\ncode = '{code}'\nname = '{name}'\ncontinent = 'europe'\nlatitude = 0\nlongitude = 0\n{more}\n"
        )
    };
    [
        country("CA", "Canada", "subdivisions = { QC = 'Québec' }"),
        country("DE", "Germany", ""),
        country("GB", "United Kingdom", "aliases = ['UK']"),
        country("GE", "Georgia", ""),
        country("IO", "British Indian Ocean Territory", ""),
        country("JP", "Japan", ""),
        country("NO", "Norway", ""),
        country("PR", "Puerto Rico", ""),
        country(
            "US",
            "United States",
            "subdivisions = { GA = 'Georgia', PR = 'Puerto Rico', TX = 'Texas', VA = 'Virginia' }",
        ),
        "[[cloud]]\nname = 'aws'\n".into(),
        "[[cloud_region]]\ncloud = 'aws'\nname = 'us-east-1'\nprefixes = '198.51.100.0/24'\n".into(),
    ]
    .concat()
}

/// The countries of the small world.
pub(super) fn countries() -> Vec<Country> {
    let reading = read_text(&[("world.toml".into(), world_text())]);
    assert_eq!(reading.problems, []);
    reading.inventory.countries
}

/// What an inventory's reader says about imported files.
fn problems(imported: &Imported) -> Vec<String> {
    let mut files = vec![("world.toml".into(), world_text())];
    files.extend(imported.files.iter().cloned());
    read_text(&files).problems.iter().map(ToString::to_string).collect()
}

const CONFIG: &str = "
versions: ['9', '9.8']
optional_module_versions: {kitten: ['10']}
duplicated_versions: {'9': '9.8'}
vault_versions: ['9.7']
vault_mirror: http://vault.example.org
arches: {'9': [x86_64, aarch64], 10-kitten: [x86_64]}
repos:
  - {name: baseos, path: BaseOS/$basearch/os/}
  - {name: rt, path: RT/$basearch/os/, versions: ['9.8'], arches: [x86_64]}
  - {name: baseos-source, path: BaseOS/Source/, vault: true}
";

const MIRROR: &str = "
name: m.example.de
address:
  http: http://m.example.de/a
  https: https://m.example.de/a/
  rsync: m.example.de::a
address_optional: {kitten: {https: 'https://m.example.de/k/'}}
geolocation: {country: US, state_province: Texas, city: Dallas}
asn: [64500]
subnets: [192.0.2.0/24, '2001:0db8::/48']
cloud_type: aws
cloud_regions: [us-east-1]
monopoly: true
private: false
";

fn stamp() -> Stamp {
    Stamp { origin: "example.org/mirrors".into(), date: "2026-01-02".into() }
}

fn import_of(config: &str, mirrors: &[(&str, &[u8])]) -> Result<Imported, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yml"), config).unwrap();
    std::fs::create_dir(folder.path().join("mirrors.d")).unwrap();
    for (name, text) in mirrors {
        std::fs::write(folder.path().join("mirrors.d").join(name), text).unwrap();
    }
    import(folder.path(), &World::new(&countries()), &stamp())
}

#[test]
fn the_files_read_as_they_should() {
    let imported = import_of(CONFIG, &[("m.yml", MIRROR.as_bytes())]).unwrap();
    assert_eq!(imported.files[0].1, include_str!("tests/almalinux.toml"));
    assert_eq!(imported.files[1].1, include_str!("tests/mirrors.toml"));
    assert_eq!(problems(&imported), [""; 0]);
    assert_eq!(imported, import_of(CONFIG, &[("m.yml", MIRROR.as_bytes())]).unwrap());
}

#[test]
fn odd_files_are_skipped_with_a_note() {
    let long = vec![b'#'; MIRROR_BYTES_MAX + 1];
    let files: [(&str, &[u8]); 6] = [
        ("a.yml", MIRROR.as_bytes()),
        ("b.yml", MIRROR.as_bytes()),
        ("c.yml", b"\xff"),
        ("d.yml", &long),
        ("e.yml", b"name: {"),
        ("README.md", b"hello"),
    ];
    let imported = import_of(CONFIG, &files).unwrap();
    assert_eq!(imported.files[1].1.matches("[[mirror]]").count(), 2);
    for (file, reason) in [
        ("mirrors.d/b.yml", "already"),
        ("mirrors.d/c.yml", "UTF-8"),
        ("mirrors.d/d.yml", "larger"),
        ("mirrors.d/e.yml", "cannot be parsed"),
        ("mirrors.d/README.md", "not a `.yml` file"),
    ] {
        let note = imported.notes.iter().find(|note| note.file == file && note.found.contains(reason));
        assert!(note.is_some_and(|note| note.done == "skipped"), "{file}: {:#?}", imported.notes);
    }
}

#[test]
fn without_config_or_mirrors_there_is_no_import() {
    let folder = tempfile::tempdir().unwrap();
    let world = countries();
    let run = || import(folder.path(), &World::new(&world), &stamp());
    assert!(run().unwrap_err().to_string().contains("config.yml"));
    std::fs::write(folder.path().join("config.yml"), CONFIG).unwrap();
    assert!(run().unwrap_err().to_string().contains("mirrors.d"));
    assert!(matches!(import_of("versions: 1", &[]), Err(ImportError::Format { .. })));
}

/// `text` with some bytes changed and some pieces put in.
fn mutated(text: &str, changes: &[(prop::sample::Index, u8)], pieces: &[String]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (at, byte) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *byte;
    }
    for (place, piece) in pieces.iter().enumerate() {
        let at = bytes.len() * (place + 1) / (pieces.len() + 1);
        bytes.splice(at..at, piece.bytes());
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever a mirror's file says, the import goes on and the inventory takes what it wrote.
    #[test]
    fn a_mutated_mirror_harms_nothing(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        pieces in prop::collection::vec("[-a-z0-9:{}\\[\\]/'#&*!|>\\n ]{0,12}", 0..4),
    ) {
        // A region that there is not would be the reader's to tell.
        let mirror = MIRROR.replace("cloud_regions: [us-east-1]", "");
        let imported = import_of(CONFIG, &[("m.yml", &mutated(&mirror, &changes, &pieces))]).unwrap();
        prop_assert_eq!(problems(&imported), [""; 0]);
        prop_assert!(imported.notes.iter().all(|note| !note.to_string().contains('\n')));
    }

    /// Whatever `config.yml` says, there is an error or a file of TOML.
    #[test]
    fn a_mutated_config_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 32u8..127), 0..4),
        pieces in prop::collection::vec("[-a-z0-9:{}\\[\\]/'#&*!|>\\n ]{0,12}", 0..4),
    ) {
        let config = String::from_utf8(mutated(CONFIG, &changes, &pieces)).unwrap();
        if let Ok(imported) = import_of(&config, &[]) {
            prop_assert!(imported.files[0].1.parse::<toml::Table>().is_ok());
        }
    }
}
