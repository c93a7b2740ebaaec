//! Images: the checksum file that lists them, and whether a mirror has them.
//!
//! Lives here: reading checksum files in all their layouts, holding a mirror's answers against the master's, and index
//! pages. Not here: what is asked of a master, one thing after the other (`survey`), and what lists name (`plan`).

use std::collections::{BTreeMap, BTreeSet};

use super::classify::refusal;
use super::fetch::{End, Reply, note};
use crate::repodata::is_page;
use crate::snapshot::DigestKind;
use crate::verdicts::{Finding, Original, Shown};

/// Images that one file may list. Rocky's combined one has 170 lines.
const FILES_MAX: usize = 2000;
/// Longest name of an image, bytes.
const NAME_BYTES_MAX: usize = 255;

/// One file that a checksum file lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Its hashes by name (`sha256`), in hexadecimal.
    pub hashes: BTreeMap<&'static str, String>,
    /// Its length, bytes, where the file tells it.
    pub size: Option<u64>,
}

/// A checksum file: images by name.
pub type Checksums = BTreeMap<String, Image>;

/// Why a file is no checksum file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A web page.
    #[error("a web page in place of checksums")]
    Page,
    /// The signature that its first line announces is not there.
    #[error("it ends before its signature does")]
    Cut,
    /// One file has two different hashes of one kind, or sizes.
    #[error("line {0} contradicts an earlier one")]
    Contradiction(usize),
    /// It lists more than any real one.
    #[error("it lists more than {FILES_MAX} files")]
    TooMany,
    /// It lists nothing.
    #[error("no line of it is a checksum")]
    Nothing,
}

/// What one line says.
enum Line<'a> {
    Hash { name: &'a str, kind: &'static str, hash: &'a str },
    Size { name: &'a str, bytes: u64 },
}

/// Reads a checksum file: `SHA256 (name) = hash`, `hash  name`, `hash *name` and `# name: 123 bytes`, mixed as they
/// come, clear-signed (RFC 4880, 7) or not; the signature is not verified. Other lines are skipped.
pub fn parse(bytes: &[u8]) -> Result<Checksums, Fault> {
    if is_page(bytes) {
        return Err(Fault::Page);
    }
    let text = String::from_utf8_lossy(bytes);
    let signed = text.trim_start().starts_with("-----BEGIN PGP SIGNED MESSAGE-----");
    if signed && !text.contains("-----END PGP SIGNATURE-----") {
        return Err(Fault::Cut);
    }
    let mut found = Checksums::new();
    // In Gentoo's layout a comment says what kind of hash follows, where its length does not tell.
    let mut announced = None;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("-----BEGIN PGP SIGNATURE-----") {
            break;
        }
        if line.starts_with('#') && line.ends_with("HASH") {
            announced = line.trim_start_matches(['#', ' ']).split(' ').next().map(|kind| kind.starts_with("BLAKE2"));
        }
        let line = if signed { line.strip_prefix("- ").unwrap_or(line) } else { line };
        let Some(line) = read_line(line, announced == Some(true)) else { continue };
        let (Line::Hash { name, .. } | Line::Size { name, .. }) = line;
        let Some(name) = plain_name(name) else { continue };
        if found.len() >= FILES_MAX && !found.contains_key(name) {
            return Err(Fault::TooMany);
        }
        let image = found.entry(name.to_owned()).or_default();
        let agrees = match line {
            Line::Hash { kind, hash, .. } => {
                let hash = hash.to_ascii_lowercase();
                *image.hashes.entry(kind).or_insert_with(|| hash.clone()) == hash
            }
            Line::Size { bytes, .. } => *image.size.get_or_insert(bytes) == bytes,
        };
        if !agrees {
            return Err(Fault::Contradiction(at + 1));
        }
    }
    found.retain(|_, image| !image.hashes.is_empty());
    if found.is_empty() { Err(Fault::Nothing) } else { Ok(found) }
}

