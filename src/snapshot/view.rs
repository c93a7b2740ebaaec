//! `View`: a frozen snapshot. A lookup returns an answer, never an error and never a panic.
//!
//! Lives here: opening in constant time, and every lookup the answer path makes: no allocation, no lock.
//! Bytes that `check` has not seen may give wrong answers, but only defined ones: what is out of range is absent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use ip_network::IpNetwork;
use xxhash_rust::xxh3::xxh3_64;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::format::*;
use super::origins::MirrorAsnRecord;
use super::revisions::{Revision, RevisionsRecord};
use super::serving::BaseUrl;
use crate::place::Code;

/// Longest key of names that a lookup takes, bytes. Names in an inventory have at most 64 each.
pub(super) const KEY_BYTES_MAX: usize = 256;
/// Longest key of a path that a lookup takes, bytes. A tree's name has at most 64, directory and path 200 each.
pub(super) const PATH_KEY_BYTES_MAX: usize = 640;

/// Why bytes are not a snapshot of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short for a head.
    #[error("{got} bytes are too few for a snapshot ({expected} at least): the copy was cut short; copy it again")]
    Short {
        /// Bytes of a head.
        expected: usize,
        /// Bytes that are there.
        got: usize,
    },
    /// Another kind of file.
    #[error("this is no snapshot (its first bytes are not MLSNAP); give a file made by `mirrorlistd build`")]
    Magic,
    /// Another version of the format.
    #[error("made by another version of mirrorlistd (format {got}, this one reads {expected}); build it again")]
    Version {
        /// Format of this program.
        expected: u32,
        /// Format of the file.
        got: u32,
    },
    /// Not as long as its head says.
    #[error("{got} bytes long, but its head says {expected}: the copy was cut short or added to; copy it again")]
    Length {
        /// Length in the head.
        expected: u64,
        /// Length there is.
        got: u64,
    },
    /// A section that lies outside of the file or holds no whole records.
    #[error("section {section:?} is damaged; copy or build the snapshot again")]
    Section {
        /// Which one.
        section: Section,
    },
}

/// A snapshot over its bytes: a memory map, a vector, a slice.
pub struct View<B> {
    bytes: B,
    sections: [Range<usize>; Section::ALL.len()],
    evidence: u32,
    verified_at: u64,
    checksum: u64,
    turn_count: usize,
    set_words: usize,
    row_count: usize,
}

/// A mirror of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Mirror<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it is; none for a global one.
    pub place: Option<Code>,
    /// Its tier.
    pub tier: u16,
    /// Its weight, megabits per second.
    pub weight: u32,
}

impl Mirror<'_> {
    /// Whether it is a base URL that a cloud has itself: that is called `aws/eu-west-1 #1`, as no host is.
    pub fn is_of_cloud(&self) -> bool {
        self.name.contains(' ')
    }
}

/// What mirrors carry, as an answer needs it: a repo, a folder of images, an image.
#[derive(Clone, Copy, Debug)]
pub struct Carried<'a> {
    /// What follows a base URL, with a final slash when it is a folder.
    pub suffix: &'a [u8],
    /// Tree that carries it.
    pub tree: TreeIndex,
    record: CarriedRecordRef<'a>,
}

/// A repo of a snapshot, as an answer needs it.
pub type Repo<'a> = Carried<'a>;

/// What a repo is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepoName<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its release, not an alias.
    pub release: &'a str,
    /// Its architecture.
    pub arch: &'a str,
}

/// A record that prints as its position only.
#[derive(Clone, Copy)]
struct CarriedRecordRef<'a>(&'a CarriedRecord);

impl std::fmt::Debug for CarriedRecordRef<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("..")
    }
}

/// Which row of a directory a client is answered from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// That of a place.
    Place(PlaceIndex),
    /// That of a group.
    Group(GroupIndex),
}

/// What a client prefix says of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Where they are.
    Place(PlaceIndex),
    /// Whose they are.
    Group(GroupIndex),
}

/// A client prefix of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The prefix.
    pub prefix: IpNetwork,
    /// What it says.
    pub target: Target,
}

impl<'a> Carried<'a> {
    pub(super) fn record(&self) -> &'a CarriedRecord {
        self.record.0
    }
}

