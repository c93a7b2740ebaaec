//! `Disk`: what a store does to files, so that tests can make any of it fail.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::sys::reserve_space;

/// What a store does to files.
pub(super) trait Disk: Send + Sync + std::fmt::Debug {
    /// Makes a folder and those above it, unless it is there.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// Names in a folder, in no order.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Makes a new file, to read and write.
    fn create(&self, path: &Path) -> io::Result<File>;
    /// Opens a file, to read and write.
    fn open(&self, path: &Path) -> io::Result<File>;
    /// Length of a file, bytes.
    fn length(&self, file: &File) -> io::Result<u64>;
    /// Reserves space.
    fn reserve(&self, file: &File, offset_bytes: u64, length_bytes: u64) -> io::Result<()>;
    /// Reads until the buffer is full or the file ends.
    fn read_at(&self, file: &File, buffer: &mut [u8], offset_bytes: u64) -> io::Result<usize>;
    /// Writes all of it.
    fn write_at(&self, file: &File, bytes: &[u8], offset_bytes: u64) -> io::Result<()>;
    /// Cuts a file, or lengthens it.
    fn set_length(&self, file: &File, bytes: u64) -> io::Result<()>;
    /// Waits until a file's bytes are on the disk.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Gives a file its name, in place of another.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The files of the system.
#[derive(Debug)]
pub(super) struct System;

impl Disk for System {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            // What is no UTF-8 is not ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o640).open(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(path)
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        file.metadata().map(|metadata| metadata.len())
    }

    fn reserve(&self, file: &File, offset_bytes: u64, length_bytes: u64) -> io::Result<()> {
        reserve_space(file, offset_bytes, length_bytes)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset_bytes: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read_at(&mut buffer[filled..], offset_bytes + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset_bytes: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset_bytes)
    }

    fn set_length(&self, file: &File, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
