//! Which addresses may be dialled.
//!
//! Lives here: telling internal addresses from public ones, whatever they are wrapped in, and `Allowed`: those that the
//! operator has named. Not here: where addresses come from (`resolve`), and who asks (`wire`, before and after
//! connecting).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::Prefixes;

/// The internal addresses that may be dialled all the same.
///
/// Two ways in, both in the operator's own hand: a prefix in the configuration (`internal = ["10.1.0.0/16"]`), or a
/// base URL in the inventory whose host *is* the address. A host name is never a way in: names are in the hands of
/// whoever runs the mirror's DNS, today's answer need not be tomorrow's.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    prefixes: Prefixes,
    literals: Literals,
}

/// Which hosts that are addresses themselves are in the operator's own hand.
#[derive(Clone, Debug, Default)]
enum Literals {
    /// All: nobody else names hosts.
    #[default]
    All,
    /// These.
    Named(Vec<IpAddr>),
}

impl Allowed {
    /// These networks are allowed beside the public ones.
    pub fn new(prefixes: Prefixes) -> Allowed {
        Allowed { prefixes, literals: Literals::All }
    }

    /// Hosts come from strangers: of those that are addresses only these are in the operator's own hand.
    pub fn naming_only(self, addresses: Vec<IpAddr>) -> Allowed {
        Allowed { literals: Literals::Named(addresses), ..self }
    }

    /// Whether `address`, which `host` of a URL stands for, may be dialled.
    pub fn permits(&self, host: &str, address: IpAddr) -> bool {
        !is_internal(address) || self.prefixes.contains(address.to_canonical()) || self.names(host, address)
    }

    fn names(&self, host: &str, address: IpAddr) -> bool {
        let is_named = match &self.literals {
            Literals::All => true,
            Literals::Named(addresses) => addresses.contains(&address),
        };
        is_named && literal(host) == Some(address)
    }
}

/// The address that the host of a URL is, brackets or not; none for a name.
pub fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether an address belongs to a machine, a site, a test or nobody; or is an IPv6 address that carries such an IPv4
/// address to where it would be unwrapped.
pub fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_internal_v4(address),
        IpAddr::V6(address) => is_internal_v6(address),
    }
}

/// After IANA's registry of special-purpose IPv4 addresses (as of November 2026); what is not globally reachable.
fn is_internal_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        // "This network", private, shared (CGNAT), loopback, link-local.
        (0 | 10 | 127, ..) | (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _) => true,
        // Protocol assignments, documentation, 6to4 relays, benchmarks.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) => true,
        // Multicast, reserved, broadcast.
        (224.., ..) => true,
        _ => false,
    }
}

/// After IANA's registry of special-purpose IPv6 addresses (as of November 2026).
fn is_internal_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let v4 = |high: u16, low: u16| is_internal_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match parts {
        // NAT64 (RFC 6052), which some networks have at their edge; 64:ff9b:1::/48 is for local use.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x64, 0xff9b, 1, ..] => true,
        // Unspecified, loopback, IPv4-mapped and -compatible. No host on the network has any of them: the system would
        // turn a mapped one into IPv4, past the family that was asked for.
        [0, ..] => true,
        // 6to4 (RFC 3056), which names the IPv4 address of the router.
        [0x2002, high, low, ..] => v4(high, low),
        // Teredo (RFC 4380): the server's address, and the client's with its bits turned.
        [0x2001, 0, server_high, server_low, _, _, high, low] => v4(server_high, server_low) || v4(!high, !low),
        // Benchmarks, ORCHID, documentation, discard, site-wide addresses, link-local, site-local, multicast.
        [0x2001, 2, 0, ..] | [0x2001, 0x10..=0x3f, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => true,
        [0x100, 0, 0, 0, ..] | [0x5f00, ..] => true,
        [0xfc00..=0xfdff, ..] | [0xfe80..=0xfeff, ..] | [0xff00..=0xffff, ..] => true,
        // ISATAP (RFC 5214): an IPv4 address behind 0:5efe or 200:5efe at the end of any prefix.
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => v4(high, low),
        // Global unicast is 2000::/3; nothing else is assigned.
        [0x2000..=0x3fff, ..] => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_addresses_are_told_whatever_they_are_wrapped_in() {
        let internal = "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254
            172.16.0.1
            172.31.255.255 192.0.0.1 192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 239.1.1.1
            240.0.0.1
            255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::10.0.0.1 64:ff9b:1::8.8.8.8
            2002:7f00:1:: 2002:c0a8:101::1 2001:0:a00:1::1 2001:0:808:808:0:0:80ff:fffe 2001:db8::1 2001:2::1 2001:10::1
            3fff::1 100::1 fc00::1 fd12:3456::1 fe80::1 fec0::1 ff02::1 4000::1 1::1 2a00::5efe:10.0.0.1";
        for text in internal.split_whitespace() {
            assert!(is_internal(text.parse().unwrap()), "{text}");
        }
        let public = "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
            169.253.255.255 172.15.0.1 172.32.0.1 192.0.1.1 192.167.1.1 198.17.1.1 198.20.0.0 223.255.255.255
            2001:4860:4860::8888 2002:808:808:: 64:ff9b::8.8.8.8 2a00:1450::1 2606:4700::1111";
        for text in public.split_whitespace() {
            assert!(!is_internal(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn only_the_operator_opens_internal_addresses() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let none = Allowed::default();
        assert!(none.permits("mirror.example", ip("9.9.9.9")));
        assert!(!none.permits("mirror.example", ip("127.0.0.1")));
        assert!(!none.permits("localhost", ip("127.0.0.1")));
        assert!(none.permits("10.0.0.7", ip("10.0.0.7")) && none.permits("[fd00::7]", ip("fd00::7")));
        assert!(!none.permits("10.0.0.7", ip("10.0.0.8")));
        let some = Allowed::new(Prefixes::parse(&["127.0.0.0/8".into()]).unwrap());
        assert!(some.permits("mirror.example", ip("127.0.0.1")) && !some.permits("mirror.example", ip("::1")));
        assert!(some.permits("mirror.example", ip("::ffff:127.0.0.1")));
        let one = Allowed::default().naming_only(vec![ip("10.0.0.7")]);
        assert!(one.permits("10.0.0.7", ip("10.0.0.7")) && !one.permits("mirror.example", ip("10.0.0.7")));
        assert!(!one.permits("10.0.0.8", ip("10.0.0.8")) && !one.permits("127.0.0.1", ip("127.0.0.1")));
    }
}
