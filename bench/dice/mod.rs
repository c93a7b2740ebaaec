//! `Dice`: uniform numbers and addresses out of a seed, so that runs can be compared.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of registries that are the most crowded in the shipped GeoIP table, the first 16 bits of each.
const CROWDED_IPV6: [u64; 12] =
    [0x2a10, 0x2001, 0x2a09, 0x2804, 0x2a01, 0x2a00, 0x2602, 0x2803, 0x2a0f, 0x2a14, 0x2a13, 0x2620];

/// A small generator (splitmix64).
pub struct Dice(pub u64);

// Each bench includes this file and needs some of it.
#[allow(dead_code)]
impl Dice {
    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    /// A number from 0 to 1.
    pub fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of the positions of `weights`, in proportion to them.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.share() * weights.iter().sum::<f64>();
        let chosen = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        chosen.unwrap_or(weights.len() - 1)
    }

    /// A routable IPv4 address.
    pub fn ipv4(&mut self) -> IpAddr {
        loop {
            let address = Ipv4Addr::from_bits(self.roll() as u32);
            let [first, ..] = address.octets();
            if (1..224).contains(&first) && !address.is_private() && !address.is_loopback() && !address.is_link_local()
            {
                return IpAddr::V4(address);
            }
        }
    }

    /// An address of 2000::/3, most of which nobody has been given.
    pub fn ipv6(&mut self) -> IpAddr {
        let upper = 0x2000 << 48 | self.roll() >> 3;
        IpAddr::V6(Ipv6Addr::from_bits(u128::from(upper) << 64 | u128::from(self.roll())))
    }

    /// An address where IPv6 is in use.
    pub fn crowded_ipv6(&mut self) -> IpAddr {
        let network = CROWDED_IPV6[self.below(CROWDED_IPV6.len())];
        let upper = network << 48 | self.roll() >> 16;
        IpAddr::V6(Ipv6Addr::from_bits(u128::from(upper) << 64 | u128::from(self.roll())))
    }
}
