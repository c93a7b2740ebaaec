//! `Table`: the label of an address, out of bytes that were compiled before.
//!
//! Lives here: opening a table in constant time, looking up an address, the texts that come with the data.
//! Not here: walking the whole table (`check`), making one (`build`), mapping files.

use std::marker::PhantomData;
use std::net::IpAddr;

use zerocopy::FromBytes;

use super::format::{Header, Section, Sections, VERSION, ipv4_slot, ipv6_block, ipv6_slot_in_block};
use super::label::Label;
use crate::net::Asn;
use crate::place::Code;

/// Number of a label within one table. Another table may number the same label otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelIndex(pub u32);

/// A compiled table from address to label (a place, unless said otherwise), over bytes that somebody else keeps: a map,
/// a vector, an embedded file.
///
/// A lookup allocates nothing, and never panics, whatever the bytes are.
#[derive(Clone, Debug)]
pub struct Table<B, L = Code> {
    bytes: B,
    pub(super) header: Header,
    sections: Sections,
    label: PhantomData<L>,
}

/// Why bytes are no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short for a header.
    #[error("{got} bytes are too few for a table; build it again")]
    Short {
        /// Bytes there are.
        got: usize,
    },
    /// Something else altogether.
    #[error(
        "this is no table of its kind (each address with its {expected}); a database in another format is compiled \
         with `mirrorlistd geoip build`"
    )]
    Magic {
        /// What its labels should be.
        expected: &'static str,
    },
    /// Another layout.
    #[error("a table of version {got}, this program reads version {expected}; build it again")]
    Version {
        /// The version this program reads.
        expected: u32,
        /// The version the table has.
        got: u32,
    },
    /// A header nothing writes.
    #[error("{label_count} labels with indexes of {index_bytes} bytes cannot be; build the table again")]
    Labels {
        /// Labels the header tells of.
        label_count: u32,
        /// Bytes of an index the header tells of.
        index_bytes: u32,
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

impl<B: AsRef<[u8]>, L: Label> Table<B, L> {
    /// Opens a table of these labels: looks at its header and length, not at what is inside. Follow with `check` before
    /// publishing.
    pub fn open_labelled(bytes: B) -> Result<Table<B, L>, OpenError> {
        let whole = bytes.as_ref();
        let (header, _) = Header::read_from_prefix(whole).map_err(|_| OpenError::Short { got: whole.len() })?;
        if header.magic != L::MAGIC {
            return Err(OpenError::Magic { expected: L::NAME });
        }
        if header.version.get() != VERSION {
            return Err(OpenError::Version { expected: VERSION, got: header.version.get() });
        }
        let (label_count, index_bytes) = (header.label_count.get(), header.index_bytes.get());
        if !matches!(index_bytes, 1 | 2 | 4) || label_count > header.nowhere() {
            return Err(OpenError::Labels { label_count, index_bytes });
        }
        let (expected, got) = (header.table_bytes(), whole.len() as u64);
        if expected != got {
            return Err(OpenError::Length { expected, got });
        }
        Ok(Table { sections: Sections::of(&header), header, bytes, label: PhantomData })
    }

    /// The label of `address`; none when it is nowhere. An IPv4 address inside IPv6 is unfolded first; of any other
    /// IPv6 address only the upper 64 bits count.
    #[inline]
    pub fn lookup(&self, address: IpAddr) -> Option<LabelIndex> {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let (bits, low) = (address.to_bits(), address.to_bits() as u16);
                let begun = self.starts_up_to(Section::Ipv4Top, Section::Ipv4Starts, ipv4_slot(bits), |start| {
                    u16::from_le_bytes(*start) <= low
                })?;
                self.index(Section::Ipv4Labels, begun.checked_sub(1)?)
            }
            IpAddr::V6(address) => {
                let upper = (address.to_bits() >> 64) as u64;
                let slot = self.ipv6_slot(upper)?;
                let begun = self.starts_up_to(Section::Ipv6Top, Section::Ipv6Starts, slot, |start| {
                    u64::from_le_bytes(*start) <= upper
                })?;
                self.index(Section::Ipv6Labels, begun.checked_sub(1)?)
            }
        }
    }

    /// A label; none when the table has no such one.
    #[inline]
    pub fn label(&self, index: LabelIndex) -> Option<L> {
        let (labels, _) = self.section(Section::Labels).as_chunks();
        labels.get(index.0 as usize).and_then(|&label| L::from_bytes(label))
    }

    /// All labels, by index; they ascend.
    pub fn labels(&self) -> impl Iterator<Item = (LabelIndex, L)> {
        (0..self.header.label_count.get()).map(LabelIndex).filter_map(|index| Some((index, self.label(index)?)))
    }

    /// How many labels there are.
    pub fn label_count(&self) -> usize {
        self.header.label_count.get() as usize
    }

    /// How many ranges addresses are divided into, those that are nowhere among them.
    pub fn range_count(&self) -> usize {
        self.header.ipv4_count.get() as usize + self.header.ipv6_count.get() as usize
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

    /// The label at `position` of a column of them; none for nowhere, and for any index out of range.
    #[inline]
    fn index(&self, column: Section, position: usize) -> Option<LabelIndex> {
        let index = self.raw_index(column, position)?;
        (index < self.header.label_count.get()).then_some(LabelIndex(index))
    }

    /// What stands at `position` of a column of indexes.
    #[inline]
    pub(super) fn raw_index(&self, column: Section, position: usize) -> Option<u32> {
        let column = self.section(column);
        Some(match self.header.index_bytes.get() {
            1 => u32::from(*column.get(position)?),
            2 => u32::from(u16::from_le_bytes(*column.as_chunks().0.get(position)?)),
            _ => u32::from_le_bytes(*column.as_chunks().0.get(position)?),
        })
    }
}

impl<B: AsRef<[u8]>> Table<B> {
    /// Opens a table of places, as `open_labelled` does.
    pub fn open(bytes: B) -> Result<Table<B>, OpenError> {
        Table::open_labelled(bytes)
    }

    /// The code of a place; none when the table has no such place.
    pub fn place(&self, index: LabelIndex) -> Option<Code> {
        self.label(index)
    }

    /// All places, by index; codes ascend.
    pub fn places(&self) -> impl Iterator<Item = (LabelIndex, Code)> {
        self.labels()
    }
}

impl<B: AsRef<[u8]>> Table<B, Asn> {
    /// The autonomous system of `address`.
    #[inline]
    pub fn asn(&self, address: IpAddr) -> Option<Asn> {
        self.label(self.lookup(address)?)
    }
}
