//! Which texts of a database name a country.

use crate::place::Code;

/// Codes of two letters that databases write where they know no country: unknown (`ZZ`, `XX`), the Asia-Pacific region
/// (`AP`), the European Union (`EU`), the United Nations (`UN`). ISO 3166-1 assigns none of them to a country.
const NO_COUNTRY: [&[u8]; 5] = [b"AP", b"EU", b"UN", b"XX", b"ZZ"];

/// The country of a two-letter text in any case; none for what is no country code and for codes of regions and of the
/// unknown. `NA` is Namibia here as everywhere: continents are never asked for.
pub(super) fn country(text: &str) -> Option<Code> {
    let code = Code::parse(text.as_bytes())?;
    let no_country = NO_COUNTRY.iter().any(|region| text.as_bytes().eq_ignore_ascii_case(region));
    (!no_country && !code.is_subdivision()).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_countries_are_countries() {
        for (text, known) in
            [("NA", true), ("de", true), ("ZZ", false), ("xx", false), ("EU", false), ("US-TX", false), ("", false)]
        {
            assert_eq!(country(text).is_some(), known, "{text}");
        }
        for text in ["--", "??", "Germany", "USA", "1A"] {
            assert_eq!(country(text), None, "{text}");
        }
    }
}
