//! Figures for people: sizes and times, written without allocation.

use std::fmt;

use crate::calendar::Moment;

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

impl fmt::Display for Minute {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), [hour, minute, _]) = Moment(self.0).parts();
        write!(out, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
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
    fn times_are_to_the_minute() {
        assert_eq!(Minute(784_111_777).to_string(), "1994-11-06 08:49 UTC");
        assert_eq!(Minute(u64::MAX).to_string(), "9999-12-31 23:59 UTC");
    }
}
