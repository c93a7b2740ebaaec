//! `Key`: what an object is asked for by.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Longest text of a key, bytes: as long as a request head, in which it came.
pub const KEY_BYTES_MAX: usize = 8192;

/// What an object is asked for by: a URL, or whatever else its owner makes of it. Several variants of one response may
/// be stored under one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    text: Box<str>,
    hash: u128,
}

impl Key {
    /// The key with this text; texts that differ in any byte are different keys. `None` when it is empty, longer than
    /// `KEY_BYTES_MAX` or has control characters.
    pub fn new(text: &str) -> Option<Key> {
        let good = !text.is_empty() && text.len() <= KEY_BYTES_MAX && !text.bytes().any(|byte| byte.is_ascii_control());
        good.then(|| Key { text: text.into(), hash: xxh3_128(text.as_bytes()) })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its hash. Texts can be made to collide: who finds something by it compares the text.
    pub(super) fn hash(&self) -> u128 {
        self.hash
    }
}

/// What a stored object is called in the index and on the disk: a key's hash, and that of the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ObjectId {
    /// What all variants of a key have in common.
    pub of_key: u64,
    of_variant: u64,
}

impl ObjectId {
    /// Of a key and one of its variants, which is empty when there is only one.
    pub fn of(key: &Key, variant: &[u8]) -> ObjectId {
        let of_variant = if variant.is_empty() { 0 } else { xxh3_64(variant) };
        ObjectId { of_key: (key.hash >> 64) as u64, of_variant: key.hash as u64 ^ of_variant }
    }

    /// As it is kept.
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.of_key) << 64 | u128::from(self.of_variant)).to_le_bytes()
    }

    /// Of what was kept.
    pub fn from_bytes(bytes: [u8; 16]) -> ObjectId {
        let both = u128::from_le_bytes(bytes);
        ObjectId { of_key: (both >> 64) as u64, of_variant: both as u64 }
    }

    /// The folder and the name of its file, below `objects`.
    pub fn path(self) -> String {
        let name = format!("{:016x}{:016x}", self.of_key, self.of_variant);
        format!("{}/{name}", &name[..2])
    }

    /// Of a file's name.
    pub fn from_name(name: &str) -> Option<ObjectId> {
        let good = name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let (of_key, of_variant) = name.split_at_checked(16).filter(|_| good)?;
        let number = |digits| u64::from_str_radix(digits, 16).ok();
        Some(ObjectId { of_key: number(of_key)?, of_variant: number(of_variant)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_limits() {
        assert!(Key::new("").is_none() && Key::new("a\nb").is_none() && Key::new(&"a".repeat(8193)).is_none());
        assert_eq!(Key::new("http://a/é").unwrap().text(), "http://a/é");
    }

    #[test]
    fn names_of_files_are_ids() {
        let key = Key::new("http://a/").unwrap();
        for variant in [&b""[..], b"a: b"] {
            let id = ObjectId::of(&key, variant);
            let path = id.path();
            assert_eq!(ObjectId::from_name(&path[3..]), Some(id));
            assert_eq!(path[..2], path[3..5]);
        }
        assert_ne!(ObjectId::of(&key, b""), ObjectId::of(&key, b"a"));
        for bad in ["", "0", &"g".repeat(32), &"A".repeat(32), &"0".repeat(33), &format!("+{}", "0".repeat(31))] {
            assert_eq!(ObjectId::from_name(bad), None);
        }
    }
}
