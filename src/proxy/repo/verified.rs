//! `Verified`: a body that ends well only if it is what it has to be. For files that the cache cannot take.

use std::io::{self, Read};

use super::expected::Expected;
use crate::cache::store::HELD_BACK_BYTES;
use crate::repodata::Digester;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A body of which the end is held back until its checksum was found right. One that is wrong ends with an error.
pub struct Verified<R> {
    inner: R,
    expected: Expected,
    digester: Option<Digester>,
    /// What was read and not given out yet, from `at` on.
    held: Vec<u8>,
    at: usize,
    read_bytes: u64,
    is_over: bool,
}

impl<R: Read> Verified<R> {
    /// Nothing is held back where no checksum is known.
    pub fn new(inner: R, expected: Expected) -> Verified<R> {
        let digester = expected.digest.map(|digest| Digester::new(digest.kind()));
        Verified { inner, expected, digester, held: Vec::new(), at: 0, read_bytes: 0, is_over: false }
    }

    /// What may be given out.
    fn free_bytes(&self) -> usize {
        let held_back = if self.is_over { 0 } else { HELD_BACK_BYTES as usize };
        (self.held.len() - self.at).saturating_sub(held_back)
    }

    fn read_more(&mut self) -> io::Result<()> {
        self.held.drain(..self.at);
        self.at = 0;
        let end = self.held.len();
        self.held.resize(end + CHUNK_BYTES, 0);
        let read = self.inner.read(&mut self.held[end..]);
        self.held.truncate(end + *read.as_ref().unwrap_or(&0));
        let bytes = read?;
        self.read_bytes += bytes as u64;
        if let Some(digester) = &mut self.digester {
            digester.update(&self.held[end..]);
        }
        if bytes > 0 {
            return Ok(());
        }
        self.is_over = true;
        let digest = self.digester.take().map(Digester::finish);
        let is_right = digest == self.expected.digest
            && self.expected.body_bytes.is_none_or(|expected| expected == self.read_bytes);
        if is_right { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is wrong")) }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.expected.digest.is_none() {
            return self.inner.read(into);
        }
        while self.free_bytes() == 0 && !self.is_over {
            self.read_more()?;
        }
        let bytes = self.free_bytes().min(into.len());
        into[..bytes].copy_from_slice(&self.held[self.at..self.at + bytes]);
        self.at += bytes;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repodata::{Digest, DigestKind};

    fn read(body: &[u8], expected: Expected) -> (Vec<u8>, io::Result<usize>) {
        let mut got = Vec::new();
        let result = Verified::new(body, expected).read_to_end(&mut got);
        (got, result)
    }

    #[test]
    fn the_end_comes_when_all_is_right() {
        for bytes in [0, 1, 65_535, 65_536, 65_537, 300_000] {
            let body: Vec<u8> = (0..bytes).map(|number| (number % 251) as u8).collect();
            for kind in DigestKind::ALL {
                let digest = Some(Digest::of(kind, &body));
                let expected = Expected { body_bytes: Some(bytes), digest };
                let (got, result) = read(&body, expected);
                assert_eq!((got == body, result.unwrap() as u64), (true, bytes));
                let (got, result) = read(&body, Expected { body_bytes: Some(bytes + 1), digest });
                assert!(result.is_err() && got.len() as u64 <= bytes.saturating_sub(HELD_BACK_BYTES));
            }
            let wrong = Expected { body_bytes: None, digest: Some(Digest::of(DigestKind::Sha256, b"other")) };
            let (got, result) = read(&body, wrong);
            assert!(result.is_err() && got.len() as u64 <= bytes.saturating_sub(HELD_BACK_BYTES), "{bytes}");
            assert_eq!(read(&body, Expected::default()).0, body);
        }
    }
}
