//! `PrefixMap`: networks with values, frozen, asked by address for the longest network that holds it.
//!
//! The borders of all networks cut the addresses into spans, each held by one network or by nobody. A lookup finds the
//! last span that starts at or before the address: a table says among which few to search. Addresses of one /16 are a
//! block, and each block is cut into as many equal slots as it has use for: IPv6 is crowded in some, empty in most.
//! A tree would take a step, and often a line of memory, for every few bits of the address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ip_network::IpNetwork;

/// Blocks: one for each /16.
const BLOCK_COUNT: usize = 1 << 16;
/// Starts in one slot of a block, on average: a line of memory.
const SLOT_STARTS: u32 = 4;
/// Marks a span that no network holds.
const NOBODY: u32 = u32::MAX;

/// A frozen map from networks to values.
#[derive(Clone, Debug)]
pub struct PrefixMap<T> {
    networks: Vec<(IpNetwork, T)>,
    ipv4: Spans,
    ipv6: Spans,
}

impl<T> PrefixMap<T> {
    /// The map of these networks. Of one that comes twice the last value counts.
    pub fn new(networks: impl IntoIterator<Item = (IpNetwork, T)>) -> PrefixMap<T> {
        let networks: Vec<(IpNetwork, T)> = networks.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
        let ranges = |is_ipv4| {
            let numbered = networks.iter().zip(0..).filter(move |((network, _), _)| network.is_ipv4() == is_ipv4);
            numbered.map(|((network, _), number)| (first(network), last(network), number)).collect()
        };
        let (ipv4, ipv6) = (Spans::cut(ranges(true)), Spans::cut(ranges(false)));
        PrefixMap { networks, ipv4, ipv6 }
    }

    /// The longest network that holds `address`, and its value. An IPv4 address inside IPv6 must have been unfolded
    /// before.
    pub fn longest_match(&self, address: IpAddr) -> Option<(IpNetwork, &T)> {
        let spans = if address.is_ipv4() { &self.ipv4 } else { &self.ipv6 };
        let (network, value) = self.networks.get(spans.holder(key(address))? as usize)?;
        Some((*network, value))
    }
}

/// An address as a number: IPv4 in the upper 32 bits, so that both families are alike.
fn key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn first(network: &IpNetwork) -> u128 {
    key(network.network_address())
}

fn last(network: &IpNetwork) -> u128 {
    // All bits behind the prefix; none are behind /128.
    first(network) | u128::MAX.checked_shr(network.netmask().into()).unwrap_or_default()
}

/// The spans of one family.
#[derive(Clone, Debug, Default)]
struct Spans {
    /// Number of the first slot of each block, and of the end.
    fan: Vec<u32>,
    /// How many starts lie before each slot, and before the end.
    top: Vec<u32>,
    /// Where spans start, rising.
    starts: Vec<u128>,
    /// Which network holds each, by number.
    holders: Vec<u32>,
}

impl Spans {
    /// Cuts ranges (first, last, number), which lie in each other or apart, an outer one before those inside.
    fn cut(ranges: Vec<(u128, u128, u32)>) -> Spans {
        let mut spans = Spans::default();
        if ranges.is_empty() {
            return spans;
        }
        let mut around: Vec<(u128, u32)> = Vec::new();
        for (first, last, number) in ranges {
            spans.close(&mut around, |outer_last| outer_last < first);
            spans.begin(first, number);
            around.push((last, number));
        }
        spans.close(&mut around, |_| true);
        spans.index();
        spans
    }

    /// Makes the table, the starts being there.
    fn index(&mut self) {
        self.fan = counts_before(BLOCK_COUNT, self.starts.iter().map(|&start| block(start)));
        for block in (0..BLOCK_COUNT).rev() {
            self.fan[block + 1] = (self.fan[block + 1] - self.fan[block]) / SLOT_STARTS + 1;
        }
        for block in 0..BLOCK_COUNT {
            self.fan[block + 1] += self.fan[block];
        }
        let slots: Vec<usize> = self.starts.iter().filter_map(|&start| self.slot(start)).collect();
        self.top = counts_before(self.fan[BLOCK_COUNT] as usize, slots.into_iter());
    }

    /// Ends the ranges that are over; behind each goes on the one around it.
    fn close(&mut self, around: &mut Vec<(u128, u32)>, is_over: impl Fn(u128) -> bool) {
        while let Some((last, _)) = around.pop_if(|(last, _)| is_over(*last)) {
            if let Some(after) = last.checked_add(1) {
                self.begin(after, around.last().map_or(NOBODY, |(_, number)| *number));
            }
        }
    }

