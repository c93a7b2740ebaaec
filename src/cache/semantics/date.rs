//! Dates in fields: RFC 9110, section 5.6.7.

/// Reads a date in any of the three formats, into seconds since 1970; dates before that are 0. Letters may be in either
/// case, all else must be exact. `now_ms` says what century a year of two digits is in.
pub(super) fn parse(value: &[u8], now_ms: u64) -> Option<u64> {
    imf_fixdate(value).or_else(|| rfc850(value, now_ms)).or_else(|| asctime(value))
}

/// Milliseconds since 1970 as a date.
pub(super) fn format(time_ms: u64) -> String {
    // Beyond the year 9999 there is no such date.
    let seconds = (time_ms / 1000).min(253_402_300_799);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn imf_fixdate(value: &[u8]) -> Option<u64> {
    let (day_name, rest) = value.split_at_checked(3)?;
    let rest = rest.strip_prefix(b", ").filter(|rest| rest.len() == 24 && is_short_day(day_name))?;
    if rest[2] != b' ' || rest[6] != b' ' || rest[11] != b' ' || !is_gmt(&rest[20..]) {
        return None;
    }
    seconds(number(&rest[7..11])?, month(&rest[3..6])?, number(&rest[..2])?, time_of_day(&rest[12..20])?)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`.
fn rfc850(value: &[u8], now_ms: u64) -> Option<u64> {
    let comma = value.iter().position(|&byte| byte == b',')?;
    let is_day = DAYS.iter().any(|day| day.as_bytes().eq_ignore_ascii_case(&value[..comma]));
    let rest = value[comma..].strip_prefix(b", ").filter(|rest| rest.len() == 22 && is_day)?;
    if rest[2] != b'-' || rest[6] != b'-' || rest[9] != b' ' || !is_gmt(&rest[18..]) {
        return None;
    }
    let short_year = number(&rest[7..9])?;
    let (month, day, time) = (month(&rest[3..6])?, number(&rest[..2])?, time_of_day(&rest[10..18])?);
    // A date that seems more than 50 years in the future is the last one in the past with these digits.
    let now_seconds = now_ms / 1000;
    let this_year = 1970 + now_seconds / 31_556_952;
    let year = this_year - this_year % 100 + short_year;
    let candidate = seconds(year, month, day, time)?;
    let is_too_far = candidate > now_seconds.saturating_add(50 * 31_556_952);
    if is_too_far { seconds(year - 100, month, day, time) } else { Some(candidate) }
}

/// `Sun Nov  6 08:49:37 1994`.
fn asctime(value: &[u8]) -> Option<u64> {
    let is_shaped = value.len() == 24 && [3, 7, 10, 19].iter().all(|&at| value[at] == b' ');
    if !is_shaped || !is_short_day(&value[..3]) {
        return None;
    }
    let day = if value[8] == b' ' { number(&value[9..10])? } else { number(&value[8..10])? };
    seconds(number(&value[20..])?, month(&value[4..7])?, day, time_of_day(&value[11..19])?)
}

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn is_short_day(name: &[u8]) -> bool {
    DAYS.iter().any(|day| day.as_bytes()[..3].eq_ignore_ascii_case(name))
}

fn is_gmt(zone: &[u8]) -> bool {
    zone.eq_ignore_ascii_case(b" GMT")
}

/// From 1.
fn month(name: &[u8]) -> Option<u64> {
    MONTHS.iter().position(|month| month.as_bytes().eq_ignore_ascii_case(name)).map(|index| index as u64 + 1)
}

/// `08:49:37` in seconds; a leap second counts as the one before.
fn time_of_day(time: &[u8]) -> Option<u64> {
    let (hour, minute, second) = (number(&time[..2])?, number(&time[3..5])?, number(&time[6..8])?);
    let good = time[2] == b':' && time[5] == b':' && hour < 24 && minute < 60 && second <= 60;
    good.then(|| hour * 3600 + minute * 60 + second.min(59))
}

fn number(digits: &[u8]) -> Option<u64> {
    let all = digits.iter().all(u8::is_ascii_digit);
    all.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// Seconds since 1970 of a date in the Gregorian calendar.
fn seconds(year: u64, month: u64, day: u64, time: u64) -> Option<u64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_in_month = match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day == 0 || day > days_in_month {
        return None;
    }
    if year < 1970 {
        return Some(0);
    }
    // Days from the first of March of the year 0, after which every leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400 + time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_795_000_000_000;

    #[test]
    fn all_three_formats_rfc9110_5_6_7() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse(text.as_bytes(), NOW_MS), Some(784_111_777), "{text}");
            assert_eq!(parse(text.to_ascii_uppercase().as_bytes(), NOW_MS), Some(784_111_777));
        }
        assert_eq!(format(784_111_777_999), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn the_calendar_is_that_of_httpdate() {
        for day in (0..=2_932_896u64).step_by(13) {
            let seconds = day * 86_400 + day % 86_400;
            assert_eq!(parse(format(seconds * 1000).as_bytes(), NOW_MS), Some(seconds));
        }
        assert_eq!(parse(b"Mon, 29 Feb 2100 00:00:00 GMT", NOW_MS), None);
        assert_eq!(parse(b"Tue, 29 Feb 2000 23:59:60 GMT", NOW_MS), Some(951_868_799));
        assert_eq!(parse(b"Wed, 31 Dec 1969 23:59:59 GMT", NOW_MS), Some(0));
    }

    #[test]
    fn two_digits_are_at_most_fifty_years_ahead() {
        let year = |text: &str| 1970 + parse(text.as_bytes(), NOW_MS).unwrap() / 31_556_952;
        assert_eq!(year("Thursday, 18-Aug-50 02:01:18 GMT"), 2050);
        assert_eq!(year("Friday, 18-Aug-76 02:01:18 GMT"), 2076);
        assert_eq!(year("Thursday, 18-Aug-77 02:01:18 GMT"), 1977);
        assert_eq!(year("Thursday, 18-Aug-99 02:01:18 GMT"), 1999);
    }

    #[test]
    fn anything_else_is_no_date() {
        let bad = [
            "",
            "0",
            "-1",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu, 18  Aug  2050 02:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Thu, 18 Aug 2050 24:01:18 GMT",
            "Thu, 31 Jun 2050 02:01:18 GMT",
            "Thu, 00 Jun 2050 02:01:18 GMT",
            "Xxx, 18 Aug 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02:01:18 GMT ",
            "Thu, 18 Aug 2050 02:01:18",
            "Thu Aug  8 02:01:18 50",
            "Thu, +1 Aug 2050 02:01:18 GMT",
        ];
        for text in bad {
            assert_eq!(parse(text.as_bytes(), NOW_MS), None, "{text}");
        }
    }
}
