//! The Metalink of an image: where it can be had, and how it must look.
//!
//! Lives here: what is told of an image. Not here: the document (`answer::metalink`), what is told at all (`scene`).

use super::scene::{Place, Scene};
use super::selection::Selection;
use crate::answer::metalink::version4;
use crate::place::Code;
use crate::snapshot::{DigestKind, File};

/// Appends a Metalink 4 of a file that is known.
pub fn write<'a>(scene: &Scene<'a>, at: &Place<'a>, known: File<'a>, selection: &Selection<'a>, out: &mut Vec<u8>) {
    let hash = known.digest.map(|digest| (registered_name(digest.kind), version4::Hash::Digits(digest.digits)));
    let file = version4::File {
        name: known.name.as_bytes(),
        bytes: known.size(),
        published_at: scene.verified_at(at),
        hashes: hash.as_slice(),
    };
    let sources = selection.links().iter().map(|link| {
        let country = link.place.map(Code::to_bytes).map(|[first, second, ..]| [first, second]);
        (scene.url(at, link).parts(), country)
    });
    version4::write(|_| (), &file, sources, out);
}

/// What IANA's registry of hash functions calls a kind of digest.
fn registered_name(kind: DigestKind) -> &'static str {
    match kind {
        DigestKind::Sha256 => "sha-256",
        DigestKind::Sha512 => "sha-512",
        DigestKind::Sha384 => "sha-384",
        DigestKind::Sha224 => "sha-224",
        DigestKind::Sha1 => "sha-1",
        DigestKind::Md5 => "md5",
    }
}
