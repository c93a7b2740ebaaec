//! Many threads at once: whatever they do to each other's objects, nobody reads a wrong byte.

use std::time::{Duration, Instant};

use super::*;

const LIMITS: Limits =
    Limits { cache_bytes_max: 160 * 1024, object_bytes_max: 160 * 1024, open_entries_max: 3, absences_max: 1 };

/// A body that says whose it is.
fn body(name: &str, status: u16) -> Vec<u8> {
    format!("{name} {status} ").repeat(300 + usize::from(status) * 3).into_bytes()
}

fn fill(mut draft: Draft, name: &str, status: u16) -> Result<(), StoreError> {
    let body = body(name, status);
    draft.begin(head(status), Label::default(), status.is_multiple_of(2).then_some(body.len() as u64), false)?;
    for chunk in body.chunks(3000) {
        draft.append(chunk)?;
    }
    draft.commit(None).map(|_| ())
}

fn check_entry(entry: &Entry, name: &str) {
    assert!(body_of(entry) == body(name, entry.metadata().head.status), "{name}");
}

/// What can be seen of a filling is right at every moment, and it comes to an end.
fn follow(filling: &Filling, name: &str) {
    let begun = Instant::now();
    while filling.progress() <= Progress::Streaming {
        if let Some(head) = filling.head() {
            assert!(body(name, head.status).starts_with(&visible(filling)), "{name}");
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{filling:?} does not end");
        std::thread::yield_now();
    }
    if let (Progress::Complete, Some(head), Some(_)) = (filling.progress(), filling.head(), filling.file()) {
        assert!(visible(filling) == body(name, head.status), "{name}");
    }
}

/// One thread's part. `seed` makes its steps its own.
fn take_part(store: &Store, seed: u64, step_count: u64) {
    let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..step_count {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let name = format!("http://a/{}", dice % 12);
        let key = key(&name);
        let status = 200 + (dice >> 8) as u16 % 400;
        match (dice >> 32) % 20 {
            0 => drop(store.remove(&key)),
            1 => drop(store.remove_prefix("http://a/1").unwrap()),
            2 | 3 => {
                if let Refill::Started(draft) = store.refill(&key, Fields::NONE) {
                    // Others may have taken all the space, or removed the key meanwhile.
                    drop(fill(draft, &name, status));
                }
            }
            4 | 5 => {
                if let Some(entry) = store.find(&key, Fields::NONE) {
                    let new = Head { responded_at_ms: dice, ..entry.metadata().head.clone() };
                    let updated = store.update(&entry, new, Label::default());
                    assert!(matches!(updated, Ok(_) | Err(StoreError::Gone)), "{updated:?}");
                }
            }
            _ => match store.lookup(&key, Fields::NONE) {
                Lookup::Hit(entry) => check_entry(&entry, &name),
                Lookup::Filling(filling) => follow(&filling, &name),
                Lookup::Miss(draft) => drop(fill(draft, &name, status)),
            },
        }
        let usage = store.usage();
        assert!(usage.object_bytes + usage.reserved_bytes <= LIMITS.cache_bytes_max, "{usage:?}");
    }
}

#[test]
fn a_crowd_reads_no_wrong_byte() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), LIMITS);
    std::thread::scope(|scope| {
        for seed in 1..=8 {
            let store = &store;
            scope.spawn(move || take_part(store, seed, 400));
        }
    });
    let usage = store.usage();
    assert_eq!((usage.reserved_bytes, usage.filling_count, usage.damaged_count), (0, 0, 0));
    assert!(usage.evicted_count > 0);
    let (mut count, mut file_bytes) = (0, 0);
    let mut look = |found: Result<Listed, std::path::PathBuf>| {
        let found = found.unwrap();
        assert!(found.is_body_right().unwrap());
        check_entry(&store.find(&key(&found.metadata.key), Fields::NONE).unwrap(), &found.metadata.key);
        (count, file_bytes) = (count + 1, file_bytes + found.file_bytes);
        true
    };
    Catalogue::of(folder.path()).for_each(&mut look).unwrap();
    assert_eq!((count, file_bytes), (usage.object_count, usage.object_bytes), "index and folder agree");
    assert_eq!(std::fs::read_dir(folder.path().join("drafts")).unwrap().count(), 0);
}
