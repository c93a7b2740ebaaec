//! `Population`: clients that are made up, in the shares of countries that mirror lists see.
//!
//! The shares are rounded and by feel, in the proportions that public counts of such populations show: they are those
//! of servers, which are where data centres are, not those of people. Who knows better has a log.
//!
//! A client is a network: an address out of the GeoIP table's own ranges for its country. It asks for one repo once in
//! each hour of a day, so that it comes into many turns. A seed decides everything.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::answer::{Ask, Atlas, Endpoint, Query};
use crate::dice::Dice;
use crate::place::Code;
use crate::snapshot::{RepoIndex, View};
use crate::turn::TURN_SECONDS;

/// Hours for which each client asks.
pub const HOURS: u64 = 24;
/// Most clients of a population.
pub const CLIENTS_MAX: u32 = 1_000_000;
/// Addresses that are drawn to find some in each country, of each family.
const DRAWN_COUNT: usize = 1 << 17;
/// Of how many clients in a hundred IPv6 is asked over, where the table knows IPv6 networks of the country.
const IPV6_PERCENT: usize = 30;

/// Of a thousand clients, how many are in a country. All others together are the last: any country of the snapshot.
const SHARES: [(&str, u32); 44] = [
    ("US", 330),
    ("DE", 90),
    ("FR", 60),
    ("CN", 50),
    ("JP", 45),
    ("GB", 40),
    ("NL", 35),
    ("SG", 25),
    ("IN", 25),
    ("CA", 25),
    ("KR", 20),
    ("BR", 20),
    ("RU", 18),
    ("IT", 15),
    ("PL", 13),
    ("AU", 13),
    ("FI", 12),
    ("ES", 10),
    ("SE", 10),
    ("CH", 9),
    ("HK", 9),
    ("ID", 9),
    ("TW", 8),
    ("IE", 8),
    ("TR", 7),
    ("IR", 7),
    ("CZ", 7),
    ("UA", 6),
    ("AT", 6),
    ("BE", 5),
    ("MX", 5),
    ("VN", 5),
    ("ZA", 5),
    ("AR", 4),
    ("TH", 4),
    ("RO", 4),
    ("DK", 4),
    ("NO", 4),
    ("HU", 3),
    ("BG", 3),
    ("IL", 3),
    ("MY", 3),
    ("CL", 3),
    ("PT", 2),
];
/// How much more often than another a release is asked for that has an alias: it is the one that is current.
const CURRENT_WEIGHT: u32 = 1000;
/// Architectures, and how much more often than another one they are asked for.
const ARCHES: [(&str, u32); 2] = [("x86_64", 90), ("aarch64", 8)];
/// First 16 bits of IPv6 networks that are in use nearly everywhere.
const IPV6_IN_USE: [u128; 12] =
    [0x2a10, 0x2001, 0x2a09, 0x2804, 0x2a01, 0x2a00, 0x2602, 0x2803, 0x2a0f, 0x2a14, 0x2a13, 0x2620];

/// Why there are no such clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PopulationError {
    /// There is nothing to ask for.
    #[error("the snapshot has no repo that clients could ask for")]
    NoRepo,
    /// There is no such repo.
    #[error("the snapshot has no repo `{0}`; give release, architecture and name, such as 9/x86_64/baseos")]
    UnknownRepo(String),
}

/// A client that is made up.
struct Client {
    address: IpAddr,
    /// Position of what it asks for among the repos.
    repo: usize,
    /// The place that it asks for; empty for none.
    place: String,
}

/// Clients that are made up.
pub struct Population {
    clients: Vec<Client>,
    repos: Repos,
    begin: u64,
}

impl Population {
    /// `count` clients (`CLIENTS_MAX` at most), which ask from `begin` on. `repo`: what all of them ask for (release,
    /// architecture, name); none: each for another of the snapshot's.
    pub fn new(
        atlas: &Atlas,
        count: u32,
        seed: u64,
        begin: u64,
        repo: Option<[&str; 3]>,
    ) -> Result<Population, PopulationError> {
        let mut dice = Dice::new(seed);
        let repos = Repos::of(atlas.view(), repo)?;
        let world = World::draw(atlas, &mut dice);
        let clients = (0..count.min(CLIENTS_MAX)).map(|_| {
            let (address, place) = world.client(atlas, &mut dice);
            Client { address, repo: repos.choose(&mut dice), place }
        });
        let clients = clients.collect();
        Ok(Population { clients, repos, begin })
    }

    /// How many requests they make.
    pub fn ask_count(&self) -> u64 {
        self.clients.len() as u64 * HOURS
    }

    /// Their requests.
    pub fn asks(&self) -> impl Iterator<Item = Ask<'_>> {
        (0..HOURS).flat_map(move |hour| {
            let unix_seconds = self.begin + hour * TURN_SECONDS;
            self.clients.iter().map(move |client| {
                let [release, arch, name] = self.repos.names[client.repo].each_ref().map(String::as_str);
                let query = Query::of(release, arch, name, &client.place);
                Ask { endpoint: Endpoint::Root, query, accepts_metalink4: false, client: client.address, unix_seconds }
            })
        })
    }
}

/// The repos of a snapshot, and how often each is asked for.
struct Repos {
    names: Vec<[String; 3]>,
    /// Sum of the weights up to each.
    reached: Vec<u64>,
}

