//! How an object lies in its file.
//!
//! ```text
//!      0  preamble, 64 bytes       written with the draft, never again
//!     64  slot 0, `slot_bytes`     metadata
//!         slot 1, `slot_bytes`     metadata
//! offset  body                     `offset` is a multiple of 4,096
//! ```
//!
//! Each slot has a checksum and a number. The slot that is whole and has the higher number counts: new metadata goes
//! into the other slot, so that at every moment one of them is whole. All numbers are little-endian. Not here: reading
//! and writing files.

use xxhash_rust::xxh3::xxh3_64;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::key::KEY_BYTES_MAX;
use super::metadata::{FIELDS_BYTES_MAX, Head, Label, Metadata, TAG_BYTES_MAX};
use super::store::StoreError;
use crate::cache::semantics::Variant;
use crate::http::FieldBlock;

/// What every file begins with.
const MAGIC: [u8; 8] = *b"MLCACHE\n";
/// Rises when files of one version cannot be read as those of the next.
const VERSION: u32 = 1;
/// Bodies begin at multiples of this, bytes: a page, and a block of most file systems.
pub(super) const BLOCK_BYTES: u64 = 4096;
/// Room in each slot for metadata to grow, bytes: a 304 may bring a field or two.
const SLACK_BYTES: usize = 512;
/// Longest variant, bytes: of fields that came in one request head.
const VARIANT_BYTES_MAX: usize = 16 * 1024;
/// Longest encoded metadata.
const METADATA_BYTES_MAX: usize =
    size_of::<SlotHead>() + KEY_BYTES_MAX + VARIANT_BYTES_MAX + TAG_BYTES_MAX + FIELDS_BYTES_MAX;
/// Where a body begins at most.
pub(super) const BODY_OFFSET_MAX: u64 = 256 * 1024;
const _: () = assert!(Shape::of(METADATA_BYTES_MAX).body_offset <= BODY_OFFSET_MAX);
const _: () = assert!(size_of::<Preamble>() == 64);

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Preamble {
    magic: [u8; 8],
    version: U32,
    slot_bytes: U32,
    body_offset: U64,
    unused: [u8; 32],
    /// XXH3 of all before.
    checksum: U64,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct SlotHead {
    /// XXH3 of all that follows, to the end of the fields.
    checksum: U64,
    sequence: U64,
    body_bytes: U64,
    body_xxh3: U64,
    requested_at_ms: U64,
    responded_at_ms: U64,
    body_sha256: [u8; 32],
    has_sha256: u8,
    class: u8,
    status: U16,
    key_bytes: U32,
    variant_bytes: U32,
    tag_bytes: U32,
    fields_bytes: U32,
}

/// Where things are in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Length of a slot.
    pub slot_bytes: usize,
    /// Where the body begins.
    pub body_offset: u64,
}

/// Which of the two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// 0 or 1.
    pub index: u8,
    /// Its number: slots are written with rising ones.
    pub sequence: u64,
}

impl Slot {
    /// The first that is written.
    pub const FIRST: Slot = Slot { index: 0, sequence: 1 };

    /// The one to write after this.
    pub fn next(self) -> Slot {
        Slot { index: 1 - self.index, sequence: self.sequence + 1 }
    }
}

impl Shape {
    /// For metadata of that length, and some more.
    const fn of(metadata_bytes: usize) -> Shape {
        let used = (size_of::<Preamble>() + 2 * (metadata_bytes + SLACK_BYTES)) as u64;
        let body_offset = used.next_multiple_of(BLOCK_BYTES);
        Shape { slot_bytes: (body_offset as usize - size_of::<Preamble>()) / 2, body_offset }
    }

    /// For this metadata. Refuses what is too long to be kept.
    pub fn for_metadata(metadata: &Metadata) -> Result<Shape, StoreError> {
        let limits = [
            ("the key", metadata.key.len(), KEY_BYTES_MAX),
            ("the variant", metadata.head.variant.as_bytes().len(), VARIANT_BYTES_MAX),
            ("the tag", metadata.label.tag.len(), TAG_BYTES_MAX),
            ("the head", metadata.head.fields.lines().len(), FIELDS_BYTES_MAX),
        ];
        for (what, bytes, bytes_max) in limits {
            if bytes > bytes_max {
                return Err(StoreError::TooLong { what, bytes, bytes_max });
            }
        }
        Ok(Shape::of(encoded_bytes(metadata)))
    }

