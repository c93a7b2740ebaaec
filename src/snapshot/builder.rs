//! `Builder`: makes the bytes of a snapshot.
//!
//! Lives here: interning, numbering, layout. The same calls in the same order give the same bytes.
//! Not here: which mirrors go into a list, and in which order (`plan`).

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use ip_network::IpNetwork;
use xxhash_rust::xxh3::xxh3_64;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{Immutable, IntoBytes};

use super::faults::{self, Fault};
use super::format::*;
use super::image_table::ImageTable;
use super::names::Names;
use super::origins::{Continent, MirrorAsnRecord};
use super::revisions::{Revision, RevisionsRecord};
use super::view::Target;
use crate::net::{Asn, Family, Protocol};
use crate::place::Code;

/// A list that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListId(u32);

/// A row (one list per turn) that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowId(u32);

/// A directory (one row per place and group) that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DirectoryId(u32);

/// A set of mirrors that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SetId(u32);

/// What does not fit into the format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// A table has more entries than its numbers can name.
    #[error("too many {what}: {count}, at most {count_max} fit into a snapshot")]
    Table {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many fit.
        count_max: usize,
    },
    /// Two folders of images answer to one name, or two images of a folder.
    #[error("images `{name}` are defined twice")]
    Images {
        /// Branch, release, kind, architecture, and file.
        name: String,
    },
    /// Two repos answer to one key.
    #[error("release `{release}`, arch `{arch}`, repo `{repo}` is defined twice")]
    Key {
        /// Release or alias.
        release: String,
        /// Architecture.
        arch: String,
        /// Repo.
        repo: String,
    },
}

/// Where something lies that mirrors carry, and who has it.
#[derive(Clone, Copy)]
pub struct CarriedEntry<'a> {
    /// What follows a mirror's base URL, with a final slash when it is a folder.
    pub suffix: &'a str,
    /// Tree that carries it.
    pub tree: TreeIndex,
    /// Directory by family.
    pub directory: [DirectoryId; FAMILIES],
    /// Good mirrors by family and protocol.
    pub sets: [[SetId; PROTOCOLS]; FAMILIES],
    /// Mirrors that answers name only after all good ones, by family and protocol; none when there are none. A mirror
    /// that is good by any protocol of lists must not be among them.
    pub spares: [[Option<SetId>; PROTOCOLS]; FAMILIES],
}

/// A repo, as `Builder::repo` takes it.
pub struct RepoEntry<'a> {
    /// Its name, lower case.
    pub name: &'a str,
    /// Its release.
    pub release: &'a str,
    /// Other names of the release.
    pub aliases: &'a [String],
    /// Its architecture.
    pub arch: &'a str,
    /// Where it lies, and who has it.
    pub carried: CarriedEntry<'a>,
    /// What is to be said in every answer about it, one line.
    pub comment: Option<&'a str>,
    /// States of its `repomd.xml` that clients may accept, the current one first; none when nobody knows.
    pub revisions: &'a [Revision],
}

/// Makes a snapshot. Add trees, mirrors, places and groups first, in any order, then sets, lists, rows and directories,
/// then repos and folders of images; networks at any time.
pub struct Builder {
    evidence: Evidence,
    verified_at: u64,
    turn_count: usize,
    pub(super) texts: Texts,
    pub(super) images: ImageTable,
    trees: Vec<TreeRecord>,
    mirrors: Vec<MirrorRecord>,
    bases: Vec<(usize, usize, usize, Text)>,
    places: Vec<Code>,
    pub(super) place_names: Vec<(PlaceIndex, Text)>,
    groups: Vec<GroupRecord>,
    repos: Vec<RepoRecord>,
    keys: HashMap<Vec<u8>, u32>,
    key_order: Vec<Vec<u8>>,
    sets: Interner<Vec<u64>>,
    directories: Interner<Vec<RowId>>,
    rows: Interner<Vec<ListId>>,
    lists: Interner<(Vec<MirrorIndex>, Option<ListId>)>,
    networks: Vec<(IpNetwork, Target)>,
    asns: BTreeMap<Asn, GroupIndex>,
    comments: Vec<Text>,
    faults: Vec<faults::Told>,
    names: Names,
    revisions: Vec<Revision>,
    revisions_of: Vec<RevisionsRecord>,
    continents: Vec<u8>,
    mirror_asns: Vec<MirrorAsnRecord>,
}

