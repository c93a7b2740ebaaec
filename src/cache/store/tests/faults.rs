//! A disk that fails at any one operation, or a process that ends there: no wrong byte, and no space lost.

use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU64;

use super::super::disk::{Disk, System};
use super::*;

/// A disk on which the operation with a certain number fails, or that one and all after it.
#[derive(Debug)]
struct FaultyDisk {
    done: AtomicU64,
    fails_at: u64,
    is_end: bool,
}

impl FaultyDisk {
    fn new(fails_at: u64, is_end: bool) -> Arc<FaultyDisk> {
        Arc::new(FaultyDisk { done: AtomicU64::new(0), fails_at, is_end })
    }

    fn step(&self) -> io::Result<()> {
        let number = self.done.fetch_add(1, Ordering::SeqCst);
        let fails = number == self.fails_at || (self.is_end && number > self.fails_at);
        if fails { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }
}

impl Disk for FaultyDisk {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        System.make_folder(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.step()?;
        System.list(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        self.step()?;
        System.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.step()?;
        System.open(path)
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        self.step()?;
        System.length(file)
    }

    fn reserve(&self, file: &File, offset_bytes: u64, length_bytes: u64) -> io::Result<()> {
        self.step()?;
        System.reserve(file, offset_bytes, length_bytes)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset_bytes: u64) -> io::Result<usize> {
        self.step()?;
        System.read_at(file, buffer, offset_bytes)
    }

    /// What fails is half written.
    fn write_at(&self, file: &File, bytes: &[u8], offset_bytes: u64) -> io::Result<()> {
        if let Err(error) = self.step() {
            if self.done.load(Ordering::SeqCst) == self.fails_at + 1 {
                System.write_at(file, &bytes[..bytes.len() / 2], offset_bytes)?;
            }
            return Err(error);
        }
        System.write_at(file, bytes, offset_bytes)
    }

    fn set_length(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.step()?;
        System.set_length(file, bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.step()?;
        System.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        System.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        System.remove(path)
    }
}

const LIMITS: Limits =
    Limits { cache_bytes_max: 80 * 1024, object_bytes_max: 80 * 1024, open_entries_max: 1, absences_max: 1 };

/// A body that says whose it is: each (key, status) has one.
fn body(name: &str, status: u16) -> Vec<u8> {
    format!("{name} {status} ").repeat(1500).into_bytes()
}

/// Everything a store does. What fails, fails.
fn play(store: &Store) {
    let try_put = |name: &str, status: u16| drop(put(store, &key(name), head(status), &body(name, status)));
    try_put("a", 200);
    try_put("b", 200);
    try_put("a", 201);
    for round in 0..3u64 {
        if let Some(entry) = store.find(&key("a"), Fields::NONE) {
            let new = Head { responded_at_ms: 10 + round, ..head(entry.metadata().head.status) };
            drop(store.update(&entry, new, Label { class: 1, tag: format!("{round}") }));
        }
    }
    if let Lookup::Miss(mut draft) = store.lookup(&key("long"), Fields::NONE) {
        let _ = draft.begin(head(200), Label::default(), None, true);
        let written = body("long", 200).chunks(1000).all(|chunk| draft.append(chunk).is_ok());
        drop(if written { draft.commit(None).ok() } else { None });
    }
    // Some have to go for these.
    (0..6).for_each(|number| try_put(&format!("c{number}"), 200));
    store.remove(&key("c5"));
    drop(store.remove_prefix("c4"));
    drop(store.find(&key("c3"), Fields::NONE));
}

/// Whatever is there is whole, and right.
fn check(folder: &Path, store: &Store, context: &str) {
    let mut count = 0;
    Catalogue::of(folder)
        .for_each(&mut |found| {
            let Ok(found) = found else { return true };
            let entry = store.find(&key(&found.metadata.key), Fields::NONE);
            let entry = entry.unwrap_or_else(|| panic!("{context}: {} is not in the index", found.metadata.key));
            let expected = body(&found.metadata.key, found.metadata.head.status);
            assert!(body_of(&entry) == expected, "{context}: {} has wrong bytes", found.metadata.key);
            assert!(found.is_body_right().unwrap(), "{context}");
            count += 1;
            true
        })
        .unwrap();
    let usage = store.usage();
    assert!(usage.object_bytes <= LIMITS.cache_bytes_max, "{context}: {usage:?}");
    assert_eq!((usage.object_count, usage.reserved_bytes, usage.filling_count), (count, 0, 0), "{context}");
}

fn operations() -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(u64::MAX, false);
    let store = Store::open_on(disk.clone(), folder.path(), LIMITS).unwrap();
    play(&store);
    assert!(store.usage().evicted_count > 0 && store.usage().object_count > 2, "{:?}", store.usage());
    disk.done.load(Ordering::SeqCst)
}

#[test]
fn a_process_that_ends_anywhere_leaves_no_wrong_byte() {
    for number in 0..operations() {
        let folder = tempfile::tempdir().unwrap();
        if let Ok(store) = Store::open_on(FaultyDisk::new(number, true), folder.path(), LIMITS) {
            play(&store);
        }
        let store = open(folder.path(), LIMITS);
        check(folder.path(), &store, &format!("ended at operation {number}"));
        assert_eq!(std::fs::read_dir(folder.path().join("drafts")).unwrap().count(), 0);
    }
}

#[test]
fn an_operation_that_fails_costs_no_more_than_its_object() {
    for number in 0..operations() {
        let context = format!("operation {number} failed");
        let folder = tempfile::tempdir().unwrap();
        let Ok(store) = Store::open_on(FaultyDisk::new(number, false), folder.path(), LIMITS) else { continue };
        play(&store);
        assert_eq!((store.usage().reserved_bytes, store.usage().filling_count), (0, 0), "{context}");
        put(&store, &key("after"), head(200), &body("after", 200)).unwrap();
        assert!(body_of(&hit(&store, &key("after"))) == body("after", 200), "{context}");
        drop(store);
        // A file that could not be removed comes back with the next start, whole.
        let store = open(folder.path(), LIMITS);
        check(folder.path(), &store, &context);
    }
}

#[test]
fn a_full_disk_takes_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    // The first reservation after three objects fails: each object is created, reserved, written and so on.
    let store = Store::open_on(Arc::new(FullDisk(AtomicU64::new(3))), folder.path(), LIMITS).unwrap();
    for name in ["a", "b", "c"] {
        put(&store, &key(name), head(200), b"x").unwrap();
    }
    put(&store, &key("d"), head(200), b"x").unwrap();
    assert_eq!((store.usage().evicted_count, store.usage().object_count), (1, 3));
    assert!(store.find(&key("a"), Fields::NONE).is_none());
}

/// A disk with room for so many reservations, and for another whenever a file is removed.
#[derive(Debug)]
struct FullDisk(AtomicU64);

impl Disk for FullDisk {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        System.make_folder(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        System.list(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        System.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        System.open(path)
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        System.length(file)
    }

    fn reserve(&self, _: &File, _: u64, _: u64) -> io::Result<()> {
        let taken = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        taken.map(|_| ()).map_err(|_| io::Error::from(io::ErrorKind::StorageFull))
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset_bytes: u64) -> io::Result<usize> {
        System.read_at(file, buffer, offset_bytes)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset_bytes: u64) -> io::Result<()> {
        System.write_at(file, bytes, offset_bytes)
    }

    fn set_length(&self, file: &File, bytes: u64) -> io::Result<()> {
        System.set_length(file, bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        System.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        System.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        System.remove(path)
    }
}
