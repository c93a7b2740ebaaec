//! Tables out of City, Country and ASN databases in MaxMind's format (`.mmdb`).
//!
//! - `record`    what one data record says about a place
//! - `system`    what one says about an autonomous system
//!
//! Lives here: walking a database, several databases into one table, what is said about their origin.
//! Not here: the file format itself (the `maxminddb` package), overlaps and layout (`geoip::build`).
//!
//! A database is untrusted input. The walk asks for one network after the other from the lowest address up, so that
//! each step costs at most the bits of an address, and stops when there are more networks than an honest search tree
//! of that many nodes has. Each distinct data record is decoded once, within the limits of the package (65,536
//! values, 2 MiB of text). A panic in the package would end the compilation of that file, not the program.

mod record;
mod system;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use maxminddb::{LookupResult, MaxMindDbError, Reader};

use self::record::Record;
use self::system::System;
use super::build::{BuildError, Builder, RangeError};
use super::label::Label;
use crate::net::{Asn, Family};
use crate::place::Code;

/// Longest database, bytes. The largest on the market have about 1 GiB (IPinfo's and DB-IP's full sets, 2026).
pub const FILE_BYTES_MAX: u64 = 2 << 30;

/// Most characters of a description that go into an attribution.
const DESCRIPTION_CHARS_MAX: usize = 500;

/// Past the last second that a date of four-digit years can name, seconds since 1970.
const DATE_S_END: u64 = 253_402_300_800;

/// Upper halves of the addresses from which databases refer back to their IPv4 records: Teredo (2001::/32) and 6to4
/// (2002::/16). They would repeat all of IPv4; the table leaves them nowhere. First, and past the last.
const ALIASES: [(u64, u64); 2] = [(0x2001 << 48, 0x2001_0001 << 32), (0x2002 << 48, 0x2003 << 48)];

/// Why databases make no table.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Nothing to read.
    #[error("no database is given; name one or two `.mmdb` files")]
    NoFile,
    /// The file does not open or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The database.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is longer than any database.
    #[error("{}: is longer than {max_bytes} bytes, as no such database is; give another file", path.display())]
    Long {
        /// The database.
        path: PathBuf,
        /// Longest database, bytes.
        max_bytes: u64,
    },
    /// Damaged, or another format.
    #[error("{}: is damaged or no MaxMind database: {source}; download it again", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What the reader says.
        source: Box<MaxMindDbError>,
    },
    /// A search tree that leads in circles.
    #[error("{}: its search tree has more than {max} networks, so it is damaged; download it again", path.display())]
    Endless {
        /// The database.
        path: PathBuf,
        /// Most networks that are looked at for a tree of its size.
        max: u64,
    },
    /// The reader gave up in a way it should not.
    #[error("{}: the database reader broke down on it, so it is damaged; download it again", path.display())]
    Panic {
        /// The database.
        path: PathBuf,
    },
    /// A database of other things.
    #[error("{}: holds no {expected} (it is a `{database_type}` database); \
        give {} database", path.display(), if *expected == Asn::NAME { "an ASN" } else { "a City or Country" })]
    NoLabel {
        /// The database.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What it says it is.
        database_type: String,
    },
    /// Two databases for the same addresses.
    #[error("{} and {} both hold {family}; leave one out", first.display(), second.display())]
    FamilyTwice {
        /// The family.
        family: Family,
        /// The one that was read first.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
    },
    /// A range that is none.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// Too much for a table.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Compiles databases into the bytes of a table, with subdivisions in the United States and Canada.
///
/// `files` is one database, or one for IPv4 and one for IPv6; no two may hold the same family. `resolve` gives the
/// place of a subdivision that a database names in words (`California`), by its country.
pub fn compile(files: &[PathBuf], resolve: &dyn Fn(Code, &str) -> Option<Code>) -> Result<Vec<u8>, CompileError> {
    let subdivided = [Code::parse(b"US"), Code::parse(b"CA")];
    compile_with(files, &|country| subdivided.contains(&Some(country)), resolve)
}

