//! The store as a whole: what its users rely on.

mod crowd;
mod faults;
mod limits;

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::cache::semantics::Variant;
use crate::http::{FieldBlock, Fields};

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn fields(list: &[(&str, &str)]) -> FieldBlock {
    let mut block = FieldBlock::new();
    for (name, value) in list {
        assert!(block.push(name.as_bytes(), value.as_bytes()));
    }
    block
}

fn head(status: u16) -> Head {
    let fields = fields(&[("Content-Type", "text/plain")]);
    Head { status, fields, requested_at_ms: 1, responded_at_ms: 2, variant: Variant::default() }
}

fn open(folder: &Path, limits: Limits) -> Store {
    Store::open(folder, limits).unwrap()
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("cache"), Limits::default());
    (folder, store)
}

fn miss(store: &Store, key: &Key) -> Draft {
    match store.lookup(key, Fields::NONE) {
        Lookup::Miss(draft) => draft,
        other => panic!("{other:?}"),
    }
}

fn hit(store: &Store, key: &Key) -> Arc<Entry> {
    match store.lookup(key, Fields::NONE) {
        Lookup::Hit(entry) => entry,
        other => panic!("{other:?}"),
    }
}

/// Stores a body under a key, in place of what was there.
fn put(store: &Store, key: &Key, head: Head, body: &[u8]) -> Result<Arc<Entry>, StoreError> {
    let Refill::Started(mut draft) = store.refill(key, Fields::NONE) else { panic!("somebody is at it") };
    draft.begin(head, Label::default(), Some(body.len() as u64), false)?;
    draft.append(body)?;
    draft.commit(None)
}

fn body_of(entry: &Entry) -> Vec<u8> {
    let mut body = vec![0; entry.body_bytes() as usize];
    entry.file().read_exact_at(&mut body, entry.body_offset()).unwrap();
    body
}

fn visible(filling: &Filling) -> Vec<u8> {
    let (file, offset) = filling.file().unwrap();
    let mut body = vec![0; filling.visible_bytes() as usize];
    file.read_exact_at(&mut body, offset).unwrap();
    body
}

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rung(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

#[test]
fn an_object_comes_and_is_there() {
    let (_folder, store) = store();
    let a = key("http://a/1");
    let mut draft = miss(&store, &a);
    let Lookup::Filling(filling) = store.lookup(&a, Fields::NONE) else { panic!("two writers") };
    let bell = Arc::new(Bell::default());
    let waker: Arc<dyn Wake> = bell.clone();
    (0..2).for_each(|_| filling.watch(&waker));
    assert_eq!((filling.progress(), filling.visible_bytes(), filling.head()), (Progress::Waiting, 0, None));
    draft.begin(head(200), Label { class: 1, tag: "t".into() }, Some(6), false).unwrap();
    assert_eq!((bell.rung(), filling.progress(), filling.body_bytes()), (1, Progress::Streaming, Some(6)));
    assert_eq!(filling.head().unwrap().status, 200);
    draft.append(b"abc").unwrap();
    assert_eq!((bell.rung(), visible(&filling), draft.written_bytes()), (1, b"abc".to_vec(), 3));
    draft.append(b"def").unwrap();
    let entry = draft.commit(None).unwrap();
    assert!(bell.rung() >= 2);
    assert_eq!((filling.progress(), visible(&filling)), (Progress::Complete, b"abcdef".to_vec()));
    assert!(Arc::ptr_eq(&filling.entry().unwrap(), &entry) && Arc::ptr_eq(&hit(&store, &a), &entry));
    assert_eq!((body_of(&entry), entry.body_offset() % 4096), (b"abcdef".to_vec(), 0));
    let usage = store.usage();
    assert_eq!((usage.object_count, usage.object_bytes, usage.reserved_bytes, usage.filling_count), (1, 8192, 0, 0));
}

#[test]
fn of_many_who_ask_at_once_one_fetches() {
    let (_folder, store) = store();
    let misses: usize = std::thread::scope(|scope| {
        let ask = || match store.lookup(&key("k"), Fields::NONE) {
            Lookup::Miss(mut draft) => {
                draft.begin(head(200), Label::default(), None, false).unwrap();
                draft.append(b"body").unwrap();
                draft.commit(None).unwrap();
                1
            }
            Lookup::Hit(entry) => usize::from(body_of(&entry) != b"body"),
            Lookup::Filling(_) => 0,
        };
        let asking: Vec<_> = (0..32).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(misses, 1);
}

#[test]
fn objects_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let long = vec![b'x'; 300_000];
    let stored = {
        let store = open(folder.path(), Limits::default());
        put(&store, &key("a"), head(404), &long).unwrap();
        put(&store, &key("b"), head(200), b"").unwrap().metadata().clone()
    };
    let store = open(folder.path(), Limits::default());
    assert_eq!(store.usage().object_bytes, (4096 + 303_104) + 4096);
    assert_eq!(hit(&store, &key("b")).metadata(), &stored);
    assert_eq!(hit(&store, &key("b")).response().status, 200);
    let entry = hit(&store, &key("a"));
    assert_eq!((body_of(&entry) == long, entry.metadata().head.status), (true, 404));
    assert!(Arc::ptr_eq(&entry, &hit(&store, &key("a"))), "an entry is opened once");
}

#[test]
fn a_second_process_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Limits::default());
    let error = Store::open(folder.path(), Limits::default()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { holder: Some(pid), .. } if pid == std::process::id()), "{error}");
    drop(store);
    open(folder.path(), Limits::default());
}

