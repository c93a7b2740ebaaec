//! `Table`: the place of an address, out of bytes that were compiled before.
//!
//! Lives here: opening a table in constant time, looking up an address, the texts that come with the data.
//! Not here: walking the whole table (`check`), making one (`build`), mapping files.

use std::net::IpAddr;

use zerocopy::FromBytes;

use super::format::{Header, MAGIC, Section, Sections, VERSION, ipv4_slot, ipv6_block, ipv6_slot_in_block};
use crate::place::Code;

/// Number of a place within one table. Another table may number the same place otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceIndex(pub u16);

/// A compiled table from address to place, over bytes that somebody else keeps: a map, a vector, an embedded file.
///
/// A lookup allocates nothing, and never panics, whatever the bytes are.
#[derive(Clone, Debug)]
pub struct Table<B> {
    bytes: B,
    pub(super) header: Header,
    sections: Sections,
}

/// Why bytes are no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short for a header.
    #[error("{got} bytes are too few for a table of places; build it again")]
    Short {
        /// Bytes there are.
        got: usize,
    },
    /// Something else altogether.
    #[error("this is no table of places; a database in another format is compiled with `mirrorlistd geoip build`")]
    Magic,
    /// Another layout.
    #[error("a table of version {got}, this program reads version {expected}; build it again")]
    Version {
        /// The version this program reads.
        expected: u32,
        /// The version the table has.
        got: u32,
    },
    /// A header nothing writes.
    #[error("{place_count} places with indexes of {place_index_bytes} bytes cannot be; build the table again")]
    Places {
        /// Places the header tells of.
        place_count: u32,
        /// Bytes of a place index the header tells of.
        place_index_bytes: u32,
    },
    /// Cut off, or something was added.
    #[error("the table has {got} bytes, its header tells of {expected}; build it again")]
    Length {
        /// Bytes by the header.
        expected: u64,
        /// Bytes there are.
        got: u64,
    },
}

impl<B: AsRef<[u8]>> Table<B> {
    /// Opens a table: looks at its header and length, not at what is inside. Follow with `check` before publishing.
    pub fn open(bytes: B) -> Result<Table<B>, OpenError> {
        let whole = bytes.as_ref();
        let (header, _) = Header::read_from_prefix(whole).map_err(|_| OpenError::Short { got: whole.len() })?;
        if header.magic != MAGIC {
            return Err(OpenError::Magic);
        }
        if header.version.get() != VERSION {
            return Err(OpenError::Version { expected: VERSION, got: header.version.get() });
        }
        let (place_count, place_index_bytes) = (header.place_count.get(), header.place_index_bytes.get());
        if !matches!(place_index_bytes, 1 | 2) || place_count > header.nowhere().into() {
            return Err(OpenError::Places { place_count, place_index_bytes });
        }
        let (expected, got) = (header.table_bytes(), whole.len() as u64);
        if expected != got {
            return Err(OpenError::Length { expected, got });
        }
        Ok(Table { sections: Sections::of(&header), header, bytes })
    }

    /// The place of `address`; none when it is nowhere. An IPv4 address inside IPv6 is unfolded first; of any other
    /// IPv6 address only the upper 64 bits count.
    #[inline]
    pub fn lookup(&self, address: IpAddr) -> Option<PlaceIndex> {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let (bits, low) = (address.to_bits(), address.to_bits() as u16);
                let begun = self.starts_up_to(Section::Ipv4Top, Section::Ipv4Starts, ipv4_slot(bits), |start| {
                    u16::from_le_bytes(*start) <= low
                })?;
                self.place_index(Section::Ipv4Places, begun.checked_sub(1)?)
            }
            IpAddr::V6(address) => {
                let upper = (address.to_bits() >> 64) as u64;
                let slot = self.ipv6_slot(upper)?;
                let begun = self.starts_up_to(Section::Ipv6Top, Section::Ipv6Starts, slot, |start| {
                    u64::from_le_bytes(*start) <= upper
                })?;
                self.place_index(Section::Ipv6Places, begun.checked_sub(1)?)
            }
        }
    }

    /// The code of a place; none when the table has no such place.
    pub fn place(&self, index: PlaceIndex) -> Option<Code> {
        let (codes, _) = self.section(Section::Places).as_chunks();
        codes.get(usize::from(index.0)).and_then(|&code| Code::from_bytes(code))
    }

    /// All places, by index; codes ascend.
    pub fn places(&self) -> impl Iterator<Item = (PlaceIndex, Code)> {
        (0..self.header.place_count.get() as u16).map(PlaceIndex).filter_map(|index| Some((index, self.place(index)?)))
    }

    /// What the table was made from, for people; empty when unknown.
    pub fn source(&self) -> &str {
        str::from_utf8(self.section(Section::Source)).unwrap_or_default()
    }

    /// What must be said where the data is used; empty when nothing must.
    pub fn attribution(&self) -> &str {
        str::from_utf8(self.section(Section::Attribution)).unwrap_or_default()
    }

    /// The bytes of the whole table.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The bytes of one section; empty when the bytes have shrunk since `open`.
    #[inline]
    pub(super) fn section(&self, section: Section) -> &[u8] {
        self.bytes.as_ref().get(self.sections.range(section)).unwrap_or_default()
    }

    /// The slot of an IPv6 address, given its upper 64 bits.
    #[inline]
    pub(super) fn ipv6_slot(&self, upper: u64) -> Option<usize> {
        let (fan, _) = self.section(Section::Ipv6Fan).as_chunks();
        let block = ipv6_block(upper);
        let first = u32::from_le_bytes(*fan.get(block)?);
        let end = u32::from_le_bytes(*fan.get(block + 1)?);
        Some(first as usize + ipv6_slot_in_block(upper, end.checked_sub(first)?))
    }

    /// How many starts there are in the slots before `slot`, plus those of the slot for which `begun` is true.
    #[inline]
    fn starts_up_to<const START_BYTES: usize>(
        &self,
        top: Section,
        starts: Section,
        slot: usize,
        begun: impl Fn(&[u8; START_BYTES]) -> bool,
    ) -> Option<usize> {
        let (top, _) = self.section(top).as_chunks();
        let (starts, _) = self.section(starts).as_chunks();
        let from = u32::from_le_bytes(*top.get(slot)?) as usize;
        let to = u32::from_le_bytes(*top.get(slot + 1)?) as usize;
        Some(from + starts.get(from..to)?.partition_point(begun))
    }

    /// The place at `position` of a column of places; none for nowhere, and for any index out of range.
    #[inline]
    fn place_index(&self, column: Section, position: usize) -> Option<PlaceIndex> {
        let column = self.section(column);
        let index = if self.header.place_index_bytes.get() == 1 {
            u16::from(*column.get(position)?)
        } else {
            u16::from_le_bytes(*column.as_chunks().0.get(position)?)
        };
        (u32::from(index) < self.header.place_count.get()).then_some(PlaceIndex(index))
    }
}
