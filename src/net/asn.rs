//! `Asn`: the number of an autonomous system, the network of one provider or organisation.

use std::fmt;

/// Number of an autonomous system (RFC 6793: 32 bits). 0 is nobody's (RFC 7607).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(pub u32);

impl Asn {
    /// `AS64496`, `as64496` or `64496`; none for anything else, and for 0.
    pub fn parse(text: &[u8]) -> Option<Asn> {
        let digits = match text {
            [b'A' | b'a', b'S' | b's', digits @ ..] => digits,
            digits => digits,
        };
        // Asked first, because a number may have a sign.
        let is_number = digits.iter().all(u8::is_ascii_digit);
        let number = str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()?;
        (number != 0).then_some(Asn(number))
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "AS{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_goes_with_its_letters_or_without() {
        for (text, expected) in [
            ("AS64496", Some(64_496)),
            ("as1", Some(1)),
            ("4294967295", Some(u32::MAX)),
            ("0", None),
            ("AS0", None),
            ("AS", None),
            ("", None),
            ("+1", None),
            ("AS-1", None),
            ("ASAS1", None),
            ("4294967296", None),
            ("1.10", None),
            (" 1", None),
        ] {
            assert_eq!(Asn::parse(text.as_bytes()), expected.map(Asn), "{text}");
        }
        assert_eq!(Asn(64_496).to_string(), "AS64496");
    }
}
