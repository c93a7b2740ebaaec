//! `Builder`: ranges of addresses and their labels in, the bytes of a table out.
//!
//! Lives here: which of two overlapping ranges wins, merging, writing the sections.
//! Not here: reading databases (`mmdb`, `tor`, `origins`).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;

use xxhash_rust::xxh3::xxh3_64;
use zerocopy::IntoBytes;

use super::format::{
    CHECKED_FROM, Header, IPV4_SLOTS, IPV6_BLOCKS, TEXT_BYTES_MAX, VERSION, ipv4_slot, ipv6_block, ipv6_slot_in_block,
    is_ipv6_block_wide,
};
use super::label::Label;
use crate::net::Family;
use crate::place::Code;

/// Starts in one slot of IPv6, on average: two lines of memory.
const IPV6_SLOT_STARTS: usize = 16;

/// Collects ranges, then writes them as a table.
///
/// Where ranges overlap, the shorter one wins, so of nested prefixes the more specific; of two equally long ones, the
/// later. The order in which ranges of different length come does not matter. The same ranges and texts in the same
/// order give the same bytes.
///
/// A table tells IPv6 addresses apart by their upper 64 bits only. An IPv6 range stands for the /64 networks whose
/// first address it holds: one that is finer than a /64 and holds no such address is dropped, and one that holds it
/// takes the whole /64. Lengths are compared after that.
#[derive(Clone, Debug)]
pub struct Builder<L = Code> {
    ipv4: Vec<Range<L>>,
    ipv6: Vec<Range<L>>,
}

/// From and to are inclusive, and IPv4 addresses or upper halves of IPv6 addresses.
#[derive(Clone, Copy, Debug)]
struct Range<L> {
    first: u64,
    last: u64,
    label: Option<L>,
}

/// Why two addresses are no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The second comes before the first.
    #[error("the range {first} to {last} ends before it begins; swap its ends")]
    Backward {
        /// Where it begins.
        first: IpAddr,
        /// Where it ends.
        last: IpAddr,
    },
    /// One is IPv4, the other IPv6.
    #[error("the range {first} to {last} begins in one address family and ends in another")]
    Mixed {
        /// Where it begins.
        first: IpAddr,
        /// Where it ends.
        last: IpAddr,
    },
    /// A prefix longer than an address.
    #[error("{address}/{prefix_bits} has more bits than an address")]
    PrefixLong {
        /// The address.
        address: IpAddr,
        /// The prefix length, bits.
        prefix_bits: u8,
    },
}

/// Why ranges make no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// More labels than an index can tell apart.
    #[error("{got} labels are more than a table can hold")]
    Labels {
        /// Labels there are.
        got: usize,
    },
    /// More ranges than a table can count.
    #[error("{got} ranges are more than a table can hold")]
    Ranges {
        /// Ranges there are.
        got: usize,
    },
    /// A text that is a book.
    #[error("a source or attribution text of {got} bytes is longer than {max}")]
    Text {
        /// Bytes there are.
        got: usize,
        /// Bytes that fit.
        max: usize,
    },
}

impl<L> Default for Builder<L> {
    fn default() -> Builder<L> {
        Builder { ipv4: Vec::new(), ipv6: Vec::new() }
    }
}

impl Builder {
    /// A builder of a table of places, without ranges: everything is nowhere.
    pub fn new() -> Builder {
        Builder::default()
    }
}

