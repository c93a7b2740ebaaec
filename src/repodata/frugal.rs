//! `Frugal`: a reader that lets nobody swallow too much at once.

use std::io::{self, BufRead, Read};

/// A reader that gives at most so many bytes between two calls of `refill`, then fails: a parser that collects an
/// element before it shows it cannot be made to collect without end.
#[derive(Debug)]
pub struct Frugal<R> {
    inner: R,
    portion_bytes: usize,
    left_bytes: usize,
}

impl<R> Frugal<R> {
    /// Portions of so many bytes.
    pub fn new(inner: R, portion_bytes: usize) -> Frugal<R> {
        Frugal { inner, portion_bytes, left_bytes: portion_bytes }
    }

    /// Begins the next portion.
    pub fn refill(&mut self) {
        self.left_bytes = self.portion_bytes;
    }
}

impl<R: BufRead> Read for Frugal<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let bytes = there.len().min(into.len());
        into[..bytes].copy_from_slice(&there[..bytes]);
        self.consume(bytes);
        Ok(bytes)
    }
}

impl<R: BufRead> BufRead for Frugal<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let there = self.inner.fill_buf()?;
        if self.left_bytes == 0 && !there.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "one element is longer than any real one"));
        }
        Ok(&there[..there.len().min(self.left_bytes)])
    }

    fn consume(&mut self, bytes: usize) {
        self.left_bytes -= bytes.min(self.left_bytes);
        self.inner.consume(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_is_all_one_gets() {
        let mut frugal = Frugal::new(&b"abcdef"[..], 4);
        let mut got = Vec::new();
        assert!(frugal.read_to_end(&mut got).is_err());
        assert_eq!(got, b"abcd");
        frugal.refill();
        assert_eq!(frugal.read_to_end(&mut got).unwrap(), 2);
        // At the end nothing is left that could be too much.
        let mut exact = Frugal::new(&b"abcd"[..], 4);
        assert_eq!(exact.read_to_end(&mut got).unwrap(), 4);
    }
}
