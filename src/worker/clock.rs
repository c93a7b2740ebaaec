//! `Clock`: the time of one turn of a loop, in the spellings that answers and logs need.
//!
//! Read once per turn and made anew once per second, so that no answer asks the system for the time.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::http::Date;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The time of a turn.
#[derive(Clone, Debug)]
pub struct Clock {
    unix_seconds: u64,
    http_date: Date,
    log_time: [u8; 28],
}

impl Clock {
    /// A clock that shows `now`.
    pub fn new(now: SystemTime) -> Clock {
        let mut clock = Clock { unix_seconds: u64::MAX, http_date: [b' '; 29], log_time: [b' '; 28] };
        clock.set(now);
        clock
    }

    /// Sets the clock; does nothing within a second.
    pub fn set(&mut self, now: SystemTime) {
        let unix_seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if unix_seconds == self.unix_seconds {
            return;
        }
        self.unix_seconds = unix_seconds;
        let whole = UNIX_EPOCH + Duration::from_secs(unix_seconds);
        // Both fit exactly up to the year 9999; a later clock leaves the end as it was.
        let _ = write!(&mut self.http_date[..], "{}", httpdate::HttpDate::from(whole));
        let date = self.http_date;
        let text = std::str::from_utf8(&date).unwrap_or_default();
        // `Sun, 22 Nov 2026 05:04:03 GMT` has all that `[22/Nov/2026:05:04:03 +0000]` needs.
        if let (Some(day), Some(month), Some(year), Some(time)) =
            (text.get(5..7), text.get(8..11), text.get(12..16), text.get(17..25))
        {
            debug_assert!(MONTHS.contains(&month));
            let _ = write!(&mut self.log_time[..], "[{day}/{month}/{year}:{time} +0000]");
        }
    }

    /// Seconds since 1970.
    pub fn unix_seconds(&self) -> u64 {
        self.unix_seconds
    }

    /// As the `Date` field wants it.
    pub fn http_date(&self) -> &Date {
        &self.http_date
    }

    /// As the access log wants it, with its brackets.
    pub fn log_time(&self) -> &[u8] {
        &self.log_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_of_the_same_second() {
        let mut clock = Clock::new(UNIX_EPOCH + Duration::from_millis(784_111_777_999));
        assert_eq!(clock.http_date(), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(clock.log_time(), b"[06/Nov/1994:08:49:37 +0000]");
        clock.set(UNIX_EPOCH + Duration::from_secs(784_111_778));
        assert_eq!(clock.http_date(), b"Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(clock.unix_seconds(), 784_111_778);
    }
}
