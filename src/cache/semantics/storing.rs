//! Which responses are stored, and which of their fields: RFC 9111, sections 3 and 3.1.

use super::control::{self, Control};
use super::date;
use super::freshness::{Policy, Response};
use super::variant::Variant;
use crate::http::{FieldBlock, Fields, Method};

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unstorable {
    /// Its method has no responses that could be stored.
    Method,
    /// It is an interim response, or one that only says something of another: 1xx, 206, 304.
    Status,
    /// Request or response say `no-store`.
    NoStore,
    /// It is for one user: `private`.
    Private,
    /// The request was authorized, and the response does not say that others may have it (RFC 9111, section 3.5).
    Authorized,
    /// It depends on more than the request's fields: `Vary: *`, or one that makes no sense.
    Vary,
    /// It says nothing that would allow its storage.
    NotCacheable,
    /// It could never be used: it is stale from the start and cannot be validated.
    Useless,
}

/// Status codes whose meaning for caches is implemented here (RFC 9111, section 5.2.2.3): those of RFC 9110 but for 206
/// and 304, which are not stored, and 1xx, which are not final.
fn is_understood(status: u16) -> bool {
    matches!(status, 200..=205 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505)
}

/// Whether the response to a request may be stored by this shared cache, and for which requests it then is. `target` is
/// the URL that was asked for. Partial responses never are: a body is stored whole or not at all.
pub fn storable(
    policy: &Policy,
    method: Method,
    target: &str,
    request: Fields<'_>,
    response: &Response<'_>,
) -> Result<Variant, Unstorable> {
    let control = Control::of_response(response.fields, policy.heeds_targeted);
    let is_explicit = response.has_explicit_lifetime(&control);
    match method {
        Method::Get => {}
        // RFC 9110, section 9.3.3: what a POST brings may answer a later GET when it says that it is the same.
        Method::Post if is_explicit && response.status == 200 && is_about(target, response.fields) => {}
        _ => return Err(Unstorable::Method),
    }
    if !(200..=599).contains(&response.status) || matches!(response.status, 206 | 304) {
        return Err(Unstorable::Status);
    }
    // RFC 9111, section 5.2.2.3: `must-understand` overrides `no-store` for those who understand the status.
    let must_understand = control.must_understand;
    let forbids = if must_understand { !is_understood(response.status) } else { control.no_store };
    if forbids || Control::of_request(request).no_store {
        return Err(Unstorable::NoStore);
    }
    if control.private {
        return Err(Unstorable::Private);
    }
    let is_shared = control.public || control.must_revalidate || control.s_maxage.is_some();
    if request.has("authorization") && !is_shared {
        return Err(Unstorable::Authorized);
    }
    if !is_explicit && !control.public && !response.has_heuristic_status() {
        return Err(Unstorable::NotCacheable);
    }
    let variant = Variant::of(response.fields, request).ok_or(Unstorable::Vary)?;
    let usable_ms = if control.no_cache { 0 } else { response.lifetime_ms(&control, policy) };
    let is_usable = usable_ms > response.age_ms(response.responded_at_ms) || control.stale_while_revalidate > Some(0);
    if !is_usable && !response.has_validator() {
        return Err(Unstorable::Useless);
    }
    Ok(variant)
}

/// Whether Content-Location names the target.
fn is_about(target: &str, fields: Fields<'_>) -> bool {
    let location = fields.only("content-location").and_then(|location| str::from_utf8(location).ok());
    location
        .and_then(|location| super::location::resolve(target, location))
        .is_some_and(|url| Some(url) == super::location::resolve(target, ""))
}

/// Fields of one connection, which are neither stored nor passed on: RFC 9110, section 7.6.1, and those of
/// authentication to the next proxy (RFC 9110, section 11.7).
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    const NAMES: [&str; 10] = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// The fields of a message that are passed on: without those of the connection and those that Connection names
/// (RFC 9110, section 7.6.1).
pub fn forwarded_fields(fields: Fields<'_>) -> FieldBlock {
    let mut kept = FieldBlock::new();
    for (name, value) in fields.iter() {
        let is_named = fields.members("connection").any(|option| option.eq_ignore_ascii_case(name));
        if !is_named && !is_hop_by_hop(name) && !kept.push(name, value) {
            // What is not valid was refused when it came; should it come here it is not passed on.
            continue;
        }
    }
    kept
}

