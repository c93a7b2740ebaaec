//! How long a response is fresh, and how old it is: RFC 9111, section 4.2.

use super::control::{self, Control};
use super::date;
use crate::http::{Fields, Members};

/// What an operator decides about caching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a response may be fresh by heuristic at most, seconds (RFC 9111, section 4.2.2).
    pub heuristic_seconds_max: u32,
    /// How long a stale response may be used when the origin fails and the response says nothing of it, seconds
    /// (RFC 9111, section 4.2.4; RFC 5861, section 4).
    pub stale_if_error_seconds: u32,
    /// CDN-Cache-Control counts (RFC 9213).
    pub heeds_targeted: bool,
}

impl Default for Policy {
    /// A day, a week, yes.
    fn default() -> Policy {
        Policy { heuristic_seconds_max: 86_400, stale_if_error_seconds: 7 * 86_400, heeds_targeted: true }
    }
}

/// A response and the times of its exchange, wherever it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The status code.
    pub status: u16,
    /// Its fields.
    pub fields: Fields<'a>,
    /// When its request was sent, milliseconds since 1970.
    pub requested_at_ms: u64,
    /// When its head had come, milliseconds since 1970.
    pub responded_at_ms: u64,
}

/// A length of time, milliseconds.
pub(super) type Millis = u64;

/// Status codes that may be stored and reused by heuristic (RFC 9110, section 15.1); 206 is, but is not stored here.
const HEURISTIC_STATUSES: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

