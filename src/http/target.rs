//! Request targets and `host[:port]`: RFC 9112, section 3.2, and RFC 3986, section 3.2.

use std::net::Ipv6Addr;

use super::method::Method;

/// A request target, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// The path without the query, never empty; `*` for the server as a whole; empty for CONNECT.
    pub path: &'a [u8],
    /// What follows the first `?`.
    pub query: Option<&'a [u8]>,
    /// The `host[:port]` of an absolute target or of CONNECT.
    pub authority: Option<&'a [u8]>,
}

/// Whether a byte may be in a request target at all: visible ASCII. A fragment is not part of a target.
pub(super) fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

impl<'a> Target<'a> {
    /// Takes a target apart by the form it has; `None` when its form is wrong or does not fit the method. The bytes
    /// must have been checked with `is_target_byte`.
    pub fn parse(method: Option<Method>, target: &'a [u8]) -> Option<Target<'a>> {
        if method == Some(Method::Connect) {
            // Authority-form: a port is required (RFC 9112, section 3.2.3).
            let digits = target.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            let has_port = digits > 0 && target[..target.len() - digits].last() == Some(&b':');
            return (has_port && is_authority(target)).then_some(Target {
                path: b"",
                query: None,
                authority: Some(target),
            });
        }
        if target.first() == Some(&b'/') {
            return Some(Target::origin(target, None));
        }
        if target == b"*" {
            // Asterisk-form is for OPTIONS alone (RFC 9112, section 3.2.4).
            return (method == Some(Method::Options)).then_some(Target { path: b"*", query: None, authority: None });
        }
        let rest = after_scheme(target)?;
        let authority_end = rest.iter().position(|&byte| byte == b'/' || byte == b'?').unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(authority_end);
        // Neither an empty host nor user information belongs into http URIs (RFC 9110, sections 4.2.1 and 4.2.4).
        if !is_authority(authority) {
            return None;
        }
        if rest.is_empty() && method == Some(Method::Options) {
            return Some(Target { path: b"*", query: None, authority: Some(authority) });
        }
        Some(Target::origin(rest, Some(authority)))
    }

    fn origin(target: &'a [u8], authority: Option<&'a [u8]>) -> Target<'a> {
        let (path, query) = match target.iter().position(|&byte| byte == b'?') {
            Some(mark) => (&target[..mark], Some(&target[mark + 1..])),
            None => (target, None),
        };
        Target { path: if path.is_empty() { b"/" } else { path }, query, authority }
    }
}

fn after_scheme(target: &[u8]) -> Option<&[u8]> {
    for scheme in [b"http://".as_slice(), b"https://"] {
        if target.len() >= scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme) {
            return Some(&target[scheme.len()..]);
        }
    }
    None
}

/// Whether this is a valid, non-empty `host[:port]`: a registered name, an IPv4 address or `[IPv6]`.
///
/// An empty host is refused although the grammar has it: http URIs need one (RFC 9110, section 4.2.1), and RFC 9112
/// (section 3.3) leaves the choice to the server.
pub(super) fn is_authority(authority: &[u8]) -> bool {
    if let [b'[', rest @ ..] = authority {
        let Some(end) = rest.iter().position(|&byte| byte == b']') else { return false };
        let is_address = str::from_utf8(&rest[..end]).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok());
        return is_address && is_port_part(&rest[end + 1..]);
    }
    let mut rest = authority;
    loop {
        let plain_bytes = rest.iter().take_while(|&&byte| IS_NAME_BYTE[usize::from(byte)]).count();
        rest = match &rest[plain_bytes..] {
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => tail,
            rest => break rest.len() < authority.len() && is_port_part(rest),
        };
    }
}

/// Nothing, or a colon and a port, which may be empty (RFC 3986, section 3.2.3).
fn is_port_part(part: &[u8]) -> bool {
    let [b':', port @ ..] = part else { return part.is_empty() };
    let number = port.iter().try_fold(0u32, |number, &digit| {
        let number = number * 10 + u32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        (number <= 65535).then_some(number)
    });
    number.is_some()
}

/// Whether a byte may be in a registered name as it is: RFC 3986, section 3.2.2.
static IS_NAME_BYTE: [bool; 256] = {
    let mut is_name_byte = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let is_unreserved = matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~');
        let is_delimiter = matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
        is_name_byte[byte as usize] = is_unreserved || is_delimiter;
        byte += 1;
    }
    is_name_byte
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses_with_a_port_or_without() {
        for good in ["a", "mirror.example", "mirror.example:80", "a:", "192.0.2.1:65535", "[2001:db8::1]", "[::1]:8080"]
        {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for good in ["a_b", "a%20b", "xn--bcher-kva.example", "a,b", "a:00080"] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        let bad =
            ["", ":80", "a b", "a:b", "a:65536", "a:-1", "[::1", "::1", "[::1]x", "[x]", "a/b", "u@h", "a%2", "a\"b"];
        for bad in
            bad.into_iter().chain(["a\\b", "http://a", "a?b", "a:80:80", "é", "a:99999999999", "[fe80::1%25eth0]"])
        {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn every_form_comes_apart() {
        let parse = |method, target: &'static str| Target::parse(Some(method), target.as_bytes());
        let target = |path: &'static str, query: Option<&'static str>, authority: Option<&'static str>| {
            let (query, authority) = (query.map(str::as_bytes), authority.map(str::as_bytes));
            Some(Target { path: path.as_bytes(), query, authority })
        };
        assert_eq!(parse(Method::Get, "/"), target("/", None, None));
        assert_eq!(parse(Method::Get, "/a?b?c"), target("/a", Some("b?c"), None));
        assert_eq!(parse(Method::Get, "//a?"), target("//a", Some(""), None));
        assert_eq!(parse(Method::Get, "HTTP://h:8/a?b"), target("/a", Some("b"), Some("h:8")));
        assert_eq!(parse(Method::Get, "http://h?b"), target("/", Some("b"), Some("h")));
        assert_eq!(parse(Method::Get, "https://h"), target("/", None, Some("h")));
        assert_eq!(parse(Method::Options, "*"), target("*", None, None));
        assert_eq!(parse(Method::Options, "http://h"), target("*", None, Some("h")));
        assert_eq!(parse(Method::Options, "http://h/"), target("/", None, Some("h")));
        assert_eq!(parse(Method::Connect, "h:443"), target("", None, Some("h:443")));
        for bad in ["*", "a", "http://", "http:///a", "http://u@h/", "ftp://h/", "?a", "h:443", "http:/h"] {
            assert_eq!(parse(Method::Get, bad), None, "{bad}");
        }
        for bad in ["/", "h", "h:", "http://h:443/", "h:443/", "[::1]", "*"] {
            assert_eq!(parse(Method::Connect, bad), None, "{bad}");
        }
    }
}
