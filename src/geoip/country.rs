//! Which texts of a database name a country.

use crate::place::Code;

/// Codes that databases write where they know no country; ISO 3166-1 leaves both to users.
const UNKNOWN: [&[u8]; 2] = [b"ZZ", b"XX"];

/// The country of a two-letter text in any case; none for what is no country code and for the codes of the unknown.
/// `NA` is Namibia here as everywhere: continents are never asked for.
pub(super) fn country(text: &str) -> Option<Code> {
    let code = Code::parse(text.as_bytes())?;
    let unknown = UNKNOWN.iter().any(|unknown| text.as_bytes().eq_ignore_ascii_case(unknown));
    (!unknown && !code.is_subdivision()).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_countries_are_countries() {
        for (text, known) in [("NA", true), ("de", true), ("ZZ", false), ("xx", false), ("US-TX", false), ("", false)] {
            assert_eq!(country(text).is_some(), known, "{text}");
        }
        for text in ["--", "??", "Germany", "USA", "1A"] {
            assert_eq!(country(text), None, "{text}");
        }
    }
}
