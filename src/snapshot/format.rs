//! The byte table of a snapshot file. Builder, view and check all read it from here.
//!
//! All numbers are little-endian and unaligned; every section starts at a multiple of 8.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `MLSNAP\r\n` (a text-mode copy damages it) |
//! | 8 | 8 | XXH3-64 of all bytes from offset 16 on |
//! | 16 | 4 | version of this table |
//! | 20 | 4 | evidence: 0 nothing was verified, 1 verdicts of a crawl, 2 lists of another crawler |
//! | 24 | 8 | length of the file |
//! | 32 | 4 | turns per row |
//! | 36 | 4 | 64-bit words per set of mirrors |
//! | 40 | 8 | when the mirrors were verified, seconds since 1970; 0 when nobody says |
//! | 48 | 16 × 19 | sections: offset, length |
//!
//! | section | records | what |
//! |---|---|---|
//! | texts | bytes | names and URLs in UTF-8, each once; a `Text` is an offset and a length in here |
//! | trees | `TreeRecord` | directory trees |
//! | mirrors | `MirrorRecord` | mirrors; a mirror's position is its `MirrorIndex` |
//! | bases | `Text` | base URL of (mirror, tree, protocol) at `(mirror × trees + tree) × 3 + protocol`; empty: none |
//! | places | `PlaceRecord` | position 0 is the fallback, then codes in rising order |
//! | groups | `GroupRecord` | clients known by their network: cloud regions, private networks |
//! | repos | `RepoRecord` | repos; a repo's position is its `RepoIndex` |
//! | keys | `KeyRecord` | hash table over `release NUL arch NUL repo`, aliases too; linear probing; a power of two |
//! | sets | u64 | bitsets of mirrors that are good, or to spare, for a (repo, family, protocol), each once |
//! | directories | u32 | blocks of (places + groups) row numbers |
//! | rows | u32 | blocks of one list number per turn |
//! | lists | `ListRecord` | ordered mirrors in `members`, going on in another list |
//! | members | u16 | mirror numbers |
//! | networks | `NetworkRecord` | client prefixes, IPv4 before IPv6, rising |
//! | names | `KeyRecord` | hash table over `name NUL arch` and `NUL path`, as keys; a power of two |
//! | revisions | `Revision` | states of `repomd.xml` files, those of a repo side by side, the current one first |
//! | revisions of | `RevisionsRecord` | which revisions are a repo's, by the repo's position |
//! | continents | u8 | continent of a place, by the place's position; 0: none |
//! | mirror ASNs | `MirrorAsnRecord` | autonomous systems of mirrors, rising |
//!
//! An answer: key → repo → directory (by family) → row (by place) → list (by turn) → members through a set
//! → base + suffix. An answer that the good mirrors do not fill goes through its list once more, for the spare ones.

use std::ops::Range;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// First bytes of every snapshot.
pub const MAGIC: [u8; 8] = *b"MLSNAP\r\n";
/// Version of the byte table; another version is refused, never guessed at.
pub const VERSION: u32 = 3;
/// Where the checksummed part begins.
pub const CHECKED_FROM: usize = 16;
/// Marks an absent number.
pub const NONE: u32 = u32::MAX;
/// Marks an absent place or protocol.
pub const NONE_SHORT: u16 = u16::MAX;
/// Protocols a mirror may have a base URL for.
pub const PROTOCOLS: usize = 3;
/// Address families.
pub const FAMILIES: usize = 2;

/// A section's number, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Names and URLs.
    Texts,
    /// Directory trees.
    Trees,
    /// Mirrors.
    Mirrors,
    /// Base URLs.
    Bases,
    /// Places.
    Places,
    /// Client groups.
    Groups,
    /// Repos.
    Repos,
    /// Hash table of repo keys.
    Keys,
    /// Bitsets.
    Sets,
    /// Row numbers by place or group.
    Directories,
    /// List numbers by turn.
    Rows,
    /// Lists.
    Lists,
    /// Mirror numbers.
    Members,
    /// Client prefixes.
    Networks,
    /// Hash table of single names of repos.
    Names,
    /// States of `repomd.xml` files.
    Revisions,
    /// Which revisions are a repo's.
    RevisionsOf,
    /// Continents of places.
    Continents,
    /// Autonomous systems of mirrors.
    MirrorAsns,
}

impl Section {
    /// All, in file order.
    pub const ALL: [Section; 19] = [
        Section::Texts,
        Section::Trees,
        Section::Mirrors,
        Section::Bases,
        Section::Places,
        Section::Groups,
        Section::Repos,
        Section::Keys,
        Section::Sets,
        Section::Directories,
        Section::Rows,
        Section::Lists,
        Section::Members,
        Section::Networks,
        Section::Names,
        Section::Revisions,
        Section::RevisionsOf,
        Section::Continents,
        Section::MirrorAsns,
    ];
}

/// Alignment of every section's start, bytes.
pub const SECTION_ALIGN_BYTES: usize = 8;

/// The file's head.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// `MAGIC`.
    pub magic: [u8; 8],
    /// XXH3-64 of the bytes from `CHECKED_FROM` on.
    pub checksum: U64,
    /// `VERSION`.
    pub version: U32,
    /// `Evidence` as a number.
    pub evidence: U32,
    /// Length of the whole file.
    pub file_bytes: U64,
    /// Turns per row.
    pub turn_count: U32,
    /// Words per set.
    pub set_words: U32,
    /// When the mirrors were verified, seconds since 1970; 0 when nobody says.
    pub verified_at: U64,
    /// Where the sections are.
    pub sections: [SectionRecord; Section::ALL.len()],
}

