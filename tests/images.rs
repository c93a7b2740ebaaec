//! Folders of images in a snapshot: finding them and their files, who has them, and what `dump` and `diff` say.
//!
//! Not here: damage (`snapshot`), which mirrors count as having an image (`crawl`, `plan`).

mod stage;

use mirrorlistd::net::Family;
use mirrorlistd::snapshot::{
    Builder, Carried, CarriedEntry, DigestKind, Evidence, FileEntry, FolderEntry, FolderIndex, Full, PlaceIndex, Row,
    View, diff, dump,
};
use stage::{MODIFIED_AT, gallery};

fn named(view: &View<Vec<u8>>, carried: &Carried<'_>, family: Family, place: &str) -> Vec<String> {
    let place = place.parse().ok().and_then(|code| view.place(code)).unwrap_or(PlaceIndex::FALLBACK);
    let url = |base: &[u8]| String::from_utf8([base, carried.suffix].concat()).unwrap();
    view.named(carried, family, Row::Place(place), 0).map(|(_, base)| url(base)).collect()
}

#[test]
fn a_folder_is_found_by_release_and_alias() {
    let view = View::open(gallery(false)).unwrap();
    view.check().unwrap();
    let isos = view.find_images(b"ember", b"9.8", b"isos", b"x86_64").unwrap();
    assert_eq!(view.find_images(b"ember", b"9", b"isos", b"x86_64"), Some(isos));
    for [branch, release, kind, arch] in [
        ["ember", "9.8", "isos", "aarch64"],
        ["ember", "9.8", "images", "x86_64"],
        ["ember", "8", "isos", "x86_64"],
        ["", "", "", ""],
        ["ember", "9.8", "isos", "x86_64\0"],
    ] {
        let found = view.find_images(branch.as_bytes(), release.as_bytes(), kind.as_bytes(), arch.as_bytes());
        assert_eq!(found, None, "{branch}/{release}/{kind}/{arch}");
    }
    let folder = view.folder(isos).unwrap();
    assert_eq!(
        (folder.branch, folder.release, folder.kind, folder.arch, folder.title),
        ("ember", "9.8", "isos", "x86_64", "Ember Linux")
    );
    assert_eq!((folder.checksum_file, folder.torrent, folder.is_verified), (Some("CHECKSUM"), None, true));
    assert_eq!(view.folder_aliases(isos).collect::<Vec<_>>(), ["9"]);
    // `images` sorts before `isos`, in whatever order they were added.
    let kinds: Vec<_> = view.image_folders().map(|(index, folder)| (index, folder.kind)).collect();
    assert_eq!(kinds, [(FolderIndex(0), "images"), (FolderIndex(1), "isos")]);
    assert!(view.folder(FolderIndex(2)).is_none());
}

#[test]
fn files_are_known_by_name_size_date_and_digest() {
    let view = View::open(gallery(false)).unwrap();
    let isos = view.find_images(b"ember", b"9", b"isos", b"x86_64").unwrap();
    let names: Vec<_> = view.files(isos).map(|file| (file.name, file.size_bytes)).collect();
    assert_eq!(names, [("ember-9.8-boot.iso", 900_000_000), ("ember-9.8-dvd.iso", 5_000_000_000)]);
    let dvd = view.file(isos, b"ember-9.8-dvd.iso").unwrap();
    assert_eq!((dvd.modified_at, dvd.torrent), (Some(MODIFIED_AT), Some("ember-9.8-dvd.torrent")));
    let digest = dvd.digest.unwrap();
    assert_eq!((digest.kind, digest.digits.len()), (DigestKind::Sha256, 64));
    assert!(view.file(isos, b"ember-9.8-boot.iso").unwrap().torrent.is_none());
    for name in ["", "ember-9.8-dvd.is", "ember-9.8-dvd.iso\0", "CHECKSUM"] {
        assert!(view.file(isos, name.as_bytes()).is_none(), "{name}");
    }
    let unseen = view.find_images(b"ember", b"9", b"images", b"aarch64").unwrap();
    assert_eq!(view.files(unseen).count(), 0);
    assert_eq!((view.folder(unseen).unwrap().checksum_file, view.folder(unseen).unwrap().is_verified), (None, false));
}

