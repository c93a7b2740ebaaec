//! Metalink 3.0 for `repomd.xml`, as librepo (dnf) and yum 3 read it.
//!
//! Lives here: the document, with the names that they look for: `sha256` (a `sha-256` is silently not verified),
//! `mm0:timestamp` and `mm0:alternates`. Not here: which states of the file are valid (`plan`).

use super::Source;
use crate::answer::write::{fit_comment, hexadecimal, xml};
use crate::decimal;
use crate::snapshot::Revision;

/// The one file that these documents are about.
pub const FILE_NAME: &str = "repomd.xml";
/// Preference of the first source.
const PREFERENCE_MAX: u64 = 100;

/// Appends the document. `date`: the time in HTTP's form. `note`: writes what is to be said in a comment, if anything.
///
/// `revisions`: states of the file that may be accepted, the current one first; none when nobody knows, and then
/// nothing can be verified.
pub fn write<'a>(
    date: &[u8],
    note: impl FnOnce(&mut Vec<u8>),
    revisions: &[Revision],
    sources: impl Iterator<Item = Source<'a>>,
    out: &mut Vec<u8>,
) {
    write_head(date, out);
    write_note(note, out);
    out.extend_from_slice(b" <files>\n  <file name=\"repomd.xml\">\n");
    if let Some((current, older)) = revisions.split_first() {
        write_revision(current, b"   ", out);
        if !older.is_empty() {
            out.extend_from_slice(b"   <mm0:alternates>\n");
            for revision in older {
                out.extend_from_slice(b"    <mm0:alternate>\n");
                write_revision(revision, b"     ", out);
                out.extend_from_slice(b"    </mm0:alternate>\n");
            }
            out.extend_from_slice(b"   </mm0:alternates>\n");
        }
    }
    out.extend_from_slice(b"   <resources maxconnections=\"1\">\n");
    let preferences = (1..=PREFERENCE_MAX).rev().chain(std::iter::repeat(1));
    for (source, preference) in sources.zip(preferences) {
        out.extend_from_slice(b"    <url protocol=\"");
        out.extend_from_slice(source.protocol.as_bytes());
        out.extend_from_slice(b"\" type=\"");
        out.extend_from_slice(source.protocol.as_bytes());
        if let Some(country) = source.country {
            out.extend_from_slice(b"\" location=\"");
            out.extend_from_slice(&country);
        }
        out.extend_from_slice(b"\" preference=\"");
        decimal::write(preference, out);
        out.extend_from_slice(b"\">");
        source.url.iter().for_each(|part| xml(part, out));
        out.extend_from_slice(b"</url>\n");
    }
    out.extend_from_slice(b"   </resources>\n  </file>\n </files>\n</metalink>\n");
}

/// Appends a document that names nothing, with the reason in a comment.
pub fn write_failure(date: &[u8], reason: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    write_head(date, out);
    out.extend_from_slice(b"<!-- ");
    let start = out.len();
    reason(out);
    fit_comment(out, start);
    if out.last() != Some(&b'\n') {
        out.push(b'\n');
    }
    out.extend_from_slice(b"-->\n</metalink>\n");
}

fn write_head(date: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    out.extend_from_slice(
        b"<metalink version=\"3.0\" xmlns=\"http://www.metalinker.org/\" type=\"dynamic\" pubdate=\"",
    );
    out.extend_from_slice(date);
    out.extend_from_slice(b"\" generator=\"mirrorlistd\" xmlns:mm0=\"http://fedorahosted.org/mirrormanager\">\n");
}

/// A comment, when there is anything to say.
pub(super) fn write_note(note: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    let before = out.len();
    out.extend_from_slice(b" <!-- ");
    let start = out.len();
    note(out);
    if out.len() == start {
        out.truncate(before);
        return;
    }
    fit_comment(out, start);
    out.extend_from_slice(b" -->\n");
}

fn write_revision(revision: &Revision, indent: &[u8], out: &mut Vec<u8>) {
    let mut line = |opening: &str, value: &dyn Fn(&mut Vec<u8>), closing: &str| {
        out.extend_from_slice(indent);
        out.extend_from_slice(opening.as_bytes());
        value(out);
        out.extend_from_slice(closing.as_bytes());
    };
    line("<mm0:timestamp>", &|out| decimal::write(revision.timestamp(), out), "</mm0:timestamp>\n");
    line("<size>", &|out| decimal::write(revision.bytes(), out), "</size>\n");
    line("<verification>\n", &|_| (), "");
    line(" <hash type=\"sha256\">", &|out| hexadecimal(revision.sha256(), out), "</hash>\n");
    line(" <hash type=\"sha512\">", &|out| hexadecimal(revision.sha512(), out), "</hash>\n");
    line("</verification>\n", &|_| (), "");
}
