//! The client behind proxies: which address a request is answered for.

use std::net::{IpAddr, SocketAddr};

use super::Prefixes;

/// Hops of a chain that are looked at; a longer chain is nobody's honest one.
const HOPS_MAX: usize = 32;

/// The client's address: `peer`, unless it is trusted; then the last hop of the `X-Forwarded-For` values that is not.
///
/// `forwarded`: the field's values in order. Each hop was added by the one after it, so hops are believed from the end,
/// up to and including the first that is not trusted. A malformed hop makes all of it worthless: the peer counts then.
pub fn client_address<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: &Prefixes,
) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted.contains(peer) {
        return peer;
    }
    let mut client = peer;
    let hops = forwarded.rev().flat_map(|value| value.rsplit(|&byte| byte == b','));
    for (count, hop) in hops.enumerate() {
        match hop_address(hop) {
            Some(address) if count < HOPS_MAX => client = address,
            _ => return peer,
        }
        if !trusted.contains(client) {
            break;
        }
    }
    client
}

/// The address of a hop, which some proxies write with its port.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, values: &[&str]) -> String {
        let trusted = Prefixes::parse(&["10.0.0.0/8".into(), "fd00::/8".into()]).unwrap();
        client_address(peer.parse().unwrap(), values.iter().map(|value| value.as_bytes()), &trusted).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client("::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn the_last_untrusted_hop_is_the_client() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.2.3.4"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 198.51.100.1", "10.2.3.4"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["10.9.9.9, 10.2.3.4"]), "10.9.9.9", "all trusted: the first of them");
        assert_eq!(client("fd00::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(client("::ffff:10.0.0.1", &["[2001:db8::7]:443"]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &["198.51.100.1:1234"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn a_malformed_chain_is_worthless() {
        for value in
            ["unknown", "", "198.51.100.1,", "198.51.100.1, garbage", "1.2.3", "198.51.100.1 10.0.0.2", "\u{fc}"]
        {
            assert_eq!(client("10.0.0.1", &[value]), "10.0.0.1", "{value}");
        }
        let long = vec!["10.1.1.1"; HOPS_MAX + 1].join(",");
        assert_eq!(client("10.0.0.1", &[&long]), "10.0.0.1");
    }
}
