//! The facts of a page for programs, as JSON.
//!
//! Lives here: names and order of members; times are RFC 3339, sizes are bytes, paths are ours, URLs are mirrors'.
//! Not here: what is told (`scene`).

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::path::is_file_name;
use super::scene::{Href, Level, Place, Scene, Url};
use super::selection::{Link, Selection, Zone};
use crate::calendar::Moment;

/// Something written as the text it is shown by.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(&self.0)
    }
}

/// A list that is walked as it is written.
struct Walk<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Walk<F> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut list = out.serialize_seq(None)?;
        (self.0)().try_for_each(|item| list.serialize_element(&item))?;
        list.end()
    }
}

#[derive(Serialize)]
struct CatalogueObject<W> {
    folders: W,
}

#[derive(Serialize)]
struct FolderEntry<'a> {
    branch: &'a str,
    title: &'a str,
    release: &'a str,
    kind: &'a str,
    arch: &'a str,
    path: Shown<Href<'a>>,
}

#[derive(Serialize)]
struct PlaceObject<'a, F, M> {
    branch: &'a str,
    title: &'a str,
    release: &'a str,
    kind: &'a str,
    arch: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileEntry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<F>,
    torrent: Option<&'a str>,
    /// When the mirrors were looked at.
    verified: Option<Shown<Moment>>,
    /// Where the client is taken to be.
    place: Option<Shown<crate::place::Code>>,
    mirrors: M,
}

#[derive(Serialize)]
struct FileEntry<'a> {
    name: &'a str,
    path: Shown<Href<'a>>,
    size: Option<u64>,
    modified: Option<Shown<Moment>>,
    digest: Option<DigestEntry<'a>>,
}

#[derive(Serialize)]
struct DigestEntry<'a> {
    kind: &'static str,
    digits: &'a str,
}

#[derive(Serialize)]
struct MirrorEntry<'a> {
    url: Shown<Url<'a>>,
    name: &'a str,
    place: Option<Shown<crate::place::Code>>,
    zone: &'static str,
}

#[derive(Serialize)]
struct MissingObject<'a> {
    error: &'static str,
    path: &'a str,
}

/// Appends what there is below a level.
pub fn catalogue<'a>(scene: &Scene<'a>, level: &Level<'a>, out: &mut Vec<u8>) {
    let entry = |branch: &'a super::catalogue::Branch| {
        level.releases(branch).flat_map(move |release| {
            level.kinds(release).flat_map(move |kind| {
                kind.arches.iter().map(move |arch| FolderEntry {
                    branch: &branch.name,
                    title: &branch.title,
                    release: &release.name,
                    kind: &kind.name,
                    arch,
                    path: Shown(scene.href(&[branch.name.as_str(), &release.name, &kind.name, arch])),
                })
            })
        })
    };
    write(&CatalogueObject { folders: Walk(|| level.branches(scene.catalogue()).flat_map(entry)) }, out);
}

/// Appends what is known of a folder or a file, and who has it.
pub fn place<'a>(scene: &Scene<'a>, at: &Place<'a>, selection: &Selection<'a>, out: &mut Vec<u8>) {
    let file_entry = |wanted: super::scene::Wanted<'a>| FileEntry {
        name: wanted.name,
        path: Shown(scene.own_href(&Place { file: Some(wanted), ..*at })),
        size: wanted.known.and_then(|file| file.size()),
        modified: wanted.known.and_then(|file| file.modified_at).map(|time| Shown(Moment(time))),
        digest: wanted
            .known
            .and_then(|file| file.digest)
            .map(|digest| DigestEntry { kind: digest.kind.name(), digits: digest.digits }),
    };
    let mirror_entry = |link: &Link<'a>| MirrorEntry {
        url: Shown(scene.url(at, link)),
        name: link.name,
        place: link.place.map(Shown),
        zone: match link.zone {
            Zone::Network => "network",
            Zone::Region => "region",
            Zone::Away => "away",
        },
    };
    let files = Walk(|| {
        let files = scene.atlas.view().files(at.index).filter(|file| is_file_name(file.name.as_bytes()));
        files.map(|file| file_entry(super::scene::Wanted { name: file.name, known: Some(file) }))
    });
    let folder = at.folder;
    let object = PlaceObject {
        branch: folder.branch,
        title: folder.title,
        release: folder.release,
        kind: folder.kind,
        arch: folder.arch,
        file: at.file.map(file_entry),
        files: at.file.is_none().then_some(files),
        torrent: scene.torrent(at),
        verified: scene.verified_at(at).map(|time| Shown(Moment(time))),
        place: scene.place().map(Shown),
        mirrors: Walk(|| selection.links().iter().map(mirror_entry)),
    };
    write(&object, out);
}

/// Appends that nothing is at a path.
pub fn missing(path: &str, out: &mut Vec<u8>) {
    write(&MissingObject { error: "there is nothing at this path", path }, out);
}

fn write(object: &impl Serialize, out: &mut Vec<u8>) {
    // Writing into a vector cannot fail, and no map has a key that is no text.
    let _ = serde_json::to_writer(&mut *out, object);
    out.push(b'\n');
}