/// The fields of a response that are stored (RFC 9111, section 3.1): those that are passed on, without Content-Length
/// (the store knows it), without those that `no-cache="…"` and `private="…"` withhold, and with a Date, which is
/// the time of arrival where the origin gave none (RFC 9110, section 6.6.1).
pub fn storable_fields(fields: Fields<'_>, responded_at_ms: u64) -> FieldBlock {
    let mut kept = forwarded_fields(fields);
    let has_date = fields.only("date").and_then(|value| date::parse(value, responded_at_ms)).is_some();
    kept.retain(|name, _| {
        let is_withheld = control::withheld_fields(fields).any(|withheld| withheld.eq_ignore_ascii_case(name));
        let is_no_date = !has_date && name.eq_ignore_ascii_case(b"date");
        !is_withheld && !is_no_date && !name.eq_ignore_ascii_case(b"content-length")
    });
    if !has_date {
        // A date that we write is valid.
        let _ = kept.push(b"Date", date::format(responded_at_ms).as_bytes());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::semantics::tests::fields;

    /// 2026-11-20T00:00:00Z.
    const NOW_MS: u64 = 1_795_132_800_000;
    const TARGET: &str = "http://a.example/x";

    fn storing(method: Method, request: &str, status: u16, response: &str) -> Result<(), Unstorable> {
        let (request, block) = (fields(request), fields(response));
        let response = Response { status, fields: block.fields(), requested_at_ms: NOW_MS, responded_at_ms: NOW_MS };
        storable(&Policy::default(), method, TARGET, request.fields(), &response).map(|_| ())
    }

    #[test]
    fn responses_to_get_rfc9111_3() {
        use Unstorable::{NoStore, NotCacheable, Private, Status, Useless, Vary};
        let lm = "Last-Modified: Mon, 02 Nov 2026 00:00:00 GMT";
        let cases: &[(u16, &str, Result<(), Unstorable>)] = &[
            (200, "Cache-Control: max-age=60", Ok(())),
            (200, "Expires: Fri, 20 Nov 2026 00:01:00 GMT", Ok(())),
            (200, "Cache-Control: max-age=60|Set-Cookie: a=b", Ok(())),
            (200, lm, Ok(())),
            (200, "ETag: \"a\"", Ok(())),
            (200, "", Err(Useless)),
            (200, "Cache-Control: max-age=0", Err(Useless)),
            (200, "Cache-Control: max-age=60, no-cache", Err(Useless)),
            (200, "Cache-Control: max-age=60|Age: 60", Err(Useless)),
            (200, "Cache-Control: max-age=0, stale-while-revalidate=9", Ok(())),
            (200, "Cache-Control: no-cache|ETag: \"a\"", Ok(())),
            (200, "Cache-Control: max-age=60, no-store", Err(NoStore)),
            (200, "Cache-Control: max-age=60, private", Err(Private)),
            (200, "Cache-Control: max-age=60, private=\"x\"", Ok(())),
            (200, "Cache-Control: max-age=60|Vary: *", Err(Vary)),
            (200, "Cache-Control: max-age=60|Vary: a, *", Err(Vary)),
            (200, "CDN-Cache-Control: max-age=60|Cache-Control: no-store", Ok(())),
            (200, "CDN-Cache-Control: no-store|Cache-Control: max-age=60", Err(NoStore)),
            (100, "Cache-Control: max-age=60", Err(Status)),
            (206, "Cache-Control: max-age=60|Content-Range: bytes 0-1/2", Err(Status)),
            (304, "Cache-Control: max-age=60", Err(Status)),
            (302, "Cache-Control: max-age=60", Ok(())),
            (299, "Cache-Control: max-age=60", Ok(())),
            (599, "Cache-Control: max-age=60", Ok(())),
            (600, "Cache-Control: max-age=60", Err(Status)),
            (302, lm, Err(NotCacheable)),
            (503, "ETag: \"a\"", Err(NotCacheable)),
        ];
        for (status, response, expected) in cases {
            assert_eq!(storing(Method::Get, "", *status, response), *expected, "{status} {response}");
        }
    }

    #[test]
    fn must_understand_rfc9111_5_2_2_3() {
        let both = "Cache-Control: max-age=60, no-store, must-understand";
        assert_eq!(storing(Method::Get, "", 200, both), Ok(()));
        assert_eq!(storing(Method::Get, "", 599, both), Err(Unstorable::NoStore));
        assert_eq!(
            storing(Method::Get, "", 599, "Cache-Control: max-age=9, must-understand"),
            Err(Unstorable::NoStore)
        );
    }

    #[test]
    fn requests_have_a_say_rfc9111_3_5_and_5_2_1_5() {
        let get = |request: &str, response: &str| storing(Method::Get, request, 200, response);
        assert_eq!(get("Cache-Control: no-store", "Cache-Control: max-age=60"), Err(Unstorable::NoStore));
        assert_eq!(get("Cookie: a=b", "Cache-Control: max-age=60"), Ok(()));
        assert_eq!(get("Authorization: x", "Cache-Control: max-age=60"), Err(Unstorable::Authorized));
        for allowing in ["max-age=60, public", "max-age=60, must-revalidate", "s-maxage=60"] {
            assert_eq!(get("Authorization: x", &format!("Cache-Control: {allowing}")), Ok(()), "{allowing}");
        }
    }

    #[test]
    fn other_methods_rfc9110_9_3() {
        let fresh = "Cache-Control: max-age=60";
        for method in [Method::Head, Method::Put, Method::Delete, Method::Options, Method::Patch, Method::Post] {
            assert_eq!(storing(method, "", 200, fresh), Err(Unstorable::Method), "{method:?}");
        }
        for (location, expected) in [("/x", Ok(())), (TARGET, Ok(())), ("x", Ok(())), ("/y", Err(Unstorable::Method))] {
            let response = format!("{fresh}|Content-Location: {location}");
            assert_eq!(storing(Method::Post, "", 200, &response), expected, "{location}");
        }
        assert_eq!(storing(Method::Post, "", 200, "ETag: \"a\"|Content-Location: /x"), Err(Unstorable::Method));
    }

    #[test]
    fn fields_of_a_connection_stay_there_rfc9110_7_6_1_and_rfc9111_3_1() {
        let block = fields(
            "Connection: a, B|a: 1|b: 2|c: 3|Keep-Alive: x|Proxy-Authenticate: x|Proxy-Authentication-Info: x|\
             Proxy-Authorization: x|Proxy-Connection: x|TE: x|Trailer: x|Transfer-Encoding: x|Upgrade: x|\
             Content-Length: 3|Set-Cookie: a=b|X-Y: z|Date: x",
        );
        let kept = forwarded_fields(block.fields());
        assert_eq!(kept.lines(), b"c: 3\r\nContent-Length: 3\r\nSet-Cookie: a=b\r\nX-Y: z\r\nDate: x\r\n");
        let stored = storable_fields(block.fields(), NOW_MS);
        assert_eq!(stored.lines(), b"c: 3\r\nSet-Cookie: a=b\r\nX-Y: z\r\nDate: Fri, 20 Nov 2026 00:00:00 GMT\r\n");
    }

    #[test]
    fn withheld_fields_are_not_stored_rfc9111_5_2_2_4_and_5_2_2_7() {
        let block = fields(
            "Cache-Control: no-cache=\"A, b\", private=\"c\", max-age=9|a: 1|B: 2|c: 3|d: 4|\
             Date: Fri, 20 Nov 2026 00:00:00 GMT",
        );
        let stored = storable_fields(block.fields(), NOW_MS);
        let names: Vec<_> = stored.fields().iter().map(|(name, _)| str::from_utf8(name).unwrap()).collect();
        assert_eq!(names, ["Cache-Control", "d", "Date"]);
    }
}