impl<B: AsRef<[u8]>> View<B> {
    /// Opens a snapshot in constant time: magic, version, lengths. Run `check` before relying on the rest.
    pub fn open(bytes: B) -> Result<View<B>, OpenError> {
        let all = bytes.as_ref();
        let expected = size_of::<Header>();
        let Ok((header, _)) = Header::ref_from_prefix(all) else {
            return Err(OpenError::Short { expected, got: all.len() });
        };
        if header.magic != MAGIC {
            return Err(OpenError::Magic);
        }
        if header.version.get() != VERSION {
            return Err(OpenError::Version { expected: VERSION, got: header.version.get() });
        }
        if header.file_bytes.get() != all.len() as u64 {
            return Err(OpenError::Length { expected: header.file_bytes.get(), got: all.len() as u64 });
        }
        let mut sections = [const { 0..0 }; Section::ALL.len()];
        for section in Section::ALL {
            let range = header.sections[section as usize].range(all.len());
            sections[section as usize] = range
                .filter(|range| range.len().is_multiple_of(record_bytes(section)))
                .ok_or(OpenError::Section { section })?;
        }
        let count = |section: Section| sections[section as usize].len() / record_bytes(section);
        let row_count = count(Section::Places) + count(Section::Groups);
        for section in [Section::Keys, Section::Names] {
            if !count(section).is_power_of_two() {
                return Err(OpenError::Section { section });
            }
        }
        if count(Section::Bases) != count(Section::Mirrors) * count(Section::Trees) * PROTOCOLS {
            return Err(OpenError::Section { section: Section::Bases });
        }
        if count(Section::Places) == 0 {
            return Err(OpenError::Section { section: Section::Places });
        }
        Ok(View {
            evidence: header.evidence.get(),
            verified_at: header.verified_at.get(),
            checksum: header.checksum.get(),
            turn_count: header.turn_count.get() as usize,
            set_words: header.set_words.get() as usize,
            row_count,
            sections,
            bytes,
        })
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The checksum in the head: names the content.
    pub fn checksum(&self) -> u64 {
        self.checksum
    }

    /// What the lists rest on.
    pub fn evidence(&self) -> Evidence {
        self.known_evidence().unwrap_or(Evidence::Unverified)
    }

    pub(super) fn known_evidence(&self) -> Option<Evidence> {
        Evidence::from_number(self.evidence)
    }

    /// When the mirrors were verified, seconds since 1970; none when nobody says.
    pub fn verified_at(&self) -> Option<u64> {
        (self.verified_at != 0).then_some(self.verified_at)
    }

    /// Lists per row.
    pub fn turn_count(&self) -> usize {
        self.turn_count
    }

    pub(super) fn set_words(&self) -> usize {
        self.set_words
    }

    pub(super) fn row_count(&self) -> usize {
        self.row_count
    }

    pub(super) fn section_bytes(&self, section: Section) -> &[u8] {
        self.bytes().get(self.sections[section as usize].clone()).unwrap_or_default()
    }

    pub(super) fn records<T: FromBytes + KnownLayout + Immutable + Unaligned>(&self, section: Section) -> &[T] {
        <[T]>::ref_from_bytes(self.section_bytes(section)).unwrap_or_default()
    }

    pub(super) fn text(&self, text: Text) -> &[u8] {
        let start = text.offset_bytes.get() as usize;
        let end = start + text.length_bytes.get() as usize;
        self.section_bytes(Section::Texts).get(start..end).unwrap_or_default()
    }

    pub(super) fn name(&self, text: Text) -> &str {
        std::str::from_utf8(self.text(text)).unwrap_or_default()
    }

    /// Number of mirrors.
    pub fn mirror_count(&self) -> usize {
        self.records::<MirrorRecord>(Section::Mirrors).len()
    }

    /// Number of repos.
    pub fn repo_count(&self) -> usize {
        self.records::<RepoRecord>(Section::Repos).len()
    }

    /// Number of different lists.
    pub fn list_count(&self) -> usize {
        self.records::<ListRecord>(Section::Lists).len()
    }

    /// Number of groups.
    pub fn group_count(&self) -> usize {
        self.records::<GroupRecord>(Section::Groups).len()
    }

    /// Number of client prefixes.
    pub fn network_count(&self) -> usize {
        self.records::<NetworkRecord>(Section::Networks).len()
    }

    /// A mirror.
    pub fn mirror(&self, index: MirrorIndex) -> Option<Mirror<'_>> {
        let record = self.records::<MirrorRecord>(Section::Mirrors).get(usize::from(index.0))?;
        Some(Mirror {
            name: self.name(record.name),
            place: self.place_code(PlaceIndex(record.place.get())),
            tier: record.tier.get(),
            weight: record.weight.get(),
        })
    }

