//! `Base64`: bytes in base 64 (RFC 4648, section 4), written without allocation.

use std::fmt::{self, Write};

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes that are shown in base 64.
#[derive(Clone, Copy)]
pub struct Base64<Bytes>(pub Bytes);

impl<Bytes: Iterator<Item = u8> + Clone> fmt::Display for Base64<Bytes> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.clone();
        while let Some(first) = bytes.next() {
            let rest = [bytes.next(), bytes.next()];
            let byte_count = 1 + rest.iter().flatten().count();
            let word = rest.iter().fold(u32::from(first), |word, byte| word << 8 | u32::from(byte.unwrap_or_default()));
            for position in 0..4 {
                let digit = DIGITS[(word >> (18 - 6 * position)) as usize % 64];
                out.write_char(if position > byte_count { '=' } else { char::from(digit) })?;
            }
        }
        Ok(())
    }
}

/// The bytes that hexadecimal digits stand for; a digit that is none counts as zero.
pub fn from_hex(digits: &str) -> impl Iterator<Item = u8> + Clone {
    let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
    digits.as_bytes().chunks_exact(2).map(move |pair| value(pair[0]) << 4 | value(pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_standard() {
        // The vectors of RFC 4648, section 10.
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(Base64(text.bytes()).to_string(), expected);
        }
        assert_eq!(Base64(from_hex("00ff10")).to_string(), "AP8Q");
    }
}
