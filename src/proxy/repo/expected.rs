//! `Expected`: what a file has to be.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::repodata::{Digest, DigestKind, Digester};
use crate::shelf::Known;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 128 * 1024;

/// What a file has to be; nothing where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its length, bytes.
    pub body_bytes: Option<u64>,
    /// Its checksum.
    pub digest: Option<Digest>,
}

impl Expected {
    /// By what metadata say of it.
    pub fn of(known: Known) -> Expected {
        Expected { body_bytes: known.bytes, digest: Some(known.digest) }
    }

    /// Its SHA-256, when it is known by that.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.digest.and_then(|digest| digest.as_sha256())
    }
}

/// The checksum of a part of a file.
pub fn digest_of(kind: DigestKind, file: &File, offset: u64, bytes: u64) -> io::Result<Digest> {
    let mut digester = Digester::new(kind);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut done = 0;
    while done < bytes {
        let wanted = usize::try_from(bytes - done).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        file.read_exact_at(&mut chunk[..wanted], offset + done)?;
        digester.update(&chunk[..wanted]);
        done += wanted as u64;
    }
    Ok(digester.finish())
}
