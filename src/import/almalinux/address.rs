//! `Address`: a mirror's URL as its operator wrote it, repaired.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::import::note::Notes;
use crate::inventory::URL_BYTES_MAX;
use crate::net::Protocol;

/// A base URL that an inventory takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// How it is fetched, as the URL itself says.
    pub(super) protocol: Protocol,
    /// Scheme and host in lower case, a final slash.
    pub(super) url: String,
    /// Whether the final slash was missing.
    pub(super) slash_added: bool,
}

impl Address {
    /// Reads `text`, which stands under `key` (`http`, `https`, `ftp`, `rsync`). What cannot be used is noted.
    pub(super) fn read(key: &str, text: &str, notes: &mut Notes<'_>) -> Option<Address> {
        match repair(key, text.trim()) {
            Ok((address, repairs)) => {
                for repair in repairs {
                    notes.add(format!("address `{text}` {}", repair.found()), repair.done(&address));
                }
                Some(address)
            }
            Err(reason) => {
                notes.add(format!("address `{text}` {reason}"), "left out");
                None
            }
        }
    }
}

/// What was mended.
#[derive(Clone, Copy)]
enum Repair {
    SchemeMissing,
    DoubleColon,
    User,
    PortEmpty,
}

impl Repair {
    fn found(self) -> &'static str {
        match self {
            Repair::SchemeMissing => "has no scheme",
            Repair::DoubleColon => "is rsync's `host::module` form",
            Repair::User => "names a user",
            Repair::PortEmpty => "has a colon but no port",
        }
    }

    fn done(self, address: &Address) -> String {
        match self {
            Repair::User => format!("taken without the user, as `{}`", address.url),
            _ => format!("taken as `{}`", address.url),
        }
    }
}

fn repair(key: &str, text: &str) -> Result<(Address, Vec<Repair>), &'static str> {
    let mut repairs = Vec::new();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None if text.contains("::") && !text.starts_with('[') => ("rsync".to_owned(), text),
        None => {
            repairs.push(Repair::SchemeMissing);
            (key.to_owned(), text)
        }
    };
    let protocol = match Protocol::ALL.into_iter().find(|protocol| protocol.name() == scheme) {
        Some(protocol) => protocol,
        None if scheme == "ftp" => return Err("is of a protocol that lists do not use"),
        None => return Err("has an unknown scheme"),
    };
    let (mut authority, path) = match (rest.find("::"), rest.find('/')) {
        (Some(colons), slash) if !rest.starts_with('[') && slash.is_none_or(|slash| colons < slash) => {
            if protocol != Protocol::Rsync {
                return Err("has two colons after its host");
            }
            repairs.push(Repair::DoubleColon);
            (&rest[..colons], &rest[colons + 2..])
        }
        (_, Some(slash)) => (&rest[..slash], &rest[slash + 1..]),
        (_, None) => (rest, ""),
    };
    if let Some((_, host)) = authority.rsplit_once('@') {
        repairs.push(Repair::User);
        authority = host;
    }
    if let Some(host) = authority.strip_suffix(':') {
        repairs.push(Repair::PortEmpty);
        authority = host;
    }
    let authority = checked_authority(authority).ok_or("has no well-formed host")?;
    check_path(path)?;
    let slash_added = !text.ends_with('/');
    let end = if path.is_empty() || path.ends_with('/') { "" } else { "/" };
    let url = format!("{protocol}://{authority}/{path}{end}");
    if url.len() > URL_BYTES_MAX {
        return Err("is too long");
    }
    Ok((Address { protocol, url, slash_added }, repairs))
}

/// The host and perhaps a port, in lower case.
fn checked_authority(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let port_is_good = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0) && !port.starts_with('+');
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        let good = port.is_empty() || port.strip_prefix(':').is_some_and(port_is_good);
        return good.then_some(text);
    }
    let (host, port) = text.split_once(':').map_or((text.as_str(), None), |(host, port)| (host, Some(port)));
    (is_host_name(host) && port.is_none_or(port_is_good)).then_some(text)
}

/// Whether `text` is a host name of at least two labels, or an IPv4 address.
pub(super) fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits makes it an address (RFC 3986, 3.2.2).
    let is_number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    match is_number {
        true => text.parse::<Ipv4Addr>().is_ok(),
        false => text.len() <= 253 && text.contains('.') && text.split('.').all(label),
    }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.contains(['?', '#']) {
        return Err("has a query or a fragment");
    }
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&()*+,;=:@/".contains(&byte)) {
        return Err("has characters that a URL cannot have");
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err("climbs through its own path");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The URL and how many notes there were.
    fn read(key: &str, text: &str) -> (Option<String>, usize) {
        let mut notes = Vec::new();
        let address = Address::read(key, text, &mut Notes::on("x.yml", &mut notes));
        (address.map(|address| address.url), notes.len())
    }

    #[test]
    fn good_addresses_stay() {
        for url in ["http://a.example/x/", "https://a.example:8443/", "rsync://a.example/m/", "http://[2001:db8::1]/x/"]
        {
            assert_eq!(read("http", url), (Some(url.to_owned()), 0));
        }
    }

    #[test]
    fn each_fault_is_mended() {
        let cases = [
            ("http", "http://a.example", "http://a.example/", 0),
            ("http", "HTTP://A.Example/X", "http://a.example/X/", 0),
            ("http", "a.example/x/", "http://a.example/x/", 1),
            ("https", "[2001:db8::1]/x/", "https://[2001:db8::1]/x/", 1),
            ("rsync", "a.example::alma", "rsync://a.example/alma/", 1),
            ("rsync", "rsync://a.example::alma/", "rsync://a.example/alma/", 1),
            ("rsync", "rsync://user@a.example:/alma", "rsync://a.example/alma/", 2),
        ];
        for (key, text, url, note_count) in cases {
            assert_eq!(read(key, text), (Some(url.to_owned()), note_count), "{text}");
        }
    }

    #[test]
    fn a_missing_slash_is_known() {
        let slash_added = |text| repair("http", text).ok().map(|(address, _)| address.slash_added);
        for (text, added) in [("http://a.example", true), ("http://a.example/", false), ("http://a.example/x", true)] {
            assert_eq!(slash_added(text), Some(added), "{text}");
        }
        assert_eq!(slash_added("http://a.example/x/"), Some(false));
        assert_eq!(slash_added("http://a.example:/"), Some(false));
    }

    #[test]
    fn what_is_no_address_is_left_out_with_a_note() {
        let cases = [
            "",
            "http://",
            "http:///x/",
            "http://localhost/x/",
            "ftp://a.example/x/",
            "gopher://a.example/",
            "http://a.example/x?y",
            "http://a.example/x#y",
            "http://a.example/a b/",
            "http://a.example/é/",
            "http://a.example/../x/",
            "http://1.2.3/",
            "http://a.example/o'x/",
            "http://a.example:0/",
            "http://a.example:99999/",
            "http://a.example:+80/",
            "http://[::1/",
            "http://[::1]x/",
            "http://-a.example/",
            "http://a..example/",
            "http://a.example::x/",
            "http://a.example/\"/",
            "http://a.example/\n/",
        ];
        for text in cases {
            assert_eq!(read("http", text), (None, 1), "{text}");
        }
        assert_eq!(read("http", &format!("http://a.example/{}", "x".repeat(URL_BYTES_MAX))), (None, 1));
    }
}
