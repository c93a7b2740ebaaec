//! `Metalink`: which `repomd.xml` is right and who has it.
//!
//! Lives here: version 3 with the alternates of MirrorManager, and version 4 (RFC 5854). Not here: what is done with
//! it.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::digest::Digest;
use super::mirrorlist::is_base_url;
use super::repomd::{attribute, is_page};

/// What the file has to be called that a repo's metalink is about.
const NAME: &str = "repomd.xml";
/// Where it is on a mirror: what is before it is the mirror's base URL.
const PATH: &str = "repodata/repomd.xml";
/// Versions of the file that one may name, the current one with them. MirrorManager names a few days' worth.
const FILES_MAX: usize = 64;
/// Checksums of one version.
const DIGESTS_MAX: usize = 8;
/// Longest text that is kept, bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// Deepest nesting; a real one has 7.
const DEPTH_MAX: usize = 16;
/// The preference of a mirror without one: behind all that have one.
const PREFERENCE_MIN: u32 = 0;

/// A version of `repomd.xml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkedFile {
    /// Seconds since 1970.
    pub timestamp: Option<u64>,
    /// Its length, bytes.
    pub bytes: Option<u64>,
    /// Its checksums, of kinds that can be held against it.
    pub digests: Vec<Digest>,
}

impl LinkedFile {
    /// Whether these bytes are it: by its best checksum. One without any is matched by nothing.
    pub fn is(&self, file: &[u8]) -> bool {
        let best = self.digests.iter().max_by_key(|digest| digest.kind());
        best.is_some_and(|best| Digest::of(best.kind(), file) == *best)
            && self.bytes.is_none_or(|bytes| bytes == file.len() as u64)
    }
}

/// A repo's metalink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metalink {
    /// Versions of `repomd.xml` that are right: the current one first, then those that some mirrors still have.
    pub files: Vec<LinkedFile>,
    /// Base URLs of mirrors, http and https, the preferred first; each ends in a slash.
    pub mirrors: Vec<String>,
}

/// Why a file is no metalink of a repo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetalinkFault {
    /// A web page.
    #[error("a web page")]
    Page,
    /// It is broken or ends early.
    #[error("not well-formed XML")]
    Garbage,
    /// It says nothing of a `repomd.xml`: what servers send for repos they do not know.
    #[error("it says nothing of a repomd.xml")]
    Nothing,
    /// It names more versions, or nests deeper, than any real one.
    #[error("more than any real one holds")]
    TooMuch,
}

impl Metalink {
    /// Reads a whole file; of its mirrors the first `mirrors_max`.
    pub fn parse(text: &str, mirrors_max: usize) -> Result<Metalink, MetalinkFault> {
        if is_page(text.as_bytes()) {
            return Err(MetalinkFault::Page);
        }
        let mut reader = Reader::from_str(text);
        let mut reading = Reading::default();
        loop {
            match reader.read_event() {
                Ok(Event::Start(start)) => reading.open(&start)?,
                Ok(Event::Empty(start)) => {
                    reading.open(&start)?;
                    reading.close();
                }
                Ok(Event::End(_)) => reading.close(),
                Ok(Event::Text(words)) => reading.say(&words.xml10_content()),
                Ok(Event::CData(words)) => reading.say(&words.xml10_content()),
                // In URLs only the ampersand has to be written as a reference.
                Ok(Event::GeneralRef(reference)) if &*reference == "amp" => reading.say("&"),
                Ok(Event::Eof) if reading.path.is_empty() => return reading.finish(mirrors_max),
                Ok(Event::Eof) | Err(_) => return Err(MetalinkFault::Garbage),
                Ok(_) => {}
            }
        }
    }

    /// Whether these bytes are one of the versions that are right.
    pub fn knows(&self, file: &[u8]) -> bool {
        self.files.iter().any(|version| version.is(file))
    }
}

