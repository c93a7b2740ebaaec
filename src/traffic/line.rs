//! `Line`: a line of an access log in combined format, taken apart.
//!
//! Ours, and those of nginx and Apache: `ADDRESS - USER [TIME] "REQUEST" STATUS BYTES "REFERER" "USER-AGENT"`, in which
//! quotes within a field are `\x22` or `\"`. What follows the bytes may be absent.

use std::net::IpAddr;

use crate::calendar;

const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// A request of which a log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Who asked.
    pub client: IpAddr,
    /// When, seconds since 1970.
    pub unix_seconds: u64,
    /// The method, as it came.
    pub method: &'a [u8],
    /// The path.
    pub path: &'a [u8],
    /// What follows the `?`; none without one.
    pub query: Option<&'a [u8]>,
    /// The status that was answered.
    pub status: u16,
    /// The User-Agent; empty for none.
    pub user_agent: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes a line apart; none when it is no such line.
    pub fn parse(text: &'a [u8]) -> Option<Line<'a>> {
        let (client, rest) = cut(text, b" ")?;
        let client: IpAddr = std::str::from_utf8(client).ok()?.parse().ok()?;
        let (_, rest) = cut(rest, b" [")?;
        let (time, rest) = cut(rest, b"] \"")?;
        let (request, rest) = quoted(rest)?;
        let mut rest = rest.strip_prefix(b" ")?.splitn(3, |&byte| byte == b' ');
        let status = rest.next().and_then(number::<u16>)?;
        // Some write `-` for no bytes.
        let _bytes = rest.next()?;
        let fields = rest.next().and_then(|rest| quoted(rest.strip_prefix(b"\"")?));
        let user_agent = fields.and_then(|(_, rest)| Some(quoted(rest.strip_prefix(b" \"")?)?.0)).unwrap_or_default();
        let user_agent = if user_agent == b"-" { b"" } else { user_agent };
        let (method, target) = cut(request, b" ")?;
        let target = target.split(|&byte| byte == b' ').next().unwrap_or_default();
        let (path, query) = match cut(origin_form(target), b"?") {
            Some((path, query)) => (path, Some(query)),
            None => (origin_form(target), None),
        };
        Some(Line {
            client: client.to_canonical(),
            unix_seconds: time_of(time)?,
            method,
            path,
            query,
            status,
            user_agent,
        })
    }

    /// Whether it asks for a list: a path that lists are at, with parameters.
    pub fn is_for_list(&self) -> bool {
        let last = self.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        matches!(self.method, b"GET" | b"HEAD")
            && self.query.is_some_and(|query| !query.is_empty())
            && (self.path == b"/" || matches!(last, b"mirrorlist" | b"metalink"))
    }
}

/// What is before and after the first `mark`.
fn cut<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    Some((&text[..at], &text[at + mark.len()..]))
}

/// What is before and after the quote that ends a field.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut is_escaped = false;
    let end = text.iter().position(|&byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some((&text[..end], &text[end + 1..]))
}

