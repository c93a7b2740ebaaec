//! `Label`: what a table says of an address: a place, or an autonomous system.
//!
//! Lives here: how labels are stored, and how tables of one kind are told from those of another.

use std::fmt::Debug;
use std::hash::Hash;

use crate::net::Asn;
use crate::place::Code;

/// What a table says of an address. Labels compare as their stored bytes do.
pub trait Label: Copy + Debug + Ord + Hash {
    /// First bytes of a table of such labels.
    const MAGIC: [u8; 8];
    /// What one is called, for errors.
    const NAME: &'static str;

    /// The stored form.
    fn to_bytes(self) -> [u8; 8];

    /// The label of a stored form; none when it is not one that `to_bytes` gives.
    fn from_bytes(bytes: [u8; 8]) -> Option<Self>;
}

impl Label for Code {
    const MAGIC: [u8; 8] = *b"mlgeoip\n";
    const NAME: &'static str = "country";

    fn to_bytes(self) -> [u8; 8] {
        Code::to_bytes(self)
    }

    fn from_bytes(bytes: [u8; 8]) -> Option<Code> {
        Code::from_bytes(bytes)
    }
}

impl Label for Asn {
    const MAGIC: [u8; 8] = *b"mlasn\0\0\n";
    const NAME: &'static str = "AS number";

    fn to_bytes(self) -> [u8; 8] {
        u64::from(self.0).to_be_bytes()
    }

    fn from_bytes(bytes: [u8; 8]) -> Option<Asn> {
        let number = u32::try_from(u64::from_be_bytes(bytes)).ok()?;
        (number != 0).then_some(Asn(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_back_and_compare_as_their_bytes_do() {
        for number in [1, 255, 256, 64_496, u32::MAX] {
            assert_eq!(Asn::from_bytes(Asn(number).to_bytes()), Some(Asn(number)));
            assert!(Asn(number).to_bytes() > Asn(number - 1).to_bytes());
        }
        assert_eq!(Asn::from_bytes([0; 8]), None);
        assert_eq!(Asn::from_bytes([0, 0, 0, 1, 0, 0, 0, 0]), None);
        assert_ne!(Asn::MAGIC, Code::MAGIC);
    }
}
