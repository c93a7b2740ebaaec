//! Space: limits hold, whoever is evicted.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const KIB: u64 = 1024;

fn limits(cache_bytes_max: u64) -> Limits {
    Limits { cache_bytes_max, object_bytes_max: cache_bytes_max, open_entries_max: 2, absences_max: 2 }
}

/// What the files in a store's folder take, in whole blocks.
fn bytes_on_disk(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        bytes += if metadata.is_dir() { bytes_on_disk(&entry.path()) } else { metadata.len().next_multiple_of(4096) };
    }
    bytes
}

#[test]
fn room_is_made_before_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), limits(40 * KIB));
    for name in ["a", "b", "c", "d", "e"] {
        put(&store, &key(name), head(200), b"4 kB and a head of 4 kB").unwrap();
    }
    hit(&store, &key("a"));
    let held = hit(&store, &key("b"));
    let mut draft = miss(&store, &key("f"));
    draft.begin(head(200), Label::default(), Some(12 * KIB), false).unwrap();
    let usage = store.usage();
    assert_eq!((usage.object_bytes, usage.reserved_bytes, usage.evicted_count), (24 * KIB, 16 * KIB, 2));
    let there = ["a", "b", "c", "d", "e"].map(|name| store.find(&key(name), Fields::NONE).is_some());
    assert_eq!(there, [true, true, false, false, true], "the least used, and of these the oldest");
    draft.append(&[b'x'; 12 * 1024]).unwrap();
    draft.commit(None).unwrap();
    assert_eq!((store.usage().object_bytes, store.usage().reserved_bytes), (40 * KIB, 0));
    store.set_limits(limits(16 * KIB));
    assert!(store.usage().object_bytes <= 16 * KIB, "new limits hold at once");
    assert_eq!(body_of(&held), b"4 kB and a head of 4 kB", "who reads it goes on reading");
}

#[test]
fn what_is_popular_stays_so_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = open(folder.path(), limits(24 * KIB));
        for name in ["a", "b", "c"] {
            put(&store, &key(name), head(200), b"x").unwrap();
        }
        (0..5).for_each(|_| drop(hit(&store, &key("a"))));
    }
    let store = open(folder.path(), limits(24 * KIB));
    for name in ["d", "e", "f", "g"] {
        put(&store, &key(name), head(200), b"x").unwrap();
    }
    let there = ["a", "b", "c"].map(|name| store.find(&key(name), Fields::NONE).is_some());
    assert_eq!(there, [true, false, false]);
}

#[test]
fn pinned_objects_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), limits(24 * KIB));
    for name in ["a", "b", "c"] {
        put(&store, &key(name), head(200), b"x").unwrap();
        assert!(store.pin(&key(name)));
    }
    assert!(!store.pin(&key("d")));
    assert!(matches!(put(&store, &key("d"), head(200), b"x"), Err(StoreError::Full { .. })));
    store.unpin(&key("b"));
    put(&store, &key("d"), head(200), b"x").unwrap();
    let there = ["a", "b", "c", "d"].map(|name| store.find(&key(name), Fields::NONE).is_some());
    assert_eq!(there, [true, false, true, true]);
}

#[test]
fn one_object_has_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Limits { object_bytes_max: 2048 * KIB, ..limits(4096 * KIB) });
    put(&store, &key("small"), head(200), b"x").unwrap();
    let mut draft = miss(&store, &key("a"));
    let refused = draft.begin(head(200), Label::default(), Some(2045 * KIB), false);
    assert!(matches!(refused, Err(StoreError::TooLarge { bytes_max, .. }) if bytes_max == 2048 * KIB));
    assert_eq!(draft.filling().progress(), Progress::Waiting, "nobody has seen anything yet");
    draft.begin(head(200), Label::default(), None, false).unwrap();
    let chunk = vec![7; 100_000];
    let refused = (0..100).find_map(|_| draft.append(&chunk).err());
    assert!(matches!(refused, Some(StoreError::TooLarge { .. })));
    assert!(store.usage().reserved_bytes <= 2048 * KIB);
    drop(draft);
    assert_eq!((store.usage().reserved_bytes, store.usage().object_count), (0, 1), "and nobody had to go for it");
}

#[test]
fn a_body_of_unknown_length_takes_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), limits(64 * 1024 * KIB));
    let body: Vec<u8> = (0..5_000_000u32).map(|number| (number % 253) as u8).collect();
    let mut draft = miss(&store, &key("a"));
    draft.begin(head(200), Label::default(), None, false).unwrap();
    body.chunks(64 * 1024).for_each(|chunk| draft.append(chunk).unwrap());
    let entry = draft.commit(None).unwrap();
    assert!(body_of(&entry) == body);
    assert_eq!((store.usage().reserved_bytes, store.usage().object_bytes), (0, 4096 + 5_001_216));
}

#[test]
fn few_entries_are_kept_open() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), limits(1024 * KIB));
    for number in 0..20 {
        put(&store, &key(&format!("{number}")), head(200), b"x").unwrap();
    }
    let links = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| entry.ok()?.path().read_link().ok());
    let open = links.filter(|path| path.starts_with(folder.path().join("objects"))).count();
    assert_eq!(open, 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is done, what is found is what was put there last, and the limit holds.
    #[test]
    fn the_store_is_a_map_that_forgets(
        steps in prop::collection::vec((0..10u8, 0..8u8, 0..30_000usize), 1..60)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path(), limits(100 * KIB));
        let mut model: HashMap<u8, (u16, Vec<u8>)> = HashMap::new();
        for (number, (step, name, length)) in steps.into_iter().enumerate() {
            let name_key = key(&format!("k/{name}"));
            let status = 200 + number as u16;
            match step {
                0..=4 => {
                    let body = vec![number as u8; length];
                    put(&store, &name_key, head(status), &body).unwrap();
                    model.insert(name, (status, body));
                }
                5 => if let Some(entry) = store.find(&name_key, Fields::NONE) {
                    store.update(&entry, head(status), Label::default()).unwrap();
                    model.entry(name).and_modify(|known| known.0 = status);
                }
                6 => {
                    store.remove(&name_key);
                    model.remove(&name);
                }
                7 => {
                    drop(store);
                    store = open(folder.path(), limits(100 * KIB));
                }
                _ => if let Some(entry) = store.find(&name_key, Fields::NONE) {
                    let found = (entry.metadata().head.status, body_of(&entry));
                    prop_assert_eq!(Some(&found), model.get(&name));
                }
            }
            let usage = store.usage();
            prop_assert!(usage.object_bytes <= 100 * KIB && usage.reserved_bytes == 0);
            prop_assert_eq!(bytes_on_disk(&folder.path().join("objects")), usage.object_bytes);
        }
    }
}
