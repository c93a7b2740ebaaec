//! Snapshots as files: damage of every kind, what lists may hold, and publishing while others read.
//!
//! Not here: the order of mirrors (`mirrorlist`), generations one by one (`src/snapshot/store.rs`).

mod stage;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mirrorlistd::inventory::{Inventory, Kind, Status, read_text};
use mirrorlistd::net::Family;
use mirrorlistd::plan::{self, Goods};
use mirrorlistd::snapshot::{BaseUrl, FolderIndex, GroupIndex, PlaceIndex, Row, Store, View};
use proptest::prelude::*;
use stage::{EMBERS, gallery, inventory};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of the head: what decides how all others are read. Stated in the byte table: 48 and 27 sections of 16.
const HEAD_BYTES: usize = 48 + 27 * 16;

fn snapshot() -> Vec<u8> {
    built(&inventory())
}

fn built(inventory: &Inventory) -> Vec<u8> {
    plan::build(inventory, &Goods::unverified(inventory)).unwrap()
}

/// Asks a view for all it has and some that it has not. There is nothing to expect but that it comes to an end.
fn look_everywhere(view: &View<&[u8]>, turns: &[usize]) -> usize {
    let mut found = view.networks().count() + view.places().count();
    for name in ["9", "9.8", "", "x"] {
        found += usize::from(view.find(name.as_bytes(), b"x86_64", b"baseos").is_some());
    }
    found += usize::from(view.find_images(b"ember", b"9", b"isos", b"x86_64").is_some());
    let images: Vec<_> = (0..view.folder_count().min(16) as u32 + 2).map(FolderIndex).collect();
    let files = images.iter().flat_map(|&index| {
        view.file(index, b"ember-9.8-dvd.iso").into_iter().chain(view.files(index).take(16)).map(|file| file.carried)
    });
    let folders = images.iter().filter_map(|&index| {
        let folder = view.folder(index)?;
        let _ = view.folder_aliases(index).count();
        Some(folder.carried)
    });
    let repos = view.keys().into_iter().filter_map(|(_, index)| view.repo(index));
    let groups = (0..view.group_count() as u32 + 2).map(|group| Row::Group(GroupIndex(group)));
    let rows: Vec<Row> = (0..16).map(|place| Row::Place(PlaceIndex(place))).chain(groups.take(16)).collect();
    for repo in repos.chain(folders).chain(files) {
        found += repo.suffix.len() + view.last_resort(repo.tree).map_or(0, BaseUrl::len_bytes);
        for family in Family::ALL {
            let serving = view.serving(&repo, family);
            for (row, turn) in rows.iter().flat_map(|&row| turns.iter().map(move |&turn| (row, turn))) {
                for mirror in view.candidates(&repo, family, row, turn).take(200) {
                    found += serving.base(mirror).map_or(0, <[u8]>::len);
                    found += view.mirror(mirror).map_or(0, |mirror| mirror.name.len());
                }
            }
        }
    }
    found
}

/// Whether the bytes are refused. Those that open are asked all the same: workers might have them before a check.
fn is_refused(bytes: &[u8]) -> bool {
    match View::open(bytes) {
        Err(_) => true,
        Ok(view) => {
            look_everywhere(&view, &[0]);
            view.check().is_err()
        }
    }
}

#[test]
fn the_same_inventory_gives_the_same_bytes() {
    let whole = snapshot();
    assert_eq!(whole, snapshot());
    let view = View::open(&whole[..]).unwrap();
    view.check().unwrap();
    assert!(look_everywhere(&view, &[0, 1, 63, 64, usize::MAX >> 8]) > 10_000);
}