impl<L: Label> Builder<L> {
    /// Labels the addresses from `first` to `last`, both included, or puts them nowhere.
    pub fn add_range(&mut self, first: IpAddr, last: IpAddr, label: Option<L>) -> Result<(), RangeError> {
        if Family::of(first) != Family::of(last) {
            return Err(RangeError::Mixed { first, last });
        }
        if first > last {
            return Err(RangeError::Backward { first, last });
        }
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                self.ipv4.push(Range { first: first.to_bits().into(), last: last.to_bits().into(), label });
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                // Up, then down, to the first address of a /64; a range without one is gone.
                let first_up = first.to_bits().div_ceil(1 << 64);
                let last_down = last.to_bits() >> 64;
                if first_up <= last_down {
                    self.ipv6.push(Range { first: first_up as u64, last: last_down as u64, label });
                }
            }
            _ => return Err(RangeError::Mixed { first, last }),
        }
        Ok(())
    }

    /// Labels the prefix `address`/`prefix_bits`, or puts it nowhere. Bits of `address` past the prefix are ignored.
    pub fn add_prefix(&mut self, address: IpAddr, prefix_bits: u8, label: Option<L>) -> Result<(), RangeError> {
        let too_long = RangeError::PrefixLong { address, prefix_bits };
        match address {
            IpAddr::V4(ip) => {
                let rest = 32_u32.checked_sub(prefix_bits.into()).ok_or(too_long)?;
                let host = ((1_u64 << rest) - 1) as u32;
                let bits = ip.to_bits();
                self.add_range(IpAddr::V4((bits & !host).into()), IpAddr::V4((bits | host).into()), label)
            }
            IpAddr::V6(ip) => {
                let rest = 128_u32.checked_sub(prefix_bits.into()).ok_or(too_long)?;
                let host = 1_u128.checked_shl(rest).map_or(u128::MAX, |past| past - 1);
                let bits = ip.to_bits();
                self.add_range(IpAddr::V6((bits & !host).into()), IpAddr::V6((bits | host).into()), label)
            }
        }
    }

    /// The bytes of the table. `source` says what it was made from, `attribution` what must be said where it is used.
    pub fn finish(self, source: &str, attribution: &str) -> Result<Vec<u8>, BuildError> {
        let ipv4 = flatten(self.ipv4, u32::MAX.into());
        let ipv6 = flatten(self.ipv6, u64::MAX);
        let indexes = number_labels(ipv4.iter().chain(&ipv6));
        let label_count = u32::try_from(indexes.len()).ok().filter(|&count| count < u32::MAX);
        let label_count = label_count.ok_or(BuildError::Labels { got: indexes.len() })?;
        for text in [source, attribution] {
            if text.len() > TEXT_BYTES_MAX {
                return Err(BuildError::Text { got: text.len(), max: TEXT_BYTES_MAX });
            }
        }
        let count =
            |starts: &[Start<L>]| u32::try_from(starts.len()).map_err(|_| BuildError::Ranges { got: starts.len() });
        let fan = fan(&ipv6);
        let ipv6_slot_count = fan[IPV6_BLOCKS];
        let index_bytes = match label_count {
            0..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 4,
        };
        let header = Header {
            magic: L::MAGIC,
            checksum: 0.into(),
            version: VERSION.into(),
            index_bytes: index_bytes.into(),
            label_count: label_count.into(),
            ipv4_count: count(&ipv4)?.into(),
            ipv6_count: count(&ipv6)?.into(),
            ipv6_slot_count: ipv6_slot_count.into(),
            source_bytes: (source.len() as u32).into(),
            attribution_bytes: (attribution.len() as u32).into(),
        };

        let mut out = Vec::with_capacity(header.table_bytes() as usize);
        out.extend(header.as_bytes());
        out.extend(indexes.keys().flat_map(|label| label.to_bytes()));
        write_top(&mut out, &ipv4, IPV4_SLOTS, |first| ipv4_slot(first as u32));
        out.extend(ipv4.iter().flat_map(|start| (start.first as u16).to_le_bytes()));
        write_labels(&mut out, &ipv4, &header, &indexes);
        out.extend(fan.iter().flat_map(|slot| slot.to_le_bytes()));
        write_top(&mut out, &ipv6, ipv6_slot_count as usize, |upper| {
            let block = ipv6_block(upper);
            fan[block] as usize + ipv6_slot_in_block(upper, fan[block + 1] - fan[block])
        });
        out.extend(ipv6.iter().flat_map(|start| start.first.to_le_bytes()));
        write_labels(&mut out, &ipv6, &header, &indexes);
        out.extend(source.as_bytes());
        out.extend(attribution.as_bytes());

        let checksum = xxh3_64(&out[CHECKED_FROM..]).to_le_bytes();
        out[CHECKED_FROM - checksum.len()..CHECKED_FROM].copy_from_slice(&checksum);
        Ok(out)
    }
}