#[test]
fn a_confirmed_object_has_a_new_head_and_its_old_body() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Limits::default());
    let mut entry = put(&store, &key("a"), head(200), b"body").unwrap();
    let first = entry.clone();
    for round in 0..5u64 {
        let Refill::Started(draft) = store.refill(&key("a"), Fields::NONE) else { panic!("nobody is at it") };
        let filling = draft.filling().clone();
        assert!(matches!(store.refill(&key("a"), Fields::NONE), Refill::Joined(_)));
        assert_eq!(hit(&store, &key("a")).metadata(), entry.metadata(), "the old one is there meanwhile");
        let new = Head { responded_at_ms: 100 + round, ..head(200) };
        let label = Label { class: 9, tag: format!("round {round}") };
        entry = draft.refresh(&entry, new.clone(), label.clone()).unwrap();
        assert_eq!((&entry.metadata().head, &entry.metadata().label), (&new, &label));
        assert!(Arc::ptr_eq(&filling.entry().unwrap(), &entry) && filling.file().is_none());
        assert_eq!((filling.progress(), body_of(&entry)), (Progress::Complete, b"body".to_vec()));
    }
    assert!(matches!(store.update(&first, head(200), Label::default()), Err(StoreError::Gone)));
    let mut large = head(200);
    assert!(large.fields.push(b"X", &[b'x'; 5000]));
    assert!(matches!(store.update(&entry, large, Label::default()), Err(StoreError::TooLong { .. })));
    drop(store);
    let again = hit(&open(folder.path(), Limits::default()), &key("a"));
    assert_eq!((again.metadata(), body_of(&again)), (entry.metadata(), b"body".to_vec()));
}

#[test]
fn variants_lie_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let vary = fields(&[("Vary", "Accept")]);
    let request = |accept: &str| fields(&[("Accept", accept)]);
    let add = |store: &Store, accept: &str| {
        let request = request(accept);
        let Lookup::Miss(mut draft) = store.lookup(&key("a"), request.fields()) else { panic!("{accept} is there") };
        let joined = matches!(store.lookup(&key("a"), Fields::NONE), Lookup::Filling(_));
        let variant = Variant::of(vary.fields(), request.fields()).unwrap();
        draft.begin(Head { variant, ..head(200) }, Label::default(), None, false).unwrap();
        let Lookup::Miss(other) = store.lookup(&key("a"), Fields::NONE) else { panic!("it answers another request") };
        other.decline();
        draft.append(accept.as_bytes()).unwrap();
        draft.commit(None).unwrap();
        joined
    };
    let get = |store: &Store, accept: &str| {
        store.find(&key("a"), request(accept).fields()).map(|entry| String::from_utf8(body_of(&entry)).unwrap())
    };
    let store = open(folder.path(), Limits::default());
    assert!(add(&store, "text/html") && add(&store, "text/plain"), "without a head nobody can know better");
    drop(store);
    let store = open(folder.path(), Limits::default());
    assert_eq!(get(&store, "TEXT/html").as_deref(), Some("text/html"));
    assert_eq!(get(&store, "text/plain").as_deref(), Some("text/plain"));
    assert_eq!(get(&store, "image/png"), None);
    put(&store, &key("a"), head(200), b"for all").unwrap();
    assert_eq!(get(&store, "text/plain").as_deref(), Some("for all"));
    assert_eq!(store.usage().object_count, 1);
    assert!(store.remove(&key("a")) && !store.remove(&key("a")));
}

