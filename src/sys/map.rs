//! `Map`: bytes in memory that are shared by all threads and never change: a mapped file, or pages of our own.

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::{Mmap, MmapMut};

/// Read-only pages. Dropping it unmaps.
#[derive(Debug)]
pub struct Map(Mmap);

impl Map {
    /// Maps a file that nobody writes in place: snapshots and tables are published by rename.
    pub fn open(path: &Path) -> io::Result<Map> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        // SAFETY: the file is opened read-only, and those who make such files publish them by rename and never truncate
        // or write in place, so the pages outlive the map unchanged.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Map(map))
    }

    /// Pages of our own with these bytes, for those who have no folder to publish in.
    pub fn copy(bytes: &[u8]) -> io::Result<Map> {
        let mut pages = MmapMut::map_anon(bytes.len())?;
        pages.copy_from_slice(bytes);
        Ok(Map(pages.make_read_only()?))
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