/// Where a range of a flat, merged sequence starts; it lasts until the next one.
struct Start<L> {
    first: u64,
    label: Option<L>,
}

/// Makes one sequence of overlapping ranges: from left to right, the shortest, latest range at each point.
fn flatten<L: Label>(ranges: Vec<Range<L>>, address_max: u64) -> Vec<Start<L>> {
    // Ranges stay in the order they were fed, so that a greater index is a later range.
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.sort_by_key(|&index| ranges[index].first);
    let mut coming = order.into_iter().peekable();
    let mut open: BinaryHeap<(Reverse<u64>, usize)> = BinaryHeap::new();
    let mut starts: Vec<Start<L>> = Vec::new();
    let mut at = 0;
    loop {
        while let Some(index) = coming.next_if(|&index| ranges[index].first <= at) {
            open.push((Reverse(ranges[index].last - ranges[index].first), index));
        }
        while let Some(&(_, index)) = open.peek()
            && ranges[index].last < at
        {
            open.pop();
        }
        let current = open.peek().map(|&(_, index)| ranges[index]);
        let label = current.and_then(|range| range.label);
        if starts.last().map_or(label.is_some(), |before| before.label != label) {
            starts.push(Start { first: at, label });
        }
        let begins = coming.peek().map(|&index| ranges[index].first);
        let ends = current.and_then(|range| range.last.checked_add(1)).filter(|&end| end <= address_max);
        match begins.into_iter().chain(ends).min() {
            Some(next) => at = next,
            None => break,
        }
    }
    starts
}

/// Gives every label its index, in the order of labels.
fn number_labels<'a, L: Label + 'a>(starts: impl Iterator<Item = &'a Start<L>>) -> BTreeMap<L, usize> {
    let mut indexes: BTreeMap<L, usize> = starts.filter_map(|start| Some((start.label?, 0))).collect();
    for (position, index) in indexes.values_mut().enumerate() {
        *index = position;
    }
    indexes
}

/// The number of the first slot of each block of IPv6, and of slots in all: enough that a slot of a block has about
/// `IPV6_SLOT_STARTS` starts.
fn fan<L>(starts: &[Start<L>]) -> Vec<u32> {
    let mut slot_counts = vec![1; IPV6_BLOCKS];
    for run in starts.chunk_by(|a, b| ipv6_block(a.first) == ipv6_block(b.first)) {
        let block = ipv6_block(run[0].first);
        if !is_ipv6_block_wide(block) {
            slot_counts[block] = 1 + (run.len() / IPV6_SLOT_STARTS) as u32;
        }
    }
    let mut fan = vec![0];
    fan.extend(slot_counts.iter().scan(0, |end, slot_count| {
        *end += slot_count;
        Some(*end)
    }));
    fan
}

/// Writes how many starts lie before each slot, and after the last slot how many there are.
fn write_top<L>(out: &mut Vec<u8>, starts: &[Start<L>], slot_count: usize, slot_of: impl Fn(u64) -> usize) {
    let mut before: u32 = 0;
    for slot in 0..=slot_count {
        let more = starts[before as usize..].iter().take_while(|start| slot_of(start.first) < slot).count();
        before += more as u32;
        out.extend(before.to_le_bytes());
    }
}

/// Writes a column of label indexes.
fn write_labels<L: Label>(out: &mut Vec<u8>, starts: &[Start<L>], header: &Header, indexes: &BTreeMap<L, usize>) {
    let width = header.index_bytes.get() as usize;
    for start in starts {
        let index = start.label.and_then(|label| indexes.get(&label)).map_or(header.nowhere(), |&index| index as u32);
        out.extend(&index.to_le_bytes()[..width]);
    }
}
