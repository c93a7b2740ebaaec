//! Reading access logs, line by line.

use std::fs;
use std::path::{Path, PathBuf};

use crate::traffic::{Next, Source, SourceError};

/// Bytes of all files together; none when one is a pipe.
pub fn total_bytes(files: &[PathBuf]) -> Option<u64> {
    let bytes_of = |path: &PathBuf| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len());
    files.iter().map(bytes_of).sum()
}

/// Hands over each line with the bytes that were read up to it, and none for one that is too long. Gives the bytes that
/// were read in all.
pub fn read(path: &Path, mut take: impl FnMut(Option<(&[u8], u64)>)) -> Result<u64, SourceError> {
    let mut source = Source::open(path)?;
    let mut line = Vec::new();
    loop {
        match source.next(&mut line)? {
            Next::Line => take(Some((&line, source.read_bytes()))),
            Next::TooLong => take(None),
            Next::End => return Ok(source.read_bytes()),
        }
    }
}
