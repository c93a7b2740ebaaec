//! The byte layout of a compiled table.
//!
//! Lives here: the header, the order and lengths of the sections, how an address falls into a slot.
//! Not here: filling it (`build`), searching it (`table`), proving it (`check`).
//!
//! All numbers are little-endian and nothing is aligned, so a table can be mapped, read or embedded anywhere.
//!
//! | offset | bytes            | what                                                                            |
//! |-------:|-----------------:|---------------------------------------------------------------------------------|
//! |      0 |                8 | magic: what its labels are (`Label::MAGIC`)                                      |
//! |      8 |                8 | xxh3-64 of everything from offset 16 to the end                                  |
//! |     16 |                4 | version, 1                                                                       |
//! |     20 |                4 | bytes of a label index, 1, 2 or 4: *w*                                           |
//! |     24 |                4 | number of labels, *p*; 255 at most when *w* is 1, 65,535 when it is 2            |
//! |     28 |                4 | number of IPv4 starts, *n*                                                       |
//! |     32 |                4 | number of IPv6 starts, *m*                                                       |
//! |     36 |                4 | number of IPv6 slots, *t*                                                        |
//! |     40 |                4 | bytes of the source text, *s*                                                    |
//! |     44 |                4 | bytes of the attribution text, *a*                                               |
//! |     48 |            8 *p* | labels, ascending (`Label::to_bytes`)                                            |
//! |        |      4 × 65,537  | IPv4 top: how many starts lie before each slot (a /16); the last one is *n*      |
//! |        |            2 *n* | IPv4 starts, ascending: the lower 16 bits                                        |
//! |        |        *w* × *n* | IPv4 labels: label index of the range that begins at that start                  |
//! |        |      4 × 8,195   | IPv6 fan: number of the first slot of each block (see `ipv6_block`); the last is *t* |
//! |        |    4 × (*t* + 1) | IPv6 top: how many starts lie before each slot; the last one is *m*              |
//! |        |            8 *m* | IPv6 starts, ascending: the upper 64 bits                                        |
//! |        |        *w* × *m* | IPv6 labels                                                                      |
//! |        |              *s* | source: what the table was made from, UTF-8                                      |
//! |        |              *a* | attribution: what must be said where the data is used, UTF-8                     |
//!
//! A range lasts until the next start. Before the first start, and where the index has all bits set, an address has no
//! label: it is nowhere. A slot without starts of its own lies in the range that began before it, so a
//! range costs one start however many slots it spans.
//!
//! IPv4 is used evenly enough for slots of equal size. IPv6 is not: of 8,192 blocks most are empty and some hold tens
//! of thousands of ranges. So each block is cut into as many slots as it needs, and the fan tells where they are.

use std::fmt;
use std::ops::Range;

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The layout this program writes and reads.
pub(super) const VERSION: u32 = 1;

/// Where the checksummed part begins, bytes.
pub(super) const CHECKED_FROM: usize = 16;

/// Longest source or attribution text, bytes. By feel: a screen of text is some 2,000.
pub(super) const TEXT_BYTES_MAX: usize = 16 << 10;

/// Slots of the IPv4 top: one for each /16.
pub(super) const IPV4_SLOTS: usize = 1 << 16;

/// Blocks of the IPv6 fan: one below 2000::/3, one for each /16 in it, one above.
pub(super) const IPV6_BLOCKS: usize = (1 << 13) + 2;

/// First upper half inside 2000::/3, the only part of IPv6 from which addresses are assigned (RFC 4291, section 2.4,
/// and the registry it refers to).
const GLOBAL_FIRST: u64 = 0x2000 << 48;

/// First upper half past 2000::/3.
const GLOBAL_END: u64 = 0x4000 << 48;

/// The slot of an IPv4 address.
pub(super) fn ipv4_slot(address: u32) -> usize {
    (address >> 16) as usize
}

/// The block of an IPv6 address, given its upper 64 bits.
pub(super) fn ipv6_block(upper: u64) -> usize {
    match upper {
        ..GLOBAL_FIRST => 0,
        GLOBAL_END.. => IPV6_BLOCKS - 1,
        _ => 1 + ((upper - GLOBAL_FIRST) >> 48) as usize,
    }
}

/// Whether a block is wider than a /16, and may have one slot only.
pub(super) fn is_ipv6_block_wide(block: usize) -> bool {
    block == 0 || block == IPV6_BLOCKS - 1
}

/// The slot of an IPv6 address among the `slot_count` equal slots of its block: the 32 bits after the first 16, scaled.
pub(super) fn ipv6_slot_in_block(upper: u64, slot_count: u32) -> usize {
    (((upper << 16 >> 32) * u64::from(slot_count)) >> 32) as usize
}

/// The head of a table.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    pub magic: [u8; 8],
    pub checksum: U64,
    pub version: U32,
    pub index_bytes: U32,
    pub label_count: U32,
    pub ipv4_count: U32,
    pub ipv6_count: U32,
    pub ipv6_slot_count: U32,
    pub source_bytes: U32,
    pub attribution_bytes: U32,
}

