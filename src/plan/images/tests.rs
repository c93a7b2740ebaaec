//! Who has which image, what a snapshot shows of it, and what the guard keeps and refuses of images.

use crate::inventory::{Images, Inventory};
use crate::net::{Family, Protocol};
use crate::plan::guard::{Decision, Keep, Minimums, Refusal, decide};
use crate::plan::tests::{inventory, mirror};
use crate::plan::{Goods, Known, build};
use crate::snapshot::{DigestKind, PlaceIndex, Row, View};
use crate::verdicts::{Catalog, MirrorId, Original, RepoId, RepoKey, Standing, Subject};

const FOLDER: RepoId = RepoId(10);
const NAMES: [&str; 2] = ["a.iso", "b.iso"];

/// An inventory of `count` mirrors in Germany, with ISO files for one architecture.
fn mirrors(count: usize) -> Inventory {
    let mut inventory = inventory((0..count).map(|at| mirror(&format!("m{at}"), Some("DE"))).collect());
    inventory.distributions[0].images.push(Images {
        kind: "isos".into(),
        branch: None,
        path: "isos/{arch}".into(),
        tree: None,
        releases: vec!["9.8".into()],
        arches: Some(vec!["x86_64".into()]),
        checksum_files: vec!["CHECKSUM".into()],
        exclude: Vec::new(),
    });
    inventory
}

fn catalog(bytes: u64) -> Catalog {
    let digest = Some((DigestKind::Sha256, "ab".repeat(32)));
    let original = Original { bytes, modified: Some(1_000), digest, torrent: None };
    let images = NAMES.map(|name| (name.to_owned(), original.clone())).into();
    Catalog { checksum_file: "CHECKSUM".into(), torrent: None, answered: 1, changed: 1, images }
}

/// Verdicts on `count` mirrors: `stands` tells how each stands for the index page (0) and the two images (1, 2).
fn known(count: usize, bytes: u64, stands: impl Fn(usize, usize) -> Standing) -> Known {
    let mut known = Known { verified_at: 1_700_000_000, ..Known::default() };
    let key = RepoKey::of_folder("main", "9.8", "isos", "x86_64");
    known.repos.insert(key.clone(), FOLDER);
    known.catalogs.insert(FOLDER, catalog(bytes));
    for (name, id) in NAMES.into_iter().zip(FOLDER.0 + 1..) {
        known.repos.insert(key.of_image(name), RepoId(id));
    }
    for at in 0..count {
        let mirror = MirrorId(at as u32);
        known.mirrors.insert(format!("m{at}"), mirror);
        for what in 0..3 {
            let repo = RepoId(FOLDER.0 + what as u32);
            known.with_truth.insert(repo);
            for family in Family::ALL {
                let subject = Subject { mirror, repo, family, protocol: Protocol::Http };
                known.standings.insert(subject, stands(at, what));
            }
        }
    }
    known
}

fn view(inventory: &Inventory, goods: &Goods) -> View<Vec<u8>> {
    let view = View::open(build(inventory, goods).unwrap()).unwrap();
    view.check().unwrap();
    view
}

/// Names of the mirrors of the folder and of each image in the fallback, sorted.
fn named(view: &View<Vec<u8>>) -> Vec<Vec<String>> {
    let index = view.find_images(b"main", b"9", b"isos", b"x86_64").unwrap();
    let carried = [view.folder(index).unwrap().carried].into_iter().chain(view.files(index).map(|file| file.carried));
    let names = carried.map(|carried| {
        let named = view.named(&carried, Family::Ipv4, Row::Place(PlaceIndex::FALLBACK), 0);
        let mut names: Vec<String> = named.map(|(at, _)| view.mirror(at).unwrap().name.to_owned()).collect();
        names.sort();
        names
    });
    names.collect()
}

fn decision(before: &View<Vec<u8>>, inventory: &Inventory, known: &Known) -> Decision {
    let minimums = Minimums { mirror_count: 4, repo_count: 0 };
    let mut decision = decide(Some(before), inventory, Goods::judged(inventory, known), &minimums, None);
    // Nobody has looked at repos here.
    decision.kept.retain(|kept| kept.repo.is_image());
    decision
}

