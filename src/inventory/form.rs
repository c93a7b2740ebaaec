//! The forms of values: names, titles, URLs, paths, prefixes.
//!
//! Lives here: what such a text may look like, whatever entry it is in. Not here: which of them an entry may hold, and
//! whether what they name exists (`check`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ip_network::{IpNetwork, IpNetworkError, IpNetworkParseError};

use super::problem::quoted;
use crate::net::Protocol;

/// Longest name of an architecture, release, repo, tree, cloud and so on, bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Longest name of a mirror, bytes: that of a host name.
pub const MIRROR_NAME_BYTES_MAX: usize = 253;

/// Longest title of a distribution or name of a country or subdivision, bytes.
pub const TITLE_BYTES_MAX: usize = 128;

/// Longest line that is told in answers, bytes.
pub const NOTICE_BYTES_MAX: usize = 200;

/// Longest base URL with its final slash, bytes.
pub const URL_BYTES_MAX: usize = 255;

/// Longest directory of a release and longest path of a repo, bytes.
pub const PATH_BYTES_MAX: usize = 200;

/// Longest host name (RFC 1035, 2.3.4), bytes.
const HOST_BYTES_MAX: usize = 253;

/// Longest part of a host name between dots (RFC 1035, 2.3.4), bytes.
const HOST_LABEL_BYTES_MAX: usize = 63;

/// What is wrong with a text, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// What is wrong with it.
    pub why: String,
    /// What to do.
    pub fix: String,
}

impl Fault {
    /// The fault `why`, mended by `fix`.
    pub fn new(why: impl Into<String>, fix: impl Into<String>) -> Fault {
        Fault { why: why.into(), fix: fix.into() }
    }
}

/// A name that clients send or that paths hold: `9.8`, `x86_64`, `almalinux`.
pub(super) fn name(text: &str) -> Result<String, Fault> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte);
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(fits) || text == "." || text == ".." {
        return Err(Fault::new(
            format!("{} is no name", quoted(text)),
            format!("write 1 to {NAME_BYTES_MAX} of the letters A-Z, a-z, digits and `._+~-`"),
        ));
    }
    Ok(text.to_owned())
}

/// The name of a mirror, by custom its host name.
pub(super) fn mirror_name(text: &str) -> Result<String, Fault> {
    if text.is_empty() || text.len() > MIRROR_NAME_BYTES_MAX || !text.bytes().all(is_url_byte) {
        return Err(Fault::new(
            format!("{} is no name of a mirror", quoted(text)),
            format!("write its host name, at most {MIRROR_NAME_BYTES_MAX} bytes"),
        ));
    }
    Ok(text.to_owned())
}

/// A name for people.
pub(super) fn title(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    if text.is_empty() || text.len() > TITLE_BYTES_MAX || text.contains(char::is_control) {
        return Err(Fault::new(
            format!("{} is no title", quoted(text)),
            format!("write one line of at most {TITLE_BYTES_MAX} bytes"),
        ));
    }
    Ok(text.to_owned())
}

/// A line for people that stands in answers.
pub(super) fn notice(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    let wrong = |why: &str, fix: String| Err(Fault::new(format!("{} {why}", quoted(text)), fix));
    if text.is_empty() || text.len() > NOTICE_BYTES_MAX || text.contains(char::is_control) {
        return wrong("is no line to be told", format!("write one line of at most {NOTICE_BYTES_MAX} bytes"));
    }
    // Clients take a list for a metalink, and not for a list, when it has the word in it or a tag.
    if text.to_ascii_lowercase().contains("metalink") || text.contains(['<', '>']) {
        return wrong("has `metalink`, `<` or `>` in it", "find other words: clients would take it for XML".to_owned());
    }
    Ok(text.to_owned())
}

