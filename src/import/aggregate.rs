//! The shortest set of prefixes for the same addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use ip_network::IpNetwork;

/// A prefix as numbers: its family, its first address, and how long it is. Sorts a prefix right before what it holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    is_ipv6: bool,
    first: u128,
    length: u8,
}

impl Range {
    fn of(network: &IpNetwork) -> Range {
        let (is_ipv6, first) = match network {
            IpNetwork::V4(v4) => (false, u128::from(u32::from(v4.network_address()))),
            IpNetwork::V6(v6) => (true, u128::from(v6.network_address())),
        };
        Range { is_ipv6, first, length: network.netmask() }
    }

    /// How many low bits of an address the prefix leaves open: 0 to 128.
    fn open_bits(self) -> u32 {
        let bits: u8 = if self.is_ipv6 { 128 } else { 32 };
        u32::from(bits.saturating_sub(self.length))
    }

    fn contains(self, other: Range) -> bool {
        let fixed = |first: u128| first.checked_shr(self.open_bits()).unwrap_or(0);
        self.is_ipv6 == other.is_ipv6 && self.length <= other.length && fixed(self.first) == fixed(other.first)
    }

    /// The prefix that is exactly `self` and `other`, its right neighbour; none when there is no such prefix.
    fn joined(self, other: Range) -> Option<Range> {
        if self.length == 0 || self.length != other.length || self == other {
            return None;
        }
        let parent = Range { length: self.length - 1, ..self };
        // The left half starts where the parent starts, or the parent would begin before it.
        let half_open = parent.open_bits().checked_sub(1)?;
        let is_left_half = self.first & (1u128 << half_open) == 0;
        (is_left_half && parent.contains(other)).then_some(parent)
    }

    fn network(self) -> Option<IpNetwork> {
        match self.is_ipv6 {
            false => IpNetwork::new(Ipv4Addr::from(u32::try_from(self.first).ok()?), self.length).ok(),
            true => IpNetwork::new(Ipv6Addr::from(self.first), self.length).ok(),
        }
    }
}

/// The shortest set of prefixes that holds the same addresses: none inside another, no two that are the halves of one.
/// Sorted, IPv4 before IPv6.
pub fn aggregate(networks: &[IpNetwork]) -> Vec<IpNetwork> {
    let mut ranges: Vec<Range> = networks.iter().map(Range::of).collect();
    ranges.sort_unstable();
    let mut kept: Vec<Range> = Vec::new();
    for range in ranges {
        if kept.last().is_some_and(|last| last.contains(range)) {
            continue;
        }
        kept.push(range);
        while let [.., left, right] = kept[..]
            && let Some(parent) = left.joined(right)
        {
            kept.truncate(kept.len() - 2);
            kept.push(parent);
        }
    }
    kept.into_iter().filter_map(Range::network).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn aggregated(text: &str) -> String {
        let networks: Vec<IpNetwork> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
        aggregate(&networks).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn nested_prefixes_go_and_halves_join() {
        assert_eq!(aggregated(""), "");
        assert_eq!(aggregated("192.0.2.0/25 192.0.2.128/25 192.0.2.7/32"), "192.0.2.0/24");
        assert_eq!(aggregated("192.0.2.64/26 192.0.2.128/26"), "192.0.2.64/26 192.0.2.128/26");
        assert_eq!(aggregated("192.0.2.0/24 192.0.2.0/24 192.0.2.0/28"), "192.0.2.0/24");
        assert_eq!(aggregated("128.0.0.0/1 0.0.0.0/2 64.0.0.0/2 ::/1 8000::/1"), "0.0.0.0/0 ::/0");
        assert_eq!(aggregated("2001:db8::/64 2001:db8:0:1::/64 10.0.0.0/8"), "10.0.0.0/8 2001:db8::/63");
    }

    proptest! {
        #[test]
        fn no_address_is_won_or_lost(prefixes in prop::collection::vec((any::<u8>(), 24u8..=32), 0..40)) {
            let networks: Vec<IpNetwork> = prefixes
                .iter()
                .map(|&(low, length)| IpNetwork::new_truncate(Ipv4Addr::new(192, 0, 2, low), length).unwrap())
                .collect();
            let shortest = aggregate(&networks);
            for low in 0..=255 {
                let address = Ipv4Addr::new(192, 0, 2, low);
                let before = networks.iter().any(|network| network.contains(address));
                let holding_count = shortest.iter().filter(|network| network.contains(address)).count();
                prop_assert_eq!(holding_count, usize::from(before));
            }
            prop_assert_eq!(aggregate(&shortest), shortest);
        }
    }

    #[test]
    fn agrees_with_published_merges() {
        let shared = std::env::var_os("MIRRORLISTD_SHARED")
            .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").into(), std::path::PathBuf::from);
        let folder = shared.join("data/clouds/merged-oracle");
        if !folder.exists() {
            println!("skipped: no ../shared/data");
            return;
        }
        let read = |name: String| -> Vec<IpNetwork> {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            let network = |line: &str| match line.contains('/') {
                true => line.parse().unwrap(),
                false => IpNetwork::from(line.parse::<std::net::IpAddr>().unwrap()),
            };
            text.split_whitespace().map(network).collect()
        };
        let lists = ["amazon-ipv4", "amazon-ipv6", "google-ipv4", "google-ipv6", "microsoft-ipv4", "microsoft-ipv6"];
        for list in lists.into_iter().chain(["oracle-ipv4"]) {
            let mut merged = read(format!("{list}_merged.txt"));
            merged.sort();
            let mut ours = aggregate(&read(format!("{list}.txt")));
            ours.sort();
            assert!(!merged.is_empty() && ours == merged, "{list}: {} and {}", ours.len(), merged.len());
        }
    }
}
