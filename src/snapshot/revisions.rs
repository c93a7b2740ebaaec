//! `Revision`: a state of a repo's `repomd.xml` that a client may accept.
//!
//! Lives here: the records of it, both sides. Not here: which states these are (`plan`), how they are told (`answer`).

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::format::{RepoIndex, Section};
use super::view::View;

/// A state of a repo's `repomd.xml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Revision {
    timestamp: U64,
    bytes: U64,
    sha256: [u8; 32],
    sha512: [u8; 64],
}

impl Revision {
    /// A state with the first `<timestamp>` in the file (seconds since 1970), its length in bytes and its digests.
    pub fn new(timestamp: u64, bytes: u64, sha256: [u8; 32], sha512: [u8; 64]) -> Revision {
        Revision { timestamp: U64::new(timestamp), bytes: U64::new(bytes), sha256, sha512 }
    }

    /// The first `<timestamp>` in the file, seconds since 1970.
    pub fn timestamp(&self) -> u64 {
        self.timestamp.get()
    }

    /// Length of the file, bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// SHA-512 of the file.
    pub fn sha512(&self) -> &[u8; 64] {
        &self.sha512
    }
}

/// Where the revisions of a repo are.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct RevisionsRecord {
    /// Position of the first.
    pub start: U32,
    /// How many there are.
    pub count: U32,
}

impl<B: AsRef<[u8]>> View<B> {
    /// The states of a repo's `repomd.xml` that clients may accept, the current one first; none when nobody knows.
    pub fn revisions(&self, repo: RepoIndex) -> &[Revision] {
        let span = self.records::<RevisionsRecord>(Section::RevisionsOf).get(repo.0 as usize);
        span.and_then(|span| self.revisions_at(span)).unwrap_or_default()
    }

    pub(super) fn revisions_at(&self, span: &RevisionsRecord) -> Option<&[Revision]> {
        let start = span.start.get() as usize;
        self.records::<Revision>(Section::Revisions).get(start..start + span.count.get() as usize)
    }
}
