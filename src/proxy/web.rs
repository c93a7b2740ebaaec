//! Requests to the web as a proxy passes them on: URLs, `Via`, loops.

use crate::cache::semantics::forwarded_fields;
use crate::http::{FieldBlock, Fields};

/// The URL of a request, in the one spelling that names it in the cache: the host in lower case, without the port that
/// goes without saying (RFC 9110, section 4.2.3).
pub fn url(authority: &[u8], path: &[u8], query: Option<&[u8]>) -> Option<String> {
    let authority = str::from_utf8(authority).ok()?.to_ascii_lowercase();
    let authority = authority.strip_suffix(":80").or_else(|| authority.strip_suffix(':')).unwrap_or(&authority);
    let path = if path == b"*" { "/" } else { str::from_utf8(path).ok()? };
    let query = query.map(str::from_utf8).transpose().ok()?;
    Some(match query {
        Some(query) => format!("http://{authority}{path}?{query}"),
        None => format!("http://{authority}{path}"),
    })
}

/// Whether a request has come by us before: RFC 9110, section 7.6.3.
pub fn is_loop(request: Fields<'_>, name: &str) -> bool {
    request.members("via").any(|member| {
        let by = member.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty()).nth(1);
        by.is_some_and(|by| by.eq_ignore_ascii_case(name.as_bytes()))
    })
}

/// The fields of a request that are passed on, with our `Via`. `hops` is what is left of Max-Forwards.
pub fn passed_request(request: Fields<'_>, name: &str, hops: Option<u64>) -> FieldBlock {
    const OURS: [&str; 4] = ["host", "content-length", "expect", "max-forwards"];
    let mut fields = forwarded_fields(request);
    fields.retain(|name, _| !OURS.iter().any(|ours| ours.as_bytes().eq_ignore_ascii_case(name)));
    let via = fields.push(b"Via", format!("1.1 {name} (mirrorlistd)").as_bytes());
    debug_assert!(via, "names are checked when they are configured");
    if let Some(hops) = hops {
        let _ = fields.push(b"Max-Forwards", hops.to_string().as_bytes());
    }
    fields
}

/// What Max-Forwards says (RFC 9110, section 7.6.2).
pub fn max_forwards(request: Fields<'_>) -> Option<u64> {
    str::from_utf8(request.only("max-forwards")?).ok()?.parse().ok()
}

/// Host and port of `host:port`.
pub fn host_and_port(authority: &[u8]) -> Option<(String, u16)> {
    let (host, port) = str::from_utf8(authority).ok()?.rsplit_once(':')?;
    Some((host.to_ascii_lowercase(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_one_spelling() {
        let url = |authority: &str, path: &str, query: Option<&str>| {
            super::url(authority.as_bytes(), path.as_bytes(), query.map(str::as_bytes)).unwrap()
        };
        assert_eq!(url("A.Example:80", "/X", None), "http://a.example/X");
        assert_eq!(url("a.example:", "/", Some("")), "http://a.example/?");
        assert_eq!(url("a.example:8080", "/", Some("A=b")), "http://a.example:8080/?A=b");
        assert_eq!(url("[2001:DB8::1]:80", "/", None), "http://[2001:db8::1]/");
    }

    fn fields(lines: &str) -> FieldBlock {
        FieldBlock::from_lines(lines.as_bytes()).unwrap()
    }

    #[test]
    fn loops_are_seen() {
        let request = fields("Via: 1.0 fred, 1.1 p.example (x)\r\nVia: HTTP/1.1 other:80\r\n");
        assert!(is_loop(request.fields(), "P.example") && is_loop(request.fields(), "fred"));
        assert!(!is_loop(request.fields(), "other") && !is_loop(request.fields(), "example"));
    }

    #[test]
    fn fields_of_the_connection_stay_here() {
        let request = fields(
            "Host: a\r\nConnection: x-one, close\r\nX-One: 1\r\nX-Two: 2\r\nTE: trailers\r\nProxy-Connection: a\r\n\
             Content-Length: 5\r\nExpect: 100-continue\r\nMax-Forwards: 3\r\nVia: 1.1 a\r\n",
        );
        let passed = passed_request(request.fields(), "p.example", Some(2));
        let expected = "X-Two: 2\r\nVia: 1.1 a\r\nVia: 1.1 p.example (mirrorlistd)\r\nMax-Forwards: 2\r\n";
        assert_eq!(str::from_utf8(passed.lines()).unwrap(), expected);
        assert_eq!(max_forwards(request.fields()), Some(3));
    }
}
