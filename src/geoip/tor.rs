//! Tables out of Tor's text files `geoip` and `geoip6`.
//!
//! Lives here: reading the lines `first,last,CC` and what the comments say about the data's origin.
//! Not here: overlaps and layout (`geoip::build`).
//!
//! A line of `geoip` has two decimal IPv4 addresses (`16777216,16777471,AU`), one of `geoip6` two IPv6 addresses
//! (`2001:200::,2001:200:134:ffff:ffff:ffff:ffff:ffff,JP`). The country `??` is nowhere. Lines that begin with `#` are
//! comments. Form and use: tor(1), options `GeoIPFile` and `GeoIPv6File`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use super::build::{BuildError, Builder, RangeError};
use super::country::country;
use crate::place::Code;

/// Longest file, bytes. Debian's of 2026 have 9 and 16 MB.
pub const FILE_BYTES_MAX: u64 = 256 << 20;

/// Longest line, bytes. Two IPv6 addresses and a country have 82.
pub const LINE_BYTES_MAX: usize = 1024;

/// Most addresses of pages that are taken from comments.
const PAGE_COUNT_MAX: usize = 16;

/// Why text files make no table.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Nothing to read.
    #[error("no file is given; name Tor's `geoip`, its `geoip6`, or both")]
    NoFile,
    /// The file does not open or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is longer than any of its kind.
    #[error("{}: is longer than {max_bytes} bytes; give Tor's `geoip` or `geoip6`", path.display())]
    Long {
        /// The file.
        path: PathBuf,
        /// Longest file, bytes.
        max_bytes: u64,
    },
    /// A line of another form.
    #[error("{}:{line}: {reason}; correct the line or take the file out of \
        the package `tor-geoipdb` again", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: LineError,
    },
    /// A file of comments.
    #[error("{}: holds no country; give Tor's `geoip` or `geoip6`", path.display())]
    NoCountry {
        /// The file.
        path: PathBuf,
    },
    /// Too much for a table.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not three fields.
    #[error("not of the form `first,last,country`")]
    Form,
    /// Too long, or not UTF-8.
    #[error("no line of text of at most {LINE_BYTES_MAX} bytes")]
    Text,
    /// No address.
    #[error("`{0}` is neither a decimal IPv4 address nor an IPv6 address")]
    Address(String),
    /// No country.
    #[error("`{0}` is neither a country of two letters nor `??`")]
    Country(String),
    /// No range.
    #[error(transparent)]
    Range(#[from] RangeError),
}

/// Compiles files in Tor's format, in either family, into the bytes of a table. The source and attribution texts come
/// from the comments of the first file.
pub fn compile(files: &[PathBuf]) -> Result<Vec<u8>, CompileError> {
    let mut builder = Builder::new();
    let mut origins = Vec::new();
    for path in files {
        origins.push(read(path, &mut builder)?);
    }
    let origin = origins.first().ok_or(CompileError::NoFile)?;
    Ok(builder.finish(&origin.source(), &origin.attribution())?)
}

/// Reads one file into the builder.
fn read(path: &Path, builder: &mut Builder) -> Result<Origin, CompileError> {
    let failed = |source| CompileError::Read { path: path.to_owned(), source };
    let mut text = BufReader::new(File::open(path).map_err(failed)?.take(FILE_BYTES_MAX + 1));
    let mut origin = Origin::default();
    let mut bytes_read = 0;
    let mut any_country = false;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let taken = text.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line).map_err(failed)?;
        if taken == 0 {
            break;
        }
        bytes_read += taken as u64;
        if bytes_read > FILE_BYTES_MAX {
            return Err(CompileError::Long { path: path.to_owned(), max_bytes: FILE_BYTES_MAX });
        }
        let wrong = |reason| CompileError::Line { path: path.to_owned(), line: number, reason };
        let line = str::from_utf8(&line).ok().filter(|_| taken <= LINE_BYTES_MAX);
        let line = line.ok_or(LineError::Text).map_err(wrong)?.trim();
        if let Some(comment) = line.strip_prefix('#') {
            origin.read(comment);
        } else if !line.is_empty() {
            let (first, last, place) = parse(line).map_err(wrong)?;
            builder.add_range(first, last, place).map_err(|range| wrong(range.into()))?;
            any_country |= place.is_some();
        }
    }
    if !any_country {
        return Err(CompileError::NoCountry { path: path.to_owned() });
    }
    Ok(origin)
}

/// The range and place of a line.
fn parse(line: &str) -> Result<(IpAddr, IpAddr, Option<Code>), LineError> {
    let mut fields = line.split(',').map(str::trim);
    let (Some(first), Some(last), Some(place), None) = (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(LineError::Form);
    };
    let place = match place {
        "??" => None,
        // A well-formed code that is known to mean nothing is nowhere, as `??` is.
        _ if Code::parse(place.as_bytes()).is_some_and(|code| !code.is_subdivision()) => country(place),
        _ => return Err(LineError::Country(place.to_owned())),
    };
    Ok((address(first)?, address(last)?, place))
}

fn address(text: &str) -> Result<IpAddr, LineError> {
    let ipv4 = text.parse::<u32>().ok().map(|bits| IpAddr::V4(bits.into()));
    let ipv6 = || text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    ipv4.or_else(ipv6).ok_or_else(|| LineError::Address(text.to_owned()))
}

/// What the comments say about where the data comes from.
#[derive(Debug, Default)]
struct Origin {
    vendor: Option<String>,
    generated: Option<String>,
    license: Option<String>,
    pages: Vec<String>,
}

impl Origin {
    /// Takes in one comment. The first of a kind counts.
    fn read(&mut self, comment: &str) {
        if let Some((key, value)) = comment.split_once(": ") {
            let kept = match key.trim() {
                "Vendor" => Some(&mut self.vendor),
                "Generated" => Some(&mut self.generated),
                "License" => Some(&mut self.license),
                _ => None,
            };
            if let Some(kept) = kept {
                kept.get_or_insert_with(|| value.trim().to_owned());
            }
        }
        for word in comment.split_whitespace().filter(|word| word.starts_with("https://")) {
            let page = word.trim_end_matches(['.', ',', ')']);
            if self.pages.len() < PAGE_COUNT_MAX && !self.pages.iter().any(|known| known == page) {
                self.pages.push(page.to_owned());
            }
        }
    }

    fn source(&self) -> String {
        let vendor = self.vendor.as_deref().unwrap_or("files in Tor's format");
        match &self.generated {
            Some(generated) => format!("{vendor}, generated {generated}, by way of Tor's geoip files"),
            None => format!("{vendor}, by way of Tor's geoip files"),
        }
    }

    fn attribution(&self) -> String {
        let Some(vendor) = &self.vendor else { return String::new() };
        let license = self.license.as_ref().map(|name| format!(", licence {name}")).unwrap_or_default();
        format!("Location data: {vendor}{license}; compiled into another form; see {}", self.pages.join(" "))
    }
}
