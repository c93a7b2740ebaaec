//! Conditional requests of clients, answered from the cache: RFC 9111, section 4.3.2, and RFC 9110, section 13.

use super::date;
use super::etag::{self, EntityTag};
use super::freshness::Response;
use crate::http::{FieldBlock, Fields};

/// What comes of a request's conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answer as if there were none.
    Proceed,
    /// Answer 304 with `not_modified_fields`.
    NotModified,
}

/// Holds the conditions of a GET or HEAD against the response that would be the answer. If-Match and
/// If-Unmodified-Since are for origins and do not count here (RFC 9111, section 4.3.2).
pub fn precondition(request: Fields<'_>, stored: &Response<'_>) -> Outcome {
    // Conditions only count where the answer would be a success (RFC 9110, section 13.2.1).
    if !(200..300).contains(&stored.status) {
        return Outcome::Proceed;
    }
    let holds = if request.has("if-none-match") {
        // If-Modified-Since is passed over then (RFC 9110, section 13.1.3).
        has_one_of(request, stored)
    } else {
        is_unmodified(request, stored)
    };
    if holds { Outcome::NotModified } else { Outcome::Proceed }
}

fn has_one_of(request: Fields<'_>, stored: &Response<'_>) -> bool {
    if request.only("if-none-match") == Some(b"*") {
        return true;
    }
    let Some(tag) = stored.fields.only("etag").and_then(EntityTag::parse) else { return false };
    request.all("if-none-match").flat_map(etag::list).any(|asked| asked.matches_weakly(tag))
}

fn is_unmodified(request: Fields<'_>, stored: &Response<'_>) -> bool {
    let date_of = |fields: Fields<'_>, name| {
        fields.only(name).and_then(|value: &[u8]| date::parse(value, stored.responded_at_ms))
    };
    let Some(since) = date_of(request, "if-modified-since") else { return false };
    // Without the date of its last change, that of the response, or of its arrival, stands in.
    let modified = date_of(stored.fields, "last-modified").or_else(|| date_of(stored.fields, "date"));
    modified.unwrap_or(stored.responded_at_ms / 1000) <= since
}

/// The fields of a 304 made from a stored response: without those that describe a body (RFC 9110, section 15.4.5).
pub fn not_modified_fields(stored: Fields<'_>) -> FieldBlock {
    const OF_A_BODY: [&str; 6] =
        ["content-encoding", "content-language", "content-length", "content-md5", "content-range", "content-type"];
    let mut fields = FieldBlock::new();
    for (name, value) in stored.iter() {
        if !OF_A_BODY.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name)) {
            // It was valid when it was stored.
            let _ = fields.push(name, value);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::semantics::tests::fields;

    /// 2026-11-20T00:00:00Z.
    const NOW_MS: u64 = 1_795_132_800_000;

    fn is_not_modified(request: &str, status: u16, stored: &str) -> bool {
        let (request, stored) = (fields(request), fields(stored));
        let response = Response { status, fields: stored.fields(), requested_at_ms: NOW_MS, responded_at_ms: NOW_MS };
        precondition(request.fields(), &response) == Outcome::NotModified
    }

    #[test]
    fn if_none_match_rfc9110_13_1_2() {
        let cases = [
            ("If-None-Match: \"a\"", "ETag: \"a\"", true),
            ("If-None-Match: \"a\"", "ETag: W/\"a\"", true),
            ("If-None-Match: W/\"a\"", "ETag: \"a\"", true),
            ("If-None-Match: \"1\", \"a\", \"2\"", "ETag: \"a\"", true),
            ("If-None-Match: \"1\"|If-None-Match: \"a\"", "ETag: \"a\"", true),
            ("If-None-Match: \"1,a\"", "ETag: \"a\"", false),
            ("If-None-Match: *", "", true),
            ("If-None-Match: \"*\"", "ETag: \"a\"", false),
            ("If-None-Match: \"a\"", "ETag: \"b\"", false),
            ("If-None-Match: \"a\"", "", false),
            ("If-None-Match: a", "ETag: \"a\"", false),
            ("If-None-Match: \"A\"", "ETag: \"a\"", false),
            ("If-Match: \"b\"", "ETag: \"a\"", false),
        ];
        for (request, stored, expected) in cases {
            assert_eq!(is_not_modified(request, 200, stored), expected, "{request} {stored}");
            assert!(!is_not_modified(request, 404, stored), "RFC 9110, section 13.2.1");
        }
    }

    #[test]
    fn if_modified_since_rfc9110_13_1_3() {
        let day = |day: u8| format!("{day:02} Nov 2026 00:00:00 GMT");
        let stored = format!("Last-Modified: Mon, {}", day(10));
        let cases = [
            (format!("If-Modified-Since: Mon, {}", day(10)), true),
            (format!("If-Modified-Since: Wed, {}", day(11)), true),
            (format!("If-Modified-Since: Mon, {}", day(9)), false),
            ("If-Modified-Since: Tuesday, 10-Nov-26 00:00:00 GMT".to_string(), true),
            ("If-Modified-Since: Tue Nov 10 00:00:00 2026".to_string(), true),
            ("If-Modified-Since: 0".to_string(), false),
            (format!("If-Modified-Since: Mon, {0}|If-Modified-Since: Mon, {0}", day(10)), false),
            (format!("If-None-Match: \"b\"|If-Modified-Since: Mon, {}", day(10)), false),
        ];
        for (request, expected) in cases {
            assert_eq!(is_not_modified(&request, 200, &stored), expected, "{request}");
        }
        let since = format!("If-Modified-Since: Mon, {}", day(20));
        assert!(is_not_modified(&since, 200, &format!("Date: Mon, {}", day(19))), "Date stands in: RFC 9111, 4.3.2");
        assert!(!is_not_modified(&since, 200, &format!("Date: Mon, {}", day(21))));
        assert!(is_not_modified(&since, 200, ""), "and the time of arrival");
    }

    #[test]
    fn fields_of_a_304_rfc9110_15_4_5() {
        let stored = fields("ETag: \"a\"|Content-Type: a/b|content-length: 5|Content-Location: /a|Vary: a|Date: d");
        let kept = not_modified_fields(stored.fields());
        assert_eq!(kept, fields("ETag: \"a\"|Content-Location: /a|Vary: a|Date: d"));
    }
}
