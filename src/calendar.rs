//! Days and times of the calendar, UTC: from seconds since 1970 and back.
//!
//! Not here: what time it is (whoever runs a loop), dates as HTTP spells them (`httpdate`).

use std::fmt;

/// Seconds of a day.
pub const DAY_SECONDS: u64 = 86_400;

/// Days from 0000-03-01 to 1970-01-01. Years are counted from March, so that a leap day is the last of its year, in
/// eras of 400 years, which all have 146,097 days.
const EPOCH_DAY: u64 = 719_468;
/// The last year that `unix_days` takes: four digits are all there is.
const YEAR_MAX: u64 = 9999;
/// The last second of that year.
const SECONDS_MAX: u64 = 253_402_300_799;

/// Year, month (1 to 12) and day (1 to 31) of a day, counted from 1970-01-01.
pub fn date(unix_days: u64) -> (u64, u8, u8) {
    let day = unix_days.saturating_add(EPOCH_DAY);
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // From March on the months have 31, 30, 31, 30, 31 days, and again: 153 in five.
    let from_march = (5 * of_year + 2) / 153;
    let month_day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    (year, month as u8, month_day as u8)
}

/// The day with this date, counted from 1970-01-01; none when there is no such day, or it is before 1970 or after 9999.
pub fn unix_days(year: u64, month: u8, day: u8) -> Option<u64> {
    if !(1970..=YEAR_MAX).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let month = u64::from(month);
    let (year_from_march, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year_from_march / 400, year_from_march % 400);
    let of_year = (153 * from_march + 2) / 5 + u64::from(day) - 1;
    let days = (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(EPOCH_DAY)?;
    // The 31st of a month that has none is another date on the way back.
    (date(days) == (year, month as u8, day)).then_some(days)
}

/// A time, seconds since 1970, shown as RFC 3339 has it: `2026-11-22T06:11:03Z`. What is beyond the year 9999 is shown
/// as its last second.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub u64);

impl Moment {
    /// Year, month and day; hour, minute and second.
    pub fn parts(self) -> ((u64, u8, u8), [u64; 3]) {
        let seconds = self.0.min(SECONDS_MAX);
        let of_day = seconds % DAY_SECONDS;
        (date(seconds / DAY_SECONDS), [of_day / 3_600, of_day / 60 % 60, of_day % 60])
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), [hour, minute, second]) = self.parts();
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// The same as text.
pub fn moment(unix_seconds: u64) -> String {
    Moment(unix_seconds).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// `httpdate` has the same calendar, spelt otherwise.
    fn moment_of_http_date(seconds: u64) -> String {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
        let month = MONTHS.find(&date[8..11]).unwrap() / 3 + 1;
        format!("{}-{month:02}-{}T{}Z", &date[12..16], &date[5..7], &date[17..25])
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(951_782_400), "2000-02-29T00:00:00Z");
        for day in 0..200 * 366 {
            let seconds = day * DAY_SECONDS + day * 7 % DAY_SECONDS;
            assert_eq!(moment(seconds), moment_of_http_date(seconds));
        }
        assert_eq!(moment(SECONDS_MAX), "9999-12-31T23:59:59Z");
        assert_eq!(moment(u64::MAX), "9999-12-31T23:59:59Z", "no time is too late");
    }

    #[test]
    fn a_date_leads_back_to_its_day() {
        for day in 0..200 * 366 {
            let (year, month, of_month) = date(day);
            assert_eq!(unix_days(year, month, of_month), Some(day));
        }
        for (year, month, day) in
            [(2026, 2, 29), (2026, 4, 31), (2026, 0, 1), (2026, 13, 1), (2026, 1, 0), (1969, 12, 31), (10_000, 1, 1)]
        {
            assert_eq!(unix_days(year, month, day), None, "{year}-{month}-{day}");
        }
    }
}
