//! `Draft`: an object that is coming, as its one writer sees it.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256 as Sha256Hasher};
use xxhash_rust::xxh3::Xxh3;

use super::entry::Entry;
use super::filling::Filling;
use super::key::ObjectId;
use super::layout::{self, Shape, Slot};
use super::metadata::{Head, Label, Metadata, Sha256};
use super::reader::file_bytes;
use super::shared::{Shared, system};
use super::store::StoreError;

/// How much of the end of a body is not shown before the body was found right, bytes.
pub const HELD_BACK_BYTES: u64 = 64 * 1024;
/// By how much a reservation grows at least when the length is not known, bytes.
const STEP_BYTES_MIN: u64 = 1024 * 1024;
/// By how much it grows at most.
const STEP_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// An object that is coming, as its one writer sees it: the thread that fetches. Blocks on the disk.
///
/// `begin` when a head has come that may be stored, `append` the body, `commit`. Or `decline`, `refresh`, `fail`.
/// Dropped without any of these it fails. That clients go away does not end it.
#[derive(Debug)]
pub struct Draft {
    shared: Arc<Shared>,
    filling: Arc<Filling>,
    writing: Option<Box<Writing>>,
    has_outcome: bool,
}

/// From `begin` on.
#[derive(Debug)]
struct Writing {
    path: PathBuf,
    stamp: u64,
    file: Arc<File>,
    shape: Shape,
    metadata: Metadata,
    announced_bytes: Option<u64>,
    /// Of the file, from its first byte on.
    reserved_bytes: u64,
    written_bytes: u64,
    holds_back: bool,
    digests: Digests,
}

#[derive(Clone)]
struct Digests {
    xxh3: Xxh3,
    sha256: Option<Sha256Hasher>,
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Digests")
    }
}

impl Digests {
    fn new(with_sha256: bool) -> Digests {
        Digests { xxh3: Xxh3::new(), sha256: with_sha256.then(Sha256Hasher::new) }
    }
}

impl Draft {
    pub(super) fn new(shared: Arc<Shared>, filling: Arc<Filling>) -> Draft {
        Draft { shared, filling, writing: None, has_outcome: false }
    }

    /// What readers see of it.
    pub fn filling(&self) -> &Arc<Filling> {
        &self.filling
    }

    /// A head has come: makes the file, reserves space for it, and shows head and file to readers. `body_bytes`: the
    /// length, when known. `holds_back`: the body will be compared with a SHA-256, so that is computed, and the last
    /// `HELD_BACK_BYTES` are shown by `commit` only. Nothing was shown when this fails: the draft can still be declined
    /// (and served through without storing) or failed.
    pub fn begin(
        &mut self,
        head: Head,
        label: Label,
        body_bytes: Option<u64>,
        holds_back: bool,
    ) -> Result<(), StoreError> {
        if self.writing.is_some() {
            return Err(StoreError::Begun);
        }
        let key = self.filling.key().text().to_string();
        let metadata = Metadata { key, head, label, body_bytes: 0, body_xxh3: 0, body_sha256: None };
        let shape = Shape::for_metadata(&metadata)?;
        let expected_bytes = file_bytes(shape.body_offset, body_bytes.unwrap_or(0));
        self.check_size(expected_bytes)?;
        let reserved_bytes = if body_bytes.is_some() { expected_bytes } else { expected_bytes + STEP_BYTES_MIN };
        self.shared.reserve(reserved_bytes)?;
        let stamp = self.shared.stamp();
        let path = self.shared.draft_path(stamp);
        let made = self.make_file(&path, shape, reserved_bytes);
        let file = made.map_err(|source| {
            // Of no use to anybody; the next start removes it should this fail.
            let _ = self.shared.disk.remove(&path);
            self.shared.release(reserved_bytes);
            system("begin a file", &path, source)
        })?;
        let file = Arc::new(file);
        self.filling.open(metadata.head.clone(), file.clone(), shape.body_offset, body_bytes);
        self.writing = Some(Box::new(Writing {
            path,
            stamp,
            file,
            shape,
            metadata,
            announced_bytes: body_bytes,
            reserved_bytes,
            written_bytes: 0,
            holds_back,
            digests: Digests::new(holds_back),
        }));
        Ok(())
    }