/// A part of a table, as errors name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What there is to be said of addresses.
    Labels,
    /// Counts of IPv4 starts by slot.
    Ipv4Top,
    /// Where IPv4 ranges start.
    Ipv4Starts,
    /// What IPv4 ranges are labelled.
    Ipv4Labels,
    /// First slots of the blocks of IPv6.
    Ipv6Fan,
    /// Counts of IPv6 starts by slot.
    Ipv6Top,
    /// Where IPv6 ranges start.
    Ipv6Starts,
    /// What IPv6 ranges are labelled.
    Ipv6Labels,
    /// What the table was made from.
    Source,
    /// What must be said where the data is used.
    Attribution,
}

impl Section {
    /// All, in the order of the file.
    const ALL: [Section; 10] = [
        Section::Labels,
        Section::Ipv4Top,
        Section::Ipv4Starts,
        Section::Ipv4Labels,
        Section::Ipv6Fan,
        Section::Ipv6Top,
        Section::Ipv6Starts,
        Section::Ipv6Labels,
        Section::Source,
        Section::Attribution,
    ];

    fn name(self) -> &'static str {
        match self {
            Section::Labels => "labels",
            Section::Ipv4Top => "IPv4 top",
            Section::Ipv4Starts => "IPv4 starts",
            Section::Ipv4Labels => "IPv4 labels",
            Section::Ipv6Fan => "IPv6 fan",
            Section::Ipv6Top => "IPv6 top",
            Section::Ipv6Starts => "IPv6 starts",
            Section::Ipv6Labels => "IPv6 labels",
            Section::Source => "source",
            Section::Attribution => "attribution",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl Header {
    /// Bytes of one section. Cannot overflow: a count of 32 bits times eight at most.
    fn section_bytes(&self, section: Section) -> u64 {
        let index_bytes = u64::from(self.index_bytes.get().min(4));
        let count = |field: U32| u64::from(field.get());
        match section {
            Section::Labels => 8 * count(self.label_count),
            Section::Ipv4Top => 4 * (IPV4_SLOTS as u64 + 1),
            Section::Ipv4Starts => 2 * count(self.ipv4_count),
            Section::Ipv4Labels => index_bytes * count(self.ipv4_count),
            Section::Ipv6Fan => 4 * (IPV6_BLOCKS as u64 + 1),
            Section::Ipv6Top => 4 * (count(self.ipv6_slot_count) + 1),
            Section::Ipv6Starts => 8 * count(self.ipv6_count),
            Section::Ipv6Labels => index_bytes * count(self.ipv6_count),
            Section::Source => count(self.source_bytes),
            Section::Attribution => count(self.attribution_bytes),
        }
    }

    /// Bytes of the whole table.
    pub fn table_bytes(&self) -> u64 {
        size_of::<Header>() as u64 + Section::ALL.map(|section| self.section_bytes(section)).iter().sum::<u64>()
    }

    /// Index that means nowhere, for a width of indexes that is 1, 2 or 4 bytes.
    pub fn nowhere(&self) -> u32 {
        match self.index_bytes.get() {
            1 => u8::MAX.into(),
            2 => u16::MAX.into(),
            _ => u32::MAX,
        }
    }
}

/// Where the sections of one table lie.
#[derive(Clone, Debug)]
pub(super) struct Sections([Range<usize>; Section::ALL.len()]);

impl Sections {
    /// The sections that `header` describes. Meaningful only for a table of `header.table_bytes()` bytes in memory,
    /// which is why the offsets fit.
    pub fn of(header: &Header) -> Sections {
        let mut end = size_of::<Header>();
        Sections(Section::ALL.map(|section| {
            let start = end;
            end += header.section_bytes(section) as usize;
            start..end
        }))
    }

    /// Where `section` lies.
    #[inline]
    pub fn range(&self, section: Section) -> Range<usize> {
        self.0[section as usize].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_named_in_the_order_of_the_file() {
        for (position, section) in Section::ALL.into_iter().enumerate() {
            assert_eq!(section as usize, position);
        }
    }

    #[test]
    fn slots_ascend_and_cover_everything() {
        assert_eq!(ipv6_block(0), 0);
        assert_eq!(ipv6_block(GLOBAL_FIRST - 1), 0);
        assert_eq!(ipv6_block(GLOBAL_FIRST), 1);
        assert_eq!(ipv6_block(GLOBAL_END - 1), IPV6_BLOCKS - 2);
        assert_eq!(ipv6_block(GLOBAL_END), IPV6_BLOCKS - 1);
        assert_eq!(ipv6_block(u64::MAX), IPV6_BLOCKS - 1);
        for slot_count in [1, 2, 3, 1000, u32::MAX] {
            assert_eq!(ipv6_slot_in_block(GLOBAL_FIRST, slot_count), 0);
            assert_eq!(ipv6_slot_in_block(GLOBAL_END - 1, slot_count), slot_count as usize - 1);
        }
        assert_eq!(size_of::<Header>(), 48);
        assert_eq!(ipv4_slot(u32::MAX), IPV4_SLOTS - 1);
    }
}
