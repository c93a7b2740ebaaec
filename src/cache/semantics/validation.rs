//! Asking whether a stored response still holds, and what the answer changes: RFC 9111, sections 3.2 and 4.3.

use super::etag::EntityTag;
use super::freshness::Response;
use super::storing::{forwarded_fields, storable_fields};
use crate::http::{FieldBlock, Fields};

/// The fields of a request that fetches a whole response for a client: those of the client that are passed on, without
/// its conditions and its range, which are answered from what comes.
pub fn unconditional_fields(request: Fields<'_>) -> FieldBlock {
    const CONDITIONS: [&str; 6] =
        ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"];
    let mut fields = forwarded_fields(request);
    fields.retain(|name, _| !CONDITIONS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name)));
    fields
}

/// The fields of a request that asks whether a stored response still holds (RFC 9111, section 4.3.1). Without a
/// validator in the response they are those of a plain request.
pub fn validating_fields(request: Fields<'_>, stored: &Response<'_>) -> FieldBlock {
    let mut fields = unconditional_fields(request);
    for (condition, validator) in [("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")] {
        if let Some(value) = stored.fields.only(validator) {
            // It was valid when it was stored.
            let _ = fields.push(condition.as_bytes(), value);
        }
    }
    fields
}

/// Whether a 304 is about this stored response, and not about another that the origin takes us to have (RFC 9111,
/// section 4.3.4): validators in it must be those of the stored response.
pub fn confirms(stored: Fields<'_>, not_modified: Fields<'_>) -> bool {
    match (tag(stored), tag(not_modified)) {
        (Some(ours), Some(theirs)) if theirs.is_weak() => ours.matches_weakly(theirs),
        (Some(ours), Some(theirs)) => ours.matches_strongly(theirs),
        (None, Some(_)) => false,
        (_, None) => same_if_given(stored, not_modified, "last-modified"),
    }
}

fn tag(fields: Fields<'_>) -> Option<EntityTag<'_>> {
    fields.only("etag").and_then(EntityTag::parse)
}

fn same_if_given(stored: Fields<'_>, new: Fields<'_>, name: &str) -> bool {
    new.only(name).is_none_or(|value| stored.only(name) == Some(value))
}

/// The stored fields after a response that confirms them: each field of `new` replaces those of its name (RFC 9111,
/// section 3.2), but for those that are about the body as it is stored. An Age that was not given anew goes.
pub fn freshened(stored: Fields<'_>, new: Fields<'_>, responded_at_ms: u64) -> FieldBlock {
    const OF_THE_BODY: [&str; 3] = ["content-length", "content-encoding", "content-range"];
    let is_of_the_body = |name: &[u8]| OF_THE_BODY.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
    let mut update = storable_fields(new, responded_at_ms);
    update.retain(|name, _| !is_of_the_body(name));
    let mut fields = FieldBlock::new();
    let is_replaced = |name: &[u8]| {
        name.eq_ignore_ascii_case(b"age")
            || update.fields().iter().any(|(replacing, _)| replacing.eq_ignore_ascii_case(name))
    };
    let kept = stored.iter().filter(|(name, _)| !is_replaced(name));
    for (name, value) in kept.chain(update.fields().iter()) {
        // Both were valid before.
        let _ = fields.push(name, value);
    }
    fields
}

/// What a response to HEAD says of a stored response to GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadEffect {
    /// Nothing.
    None,
    /// It still holds: its fields become those that `freshened` gives.
    Update,
    /// The body is another: it is stale.
    Invalidate,
}

