//! The header with which a proxy opens a connection to tell whose it is (PROXY protocol, versions 1 and 2).

use std::net::IpAddr;

use proxy_header::{Error, ParseConfig, ProxyHeader};

/// Longest header that is waited for, bytes: version 1 has 107 at most, version 2 what load balancers send with all
/// their extras.
pub const PROXY_HEADER_BYTES_MAX: usize = 4096;

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// With a header that has not come whole.
    Partial,
    /// With a header.
    Header {
        /// Its length.
        header_bytes: usize,
        /// The client; none when the proxy speaks for itself, as in a health check.
        source: Option<IpAddr>,
    },
    /// With something else.
    None,
}

/// Looks for a header at the beginning of `bytes`.
pub fn opening(bytes: &[u8]) -> Opening {
    match ProxyHeader::parse(bytes, ParseConfig::default()) {
        Ok((header, header_bytes)) => {
            let source = header.proxied_address().map(|address| address.source.ip().to_canonical());
            Opening::Header { header_bytes, source }
        }
        Err(Error::BufferTooShort) if bytes.len() < PROXY_HEADER_BYTES_MAX => Opening::Partial,
        Err(_) => Opening::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &[u8] = b"PROXY TCP4 192.0.2.7 203.0.113.1 56324 80\r\n";
    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xcb\0\x71\x01\xdc\x04\0\x50";

    #[test]
    fn both_versions_name_the_client() {
        for header in [V1, V2] {
            let input = [header, b"GET / HTTP/1.1\r\n"].concat();
            let expected = Opening::Header { header_bytes: header.len(), source: "192.0.2.7".parse().ok() };
            assert_eq!(opening(&input), expected);
            for length in 0..header.len() {
                assert_eq!(opening(&input[..length]), Opening::Partial, "{length} bytes");
            }
        }
    }

    #[test]
    fn a_proxy_may_speak_for_itself() {
        assert_eq!(opening(b"PROXY UNKNOWN\r\nx"), Opening::Header { header_bytes: 15, source: None });
    }

    #[test]
    fn what_is_no_header_is_left_alone() {
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PROXY TCP4 nobody 1.2.3.4 1 2\r\n", b"PROXY TCP9 a b 1 2\r\n"] {
            assert_eq!(opening(bytes), Opening::None, "{}", String::from_utf8_lossy(bytes));
        }
        let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; PROXY_HEADER_BYTES_MAX]].concat();
        assert_eq!(opening(&endless), Opening::None);
    }
}
