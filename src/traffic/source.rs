//! `Source`: lines of a file or of standard input, plain or compressed by gzip, of bounded length.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

/// Longest line that is looked at, bytes: our own are below 33 KiB.
pub const LINE_BYTES_MAX: usize = 64 << 10;
/// How files of gzip begin.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Bytes that are read at once.
const BUFFER_BYTES: usize = 128 << 10;

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be opened.
    #[error("{path}: cannot open it: {source}")]
    Open {
        /// Which.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It ends or is damaged in the middle.
    #[error("{path}: cannot read on after {read_bytes} bytes: {source}; is it cut short or damaged?")]
    Read {
        /// Which.
        path: PathBuf,
        /// How far it was read.
        read_bytes: u64,
        /// The system's or the decompressor's word.
        source: io::Error,
    },
}

/// What comes next of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A line, without its end.
    Line,
    /// A line that is too long to be one. It was passed over.
    TooLong,
    /// Nothing.
    End,
}

/// Lines of a file or a pipe.
pub struct Source {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    read_bytes: Rc<Cell<u64>>,
}

/// Counts what is read.
struct Counting<R> {
    inner: R,
    read_bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read_bytes.set(self.read_bytes.get() + count as u64);
        Ok(count)
    }
}

impl Source {
    /// Opens a file, or standard input for `-`.
    pub fn open(path: &Path) -> Result<Source, SourceError> {
        let failed = |source| SourceError::Open { path: path.to_owned(), source };
        match path.as_os_str() == "-" {
            true => Source::of(path, io::stdin()).map_err(failed),
            false => File::open(path).and_then(|file| Source::of(path, file)).map_err(failed),
        }
    }

    fn of(path: &Path, input: impl Read + 'static) -> io::Result<Source> {
        let read_bytes = Rc::new(Cell::new(0));
        let mut counting = Counting { inner: input, read_bytes: Rc::clone(&read_bytes) };
        let mut first = Vec::new();
        counting.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut first)?;
        let is_compressed = first == GZIP_MAGIC;
        let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(first).chain(counting));
        let reader: Box<dyn BufRead> = match is_compressed {
            true => Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole))),
            false => Box::new(whole),
        };
        Ok(Source { path: path.to_owned(), reader, read_bytes })
    }

    /// Bytes that were read of the file or pipe, compressed as they are.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes.get()
    }

    /// The next line, without its end. The last one may have none.
    pub fn next(&mut self, line: &mut Vec<u8>) -> Result<Next, SourceError> {
        line.clear();
        let mut is_too_long = false;
        loop {
            let read = match self.reader.fill_buf() {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    let read_bytes = self.read_bytes.get();
                    return Err(SourceError::Read { path: self.path.clone(), read_bytes, source });
                }
            };
            if read.is_empty() {
                return Ok(match (is_too_long, line.is_empty()) {
                    (true, _) => Next::TooLong,
                    (false, true) => Next::End,
                    (false, false) => Next::Line,
                });
            }
            let end = read.iter().position(|&byte| byte == b'\n');
            let part = &read[..end.unwrap_or(read.len())];
            is_too_long |= line.len() + part.len() > LINE_BYTES_MAX;
            if is_too_long {
                line.clear();
            } else {
                line.extend_from_slice(part);
            }
            let consumed = end.map_or(read.len(), |end| end + 1);
            self.reader.consume(consumed);
            if end.is_some() {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(if is_too_long { Next::TooLong } else { Next::Line });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn lines(bytes: &[u8]) -> Result<Vec<(Next, String)>, SourceError> {
        let mut source = Source::of(Path::new("x.log"), Cursor::new(bytes.to_vec())).unwrap();
        let (mut found, mut line) = (Vec::new(), Vec::new());
        loop {
            match source.next(&mut line)? {
                Next::End => break,
                next => found.push((next, String::from_utf8_lossy(&line).into_owned())),
            }
        }
        assert_eq!(source.read_bytes(), bytes.len() as u64);
        Ok(found)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_compressed_lines_are_the_same() {
        let text = b"one\ntwo\r\n\nlast without an end";
        let expected = ["one", "two", "", "last without an end"].map(|line| (Next::Line, line.to_owned()));
        assert_eq!(lines(text).unwrap(), expected);
        assert_eq!(lines(&gzip(text)).unwrap(), expected);
        let parts = [gzip(&text[..5]), gzip(&text[5..])].concat();
        assert_eq!(lines(&parts).unwrap(), expected, "one after the other, as rotated logs are joined");
        assert_eq!(lines(b"").unwrap(), []);
        assert_eq!(lines(b"\x1f").unwrap().len(), 1);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let long = [b"a\n".as_slice(), &[b'x'; LINE_BYTES_MAX + 1], b"\nb\n"].concat();
        let found = lines(&long).unwrap();
        assert_eq!(found.iter().map(|(next, _)| *next).collect::<Vec<_>>(), [Next::Line, Next::TooLong, Next::Line]);
        assert_eq!(found[2].1, "b");
        let endless = vec![b'x'; 3 * LINE_BYTES_MAX];
        assert_eq!(lines(&endless).unwrap(), [(Next::TooLong, String::new())]);
        let just = vec![b'x'; LINE_BYTES_MAX];
        assert_eq!(lines(&just).unwrap()[0].0, Next::Line);
    }

    #[test]
    fn a_damaged_file_says_where() {
        let mut damaged = gzip(&b"line\n".repeat(10_000));
        damaged.truncate(damaged.len() - 9);
        let error = lines(&damaged).unwrap_err().to_string();
        assert!(error.starts_with("x.log: cannot read on after ") && error.contains("cut short"), "{error}");
    }
}
