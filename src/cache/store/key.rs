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
pub(super) struct ObjectId(pub u128);

impl ObjectId {
    /// Of a key and one of its variants, which is empty when there is only one.
    pub fn of(key: &Key, variant: &[u8]) -> ObjectId {
        ObjectId(if variant.is_empty() { key.hash } else { key.hash ^ u128::from(xxh3_64(variant)) })
    }

    /// The folder and the name of its file, below `objects`.
    pub fn path(self) -> String {
        let name = format!("{:032x}", self.0);
        format!("{}/{name}", &name[..2])
    }

    /// Of a file's name.
    pub fn from_name(name: &str) -> Option<ObjectId> {
        let good = name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| u128::from_str_radix(name, 16).ok().map(ObjectId))?
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
