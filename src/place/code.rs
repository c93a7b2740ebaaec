//! `Code`: the name of a place, packed into one word.
//!
//! Lives here: parsing and printing `DE`, `US-TX`, and taking the country out of a subdivision.
//! Not here: whether such a place exists (`inventory` lists the countries there are).

use std::fmt;
use std::str::FromStr;

/// A country (ISO 3166-1 alpha-2) or a subdivision of one (ISO 3166-2): `DE`, `US-TX`.
///
/// Eight bytes: the ASCII text in upper case, padded with zeros, as a big-endian word, so that codes compare as
/// their texts do and a country comes right before its subdivisions. Any case is accepted when parsing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u64);

/// Why a text names no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place: write a country like `DE` or a subdivision like `US-TX`")]
pub struct CodeError(pub String);

/// Most letters and digits a subdivision has (ISO 3166-2).
const SUBDIVISION_BYTES_MAX: usize = 3;

impl Code {
    /// The place that `text` names, in any case; none when the form is wrong.
    pub fn parse(text: &[u8]) -> Option<Code> {
        let well_formed = match text {
            [a, b] => a.is_ascii_alphabetic() && b.is_ascii_alphabetic(),
            [a, b, b'-', rest @ ..] => {
                a.is_ascii_alphabetic()
                    && b.is_ascii_alphabetic()
                    && (1..=SUBDIVISION_BYTES_MAX).contains(&rest.len())
                    && rest.iter().all(u8::is_ascii_alphanumeric)
            }
            _ => false,
        };
        well_formed.then(|| {
            let mut bytes = [0; 8];
            for (to, from) in bytes.iter_mut().zip(text) {
                *to = from.to_ascii_uppercase();
            }
            Code(u64::from_be_bytes(bytes))
        })
    }

    /// The place `subdivision` of the country `self`; none when the subdivision's form is wrong or `self` has one.
    pub fn with_subdivision(self, subdivision: &str) -> Option<Code> {
        if self.is_subdivision() {
            return None;
        }
        Code::parse(format!("{self}-{subdivision}").as_bytes())
    }

    /// The country this place is or lies in.
    pub fn country(self) -> Code {
        Code(self.0 & 0xffff_0000_0000_0000)
    }

    /// Whether this is a part of a country.
    pub fn is_subdivision(self) -> bool {
        self != self.country()
    }

    /// The packed form, as files store it: big-endian text padded with zeros.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// The code of a packed form; none when it is not one that `to_bytes` gives.
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Code> {
        let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(8);
        let code = Code::parse(&bytes[..length])?;
        (code.to_bytes() == bytes).then_some(code)
    }
}

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Code, CodeError> {
        Code::parse(text.as_bytes()).ok_or_else(|| CodeError(text.to_owned()))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.to_bytes();
        let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(8);
        out.pad(std::str::from_utf8(&bytes[..length]).unwrap_or_default())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl<'de> serde::Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Code, D::Error> {
        let text = String::deserialize(source)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_case_is_one_place() {
        let texas: Code = "us-tx".parse().unwrap();
        assert_eq!(texas, "US-TX".parse().unwrap());
        assert_eq!(texas.to_string(), "US-TX");
        assert_eq!(texas.country().to_string(), "US");
        assert!(texas.is_subdivision() && !texas.country().is_subdivision());
        assert_eq!(texas.country().with_subdivision("tx"), Some(texas));
        assert_eq!(texas.with_subdivision("tx"), None);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", "d", "deu", "d1", "us-", "us-TEXAS", "us_TX", "us-T X", "-", "üs", "us-é"] {
            assert!(text.parse::<Code>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_packed_form_comes_back() {
        for text in ["DE", "US-TX", "GB-ENG", "FR-1"] {
            let code: Code = text.parse().unwrap();
            assert_eq!(Code::from_bytes(code.to_bytes()), Some(code));
        }
        assert_eq!(Code::from_bytes(*b"de\0\0\0\0\0\0"), None);
        assert_eq!(Code::from_bytes(*b"DE\0\0\0\0\0X"), None);
    }
}