impl Builder {
    /// A builder for these places (sorted and unique; the fallback is there without being named), with `turn_count`
    /// lists per row.
    pub fn new(evidence: Evidence, turn_count: usize, places: Vec<Code>) -> Builder {
        debug_assert!(places.is_sorted_by(|a, b| a < b), "places must be sorted and unique");
        Builder {
            evidence,
            verified_at: 0,
            turn_count,
            texts: Texts::default(),
            images: ImageTable::default(),
            trees: Vec::new(),
            mirrors: Vec::new(),
            bases: Vec::new(),
            continents: vec![Continent::NONE.0; 1 + places.len()],
            places,
            place_names: Vec::new(),
            groups: Vec::new(),
            repos: Vec::new(),
            keys: HashMap::new(),
            key_order: Vec::new(),
            sets: Interner::default(),
            directories: Interner::default(),
            rows: Interner::default(),
            lists: Interner::default(),
            networks: Vec::new(),
            asns: BTreeMap::new(),
            comments: Vec::new(),
            faults: Vec::new(),
            names: Names::default(),
            revisions: Vec::new(),
            revisions_of: Vec::new(),
            mirror_asns: Vec::new(),
        }
    }

    /// Tells when the mirrors were verified, seconds since 1970.
    pub fn verified_at(&mut self, unix_seconds: u64) {
        self.verified_at = unix_seconds;
    }

    /// Adds a tree. `protocols`: those of list URLs, the preferred one first.
    pub fn tree(&mut self, name: &str, last_resort: Option<&str>, protocols: &[Protocol]) -> TreeIndex {
        let mut order = [u8::MAX; 4];
        for (slot, protocol) in order.iter_mut().zip(protocols) {
            *slot = *protocol as u8;
        }
        let record = TreeRecord {
            name: self.texts.add(name),
            last_resort: self.texts.add(last_resort.unwrap_or_default()),
            protocols: order,
        };
        self.trees.push(record);
        TreeIndex(self.trees.len() as u32 - 1)
    }

    /// Adds a mirror. A place that the builder does not have counts as none.
    pub fn mirror(&mut self, name: &str, place: Option<Code>, tier: u8, weight: u32) -> MirrorIndex {
        let place = place.and_then(|code| self.place(code)).map_or(NONE_SHORT, |index| index.0);
        let record = MirrorRecord {
            name: self.texts.add(name),
            place: U16::new(place),
            tier: U16::new(u16::from(tier)),
            weight: U32::new(weight),
        };
        self.mirrors.push(record);
        MirrorIndex((self.mirrors.len() - 1).min(usize::from(u16::MAX)) as u16)
    }

    /// Gives a mirror its base URL (with a final slash) for a tree and protocol.
    pub fn base(&mut self, mirror: MirrorIndex, tree: TreeIndex, protocol: Protocol, url: &str) {
        let text = self.texts.add(url);
        self.bases.push((usize::from(mirror.0), tree.0 as usize, protocol as usize, text));
    }

    /// Says in which autonomous system a mirror is; it may be in several.
    pub fn mirror_asn(&mut self, mirror: MirrorIndex, asn: u32) {
        self.mirror_asns.push(MirrorAsnRecord { mirror: U16::new(mirror.0), asn: U32::new(asn) });
    }

    /// Says on which continent a place is.
    pub fn continent(&mut self, place: PlaceIndex, continent: Continent) {
        if let Some(slot) = self.continents.get_mut(usize::from(place.0)) {
            *slot = continent.0;
        }
    }

    /// Number of a place.
    pub fn place(&self, code: Code) -> Option<PlaceIndex> {
        self.places.binary_search(&code).ok().map(|position| PlaceIndex(position as u16 + 1))
    }

    /// Adds a group of clients. Groups have rows in every directory, behind the places. `outer`: the group that they
    /// belong to besides, whose list follows.
    pub fn group(&mut self, name: &str, ending: Ending, outer: Option<GroupIndex>) -> GroupIndex {
        let outer = U32::new(outer.map_or(NONE, |outer| outer.0));
        self.groups.push(GroupRecord { name: self.texts.add(name), ending: U32::new(ending.number()), outer });
        GroupIndex(self.groups.len() as u32 - 1)
    }

    /// Adds a set of mirrors.
    pub fn set(&mut self, mirrors: impl IntoIterator<Item = MirrorIndex>) -> SetId {
        let mut words = vec![0; self.mirrors.len().div_ceil(64)];
        for mirror in mirrors {
            if let Some(word) = words.get_mut(usize::from(mirror.0) / 64) {
                *word |= 1 << (mirror.0 % 64);
            }
        }
        SetId(self.sets.add(words))
    }

