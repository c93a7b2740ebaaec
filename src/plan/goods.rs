//! `Goods`: which mirrors each repo can be had from, by family and protocol.
//!
//! Lives here: what follows for that from the inventory alone, and from the verdicts of a crawl. The rules:
//! - A mirror takes part when it is active and has a base URL for the repo's tree, and never over a family it has not.
//! - Where a repo's master has ever answered and a mirror was looked at, verdicts decide: a mirror is good when it is in,
//!   and one that nobody has looked at is not good. Mirrors that are behind are only to spare, and only where a repo has
//!   fewer than `SPARED_BELOW` good mirrors over the family.
//! - A repo that nobody can judge goes by the operators' word, as all do before the first crawl; `guard` prefers what
//!   was published of it before.
//!
//! Not here: what must not be published (`guard`), in which order mirrors are named (`rank`), and the base URLs of clouds:
//! they can be reached from inside the cloud only, so they go by the operators' word.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::inventory::{Distribution, Inventory, Mirror, Release, Repo, Status};
use crate::net::{Family, Protocol};
use crate::snapshot::Evidence;
use crate::verdicts::{MirrorId, RepoId, RepoKey, Standing, State, StateError, Subject, Truth};

/// With so many good mirrors over a family a repo does without those that are behind. Picked by feel: nearly a full
/// answer of ten, so that one place in it is not paid for by sending clients to old metadata.
pub const SPARED_BELOW: usize = 8;

/// A mirror, by its position in the inventory.
pub type Position = usize;

/// Mirrors by protocol, each in rising order.
pub type ByProtocol = [Vec<Position>; Protocol::ALL.len()];

/// What verdicts say, as the plan reads it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Numbers of mirrors.
    pub mirrors: HashMap<String, MirrorId>,
    /// Numbers of repos.
    pub repos: HashMap<RepoKey, RepoId>,
    /// Repos whose master has ever answered.
    pub with_truth: BTreeSet<RepoId>,
    /// Whether lists may name a mirror.
    pub standings: HashMap<Subject, Standing>,
    /// When the last look was, seconds since 1970.
    pub verified_at: u64,
}

impl Known {
    /// All that `state` holds.
    pub fn read(state: &State) -> Result<Known, StateError> {
        let has_answered = |(id, truth): (RepoId, Truth)| truth.current().map(|_| id);
        let mut verified_at = 0;
        let standings = state.verdicts()?.into_iter().map(|(subject, verdict)| {
            verified_at = verdict.evidence.at.max(verified_at);
            (subject, verdict.standing)
        });
        Ok(Known {
            standings: standings.collect(),
            mirrors: state.mirrors()?,
            repos: state.repos()?,
            with_truth: state.truths()?.into_iter().filter_map(has_answered).collect(),
            verified_at,
        })
    }
}

/// The mirrors of one repo over one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Mirrors that have what the master has.
    pub good: ByProtocol,
    /// Mirrors that are named only after all good ones. None is good by a protocol of lists.
    pub spare: ByProtocol,
}

/// The mirrors of one repo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoGoods {
    /// By family, in the order of `Family::ALL`.
    pub sources: [Sources; Family::ALL.len()],
    /// Mirrors that are behind, by family, whether or not they are to spare.
    pub behind: [ByProtocol; Family::ALL.len()],
    /// Mirrors that the inventory names for it, by family: all others are among them.
    pub eligible: [ByProtocol; Family::ALL.len()],
    /// Whether verdicts decided, or nobody was to.
    pub is_judged: bool,
    /// Protocols of lists.
    pub protocols: Vec<Protocol>,
}

/// Which mirrors each repo can be had from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goods {
    /// What they rest on.
    pub evidence: Evidence,
    /// When the last look was, seconds since 1970; 0 when nobody looked.
    pub verified_at: u64,
    /// By repo.
    pub repos: BTreeMap<RepoKey, RepoGoods>,
}

impl Goods {
    /// The operators' word: every active mirror is good for all that its trees hold.
    pub fn unverified(inventory: &Inventory) -> Goods {
        Goods::made(inventory, &Known::default())
    }

    /// What verdicts say; the operators' word when nobody has looked yet.
    pub fn judged(inventory: &Inventory, known: &Known) -> Goods {
        Goods::made(inventory, known)
    }