    fn begin(&mut self, start: u128, holder: u32) {
        // What starts where the last one started leaves nothing of it.
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.holders.pop();
        }
        self.starts.push(start);
        self.holders.push(holder);
    }

    /// The slot of an address: the 32 bits behind the block's, scaled to the number of the block's slots.
    fn slot(&self, key: u128) -> Option<usize> {
        let first = *self.fan.get(block(key))?;
        let slot_count = self.fan.get(block(key) + 1)?.checked_sub(first)?;
        let behind = u64::from((key >> 80) as u32);
        Some(first as usize + ((behind * u64::from(slot_count)) >> 32) as usize)
    }

    fn holder(&self, key: u128) -> Option<u32> {
        let slot = self.slot(key)?;
        let from = *self.top.get(slot)? as usize;
        let to = *self.top.get(slot + 1)? as usize;
        let begun = from + self.starts.get(from..to)?.partition_point(|&start| start <= key);
        let holder = *self.holders.get(begun.checked_sub(1)?)?;
        (holder != NOBODY).then_some(holder)
    }
}

fn block(key: u128) -> usize {
    (key >> 112) as usize
}

/// How many of `positions`, all below `end`, lie before each position up to `end`.
fn counts_before(end: usize, positions: impl Iterator<Item = usize>) -> Vec<u32> {
    let mut counts = vec![0; end + 1];
    for position in positions {
        counts[position + 1] += 1;
    }
    for position in 0..end {
        counts[position + 1] += counts[position];
    }
    counts
}

#[cfg(test)]
mod tests {
    use ip_network_table::IpNetworkTable;
    use proptest::prelude::*;

    use super::*;

    fn held_by(map: &PrefixMap<u8>, address: &str) -> String {
        let found = map.longest_match(address.parse().unwrap());
        found.map_or_else(|| "nobody".to_owned(), |(network, value)| format!("{network} {value}"))
    }

    #[test]
    fn the_longest_network_holds_an_address() {
        let networks = [
            ("10.0.0.0/8", 1),
            ("10.0.0.0/16", 2),
            ("10.0.255.0/24", 3),
            ("10.255.255.255/32", 4),
            ("2001:db8::/32", 5),
            ("2001:db8::7/128", 6),
            ("10.0.0.0/8", 7),
            ("255.0.0.0/8", 8),
        ];
        let map = PrefixMap::new(networks.map(|(network, value)| (network.parse().unwrap(), value)));
        for (address, expected) in [
            ("9.255.255.255", "nobody"),
            ("10.0.0.0", "10.0.0.0/16 2"),
            ("10.0.255.255", "10.0.255.0/24 3"),
            ("10.1.0.0", "10.0.0.0/8 7"),
            ("10.255.255.255", "10.255.255.255/32 4"),
            ("11.0.0.0", "nobody"),
            ("255.255.255.255", "255.0.0.0/8 8"),
            ("2001:db8::6", "2001:db8::/32 5"),
            ("2001:db8::7", "2001:db8::7/128 6"),
            ("2001:db8::8", "2001:db8::/32 5"),
            ("2001:db9::", "nobody"),
        ] {
            assert_eq!(held_by(&map, address), expected, "{address}");
        }
        assert_eq!(held_by(&PrefixMap::new([]), "10.0.0.1"), "nobody");
        let all = PrefixMap::new([("0.0.0.0/0".parse().unwrap(), 1), ("::/0".parse().unwrap(), 2)]);
        assert_eq!(held_by(&all, "255.255.255.255"), "0.0.0.0/0 1");
        assert_eq!(held_by(&all, "::"), "::/0 2");
    }

    proptest! {
        // Each case makes tables of all blocks.
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_agrees_with_a_tree(
            ipv4 in proptest::collection::vec((0u32..64, 0u8..=32), 0..40),
            ipv6 in proptest::collection::vec((0u128..64, 0u8..=128), 0..40),
            asked in proptest::collection::vec((0u32..64, 0u32..4), 40),
        ) {
            // Few bits at both ends, so that networks lie in each other and addresses at their borders.
            let ipv4_address = |bits: u32| IpAddr::from((bits >> 3 << 29 | bits & 7).to_be_bytes());
            let ipv6_address = |bits: u128| IpAddr::from((bits >> 3 << 125 | bits & 7).to_be_bytes());
            let networks: Vec<IpNetwork> = ipv4
                .iter()
                .map(|&(bits, length)| (ipv4_address(bits), length))
                .chain(ipv6.iter().map(|&(bits, length)| (ipv6_address(bits), length)))
                .map(|(address, length)| IpNetwork::new_truncate(address, length).unwrap())
                .collect();
            let map = PrefixMap::new(networks.iter().copied().zip(0..));
            let mut tree = IpNetworkTable::new();
            for (number, network) in networks.iter().enumerate() {
                tree.insert(*network, number as i32);
            }
            for (bits, beside) in asked {
                for address in [
                    IpAddr::from(match ipv4_address(bits) {
                        IpAddr::V4(address) => address.to_bits().wrapping_sub(beside).to_be_bytes(),
                        IpAddr::V6(_) => continue,
                    }),
                    IpAddr::from(match ipv6_address(bits.into()) {
                        IpAddr::V6(address) => address.to_bits().wrapping_sub(beside.into()).to_be_bytes(),
                        IpAddr::V4(_) => continue,
                    }),
                ] {
                    prop_assert_eq!(map.longest_match(address), tree.longest_match(address), "{}", address);
                }
            }
        }
    }
}