    /// Adds a list, going on in `next` (which must itself go on nowhere).
    pub fn list(&mut self, mirrors: Vec<MirrorIndex>, next: Option<ListId>) -> ListId {
        ListId(self.lists.add((mirrors, next)))
    }

    /// Adds a row: one list per turn.
    pub fn row(&mut self, lists: Vec<ListId>) -> RowId {
        debug_assert_eq!(lists.len(), self.turn_count);
        RowId(self.rows.add(lists))
    }

    /// Adds a directory: the fallback's row, a row per place, a row per group.
    pub fn directory(&mut self, rows: Vec<RowId>) -> DirectoryId {
        debug_assert_eq!(rows.len(), 1 + self.places.len() + self.groups.len());
        DirectoryId(self.directories.add(rows))
    }

    /// Adds a repo under its release and all aliases.
    pub fn repo(&mut self, entry: &RepoEntry<'_>) -> Result<RepoIndex, Full> {
        let number = self.repos.len() as u32;
        for release in std::iter::once(entry.release).chain(entry.aliases.iter().map(String::as_str)) {
            let key = [release, entry.arch, entry.name].join("\0").into_bytes();
            if self.keys.insert(key.clone(), number).is_some() {
                return Err(Full::Key {
                    release: release.to_owned(),
                    arch: entry.arch.to_owned(),
                    repo: entry.name.to_owned(),
                });
            }
            self.key_order.push(key);
        }
        let record = RepoRecord {
            name: self.texts.add(entry.name),
            release: self.texts.add(entry.release),
            arch: self.texts.add(entry.arch),
            carried: self.carried(&entry.carried),
        };
        self.repos.push(record);
        let comment = self.texts.add(entry.comment.unwrap_or_default());
        self.comments.push(comment);
        self.revisions_of.push(RevisionsRecord {
            start: U32::new(self.revisions.len() as u32),
            count: U32::new(entry.revisions.len() as u32),
        });
        self.revisions.extend_from_slice(entry.revisions);
        Ok(RepoIndex(number))
    }

    pub(super) fn carried(&mut self, entry: &CarriedEntry<'_>) -> CarriedRecord {
        CarriedRecord {
            suffix: self.texts.add(entry.suffix),
            tree: U32::new(entry.tree.0),
            directory: entry.directory.map(|id| U32::new(id.0 * self.row_count() as u32)),
            sets: entry.sets.map(|by_protocol| by_protocol.map(|id| U32::new(id.0))),
            spares: entry.spares.map(|by_protocol| by_protocol.map(|id| U32::new(id.map_or(NONE, |id| id.0)))),
        }
    }

    /// Gives a repo a single name for its architecture, in lower case. The first repo of a name keeps it.
    pub fn name(&mut self, repo: RepoIndex, name: &str, arch: &str) {
        self.names.add([name, arch].join("\0").into_bytes(), repo);
    }

    /// Says at which path clients know a repo: without slashes at its ends. The first repo of a path keeps it.
    pub fn path(&mut self, repo: RepoIndex, path: &str) {
        self.names.add(["", path].join("\0").into_bytes(), repo);
    }

    /// Adds a client prefix.
    pub fn network(&mut self, prefix: IpNetwork, target: Target) {
        self.networks.push((prefix, target));
    }

    /// Makes the clients of an autonomous system a group.
    pub fn asn(&mut self, asn: Asn, group: GroupIndex) {
        self.asns.insert(asn, group);
    }

    /// Tells why a mirror is not good for a repo over a family by a protocol.
    pub fn fault(&mut self, repo: RepoIndex, mirror: MirrorIndex, family: Family, protocol: Protocol, fault: Fault) {
        let slot = faults::slot(mirror, family, protocol);
        self.faults.push(faults::Told { slot, repo: repo.0, what: fault.packed() });
    }

    fn row_count(&self) -> usize {
        1 + self.places.len() + self.groups.len()
    }