#[test]
fn before_a_crawl_a_folder_is_known_and_no_files() {
    let inventory = mirrors(2);
    let view = view(&inventory, &Goods::unverified(&inventory));
    let index = view.find_images(b"main", b"9.8", b"isos", b"x86_64").unwrap();
    let folder = view.folder(index).unwrap();
    assert_eq!((folder.is_verified, folder.file_count, folder.checksum_file), (false, 0, None));
    assert_eq!((folder.title, folder.carried.suffix), ("D", &b"9.8/isos/x86_64/"[..]));
    assert_eq!(named(&view), [["m0", "m1"]]);
    assert_eq!(view.find_images(b"main", b"9.8", b"isos", b"aarch64"), None);
}

#[test]
fn a_folder_is_good_with_all_images_and_an_index_page() {
    let inventory = mirrors(5);
    // m0 has all; m1 lacks b.iso; m2 has no index page; m3 has an older a.iso; m4 has nothing.
    let stands = |at, what| match (at, what) {
        (0, _) | (1, 0 | 1) | (2, 1 | 2) | (3, 0 | 2) => Standing::In,
        (3, 1) => Standing::Late,
        _ => Standing::Out,
    };
    let view = view(&inventory, &Goods::judged(&inventory, &known(5, 7, stands)));
    assert_eq!(named(&view), [vec!["m0"], vec!["m0", "m1", "m2"], vec!["m0", "m2", "m3"]]);
    let index = view.find_images(b"main", b"9.8", b"isos", b"x86_64").unwrap();
    assert!(view.folder(index).unwrap().is_verified);
    let file = view.file(index, b"a.iso").unwrap();
    assert_eq!((file.size_bytes, file.modified_at), (7, Some(1_000)));
    assert_eq!(file.carried.suffix, b"9.8/isos/x86_64/a.iso");
    assert_eq!(file.digest.unwrap().digits, "ab".repeat(32));
}

#[test]
fn half_of_an_images_mirrors_gone_is_refused() {
    let inventory = mirrors(10);
    let before = view(&inventory, &Goods::judged(&inventory, &known(10, 7, |_, _| Standing::In)));
    let half = |at, what| if what == 1 && at >= 4 { Standing::Out } else { Standing::In };
    let refused = decision(&before, &inventory, &known(10, 7, half)).refusals;
    let repos: Vec<String> = refused
        .iter()
        .map(|refusal| match refusal {
            Refusal::Halved { repo, before: 10, after: 4, .. } => repo.repo.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    // Over both families; with its image, the folder.
    assert_eq!(repos, ["main/isos/a.iso", "main/isos/a.iso", "main/isos/", "main/isos/"]);
    // The same, but the image is another one now.
    let mut anew = known(10, 7, half);
    anew.catalogs.get_mut(&FOLDER).unwrap().images.get_mut("a.iso").unwrap().bytes = 8;
    let decision = decision(&before, &inventory, &anew);
    assert_eq!((decision.refusals.len(), decision.kept.len()), (0, 0));
    assert_eq!(named(&view(&inventory, &decision.goods))[1].len(), 4);
}

#[test]
fn too_few_mirrors_of_an_image_keep_those_before() {
    let inventory = mirrors(8);
    let stands = |least: usize| move |at: usize, _| if at < least { Standing::In } else { Standing::Out };
    let before = view(&inventory, &Goods::judged(&inventory, &known(8, 7, stands(5))));
    let decision = decision(&before, &inventory, &known(8, 7, stands(3)));
    assert!(decision.refusals.is_empty(), "{:?}", decision.refusals);
    assert_eq!(decision.kept.len(), 6);
    assert!(decision.kept.iter().all(|kept| kept.why == Keep::TooFew { good: 3, before: 5 }));
    assert_eq!(named(&view(&inventory, &decision.goods))[1].len(), 5);
}

#[test]
fn a_lost_state_keeps_the_images_that_are_published() {
    let inventory = mirrors(4);
    let first_two = |at, _| if at < 2 { Standing::In } else { Standing::Out };
    let before = view(&inventory, &Goods::judged(&inventory, &known(4, 7, first_two)));
    let mut lost = known(4, 7, first_two);
    lost.catalogs.clear();
    lost.with_truth.clear();
    let decision = decision(&before, &inventory, &lost);
    assert!(decision.refusals.is_empty() && decision.kept.iter().all(|kept| kept.why == Keep::NotJudged));
    let after = view(&inventory, &decision.goods);
    assert_eq!(named(&after), named(&before));
    let index = after.find_images(b"main", b"9", b"isos", b"x86_64").unwrap();
    assert_eq!(after.file(index, b"b.iso").unwrap().size_bytes, 7);
}
