//! Requests for ranges, answered from a whole body: RFC 9110, sections 14 and 13.1.5.

use super::date;
use super::etag::EntityTag;
use super::freshness::Response;
use crate::http::{Fields, Members, Method};

/// Most ranges in one request that are answered; one with more gets the whole body. zchunk asks for up to 256.
pub const RANGE_COUNT_MAX: usize = 256;

/// A part of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its first byte.
    pub offset_bytes: u64,
    /// Its length, bytes, at least 1.
    pub length_bytes: u64,
}

impl Part {
    /// The value of Content-Range: `bytes 0-499/1234`.
    pub fn content_range(self, body_bytes: u64) -> String {
        format!("bytes {}-{}/{body_bytes}", self.offset_bytes, self.offset_bytes + self.length_bytes - 1)
    }

    fn end(self) -> u64 {
        self.offset_bytes + self.length_bytes
    }
}

/// A piece of the content of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// So much of `Multipart::text`.
    Text {
        /// Where it begins.
        start: usize,
        /// Where it ends.
        end: usize,
    },
    /// So much of the body.
    Body(Part),
}

/// The content of an answer with several parts (RFC 9110, section 14.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    /// What stands between the parts, one behind the other.
    pub text: Vec<u8>,
    /// What is sent, in order.
    pub segments: Vec<Segment>,
    /// Length of all of it, bytes.
    pub content_bytes: u64,
    /// The value of Content-Type.
    pub content_type: String,
}

/// What of a body answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it: there was no range, or one that does not count.
    Whole,
    /// 206 with one part and its `content_range`.
    Part(Part),
    /// 206 with several parts.
    Multipart(Multipart),
    /// 416 with `Content-Range: bytes */LENGTH`.
    Unsatisfiable,
}

/// Finds what of a stored body of that length answers a request. Ranges that overlap are joined (RFC 9110, section
/// 14.2); `boundary` separates several parts, and should be one that bodies do not hold: a hash of the validator, say.
pub fn select(
    method: Method,
    request: Fields<'_>,
    stored: &Response<'_>,
    body_bytes: u64,
    boundary: u128,
) -> Selection {
    // Range counts for GET alone (RFC 9110, section 14.2), and only for what is whole.
    let Some(range) = request.only("range").filter(|_| method == Method::Get && stored.status == 200) else {
        return Selection::Whole;
    };
    let Some(ranges) = parse(range).filter(|_| if_range_holds(request, stored)) else { return Selection::Whole };
    let parts: Vec<Part> = ranges.into_iter().filter_map(|range| range.within(body_bytes)).collect();
    match joined(parts).as_slice() {
        [] => Selection::Unsatisfiable,
        [part] => Selection::Part(*part),
        parts => {
            let content_type = stored.fields.only("content-type");
            Selection::Multipart(multipart(parts, content_type, body_bytes, boundary))
        }
    }
}

/// Whether a range in If-Range's condition counts (RFC 9110, section 13.1.5): only if the body is known to be the same
/// to the byte.
fn if_range_holds(request: Fields<'_>, stored: &Response<'_>) -> bool {
    if !request.has("if-range") {
        return true;
    }
    let Some(condition) = request.only("if-range") else { return false };
    if let Some(tag) = EntityTag::parse(condition) {
        return stored.fields.only("etag").and_then(EntityTag::parse).is_some_and(|own| own.matches_strongly(tag));
    }
    let date_of = |value: &[u8]| date::parse(value, stored.responded_at_ms);
    let modified = stored.fields.only("last-modified").and_then(date_of);
    // It could have changed twice in the second it was made in (RFC 9110, section 8.8.2.2).
    let made = stored.fields.only("date").and_then(date_of);
    let is_strong = modified.zip(made).is_some_and(|(modified, made)| modified < made);
    is_strong && date_of(condition) == modified
}

/// One range as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    From { first: u64, last: u64 },
    Suffix { length_bytes: u64 },
}

impl Asked {
    /// What of it a body of that length has.
    fn within(self, body_bytes: u64) -> Option<Part> {
        let (first, end) = match self {
            Asked::From { first, last } => (first, last.saturating_add(1).min(body_bytes)),
            Asked::Suffix { length_bytes } => (body_bytes.saturating_sub(length_bytes), body_bytes),
        };
        (first < end).then(|| Part { offset_bytes: first, length_bytes: end - first })
    }
}