#[test]
fn the_end_is_held_back_until_the_digest_is_right() {
    let (_folder, store) = store();
    let body: Vec<u8> = (0..200_000u32).map(|number| (number % 251) as u8).collect();
    let mut draft = miss(&store, &key("a"));
    draft.begin(head(200), Label::default(), Some(200_000), true).unwrap();
    let filling = draft.filling().clone();
    let mut wrong = body.clone();
    wrong[190_000] ^= 1;
    wrong.chunks(7_000).for_each(|chunk| draft.append(chunk).unwrap());
    assert_eq!(filling.visible_bytes(), 200_000 - HELD_BACK_BYTES);
    let digest = draft.sha256().unwrap();
    draft.rewind();
    assert_eq!(draft.written_bytes(), 0);
    body.chunks(9_000).for_each(|chunk| draft.append(chunk).unwrap());
    assert_ne!(draft.sha256(), Some(digest), "another source had the right bytes");
    let right = draft.sha256();
    let entry = draft.commit(right).unwrap();
    assert!(body_of(&entry) == body && visible(&filling) == body && entry.metadata().body_sha256 == right);
}

#[test]
fn what_readers_saw_does_not_change() {
    let (_folder, store) = store();
    let mut draft = miss(&store, &key("a"));
    draft.begin(head(200), Label::default(), Some(8), false).unwrap();
    draft.append(b"abcd").unwrap();
    draft.rewind();
    draft.append(b"ab").unwrap();
    assert!(matches!(draft.append(b"cXef"), Err(StoreError::Diverged { offset_bytes: 3 })));
    assert_eq!((visible(draft.filling()), draft.written_bytes()), (b"abcd".to_vec(), 2));
    draft.append(b"cdef").unwrap();
    assert!(matches!(draft.append(b"ghi"), Err(StoreError::Length { expected: 8, got: 9 })));
    draft.append(b"gh").unwrap();
    assert_eq!(body_of(&draft.commit(None).unwrap()), b"abcdefgh");
    // Of unknown length, and the second source ends before what was seen.
    let mut draft = miss(&store, &key("b"));
    draft.begin(head(200), Label::default(), None, false).unwrap();
    draft.append(b"abcd").unwrap();
    draft.rewind();
    draft.append(b"abc").unwrap();
    let filling = draft.filling().clone();
    assert!(matches!(draft.commit(None), Err(StoreError::Diverged { offset_bytes: 3 })));
    assert_eq!(filling.progress(), Progress::Failed);
}

