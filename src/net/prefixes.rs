//! `Prefixes`: a set of networks, such as those whose word on a client's address is believed.

use std::net::IpAddr;
use std::sync::Arc;

use ip_network::IpNetwork;

use super::PrefixMap;

/// A set of IPv4 and IPv6 networks.
#[derive(Clone, Debug, Default)]
pub struct Prefixes {
    map: Arc<PrefixMap<()>>,
}

/// Why a text names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no network: write an address and a prefix length like `192.0.2.0/24` or `2001:db8::/32`")]
pub struct PrefixError {
    /// The text.
    pub text: String,
}

impl Prefixes {
    /// The set of these networks; a single address is a network of one. Host bits must be zero.
    pub fn parse(texts: &[String]) -> Result<Prefixes, PrefixError> {
        let mut networks = Vec::new();
        for text in texts {
            let network = match text.parse::<IpAddr>() {
                Ok(address) => Ok(IpNetwork::from(address)),
                Err(_) => text.parse::<IpNetwork>(),
            };
            networks.push((network.map_err(|_| PrefixError { text: text.clone() })?, ()));
        }
        Ok(Prefixes { map: Arc::new(PrefixMap::new(networks)) })
    }

    /// Whether an address lies in one of them. An IPv4 address inside IPv6 must have been unfolded before.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.map.longest_match(address).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_it_was_given() {
        let set = Prefixes::parse(&["10.0.0.0/8".into(), "::1".into(), "192.0.2.7".into()]).unwrap();
        for (address, inside) in
            [("10.200.1.1", true), ("11.0.0.1", false), ("::1", true), ("::2", false), ("192.0.2.7", true)]
        {
            assert_eq!(set.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!Prefixes::default().contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.1/8", "10.0.0.0/33", "nonsense", "::/129"] {
            assert!(Prefixes::parse(&[text.to_owned()]).is_err(), "{text}");
        }
    }
}