/// A base URL of one of `protocols`, with its final slash.
pub(super) fn url(text: &str, protocols: &[Protocol]) -> Result<String, Fault> {
    let wrong = |why: &str, fix: &str| Err(Fault::new(format!("{} {why}", quoted(text)), fix));
    let rest = protocols.iter().find_map(|protocol| text.strip_prefix(protocol.name())?.strip_prefix("://"));
    let Some(rest) = rest else {
        let schemes: Vec<String> = protocols.iter().map(|protocol| format!("`{protocol}://`")).collect();
        return wrong("has another scheme", &format!("begin it with {}", schemes.join(" or ")));
    };
    if text.contains(['?', '#']) {
        return wrong("has a query or a fragment", "write the bare folder");
    }
    if !text.bytes().all(is_url_byte) {
        return wrong("has a character that no URL may hold", "write such characters as `%20`");
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !is_authority(authority) {
        return wrong("has no valid host", "write `host/` or `host:port/` after the scheme");
    }
    if path.split('/').any(|part| part == "..") {
        return wrong("climbs with `..`", "write the path it leads to");
    }
    let url = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
    if url.len() > URL_BYTES_MAX {
        return wrong("is too long", &format!("find one of at most {URL_BYTES_MAX} bytes"));
    }
    Ok(url)
}

/// The directory of a release, below its tree, without slashes at its ends.
pub(super) fn directory(text: &str) -> Result<String, Fault> {
    let trimmed = text.trim_matches('/');
    let wrong = |why: &str, fix: &str| Err(Fault::new(format!("{} {why}", quoted(text)), fix));
    if trimmed.is_empty() {
        return wrong("names no directory", "write the directory below the one before it");
    }
    if trimmed.len() > PATH_BYTES_MAX {
        return wrong("is too long", &format!("write at most {PATH_BYTES_MAX} bytes"));
    }
    if trimmed.contains(['?', '#']) || !trimmed.bytes().all(is_url_byte) {
        return wrong("has a character that no path may hold", "write such characters as `%20`");
    }
    if trimmed.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return wrong("has an empty part, `.` or `..`", "write the plain path");
    }
    Ok(trimmed.to_owned())
}

/// The path of a repo, below its release, without slashes at its ends; `{arch}` may stand in it.
pub(super) fn repo_path(text: &str) -> Result<String, Fault> {
    // What is left when the placeholders are away must be a plain path, and a brace is none.
    let plain = text.replace("{arch}", "arch");
    if plain.contains(['{', '}']) {
        return Err(Fault::new(
            format!("{} has a placeholder there is not", quoted(text)),
            "write `{arch}`, the only one",
        ));
    }
    let trimmed = text.trim_matches('/');
    match directory(&plain) {
        Ok(_) if trimmed.len() <= PATH_BYTES_MAX => Ok(trimmed.to_owned()),
        Ok(_) => {
            Err(Fault::new(format!("{} is too long", quoted(text)), format!("write at most {PATH_BYTES_MAX} bytes")))
        }
        Err(fault) => Err(Fault { why: fault.why.replacen(&quoted(&plain), &quoted(text), 1), ..fault }),
    }
}

/// The name of a file in a folder.
pub(super) fn file_name(text: &str) -> Result<String, Fault> {
    file_pattern(text).ok().filter(|name| !name.contains('*')).ok_or_else(|| {
        Fault::new(format!("{} is no name of a file", quoted(text)), "write the name that it has in its folder")
    })
}

/// Names of files in a folder: `*` stands for any text.
pub(super) fn file_pattern(text: &str) -> Result<String, Fault> {
    let plain = |byte: u8| is_url_byte(byte) && !matches!(byte, b'/' | b'?' | b'#' | b'%');
    if text.is_empty() || text.len() > NAME_BYTES_MAX * 2 || text.starts_with('.') || !text.bytes().all(plain) {
        return Err(Fault::new(format!("{} names no file", quoted(text)), "write a name, or a part of it and `*`"));
    }
    Ok(text.to_owned())
}

/// A pattern of the single names of repos: `{repo}-{release}`.
pub(super) fn repo_name_pattern(text: &str) -> Result<String, Fault> {
    let plain = text.replace("{repo}", "r").replace("{release}", "9");
    if plain.contains(['{', '}']) {
        let why = format!("{} has a placeholder there is not", quoted(text));
        return Err(Fault::new(why, "write `{repo}` and `{release}`, the only ones"));
    }
    name(&plain).map_err(|fault| Fault { why: fault.why.replacen(&quoted(&plain), &quoted(text), 1), ..fault })?;
    Ok(text.to_owned())
}

/// A network: `192.0.2.0/24`, `2001:db8::/32`.
pub(super) fn prefix(text: &str) -> Result<IpNetwork, Fault> {
    text.parse::<IpNetwork>().map_err(|error| {
        let truncated = IpNetwork::from_str_truncate(text);
        match (error, truncated) {
            (IpNetworkParseError::IpNetworkError(IpNetworkError::HostBitsSet), Ok(network)) => {
                Fault::new(format!("{} has bits beyond its length", quoted(text)), format!("write `{network}`"))
            }
            _ => Fault::new(
                format!("{} is no network", quoted(text)),
                "write an address and a length like `192.0.2.0/24` or `2001:db8::/32`",
            ),
        }
    })
}

