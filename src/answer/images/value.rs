//! `Value`: what a parameter says, decoded into room of its own.

use crate::answer::query::hex;

/// Longest decoded value that can name anything, bytes. Inventory names have at most 64.
const VALUE_BYTES_MAX: usize = 64;

/// A decoded value. One that was too long is kept as a value that names nothing.
#[derive(Clone, Copy)]
pub struct Value {
    bytes: [u8; VALUE_BYTES_MAX],
    length: u8,
}

impl Value {
    pub const EMPTY: Value = Value { bytes: [0; VALUE_BYTES_MAX], length: 0 };
    /// A NUL is in no name, so this one finds nothing, and it is not empty.
    const NAMES_NOTHING: Value = Value { bytes: [0; VALUE_BYTES_MAX], length: 1 };

    /// Decodes `%XX` and `+`. A `%` without two digits stands for itself, as forms have always had it.
    pub fn decode(text: &[u8]) -> Value {
        // Folded without a branch, so that the compiler makes vector instructions of it: few values have either.
        if text.iter().fold(true, |plain, &byte| plain & (byte != b'%') & (byte != b'+')) {
            return Value::of(text);
        }
        let mut value = Value::EMPTY;
        let mut rest = text;
        while let [first, tail @ ..] = rest {
            let (byte, tail) = match (first, tail) {
                (b'+', _) => (b' ', tail),
                (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => (high << 4 | low, after),
                    _ => (b'%', tail),
                },
                _ => (*first, tail),
            };
            let Some(slot) = value.bytes.get_mut(usize::from(value.length)) else { return Value::NAMES_NOTHING };
            *slot = byte;
            value.length += 1;
            rest = tail;
        }
        value
    }

    fn of(text: &[u8]) -> Value {
        let mut value = Value::EMPTY;
        match value.bytes.get_mut(..text.len()) {
            Some(slot) => slot.copy_from_slice(text),
            None => return Value::NAMES_NOTHING,
        }
        value.length = text.len() as u8;
        value
    }

    /// The decoded bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Whether the parameter was absent or empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?}", String::from_utf8_lossy(self.bytes()))
    }
}