#[test]
fn folders_and_files_have_lists_of_their_own() {
    let view = View::open(gallery(false)).unwrap();
    let isos = view.find_images(b"ember", b"9.8", b"isos", b"x86_64").unwrap();
    let (folder, boot) = (view.folder(isos).unwrap(), view.file(isos, b"ember-9.8-boot.iso").unwrap());
    let urls = |mirrors: &[&str], path: &str| -> Vec<String> {
        mirrors.iter().map(|mirror| format!("{mirror}/ember/9.8/isos/x86_64/{path}")).collect()
    };
    let [berlin, austin, world] = ["https://berlin.example", "http://austin.example", "https://world.example"];
    assert_eq!(named(&view, &folder.carried, Family::Ipv4, "US-TX"), urls(&[berlin, world], ""));
    assert_eq!(
        named(&view, &boot.carried, Family::Ipv4, "US-TX"),
        urls(&[austin, berlin, world], "ember-9.8-boot.iso")
    );
    assert_eq!(named(&view, &boot.carried, Family::Ipv6, "US-TX"), urls(&[berlin], "ember-9.8-boot.iso"));
}

#[test]
fn dump_and_diff_show_images() {
    let (old, new) = (View::open(gallery(false)).unwrap(), View::open(gallery(true)).unwrap());
    let mut text = Vec::new();
    dump(&old, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let digest = "0123456789abcdef".repeat(4);
    for line in [
        "ember/9.8/images/aarch64/",
        "ember/9.8/isos/x86_64/ ipv4 US-TX: berlin.example world.example",
        &format!("ember/9.8/isos/x86_64/ember-9.8-dvd.iso = 5000000000 bytes, of {MODIFIED_AT}, sha256 {digest}"),
        "ember/9.8/isos/x86_64/ember-9.8-boot.iso ipv4 fallback: berlin.example austin.example world.example",
    ] {
        assert!(text.lines().any(|other| other == line), "`{line}` is not in\n{text}");
    }
    let mut text = Vec::new();
    let difference = diff(&old, &new, &mut text).unwrap();
    assert_eq!((difference.mirror_count, difference.repo_count, difference.image_count), (0, 0, 0));
    // The folder and the file, in the fallback and three places, over IPv4.
    assert_eq!(difference.list_count, 8);
    let text = String::from_utf8(text).unwrap();
    let line = "~ list ember/9.8/isos/x86_64/ember-9.8-dvd.iso ipv4 US-TX: +austin.example";
    assert!(text.lines().any(|other| other == line), "{text}");

    let none = View::open(Builder::new(Evidence::Crawled, 1, Vec::new()).finish().unwrap()).unwrap();
    let mut text = Vec::new();
    assert_eq!(diff(&old, &none, &mut text).unwrap().image_count, 4);
    assert!(String::from_utf8(text).unwrap().contains("- image ember/9.8/isos/x86_64/ember-9.8-dvd.iso\n"));
}

#[test]
fn a_snapshot_without_images_is_usual() {
    let view = View::open(Builder::new(Evidence::Unverified, 1, Vec::new()).finish().unwrap()).unwrap();
    view.check().unwrap();
    assert_eq!((view.folder_count(), view.file_count(), view.image_folders().count()), (0, 0, 0));
    assert_eq!(view.find_images(b"ember", b"9", b"isos", b"x86_64"), None);
    assert_eq!(view.files(FolderIndex(0)).count(), 0);
}

#[test]
fn one_name_is_one_folder() {
    let mut builder = Builder::new(Evidence::Unverified, 1, Vec::new());
    let tree = builder.tree("ember", None, &[]);
    let (list, set) = (builder.list(Vec::new(), None), builder.set([]));
    let row = builder.row(vec![list]);
    let directory = [builder.directory(vec![row]); 2];
    let carried = CarriedEntry { suffix: "9/", tree, directory, sets: [[set; 3]; 2], spares: [[None; 3]; 2] };
    let mut add = |release, aliases: &[&str], files: &[&str]| {
        let file = |name| FileEntry { name, size_bytes: 1, modified_at: None, digest: None, torrent: None, carried };
        builder.folder(&FolderEntry {
            branch: "ember",
            release,
            aliases: &aliases.iter().map(|&alias| alias.to_owned()).collect::<Vec<_>>(),
            kind: "isos",
            arch: "x86_64",
            title: "Ember Linux",
            checksum_file: None,
            torrent: None,
            is_verified: false,
            carried,
            files: &files.iter().map(|&name| file(name)).collect::<Vec<_>>(),
        })
    };
    let twice = |name: &str| Err(Full::Images { name: name.to_owned() });
    assert_eq!(add("9.8", &["9"], &["a.iso", "b.iso"]), Ok(()));
    assert_eq!(add("9", &[], &[]), twice("ember/9/isos/x86_64"));
    assert_eq!(add("9.9", &["9"], &[]), twice("ember/9/isos/x86_64"));
    assert_eq!(add("8", &[], &["a.iso", "b.iso", "a.iso"]), twice("ember/8/isos/x86_64/a.iso"));
}