/// Whether a byte may stand in a URL: RFC 3986 without the quote, which would end an HTML attribute.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"'<>`\\^{}|".contains(&byte)
}

/// Whether `text` is a host, or a host and a port, without a user.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            return address.parse::<Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    is_host(host) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether `text` is a host name or an IPv4 address. Underscores are in use, though RFC 1123 has none.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=HOST_LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits makes it an address (RFC 3986, 3.2.2; WHATWG URL, "ends in a number").
    let is_number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if is_number {
        text.parse::<Ipv4Addr>().is_ok()
    } else {
        text.len() <= HOST_BYTES_MAX && text.split('.').all(is_label)
    }
}

/// Whether a mirror's network is so short that it must be a mistake: shorter than /16, and /32 in IPv6.
pub(super) fn is_too_short(network: &IpNetwork) -> bool {
    let length_min = match network.network_address() {
        IpAddr::V4(_) => 16,
        IpAddr::V6(_) => 32,
    };
    network.netmask() < length_min
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: [Protocol; 2] = [Protocol::Http, Protocol::Https];

    #[test]
    fn names_are_plain() {
        for text in ["9.8", "x86_64", "c++", "8-stream", "a~b", &"a".repeat(64)] {
            assert_eq!(name(text).as_deref(), Ok(text));
        }
        for text in ["", "a b", "a/b", "ä", ".", "..", "a\n", "$arch", &"a".repeat(65)] {
            assert!(name(text).is_err(), "{text}");
        }
        assert_eq!(
            name("a b"),
            Err(Fault::new("`a b` is no name", "write 1 to 64 of the letters A-Z, a-z, digits and `._+~-`"))
        );
        assert_eq!(mirror_name("ftp.example.org:8080/x").as_deref(), Ok("ftp.example.org:8080/x"));
        assert_eq!(
            mirror_name("a b"),
            Err(Fault::new("`a b` is no name of a mirror", "write its host name, at most 253 bytes"))
        );
        assert_eq!(title(" Côte d’Ivoire ").as_deref(), Ok("Côte d’Ivoire"));
        assert_eq!(title("a\nb"), Err(Fault::new("`a\\nb` is no title", "write one line of at most 128 bytes")));
    }

    #[test]
    fn a_notice_is_a_line_that_no_client_takes_for_xml() {
        assert_eq!(notice(" Gone. See https://a/. ").as_deref(), Ok("Gone. See https://a/."));
        assert_eq!(notice(&"x".repeat(200)).map(|text| text.len()), Ok(200));
        let line = "write one line of at most 200 bytes";
        assert_eq!(notice("a\nb"), Err(Fault::new("`a\\nb` is no line to be told", line)));
        assert_eq!(notice("a\rb").unwrap_err().fix, line);
        assert_eq!(notice("").unwrap_err().fix, line);
        assert_eq!(notice(&"x".repeat(201)).unwrap_err().fix, line);
        for text in ["no MetaLink", "<b>", "a > b"] {
            assert_eq!(notice(text).unwrap_err().fix, "find other words: clients would take it for XML");
        }
    }

    #[test]
    fn a_url_ends_in_a_slash() {
        for (text, want) in [
            ("http://a", "http://a/"),
            ("https://a.example/x", "https://a.example/x/"),
            ("https://a.example/x/", "https://a.example/x/"),
            ("http://[2001:db8::1]:8080/", "http://[2001:db8::1]:8080/"),
            ("http://192.0.2.1/", "http://192.0.2.1/"),
            ("http://xn--bcher-kva.example:80/a%20b;c=d,e/", "http://xn--bcher-kva.example:80/a%20b;c=d,e/"),
            ("http://under_score.example/", "http://under_score.example/"),
        ] {
            assert_eq!(url(text, &WEB).as_deref(), Ok(want));
        }
        assert_eq!(url("rsync://a/m", &[Protocol::Rsync]).as_deref(), Ok("rsync://a/m/"));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told() {
        let long = format!("http://a/{}", "x".repeat(246));
        for (text, why, fix) in [
            ("ftp://a/", "`ftp://a/` has another scheme", "begin it with `http://` or `https://`"),
            ("//a/", "`//a/` has another scheme", "begin it with `http://` or `https://`"),
            ("httpx://a/", "`httpx://a/` has another scheme", "begin it with `http://` or `https://`"),
            ("http://a/?b", "`http://a/?b` has a query or a fragment", "write the bare folder"),
            ("http://a/#b", "`http://a/#b` has a query or a fragment", "write the bare folder"),
            ("http://a/b c", "`http://a/b c` has a character that no URL may hold", "write such characters as `%20`"),
            ("http:///x", "`http:///x` has no valid host", "write `host/` or `host:port/` after the scheme"),
            ("http://a/x/..", "`http://a/x/..` climbs with `..`", "write the path it leads to"),
        ] {
            assert_eq!(url(text, &WEB), Err(Fault::new(why, fix)));
        }
        assert_eq!(url(&long[..254], &WEB).unwrap().len(), 255);
        assert_eq!(url(&long, &WEB).unwrap_err().fix, "find one of at most 255 bytes");
    }

    #[test]
    fn hosts_are_checked() {
        for host in [
            "",
            "-a",
            "a-",
            "a..b",
            ".a",
            "a.",
            "1.2.3",
            "256.1.1.1",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a:x",
            "u@a",
            "u:p@a",
            "[::1",
            "[::g]",
            "[::1]x",
            "[::1]:",
            "[192.0.2.1]",
            "a,b",
            "2001:db8::1",
        ] {
            assert!(url(&format!("http://{host}/"), &WEB).is_err(), "{host}");
        }
        for byte in [' ', '\t', '\n', '\r', '\0', '"', '\'', '<', '>', '`', '\\', '\u{7f}', 'é', '{', '|', '^'] {
            assert!(url(&format!("http://a/{byte}/"), &WEB).is_err(), "{byte:?}");
        }
    }

    #[test]
    fn paths_are_trimmed_and_plain() {
        assert_eq!(directory("/9.8/").as_deref(), Ok("9.8"));
        assert_eq!(repo_path("BaseOS/{arch}/os/").as_deref(), Ok("BaseOS/{arch}/os"));
        assert_eq!(repo_path("/{arch}-{arch}").as_deref(), Ok("{arch}-{arch}"));
        for text in
            ["", "/", "a//b", "a/../b", "..", "./a", "a b", "a\tb", "a?b", "a#b", "{arch", "{Arch}", "a{}", "a\"b"]
        {
            assert!(repo_path(text).is_err(), "{text}");
        }
        assert!(directory("{arch}").is_err());
        assert_eq!(
            repo_path("a/{basearch}/os"),
            Err(Fault::new("`a/{basearch}/os` has a placeholder there is not", "write `{arch}`, the only one"))
        );
        assert_eq!(
            repo_path("{arch}/../os"),
            Err(Fault::new("`{arch}/../os` has an empty part, `.` or `..`", "write the plain path"))
        );
        let long = format!("{{arch}}/{}", "a".repeat(193));
        assert_eq!(repo_path(&long).as_ref(), Ok(&long));
        assert_eq!(repo_path(&format!("{long}a")).unwrap_err().fix, "write at most 200 bytes");
    }

    #[test]
    fn a_network_has_a_length_and_no_host() {
        assert_eq!(prefix("192.0.2.0/24").unwrap().to_string(), "192.0.2.0/24");
        assert_eq!(prefix("2001:db8::/32").unwrap().to_string(), "2001:db8::/32");
        assert_eq!(
            prefix("192.0.2.1/24"),
            Err(Fault::new("`192.0.2.1/24` has bits beyond its length", "write `192.0.2.0/24`"))
        );
        for text in ["192.0.2.0", "192.0.2.0/33", "2001:db8::/129", "x/24", "/24", "192.0.2.0/", ""] {
            assert_eq!(
                prefix(text).unwrap_err().fix,
                "write an address and a length like `192.0.2.0/24` or `2001:db8::/32`",
                "{text}"
            );
        }
        let short = |text: &str| is_too_short(&prefix(text).unwrap());
        assert!(short("10.0.0.0/15") && short("2001::/31") && short("0.0.0.0/0") && short("::/0"));
        assert!(!short("10.0.0.0/16") && !short("2001:db8::/32"));
    }
}