/// What a response to HEAD says of a stored response to GET with a body of that length (RFC 9111, section 4.3.5).
pub fn head_effect(stored: &Response<'_>, body_bytes: u64, status: u16, head: Fields<'_>) -> HeadEffect {
    if status != 200 || stored.status != 200 {
        return HeadEffect::None;
    }
    let has_same_tag = match (tag(stored.fields), tag(head)) {
        (Some(ours), Some(theirs)) => ours.matches_strongly(theirs) || stored.fields.only("etag") == head.only("etag"),
        (None, Some(_)) => false,
        (_, None) => true,
    };
    let length = head.only("content-length").map(|digits| digits == body_bytes.to_string().as_bytes());
    // The body of an encoded response has another length.
    let has_same_length =
        length.unwrap_or(true) || head.only("content-encoding") != stored.fields.only("content-encoding");
    match has_same_tag && has_same_length && same_if_given(stored.fields, head, "last-modified") {
        true => HeadEffect::Update,
        false => HeadEffect::Invalidate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::semantics::tests::fields;

    /// 2026-11-20T00:00:00Z.
    const NOW_MS: u64 = 1_795_132_800_000;

    fn response(block: &FieldBlock) -> Response<'_> {
        Response { status: 200, fields: block.fields(), requested_at_ms: NOW_MS, responded_at_ms: NOW_MS }
    }

    #[test]
    fn conditions_are_ours_rfc9111_4_3_1() {
        let request = fields(
            "Host: a|Foo: 1|If-None-Match: \"x\"|If-Modified-Since: y|If-Match: z|If-Unmodified-Since: z|If-Range: z|\
             Range: bytes=0-|Connection: foo",
        );
        assert_eq!(unconditional_fields(request.fields()).lines(), b"Host: a\r\n");
        let stored = fields("ETag: W/\"a\"|Last-Modified: yesterday");
        assert_eq!(
            validating_fields(request.fields(), &response(&stored)).lines(),
            b"Host: a\r\nIf-None-Match: W/\"a\"\r\nIf-Modified-Since: yesterday\r\n"
        );
    }

    #[test]
    fn which_304_confirms_rfc9111_4_3_4() {
        let cases = [
            ("ETag: \"a\"", "ETag: \"a\"", true),
            ("ETag: \"a\"", "ETag: \"b\"", false),
            ("ETag: \"a\"", "ETag: W/\"a\"", true),
            ("ETag: W/\"a\"", "ETag: W/\"a\"", true),
            ("ETag: W/\"a\"", "ETag: \"a\"", false),
            ("Last-Modified: x", "ETag: \"a\"", false),
            ("ETag: \"a\"|Last-Modified: x", "Last-Modified: x", true),
            ("ETag: \"a\"|Last-Modified: x", "Last-Modified: y", false),
            ("ETag: \"a\"", "", true),
        ];
        for (stored, new, expected) in cases {
            assert_eq!(confirms(fields(stored).fields(), fields(new).fields()), expected, "{stored} {new}");
        }
    }

    #[test]
    fn which_fields_a_304_updates_rfc9111_3_2() {
        let stored = fields(
            "A: 1|B: 2|Cache-Control: max-age=1|Content-Length: 36|Content-Encoding: gzip|Content-Type: a/b|\
             Set-Cookie: a=1|Set-Cookie: b=1|Age: 500|Date: Thu, 19 Nov 2026 00:00:00 GMT",
        );
        let new = fields(
            "a: 3|Cache-Control: max-age=9|Content-Length: 10|Content-Encoding: br|Content-Range: x|\
             Content-Type: c/d|Set-Cookie: c=1|Transfer-Encoding: chunked|Connection: B|C: 4",
        );
        let expected = "B: 2|Content-Length: 36|Content-Encoding: gzip|a: 3|Cache-Control: max-age=9|\
                        Content-Type: c/d|Set-Cookie: c=1|C: 4|Date: Fri, 20 Nov 2026 00:00:00 GMT";
        assert_eq!(freshened(stored.fields(), new.fields(), NOW_MS), fields(expected));
        let aged = freshened(stored.fields(), fields("Age: 7").fields(), NOW_MS);
        assert_eq!(aged.fields().only("age"), Some(&b"7"[..]));
    }

    #[test]
    fn what_head_says_rfc9111_4_3_5() {
        use HeadEffect::*;
        let cases = [
            ("", "", Update),
            ("", "Content-Length: 5", Update),
            ("", "Content-Length: 6", Invalidate),
            ("", "Content-Length: 6|Content-Encoding: gzip", Update),
            ("ETag: \"a\"", "ETag: \"a\"|Content-Length: 5", Update),
            ("ETag: \"a\"", "ETag: \"b\"", Invalidate),
            ("ETag: W/\"a\"", "ETag: W/\"a\"", Update),
            ("", "ETag: \"b\"", Invalidate),
            ("Last-Modified: x", "Last-Modified: y", Invalidate),
            ("ETag: \"a\"", "", Update),
        ];
        for (stored, head, expected) in cases {
            let (stored, head) = (fields(stored), fields(head));
            assert_eq!(head_effect(&response(&stored), 5, 200, head.fields()), expected, "{stored:?} {head:?}");
            assert_eq!(head_effect(&response(&stored), 5, 404, head.fields()), None);
        }
    }
}
