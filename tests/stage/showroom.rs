//! A snapshot with images in a folder of published ones: enough mirrors for every way a page can divide them.
//!
//! | place | mirrors |
//! |---|---|
//! | DE | `de-01.example` to `de-24.example` have all; `de-25.example` to `de-32.example` have `…-boot.iso` too |
//! | US-TX | `tx-1.example` |
//! | US | `us-1.example`, `us-2.example` |
//! | FR | `fr-1.example`, and over IPv6 too |
//! | nowhere | `world.example` |
//! | 192.0.2.0/25 | `campus.example` first |
//! | 203.0.113.0/26 | `cloud.example` alone |
//!
//! Lists have their home first, in the order of this table, then the others. `…-minimal.iso` is on no mirror.

use std::path::Path;

use mirrorlistd::net::Protocol;
use mirrorlistd::snapshot::{
    Builder, CarriedEntry, DigestKind, DirectoryId, Ending, Evidence, FileEntry, FolderEntry, MirrorIndex, SetId,
    Store, Target, TreeIndex,
};

/// When the mirrors were verified: 2026-11-22 05:04:03 UTC.
pub const SHOWROOM_VERIFIED_AT: u64 = 1_795_323_843;
/// When the images were changed: 2026-05-20 10:00:00 UTC.
const MODIFIED_AT: u64 = 1_779_271_200;
/// Digest of `…-dvd.iso`.
pub const DVD_DIGEST: &str = "8b5d6b9c31d0a5a2b7f2c1c9ad2b3c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b";

/// Digest of `…-boot.iso`.
const BOOT_DIGEST: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// Branch, title, release, alias, kind and architecture of each folder. Those of ISO images have files, but for 8.10.
const FOLDERS: [[&str; 6]; 11] = [
    ["ember", "Ember Linux", "10.2", "10", "isos", "x86_64"],
    ["ember", "Ember Linux", "10.2", "10", "isos", "aarch64"],
    ["ember", "Ember Linux", "10.2", "10", "isos", "ppc64le"],
    ["ember", "Ember Linux", "10.2", "10", "isos", "s390x"],
    ["ember", "Ember Linux", "10.2", "10", "images", "x86_64"],
    ["ember", "Ember Linux", "10.2", "10", "images", "aarch64"],
    ["ember", "Ember Linux", "9.8", "9", "isos", "x86_64"],
    ["ember", "Ember Linux", "9.8", "9", "isos", "aarch64"],
    ["ember", "Ember Linux", "9.8", "9", "images", "x86_64"],
    ["ember", "Ember Linux", "8.10", "8", "isos", "x86_64"],
    ["stream", "Ember Stream", "10-stream", "", "isos", "x86_64"],
];

/// Publishes the snapshot into a folder of states.
pub fn publish_showroom(state: &Path) {
    std::fs::create_dir_all(state).unwrap();
    Store::new(state).publish(&showroom()).unwrap();
}

/// The snapshot.
pub fn showroom() -> Vec<u8> {
    let codes = ["AT", "DE", "FR", "US", "US-TX"].map(|code| code.parse().unwrap());
    let [_, de, fr, us, tx] = codes;
    let mut builder = Builder::new(Evidence::Crawled, 1, codes.to_vec());
    builder.verified_at(SHOWROOM_VERIFIED_AT);
    for (code, name) in codes.into_iter().zip(["Austria", "Germany", "France", "United States", "Texas"]) {
        builder.place_name(code, name);
    }
    let tree = builder.tree("ember", None, &[Protocol::Https, Protocol::Http]);
    let vault = builder.tree("vault", Some("https://vault.ember.example/"), &[Protocol::Https]);
    let mut mirror = |name: &str, place| {
        let index = builder.mirror(name, place, 1, 1000);
        builder.base(index, tree, Protocol::Https, &format!("https://{name}/ember/"));
        index
    };
    let germans: Vec<MirrorIndex> = (1..=32).map(|at| mirror(&format!("de-{at:02}.example"), Some(de))).collect();
    let american =
        [("tx-1", tx), ("us-1", us), ("us-2", us)].map(|(name, at)| mirror(&format!("{name}.example"), Some(at)));
    let others = [mirror("fr-1.example", Some(fr)), mirror("world.example", None)];
    let own = [mirror("campus.example", Some(de)), mirror("cloud.example", None)];
    let mut row = |parts: &[&[MirrorIndex]]| {
        let list = builder.list(parts.concat(), None);
        builder.row(vec![list])
    };
    let german = row(&[&germans, &others, &american]);
    let in_america = row(&[&american, &others, &germans]);
    let elsewhere = row(&[&others, &american, &germans]);
    let rows = vec![elsewhere, german, german, elsewhere, in_america, in_america, row(&[&own[..1]]), row(&[&own[1..]])];
    let groups = [
        builder.group("campus.example", Ending::ThenPlace, None),
        builder.group("cloud nimbus/east", Ending::Alone, None),
    ];
    for (prefix, group) in ["192.0.2.0/25", "203.0.113.0/26"].into_iter().zip(groups) {
        builder.network(prefix.parse().unwrap(), Target::Group(group));
    }
    let directory = [builder.directory(rows); 2];
    let none = builder.set([]);
    let most = builder.set([&germans[..24], &american, &others, &own].concat());
    let all = builder.set([&germans[..], &american, &others, &own].concat());
    let over_ipv6 = builder.set(others[..1].to_vec());
    let by_https = |over_ipv4, over_ipv6| [[none, over_ipv4, none], [none, over_ipv6, none]];
    let nobody = [[none; 3]; 2];

    for [branch, title, release, alias, kind, arch] in FOLDERS {
        let path = format!("{release}/{kind}/{arch}/");
        let aliases: Vec<String> = Some(alias.to_owned()).into_iter().filter(|alias| !alias.is_empty()).collect();
        let has_files = kind == "isos" && release != "8.10";
        let entries = [
            ("boot", 933_232_640, Some((DigestKind::Sha256, BOOT_DIGEST)), by_https(all, over_ipv6)),
            ("dvd", 10_213_130_240, Some((DigestKind::Sha256, DVD_DIGEST)), by_https(most, over_ipv6)),
            ("minimal", 2_040_109_056, None, nobody),
        ];
        let names = entries.map(|(name, ..)| format!("Ember-{release}-{arch}-{name}.iso"));
        let paths = names.each_ref().map(|name| format!("{path}{name}"));
        let torrent = format!("Ember-{release}-{arch}-dvd.torrent");
        let file = |at: usize| FileEntry {
            name: &names[at],
            size_bytes: entries[at].1,
            modified_at: Some(MODIFIED_AT),
            digest: entries[at].2,
            torrent: (at == 1).then_some(torrent.as_str()),
            carried: carried(&paths[at], tree, directory, entries[at].3),
        };
        let files = [file(0), file(1), file(2)];
        let (own_tree, sets) = if release == "8.10" { (vault, nobody) } else { (tree, by_https(most, over_ipv6)) };
        builder
            .folder(&FolderEntry {
                branch,
                release,
                aliases: &aliases,
                kind,
                arch,
                title,
                checksum_file: has_files.then_some("CHECKSUM"),
                torrent: None,
                is_verified: has_files,
                carried: carried(&path, own_tree, directory, sets),
                files: if has_files { &files } else { &[] },
            })
            .unwrap();
    }
    builder.finish().unwrap()
}

fn carried(suffix: &str, tree: TreeIndex, directory: [DirectoryId; 2], sets: [[SetId; 3]; 2]) -> CarriedEntry<'_> {
    CarriedEntry { suffix, tree, directory, sets, spares: [[None; 3]; 2] }
}
