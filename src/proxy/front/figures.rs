//! Sizes and times as people read them.

use std::fmt;
use std::time::{Duration, SystemTime};

/// A length in bytes: `1.9 GiB`.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl Size {
    /// The size of so many bytes, for templates, which lend what they have.
    pub fn of(value: &u64) -> Size {
        Size(*value)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = |unit: u64| (u128::from(self.0) * 10 / u128::from(unit)) as u64;
        for (name, unit) in [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if self.0 >= unit {
                return write!(out, "{}.{} {name}", tenths(unit) / 10, tenths(unit) % 10);
            }
        }
        write!(out, "{} bytes", self.0)
    }
}

/// A number with its digits in groups: `1,234`.
#[derive(Clone, Copy, Debug)]
pub struct Count(pub u64);

impl Count {
    /// So many, for templates, which lend what they have.
    pub fn of(value: &u64) -> Count {
        Count(*value)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(out, "{}", self.0);
        }
        write!(out, "{},{:03}", Count(self.0 / 1000), self.0 % 1000)
    }
}

/// How long ago, seconds: `3 hours ago`.
#[derive(Clone, Copy, Debug)]
pub struct Ago(pub u64);

impl fmt::Display for Ago {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, unit) in [("day", 86_400), ("hour", 3600), ("minute", 60)] {
            let count = self.0 / unit;
            if count > 0 {
                return write!(out, "{count} {name}{} ago", if count == 1 { "" } else { "s" });
            }
        }
        out.write_str("just now")
    }
}

/// A time, seconds since 1970: `Sat, 21 Nov 2026 08:00:00 GMT`.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub u64);

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The last year that has four digits.
        const SECONDS_MAX: u64 = 253_402_300_799;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.min(SECONDS_MAX));
        httpdate::HttpDate::from(time).fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (2_040_109_465, "1.8 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(Count(count).to_string(), text);
        }
        for (seconds, text) in [(0, "just now"), (60, "1 minute ago"), (7300, "2 hours ago"), (200_000, "2 days ago")] {
            assert_eq!(Ago(seconds).to_string(), text);
        }
        assert_eq!(Moment(784_111_777).to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(Moment(u64::MAX).to_string().ends_with("9999 23:59:59 GMT"));
    }
}