    /// The bytes of the snapshot.
    pub fn finish(mut self) -> Result<Vec<u8>, Full> {
        fits("mirrors", self.mirrors.len(), usize::from(NONE_SHORT))?;
        fits("places", 1 + self.places.len(), usize::from(NONE_SHORT))?;
        let keys = self.key_order.iter().map(|key| (key.as_slice(), self.keys[key]));
        let keys = key_table(&mut self.texts, keys);
        let names = key_table(&mut self.texts, self.names.iter());
        self.mirror_asns.sort_by_key(MirrorAsnRecord::key);
        self.mirror_asns.dedup();
        let networks = self.network_table();
        let asns: Vec<AsnRecord> = self.asns.iter().map(asn_record).collect();
        let says_anything = self.comments.iter().any(|comment| comment.length_bytes.get() > 0);
        let comments = if says_anything { std::mem::take(&mut self.comments) } else { Vec::new() };
        let images = std::mem::take(&mut self.images).laid_out(&mut self.texts);
        let set_words = self.mirrors.len().div_ceil(64);
        let head =
            Head { evidence: self.evidence, verified_at: self.verified_at, turn_count: self.turn_count, set_words };

        let mut members: Vec<U16> = Vec::new();
        let mut lists = Vec::new();
        for (mirrors, next) in &self.lists.items {
            lists.push(ListRecord {
                start: U32::new(members.len() as u32),
                count: U32::new(mirrors.len() as u32),
                next: U32::new(next.map_or(NONE, |id| id.0)),
            });
            members.extend(mirrors.iter().map(|mirror| U16::new(mirror.0)));
        }
        let mut bases = vec![Text::default(); self.mirrors.len() * self.trees.len() * PROTOCOLS];
        for &(mirror, tree, protocol, text) in &self.bases {
            bases[(mirror * self.trees.len() + tree) * PROTOCOLS + protocol] = text;
        }
        let place_names = self.laid_out_place_names(1 + self.places.len());
        let trees: Vec<u32> = self.repos.iter().map(|repo| repo.carried.tree.get()).collect();
        let (fault_starts, faults) = faults::runs(self.faults, self.mirrors.len(), &trees, &bases);
        fits("faults", faults.len(), NONE as usize)?;
        let mut places = vec![PlaceRecord { code: [0; 8] }];
        places.extend(self.places.iter().map(|code| PlaceRecord { code: code.to_bytes() }));
        let sets: Vec<U64> = self.sets.items.iter().flatten().map(|&word| U64::new(word)).collect();
        let directories: Vec<U32> = self.directories.items.iter().flatten().map(|row| U32::new(row.0)).collect();
        let rows: Vec<U32> = self.rows.items.iter().flatten().map(|list| U32::new(list.0)).collect();
        for (what, count) in [
            ("list members", members.len()),
            ("directory entries", directories.len()),
            ("row entries", rows.len()),
            ("images", images.files.len()),
        ] {
            fits(what, count, NONE as usize)?;
        }
        fits("bytes of text", self.texts.bytes.len(), NONE as usize)?;

        let mut file = File::new();
        file.section(Section::Texts, &self.texts.bytes);
        file.section(Section::Trees, &self.trees);
        file.section(Section::Mirrors, &self.mirrors);
        file.section(Section::Bases, &bases);
        file.section(Section::Places, &places);
        file.section(Section::Groups, &self.groups);
        file.section(Section::Repos, &self.repos);
        file.section(Section::Keys, &keys);
        file.section(Section::Sets, &sets);
        file.section(Section::Directories, &directories);
        file.section(Section::Rows, &rows);
        file.section(Section::Lists, &lists);
        file.section(Section::Members, &members);
        file.section(Section::Networks, &networks);
        file.section(Section::Asns, &asns);
        file.section(Section::Comments, &comments);
        file.section(Section::Folders, &images.folders);
        file.section(Section::Files, &images.files);
        file.section(Section::FolderKeys, &images.keys);
        file.section(Section::FaultStarts, &fault_starts);
        file.section(Section::Faults, &faults);
        file.section(Section::Names, &names);
        file.section(Section::Revisions, &self.revisions);
        file.section(Section::RevisionsOf, &self.revisions_of);
        file.section(Section::Continents, &self.continents);
        file.section(Section::MirrorAsns, &self.mirror_asns);
        file.section(Section::PlaceNames, &place_names);
        Ok(file.finish(&head))
    }

    fn network_table(&mut self) -> Vec<NetworkRecord> {
        let mut records: Vec<NetworkRecord> =
            self.networks.iter().map(|(prefix, target)| record(prefix, target)).collect();
        records.sort_by_key(|one| (one.version, one.address, one.prefix_bits, one.kind.get(), one.target.get()));
        records
    }
}

/// A hash table of keys: at most half full, so that a probe for an unknown key is short as well.
fn key_table<'a>(texts: &mut Texts, keys: impl ExactSizeIterator<Item = (&'a [u8], u32)>) -> Vec<KeyRecord> {
    let empty = KeyRecord { hash: U64::new(0), key: Text::default(), repo: U32::new(NONE) };
    let mut slots = vec![empty; (keys.len() * 2).next_power_of_two().max(2)];
    let mask = slots.len() - 1;
    for (key, repo) in keys {
        let hash = xxh3_64(key);
        let mut slot = hash as usize & mask;
        while slots[slot].repo.get() != NONE {
            slot = (slot + 1) & mask;
        }
        slots[slot] = KeyRecord { hash: U64::new(hash), key: texts.add_bytes(key), repo: U32::new(repo) };
    }
    slots
}

