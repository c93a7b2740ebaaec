//! The client networks of a mirror, as its operator wrote them.

use std::net::IpAddr;

use ip_network::IpNetwork;
use serde_json::Value;

use crate::import::note::Notes;
use crate::import::yaml;

/// Shortest IPv4 prefix that an inventory takes without asking.
const IPV4_LENGTH_MIN: u8 = 16;

/// Shortest IPv6 prefix that an inventory takes without asking.
const IPV6_LENGTH_MIN: u8 = 32;

/// Most networks that one mirror may name.
const NETWORK_COUNT_MAX: usize = 1000;

/// The networks in `value`: a list of prefixes, or one text of them. Each once, in their order.
pub(super) fn read(value: Value, notes: &mut Notes<'_>) -> Vec<IpNetwork> {
    let mut networks: Vec<IpNetwork> = Vec::new();
    for value in yaml::list(value) {
        let Some(text) = yaml::text(&value) else {
            notes.add(format!("subnets hold `{}`", yaml::shown(&value)), "left out: it is no text");
            continue;
        };
        if text.contains("://") {
            notes.add(format!("subnets are published at `{text}`"), "left out: an import fetches nothing");
            continue;
        }
        for word in text.split([',', ' ', '\t', '\n', '\r']).filter(|word| !word.is_empty()) {
            if networks.len() >= NETWORK_COUNT_MAX {
                notes.add("too many subnets", format!("those after the first {NETWORK_COUNT_MAX} left out"));
                return networks;
            }
            if let Some(network) = network(word, notes)
                && !networks.contains(&network)
            {
                networks.push(network);
            }
        }
    }
    networks
}

fn network(word: &str, notes: &mut Notes<'_>) -> Option<IpNetwork> {
    let found = || format!("subnet `{word}`");
    let (address, length) = word.split_once('/').map_or((word, None), |(address, length)| (address, Some(length)));
    let Ok(address) = address.parse::<IpAddr>() else {
        // `010.0.0.0` is 10 to some programs and 8 to others; nobody can know what was meant.
        notes.add(found(), "left out: not an address and a length (leading zeros in IPv4 are ambiguous)");
        return None;
    };
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let Some(length) = length.map_or(Some(whole), |length| length.parse().ok()).filter(|&length| length <= whole)
    else {
        notes.add(found(), format!("left out: the length is not a number up to {whole}"));
        return None;
    };
    if length < if address.is_ipv4() { IPV4_LENGTH_MIN } else { IPV6_LENGTH_MIN } {
        notes.add(found(), "left out: too broad for one mirror's clients");
        return None;
    }
    let network = IpNetwork::new_truncate(address, length).ok()?;
    if network.network_address() != address {
        notes.add(format!("{} has host bits", found()), format!("taken as {network}"));
    } else if !word.contains('/') {
        notes.add(format!("{} has no length", found()), format!("taken as {network}"));
    } else if network.to_string() != word.to_ascii_lowercase() {
        notes.add(format!("{} has leading zeros", found()), format!("taken as {network}"));
    }
    Some(network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(value: Value) -> (String, usize) {
        let mut notes = Vec::new();
        let networks = read(value, &mut Notes::on("x.yml", &mut notes));
        (networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), notes.len())
    }

    #[test]
    fn lists_and_texts_of_prefixes_are_read() {
        let both = "192.0.2.0/24 2001:db8::/48".to_owned();
        assert_eq!(texts(json!(["192.0.2.0/24", "2001:db8::/48", "192.0.2.0/24"])), (both.clone(), 0));
        assert_eq!(texts(json!("192.0.2.0/24, 2001:db8::/48")), (both, 0));
        assert_eq!(texts(json!(null)), (String::new(), 0));
    }

    #[test]
    fn odd_prefixes_are_mended_with_a_note() {
        for (text, network) in [
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:0DB8:0000::/44", "2001:db8::/44"),
            ("2001:db8::1", "2001:db8::1/128"),
        ] {
            assert_eq!(texts(json!([text])), (network.to_owned(), 1), "{text}");
        }
    }

    #[test]
    fn useless_prefixes_are_left_out_with_a_note() {
        let cases = [
            json!(["10.0.0.0/8"]),
            json!(["2001:db8::/31"]),
            json!(["0.0.0.0/0"]),
            json!(["010.1.0.0/16"]),
            json!(["192.0.2.0/33"]),
            json!(["192.0.2.0/"]),
            json!(["example"]),
            json!([["192.0.2.0/24"]]),
            json!("https://a.example/subnets.json"),
        ];
        for value in cases {
            assert_eq!(texts(value.clone()), (String::new(), 1), "{value}");
        }
    }

    #[test]
    fn there_is_a_limit() {
        let many: Vec<String> = (0..2000).map(|i| format!("198.18.{}.{}/32", i / 256, i % 256)).collect();
        let mut notes = Vec::new();
        assert_eq!(read(json!(many), &mut Notes::on("x.yml", &mut notes)).len(), NETWORK_COUNT_MAX);
        assert_eq!(notes.len(), 1);
    }
}
