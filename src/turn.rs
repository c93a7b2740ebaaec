//! Turns: how the order of mirrors differs from client to client and from hour to hour, without memory of anybody.
//!
//! Lives here: which turn a client is in, and the weighted orders that turns stand for.
//! Not here: which mirrors are ordered (`plan`).

use std::net::IpAddr;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Seconds after which a client comes into another turn.
pub const TURN_SECONDS: u64 = 3600;

/// What the golden ratio takes of a circle of 2^64: steps of that length never come near where they have been before as
/// long as they can help it.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The turn of a client at `unix_seconds`, below `turn_count`: a hash of its /24 (IPv4) or /48 (IPv6) and the hour.
///
/// All machines of one network agree, for all repos; the next hour they come into another turn. The hash tells where on
/// a circle a network begins, and each hour takes it a golden step further: so over a day every network, by itself,
/// comes through all of the circle evenly. Were each hour hashed anew, the few networks that have most of the clients
/// would by chance come to some mirrors far more often than to others: a network with a tenth of all requests moves
/// shares by 1 % over a day then, and by a third of that with steps. (`tests/load_shares.rs` counts.)
pub fn of_client(address: IpAddr, unix_seconds: u64, turn_count: usize) -> usize {
    let network: u64 = match address {
        IpAddr::V4(address) => u64::from(u32::from(address) >> 8),
        IpAddr::V6(address) => 1 << 63 | (u128::from(address) >> 80) as u64,
    };
    let position = xxh3_64(&network.to_le_bytes()).wrapping_add((unix_seconds / TURN_SECONDS).wrapping_mul(STEP));
    ((u128::from(position) * turn_count as u128) >> 64) as usize
}

/// Something that takes turns: its name's hash and its weight.
#[derive(Clone, Copy, Debug)]
pub struct Entrant {
    name_hash: u64,
    weight: f64,
}

impl Entrant {
    /// An entrant; a weight of 0 counts as 1.
    pub fn new(name: &str, weight: u32) -> Entrant {
        Entrant { name_hash: xxh3_64(name.as_bytes()), weight: f64::from(weight.max(1)) }
    }

    /// Weighted rendezvous hashing: ordering entrants by this, smallest first, is a weighted shuffle that keeps the
    /// order of the others when one leaves. (Efraimidis and Spirakis 2006: exponential clocks.)
    pub fn clock(&self, turn: usize) -> f64 {
        let hash = xxh3_64_with_seed(&self.name_hash.to_le_bytes(), turn as u64);
        // 53 bits make a number strictly between 0 and 1.
        let uniform = ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        -uniform.ln() / self.weight
    }
}

/// Puts `members` into the order of `turn`: a weighted shuffle whose first place is shared exactly.
///
/// Some shuffles alone would give the lead to a mirror far more or less often than its weight says. So the
/// leader is drawn by systematic sampling: over all `turn_count` turns each member leads `turn_count × its share`
/// times, rounded up or down. The others follow in the order of their clocks.
pub fn order<T: Copy>(members: &mut [T], turn: usize, turn_count: usize, entrant: impl Fn(T) -> Entrant) {
    members.sort_by_key(|&member| entrant(member).name_hash);
    let total: f64 = members.iter().map(|&member| entrant(member).weight).sum();
    let mark = (turn as f64 + 0.5) / turn_count as f64 * total;
    let mut reached = 0.0;
    let leader = members.iter().position(|&member| {
        reached += entrant(member).weight;
        reached > mark
    });
    if let Some(leader) = leader {
        members[..=leader].rotate_right(1);
        members[1..].sort_by_cached_key(|&member| entrant(member).clock(turn).to_bits());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_has_one_turn_for_an_hour() {
        let turn = |text: &str, second| of_client(text.parse().unwrap(), second, 64);
        assert_eq!(turn("192.0.2.1", 7200), turn("192.0.2.254", 10_799));
        assert_eq!(turn("2001:db8:1:2::1", 0), turn("2001:db8:1:ffff::9", 3599));
        let turns: std::collections::HashSet<_> = (0..200).map(|hour| turn("192.0.2.1", hour * 3600)).collect();
        assert!(turns.len() > 50, "the hours rotate through the turns: {}", turns.len());
        assert_eq!(of_client("192.0.2.1".parse().unwrap(), 0, 0), 0);
        assert!(of_client("192.0.2.1".parse().unwrap(), u64::MAX, 7) < 7);
    }

    #[test]
    fn a_network_comes_through_all_turns_evenly() {
        for network in 0..100_u32 {
            let address = IpAddr::from((network << 8).to_be_bytes());
            let mut visits = [0; 8];
            for hour in 0..24 {
                visits[of_client(address, hour * TURN_SECONDS, 8)] += 1;
            }
            assert!(visits.iter().all(|visit| (2..=4).contains(visit)), "3 of 24 hours are due to each: {visits:?}");
        }
    }

    #[test]
    fn the_lead_is_shared_by_weight() {
        let weights = [("a", 100), ("b", 1000), ("c", 10_000), ("d", 900)];
        let mut led = [0u32; 4];
        for turn in 0..64 {
            let mut members = [0, 1, 2, 3];
            order(&mut members, turn, 64, |at: usize| Entrant::new(weights[at].0, weights[at].1));
            led[members[0]] += 1;
            members.sort_unstable();
            assert_eq!(members, [0, 1, 2, 3]);
        }
        for (at, (name, weight)) in weights.iter().enumerate() {
            let exact = 64.0 * f64::from(*weight) / 12_000.0;
            assert!((f64::from(led[at]) - exact).abs() < 1.0, "{name}: {} of {exact}", led[at]);
        }
    }

    #[test]
    fn followers_keep_their_order_when_one_leaves() {
        let entrant = |at: usize| Entrant::new(&format!("mirror-{at}"), 100);
        for turn in 0..16 {
            let mut all: Vec<usize> = (0..10).collect();
            order(&mut all, turn, 16, entrant);
            let gone = all[4];
            let mut rest: Vec<usize> = (0..10).filter(|&at| at != gone).collect();
            order(&mut rest, turn, 16, entrant);
            let without: Vec<usize> = all.iter().copied().filter(|&at| at != gone && at != all[0]).collect();
            let followers: Vec<usize> = rest.iter().copied().filter(|&at| at != all[0]).collect();
            if rest[0] == all[0] {
                assert_eq!(followers, without, "turn {turn}");
            }
        }
    }
}
