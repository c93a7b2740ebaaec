//! How often objects were used, kept in a file over an orderly end, so that a restart does not forget what is popular.
//!
//! The file is a hint: one that is old, damaged or missing costs nothing but that. Objects used once are not in it.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::disk::Disk;
use super::key::ObjectId;
use super::shared::DRAFTS;

/// Name of the file.
const USES: &str = "uses";
/// What it begins with.
const MAGIC: &[u8; 8] = b"MLUSES1\n";
/// One object: its id and its number of uses.
const ENTRY_BYTES: usize = 16 + 4;
/// Longest file that is read, bytes: of 13 million objects.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Writes the file anew.
pub(super) fn write(disk: &dyn Disk, folder: &Path, uses: impl Iterator<Item = (ObjectId, u32)>) -> io::Result<()> {
    let mut bytes = MAGIC.to_vec();
    for (id, count) in uses.filter(|(_, count)| *count > 1) {
        bytes.extend_from_slice(&id.to_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
    }
    bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
    let unfinished = folder.join(DRAFTS).join(USES);
    let written = (|| {
        let file = disk.create(&unfinished)?;
        disk.write_at(&file, &bytes, 0)?;
        disk.rename(&unfinished, &folder.join(USES))
    })();
    if written.is_err() {
        // Should this fail the next start removes it.
        let _ = disk.remove(&unfinished);
    }
    written
}

/// Reads the file; nothing when it is missing or damaged.
pub(super) fn read(disk: &dyn Disk, folder: &Path) -> HashMap<ObjectId, u32> {
    let bytes = (|| {
        let file = disk.open(&folder.join(USES))?;
        let length = disk.length(&file)?.min(FILE_BYTES_MAX);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let count = disk.read_at(&file, &mut bytes, 0)?;
        bytes.truncate(count);
        io::Result::Ok(bytes)
    })();
    bytes.ok().and_then(|bytes| decode(&bytes)).unwrap_or_default()
}

fn decode(bytes: &[u8]) -> Option<HashMap<ObjectId, u32>> {
    let (content, checksum) = bytes.split_last_chunk::<8>()?;
    let entries = content.strip_prefix(MAGIC)?;
    if u64::from_le_bytes(*checksum) != xxh3_64(content) || !entries.len().is_multiple_of(ENTRY_BYTES) {
        return None;
    }
    let entry = |bytes: &[u8]| {
        let (id, count) = bytes.split_first_chunk::<16>()?;
        Some((ObjectId::from_bytes(*id), u32::from_le_bytes(count.try_into().ok()?)))
    };
    entries.chunks_exact(ENTRY_BYTES).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::store::disk::System;
    use crate::cache::store::key::Key;

    #[test]
    fn numbers_of_uses_come_back_or_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(DRAFTS)).unwrap();
        assert!(read(&System, folder.path()).is_empty());
        let id = |text: &str| ObjectId::of(&Key::new(text).unwrap(), b"");
        let uses = [(id("a"), 7), (id("b"), 1), (id("c"), u32::MAX)];
        write(&System, folder.path(), uses.into_iter()).unwrap();
        let expected = HashMap::from([(id("a"), 7), (id("c"), u32::MAX)]);
        assert_eq!(read(&System, folder.path()), expected);
        let path = folder.path().join(USES);
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(decode(&bad), None, "byte {at}");
            assert_eq!(decode(&good[..at]), None, "cut at {at}");
        }
        write(&System, folder.path(), [].into_iter()).unwrap();
        assert!(read(&System, folder.path()).is_empty());
    }
}
