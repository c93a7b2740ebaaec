//! Generations come and go by hand-made metadata and a made-up clock.

use super::*;
use crate::repodata::{Digest, DigestKind, LinkedFile};
use crate::shelf::Table;

const HOUR_MS: u64 = 3_600_000;
const KEEP: Keep = Keep { count_max: 3, ms_max: 48 * HOUR_MS };

fn primary(packages: &[(&str, &str)]) -> String {
    let package = |(path, body): &(&str, &str)| {
        let digest = Digest::of(DigestKind::Sha256, body.as_bytes()).to_string();
        format!(
            "<package type='rpm'><checksum type='sha256'>{}</checksum><size package='{}'/><location href='{path}'/>\
             </package>",
            &digest["sha256:".len()..],
            body.len()
        )
    };
    format!("<metadata>{}</metadata>", packages.iter().map(package).collect::<String>())
}

/// A `repomd.xml` of that time, which names that list of packages.
fn repomd(seconds: u64, revision: &str, primary: &str) -> String {
    let digest = Digest::of(DigestKind::Sha256, primary.as_bytes()).to_string();
    let digest = &digest["sha256:".len()..];
    format!(
        "<repomd><revision>{revision}</revision><data type='primary'><checksum type='sha256'>{digest}</checksum>\
         <location href='repodata/{digest}-primary.xml'/><timestamp>{seconds}</timestamp><size>{}</size>\
         <open-size>{}</open-size></data></repomd>",
        primary.len(),
        primary.len()
    )
}

/// Judges, gathers and shows, as the proxy does. Returns those that left.
fn arrive(shelf: &Shelf, repomd: &str, primary: &str, now_ms: u64) -> Vec<Arc<Generation>> {
    let Judgement::New(new) = shelf.judge(repomd.as_bytes(), None, now_ms) else { panic!("not new") };
    let (table, left_out) = new.read_primary(primary.as_bytes()).unwrap();
    assert_eq!(left_out, 0);
    shelf.show(Arc::new(new.shown(Some(table), now_ms)), KEEP)
}

#[test]
fn files_are_known_by_what_names_them() {
    let shelf = Shelf::default();
    let list = primary(&[("Packages/a%2bb.rpm", "one"), ("c.rpm", "two")]);
    assert!(arrive(&shelf, &repomd(100, "", &list), &list, HOUR_MS).is_empty());
    let current = shelf.current().unwrap();
    let path = current.path_of("primary").unwrap();
    let known = shelf.known(path).unwrap();
    assert_eq!((known.bytes, known.digest), (Some(list.len() as u64), Digest::of(DigestKind::Sha256, list.as_bytes())));
    // The spelling of the metadata is not that of requests.
    assert_eq!(shelf.known("Packages/a+b.rpm").unwrap().digest, Digest::of(DigestKind::Sha256, b"one"));
    assert_eq!(shelf.known("c.rpm").unwrap().bytes, Some(3));
    assert_eq!(shelf.known("d.rpm"), None);
    assert_eq!(current.kind(path), Some("primary"));
    assert_eq!(current.id().len(), 12);
}

#[test]
fn a_package_rebuilt_in_place_is_another_file() {
    let shelf = Shelf::default();
    let (old, new) = (primary(&[("a.rpm", "old"), ("gone.rpm", "g")]), primary(&[("a.rpm", "new")]));
    arrive(&shelf, &repomd(100, "", &old), &old, HOUR_MS);
    let first = shelf.current().unwrap();
    arrive(&shelf, &repomd(200, "", &new), &new, 2 * HOUR_MS);
    assert_eq!(shelf.known("a.rpm").unwrap().digest, Digest::of(DigestKind::Sha256, b"new"));
    assert_eq!(first.known("a.rpm").unwrap().digest, Digest::of(DigestKind::Sha256, b"old"), "who froze it keeps it");
    assert!(shelf.known("gone.rpm").is_some(), "clients may still have the list that names it");
}

#[test]
fn older_ones_are_not_new_until_the_newer_was_gone_for_a_day() {
    let shelf = Shelf::default();
    let list = primary(&[]);
    let (old, new, newest) = (repomd(100, "5", &list), repomd(200, "6", &list), repomd(200, "7", &list));
    arrive(&shelf, &new, &list, 1000);
    assert!(matches!(shelf.judge(old.as_bytes(), None, 2000), Judgement::Older));
    assert!(matches!(shelf.judge(new.as_bytes(), None, 12 * HOUR_MS), Judgement::Same));
    assert!(matches!(shelf.judge(old.as_bytes(), None, 30 * HOUR_MS), Judgement::Older), "it was seen 18 hours ago");
    assert!(matches!(shelf.judge(old.as_bytes(), None, 37 * HOUR_MS), Judgement::New(_)), "nobody has it any more");
    // With the same time the revision decides, when it is a number.
    assert!(matches!(shelf.judge(newest.as_bytes(), None, 3000), Judgement::New(_)));
    arrive(&shelf, &newest, &list, 3000);
    assert!(matches!(shelf.judge(new.as_bytes(), None, 3000), Judgement::Older));
    let same_time = repomd(200, "abc", &list);
    assert!(matches!(shelf.judge(same_time.as_bytes(), None, 3000), Judgement::New(_)));
}