fn read_line(line: &str, blake2: bool) -> Option<Line<'_>> {
    if let Some(comment) = line.strip_prefix('#') {
        let (name, size) = comment.trim().rsplit_once(": ")?;
        return Some(Line::Size { name, bytes: size.strip_suffix(" bytes")?.trim().parse().ok()? });
    }
    if let Some((head, hash)) = line.rsplit_once(") = ") {
        let (kind, name) = head.split_once(" (")?;
        let kind = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]
            .into_iter()
            .find(|known| kind.eq_ignore_ascii_case(known) || kind.to_ascii_lowercase().replace('-', "") == **known)?;
        return (kind_of(hash) == Some(kind)).then_some(Line::Hash { name, kind, hash });
    }
    let (hash, name) = line.split_once(' ')?;
    let name = name.trim_start().trim_start_matches('*');
    let kind = if blake2 { "blake2b" } else { kind_of(hash)? };
    kind_of(hash).map(|_| Line::Hash { name, kind, hash })
}

/// The kind of a hash by its length.
fn kind_of(hash: &str) -> Option<&'static str> {
    if !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    match hash.len() {
        32 => Some("md5"),
        40 => Some("sha1"),
        56 => Some("sha224"),
        64 => Some("sha256"),
        96 => Some("sha384"),
        128 => Some("sha512"),
        _ => None,
    }
}

/// The name of a file in the same folder: some tools wrote down where it was when they hashed it.
pub fn plain_name(name: &str) -> Option<&str> {
    let name = name.trim().rsplit('/').next()?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'%' | b'\\' | b'<' | b'>' | b'"');
    (!name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.starts_with('.') && name.bytes().all(plain))
        .then_some(name)
}

/// What a HEAD of the master's file says, if it says enough and agrees with the checksum file.
pub fn original(reply: &Reply, image: &Image) -> Option<Original> {
    let bytes = reply.length.filter(|_| refusal(reply).is_none())?;
    let digest = DigestKind::ALL.into_iter().find_map(|kind| Some((kind, image.hashes.get(kind.name())?.clone())));
    let agrees = image.size.is_none_or(|listed| listed == bytes);
    agrees.then_some(Original { bytes, modified: reply.last_modified, digest, torrent: None })
}

/// Whether `name` matches `pattern`, in which `*` stands for any text.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    let begins = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    begins.into_iter().any(|at| matches(tail, &rest[at..]))
}

/// Holds a mirror's HEAD of a file against the master's, as its truth shows it.
pub fn judge(reply: &Reply, original: &Shown) -> (Finding, String) {
    if let Some(refused) = refusal(reply) {
        return refused;
    }
    match reply.length {
        Some(length) if length == original.bytes => {}
        Some(length) if length < original.bytes => {
            return (Finding::Truncated, format!("{length} bytes, the master's {}", original.bytes));
        }
        Some(length) => return (Finding::Different, format!("{length} bytes, the master's {}", original.bytes)),
        None => return (Finding::OtherStatus, "no content-length".to_owned()),
    }
    match (reply.last_modified, Some(original.timestamp).filter(|&at| at != 0)) {
        (Some(own), Some(master)) if own < master => {
            (Finding::Behind, format!("last modified {} seconds before the master's", master - own))
        }
        (Some(own), Some(master)) if own > master => {
            (Finding::Different, format!("last modified {} seconds after the master's", own - master))
        }
        _ => (Finding::Same, String::new()),
    }
}

/// What was said of a first byte, as a HEAD would have said it.
pub fn as_head(reply: &Reply) -> Reply {
    let status = if reply.status == 206 { 200 } else { reply.status };
    Reply { status, ..reply.clone() }
}

/// Whether a page is the index of a folder: it has links, to what the folder holds if that is known.
pub fn judge_index(reply: &Reply, names: &BTreeSet<String>) -> (Finding, String) {
    if let Some(refused) = refusal(reply) {
        return refused;
    }
    if reply.end == End::Cut {
        return (Finding::Truncated, String::new());
    }
    let page = String::from_utf8_lossy(&reply.body);
    let links = links(&page);
    if links.is_empty() {
        return (Finding::NotMetadata, "a page without links".to_owned());
    }
    match names.iter().find(|name| !links.contains(name.as_str())) {
        Some(name) => (Finding::Inconsistent, note(&format!("the index has no link to {name}"))),
        None => (Finding::Same, String::new()),
    }
}

/// Names of what an index page has links to.
pub fn links(page: &str) -> BTreeSet<&str> {
    page.split("href=").skip(1).filter_map(link).collect()
}

/// The file that a link leads to, from what follows `href=`.
fn link(rest: &str) -> Option<&str> {
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''));
    let target = match quote {
        Some(quote) => rest[1..].split(quote).next()?,
        None => rest.split([' ', '>']).next()?,
    };
    target.split(['?', '#']).next()?.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
