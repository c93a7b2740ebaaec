//! `Spool`: the content of a request, kept until all of it is there.
//!
//! What a client sends reaches another server whole and with its length, so that no framing of a client's ever does.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What is kept in memory, bytes; what is longer goes into a file that has no name.
const MEMORY_BYTES_MAX: usize = 64 * 1024;

/// Content.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    memory: Vec<u8>,
    file: Option<File>,
    bytes: u64,
    /// The disk refused it.
    failure: Option<io::Error>,
}

impl Spool {
    /// Nothing yet; what does not fit into memory goes into `folder`.
    pub fn new(folder: &Path) -> Spool {
        Spool { folder: folder.to_owned(), memory: Vec::new(), file: None, bytes: 0, failure: None }
    }

    /// Adds a piece. What the disk refuses is told by `finish`.
    pub fn add(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        if self.failure.is_none()
            && let Err(error) = self.write(data)
        {
            self.failure = Some(error);
        }
    }

    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            if self.memory.len() + data.len() <= MEMORY_BYTES_MAX {
                self.memory.extend_from_slice(data);
                return Ok(());
            }
            let mut file = crate::sys::unnamed_file(&self.folder)?;
            file.write_all(&std::mem::take(&mut self.memory))?;
            self.file = Some(file);
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(data))
    }

    /// All of it is there.
    pub fn finish(mut self) -> io::Result<Spool> {
        match self.failure.take() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// How long it is.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// To read it once.
    pub fn into_reader(self) -> Box<dyn Read + Send> {
        match self.file {
            None => Box::new(io::Cursor::new(self.memory)),
            Some(mut file) => match file.seek(SeekFrom::Start(0)) {
                Ok(_) => Box::new(file),
                Err(error) => Box::new(Broken(Some(error))),
            },
        }
    }
}

/// Fails at once.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_back_whatever_its_length() {
        for length in [0, 1, MEMORY_BYTES_MAX, MEMORY_BYTES_MAX + 1, 3 * MEMORY_BYTES_MAX] {
            let content: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut spool = Spool::new(&std::env::temp_dir());
            for piece in content.chunks(10_000) {
                spool.add(piece);
            }
            let spool = spool.finish().unwrap();
            assert_eq!(spool.bytes(), length as u64);
            let mut got = Vec::new();
            spool.into_reader().read_to_end(&mut got).unwrap();
            assert!(got == content, "{length}");
        }
    }
}
