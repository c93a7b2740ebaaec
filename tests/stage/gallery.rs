//! A small snapshot with images: two folders of Ember Linux, three mirrors, one of which has not all files.
//!
//! | mirror | where | folder | `ember-9.8-boot.iso` | `ember-9.8-dvd.iso` |
//! |---|---|---|---|---|
//! | `berlin.example` | DE, https | yes | yes | yes |
//! | `austin.example` | US-TX, http | no | yes | no |
//! | `world.example` | nowhere, https | spare | spare | spare |
//!
//! Over IPv6 there is `berlin.example` alone. Lists have their home first: `austin` leads in US-TX, `berlin` elsewhere.

use mirrorlistd::net::Protocol;
use mirrorlistd::snapshot::{
    Builder, CarriedEntry, DigestKind, Evidence, FileEntry, FolderEntry, MirrorIndex, RepoEntry,
};

/// When the mirrors were verified, seconds since 1970.
pub const VERIFIED_AT: u64 = 1_700_000_000;
/// When the master's images were changed, seconds since 1970: 2023-11-01 12:00:00 UTC.
pub const MODIFIED_AT: u64 = 1_698_840_000;

/// The snapshot. `austin_has_dvd`: whether the mirror in Texas has the second file, and so the folder.
pub fn gallery(austin_has_dvd: bool) -> Vec<u8> {
    let places = ["DE", "US", "US-TX"].map(|code| code.parse().unwrap());
    let mut builder = Builder::new(Evidence::Crawled, 1, places.to_vec());
    builder.verified_at(VERIFIED_AT);
    let tree = builder.tree("ember", Some("https://origin.ember.example/"), &[Protocol::Https, Protocol::Http]);
    let mut mirror = |name: &str, place: Option<usize>, protocol: Protocol| {
        let index = builder.mirror(name, place.map(|at| places[at]), 1, 1000);
        builder.base(index, tree, protocol, &format!("{}://{name}/ember/", protocol.name()));
        index
    };
    let berlin = mirror("berlin.example", Some(0), Protocol::Https);
    let austin = mirror("austin.example", Some(2), Protocol::Http);
    let world = mirror("world.example", None, Protocol::Https);
    let mut row = |mirrors: [MirrorIndex; 3]| {
        let list = builder.list(mirrors.to_vec(), None);
        builder.row(vec![list])
    };
    let (here, there) = (row([berlin, austin, world]), row([austin, berlin, world]));
    let directory = [builder.directory(vec![here, here, here, there]); 2];
    let empty = builder.set([]);
    let (of_berlin, of_austin, of_world) = (builder.set([berlin]), builder.set([austin]), builder.set([world]));
    let spares = [[None, Some(of_world), None], [None; 3]];
    let all = [[of_austin, of_berlin, empty], [empty, of_berlin, empty]];
    let berlins = [[empty, of_berlin, empty]; 2];
    let sets = if austin_has_dvd { all } else { berlins };
    let carried = |suffix, sets| CarriedEntry { suffix, tree, directory, sets, spares };
    let (x86, arm, aliases) = ("9.8/isos/x86_64/", "9.8/images/aarch64/", ["9".to_owned()]);
    let baseos = carried("9.8/BaseOS/x86_64/os/", all);
    let repo = RepoEntry {
        name: "baseos",
        release: "9.8",
        aliases: &aliases,
        arch: "x86_64",
        carried: baseos,
        comment: None,
        revisions: &[],
    };
    builder.repo(&repo).unwrap();
    let names = ["ember-9.8-dvd.iso", "ember-9.8-boot.iso"];
    let (paths, digest) = (names.map(|name| format!("{x86}{name}")), "0123456789abcdef".repeat(4));
    let file = |at: usize, size_bytes, sets| FileEntry {
        name: names[at],
        size_bytes,
        modified_at: Some(MODIFIED_AT),
        digest: Some((DigestKind::Sha256, &digest)),
        torrent: (at == 0).then_some("ember-9.8-dvd.torrent"),
        carried: carried(&paths[at], sets),
    };
    let files = [file(0, 5_000_000_000, sets), file(1, 900_000_000, all)];
    let folder = FolderEntry {
        branch: "ember",
        release: "9.8",
        aliases: &aliases,
        kind: "isos",
        arch: "x86_64",
        title: "Ember Linux",
        checksum_file: Some("CHECKSUM"),
        torrent: None,
        is_verified: true,
        carried: carried(x86, sets),
        files: &files,
    };
    builder.folder(&folder).unwrap();
    let unseen = carried(arm, all);
    let unseen = FolderEntry {
        kind: "images",
        arch: "aarch64",
        checksum_file: None,
        is_verified: false,
        carried: unseen,
        files: &[],
        ..folder
    };
    builder.folder(&unseen).unwrap();
    builder.finish().unwrap()
}
