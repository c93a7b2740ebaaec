//! Metalink 4 (RFC 5854), for any file: aria2 and curl read it.

use super::Source;
use super::version3::write_note;
use crate::answer::write::{decimal, hexadecimal, xml};

/// Media type of the document.
pub const MEDIA_TYPE: &str = "application/metalink4+xml";

/// A file that is described.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name, without directories.
    pub name: &'a [u8],
    /// Its length in bytes, when it is known.
    pub bytes: Option<u64>,
    /// Its digests: name of the hash as RFC 5854 has it (`sha-256`), and the bytes. Those that are empty are left out.
    pub hashes: &'a [(&'a str, &'a [u8])],
}

/// Appends the document. `note`: writes what is to be said in a comment, if anything. Sources come in the order in
/// which they are to be tried: priority 1 first.
pub fn write<'a>(
    note: impl FnOnce(&mut Vec<u8>),
    file: &File<'_>,
    sources: impl Iterator<Item = Source<'a>>,
    out: &mut Vec<u8>,
) {
    write_head(out);
    write_note(note, out);
    out.extend_from_slice(b" <file name=\"");
    xml(file.name, out);
    out.extend_from_slice(b"\">\n");
    if let Some(bytes) = file.bytes {
        out.extend_from_slice(b"  <size>");
        decimal(bytes, out);
        out.extend_from_slice(b"</size>\n");
    }
    for (kind, digest) in file.hashes.iter().filter(|(_, digest)| !digest.is_empty()) {
        out.extend_from_slice(b"  <hash type=\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\">");
        hexadecimal(digest, out);
        out.extend_from_slice(b"</hash>\n");
    }
    for (source, priority) in sources.zip(1..) {
        out.extend_from_slice(b"  <url");
        if let Some(country) = source.country {
            out.extend_from_slice(b" location=\"");
            out.extend_from_slice(&country.map(|letter| letter.to_ascii_lowercase()));
            out.push(b'"');
        }
        out.extend_from_slice(b" priority=\"");
        decimal(priority, out);
        out.extend_from_slice(b"\">");
        source.url.iter().for_each(|part| xml(part, out));
        out.extend_from_slice(b"</url>\n");
    }
    out.extend_from_slice(b" </file>\n</metalink>\n");
}

/// Appends a document that names nothing, with the reason in a comment.
pub fn write_failure(reason: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    write_head(out);
    write_note(reason, out);
    out.extend_from_slice(b"</metalink>\n");
}

fn write_head(out: &mut Vec<u8>) {
    out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out.extend_from_slice(
        b"<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n <generator>mirrorlistd</generator>\n",
    );
}
