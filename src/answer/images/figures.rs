//! Figures for people and programs: sizes and times, written without allocation.

use std::fmt;

const DAY_SECONDS: u64 = 86_400;
const MONTH_DAYS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/// Years beyond this one are written as this one: four digits are all there is.
const YEAR_MAX: u64 = 9999;

/// A length in units that people compare by: `1.9 GiB`.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1024 {
            return write!(out, "{} bytes", self.0);
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut units = ["KiB", "MiB", "GiB", "TiB"].into_iter().peekable();
        let mut unit = "";
        while let Some(next) = units.next() {
            unit = next;
            // What would be shown as 1024.0 belongs to the next unit.
            if value < 1023.95 || units.peek().is_none() {
                break;
            }
            value /= 1024.0;
        }
        write!(out, "{value:.1} {unit}")
    }
}

/// A number with its digits in groups of three, apart by narrow spaces that no line breaks at.
#[derive(Clone, Copy, Debug)]
pub struct Grouped(pub u64);

impl fmt::Display for Grouped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut divisor = 1;
        while self.0 / divisor >= 1000 {
            divisor *= 1000;
        }
        write!(out, "{}", self.0 / divisor)?;
        while divisor > 1 {
            divisor /= 1000;
            write!(out, "\u{202f}{:03}", self.0 / divisor % 1000)?;
        }
        Ok(())
    }
}

/// A time for people, to the minute: `2026-11-22 05:04 UTC`.
#[derive(Clone, Copy, Debug)]
pub struct Minute(pub u64);

/// A time for programs (RFC 3339): `2026-11-22T05:04:03Z`.
#[derive(Clone, Copy, Debug)]
pub struct Second(pub u64);

impl fmt::Display for Minute {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0);
        let [hour, minute, _] = clock(self.0);
        write!(out, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

impl fmt::Display for Second {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0);
        let [hour, minute, second] = clock(self.0);
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn clock(unix_seconds: u64) -> [u64; 3] {
    [unix_seconds / 3600 % 24, unix_seconds / 60 % 60, unix_seconds % 60]
}

/// Year, month and day.
fn date(unix_seconds: u64) -> (u64, usize, u64) {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut days) = (1970, unix_seconds / DAY_SECONDS);
    while days >= 365 + u64::from(is_leap(year)) {
        if year == YEAR_MAX {
            return (YEAR_MAX, 12, 31);
        }
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    for (month, length) in MONTH_DAYS.into_iter().enumerate() {
        let length = length + u64::from(month == 1 && is_leap(year));
        if days < length {
            return (year, month + 1, days + 1);
        }
        days -= length;
    }
    (year, 12, 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (933_232_640, "890.0 MiB"),
            (10_213_130_240, "9.5 GiB"),
            (u64::MAX, "16777216.0 TiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), expected);
        }
    }

    #[test]
    fn digits_come_in_threes() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1 000"),
            (10_213_130_240, "10 213 130 240"),
            (1_000_000_000_000_000_000, "1 000 000 000 000 000 000"),
            (u64::MAX, "18 446 744 073 709 551 615"),
        ] {
            assert_eq!(Grouped(number).to_string(), expected.replace(' ', "\u{202f}"));
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (unix_seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Second(unix_seconds).to_string(), expected);
        }
        assert_eq!(Minute(784_111_777).to_string(), "1994-11-06 08:49 UTC");
        assert!(Second(u64::MAX).to_string().starts_with("9999-12-31T"));
    }
}
