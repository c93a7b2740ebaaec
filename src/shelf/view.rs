//! `View`: which generation a client asked for.

use crate::calendar;

/// Hexadecimal digits that may name a generation.
const DIGITS_MIN: usize = 8;
const DAY_MS: u64 = 86_400_000;

/// Which generation a client asked for: what stands behind the `@` in `/REPO@VIEW/RELEASEVER/ARCH/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// The one whose `repomd.xml` has a SHA-256 that begins with these digits, at least 8, in lower case.
    Id(Box<str>),
    /// The newest that was shown at the end of that day (UTC): at this time, milliseconds since 1970.
    Before(u64),
}

impl View {
    /// Reads `3f1e9a0c5d77` or `2026-11-21`.
    pub fn parse(text: &str) -> Option<View> {
        if let Some(day) = day(text) {
            return Some(View::Before((day + 1) * DAY_MS));
        }
        let digits = text.to_ascii_lowercase();
        let good = (DIGITS_MIN..=64).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        good.then(|| View::Id(digits.into()))
    }
}

/// The number of a day since 1970-01-01.
fn day(text: &str) -> Option<u64> {
    let is_shaped = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    if !is_shaped {
        return None;
    }
    calendar::unix_days(text[..4].parse().ok()?, text[5..7].parse().ok()?, text[8..].parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_digits_are_told_apart() {
        assert_eq!(View::parse("1970-01-01"), Some(View::Before(86_400_000)));
        // date -u -d '2026-11-22' +%s
        assert_eq!(View::parse("2026-11-21"), Some(View::Before(1_795_305_600_000)));
        assert_eq!(View::parse("2024-02-29"), Some(View::Before(1_709_251_200_000)));
        assert_eq!(View::parse("3F1E9a0c"), Some(View::Id("3f1e9a0c".into())));
        let long = "a".repeat(65);
        for bad in [
            "",
            "3f1e9a0",
            "2026-13-01",
            "2026-00-10",
            "2026-02-29",
            "2026-11-31",
            "2026-11-00",
            "1969-12-31",
            "2026-1-1",
            "xyz12345",
            &long,
        ] {
            assert_eq!(View::parse(bad), None, "{bad}");
        }
    }
}
