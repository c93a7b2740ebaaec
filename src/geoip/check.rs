//! Walking a whole table: is it what `build` writes?
//!
//! Lives here: `Table::check` and what it finds. Not here: the constant-time tests of `Table::open`.

use xxhash_rust::xxh3::xxh3_64;

use super::format::{CHECKED_FROM, IPV4_SLOTS, IPV6_BLOCKS, Section, is_ipv6_block_wide};
use super::label::Label;
use super::table::Table;

/// What is wrong inside a table that opens. The cure is the same for all: build it again, or take another copy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Some byte is not what was written.
    #[error("the table is damaged: its checksum is {got:016x}, its header says {expected:016x}; build it again")]
    Checksum {
        /// Checksum by the header.
        expected: u64,
        /// Checksum of the bytes there are.
        got: u64,
    },
    /// A text that is not UTF-8.
    #[error("the {section} text of the table is not UTF-8; build it again")]
    Text {
        /// Which text.
        section: Section,
    },
    /// An entry that is out of order or out of range.
    #[error("entry {position} of the table's {section} is out of order or out of range; build it again")]
    Entry {
        /// Which section.
        section: Section,
        /// Which entry, from 0.
        position: usize,
    },
}

impl<B: AsRef<[u8]>, L: Label> Table<B, L> {
    /// Walks everything: checksum, order, and every index in range.
    pub fn check(&self) -> Result<(), CheckError> {
        let expected = self.header.checksum.get();
        let got = xxh3_64(self.bytes().get(CHECKED_FROM..).unwrap_or_default());
        if expected != got {
            return Err(CheckError::Checksum { expected, got });
        }
        for section in [Section::Source, Section::Attribution] {
            str::from_utf8(self.section(section)).map_err(|_| CheckError::Text { section })?;
        }
        self.check_labels()?;
        self.check_starts(Section::Ipv4Top, Section::Ipv4Starts, IPV4_SLOTS, |slot, start| {
            Some((slot as u64) << 16 | u64::from(u16::from_le_bytes(*start)))
        })?;
        self.check_fan()?;
        let ipv6_slot_count = self.header.ipv6_slot_count.get() as usize;
        self.check_starts(Section::Ipv6Top, Section::Ipv6Starts, ipv6_slot_count, |slot, start| {
            Some(u64::from_le_bytes(*start)).filter(|&start| self.ipv6_slot(start) == Some(slot))
        })?;
        self.check_indexes(Section::Ipv4Labels)?;
        self.check_indexes(Section::Ipv6Labels)
    }

    /// Labels are labels, and ascend.
    fn check_labels(&self) -> Result<(), CheckError> {
        let mut before = None;
        for (position, &packed) in self.section(Section::Labels).as_chunks().0.iter().enumerate() {
            let label = L::from_bytes(packed);
            if label <= before {
                return Err(CheckError::Entry { section: Section::Labels, position });
            }
            before = label;
        }
        Ok(())
    }

    /// Each block has slots of its own, wide blocks have one, and the last slot is the last.
    fn check_fan(&self) -> Result<(), CheckError> {
        let (fan, _) = self.section(Section::Ipv6Fan).as_chunks();
        let first = |block: usize| fan.get(block).map(|&slot| u32::from_le_bytes(slot));
        let wrong = |position| Err(CheckError::Entry { section: Section::Ipv6Fan, position });
        if first(0) != Some(0) {
            return wrong(0);
        }
        for block in 0..IPV6_BLOCKS {
            let slot_count = first(block + 1).zip(first(block)).and_then(|(end, first)| end.checked_sub(first));
            if slot_count.is_none_or(|count| count == 0 || (count > 1 && is_ipv6_block_wide(block))) {
                return wrong(block);
            }
        }
        if first(IPV6_BLOCKS) != Some(self.header.ipv6_slot_count.get()) { wrong(IPV6_BLOCKS) } else { Ok(()) }
    }

    /// The top ascends from 0 to the number of starts, and each slot's starts lie in it and ascend. `start_in` gives
    /// the whole start of an entry; none when it is not in that slot.
    fn check_starts<const START_BYTES: usize>(
        &self,
        top_section: Section,
        section: Section,
        slot_count: usize,
        start_in: impl Fn(usize, &[u8; START_BYTES]) -> Option<u64>,
    ) -> Result<(), CheckError> {
        let (top, _) = self.section(top_section).as_chunks();
        let (starts, _) = self.section(section).as_chunks();
        let begin = |slot: usize| top.get(slot).map_or(usize::MAX, |count| u32::from_le_bytes(*count) as usize);
        if begin(0) != 0 {
            return Err(CheckError::Entry { section: top_section, position: 0 });
        }
        if begin(slot_count) != starts.len() {
            return Err(CheckError::Entry { section: top_section, position: slot_count });
        }
        let mut before = None;
        for slot in 0..slot_count {
            let Some(entries) = starts.get(begin(slot)..begin(slot + 1)) else {
                return Err(CheckError::Entry { section: top_section, position: slot });
            };
            for (offset, entry) in entries.iter().enumerate() {
                let start = start_in(slot, entry);
                if start <= before {
                    return Err(CheckError::Entry { section, position: begin(slot) + offset });
                }
                before = start;
            }
        }
        Ok(())
    }

    /// Every index names a label or is the one for nowhere.
    fn check_indexes(&self, section: Section) -> Result<(), CheckError> {
        let in_range = |index: u32| index < self.header.label_count.get() || index == self.header.nowhere();
        let mut indexes = (0..).map_while(|position| self.raw_index(section, position));
        let wrong = indexes.position(|index| !in_range(index));
        wrong.map_or(Ok(()), |position| Err(CheckError::Entry { section, position }))
    }
}