    /// Where a slot begins.
    pub fn slot_offset(self, slot: Slot) -> u64 {
        (size_of::<Preamble>() + usize::from(slot.index) * self.slot_bytes) as u64
    }

    /// The preamble that says so.
    pub fn preamble(self) -> Vec<u8> {
        let mut preamble = Preamble {
            magic: MAGIC,
            version: VERSION.into(),
            slot_bytes: (self.slot_bytes as u32).into(),
            body_offset: self.body_offset.into(),
            unused: [0; 32],
            checksum: 0.into(),
        };
        preamble.checksum = xxh3_64(&preamble.as_bytes()[..56]).into();
        preamble.as_bytes().to_vec()
    }

    /// What a file's preamble says; `None` when it is none of ours, or damaged.
    pub fn read(file: &[u8]) -> Option<Shape> {
        let (preamble, _) = Preamble::read_from_prefix(file).ok()?;
        let (slot_bytes, body_offset) = (preamble.slot_bytes.get() as usize, preamble.body_offset.get());
        let good = preamble.magic == MAGIC
            && preamble.version.get() == VERSION
            && preamble.checksum.get() == xxh3_64(&preamble.as_bytes()[..56])
            && body_offset <= BODY_OFFSET_MAX
            && (size_of::<Preamble>() + 2 * slot_bytes) as u64 <= body_offset;
        good.then_some(Shape { slot_bytes, body_offset })
    }

    /// The metadata in the slot that counts. `head` is all before the body.
    pub fn metadata(self, head: &[u8]) -> Option<(Slot, Metadata)> {
        let slots = [0u8, 1].into_iter().filter_map(|index| {
            let start = size_of::<Preamble>() + usize::from(index) * self.slot_bytes;
            let (sequence, metadata) = decode(head.get(start..start + self.slot_bytes)?)?;
            Some((Slot { index, sequence }, metadata))
        });
        slots.max_by_key(|(slot, _)| slot.sequence)
    }
}

fn encoded_bytes(metadata: &Metadata) -> usize {
    size_of::<SlotHead>()
        + metadata.key.len()
        + metadata.head.variant.as_bytes().len()
        + metadata.label.tag.len()
        + metadata.head.fields.lines().len()
}