impl Response<'_> {
    /// The time in its Date field, seconds since 1970; when it was received, if there is none (RFC 9110, section
    /// 6.6.1).
    fn date_seconds(&self) -> u64 {
        let date = self.fields.only("date").and_then(|date| date::parse(date, self.responded_at_ms));
        date.unwrap_or(self.responded_at_ms / 1000)
    }

    /// The value of its Age field, seconds: the first member, and 0 when that is no number (RFC 9111, section 5.1).
    fn age_seconds(&self) -> u32 {
        let first = self.fields.first("age").and_then(|value| Members::of(value).next());
        first.and_then(control::seconds).unwrap_or(0)
    }

    /// How old it is, milliseconds (RFC 9111, section 4.2.3).
    pub(super) fn age_ms(&self, now_ms: u64) -> Millis {
        // In whole seconds, because a Date field has no others.
        let apparent_ms = (self.responded_at_ms / 1000).saturating_sub(self.date_seconds()) * 1000;
        let delay_ms = self.responded_at_ms.saturating_sub(self.requested_at_ms);
        let corrected_ms = (u64::from(self.age_seconds()) * 1000).saturating_add(delay_ms);
        apparent_ms.max(corrected_ms).saturating_add(now_ms.saturating_sub(self.responded_at_ms))
    }

    /// How long it is fresh in all, milliseconds (RFC 9111, section 4.2.1).
    pub(super) fn lifetime_ms(&self, control: &Control, policy: &Policy) -> Millis {
        if let Some(seconds) = control.s_maxage.or(control.max_age) {
            return u64::from(seconds) * 1000;
        }
        if !control.is_targeted && self.fields.has("expires") {
            // Several, or one that is no date, mean a time in the past (RFC 9111, section 5.3).
            let expires = self.fields.only("expires").and_then(|expires| date::parse(expires, self.responded_at_ms));
            return expires.unwrap_or(0).saturating_sub(self.date_seconds()) * 1000;
        }
        let by_heuristic = HEURISTIC_STATUSES.contains(&self.status) || control.public;
        let modified = self.fields.only("last-modified").and_then(|date| date::parse(date, self.responded_at_ms));
        let Some(modified) = modified.filter(|_| by_heuristic) else { return 0 };
        // A tenth of the time since it was changed last (RFC 9111, section 4.2.2).
        let tenth_ms = self.date_seconds().saturating_sub(modified) * 100;
        tenth_ms.min(u64::from(policy.heuristic_seconds_max) * 1000)
    }

    /// Whether its freshness is stated, not guessed.
    pub(super) fn has_explicit_lifetime(&self, control: &Control) -> bool {
        let has_expires = !control.is_targeted && self.fields.has("expires");
        control.s_maxage.is_some() || control.max_age.is_some() || has_expires
    }

    /// Whether its status code may be reused by heuristic (RFC 9110, section 15.1).
    pub(super) fn has_heuristic_status(&self) -> bool {
        HEURISTIC_STATUSES.contains(&self.status)
    }

    /// Whether it can be validated: it has an entity tag or the date of its last change.
    pub(super) fn has_validator(&self) -> bool {
        self.fields.only("etag").is_some() || self.fields.only("last-modified").is_some()
    }

    /// How old it is, in whole seconds: the Age field of an answer made from it (RFC 9111, section 4).
    pub fn age(&self, now_ms: u64) -> u64 {
        self.age_ms(now_ms) / 1000
    }

    /// For how much longer it is fresh, milliseconds; 0 when it is stale.
    #[cfg(test)]
    pub fn fresh_for_ms(&self, policy: &Policy, now_ms: u64) -> u64 {
        let control = Control::of_response(self.fields, policy.heeds_targeted);
        self.lifetime_ms(&control, policy).saturating_sub(self.age_ms(now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldBlock;

    /// 2026-11-20T00:00:00Z.
    const NOW_MS: u64 = 1_795_132_800_000;

    fn fields(list: &[(&str, &str)]) -> FieldBlock {
        let mut block = FieldBlock::new();
        for (name, value) in list {
            assert!(block.push(name.as_bytes(), value.as_bytes()));
        }
        block
    }

    fn at(offset_seconds: i64) -> String {
        date::format(NOW_MS.saturating_add_signed(offset_seconds * 1000))
    }

    fn response(status: u16, block: &FieldBlock) -> Response<'_> {
        Response { status, fields: block.fields(), requested_at_ms: NOW_MS, responded_at_ms: NOW_MS }
    }

    fn lifetime(status: u16, list: &[(&str, &str)]) -> u64 {
        let block = fields(list);
        let control = Control::of_response(block.fields(), true);
        response(status, &block).lifetime_ms(&control, &Policy::default()) / 1000
    }

    #[test]
    fn lifetimes_rfc9111_4_2_1() {
        let (date, past, future, slow) = (at(0), at(-7200), at(3600), at(-10));
        let cases: &[(&[(&str, &str)], u64)] = &[
            (&[], 0),
            (&[("Cache-Control", "max-age=60")], 60),
            (&[("Cache-Control", "max-age=60, s-maxage=5")], 5),
            (&[("Cache-Control", "s-maxage=60"), ("Cache-Control", "max-age=5")], 60),
            (&[("Cache-Control", "max-age=60"), ("Expires", &past)], 60),
            (&[("Cache-Control", "max-age=60"), ("Expires", "0")], 60),
            (&[("Cache-Control", "max-age=0"), ("Expires", &future), ("Date", &date)], 0),
            (&[("Expires", &future), ("Date", &date)], 3600),
            (&[("Expires", &future), ("Date", &slow)], 3610),
            (&[("Expires", &future)], 3600),
            (&[("Expires", &future), ("Date", "foo")], 3600),
            (&[("Expires", &date), ("Date", &date)], 0),
            (&[("Expires", &past), ("Date", &date)], 0),
            (&[("Expires", "0"), ("Date", &date), ("Last-Modified", &past)], 0),
            (&[("Expires", &future), ("Expires", &future), ("Date", &date)], 0),
            (&[("CDN-Cache-Control", "max-age=60"), ("Cache-Control", "max-age=5"), ("Expires", &past)], 60),
            (&[("CDN-Cache-Control", "must-revalidate"), ("Expires", &future), ("Date", &date)], 0),
        ];
        for (list, expected) in cases {
            assert_eq!(lifetime(200, list), *expected, "{list:?}");
        }
    }

    #[test]
    fn heuristics_rfc9111_4_2_2() {
        let (date, week, year) = (at(0), at(-7 * 86_400), at(-365 * 86_400));
        for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
            assert_eq!(lifetime(status, &[("Last-Modified", &week), ("Date", &date)]), 60_480, "{status}");
        }
        for status in [201, 202, 302, 307, 400, 403, 500, 502, 503, 504, 599] {
            assert_eq!(lifetime(status, &[("Last-Modified", &week), ("Date", &date)]), 0, "{status}");
        }
        let public = [("Last-Modified", &*week), ("Date", &date), ("Cache-Control", "public")];
        assert_eq!(lifetime(599, &public), 60_480);
        assert_eq!(lifetime(200, &[("Last-Modified", &year)]), 86_400, "capped");
        assert_eq!(lifetime(200, &[("Last-Modified", &at(60)), ("Date", &date)]), 0, "changed in the future");
        assert_eq!(lifetime(200, &[("Last-Modified", "x")]), 0);
    }

    #[test]
    fn ages_rfc9111_4_2_3_and_5_1() {
        let (date, slow, fast) = (at(0), at(-100), at(100));
        let cases: &[(&[(&str, &str)], u64)] = &[
            (&[], 0),
            (&[("Date", &date)], 0),
            (&[("Date", &slow)], 100),
            (&[("Date", &fast)], 0),
            (&[("Age", "30"), ("Date", &slow)], 100),
            (&[("Age", "300"), ("Date", &slow)], 300),
            (&[("Age", "7200, 0")], 7200),
            (&[("Age", "0, 7200")], 0),
            (&[("Age", "7200"), ("Age", "0")], 7200),
            (&[("Age", "abc")], 0),
            (&[("Age", "-7200")], 0),
            (&[("Age", "7200.0")], 0),
            (&[("Age", "2147483649")], 2_147_483_649),
            (&[("Age", "99999999999999999999")], u64::from(u32::MAX)),
        ];
        for (list, expected) in cases {
            let block = fields(list);
            let response = response(200, &block);
            assert_eq!(response.age(NOW_MS), *expected, "{list:?}");
            assert_eq!(response.age(NOW_MS + 5000), *expected + 5, "resident {list:?}");
            assert_eq!(response.age(NOW_MS - 5000), *expected, "a clock that went back {list:?}");
            let slow = Response { requested_at_ms: NOW_MS - 7000, ..response };
            assert!(slow.age(NOW_MS) >= 7, "time on the way {list:?}");
        }
    }
}