/// `bytes=…`; `None` when it is anything else, invalid, or too much: it does not count then.
fn parse(range: &[u8]) -> Option<Vec<Asked>> {
    let (unit, set) = range.split_at_checked("bytes=".len())?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let mut ranges = Vec::new();
    for spec in Members::of(set) {
        if ranges.len() == RANGE_COUNT_MAX {
            return None;
        }
        let dash = spec.iter().position(|&byte| byte == b'-')?;
        let (first, last) = (&spec[..dash], &spec[dash + 1..]);
        ranges.push(match (first.is_empty(), last.is_empty()) {
            (true, true) => return None,
            (true, false) => Asked::Suffix { length_bytes: number(last)? },
            (false, true) => Asked::From { first: number(first)?, last: u64::MAX },
            (false, false) => Asked::From { first: number(first)?, last: number(last)? },
        });
        if let Some(Asked::From { first, last }) = ranges.last()
            && first > last
        {
            return None;
        }
    }
    (!ranges.is_empty()).then_some(ranges)
}

/// Numbers too large to be true are as large as can be.
fn number(digits: &[u8]) -> Option<u64> {
    let good = digits.iter().all(u8::is_ascii_digit);
    good.then(|| {
        digits.iter().fold(0u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    })
}

/// In the order in which they were asked for, unless some overlap: then in that of the body, joined.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut sorted = parts.clone();
    sorted.sort_unstable_by_key(|part| part.offset_bytes);
    if sorted.windows(2).all(|pair| pair[0].end() <= pair[1].offset_bytes) {
        return parts;
    }
    let mut joined: Vec<Part> = Vec::new();
    for part in sorted {
        match joined.last_mut() {
            Some(last) if part.offset_bytes < last.end() => {
                last.length_bytes = last.end().max(part.end()) - last.offset_bytes;
            }
            _ => joined.push(part),
        }
    }
    joined
}

