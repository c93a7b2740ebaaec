//! Metalink 4 (RFC 5854), for any file: aria2 and curl read it.

use std::io::Write;

use super::version3::write_note;
use crate::answer::write::{hexadecimal, xml};
use crate::calendar::Moment;
use crate::decimal;
use crate::snapshot::CountryCode;

/// Media type of the document.
pub const MEDIA_TYPE: &str = "application/metalink4+xml";

/// A file that is described.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name, without directories.
    pub name: &'a [u8],
    /// Its length in bytes, when it is known.
    pub bytes: Option<u64>,
    /// When this was found out, seconds since 1970, when that is told.
    pub published_at: Option<u64>,
    /// Its digests: name of the hash as RFC 5854 has it (`sha-256`), and it.
    pub hashes: &'a [(&'a str, Hash<'a>)],
}

/// A digest, in the form in which it is at hand.
#[derive(Clone, Copy, Debug)]
pub enum Hash<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// Its digits, in hexadecimal and lower case.
    Digits(&'a str),
}

/// Appends the document. `note`: writes what is to be said in a comment, if anything. Sources are URLs, in
/// parts that follow each other, with the country they are in; they come in the order in which they are to be tried:
/// priority 1 first.
pub fn write<'a>(
    note: impl FnOnce(&mut Vec<u8>),
    file: &File<'_>,
    sources: impl Iterator<Item = ([&'a [u8]; 3], Option<CountryCode>)>,
    out: &mut Vec<u8>,
) {
    write_head(out);
    write_note(note, out);
    if let Some(time) = file.published_at {
        // A vector takes all that is written to it.
        let _ = writeln!(out, " <published>{}</published>", Moment(time));
    }
    out.extend_from_slice(b" <file name=\"");
    xml(file.name, out);
    out.extend_from_slice(b"\">\n");
    if let Some(bytes) = file.bytes {
        out.extend_from_slice(b"  <size>");
        decimal::write(bytes, out);
        out.extend_from_slice(b"</size>\n");
    }
    for (kind, hash) in file.hashes {
        out.extend_from_slice(b"  <hash type=\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\">");
        match hash {
            Hash::Bytes(bytes) => hexadecimal(bytes, out),
            Hash::Digits(digits) => xml(digits.as_bytes(), out),
        }
        out.extend_from_slice(b"</hash>\n");
    }
    for ((url, country), priority) in sources.zip(1..) {
        out.extend_from_slice(b"  <url");
        if let Some(country) = country {
            out.extend_from_slice(b" location=\"");
            out.extend_from_slice(&country.map(|letter| letter.to_ascii_lowercase()));
            out.push(b'"');
        }
        out.extend_from_slice(b" priority=\"");
        decimal::write(priority, out);
        out.extend_from_slice(b"\">");
        url.iter().for_each(|part| xml(part, out));
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
    out.extend_from_slice(b"<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n");
    out.extend_from_slice(concat!(" <generator>mirrorlistd/", env!("CARGO_PKG_VERSION"), "</generator>\n").as_bytes());
}