/// Compiles databases as `compile` does, with subdivisions in those countries for which `subdivided` is true.
pub fn compile_with(
    files: &[PathBuf],
    subdivided: &dyn Fn(Code) -> bool,
    resolve: &dyn Fn(Code, &str) -> Option<Code>,
) -> Result<Vec<u8>, CompileError> {
    label_networks(files, &|found| {
        let record: Option<Record<'_>> = found.decode()?;
        Ok(record.and_then(|record| record.place(subdivided, resolve)))
    })
}

/// Compiles ASN databases into the bytes of a table of autonomous systems. `files` as for `compile`.
pub fn compile_asns(files: &[PathBuf]) -> Result<Vec<u8>, CompileError> {
    label_networks(files, &|found| {
        let record: Option<System> = found.decode()?;
        Ok(record.and_then(|record| record.asn))
    })
}

/// What the data record of a network says.
type LabelOf<'a, L> = &'a dyn Fn(&LookupResult<'_, Vec<u8>>) -> Result<Option<L>, MaxMindDbError>;

fn label_networks<L: Label>(files: &[PathBuf], label_of: LabelOf<'_, L>) -> Result<Vec<u8>, CompileError> {
    let mut builder = Builder::<L>::default();
    let mut holders: [Option<&Path>; 2] = [None; 2];
    let mut sources = Vec::new();
    let mut attributions: Vec<String> = Vec::new();
    for path in files {
        let bytes = read(path)?;
        // The reader has no unsafe state of its own and is dropped with the panic, so nothing half-done is seen.
        let database = catch_unwind(AssertUnwindSafe(|| Database::read(path, bytes, label_of)))
            .map_err(|_| CompileError::Panic { path: path.clone() })??;
        for (family, holder) in Family::ALL.into_iter().zip(&mut holders) {
            if !database.ranges.iter().any(|range| Family::of(range.first) == family) {
                continue;
            }
            if let Some(first) = holder {
                return Err(CompileError::FamilyTwice { family, first: first.to_path_buf(), second: path.clone() });
            }
            *holder = Some(path);
        }
        for range in &database.ranges {
            builder.add_range(range.first, range.last, Some(range.label))?;
        }
        sources.push(database.source);
        if !attributions.contains(&database.attribution) {
            attributions.push(database.attribution);
        }
    }
    if files.is_empty() {
        return Err(CompileError::NoFile);
    }
    Ok(builder.finish(&sources.join("; "), &attributions.join("; "))?)
}

/// The bytes of a file, if they are not too many.
fn read(path: &Path) -> Result<Vec<u8>, CompileError> {
    let failed = |source| CompileError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(CompileError::Long { path: path.to_owned(), max_bytes: FILE_BYTES_MAX });
    }
    Ok(bytes)
}

/// What one file holds.
struct Database<L> {
    ranges: Vec<Range<L>>,
    source: String,
    attribution: String,
}

/// Neighbouring networks of one label.
struct Range<L> {
    first: IpAddr,
    last: IpAddr,
    label: L,
}

impl<L: Label> Database<L> {
    fn read(path: &Path, bytes: Vec<u8>, label_of: LabelOf<'_, L>) -> Result<Database<L>, CompileError> {
        let damaged = |source| CompileError::Damaged { path: path.to_owned(), source: Box::new(source) };
        let reader = Reader::from_source(bytes).map_err(damaged)?;
        let metadata = reader.metadata();
        // A tree of n nodes has n + 1 leaves. Some makers share equal branches, hence four times that; and a small file
        // may lead in small circles without harm.
        let network_count_max = 4 * (u64::from(metadata.node_count) + 1) + (1 << 16);
        let mut walk = Walk {
            reader: &reader,
            label_of,
            labels: HashMap::new(),
            ranges: Vec::new(),
            networks_left: network_count_max,
        };
        let families = if metadata.ip_version == 6 { &Family::ALL[..] } else { &[Family::Ipv4] };
        for &family in families {
            walk.family(family).map_err(damaged)?;
        }
        if walk.networks_left == 0 {
            return Err(CompileError::Endless { path: path.to_owned(), max: network_count_max });
        }
        if walk.ranges.is_empty() {
            return Err(CompileError::NoLabel {
                path: path.to_owned(),
                expected: L::NAME,
                database_type: printable(&metadata.database_type),
            });
        }
        Ok(Database { ranges: walk.ranges, source: source(&reader), attribution: attribution(&reader) })
    }
}

