//! `Digest`: a checksum of one of the kinds that metadata use.

use std::fmt;

use sha1::Sha1;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

/// A kind of checksum. MD5 is none of them: files with the same one can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DigestKind {
    /// SHA-1, `sha` in old repositories: finds damage, and malice only of those who cannot buy a collision.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256, the usual one.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestKind {
    /// All of them, the weakest first.
    pub const ALL: [DigestKind; 5] =
        [DigestKind::Sha1, DigestKind::Sha224, DigestKind::Sha256, DigestKind::Sha384, DigestKind::Sha512];

    /// As createrepo names it (`sha256`) or as Metalink 4 does (`sha-256`).
    pub fn from_name(name: &str) -> Option<DigestKind> {
        Some(match name.to_ascii_lowercase().as_str() {
            "sha" | "sha1" | "sha-1" => DigestKind::Sha1,
            "sha224" | "sha-224" => DigestKind::Sha224,
            "sha256" | "sha-256" => DigestKind::Sha256,
            "sha384" | "sha-384" => DigestKind::Sha384,
            "sha512" | "sha-512" => DigestKind::Sha512,
            _ => return None,
        })
    }

    /// As createrepo names it.
    pub fn name(self) -> &'static str {
        match self {
            DigestKind::Sha1 => "sha1",
            DigestKind::Sha224 => "sha224",
            DigestKind::Sha256 => "sha256",
            DigestKind::Sha384 => "sha384",
            DigestKind::Sha512 => "sha512",
        }
    }

    /// Its length, bytes.
    pub fn bytes(self) -> usize {
        match self {
            DigestKind::Sha1 => 20,
            DigestKind::Sha224 => 28,
            DigestKind::Sha256 => 32,
            DigestKind::Sha384 => 48,
            DigestKind::Sha512 => 64,
        }
    }
}

/// A checksum of one of the kinds that metadata use.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    kind: DigestKind,
    /// Zeros behind the digest.
    bytes: [u8; 64],
}

impl Digest {
    /// Of its kind and its bytes, if these are as many as the kind has.
    pub fn new(kind: DigestKind, bytes: &[u8]) -> Option<Digest> {
        let mut whole = [0; 64];
        whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
        (bytes.len() == kind.bytes()).then_some(Digest { kind, bytes: whole })
    }

    /// Of a kind's name and hexadecimal digits, as metadata have them.
    pub fn parse(kind: &str, digits: &str) -> Option<Digest> {
        let kind = DigestKind::from_name(kind)?;
        let digits = digits.as_bytes();
        if digits.len() != 2 * kind.bytes() {
            return None;
        }
        let mut whole = [0; 64];
        for (byte, pair) in whole.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |digit: u8| char::from(digit).to_digit(16);
            *byte = (nibble(pair[0])? << 4 | nibble(pair[1])?) as u8;
        }
        Some(Digest { kind, bytes: whole })
    }

    /// The SHA-256 with these bytes.
    pub fn sha256(bytes: [u8; 32]) -> Digest {
        let mut whole = [0; 64];
        whole[..32].copy_from_slice(&bytes);
        Digest { kind: DigestKind::Sha256, bytes: whole }
    }

    /// Of a whole file.
    pub fn of(kind: DigestKind, bytes: &[u8]) -> Digest {
        let mut digester = Digester::new(kind);
        digester.update(bytes);
        digester.finish()
    }

    /// Its kind.
    pub fn kind(&self) -> DigestKind {
        self.kind
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.kind.bytes()]
    }

    /// Its bytes, when it is a SHA-256.
    pub fn as_sha256(&self) -> Option<[u8; 32]> {
        if self.kind == DigestKind::Sha256 { self.bytes[..32].try_into().ok() } else { None }
    }
}

/// `sha256:` and hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Part of every key of a file that is known: one write, not one per byte.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 128];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.bytes()) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        out.write_str(self.kind.name())?;
        out.write_str(":")?;
        out.write_str(str::from_utf8(&text[..2 * self.kind.bytes()]).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Makes a digest of bytes as they come.
#[derive(Clone, Debug)]
pub struct Digester(State);

#[derive(Clone, Debug)]
enum State {
    Sha1(Sha1),
    Sha224(Sha224),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Digester {
    /// Of nothing yet.
    pub fn new(kind: DigestKind) -> Digester {
        Digester(match kind {
            DigestKind::Sha1 => State::Sha1(Sha1::new()),
            DigestKind::Sha224 => State::Sha224(Sha224::new()),
            DigestKind::Sha256 => State::Sha256(Sha256::new()),
            DigestKind::Sha384 => State::Sha384(Sha384::new()),
            DigestKind::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha1(state) => state.update(bytes),
            State::Sha224(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all of them.
    pub fn finish(self) -> Digest {
        let mut bytes = [0; 64];
        let mut put = |digest: &[u8]| bytes[..digest.len()].copy_from_slice(digest);
        let kind = match self.0 {
            State::Sha1(state) => {
                put(&state.finalize());
                DigestKind::Sha1
            }
            State::Sha224(state) => {
                put(&state.finalize());
                DigestKind::Sha224
            }
            State::Sha256(state) => {
                put(&state.finalize());
                DigestKind::Sha256
            }
            State::Sha384(state) => {
                put(&state.finalize());
                DigestKind::Sha384
            }
            State::Sha512(state) => {
                put(&state.finalize());
                DigestKind::Sha512
            }
        };
        Digest { kind, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180: the digests of `abc`.
    const ABC: &[(&str, &str)] = &[
        ("sha", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        ("sha-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("SHA384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
        (
            "sha512",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];

    #[test]
    fn all_kinds_are_read_and_made() {
        for (name, digits) in ABC {
            let read = Digest::parse(name, digits).unwrap();
            let mut digester = Digester::new(read.kind());
            digester.update(b"a");
            digester.update(b"bc");
            assert_eq!(digester.finish(), read);
            assert_eq!(Digest::of(read.kind(), b"abc"), read);
            assert_eq!(Digest::new(read.kind(), read.bytes()), Some(read));
            assert_eq!(read.to_string(), format!("{}:{digits}", read.kind().name()));
            assert_ne!(Digest::of(read.kind(), b"abd"), read);
        }
    }

    #[test]
    fn what_is_no_digest_is_not_read() {
        let good = ABC[0].1;
        for (kind, digits) in
            [("md5", "900150983cd24fb0d6963f7d28e17f72"), ("sha", ""), ("sha", &good[1..]), ("", good)]
        {
            assert_eq!(Digest::parse(kind, digits), None, "{kind} {digits}");
        }
        assert_eq!(Digest::parse("sha", &good.replace('a', "g")), None);
        assert_eq!(Digest::parse("sha", &"é".repeat(20)), None);
        assert_eq!(Digest::parse("sha", &good.to_uppercase()), Digest::parse("sha1", good));
        assert_eq!(Digest::new(DigestKind::Sha1, &[0; 32]), None);
        assert_eq!(Digest::new(DigestKind::Sha512, &[0; 65]), None);
    }
}
