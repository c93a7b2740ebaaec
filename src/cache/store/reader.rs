//! Reading what lies in an object's file, and telling whether it is whole.

use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256 as Sha256Hasher};
use xxhash_rust::xxh3::Xxh3;

use super::disk::Disk;
use super::layout::{BLOCK_BYTES, Shape, Slot};
use super::metadata::Metadata;

/// How much is read at a time to check a body, bytes. Picked by feel.
const CHUNK_BYTES: usize = 256 * 1024;

/// An object's file that is as long as it should be, with metadata that is whole.
#[derive(Debug)]
pub(super) struct Found {
    pub file: File,
    pub shape: Shape,
    pub slot: Slot,
    pub metadata: Metadata,
}

impl Found {
    /// Bytes of the file, in whole blocks.
    pub fn file_bytes(&self) -> u64 {
        file_bytes(self.shape.body_offset, self.metadata.body_bytes)
    }
}

/// Bytes that a file takes, in whole blocks.
pub(super) fn file_bytes(body_offset: u64, body_bytes: u64) -> u64 {
    body_offset.saturating_add(body_bytes).checked_next_multiple_of(BLOCK_BYTES).unwrap_or(u64::MAX)
}

/// Opens an object's file. `None` when it is damaged.
pub(super) fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<Found>> {
    examine(disk, disk.open(path)?)
}

/// Reads an object's file. `None` when it is damaged.
pub(super) fn examine(disk: &dyn Disk, file: File) -> io::Result<Option<Found>> {
    let mut head = vec![0; BLOCK_BYTES as usize];
    let length = disk.read_at(&file, &mut head, 0)?;
    head.truncate(length);
    let Some(shape) = Shape::read(&head) else { return Ok(None) };
    if shape.body_offset > BLOCK_BYTES {
        head.resize(shape.body_offset as usize, 0);
        let length = disk.read_at(&file, &mut head[BLOCK_BYTES as usize..], BLOCK_BYTES)?;
        head.truncate(BLOCK_BYTES as usize + length);
    }
    let Some((slot, metadata)) = shape.metadata(&head) else { return Ok(None) };
    let is_whole = Some(disk.length(&file)?) == shape.body_offset.checked_add(metadata.body_bytes);
    Ok(is_whole.then_some(Found { file, shape, slot, metadata }))
}

/// Reads a whole body and holds it against the checksums in its metadata.
pub(super) fn is_body_right(disk: &dyn Disk, file: &File, body_offset: u64, metadata: &Metadata) -> io::Result<bool> {
    let (mut xxh3, mut sha256) = (Xxh3::new(), metadata.body_sha256.map(|_| Sha256Hasher::new()));
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut done = 0;
    while done < metadata.body_bytes {
        let wanted = buffer.len().min(usize::try_from(metadata.body_bytes - done).unwrap_or(usize::MAX));
        let count = disk.read_at(file, &mut buffer[..wanted], body_offset + done)?;
        if count < wanted {
            return Ok(false);
        }
        xxh3.update(&buffer[..count]);
        if let Some(sha256) = &mut sha256 {
            sha256.update(&buffer[..count]);
        }
        done += count as u64;
    }
    let sha256 = sha256.map(|hasher| <[u8; 32]>::from(hasher.finalize()));
    Ok(xxh3.digest() == metadata.body_xxh3 && sha256 == metadata.body_sha256)
}