    /// All places with a row, without the fallback, in rising order.
    pub fn places(&self) -> impl Iterator<Item = Code> + '_ {
        self.records::<PlaceRecord>(Section::Places).iter().filter_map(|record| Code::from_bytes(record.code))
    }

    /// Number of a place; none when the snapshot has no row for it.
    pub fn place(&self, code: Code) -> Option<PlaceIndex> {
        let records = self.records::<PlaceRecord>(Section::Places);
        let position = records.binary_search_by(|record| record.code.cmp(&code.to_bytes())).ok()?;
        (position > 0).then_some(PlaceIndex(position as u16))
    }

    /// Code of a place; none for the fallback.
    pub fn place_code(&self, index: PlaceIndex) -> Option<Code> {
        Code::from_bytes(self.records::<PlaceRecord>(Section::Places).get(usize::from(index.0))?.code)
    }

    /// A group's name and what follows its list.
    pub fn group(&self, index: GroupIndex) -> Option<(&str, Ending)> {
        let record = self.records::<GroupRecord>(Section::Groups).get(index.0 as usize)?;
        Some((self.name(record.name), Ending::from_number(record.ending.get())?))
    }

    /// What follows a group's list.
    pub fn ending(&self, index: GroupIndex) -> Option<Ending> {
        Ending::from_number(self.records::<GroupRecord>(Section::Groups).get(index.0 as usize)?.ending.get())
    }

    /// A tree's name.
    pub fn tree_name(&self, tree: TreeIndex) -> &str {
        self.tree(tree).map_or("", |record| self.name(record.name))
    }

    pub(super) fn tree(&self, tree: TreeIndex) -> Option<&TreeRecord> {
        self.records::<TreeRecord>(Section::Trees).get(tree.0 as usize)
    }

    /// Base URL of a tree that answers name when no mirror is left.
    pub fn last_resort(&self, tree: TreeIndex) -> Option<BaseUrl> {
        let url = BaseUrl(self.tree(tree)?.last_resort);
        (url.len_bytes() > 0).then_some(url)
    }

    pub(super) fn carried<'a>(&'a self, record: &'a CarriedRecord) -> Carried<'a> {
        let tree = TreeIndex(record.tree.get());
        Carried { suffix: self.text(record.suffix), tree, record: CarriedRecordRef(record) }
    }

    /// A repo.
    pub fn repo(&self, index: RepoIndex) -> Option<Repo<'_>> {
        let record = self.records::<RepoRecord>(Section::Repos).get(index.0 as usize)?;
        Some(self.carried(&record.carried))
    }

    /// What a repo is called, for people.
    pub fn repo_name(&self, index: RepoIndex) -> Option<RepoName<'_>> {
        let record = self.records::<RepoRecord>(Section::Repos).get(index.0 as usize)?;
        Some(RepoName {
            name: self.name(record.name),
            release: self.name(record.release),
            arch: self.name(record.arch),
        })
    }

    /// The repo that clients mean by a release (or alias of one), an architecture and a name in any case.
    pub fn find(&self, release: &[u8], arch: &[u8], repo: &[u8]) -> Option<RepoIndex> {
        let mut buffer = [0; KEY_BYTES_MAX];
        let key = join(&mut buffer, [release, arch, repo])?;
        let repo_start = key.len() - repo.len();
        key[repo_start..].make_ascii_lowercase();
        self.probe(Section::Keys, key)
    }

    /// What a table of keys has for a key.
    pub(super) fn probe(&self, table: Section, key: &[u8]) -> Option<RepoIndex> {
        let hash = xxh3_64(key);
        let slots = self.records::<KeyRecord>(table);
        let mask = slots.len().wrapping_sub(1);
        // The table is at most half full when `check` has seen it; the bound is for bytes it has not seen.
        for step in 0..slots.len() {
            let slot = slots.get((hash as usize).wrapping_add(step) & mask)?;
            if slot.repo.get() == NONE {
                return None;
            }
            if slot.hash.get() == hash && self.text(slot.key) == key {
                return Some(RepoIndex(slot.repo.get()));
            }
        }
        None
    }

    /// All keys of a table, in its order.
    pub(super) fn keys_of(&self, table: Section) -> impl Iterator<Item = (&str, RepoIndex)> {
        let slots = self.records::<KeyRecord>(table).iter().filter(|slot| slot.repo.get() != NONE);
        slots.map(|slot| (self.name(slot.key), RepoIndex(slot.repo.get())))
    }

    /// All names that clients may use for a repo: (release or alias, architecture, name), in rising order.
    pub fn keys(&self) -> Vec<([&str; 3], RepoIndex)> {
        let keys = self.keys_of(Section::Keys).filter_map(|(key, index)| {
            let mut parts = key.split('\0');
            Some(([parts.next()?, parts.next()?, parts.next()?], index))
        });
        let mut keys: Vec<_> = keys.collect();
        keys.sort();
        keys
    }

    /// All client prefixes, IPv4 first, rising.
    pub fn networks(&self) -> impl Iterator<Item = Network> + '_ {
        self.records::<NetworkRecord>(Section::Networks).iter().filter_map(network)
    }
}