    fn make_file(&self, path: &std::path::Path, shape: Shape, reserved_bytes: u64) -> io::Result<File> {
        let disk = &self.shared.disk;
        let file = disk.create(path)?;
        self.reserve_on_disk(&file, 0, reserved_bytes)?;
        disk.write_at(&file, &shape.preamble(), 0)?;
        Ok(file)
    }

    /// Others go when the disk is full before the cache is.
    fn reserve_on_disk(&self, file: &File, offset_bytes: u64, bytes: u64) -> io::Result<()> {
        let disk = &self.shared.disk;
        match disk.reserve(file, offset_bytes, bytes) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull && self.shared.make_room(bytes) => {
                disk.reserve(file, offset_bytes, bytes)
            }
            other => other,
        }
    }

    fn check_size(&self, bytes: u64) -> Result<(), StoreError> {
        let bytes_max = self.shared.state().limits.object_bytes_max;
        if bytes > bytes_max { Err(StoreError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
    }

    /// The next bytes of the body. Readers see them at once, but for what is held back. On an error nothing of `bytes`
    /// counts as written. Before `begin` there is nothing to append to: `StoreError::Gone`.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(writing) = &self.writing else { return Err(StoreError::Gone) };
        let end = writing.written_bytes + bytes.len() as u64;
        if let Some(expected) = writing.announced_bytes.filter(|announced| end > *announced) {
            return Err(StoreError::Length { expected, got: end });
        }
        let end_of_file = file_bytes(writing.shape.body_offset, end);
        if end_of_file > writing.reserved_bytes {
            self.grow(end_of_file)?;
        }
        let Some(writing) = &mut self.writing else { return Err(StoreError::Gone) };
        let (disk, start) = (&self.shared.disk, writing.written_bytes);
        let shown = usize::try_from(self.filling.visible_bytes().saturating_sub(start)).unwrap_or(usize::MAX);
        let (seen, unseen) = bytes.split_at(shown.min(bytes.len()));
        let offset = writing.shape.body_offset + start;
        if !seen.is_empty() {
            let mut before = vec![0; seen.len()];
            let count = disk.read_at(&writing.file, &mut before, offset);
            let count = count.map_err(|source| system("read what was written", &writing.path, source))?;
            if let Some(at) = (0..seen.len()).find(|at| *at >= count || before[*at] != seen[*at]) {
                return Err(StoreError::Diverged { offset_bytes: start + at as u64 });
            }
        }
        disk.write_at(&writing.file, unseen, offset + seen.len() as u64)
            .map_err(|source| system("write a body", &writing.path, source))?;
        writing.digests.xxh3.update(bytes);
        if let Some(sha256) = &mut writing.digests.sha256 {
            sha256.update(bytes);
        }
        writing.written_bytes = end;
        let held_back = if writing.holds_back { HELD_BACK_BYTES } else { 0 };
        self.filling.show(end.saturating_sub(held_back));
        Ok(())
    }

    /// Reserves more, for a body of unknown length.
    fn grow(&mut self, end_of_file: u64) -> Result<(), StoreError> {
        self.check_size(end_of_file)?;
        let Some(writing) = &self.writing else { return Err(StoreError::Gone) };
        let step = writing.written_bytes.clamp(STEP_BYTES_MIN, STEP_BYTES_MAX);
        let bytes_max = self.shared.state().limits.object_bytes_max;
        let target = end_of_file.saturating_add(step).min(bytes_max).max(end_of_file);
        let more = target - writing.reserved_bytes;
        self.shared.reserve(more)?;
        let reserved = self.reserve_on_disk(&writing.file, writing.reserved_bytes, more);
        if let Err(source) = reserved {
            self.shared.release(more);
            return Err(system("reserve space", &writing.path, source));
        }
        if let Some(writing) = &mut self.writing {
            writing.reserved_bytes = target;
        }
        Ok(())
    }

    /// How much of the body was written, bytes: where to go on from when a mirror breaks.
    pub fn written_bytes(&self) -> u64 {
        self.writing.as_ref().map_or(0, |writing| writing.written_bytes)
    }

    /// Back to the first byte, because what was written turned out wrong. What readers saw stays: `append` fails with
    /// `StoreError::Diverged` when the new bytes differ from those.
    pub fn rewind(&mut self) {
        if let Some(writing) = &mut self.writing {
            writing.written_bytes = 0;
            writing.digests = Digests::new(writing.holds_back);
        }
    }

    /// The SHA-256 of what was written so far, when `begin` was told that it is wanted.
    pub fn sha256(&self) -> Option<Sha256> {
        let hasher = self.writing.as_ref()?.digests.sha256.clone()?;
        Some(hasher.finalize().into())
    }

    /// The body is whole and right. Shows all of it, puts it on the disk and into the index. `sha256` is kept with it
    /// when it was compared with one. An error means that it is not stored; readers have the whole body all the same,
    /// but for `StoreError::Length`: then fewer bytes came than were announced, and readers fail.
    pub fn commit(mut self, sha256: Option<Sha256>) -> Result<Arc<Entry>, StoreError> {
        let Some(writing) = &mut self.writing else { return Err(StoreError::Gone) };
        let got = writing.written_bytes;
        if let Some(expected) = writing.announced_bytes.filter(|announced| *announced != got) {
            self.finish_failed(&format!("the body has {got} bytes, {expected} were announced"));
            return Err(StoreError::Length { expected, got });
        }
        // After a `rewind` there may be more in the file than was written since: readers may have seen that.
        let visible_bytes = self.filling.visible_bytes();
        if visible_bytes > got {
            self.finish_failed("a second source had a shorter body");
            return Err(StoreError::Diverged { offset_bytes: got });
        }
        writing.metadata.body_bytes = got;
        writing.metadata.body_xxh3 = writing.digests.xxh3.digest();
        writing.metadata.body_sha256 = sha256;
        self.filling.complete(got);
        self.has_outcome = true;
        let entry = self.put_on_disk()?;
        self.filling.store(entry.clone());
        Ok(entry)
    }

    fn put_on_disk(&mut self) -> Result<Arc<Entry>, StoreError> {
        let Some(writing) = &self.writing else { return Err(StoreError::Gone) };
        let (disk, shape) = (&self.shared.disk, writing.shape);
        let written = (|| {
            let bytes = layout::encode(&writing.metadata, Slot::FIRST.sequence);
            disk.write_at(&writing.file, &bytes, shape.slot_offset(Slot::FIRST))?;
            // Cuts off what was reserved beyond the end.
            disk.set_length(&writing.file, shape.body_offset + writing.metadata.body_bytes)?;
            // Before it has its name, so that after a power cut a name never leads to what was not written.
            disk.sync(&writing.file)
        })();
        written.map_err(|source| system("put it on the disk", &writing.path, source))?;
        let entry = Arc::new(Entry {
            id: ObjectId::of(self.filling.key(), writing.metadata.head.variant.as_bytes()),
            stamp: writing.stamp,
            file: writing.file.clone(),
            shape,
            slot: Slot::FIRST,
            metadata: writing.metadata.clone(),
        });
        self.shared.publish(&writing.path, writing.reserved_bytes, &entry, &self.filling)?;
        self.writing = None;
        Ok(entry)
    }

    /// The object that is there was confirmed (304): its head and label become these, its body stays. Readers see
    /// `Complete`, no file of their own, and the new entry. When this fails readers see `Declined`; when it fails with
    /// `StoreError::TooLong` or `Gone` the object has to be fetched anew.
    pub fn refresh(mut self, entry: &Arc<Entry>, head: Head, label: Label) -> Result<Arc<Entry>, StoreError> {
        let updated = self.shared.update(entry, head, label);
        self.has_outcome = true;
        self.shared.state().end(&self.filling);
        match &updated {
            Ok(entry) => self.filling.store(entry.clone()),
            Err(_) => self.filling.decline(),
        }
        updated
    }

    /// Readers have to ask for themselves: the response is not to be shared, or cannot be stored.
    pub fn decline(mut self) {
        self.has_outcome = true;
        self.shared.state().end(&self.filling);
        self.filling.decline();
    }

    /// It came to nothing. `reason` is for logs.
    pub fn fail(mut self, reason: &str) {
        self.finish_failed(reason);
    }

    fn finish_failed(&mut self, reason: &str) {
        self.has_outcome = true;
        // First nobody finds it any more, then those who have it hear of it and may look for another.
        self.shared.state().end(&self.filling);
        self.filling.fail(reason);
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.has_outcome {
            self.finish_failed("whoever fetched it gave up without a word");
        }
        self.shared.state().end(&self.filling);
        if let Some(writing) = self.writing.take() {
            // Should this fail the next start removes it.
            let _ = self.shared.disk.remove(&writing.path);
            self.shared.release(writing.reserved_bytes);
        }
    }
}