fn record(prefix: &IpNetwork, target: &Target) -> NetworkRecord {
    let mut address = [0; 16];
    let (version, prefix_bits) = match prefix {
        IpNetwork::V4(network) => {
            address[..4].copy_from_slice(&network.network_address().octets());
            (4, network.netmask())
        }
        IpNetwork::V6(network) => {
            address = network.network_address().octets();
            (6, network.netmask())
        }
    };
    let (kind, number) = match target {
        Target::Place(place) => (0, u32::from(place.0)),
        Target::Group(group) => (1, group.0),
    };
    NetworkRecord { address, version, prefix_bits, kind: U16::new(kind), target: U32::new(number) }
}

fn asn_record((asn, group): (&Asn, &GroupIndex)) -> AsnRecord {
    AsnRecord { asn: U32::new(asn.0), group: U32::new(group.0) }
}

fn fits(what: &'static str, count: usize, count_max: usize) -> Result<(), Full> {
    if count < count_max { Ok(()) } else { Err(Full::Table { what, count, count_max }) }
}

/// Position of a family in records.
pub(super) fn family_number(family: Family) -> usize {
    match family {
        Family::Ipv4 => 0,
        Family::Ipv6 => 1,
    }
}

/// Gives equal items one number, in order of first sight.
struct Interner<T> {
    numbers: HashMap<T, u32>,
    items: Vec<T>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Interner { numbers: HashMap::new(), items: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    fn add(&mut self, item: T) -> u32 {
        if let Some(&number) = self.numbers.get(&item) {
            return number;
        }
        let number = self.items.len() as u32;
        self.items.push(item.clone());
        self.numbers.insert(item, number);
        number
    }
}

/// The texts section: each text once.
#[derive(Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    known: HashMap<Vec<u8>, Text>,
}

impl Texts {
    pub(super) fn add(&mut self, text: &str) -> Text {
        self.add_bytes(text.as_bytes())
    }

    fn add_bytes(&mut self, text: &[u8]) -> Text {
        if text.is_empty() {
            return Text::default();
        }
        if let Some(&known) = self.known.get(text) {
            return known;
        }
        let new = Text { offset_bytes: U32::new(self.bytes.len() as u32), length_bytes: U32::new(text.len() as u32) };
        self.bytes.extend_from_slice(text);
        self.known.insert(text.to_owned(), new);
        new
    }
}

/// What the header says beside lengths.
struct Head {
    evidence: Evidence,
    verified_at: u64,
    turn_count: usize,
    set_words: usize,
}

/// The file while it grows.
struct File {
    bytes: Vec<u8>,
    sections: [SectionRecord; Section::ALL.len()],
}

impl File {
    fn new() -> File {
        let none = SectionRecord { offset_bytes: U64::new(0), length_bytes: U64::new(0) };
        File { bytes: vec![0; size_of::<Header>()], sections: [none; Section::ALL.len()] }
    }

    fn section<T: IntoBytes + Immutable>(&mut self, section: Section, records: &[T]) {
        self.bytes.resize(self.bytes.len().next_multiple_of(SECTION_ALIGN_BYTES), 0);
        let content = records.as_bytes();
        self.sections[section as usize] = SectionRecord {
            offset_bytes: U64::new(self.bytes.len() as u64),
            length_bytes: U64::new(content.len() as u64),
        };
        self.bytes.extend_from_slice(content);
    }

    fn finish(mut self, head: &Head) -> Vec<u8> {
        let mut header = Header {
            magic: MAGIC,
            version: U32::new(VERSION),
            evidence: U32::new(head.evidence.number()),
            file_bytes: U64::new(self.bytes.len() as u64),
            checksum: U64::new(0),
            turn_count: U32::new(head.turn_count as u32),
            set_words: U32::new(head.set_words as u32),
            verified_at: U64::new(head.verified_at),
            sections: self.sections,
        };
        self.bytes[..size_of::<Header>()].copy_from_slice(header.as_bytes());
        header.checksum = U64::new(xxh3_64(&self.bytes[CHECKED_FROM..]));
        self.bytes[..size_of::<Header>()].copy_from_slice(header.as_bytes());
        self.bytes
    }
}
