//! `Draft`: an object that is coming, as its one writer sees it.

use std::sync::Arc;

use super::entry::Entry;
use super::filling::Filling;
use super::metadata::{Head, Label, Sha256};
use super::store::StoreError;

/// How much of the end of a body is not shown before the body was found right, bytes.
pub const HELD_BACK_BYTES: u64 = 64 * 1024;

/// An object that is coming, as its one writer sees it: the thread that fetches. Blocks on the disk.
///
/// `begin` when a head has come that may be stored, `append` the body, `commit`. Or `decline`, `refresh`, `fail`.
/// Dropped without any of these it fails.
#[derive(Debug)]
pub struct Draft {
    pub(super) filling: Arc<Filling>,
}

impl Draft {
    /// What readers see of it.
    pub fn filling(&self) -> &Arc<Filling> {
        &self.filling
    }

    /// A head has come: makes the file, reserves space for it, and shows head and file to readers. `body_bytes`: the
    /// length, when known. `holds_back`: the last `HELD_BACK_BYTES` are shown only by `commit`, because the body will be
    /// compared with a digest. Nothing was shown when this fails: the draft can still be declined (and served
    /// through without storing) or failed.
    pub fn begin(
        &mut self,
        head: Head,
        label: Label,
        body_bytes: Option<u64>,
        holds_back: bool,
    ) -> Result<(), StoreError> {
        let _ = (head, label, body_bytes, holds_back);
        todo!()
    }

    /// The next bytes of the body. Readers see them at once, but for what is held back. On an error nothing of
    /// `bytes` counts as written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let _ = bytes;
        todo!()
    }

    /// How much of the body was written, bytes: where to go on from when a mirror breaks.
    pub fn written_bytes(&self) -> u64 {
        todo!()
    }

    /// Back to the first byte, because what was written turned out wrong. What readers saw stays: `append` fails with
    /// `StoreError::Diverged` when the new bytes differ from those.
    pub fn rewind(&mut self) -> Result<(), StoreError> {
        todo!()
    }

    /// The SHA-256 of what was written so far.
    pub fn sha256(&self) -> Sha256 {
        todo!()
    }

    /// The body is whole and right. Shows all of it, puts it on the disk and into the index. `sha256` is kept with it
    /// when it was compared with one. An error means that it is not stored; readers have the whole body all the same.
    /// Fails with `StoreError::Length` (and fails readers) when a length was announced that the body does not have.
    pub fn commit(self, sha256: Option<Sha256>) -> Result<Arc<Entry>, StoreError> {
        let _ = sha256;
        todo!()
    }

    /// The object that is there was confirmed (304): its head and label become these, its body stays. Readers see
    /// `Complete`, and the new entry at once.
    pub fn refresh(self, entry: &Arc<Entry>, head: Head, label: Label) -> Result<Arc<Entry>, StoreError> {
        let _ = (entry, head, label);
        todo!()
    }

    /// Readers have to ask for themselves: the response is not to be shared, or cannot be stored.
    pub fn decline(self) {
        self.filling.decline();
    }

    /// It came to nothing. `reason` is for logs.
    pub fn fail(self, reason: &str) {
        self.filling.fail(reason);
    }
}