/// A target without `http://authority`, as a proxy's client sends it.
fn origin_form(target: &[u8]) -> &[u8] {
    match cut(target, b"://") {
        Some((b"http" | b"https", rest)) => {
            let authority = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
            match &rest[authority..] {
                [] => b"/",
                path => path,
            }
        }
        _ => target,
    }
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

/// `22/Nov/2026:05:50:49 +0000` as seconds since 1970.
fn time_of(text: &[u8]) -> Option<u64> {
    let &[d0, d1, b'/', m0, m1, m2, b'/', y0, y1, y2, y3, b':', ref clock @ ..] = text else { return None };
    let &[h0, h1, b':', n0, n1, b':', s0, s1, b' ', sign, z0, z1, z2, z3] = clock else { return None };
    let month = MONTHS.iter().position(|name| *name == [m0, m1, m2])? as u8 + 1;
    let days = calendar::unix_days(number(&[y0, y1, y2, y3])?, month, number(&[d0, d1])?)?;
    let [hour, minute, second] = [number::<u64>(&[h0, h1])?, number(&[n0, n1])?, number(&[s0, s1])?];
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = days * calendar::DAY_SECONDS + hour * 3600 + minute * 60 + second;
    let zone = number::<u64>(&[z0, z1])? * 3600 + number::<u64>(&[z2, z3])? * 60;
    match sign {
        b'+' => local.checked_sub(zone),
        b'-' => local.checked_add(zone),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OURS: &str = "192.0.2.10 - - [22/Nov/2026:05:04:03 +0000] \
        \"GET /?release=9&arch=x86_64&repo=baseos HTTP/1.1\" 200 710 \"-\" \
        \"libdnf (AlmaLinux 9.8; generic; Linux.x86_64)\"";

    #[test]
    fn our_own_lines_are_understood() {
        let expected = Line {
            client: "192.0.2.10".parse().unwrap(),
            // date -u -d '2026-11-22 05:04:03' +%s
            unix_seconds: 1_795_323_843,
            method: b"GET",
            path: b"/",
            query: Some(b"release=9&arch=x86_64&repo=baseos"),
            status: 200,
            user_agent: b"libdnf (AlmaLinux 9.8; generic; Linux.x86_64)",
        };
        assert_eq!(Line::parse(OURS.as_bytes()), Some(expected));
        assert!(expected.is_for_list());
    }

    #[test]
    fn other_servers_lines_are_understood() {
        const AT: &str = "[22/Nov/2026:05:04:03 +0000]";
        for (text, path, query, user_agent) in [
            (
                "::1 - frank [22/Nov/2026:06:04:03 +0100] \"HEAD /metalink?repo=x HTTP/1.1\" 200 -".to_owned(),
                "/metalink",
                Some("repo=x"),
                "",
            ),
            (
                "::1 - - [21/Nov/2026:22:04:03 -0700] \"GET http://h:80/a/mirrorlist?x=1 HTTP/1.1\" 200 1 \
                 \"r\\\"\" \"u\\\"a\""
                    .to_owned(),
                "/a/mirrorlist",
                Some("x=1"),
                "u\\\"a",
            ),
            (format!("::ffff:192.0.2.1 - - {AT} \"GET http://h HTTP/1.0\" 404 0 \"-\" \"-\""), "/", None, ""),
        ] {
            let line = Line::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(line.unix_seconds, 1_795_323_843, "{text}");
            assert_eq!(String::from_utf8_lossy(line.user_agent), user_agent, "{text}");
            assert_eq!((line.path, line.query), (path.as_bytes(), query.map(str::as_bytes)), "{text}");
            assert_eq!(line.is_for_list(), query.is_some(), "{text}");
        }
    }

    #[test]
    fn other_requests_are_told_apart() {
        for request in ["GET /metrics", "POST /?repo=x", "GET /", "GET /?", "GET /mirrorlists?x=1", "GET /isos/9?x=1"] {
            let text = format!("192.0.2.1 - - [22/Nov/2026:05:04:03 +0000] \"{request} HTTP/1.1\" 200 7 \"-\" \"-\"");
            assert!(!Line::parse(text.as_bytes()).unwrap().is_for_list(), "{request}");
        }
    }

    #[test]
    fn broken_lines_are_none() {
        for end in 0..OURS.rfind(" 710").unwrap() {
            assert_eq!(Line::parse(&OURS.as_bytes()[..end]), None, "{}", &OURS[..end]);
        }
        for (from, to) in [
            ("192.0.2.10", "mirror.example"),
            ("22/Nov", "31/Nov"),
            ("22/Nov", "22/nov"),
            (":05:04", ":25:04"),
            ("+0000", "+0x00"),
            ("+0000", "*0000"),
            (" 200 ", " OK "),
            ("GET /?", "GET/?"),
            ("/2026", "/0026"),
        ] {
            let text = OURS.replacen(from, to, 1);
            let broken = Line::parse(text.as_bytes());
            assert!(broken.is_none() || from == "GET /?", "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Line::parse(&bytes);
        }

        #[test]
        fn a_changed_line_comes_to_an_end(at in 0..OURS.len(), byte in any::<u8>()) {
            let mut bytes = OURS.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = Line::parse(&bytes);
        }
    }
}