impl Repos {
    fn of<B: AsRef<[u8]>>(view: &View<B>, only: Option<[&str; 3]>) -> Result<Repos, PopulationError> {
        let found = only.map(|parts| {
            let [release, arch, name] = parts.map(str::as_bytes);
            view.find(release, arch, name).ok_or_else(|| PopulationError::UnknownRepo(parts.join("/")))
        });
        let indexes = match found.transpose()? {
            Some(index) => vec![index],
            None => (0..view.repo_count() as u32).map(RepoIndex).collect(),
        };
        let mut repos = Repos { names: Vec::new(), reached: Vec::new() };
        let mut reached = 0;
        let current: HashSet<RepoIndex> = view
            .keys()
            .into_iter()
            .filter(|([release, ..], index)| view.repo_name(*index).is_some_and(|name| name.release != *release))
            .map(|(_, index)| index)
            .collect();
        for (index, name) in indexes.into_iter().filter_map(|index| Some((index, view.repo_name(index)?))) {
            let age = if current.contains(&index) { CURRENT_WEIGHT } else { 1 };
            let weight = age * ARCHES.iter().find(|(arch, _)| *arch == name.arch).map_or(1, |(_, weight)| *weight);
            reached += u64::from(weight);
            repos.names.push([name.release, name.arch, name.name].map(str::to_owned));
            repos.reached.push(reached);
        }
        if repos.names.is_empty() { Err(PopulationError::NoRepo) } else { Ok(repos) }
    }

    /// The position of one.
    fn choose(&self, dice: &mut Dice) -> usize {
        let mark = dice.below(self.reached.last().map_or(0, |&all| all as usize)) as u64;
        self.reached.partition_point(|&reached| reached <= mark)
    }
}

/// Addresses in each country, as far as the GeoIP table knows some.
struct World {
    countries: BTreeMap<Code, [Vec<IpAddr>; 2]>,
    /// Countries of the snapshot without a share of their own.
    rest: Vec<Code>,
}

impl World {
    fn draw(atlas: &Atlas, dice: &mut Dice) -> World {
        let mut countries: BTreeMap<Code, [Vec<IpAddr>; 2]> = BTreeMap::new();
        for _ in 0..DRAWN_COUNT {
            for address in [ipv4(dice), ipv6(dice)] {
                if let Some((code, _)) = atlas.geo(address) {
                    countries.entry(code.country()).or_default()[usize::from(address.is_ipv6())].push(address);
                }
            }
        }
        let has_share = |code: &Code| SHARES.iter().any(|(known, _)| code.to_string() == *known);
        let rest = atlas.view().places().filter(|code| !code.is_subdivision() && !has_share(code)).collect();
        World { countries, rest }
    }

    /// A client, and the place that it has to name for itself: empty where the GeoIP table knows it.
    fn client(&self, atlas: &Atlas, dice: &mut Dice) -> (IpAddr, String) {
        let mut mark = dice.below(1000) as u32;
        let shared = SHARES.iter().find(|(_, share)| {
            let is_it = mark < *share;
            mark = mark.saturating_sub(*share);
            is_it
        });
        let code = match shared {
            Some((code, _)) => Code::parse(code.as_bytes()),
            None => self.rest.get(dice.below(self.rest.len())).copied(),
        };
        let Some(code) = code else { return (ipv4(dice), String::new()) };
        let wants_ipv6 = dice.below(100) < IPV6_PERCENT;
        let known = self.countries.get(&code).and_then(|[v4, v6]| {
            let pool = if wants_ipv6 && !v6.is_empty() || v4.is_empty() { v6 } else { v4 };
            pool.get(dice.below(pool.len()))
        });
        match known {
            Some(&address) => (neighbour(atlas, address, dice), String::new()),
            // Nobody's address: it belongs to no cloud, and the place it names decides.
            None => (IpAddr::V4(Ipv4Addr::from_bits(0x6440_0000 | dice.roll() as u32 & 0x003f_ffff)), code.to_string()),
        }
    }
}

/// Another network close by, when it is at the same place: countries of which few addresses were drawn have more
/// networks than these.
fn neighbour(atlas: &Atlas, address: IpAddr, dice: &mut Dice) -> IpAddr {
    let moved = match address {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() ^ dice.roll() as u32 & 0xffff)),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() ^ u128::from(dice.roll() & 0xffff) << 80))
        }
    };
    if atlas.geo(moved) == atlas.geo(address) { moved } else { address }
}

/// An address that may be routed, or not: the GeoIP table knows.
fn ipv4(dice: &mut Dice) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(dice.roll() as u32))
}

fn ipv6(dice: &mut Dice) -> IpAddr {
    let network = IPV6_IN_USE[dice.below(IPV6_IN_USE.len())];
    IpAddr::V6(Ipv6Addr::from_bits(network << 112 | u128::from(dice.roll()) << 48 | u128::from(dice.roll() >> 16)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_leave_room_for_the_rest_of_the_world() {
        let sum: u32 = SHARES.iter().map(|(_, share)| share).sum();
        assert!((900..1000).contains(&sum), "{sum}");
        for (position, (code, _)) in SHARES.iter().enumerate() {
            assert!(Code::parse(code.as_bytes()).is_some_and(|code| !code.is_subdivision()), "{code}");
            assert!(SHARES[..position].iter().all(|(other, _)| other != code), "{code} twice");
        }
    }
}