#[test]
fn what_comes_to_nothing_says_so_and_leaves_nothing() {
    let (folder, store) = store();
    type End = (&'static str, fn(Draft), Progress);
    let ends: [End; 4] = [
        ("declined", |draft| draft.decline(), Progress::Declined),
        ("failed", |draft| draft.fail("reset"), Progress::Failed),
        ("dropped", |draft| drop(draft), Progress::Failed),
        ("short", |draft| assert!(matches!(draft.commit(None), Err(StoreError::Length { .. }))), Progress::Failed),
    ];
    for (name, end, expected) in ends {
        let mut draft = miss(&store, &key("a"));
        draft.begin(head(200), Label::default(), Some(10), false).unwrap();
        draft.append(b"some").unwrap();
        let filling = draft.filling().clone();
        end(draft);
        assert_eq!(
            (filling.progress(), filling.failure().is_some()),
            (expected, expected == Progress::Failed),
            "{name}"
        );
        assert_eq!(visible(&filling), b"some", "{name}");
        assert_eq!(store.usage(), Usage::default(), "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.path().join("cache/drafts")).unwrap().count(), 0);
}

#[test]
fn removing_is_final() {
    let (_folder, store) = store();
    for name in ["http://a/1", "http://a/2", "http://b/1"] {
        put(&store, &key(name), head(200), name.as_bytes()).unwrap();
    }
    let held = hit(&store, &key("http://a/1"));
    let mut coming = miss(&store, &key("http://a/3"));
    coming.begin(head(200), Label::default(), Some(1), false).unwrap();
    let filling = coming.filling().clone();
    store.set_absent(&key("http://a/4"), Absence { status: 404, until_ms: 10 });
    assert_eq!(store.remove_prefix("http://a/").unwrap(), 2);
    assert!(store.find(&key("http://a/1"), Fields::NONE).is_none() && store.absence(&key("http://a/4"), 0).is_none());
    assert_eq!(body_of(&held), b"http://a/1", "who has it keeps it");
    coming.append(b"x").unwrap();
    assert!(matches!(coming.commit(None), Err(StoreError::Gone)));
    assert_eq!((filling.progress(), visible(&filling)), (Progress::Complete, b"x".to_vec()));
    assert!(store.find(&key("http://a/3"), Fields::NONE).is_none());
    assert_eq!(body_of(&hit(&store, &key("http://b/1"))), b"http://b/1");
}

#[test]
fn absences_end_and_have_a_limit() {
    let (_folder, store) = store();
    store.set_limits(Limits { absences_max: 3, ..Limits::default() });
    let absence = Absence { status: 404, until_ms: 100 };
    for name in ["a", "b", "c", "c", "d"] {
        store.set_absent(&key(name), absence);
    }
    let known = |name| store.absence(&key(name), 99);
    assert_eq!([known("a"), known("b"), known("d")], [None, Some(absence), Some(absence)]);
    assert_eq!(store.absence(&key("b"), 100), None);
    put(&store, &key("b"), head(200), b"there").unwrap();
    assert_eq!(known("b"), None, "what is there is not absent");
}

#[test]
fn damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = {
        let store = open(folder.path(), Limits::default());
        for name in ["whole", "body", "head", "cut", "long"] {
            put(&store, &key(name), head(200), name.as_bytes()).unwrap();
        }
        let mut paths = Vec::new();
        let catalogue = Catalogue::of(folder.path());
        catalogue
            .for_each(&mut |found| {
                paths.push(found.map(|it| (it.metadata.key, it.path)).unwrap());
                true
            })
            .unwrap();
        paths
    };
    for (name, path) in &paths {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        match name.as_str() {
            "body" => file.write_all_at(b"X", 4096).unwrap(),
            "head" => file.write_all_at(b"X", 100).unwrap(),
            "cut" => file.set_len(4097).unwrap(),
            "long" => file.set_len(9000).unwrap(),
            _ => {}
        }
    }
    std::fs::write(folder.path().join("objects/note.txt"), "not ours").unwrap();
    std::fs::write(folder.path().join("drafts/0000000000000001"), "never finished").unwrap();
    let mut verdicts = Vec::new();
    let catalogue = Catalogue::of(folder.path());
    catalogue
        .for_each(&mut |found| {
            verdicts.push(found.ok().map(|it| (it.metadata.key.clone(), it.is_body_right().unwrap())));
            true
        })
        .unwrap();
    verdicts.sort();
    let expected = [None, None, None, Some(("body".to_string(), false)), Some(("whole".to_string(), true))];
    assert_eq!(verdicts, expected);
    let store = open(folder.path(), Limits::default());
    assert_eq!((store.usage().object_count, store.usage().damaged_count), (2, 3));
    assert!(folder.path().join("objects/note.txt").exists());
    assert_eq!(std::fs::read_dir(folder.path().join("drafts")).unwrap().count(), 0);
    // One that goes away, or is damaged, while the store is open.
    let path = &paths.iter().find(|(name, _)| name == "whole").unwrap().1;
    std::fs::remove_file(path).unwrap();
    miss(&store, &key("whole")).decline();
    assert_eq!((store.usage().object_count, store.usage().damaged_count), (1, 4));
}