fn multipart(parts: &[Part], content_type: Option<&[u8]>, body_bytes: u64, boundary: u128) -> Multipart {
    let mut text = Vec::new();
    let mut segments = Vec::with_capacity(parts.len() * 2 + 1);
    let mut content_bytes = 0;
    for part in parts {
        let start = text.len();
        let opening = if start == 0 { "--" } else { "\r\n--" };
        text.extend_from_slice(format!("{opening}{boundary:032x}\r\n").as_bytes());
        if let Some(content_type) = content_type {
            for piece in [&b"Content-Type: "[..], content_type, b"\r\n"] {
                text.extend_from_slice(piece);
            }
        }
        text.extend_from_slice(format!("Content-Range: {}\r\n\r\n", part.content_range(body_bytes)).as_bytes());
        segments.extend([Segment::Text { start, end: text.len() }, Segment::Body(*part)]);
        content_bytes += part.length_bytes;
    }
    let start = text.len();
    text.extend_from_slice(format!("\r\n--{boundary:032x}--\r\n").as_bytes());
    segments.push(Segment::Text { start, end: text.len() });
    content_bytes += text.len() as u64;
    Multipart { text, segments, content_bytes, content_type: format!("multipart/byteranges; boundary={boundary:032x}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::semantics::tests::fields;

    fn of(method: Method, request: &str, status: u16, stored: &str, body_bytes: u64) -> Selection {
        let (request, stored) = (fields(request), fields(stored));
        let response = Response { status, fields: stored.fields(), requested_at_ms: 0, responded_at_ms: 0 };
        select(method, request.fields(), &response, body_bytes, 0xb)
    }

    fn get(range: &str, body_bytes: u64) -> Selection {
        of(Method::Get, &format!("Range: {range}"), 200, "", body_bytes)
    }

    fn part(offset_bytes: u64, length_bytes: u64) -> Selection {
        Selection::Part(Part { offset_bytes, length_bytes })
    }

    #[test]
    fn single_ranges_rfc9110_14_1_2() {
        let cases = [
            ("bytes=0-499", 10_000, part(0, 500)),
            ("bytes=500-999", 10_000, part(500, 500)),
            ("bytes=-500", 10_000, part(9500, 500)),
            ("bytes=9500-", 10_000, part(9500, 500)),
            ("bytes=0-0", 10_000, part(0, 1)),
            ("bytes=0-", 10_000, part(0, 10_000)),
            ("BYTES=0-1", 10, part(0, 2)),
            ("bytes= 0-1 , ", 10, part(0, 2)),
            ("bytes=5-99999999999999999999999", 10, part(5, 5)),
            ("bytes=-20", 10, part(0, 10)),
            ("bytes=9-9", 10, part(9, 1)),
            ("bytes=10-", 10, Selection::Unsatisfiable),
            ("bytes=10-11, 12-13", 10, Selection::Unsatisfiable),
            ("bytes=-0", 10, Selection::Unsatisfiable),
            ("bytes=0-", 0, Selection::Unsatisfiable),
            ("bytes=-5", 0, Selection::Unsatisfiable),
            ("bytes=20-30, 1-2", 10, part(1, 2)),
        ];
        for (range, body_bytes, expected) in cases {
            assert_eq!(get(range, body_bytes), expected, "{range}");
        }
    }

    #[test]
    fn ranges_that_do_not_count_rfc9110_14_2() {
        for range in ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=2-1", "bytes=1", "bytes=1-2-3", "x=0-1"] {
            assert_eq!(get(range, 10), Selection::Whole, "{range}");
        }
        for range in ["bytes=0-1,a", "bytes=0-1,2-1", "bytes 0-1", "bytes=+1-2", "bytes=0-1;2-3", "bytes=--1"] {
            assert_eq!(get(range, 10), Selection::Whole, "{range}");
        }
        assert_eq!(of(Method::Head, "Range: bytes=0-1", 200, "", 10), Selection::Whole);
        assert_eq!(of(Method::Get, "Range: bytes=0-1", 404, "", 10), Selection::Whole);
        assert_eq!(of(Method::Get, "Range: bytes=0-1|Range: bytes=0-1", 200, "", 10), Selection::Whole);
        assert_eq!(of(Method::Get, "", 200, "", 10), Selection::Whole);
    }

    #[test]
    fn if_range_rfc9110_13_1_5() {
        let (date, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT");
        let cases = [
            ("\"a\"", "ETag: \"a\"".to_string(), true),
            ("\"a\"", "ETag: \"b\"".to_string(), false),
            ("W/\"a\"", "ETag: W/\"a\"".to_string(), false),
            ("\"a\"", "ETag: W/\"a\"".to_string(), false),
            ("\"a\"", String::new(), false),
            ("a", "ETag: \"a\"".to_string(), false),
            (date, format!("Last-Modified: {date}|Date: {later}"), true),
            (later, format!("Last-Modified: {date}|Date: {later}"), false),
            (date, format!("Last-Modified: {later}|Date: {later}"), false),
            (date, format!("Last-Modified: {date}|Date: {date}"), false),
            (date, format!("Last-Modified: {date}"), false),
        ];
        for (condition, stored, holds) in cases {
            let expected = if holds { part(0, 2) } else { Selection::Whole };
            let request = format!("Range: bytes=0-1|If-Range: {condition}");
            assert_eq!(of(Method::Get, &request, 200, &stored, 10), expected, "{condition} {stored}");
        }
    }

    /// What is sent for a body.
    fn content(multipart: &Multipart, body: &[u8]) -> String {
        let mut content = Vec::new();
        for segment in &multipart.segments {
            content.extend_from_slice(match *segment {
                Segment::Text { start, end } => &multipart.text[start..end],
                Segment::Body(part) => &body[part.offset_bytes as usize..part.end() as usize],
            });
        }
        assert_eq!(multipart.content_bytes, content.len() as u64);
        String::from_utf8(content).unwrap()
    }

    #[test]
    fn several_parts_rfc9110_14_6() {
        let boundary = "0000000000000000000000000000000b";
        let Selection::Multipart(found) =
            of(Method::Get, "Range: bytes=7-8,0-1,-1", 200, "Content-Type: text/plain", 10)
        else {
            panic!("no parts")
        };
        assert_eq!(found.content_type, format!("multipart/byteranges; boundary={boundary}"));
        let expected = format!(
            "--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-8/10\r\n\r\n78\r\n\
             --{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n\
             --{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 9-9/10\r\n\r\n9\r\n--{boundary}--\r\n"
        );
        assert_eq!(content(&found, b"0123456789"), expected);
    }

    #[test]
    fn overlapping_ranges_are_joined_rfc9110_14_2() {
        assert_eq!(get("bytes=5-9,0-5", 100), part(0, 10));
        assert_eq!(get("bytes=0-,0-,0-,-1", 100), part(0, 100));
        let Selection::Multipart(found) = get("bytes=50-59,0-9,5-14", 100) else { panic!("no parts") };
        let parts: Vec<_> = found.segments.iter().filter(|segment| matches!(segment, Segment::Body(_))).collect();
        let expected =
            [(0, 15), (50, 10)].map(|(offset_bytes, length_bytes)| Segment::Body(Part { offset_bytes, length_bytes }));
        assert_eq!(parts, expected.iter().collect::<Vec<_>>());
    }

    #[test]
    fn as_many_ranges_as_zchunk_asks_for() {
        let ranges = |count: u64| {
            let list: Vec<_> = (0..count).map(|index| format!("{0}-{0}", index * 2)).collect();
            get(&format!("bytes={}", list.join(",")), 1000)
        };
        let Selection::Multipart(found) = ranges(256) else { panic!("no parts") };
        assert_eq!(found.segments.len(), 513);
        assert_eq!(ranges(257), Selection::Whole);
    }
}