/// Where a reading is: the elements around, what they said, whether they are about our file.
#[derive(Default)]
struct Reading {
    path: Vec<String>,
    is_ours: bool,
    text: String,
    hash_kind: String,
    /// Smaller comes first, then the order of the file.
    rank: u32,
    files: Vec<LinkedFile>,
    mirrors: Vec<(u32, String)>,
}

impl Reading {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), MetalinkFault> {
        let name = start.local_name().as_ref().to_owned();
        if self.path.len() >= DEPTH_MAX {
            return Err(MetalinkFault::TooMuch);
        }
        self.text.clear();
        match name.as_str() {
            "file" => {
                // Only one file of this name can be meant.
                self.is_ours = attribute(start, "name") == NAME && self.files.is_empty();
                if self.is_ours {
                    self.files.push(LinkedFile::default());
                }
            }
            "alternate" if self.is_ours => self.files.push(LinkedFile::default()),
            "hash" => self.hash_kind = attribute(start, "type"),
            "url" => {
                let number = |name: &str| attribute(start, name).parse::<u32>().ok();
                // Version 3 has a preference, 100 is best; version 4 a priority, 1 is best.
                let preference = || u32::MAX - number("preference").unwrap_or(PREFERENCE_MIN).min(u32::MAX - 1);
                self.rank = number("priority").unwrap_or_else(preference);
            }
            _ => {}
        }
        if self.files.len() > FILES_MAX {
            return Err(MetalinkFault::TooMuch);
        }
        self.path.push(name);
        Ok(())
    }

    fn say(&mut self, words: &str) {
        if self.text.len() + words.len() <= TEXT_BYTES_MAX {
            self.text.push_str(words);
        }
    }

    fn close(&mut self) {
        let text = self.text.trim();
        let name = self.path.pop().unwrap_or_default();
        match (name.as_str(), self.files.last_mut()) {
            ("file", _) => self.is_ours = false,
            ("timestamp", Some(file)) if self.is_ours => file.timestamp = text.parse().ok(),
            ("size", Some(file)) if self.is_ours => file.bytes = text.parse().ok(),
            ("hash", Some(file)) if self.is_ours && file.digests.len() < DIGESTS_MAX => {
                file.digests.extend(Digest::parse(&self.hash_kind, text));
            }
            ("url", _) if self.is_ours => {
                let base = text.strip_suffix(PATH).filter(|base| base.ends_with('/') && is_base_url(base));
                self.mirrors.extend(base.map(|base| (self.rank, base.to_owned())));
            }
            _ => {}
        }
        self.text.clear();
    }

    fn finish(mut self, mirrors_max: usize) -> Result<Metalink, MetalinkFault> {
        if self.files.is_empty() {
            return Err(MetalinkFault::Nothing);
        }
        self.mirrors.sort_by_key(|(rank, _)| *rank);
        let mut mirrors: Vec<String> = Vec::new();
        for (_, url) in self.mirrors {
            if mirrors.len() < mirrors_max && !mirrors.contains(&url) {
                mirrors.push(url);
            }
        }
        self.files.retain(|file| !file.digests.is_empty());
        Ok(Metalink { files: self.files, mirrors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repodata::DigestKind;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const ABC_SHA1: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";

    fn version_3() -> String {
        format!(
            r#"<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files><file name="other.xml"><size>9</size><resources>
   <url preference="100">http://other.example/repodata/repomd.xml</url></resources></file>
  <file name="repomd.xml">
   <mm0:timestamp>1700000000</mm0:timestamp><size>3</size>
   <verification><hash type="md5">900150983cd24fb0d6963f7d28e17f72</hash><hash type="sha1">{ABC_SHA1}</hash>
    <hash type="sha256">{ABC}</hash></verification>
   <mm0:alternates><mm0:alternate><mm0:timestamp>1600000000</mm0:timestamp><size>2</size>
     <verification><hash type="sha1">{ABC_SHA1}</hash></verification></mm0:alternate></mm0:alternates>
   <resources maxconnections="1">
    <url protocol="rsync" preference="100">rsync://a.example/os/repodata/repomd.xml</url>
    <url protocol="http" preference="98">http://b.example/os/repodata/repomd.xml</url>
    <url protocol="https" preference="99">https://c.example/a&amp;b/repodata/repomd.xml</url>
    <url protocol="https">https://d.example/repodata/repomd.xml</url>
    <url protocol="http" preference="97">http://e.example/os/elsewhere.xml</url>
   </resources></file></files></metalink>"#
        )
    }

    #[test]
    fn version_3_has_preferences_and_alternates() {
        let read = Metalink::parse(&version_3(), 9).unwrap();
        assert_eq!(read.mirrors, ["https://c.example/a&b/", "http://b.example/os/", "https://d.example/"]);
        assert_eq!(read.files.len(), 2);
        assert_eq!((read.files[0].timestamp, read.files[0].bytes), (Some(1_700_000_000), Some(3)));
        assert_eq!(read.files[0].digests.len(), 2, "MD5 is not believed");
        assert_eq!(read.files[1].timestamp, Some(1_600_000_000));
        // The alternate has the checksum of `abc` and another length.
        assert!(read.files[0].is(b"abc") && !read.files[1].is(b"abc") && !read.files[0].is(b"abd"));
        assert!(read.knows(b"abc") && !read.knows(b""));
    }

    #[test]
    fn the_best_checksum_counts() {
        let digests = vec![
            Digest::of(DigestKind::Sha1, b"forged"),
            Digest::sha256(sha256(b"right")),
            Digest::of(DigestKind::Sha1, b""),
        ];
        let file = LinkedFile { digests, ..LinkedFile::default() };
        assert!(file.is(b"right") && !file.is(b"forged"));
        assert!(!LinkedFile::default().is(b""), "without a checksum nothing is right");
    }

    fn sha256(bytes: &[u8]) -> [u8; 32] {
        Digest::of(DigestKind::Sha256, bytes).as_sha256().unwrap()
    }

    #[test]
    fn version_4_has_priorities() {
        let text = format!(
            r#"<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="repomd.xml"><size>3</size>
            <hash type="sha-256">{ABC}</hash>
            <url location="de" priority="2">http://two.example/repodata/repomd.xml</url>
            <url location="de" priority="1">http://one.example/repodata/repomd.xml</url>
            <url>http://three.example/repodata/repomd.xml</url></file></metalink>"#
        );
        let read = Metalink::parse(&text, 2).unwrap();
        assert_eq!(read.mirrors, ["http://one.example/", "http://two.example/"]);
        assert!(read.knows(b"abc"));
    }

    #[test]
    fn what_is_no_metalink_is_told_apart() {
        let many = format!("<metalink><file name='repomd.xml'>{}", "<alternate></alternate>".repeat(100));
        for (text, fault) in [
            ("<html><body>503</body></html>", MetalinkFault::Page),
            ("<metalink><!-- repo = x arch = y error: invalid repo or arch --></metalink>", MetalinkFault::Nothing),
            ("", MetalinkFault::Nothing),
            ("<metalink><file name='x.iso'><hash type='sha1'>0</hash></file></metalink>", MetalinkFault::Nothing),
            ("<metalink><file name='repomd.xml'>", MetalinkFault::Garbage),
            ("<metalink></file></metalink>", MetalinkFault::Garbage),
            (&many, MetalinkFault::TooMuch),
            (&"<a>".repeat(100), MetalinkFault::TooMuch),
        ] {
            assert_eq!(Metalink::parse(text, 9), Err(fault), "{text}");
        }
        let whole = version_3();
        for end in 0..whole.len() {
            let read = Metalink::parse(&whole[..end], 9);
            assert!(read.is_err(), "cut at {end}");
        }
    }
}