    fn made(inventory: &Inventory, known: &Known) -> Goods {
        let has_crawled = !known.standings.is_empty();
        let looked_at: BTreeSet<RepoId> = known.standings.keys().map(|subject| subject.repo).collect();
        let ids: Vec<Option<MirrorId>> =
            inventory.mirrors.iter().map(|mirror| known.mirrors.get(&mirror.name).copied()).collect();
        let mut repos = BTreeMap::new();
        for of in repos_of(inventory) {
            let eligible = Family::ALL.map(|family| eligible(inventory, of.tree, family));
            let id = known.repos.get(&of.key).copied();
            let id = id.filter(|id| known.with_truth.contains(id) && looked_at.contains(id));
            let protocols = &of.distribution.protocols;
            let standing = |family, wanted| {
                let stands = |position: Position, protocol| {
                    let subject = Subject { mirror: ids[position]?, repo: id?, family, protocol };
                    known.standings.get(&subject).copied()
                };
                Protocol::ALL.map(|protocol| -> Vec<Position> {
                    let all = eligible[family as usize][protocol as usize].iter().copied();
                    all.filter(|&position| stands(position, protocol) == Some(wanted)).collect()
                })
            };
            let behind = Family::ALL.map(|family| standing(family, Standing::Late));
            let sources = Family::ALL.map(|family| match id {
                Some(_) => sources(standing(family, Standing::In), &behind[family as usize], protocols),
                None => Sources { good: eligible[family as usize].clone(), spare: ByProtocol::default() },
            });
            let is_judged = id.is_some() || !has_crawled;
            repos.insert(of.key, RepoGoods { sources, behind, eligible, is_judged, protocols: protocols.clone() });
        }
        let evidence = if has_crawled { Evidence::Crawled } else { Evidence::Unverified };
        Goods { evidence, verified_at: known.verified_at, repos }
    }
}

impl RepoGoods {
    /// Listed mirrors that are good over a family by a protocol of lists.
    pub fn good_count(&self, inventory: &Inventory, family: Family) -> usize {
        self.count(inventory, &[&self.sources[family as usize].good])
    }

    /// Listed mirrors that are good or to spare.
    pub fn named_count(&self, inventory: &Inventory, family: Family) -> usize {
        let Sources { good, spare } = &self.sources[family as usize];
        self.count(inventory, &[good, spare])
    }

    /// Listed mirrors that the inventory names.
    pub fn eligible_count(&self, inventory: &Inventory, family: Family) -> usize {
        self.count(inventory, &[&self.eligible[family as usize]])
    }

    fn count(&self, inventory: &Inventory, sets: &[&ByProtocol]) -> usize {
        let all = sets.iter().flat_map(|set| self.protocols.iter().flat_map(|&protocol| &set[protocol as usize]));
        all.filter(|&&position| inventory.mirrors[position].listed).collect::<BTreeSet<_>>().len()
    }
}

/// A repo of one release and architecture, with whom it belongs to.
pub(super) struct RepoOf<'a> {
    pub key: RepoKey,
    pub tree: &'a str,
    pub distribution: &'a Distribution,
    pub release: &'a Release,
    pub repo: &'a Repo,
}

/// All repos of an inventory, in the order of its files.
pub(super) fn repos_of(inventory: &Inventory) -> impl Iterator<Item = RepoOf<'_>> {
    inventory.distributions.iter().flat_map(|distribution| {
        distribution.repos.iter().flat_map(move |repo| {
            let releases = distribution.releases.iter().filter(|release| repo.releases.contains(&release.name));
            releases.flat_map(move |release| {
                let tree = repo.tree.as_ref().unwrap_or(&release.tree).as_str();
                repo.arches.as_ref().unwrap_or(&release.arches).iter().map(move |arch| {
                    let [release_name, arch, name] = [&release.name, arch, &repo.name].map(String::clone);
                    let key = RepoKey { release: release_name, arch, repo: name };
                    RepoOf { key, tree, distribution, release, repo }
                })
            })
        })
    })
}

fn eligible(inventory: &Inventory, tree: &str, family: Family) -> ByProtocol {
    let takes_part = |mirror: &Mirror, protocol| {
        mirror.status == Status::Active
            && mirror.families.contains(&family)
            && mirror.base.get(tree).is_some_and(|urls| urls.contains_key(&protocol))
    };
    Protocol::ALL.map(|protocol| {
        let mirrors = inventory.mirrors.iter().enumerate().filter(|(_, mirror)| takes_part(mirror, protocol));
        mirrors.map(|(position, _)| position).collect()
    })
}

/// The good mirrors, and those of `behind` that are to spare. `lists`: protocols of lists.
fn sources(good: ByProtocol, behind: &ByProtocol, lists: &[Protocol]) -> Sources {
    let named: BTreeSet<Position> = lists.iter().flat_map(|&protocol| &good[protocol as usize]).copied().collect();
    let mut spare = ByProtocol::default();
    if named.len() < SPARED_BELOW {
        spare = behind.clone();
        for set in &mut spare {
            set.retain(|position| !named.contains(position));
        }
    }
    Sources { good, spare }
}
