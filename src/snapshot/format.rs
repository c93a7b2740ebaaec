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
//! | 48 | 16 × 27 | sections: offset, length |
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
//! | asns | `AsnRecord` | autonomous systems whose clients are a group, rising |
//! | comments | `Text` | what is said of each repo, a line for people; nothing at all when nothing is said of any |
//! | folders | `FolderRecord` | folders of images, rising by branch, release, kind and architecture |
//! | files | `FileRecord` | images; those of a folder are together, rising by name |
//! | folder keys | `FolderKeyRecord` | what clients call folders, aliases too; rising |
//! | fault starts | u32 | first fault of (mirror, family, protocol) at `(mirror × 2 + family) × 3 + protocol` |
//! | faults | `FaultRecord` | why mirrors are not good, as runs over rising repos; both are empty without any |
//! | names | `KeyRecord` | hash table over `name NUL arch` and `NUL path`, as keys; a power of two |
//! | revisions | `Revision` | states of `repomd.xml` files, those of a repo side by side, the current one first |
//! | revisions of | `RevisionsRecord` | which revisions are a repo's, by the repo's position |
//! | continents | u8 | continent of a place, by the place's position; 0: none |
//! | mirror ASNs | `MirrorAsnRecord` | autonomous systems of mirrors, rising |
//! | place names | `Text` | what people call each place; empty when nobody says |
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
/// Marks a run of repos without fault.
pub const FINDING_NONE: u8 = u8::MAX;
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
    /// Autonomous systems.
    Asns,
    /// What is said of repos.
    Comments,
    /// Folders of images.
    Folders,
    /// Images.
    Files,
    /// Names of folders.
    FolderKeys,
    /// First fault by mirror, family and protocol.
    FaultStarts,
    /// Why mirrors are not good.
    Faults,
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
    /// What people call places.
    PlaceNames,
}

impl Section {
    /// All, in file order.
    pub const ALL: [Section; 27] = [
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
        Section::Asns,
        Section::Comments,
        Section::Folders,
        Section::Files,
        Section::FolderKeys,
        Section::FaultStarts,
        Section::Faults,
        Section::Names,
        Section::Revisions,
        Section::RevisionsOf,
        Section::Continents,
        Section::MirrorAsns,
        Section::PlaceNames,
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
    /// The group that its clients belong to besides, whose list follows; `NONE` for none. Its number is lower.
    pub outer: U32,
}

/// What mirrors carry: where it lies in its tree, and who has it. A repo, a folder of images, an image.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct CarriedRecord {
    /// What follows a mirror's base URL, with a final slash when it is a folder.
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
    /// Where it lies, and who has it.
    pub carried: CarriedRecord,
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

/// An autonomous system whose clients are a group.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct AsnRecord {
    /// Its number.
    pub asn: U32,
    /// The group.
    pub group: U32,
}

/// A folder of images: ISO files or disk images of one release and architecture.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct FolderRecord {
    /// Branch it is published in.
    pub branch: Text,
    /// Its release, not an alias.
    pub release: Text,
    /// `isos` or `images`.
    pub kind: Text,
    /// Its architecture.
    pub arch: Text,
    /// Title of the distribution.
    pub title: Text,
    /// Name of the checksum file in it; absent when nobody has seen one.
    pub checksum_file: Text,
    /// Name of a torrent in it that is for more than one file; may be absent.
    pub torrent: Text,
    /// 1 when verdicts say who has it, 0 for the operators' word.
    pub is_verified: U32,
    /// Position of its first file.
    pub file_start: U32,
    /// How many files there are; 0 when nobody has seen a checksum file.
    pub file_count: U32,
    /// Where it lies, and who has all of it.
    pub carried: CarriedRecord,
}

/// An image.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct FileRecord {
    /// Its name in the folder.
    pub name: Text,
    /// Its length, bytes; 0 when nobody says.
    pub size_bytes: U64,
    /// When the master's was changed, seconds since 1970; 0 when nobody says.
    pub modified_at: U64,
    /// Its digest in hexadecimal, lower case; may be absent.
    pub digest: Text,
    /// `DigestKind` as a number; 0 without a digest.
    pub digest_kind: U32,
    /// Name of its torrent in the folder; may be absent.
    pub torrent: Text,
    /// Where it lies, and who has it.
    pub carried: CarriedRecord,
}

/// What clients call a folder.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct FolderKeyRecord {
    /// Branch, release (or an alias of one), kind and architecture.
    pub names: [Text; 4],
    /// The folder.
    pub folder: U32,
}

/// From which repo on a mirror is not good for which reason, over one family by one protocol. It goes for all repos up
/// to the next record's, as far as the mirror carries their tree.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct FaultRecord {
    /// The first repo.
    pub repo: U32,
    /// In the lowest 8 bits the number of the finding, `FINDING_NONE` for no fault; above them since when, hours since
    /// 1970.
    pub what: U32,
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

/// Number of a folder of images in one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderIndex(pub u32);

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

/// How the digest of an image was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestKind {
    /// SHA-256, the usual one.
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-384.
    Sha384,
    /// SHA-224.
    Sha224,
    /// SHA-1: good against damage only.
    Sha1,
    /// MD5: good against damage only.
    Md5,
}

impl DigestKind {
    /// All, the one to show first when a file has several.
    pub const ALL: [DigestKind; 6] = [
        DigestKind::Sha256,
        DigestKind::Sha512,
        DigestKind::Sha384,
        DigestKind::Sha224,
        DigestKind::Sha1,
        DigestKind::Md5,
    ];

    /// As a record stores it.
    pub fn number(self) -> u32 {
        match self {
            DigestKind::Sha256 => 1,
            DigestKind::Sha512 => 2,
            DigestKind::Sha384 => 3,
            DigestKind::Sha224 => 4,
            DigestKind::Sha1 => 5,
            DigestKind::Md5 => 6,
        }
    }

    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<DigestKind> {
        DigestKind::ALL.into_iter().find(|one| one.number() == number)
    }

    /// As checksum files spell it: `sha256`. The program that verifies it is called so with `sum` behind.
    pub fn name(self) -> &'static str {
        match self {
            DigestKind::Sha256 => "sha256",
            DigestKind::Sha512 => "sha512",
            DigestKind::Sha384 => "sha384",
            DigestKind::Sha224 => "sha224",
            DigestKind::Sha1 => "sha1",
            DigestKind::Md5 => "md5",
        }
    }

    /// The kind with this name.
    pub fn named(name: &str) -> Option<DigestKind> {
        DigestKind::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Length of a digest in hexadecimal, digits.
    pub fn digit_count(self) -> usize {
        match self {
            DigestKind::Sha256 => 64,
            DigestKind::Sha512 => 128,
            DigestKind::Sha384 => 96,
            DigestKind::Sha224 => 56,
            DigestKind::Sha1 => 40,
            DigestKind::Md5 => 32,
        }
    }
}

/// What follows a group's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing, when it gave a mirror.
    Alone,
    /// What comes next: the list of the group around it, then that of the client's autonomous system, then that of its
    /// place.
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