/// One pass over the networks of a database.
struct Walk<'a, L> {
    reader: &'a Reader<Vec<u8>>,
    label_of: LabelOf<'a, L>,
    /// Labels of the records seen so far, by where they lie in the file.
    labels: HashMap<usize, Option<L>>,
    ranges: Vec<Range<L>>,
    networks_left: u64,
}

impl<L: Label> Walk<'_, L> {
    /// Collects the ranges of one family. Stops early when no networks are left to look at.
    fn family(&mut self, family: Family) -> Result<(), MaxMindDbError> {
        // IPv4 addresses, or upper halves of IPv6 addresses. ::/64 is left out: IPv4 lies there, and nobody else.
        let (mut at, address_max) = match family {
            Family::Ipv4 => (0, u64::from(u32::MAX)),
            Family::Ipv6 => (1, u64::MAX),
        };
        let first_address = |at: u64| match family {
            Family::Ipv4 => IpAddr::V4((at as u32).into()),
            Family::Ipv6 => IpAddr::V6((u128::from(at) << 64).into()),
        };
        let last_address = |at: u64| match family {
            Family::Ipv4 => first_address(at),
            Family::Ipv6 => IpAddr::V6((u128::from(at) << 64 | u128::from(u64::MAX)).into()),
        };
        let mut run: Option<(u64, L)> = None;
        loop {
            self.networks_left = self.networks_left.saturating_sub(1);
            if self.networks_left == 0 {
                return Ok(());
            }
            let alias_end = ALIASES.iter().find(|(first, end)| family == Family::Ipv6 && (*first..*end).contains(&at));
            let (label, last) = match alias_end {
                Some((_, end)) => (None, end - 1),
                None => {
                    let (label, prefix_bits) = self.network(first_address(at))?;
                    (label, at | address_max.checked_shr(prefix_bits).unwrap_or(0))
                }
            };
            if run.map(|(_, before)| before) != label {
                if let Some((first, label)) = run {
                    self.ranges.push(Range { first: first_address(first), last: last_address(at - 1), label });
                }
                run = label.map(|label| (at, label));
            }
            if last >= address_max {
                break;
            }
            at = last + 1;
        }
        if let Some((first, label)) = run {
            self.ranges.push(Range { first: first_address(first), last: last_address(address_max), label });
        }
        Ok(())
    }

    /// The label of an address, and the prefix length of the network it is in: 0 where an IPv4 address lies in an
    /// IPv6 network that holds all of IPv4.
    fn network(&mut self, address: IpAddr) -> Result<(Option<L>, u32), MaxMindDbError> {
        let found = self.reader.lookup(address)?;
        let network = found.network()?;
        let prefix_bits = if network.is_ipv4() == address.is_ipv4() { network.prefix().into() } else { 0 };
        let label = match found.offset().map(|offset| self.labels.entry(offset)) {
            None => None,
            Some(Entry::Occupied(known)) => *known.get(),
            Some(Entry::Vacant(unknown)) => *unknown.insert((self.label_of)(&found)?),
        };
        Ok((label, prefix_bits))
    }
}

/// What a database is and when it was built.
fn source(reader: &Reader<Vec<u8>>) -> String {
    let metadata = reader.metadata();
    let database_type = printable(&metadata.database_type);
    if metadata.build_epoch >= DATE_S_END {
        return database_type;
    }
    let built = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(metadata.build_epoch));
    format!("{database_type}, built {built}")
}

/// What the makers of free databases ask to be said; for others, how the database describes itself.
fn attribution(reader: &Reader<Vec<u8>>) -> String {
    let metadata = reader.metadata();
    let database_type = metadata.database_type.to_ascii_lowercase();
    if database_type.starts_with("geolite2") {
        return "GeoLite2 data created by MaxMind, https://www.maxmind.com".to_owned();
    }
    if database_type.starts_with("dbip") {
        return "IP geolocation by DB-IP, https://db-ip.com".to_owned();
    }
    if database_type.starts_with("ipinfo") {
        return "IP address data by IPinfo, https://ipinfo.io".to_owned();
    }
    metadata.description.get("en").map(|description| printable(description)).unwrap_or_default()
}

/// The text in one line of bounded length.
fn printable(text: &str) -> String {
    text.chars().take(DESCRIPTION_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
