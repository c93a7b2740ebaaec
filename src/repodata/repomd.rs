//! `RepoMd`: what a `repomd.xml` says.
//!
//! Lives here: reading it, and telling garbage, HTML pages and cut files apart. Not here: whether it is the right one
//! (`crawl`, `proxy`), whether the files it names are there.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::digest::Digest;

/// Files that one may name. The richest seen has about 30 (Fedora with all its zchunk twins).
const ENTRIES_MAX: usize = 256;
/// Longest text or attribute that is kept, bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// Deepest nesting; a real one has 3.
const DEPTH_MAX: usize = 16;

/// The contents of a `repomd.xml` that anybody here needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepoMd {
    /// The `<revision>`, by custom seconds since 1970.
    pub revision: String,
    /// The first `<timestamp>`, seconds since 1970; 0 when there is none.
    pub timestamp: u64,
    /// The latest `<timestamp>`, seconds since 1970; 0 when there is none.
    pub latest: u64,
    /// The files it names, in its order.
    pub entries: Vec<Entry>,
}

/// A file that a `repomd.xml` names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// `primary`, `filelists_db`, …
    pub kind: String,
    /// Path below the repo's folder: `repodata/…-primary.xml.gz`.
    pub location: String,
    /// Name of the hash: `sha256`.
    pub checksum_kind: String,
    /// The hash, in hexadecimal.
    pub checksum: String,
    /// Length of the file, bytes. Older tools left it out.
    pub size: Option<u64>,
    /// Length of the file unpacked, bytes.
    pub open_size: Option<u64>,
}

impl Entry {
    /// The hash, when it is of a kind that can be held against a file.
    pub fn digest(&self) -> Option<Digest> {
        Digest::parse(&self.checksum_kind, &self.checksum)
    }
}

/// Why a file is no `repomd.xml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A web page.
    #[error("a web page")]
    Page,
    /// It begins well, and ends too early.
    #[error("it ends before its last element does")]
    Cut,
    /// Neither XML nor a page, or XML that is broken in its middle.
    #[error("not well-formed XML")]
    Garbage,
    /// XML, but of another kind.
    #[error("XML without a repomd element")]
    OtherXml,
    /// It names more files, or nests deeper, than any real one.
    #[error("more than any real one holds")]
    TooMuch,
    /// It names no file at all.
    #[error("it names no files")]
    Nothing,
}

/// Whether bytes look like a web page: an error page in place of a file, or a portal that wants a log-in.
pub fn is_page(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    // A real file may hold such words in its tags.
    let page =
        ["<!doctype html", "<html", "<head", "<body", "<script", "<meta "].iter().any(|mark| head.contains(mark));
    page && !head.contains("<repomd")
}

impl RepoMd {
    /// Reads a whole file.
    pub fn parse(bytes: &[u8]) -> Result<RepoMd, Fault> {
        if is_page(bytes) {
            return Err(Fault::Page);
        }
        let text = std::str::from_utf8(bytes).map_err(|fault| match fault.error_len() {
            None => Fault::Cut,
            Some(_) => Fault::Garbage,
        })?;
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
                Ok(Event::Text(words)) => reading.say(&words.xml10_content())?,
                Ok(Event::CData(words)) => reading.say(&words.xml10_content())?,
                Ok(Event::Eof) => return reading.finish(),
                Ok(_) => {}
                Err(quick_xml::Error::Syntax(_)) if reading.seen => return Err(Fault::Cut),
                Err(_) => return Err(Fault::Garbage),
            }
        }
    }
}

/// Where a reading is: the elements around, and what they said.
#[derive(Default)]
struct Reading {
    path: Vec<String>,
    seen: bool,
    text: String,
    timestamp: Option<u64>,
    found: RepoMd,
}

impl Reading {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), Fault> {
        let name = start.local_name().as_ref().to_owned();
        if self.path.is_empty() && name != "repomd" {
            return Err(Fault::OtherXml);
        }
        if self.path.len() >= DEPTH_MAX || self.found.entries.len() > ENTRIES_MAX {
            return Err(Fault::TooMuch);
        }
        self.seen = true;
        self.text.clear();
        if self.path.len() == 1 && name == "data" {
            self.found.entries.push(Entry { kind: attribute(start, "type"), ..Entry::default() });
        } else if let (true, Some(entry)) =
            (self.path.len() == 2 && self.path[1] == "data", self.found.entries.last_mut())
        {
            match name.as_str() {
                "location" => entry.location = attribute(start, "href"),
                "checksum" => entry.checksum_kind = attribute(start, "type"),
                _ => {}
            }
        }
        self.path.push(name);
        Ok(())
    }

    fn say(&mut self, words: &str) -> Result<(), Fault> {
        if self.path.is_empty() && !words.trim().trim_start_matches('\u{feff}').is_empty() {
            return Err(if self.seen { Fault::Garbage } else { Fault::OtherXml });
        }
        if self.text.len() + words.len() <= TEXT_BYTES_MAX {
            self.text.push_str(words);
        }
        Ok(())
    }

    fn close(&mut self) {
        let text = self.text.trim();
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match (path.as_slice(), self.found.entries.last_mut()) {
            (["repomd", "revision"], _) => self.found.revision = text.to_owned(),
            (["repomd", "data", "checksum"], Some(entry)) => entry.checksum = text.to_ascii_lowercase(),
            (["repomd", "data", "size"], Some(entry)) => entry.size = text.parse().ok(),
            (["repomd", "data", "open-size"], Some(entry)) => entry.open_size = text.parse().ok(),
            (["repomd", "data", "timestamp"], _) => {
                // Some tools wrote a fraction: 1380000000.51.
                let seconds = text.split('.').next().and_then(|whole| whole.parse().ok());
                self.timestamp = self.timestamp.or(seconds);
                self.found.latest = self.found.latest.max(seconds.unwrap_or(0));
            }
            _ => {}
        }
        self.text.clear();
        self.path.pop();
    }

    fn finish(mut self) -> Result<RepoMd, Fault> {
        match (self.seen, self.path.is_empty()) {
            (false, _) => Err(Fault::OtherXml),
            (true, false) => Err(Fault::Cut),
            (true, true) if self.found.entries.is_empty() => Err(Fault::Nothing),
            (true, true) => {
                self.found.timestamp = self.timestamp.unwrap_or(0);
                Ok(self.found)
            }
        }
    }
}

/// The value of an attribute; empty when it is not there, broken or too long.
pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> String {
    let found = start.try_get_attribute(name).ok().flatten();
    let value =
        found.and_then(|found| found.normalized_value(XmlVersion::Implicit1_0).ok().map(|text| text.into_owned()));
    value.filter(|text| text.len() <= TEXT_BYTES_MAX).unwrap_or_default()
}

#[cfg(test)]
mod tests;