/// The bytes of a slot. Lengths were checked by `Shape::for_metadata`, or the slot is too short for them.
pub(super) fn encode(metadata: &Metadata, sequence: u64) -> Vec<u8> {
    let parts = [
        metadata.key.as_bytes(),
        metadata.head.variant.as_bytes(),
        metadata.label.tag.as_bytes(),
        metadata.head.fields.lines(),
    ];
    let [key_bytes, variant_bytes, tag_bytes, fields_bytes] = parts.map(|part| U32::new(part.len() as u32));
    let head = SlotHead {
        checksum: 0.into(),
        sequence: sequence.into(),
        body_bytes: metadata.body_bytes.into(),
        body_xxh3: metadata.body_xxh3.into(),
        requested_at_ms: metadata.head.requested_at_ms.into(),
        responded_at_ms: metadata.head.responded_at_ms.into(),
        body_sha256: metadata.body_sha256.unwrap_or_default(),
        has_sha256: metadata.body_sha256.is_some().into(),
        class: metadata.label.class,
        status: metadata.head.status.into(),
        key_bytes,
        variant_bytes,
        tag_bytes,
        fields_bytes,
    };
    let mut bytes = head.as_bytes().to_vec();
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    let checksum = xxh3_64(&bytes[8..]);
    bytes[..8].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decode(slot: &[u8]) -> Option<(u64, Metadata)> {
    let (head, mut rest) = SlotHead::read_from_prefix(slot).ok()?;
    let lengths = [head.key_bytes, head.variant_bytes, head.tag_bytes, head.fields_bytes].map(|n| n.get() as usize);
    let total = lengths.iter().try_fold(size_of::<SlotHead>(), |total, length| total.checked_add(*length))?;
    if xxh3_64(slot.get(8..total)?) != head.checksum.get() || head.sequence.get() == 0 {
        return None;
    }
    let [key, variant, tag, fields] = lengths.map(|length| {
        // All lengths together are within the slot.
        let (part, behind) = rest.split_at(length.min(rest.len()));
        rest = behind;
        part
    });
    let metadata = Metadata {
        key: str::from_utf8(key).ok()?.to_string(),
        head: Head {
            status: head.status.get(),
            fields: FieldBlock::from_lines(fields)?,
            requested_at_ms: head.requested_at_ms.get(),
            responded_at_ms: head.responded_at_ms.get(),
            variant: Variant::from_bytes(variant)?,
        },
        label: Label { class: head.class, tag: str::from_utf8(tag).ok()?.to_string() },
        body_bytes: head.body_bytes.get(),
        body_xxh3: head.body_xxh3.get(),
        body_sha256: (head.has_sha256 != 0).then_some(head.body_sha256),
    };
    Some((head.sequence.get(), metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(fields_bytes: usize) -> Metadata {
        let mut fields = FieldBlock::new();
        assert!(fields.push(b"X", &vec![b'x'; fields_bytes]));
        Metadata {
            key: "http://a.example/é".into(),
            head: Head {
                status: 200,
                fields,
                requested_at_ms: 1,
                responded_at_ms: 2,
                variant: Variant::from_bytes(b"accept: =a\r\n").unwrap(),
            },
            label: Label { class: 3, tag: "tag".into() },
            body_bytes: 4,
            body_xxh3: 5,
            body_sha256: Some([6; 32]),
        }
    }

    /// All before the body.
    fn file(shape: Shape, slots: [&[u8]; 2]) -> Vec<u8> {
        let mut file = shape.preamble();
        for slot in slots {
            file.extend_from_slice(slot);
            file.resize(file.len().next_multiple_of(1) + shape.slot_bytes - slot.len(), 0);
        }
        file.resize(shape.body_offset as usize, 0);
        file
    }

    #[test]
    fn metadata_comes_back() {
        for fields_bytes in [0, 100, 2000, 60_000] {
            let metadata = metadata(fields_bytes);
            let shape = Shape::for_metadata(&metadata).unwrap();
            assert!(shape.body_offset.is_multiple_of(4096) && shape.slot_bytes >= encoded_bytes(&metadata) + 512);
            let file = file(shape, [&encode(&metadata, 1), &[]]);
            assert_eq!(Shape::read(&file), Some(shape));
            assert_eq!(shape.metadata(&file), Some((Slot::FIRST, metadata)));
        }
        assert_eq!(Shape::for_metadata(&metadata(300)).unwrap().body_offset, 4096, "most take one block");
    }

    #[test]
    fn the_higher_number_counts_unless_it_is_damaged() {
        let (old, mut new) = (metadata(10), metadata(20));
        new.head.status = 404;
        let shape = Shape::for_metadata(&new).unwrap();
        let (first, second) = (encode(&old, 6), encode(&new, 7));
        let whole = file(shape, [&second, &first]);
        assert_eq!(shape.metadata(&whole), Some((Slot { index: 0, sequence: 7 }, new)));
        for cut in 0..second.len() {
            let torn = file(shape, [&second[..cut], &first]);
            assert_eq!(shape.metadata(&torn), Some((Slot { index: 1, sequence: 6 }, old.clone())), "{cut}");
        }
        assert_eq!(Slot { index: 1, sequence: 6 }.next(), Slot { index: 0, sequence: 7 });
    }

    #[test]
    fn any_flipped_byte_is_noticed() {
        let metadata = metadata(10);
        let shape = Shape::for_metadata(&metadata).unwrap();
        let encoded = encode(&metadata, 1);
        let good = file(shape, [&encoded, &[]]);
        for at in 0..size_of::<Preamble>() + encoded.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let found = Shape::read(&bad).and_then(|shape| shape.metadata(&bad));
            assert_eq!(found, None, "byte {at}");
        }
        for length in 0..good.len() {
            let cut = &good[..length];
            let found = Shape::read(cut).and_then(|shape| shape.metadata(cut));
            assert!(found.is_none() || length >= size_of::<Preamble>() + shape.slot_bytes);
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let mut long = metadata(10);
        long.label.tag = "x".repeat(257);
        assert!(matches!(Shape::for_metadata(&long), Err(StoreError::TooLong { what: "the tag", bytes: 257, .. })));
        assert!(matches!(Shape::for_metadata(&metadata(65_536)), Err(StoreError::TooLong { what: "the head", .. })));
    }
}