/// Where a section is.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SectionRecord {
    /// From the file's start.
    pub offset_bytes: U64,
    /// Its length.
    pub length_bytes: U64,
}

impl SectionRecord {
    /// The section's bytes, when they lie between the header and `file_bytes`.
    pub fn range(&self, file_bytes: usize) -> Option<Range<usize>> {
        let start = usize::try_from(self.offset_bytes.get()).ok()?;
        let end = start.checked_add(usize::try_from(self.length_bytes.get()).ok()?)?;
        (start >= size_of::<Header>() && end <= file_bytes && start.is_multiple_of(SECTION_ALIGN_BYTES))
            .then_some(start..end)
    }
}

/// A piece of the texts section.
#[derive(Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Text {
    /// From the section's start.
    pub offset_bytes: U32,
    /// Its length; 0 for an absent text.
    pub length_bytes: U32,
}

/// A directory tree.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct TreeRecord {
    /// Its name.
    pub name: Text,
    /// Base URL when no mirror is left; may be absent.
    pub last_resort: Text,
    /// Protocols of list URLs, the preferred one first; 255 beyond the last.
    pub protocols: [u8; 4],
}

/// A mirror.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct MirrorRecord {
    /// Its name.
    pub name: Text,
    /// Place number; `NONE_SHORT` for a global one.
    pub place: U16,
    /// Tier, for people.
    pub tier: U16,
    /// Weight among its equals, megabits per second.
    pub weight: U32,
}

/// A place that has a row of its own.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PlaceRecord {
    /// `place::Code::to_bytes`; all zeros for the fallback.
    pub code: [u8; 8],
}

/// Clients known by their network.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct GroupRecord {
    /// What it is, for people: `cloud aws/eu-west-1`.
    pub name: Text,
    /// `Ending` as a number.
    pub ending: U32,
}

/// A repo of one release and architecture.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct RepoRecord {
    /// Its name.
    pub name: Text,
    /// Its release, not an alias.
    pub release: Text,
    /// Its architecture.
    pub arch: Text,
    /// What follows a mirror's base URL, with a final slash.
    pub suffix: Text,
    /// Tree that carries it.
    pub tree: U32,
    /// First row number in the directories section, by family.
    pub directory: [U32; FAMILIES],
    /// Set of good mirrors, by family and protocol.
    pub sets: [[U32; PROTOCOLS]; FAMILIES],
    /// Set of mirrors that only fill up an answer, by family and protocol; `NONE` for an empty one.
    pub spares: [[U32; PROTOCOLS]; FAMILIES],
}

/// A slot of the key table.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct KeyRecord {
    /// XXH3-64 of the key.
    pub hash: U64,
    /// `release NUL arch NUL repo`.
    pub key: Text,
    /// The repo; `NONE` for an empty slot.
    pub repo: U32,
}

/// An ordered list of mirrors.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct ListRecord {
    /// Position of its first member.
    pub start: U32,
    /// How many there are.
    pub count: U32,
    /// List to go on with; `NONE` at the end. That one has none after it.
    pub next: U32,
}

/// A client prefix.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct NetworkRecord {
    /// Network address; IPv4 in the first four bytes.
    pub address: [u8; 16],
    /// 4 or 6.
    pub version: u8,
    /// Prefix length, bits.
    pub prefix_bits: u8,
    /// 0: the target is a place, 1: a group.
    pub kind: U16,
    /// Place or group number.
    pub target: U32,
}

/// Number of a mirror in one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MirrorIndex(pub u16);

/// Number of a place in one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceIndex(pub u16);

impl PlaceIndex {
    /// Where clients are of whom nothing is known.
    pub const FALLBACK: PlaceIndex = PlaceIndex(0);
}

/// Number of a group of clients in one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupIndex(pub u32);

/// Number of a repo in one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoIndex(pub u32);

/// Number of a tree in one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeIndex(pub u32);

/// What the lists of a snapshot rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Nobody looked: every active mirror counts as good.
    Unverified,
    /// The verdicts of a crawl.
    Crawled,
    /// The published lists of another crawler, taken as they are.
    Imported,
}

impl Evidence {
    /// As the header stores it.
    pub fn number(self) -> u32 {
        match self {
            Evidence::Unverified => 0,
            Evidence::Crawled => 1,
            Evidence::Imported => 2,
        }
    }

    /// The evidence with this number.
    pub fn from_number(number: u32) -> Option<Evidence> {
        [Evidence::Unverified, Evidence::Crawled, Evidence::Imported].into_iter().find(|one| one.number() == number)
    }

    /// A sentence for people.
    pub fn explain(self) -> &'static str {
        match self {
            Evidence::Unverified => "unverified: every active mirror of the inventory counts as good",
            Evidence::Crawled => "verified by a crawl",
            Evidence::Imported => "taken as they are from another crawler's published lists",
        }
    }
}

/// What follows a group's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing, when it gave a mirror.
    Alone,
    /// The list of the client's place.
    ThenPlace,
}

impl Ending {
    /// As a record stores it.
    pub fn number(self) -> u32 {
        match self {
            Ending::Alone => 0,
            Ending::ThenPlace => 1,
        }
    }

    /// The ending with this number.
    pub fn from_number(number: u32) -> Option<Ending> {
        [Ending::Alone, Ending::ThenPlace].into_iter().find(|one| one.number() == number)
    }
}

const _: () = assert!(size_of::<Header>().is_multiple_of(SECTION_ALIGN_BYTES));
