//! `Table`: lengths and checksums of packages, by path, in little memory.
//!
//! Lives here: the layout, in memory and in a file. A package takes 48 bytes with SHA-256: a hash of its path, its
//! length, its checksum. Two paths of one hash are not told apart: a mirror's own metadata would have to be made for
//! it, and all that came of it is that a file does not pass.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::repodata::{Digest, DigestKind};

/// Packages in one table. The largest repositories have some 100,000.
pub const PACKAGES_MAX: usize = 1_000_000;
/// What a file with a table begins with; the digit is its version.
const MAGIC: &[u8; 8] = b"mlpkgs1\n";
/// Of a length that is not known.
const UNKNOWN: u64 = u64::MAX;

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its length, bytes.
    pub bytes: Option<u64>,
    /// Its checksum.
    pub digest: Digest,
}

/// Lengths and checksums of packages, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    sections: Vec<Section>,
}

/// Those with checksums of one kind: three columns, in the order of the hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Section {
    kind: DigestKind,
    hashes: Box<[u64]>,
    lengths: Box<[u64]>,
    digests: Box<[u8]>,
}

impl Table {
    /// What is known of a path.
    pub fn find(&self, path: &str) -> Option<Known> {
        let hash = xxh3_64(path.as_bytes());
        self.sections.iter().find_map(|section| section.find(hash))
    }

    /// Packages.
    pub fn count(&self) -> usize {
        self.sections.iter().map(|section| section.hashes.len()).sum()
    }

    /// How long all of them are together, as far as that is known, bytes.
    pub fn bytes(&self) -> u64 {
        let lengths = self.sections.iter().flat_map(|section| section.lengths.iter());
        lengths.filter(|bytes| **bytes != UNKNOWN).fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// As it is kept in a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for section in &self.sections {
            bytes.extend_from_slice(&(section.kind.bytes() as u64).to_le_bytes());
            bytes.extend_from_slice(&(section.hashes.len() as u64).to_le_bytes());
            for number in section.hashes.iter().chain(&section.lengths) {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(&section.digests);
        }
        bytes
    }

    /// Of a file; `None` when it is not one, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Table> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let mut sections = Vec::new();
        while !rest.is_empty() {
            let width = number(&mut rest)?;
            let kind = DigestKind::ALL.into_iter().find(|kind| kind.bytes() as u64 == width)?;
            let count = usize::try_from(number(&mut rest)?).ok().filter(|count| *count <= PACKAGES_MAX)?;
            let hashes = numbers(&mut rest, count)?;
            let lengths = numbers(&mut rest, count)?;
            let digests = rest.split_off(..count * kind.bytes())?.into();
            let is_ordered = hashes.windows(2).all(|pair| pair[0] < pair[1]);
            if !is_ordered || sections.len() >= DigestKind::ALL.len() {
                return None;
            }
            sections.push(Section { kind, hashes, lengths, digests });
        }
        Some(Table { sections })
    }
}

impl Section {
    fn find(&self, hash: u64) -> Option<Known> {
        let at = self.hashes.binary_search(&hash).ok()?;
        let width = self.kind.bytes();
        let digest = Digest::new(self.kind, self.digests.get(at * width..(at + 1) * width)?)?;
        Some(Known { bytes: self.lengths.get(at).copied().filter(|bytes| *bytes != UNKNOWN), digest })
    }
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(*rest.split_off(..8)?.first_chunk()?))
}

fn numbers(rest: &mut &[u8], count: usize) -> Option<Box<[u64]>> {
    let bytes = rest.split_off(..count * 8)?;
    Some(bytes.chunks_exact(8).filter_map(|chunk| Some(u64::from_le_bytes(*chunk.first_chunk()?))).collect())
}

/// Packages with checksums of one kind, as they come.
#[derive(Debug, Default)]
struct Column {
    /// Hash of the path, length, place among the checksums.
    rows: Vec<(u64, u64, u32)>,
    digests: Vec<u8>,
}

/// Makes a table.
#[derive(Debug, Default)]
pub struct TableBuilder {
    by_kind: BTreeMap<DigestKind, Column>,
}

impl TableBuilder {
    /// One more package. Of a path that comes twice the first counts.
    pub fn add(&mut self, path: &str, known: Known) {
        let column = self.by_kind.entry(known.digest.kind()).or_default();
        // At most `PACKAGES_MAX` come.
        let Ok(at) = u32::try_from(column.rows.len()) else { return };
        column.rows.push((xxh3_64(path.as_bytes()), known.bytes.unwrap_or(UNKNOWN), at));
        column.digests.extend_from_slice(known.digest.bytes());
    }

    /// The table.
    pub fn finish(self) -> Table {
        let section = |(kind, Column { mut rows, digests }): (DigestKind, Column)| {
            rows.sort_unstable_by_key(|(hash, _, at)| (*hash, *at));
            rows.dedup_by_key(|(hash, _, _)| *hash);
            let width = kind.bytes();
            let sorted: Vec<u8> = rows
                .iter()
                .filter_map(|(_, _, at)| digests.get(*at as usize * width..(*at as usize + 1) * width))
                .flatten()
                .copied()
                .collect();
            Section {
                kind,
                hashes: rows.iter().map(|(hash, _, _)| *hash).collect(),
                lengths: rows.iter().map(|(_, bytes, _)| *bytes).collect(),
                digests: sorted.into(),
            }
        };
        Table { sections: self.by_kind.into_iter().map(section).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str, kind: DigestKind) -> Known {
        Known { bytes: (!text.is_empty()).then_some(text.len() as u64), digest: Digest::of(kind, text.as_bytes()) }
    }

    fn table() -> (Table, Vec<(String, Known)>) {
        let kinds = [DigestKind::Sha256, DigestKind::Sha1, DigestKind::Sha512];
        let all: Vec<_> = (0..1000)
            .map(|number| (format!("Packages/{number}.rpm"), known(&"x".repeat(number % 50), kinds[number % 3])))
            .collect();
        let mut builder = TableBuilder::default();
        for (path, known) in &all {
            builder.add(path, *known);
        }
        builder.add("Packages/3.rpm", known("another", DigestKind::Sha256));
        (builder.finish(), all)
    }

    #[test]
    fn what_was_put_in_is_found() {
        let (table, all) = table();
        assert_eq!(table.count(), 1000, "the first of two counts");
        for (path, known) in &all {
            assert_eq!(table.find(path), Some(*known), "{path}");
        }
        for other in ["", "Packages/1000.rpm", "packages/1.rpm"] {
            assert_eq!(table.find(other), None);
        }
        assert_eq!(TableBuilder::default().finish().find("a"), None);
    }

    #[test]
    fn a_file_keeps_it_whole() {
        let (table, _) = table();
        let bytes = table.to_bytes();
        assert_eq!(Table::from_bytes(&bytes), Some(table));
        assert_eq!(Table::from_bytes(&Table::default().to_bytes()), Some(Table::default()));
        for end in 0..bytes.len().min(3000) {
            let cut = Table::from_bytes(&bytes[..end]);
            assert!(cut.is_none() || end == MAGIC.len(), "cut at {end}");
        }
        for at in 0..24 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            assert_eq!(Table::from_bytes(&damaged), None, "byte {at}");
        }
    }

    #[test]
    fn a_package_takes_48_bytes() {
        let mut builder = TableBuilder::default();
        for number in 0..1000 {
            builder.add(&number.to_string(), known("x", DigestKind::Sha256));
        }
        assert_eq!(builder.finish().to_bytes().len(), 8 + 16 + 48_000);
    }
}