#[test]
fn every_cut_is_refused() {
    for whole in [snapshot(), gallery(false)] {
        for length in 0..whole.len() {
            assert!(is_refused(&whole[..length]), "{length} bytes of {}", whole.len());
        }
        assert!(is_refused(&[&whole[..], b"\0"].concat()), "and so is what was added to");
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for mut bytes in [snapshot(), gallery(false)] {
        let head = 0..HEAD_BYTES * 8;
        // Behind the head a sample: every byte there is, in another bit each.
        let rest = (HEAD_BYTES..bytes.len()).map(|at| at * 8 + at % 8);
        // Each case hashes the file, so that at most 20,000 of them are enough.
        let stride = (bytes.len() - HEAD_BYTES).div_ceil(20_000);
        for bit in head.chain(rest.step_by(stride)) {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let refused = match View::open(&bytes[..]) {
                Err(_) => true,
                Ok(view) => {
                    if bit % 13 == 0 || bit < HEAD_BYTES * 8 {
                        look_everywhere(&view, &[0]);
                    }
                    view.check().is_err()
                }
            };
            assert!(refused, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(!is_refused(&bytes));
    }
}

/// A mirror of chance.
#[derive(Clone, Debug)]
struct Chance {
    place: Option<&'static str>,
    families: &'static str,
    status: &'static str,
    kind: &'static str,
    listed: bool,
    tier: u8,
    bandwidth_mbps: u32,
    network: Option<u8>,
    trees: u8,
}

fn chances() -> impl Strategy<Value = Vec<Chance>> {
    let places = prop::sample::select(vec![
        None,
        Some("country = \"DE\""),
        Some("country = \"JP\""),
        Some("country = \"US\""),
        Some("country = \"US\"\nsubdivision = \"TX\""),
        Some("country = \"CA\"\nsubdivision = \"ON\""),
    ]);
    let families = prop::sample::select(vec!["\"ipv4\"", "\"ipv6\"", "\"ipv4\", \"ipv6\""]);
    let status = prop::sample::select(vec!["active", "active", "active", "disabled", "dead", "master"]);
    let kind = prop::sample::select(vec!["direct", "direct", "indirect", "own"]);
    let numbers = (1..4_u8, 1..20_000_u32, prop::option::of(0..4_u8), 1..4_u8);
    let one = (places, families, status, kind, prop::bool::weighted(0.8), numbers).prop_map(
        |(place, families, status, kind, listed, (tier, bandwidth_mbps, network, trees))| Chance {
            place,
            families,
            status,
            kind,
            listed,
            tier,
            bandwidth_mbps,
            network,
            trees,
        },
    );
    prop::collection::vec(one, 0..70)
}

/// The small inventory with other mirrors.
fn inventory_of(chances: &[Chance]) -> Inventory {
    let mut text = String::new();
    for (number, chance) in chances.iter().enumerate() {
        text += &format!("[[mirror]]\nname = \"m{number}\"\n{}\n", chance.place.unwrap_or_default());
        for (bit, tree) in [(1, "ember"), (2, "ember-vault")] {
            if chance.trees & bit > 0 {
                text += &format!("base.{tree}.https = \"https://m{number}.example/{tree}/\"\n");
            }
        }
        text += &format!(
            "families = [{}]\nstatus = \"{}\"\nkind = \"{}\"\nlisted = {}\ntier = {}\nbandwidth_mbps = {}\n",
            chance.families, chance.status, chance.kind, chance.listed, chance.tier, chance.bandwidth_mbps
        );
        if let Some(network) = chance.network {
            text += &format!("networks = [\"192.0.2.0/{}\"]\n", 24 + network);
        }
    }
    let files = [EMBERS[0], ("chance.toml", &text), EMBERS[2]];
    let reading = read_text(&files.map(|(name, text)| (PathBuf::from(name), text.to_owned())));
    assert_eq!(reading.problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "{text}");
    reading.inventory
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lists_hold_whom_they_may(chances in chances(), turn in 0..64_usize) {
        let inventory = inventory_of(&chances);
        let bytes = built(&inventory);
        prop_assert_eq!(&bytes, &built(&inventory));
        let view = View::open(&bytes[..]).unwrap();
        view.check().unwrap();
        for (_, index) in view.keys() {
            let repo = view.repo(index).unwrap();
            let tree = view.tree_name(repo.tree);
            for family in Family::ALL {
                let serving = view.serving(&repo, family);
                // Whoever is active, listed, has the tree and is reached over the family: no one else, and no one
                // twice.
                let may: BTreeSet<&str> = inventory.mirrors.iter()
                    .filter(|one| one.status == Status::Active && one.listed)
                    .filter(|one| one.base.contains_key(tree) && one.families.contains(&family))
                    .map(|one| one.name.as_str())
                    .collect();
                let places = view.places().map(|code| view.place(code).unwrap());
                for place in std::iter::once(PlaceIndex::FALLBACK).chain(places) {
                    let candidates: Vec<_> = view.candidates(&repo, family, Row::Place(place), turn).collect();
                    let good = candidates.iter().filter(|mirror| serving.base(**mirror).is_some());
                    let names: Vec<&str> = good.map(|mirror| view.mirror(*mirror).unwrap().name).collect();
                    let different: BTreeSet<&str> = names.iter().copied().collect();
                    prop_assert_eq!(different.len(), names.len(), "a mirror twice: {:?}", names);
                    // So a subdivision has no fewer than its country, and neither than the fallback.
                    prop_assert_eq!(&different, &may);
                    let all: BTreeSet<_> = candidates.iter().map(|mirror| mirror.0).collect();
                    prop_assert_eq!(all.len(), candidates.len());
                }
                for group in 0..view.group_count() as u32 {
                    let row = Row::Group(GroupIndex(group));
                    let members: Vec<_> = view.candidates(&repo, family, row, turn).map(|mirror| mirror.0).collect();
                    let different: BTreeSet<_> = members.iter().copied().collect();
                    prop_assert_eq!(different.len(), members.len());
                }
            }
        }
    }

    #[test]
    fn a_countrys_own_mirrors_come_first(chances in chances(), turn in 0..64_usize) {
        let inventory = inventory_of(&chances);
        let bytes = built(&inventory);
        let view = View::open(&bytes[..]).unwrap();
        let repo = view.repo(view.find(b"9", b"x86_64", b"baseos").unwrap()).unwrap();
        for (code, home) in [("DE", "DE"), ("US", "US"), ("US-TX", "US-TX"), ("US-NV", "US"), ("CA-ON", "CA-ON")] {
            let place = view.place(code.parse().unwrap()).unwrap();
            let is_home = |name: &str| {
                let mirror = inventory.mirrors.iter().find(|one| one.name == name).unwrap();
                let own = mirror.place.is_some_and(|place| {
                    place.to_string() == home || place.country().to_string() == home
                });
                own && mirror.kind != Kind::Own
            };
            let candidates = view.candidates(&repo, Family::Ipv4, Row::Place(place), turn);
            let names: Vec<bool> = candidates.map(|mirror| is_home(view.mirror(mirror).unwrap().name)).collect();
            let home_count = names.iter().filter(|is_home| **is_home).count();
            prop_assert!(names[..home_count].iter().all(|is_home| *is_home), "{}: {:?}", code, names);
        }
    }

    /// Damage that the checksum does not show, as a wrong builder would make it: `check` may find it or not, but
    /// neither it nor any lookup panics.
    #[test]
    fn nonsense_with_a_right_checksum_is_harmless(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        in_head in any::<bool>(),
        with_images in any::<bool>(),
    ) {
        let mut bytes = if with_images { gallery(false) } else { snapshot() };
        let end = if in_head { HEAD_BYTES } else { bytes.len() };
        for (at, byte) in changes {
            let at = 16 + at.index(end - 16);
            bytes[at] = byte;
        }
        let checksum = xxh3_64(&bytes[16..]);
        bytes[8..16].copy_from_slice(&checksum.to_le_bytes());
        if let Ok(view) = View::open(&bytes[..]) {
            look_everywhere(&view, &[0, 63, 1000]);
            let _ = view.check();
        }
    }
}

#[test]
fn the_shipped_lists_leave_nobody_without_a_url() {
    let lists = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("lists");
    let reading = mirrorlistd::inventory::read(&lists).unwrap();
    let bytes = built(&reading.inventory);
    let view = View::open(&bytes[..]).unwrap();
    let places = ["DE", "US-TX", "NZ", "AQ"].map(|code| view.place(code.parse().unwrap()).unwrap());
    let rows: Vec<Row> = [PlaceIndex::FALLBACK].into_iter().chain(places).map(Row::Place).collect();
    let mut listed_count = 0;
    for (names, index) in view.keys() {
        let repo = view.repo(index).unwrap();
        for (family, row) in Family::ALL.into_iter().flat_map(|family| rows.iter().map(move |row| (family, *row))) {
            let serving = view.serving(&repo, family);
            let has_mirror = view.candidates(&repo, family, row, 0).any(|mirror| serving.base(mirror).is_some());
            assert!(has_mirror || view.last_resort(repo.tree).is_some(), "{names:?} {family} {row:?}");
            listed_count += usize::from(has_mirror);
        }
    }
    assert!(listed_count > 1000, "{listed_count} lists");
}

#[test]
fn readers_see_the_old_snapshot_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let versions: Vec<Vec<u8>> = (0..3)
        .map(|count| {
            let mut inventory = inventory();
            inventory.mirrors.drain(..count);
            built(&inventory)
        })
        .collect();
    let checksums: BTreeSet<u64> = versions.iter().map(|bytes| View::open(&bytes[..]).unwrap().checksum()).collect();
    assert_eq!(checksums.len(), versions.len());
    store.publish(&versions[0]).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = BTreeSet::new();
                    let mut held = Vec::new();
                    while !is_over.load(Ordering::Acquire) || seen.is_empty() {
                        // Opens, and walks every byte.
                        let (_, view) = store.open().unwrap();
                        seen.insert(view.checksum());
                        held.truncate(3);
                        held.insert(0, view);
                        // One that is held stays sound, whatever is published or removed meanwhile.
                        held.iter().for_each(|view| view.check().unwrap());
                    }
                    seen
                })
            })
            .collect();
        for round in 0..60 {
            store.publish(&versions[round % versions.len()]).unwrap();
            if round % 10 == 9 {
                store.rollback().unwrap();
            }
        }
        is_over.store(true, Ordering::Release);
        for reader in readers {
            assert!(reader.join().unwrap().is_subset(&checksums));
        }
    });
    assert!(store.generations().unwrap().len() <= 3);
}