#[test]
fn a_metalink_says_which_are_right() {
    let shelf = Shelf::default();
    let list = primary(&[]);
    let (right, forged) = (repomd(100, "", &list), repomd(900, "", &list));
    let digests = vec![Digest::of(DigestKind::Sha256, right.as_bytes())];
    let metalink = Metalink { files: vec![LinkedFile { digests, ..LinkedFile::default() }], mirrors: Vec::new() };
    assert!(matches!(shelf.judge(forged.as_bytes(), Some(&metalink), 1), Judgement::Unlisted));
    assert!(matches!(shelf.judge(right.as_bytes(), Some(&metalink), 1), Judgement::New(_)));
    assert!(matches!(shelf.judge(forged.as_bytes(), Some(&Metalink::default()), 1), Judgement::New(_)));
    assert!(matches!(shelf.judge(b"<html>", None, 1), Judgement::Fault(Fault::Page)));
}

#[test]
fn generations_are_found_by_name_and_date_and_leave_by_count_and_age() {
    let shelf = Shelf::default();
    let list = primary(&[]);
    let at = |hours: u64| (repomd(hours, "", &list), hours * HOUR_MS);
    let mut left = Vec::new();
    let mut ids = Vec::new();
    for hours in [10, 30, 60] {
        let (text, now_ms) = at(hours);
        left.extend(arrive(&shelf, &text, &list, now_ms));
        ids.push(shelf.current().unwrap().id().to_owned());
    }
    assert!(left.is_empty() && shelf.generations().len() == 3);
    let seen = |view: &str| shelf.seen(&View::parse(view).unwrap()).map(|generation| generation.id().to_owned());
    assert_eq!(seen(&ids[0]).as_ref(), Some(&ids[0]));
    assert_eq!(seen(&ids[1].to_uppercase()[..8]).as_ref(), Some(&ids[1]));
    assert_eq!(seen("1970-01-01").as_ref(), Some(&ids[0]), "shown at 10 hours");
    assert_eq!(seen("1970-01-02").as_ref(), Some(&ids[1]), "shown at 30 hours");
    assert_eq!(seen("1970-01-03").as_ref(), Some(&ids[2]), "shown at 60 hours");
    assert_eq!(seen("1971-01-01").as_ref(), Some(&ids[2]));
    assert_eq!(seen("00000000"), None);
    // The first was shown until 30 hours: at 79 hours that is 49 hours ago. By count it would leave, too.
    let (text, now_ms) = at(79);
    let left = arrive(&shelf, &text, &list, now_ms);
    assert_eq!(left.iter().map(|one| one.id().to_owned()).collect::<Vec<_>>(), ids[..1]);
    let (text, now_ms) = at(500);
    assert_eq!(arrive(&shelf, &text, &list, now_ms).len(), 2, "all but the one shown until now are too old");
    assert_eq!(shelf.generations().len(), 2);
    assert!(seen(&ids[1]).is_none());
}

#[test]
fn a_restart_brings_back_what_was_shown() {
    let shelf = Shelf::default();
    let list = primary(&[("a.rpm", "a")]);
    let generation = |hours: u64| {
        let read = Generation::read(repomd(hours, "", &list).as_bytes()).unwrap();
        let table = read.read_primary(list.as_bytes()).unwrap().0;
        let table = Table::from_bytes(&table.to_bytes());
        Arc::new(read.shown(table, hours * HOUR_MS))
    };
    shelf.restore(vec![generation(1), generation(3), generation(2)]);
    let times: Vec<u64> = shelf.generations().iter().map(|one| one.visible_at_ms() / HOUR_MS).collect();
    assert_eq!(times, [3, 2, 1]);
    assert!(shelf.known("a.rpm").is_some());
    assert_eq!(shelf.confirmed_at_ms(), 3 * HOUR_MS);
}

#[test]
fn one_gathers_at_a_time() {
    let shelf = Arc::new(Shelf::default());
    let gathering = shelf.begin_gathering().unwrap();
    assert!(shelf.begin_gathering().is_none());
    drop(gathering);
    assert!(shelf.begin_gathering().is_some());
}