/// Bytes of one record of a section.
fn record_bytes(section: Section) -> usize {
    match section {
        Section::Texts => 1,
        Section::Trees => size_of::<TreeRecord>(),
        Section::Mirrors => size_of::<MirrorRecord>(),
        Section::Bases => size_of::<Text>(),
        Section::Places => size_of::<PlaceRecord>(),
        Section::Groups => size_of::<GroupRecord>(),
        Section::Repos => size_of::<RepoRecord>(),
        Section::Keys | Section::Names => size_of::<KeyRecord>(),
        Section::Sets => size_of::<U64>(),
        Section::Directories | Section::Rows => size_of::<U32>(),
        Section::Lists => size_of::<ListRecord>(),
        Section::Members => size_of::<U16>(),
        Section::Networks => size_of::<NetworkRecord>(),
        Section::Asns => size_of::<AsnRecord>(),
        Section::Comments => size_of::<Text>(),
        Section::Folders => size_of::<FolderRecord>(),
        Section::Files => size_of::<FileRecord>(),
        Section::FolderKeys => size_of::<FolderKeyRecord>(),
        Section::FaultStarts => size_of::<U32>(),
        Section::Faults => size_of::<FaultRecord>(),
        Section::Revisions => size_of::<Revision>(),
        Section::RevisionsOf => size_of::<RevisionsRecord>(),
        Section::Continents => 1,
        Section::MirrorAsns => size_of::<MirrorAsnRecord>(),
        Section::PlaceNames => size_of::<Text>(),
    }
}

/// The prefix of a record; none when no such prefix exists.
pub(super) fn network(record: &NetworkRecord) -> Option<Network> {
    let [a, b, c, d, ..] = record.address;
    let address = match record.version {
        4 => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        6 => IpAddr::V6(Ipv6Addr::from(record.address)),
        _ => return None,
    };
    let target = match record.kind.get() {
        0 => Target::Place(PlaceIndex(u16::try_from(record.target.get()).ok()?)),
        1 => Target::Group(GroupIndex(record.target.get())),
        _ => return None,
    };
    Some(Network { prefix: IpNetwork::new(address, record.prefix_bits).ok()?, target })
}

/// The parts with NULs between; none when they are too long or hold a NUL themselves.
fn join<'a>(buffer: &'a mut [u8; KEY_BYTES_MAX], parts: [&[u8]; 3]) -> Option<&'a mut [u8]> {
    let mut length = 0;
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            *buffer.get_mut(length)? = 0;
            length += 1;
        }
        buffer.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    buffer.get_mut(..length)
}
