//! The packages that a `primary.xml` lists, one after the other.
//!
//! Lives here: reading it as it comes, with memory for one element. Not here: unpacking it (`unpack`), keeping what it
//! says.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::digest::Digest;
use super::frugal::Frugal;
use super::path::stays_below;
use super::repomd::attribute;

/// Longest tag or text, bytes: long descriptions have tens of kilobytes. Picked by feel.
const ELEMENT_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting; a real one has 5.
const DEPTH_MAX: usize = 16;
/// Longest path that is kept, bytes.
const LOCATION_BYTES_MAX: usize = 1024;
/// Longest checksum with white space around it, bytes.
const CHECKSUM_BYTES_MAX: usize = 256;

/// A package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package<'a> {
    /// Path below the repo's folder: `Packages/a/a-1.0-1.noarch.rpm`.
    pub location: &'a str,
    /// Its checksum.
    pub digest: Digest,
    /// Length of the file, bytes; older tools may leave it out.
    pub bytes: Option<u64>,
}

/// Why a file is no `primary.xml`.
#[derive(Debug, thiserror::Error)]
pub enum PrimaryFault {
    /// It cannot be read or unpacked, is no XML, or has an element that is too long.
    #[error("{0}")]
    Xml(#[from] quick_xml::Error),
    /// It ends before its last element does.
    #[error("it ends before its last element does")]
    Cut,
    /// XML, but of another kind.
    #[error("XML without a metadata element")]
    OtherXml,
    /// It nests deeper than any real one, or lists more packages than may be.
    #[error("more than any real one holds")]
    TooMuch,
}

/// Hands every package to `each`, in the file's order, but for those without a path below the repo's folder or a
/// checksum of a known kind. At most `packages_max`. Says how many were left out.
pub fn read_packages<R: BufRead>(
    source: R,
    packages_max: usize,
    each: &mut dyn FnMut(Package<'_>),
) -> Result<usize, PrimaryFault> {
    let mut reader = Reader::from_reader(Frugal::new(source, ELEMENT_BYTES_MAX));
    let mut reading = Reading::default();
    let mut buffer = Vec::new();
    let (mut count, mut left_out) = (0, 0);
    loop {
        match reader.read_event_into(&mut buffer)? {
            Event::Start(start) => reading.open(&start)?,
            Event::Empty(start) => {
                reading.open(&start)?;
                reading.depth -= 1;
            }
            Event::End(_) => {
                reading.depth = reading.depth.saturating_sub(1);
                if reading.depth == 1 {
                    count += 1;
                    match reading.package() {
                        Some(package) => each(package),
                        None => left_out += 1,
                    }
                }
                reading.is_in_checksum = false;
            }
            Event::Text(words) if reading.is_in_checksum => {
                let words = words.xml10_content();
                if reading.checksum.len() + words.len() <= CHECKSUM_BYTES_MAX {
                    reading.checksum.push_str(&words);
                }
            }
            Event::Eof if !reading.is_begun => return Err(PrimaryFault::OtherXml),
            Event::Eof if reading.depth > 0 => return Err(PrimaryFault::Cut),
            Event::Eof => return Ok(left_out),
            _ => {}
        }
        if count > packages_max {
            return Err(PrimaryFault::TooMuch);
        }
        buffer.clear();
        reader.get_mut().refill();
    }
}

/// What is known of the package that is being read.
#[derive(Default)]
struct Reading {
    depth: usize,
    is_begun: bool,
    is_in_checksum: bool,
    location: String,
    checksum_kind: String,
    checksum: String,
    bytes: Option<u64>,
}

impl Reading {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), PrimaryFault> {
        let name = start.local_name();
        let name = name.as_ref();
        match (self.depth, name) {
            (0, "metadata") if !self.is_begun => self.is_begun = true,
            (0, _) => return Err(PrimaryFault::OtherXml),
            (1, _) => {
                self.location.clear();
                self.checksum_kind.clear();
                self.checksum.clear();
                self.bytes = None;
            }
            (2, "checksum") => {
                self.checksum_kind = attribute(start, "type");
                self.is_in_checksum = true;
            }
            (2, "size") => self.bytes = attribute(start, "package").parse().ok(),
            // With another base the file is somewhere else.
            (2, "location") if attribute(start, "xml:base").is_empty() => self.location = attribute(start, "href"),
            _ => {}
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(PrimaryFault::TooMuch) } else { Ok(()) }
    }

    fn package(&self) -> Option<Package<'_>> {
        let location = self.location.trim_start_matches("./");
        let digest = Digest::parse(&self.checksum_kind, self.checksum.trim())?;
        let good = stays_below(location) && location.len() <= LOCATION_BYTES_MAX;
        good.then_some(Package { location, digest, bytes: self.bytes })
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;
    use crate::repodata::DigestKind;

    /// Two good packages, with what real ones have around them.
    const GOOD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="2">
<package type="rpm">
  <name>a</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/>
  <checksum type="sha256" pkgid="YES">ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad</checksum>
  <summary>A &lt;thing&gt;</summary><description><![CDATA[<location href="no"/>]]></description>
  <time file="1" build="1"/><size package="123" installed="9" archive="9"/>
  <location href="Packages/a/a-1%2b-1.noarch.rpm"/>
  <format><rpm:license>MIT</rpm:license><rpm:provides><rpm:entry name="a" flags="EQ" epoch="0"/></rpm:provides>
  <file>/usr/bin/a</file><checksum type="sha">no</checksum></format>
</package>
<package type="rpm"><location href="./b.rpm"/>
<checksum type="sha" pkgid="YES"> A9993E364706816ABA3E25717850C26C9CD0D89D
</checksum></package>
</metadata>
"#;

    type Read = (String, Digest, Option<u64>);

    fn read(text: &str, buffer_bytes: usize) -> (Vec<Read>, Result<usize, PrimaryFault>) {
        let mut packages = Vec::new();
        let source = BufReader::with_capacity(buffer_bytes, text.as_bytes());
        let result = read_packages(source, 3, &mut |package| {
            packages.push((package.location.to_owned(), package.digest, package.bytes));
        });
        (packages, result)
    }

    #[test]
    fn packages_come_in_order_however_they_are_cut() {
        let expected = [
            ("Packages/a/a-1%2b-1.noarch.rpm".to_owned(), Digest::of(DigestKind::Sha256, b"abc"), Some(123)),
            ("b.rpm".to_owned(), Digest::of(DigestKind::Sha1, b"abc"), None),
        ];
        for buffer_bytes in [1, 2, 3, 7, 64, 4096] {
            let (packages, result) = read(GOOD, buffer_bytes);
            assert_eq!(packages, expected, "{buffer_bytes}");
            assert_eq!(result.unwrap(), 0);
        }
    }

    #[test]
    fn a_cut_file_is_no_list() {
        for end in 0..GOOD.trim_end().len() {
            assert!(read(&GOOD[..end], 4096).1.is_err(), "cut at {end}");
        }
    }

    #[test]
    fn packages_that_cannot_be_verified_are_left_out() {
        let checksum = "<checksum type='sha'>a9993e364706816aba3e25717850c26c9cd0d89d</checksum>";
        for bad in [
            format!("{checksum}<location href='../b.rpm'/>"),
            format!("{checksum}<location href='/b.rpm'/>"),
            format!("{checksum}<location href='http://x/b.rpm'/>"),
            format!("{checksum}<location href='b.rpm' xml:base='http://elsewhere.example/'/>"),
            format!("{checksum}<location href='{}'/>", "b".repeat(1025)),
            checksum.to_owned(),
            "<location href='b.rpm'/>".to_owned(),
            "<checksum type='md5'>900150983cd24fb0d6963f7d28e17f72</checksum><location href='b.rpm'/>".to_owned(),
            format!("<checksum type='sha'>{}</checksum><location href='b.rpm'/>", "a".repeat(1000)),
        ] {
            let (packages, result) = read(&format!("<metadata><package>{bad}</package></metadata>"), 4096);
            assert_eq!((packages.len(), result.unwrap()), (0, 1), "{bad}");
        }
    }

    #[test]
    fn hostile_files_have_limits() {
        let many = format!("<metadata>{}</metadata>", "<package></package>".repeat(4));
        assert!(matches!(read(&many, 64).1, Err(PrimaryFault::TooMuch)));
        let deep = format!("<metadata>{}", "<a>".repeat(100));
        assert!(matches!(read(&deep, 64).1, Err(PrimaryFault::TooMuch)));
        let long = format!("<metadata><package><description>{}", "x".repeat(2 << 20));
        assert!(matches!(read(&long, 4096).1, Err(PrimaryFault::Xml(_))));
        let long = format!("<metadata><package {}", "x".repeat(2 << 20));
        assert!(matches!(read(&long, 4096).1, Err(PrimaryFault::Xml(_))));
        for other in ["", "text", "<html></html>", "<repomd></repomd>"] {
            assert!(matches!(read(other, 64).1, Err(PrimaryFault::OtherXml)), "{other}");
        }
        assert!(matches!(read("<metadata></package></metadata>", 64).1, Err(PrimaryFault::Xml(_))));
    }
}
