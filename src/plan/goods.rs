//! `Goods`: which mirrors each repo can be had from, by family and protocol.
//!
//! Lives here: what follows for that from the inventory alone, and from the verdicts of a crawl. The rules:
//! - A mirror takes part when it is active and has a base URL for the repo's tree, and never over a family it has not.
//! - Where a repo's master has ever answered and a mirror was looked at, verdicts decide: a mirror is good when it is
//!   in, and one that nobody has looked at is not good. Mirrors that are behind are only to spare, and only where a
//!   repo has fewer than `SPARED_BELOW` good mirrors over the family.
//! - A mirror that the crawler is not to look at goes by the operators' word: it is good.
//! - A repo whose release has a vault has no part in this: its clients are sent there.
//! - Of a repo that was expired no mirror is to spare that has a generation which the master did not show since.
//! - A repo that nobody can judge goes by the operators' word, as all do before the first crawl; `guard` prefers what
//!   was published of it before.
//!
//! Not here: what must not be published (`guard`), in which order mirrors are named (`rank`), and the base URLs of
//! clouds: they can be reached from inside the cloud only, so they go by the operators' word.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::images::{self, FolderGoods};
use super::mirror_set::{MirrorSet, Position};
use crate::inventory::{Distribution, Inventory, Mirror, Release, Repo, Status};
use crate::net::{Family, Protocol};
use crate::snapshot::Evidence;
use crate::verdicts::{
    Catalog, Finding, MirrorId, RepoId, RepoKey, Shown, Standing, State, StateError, Subject, Truth, Verdict,
};

/// With so many good mirrors over a family a repo does without those that are behind. Picked by feel: nearly a full
/// answer of ten, so that one place in it is not paid for by sending clients to old metadata.
pub const SPARED_BELOW: usize = 8;

/// For how long after the master showed a generation last metalinks name it, seconds: so long clients may accept it
/// of a mirror that is behind. As long as verdicts are remembered.
pub const ALTERNATE_SECONDS_MAX: u64 = 3 * 86_400;

/// Mirrors by protocol.
pub type ByProtocol = [MirrorSet; Protocol::ALL.len()];

/// By family, in the order of `Family::ALL`.
type ByFamily<T> = [T; Family::ALL.len()];

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
    /// What masters have shown of folders of images.
    pub catalogs: HashMap<RepoId, Catalog>,
    /// What was found where a mirror does not stand in the lists, and since when, seconds since 1970.
    pub faults: HashMap<Subject, (Finding, u64)>,
    /// Of what is late, what has a generation that was expired.
    pub expired: HashSet<Subject>,
    /// What masters have shown of repos that have metadata for metalinks: the current generation, then those that are
    /// neither expired nor old.
    pub generations: HashMap<RepoId, Vec<Shown>>,
    /// When the last look was, seconds since 1970.
    pub verified_at: u64,
}

impl Known {
    /// All that `state` holds.
    pub fn read(state: &State) -> Result<Known, StateError> {
        let (repos, catalogs) = (state.repos()?, state.catalogs()?);
        let (truths, expiries) = (state.truths()?, state.expiries()?);
        let nothing = Truth::default();
        let is_expired = |subject: &Subject, verdict: &Verdict| {
            let (Some(&at), Standing::Late) = (expiries.get(&subject.repo), verdict.standing) else { return false };
            let truth = truths.get(&subject.repo).unwrap_or(&nothing);
            let generation = verdict.evidence.sha256.and_then(|sha256| truth.find(&sha256));
            generation.is_none_or(|(age, shown)| age > 0 && shown.last_seen <= at)
        };
        let mut known = Known { mirrors: state.mirrors()?, ..Known::default() };
        for (subject, verdict) in state.verdicts()? {
            known.verified_at = verdict.evidence.at.max(known.verified_at);
            if is_expired(&subject, &verdict) {
                known.expired.insert(subject);
            }
            if verdict.standing != Standing::In {
                let is_behind = verdict.finding == Finding::Behind && verdict.behind_since != 0;
                let since = if is_behind { verdict.behind_since } else { verdict.since };
                known.faults.insert(subject, (verdict.finding, since));
            }
            known.standings.insert(subject, verdict.standing);
        }
        for (&id, truth) in &truths {
            if truth.current().is_some() {
                known.with_truth.insert(id);
            }
            let expired_at = expiries.get(&id).copied().unwrap_or_default();
            let oldest = known.verified_at.saturating_sub(ALTERNATE_SECONDS_MAX).max(expired_at);
            // An ostree summary has no time, and no metalink.
            let told = truth.shown.iter().enumerate().filter(|(age, shown)| *age == 0 || shown.last_seen > oldest);
            let told: Vec<Shown> = told.map(|(_, shown)| shown).filter(|shown| shown.timestamp > 0).cloned().collect();
            known.generations.insert(id, told);
        }
        for (key, id) in &repos {
            let Some(catalog) = catalogs.get(id) else { continue };
            known.with_truth.insert(*id);
            known.with_truth.extend(catalog.images.keys().filter_map(|name| repos.get(&key.of_image(name))));
        }
        Ok(Known { repos, catalogs, ..known })
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
    /// By family: those that lists name.
    pub sources: ByFamily<Sources>,
    /// Mirrors that are behind, by family, whether or not they are to spare.
    pub behind: ByFamily<ByProtocol>,
    /// Mirrors that are behind with a generation that was expired, by family: these are not to spare.
    pub expired: ByFamily<ByProtocol>,
    /// Mirrors that the inventory names for it, by family: all others are among them.
    pub eligible: ByFamily<ByProtocol>,
    /// Whether verdicts decided, or nobody was to.
    pub is_judged: bool,
    /// Protocols of lists.
    pub protocols: Vec<Protocol>,
    /// Generations of its metadata that clients may accept, the current one first; none when nobody knows.
    pub generations: Vec<Shown>,
    /// Why mirrors are not good, by mirror, family and protocol, for people.
    pub faults: Vec<Fault>,
}

/// Why a mirror is not good for a repo over a family by a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The mirror.
    pub mirror: Position,
    /// Over which family.
    pub family: Family,
    /// By which protocol.
    pub protocol: Protocol,
    /// What the last look found.
    pub finding: Finding,
    /// Since when it is behind or out, seconds since 1970.
    pub since: u64,
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
    /// Folders of images by their keys.
    pub folders: BTreeMap<RepoKey, FolderGoods>,
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
        let mut judge = Judge::new(inventory, known);
        let mut repos = BTreeMap::new();
        for of in repos_of(inventory).filter(|of| of.release.vault.is_empty()) {
            let goods = judge.goods(&of.key, of.tree, &of.distribution.protocols);
            repos.insert(of.key, goods);
        }
        let folders = images::folders(inventory, known, &mut judge);
        let evidence = if judge.has_crawled { Evidence::Crawled } else { Evidence::Unverified };
        Goods { evidence, verified_at: known.verified_at, repos, folders }
    }
}

/// Says of one thing after the other who has it.
pub(super) struct Judge<'a> {
    inventory: &'a Inventory,
    known: &'a Known,
    has_crawled: bool,
    looks: HashMap<RepoId, Looks>,
    /// Mirrors that the crawler is not to look at: these count as the operators say.
    unseen: MirrorSet,
    eligible_of: HashMap<String, ByFamily<ByProtocol>>,
}

impl<'a> Judge<'a> {
    fn new(inventory: &'a Inventory, known: &'a Known) -> Judge<'a> {
        let has_crawled = !known.standings.is_empty();
        let unseen = positions(inventory, |mirror| !mirror.crawled);
        let looks = looks(inventory, known);
        Judge { inventory, known, has_crawled, looks, unseen, eligible_of: HashMap::new() }
    }

    /// Who has what goes by `key` and lies in `tree`. `protocols`: those of lists.
    pub fn goods(&mut self, key: &RepoKey, tree: &str, protocols: &[Protocol]) -> RepoGoods {
        let inventory = self.inventory;
        let eligible = self.eligible_of.entry(tree.to_owned()).or_insert_with(|| {
            Family::ALL.map(|family| Protocol::ALL.map(|protocol| eligible(inventory, tree, family, protocol)))
        });
        let protocols = protocols.to_vec();
        let id = self.known.repos.get(key).filter(|id| self.known.with_truth.contains(id));
        let generations = id.and_then(|id| self.known.generations.get(id)).cloned().unwrap_or_default();
        let within = |found: &ByFamily<ByProtocol>| {
            Family::ALL.map(|family| {
                let [found, eligible] = [&found[family as usize], &eligible[family as usize]];
                Protocol::ALL.map(|protocol| found[protocol as usize].and(&eligible[protocol as usize]))
            })
        };
        match id.and_then(|id| self.looks.get(id)) {
            Some(looks) => {
                let (mut good, behind) = (within(&looks.good), within(&looks.behind));
                for (good, eligible) in good.iter_mut().flatten().zip(eligible.iter().flatten()) {
                    *good = good.or(&eligible.and(&self.unseen));
                }
                let sources = Family::ALL
                    .map(|family| sources(good[family as usize].clone(), &behind[family as usize], &protocols));
                let (expired, faults, eligible) = (within(&looks.expired), looks.faults.clone(), eligible.clone());
                RepoGoods { sources, behind, expired, eligible, is_judged: true, protocols, generations, faults }
            }
            None => RepoGoods {
                sources: eligible.clone().map(|good| Sources { good, spare: ByProtocol::default() }),
                behind: ByFamily::default(),
                expired: ByFamily::default(),
                eligible: eligible.clone(),
                is_judged: !self.has_crawled,
                protocols,
                generations,
                faults: Vec::new(),
            },
        }
    }
}

impl RepoGoods {
    /// How many listed mirrors are good over a family by a protocol of lists.
    pub fn good_count(&self, listed: &MirrorSet, family: Family) -> usize {
        self.named(&self.sources[family as usize].good).and(listed).len()
    }

    /// How many listed mirrors are good or to spare.
    pub fn named_count(&self, listed: &MirrorSet, family: Family) -> usize {
        self.sources[family as usize].named(&self.protocols).and(listed).len()
    }

    /// Mirrors that are in a set by any protocol of lists.
    pub fn named(&self, set: &ByProtocol) -> MirrorSet {
        named(set, &self.protocols)
    }
}

impl Sources {
    /// Mirrors that are good or to spare by any of the protocols.
    pub fn named(&self, protocols: &[Protocol]) -> MirrorSet {
        named(&self.good, protocols).or(&named(&self.spare, protocols))
    }
}

/// Mirrors that are in a set by any of the protocols.
pub(super) fn named(set: &ByProtocol, protocols: &[Protocol]) -> MirrorSet {
    protocols.iter().fold(MirrorSet::default(), |all, &protocol| all.or(&set[protocol as usize]))
}

/// Mirrors of which something is true.
pub(super) fn positions(inventory: &Inventory, test: impl Fn(&Mirror) -> bool) -> MirrorSet {
    inventory.mirrors.iter().enumerate().filter(|(_, mirror)| test(mirror)).map(|(position, _)| position).collect()
}

/// What was found of one repo.
#[derive(Default)]
struct Looks {
    good: ByFamily<ByProtocol>,
    behind: ByFamily<ByProtocol>,
    faults: Vec<Fault>,
    expired: ByFamily<ByProtocol>,
}

/// What was found, by repo; repos without a single look have no entry.
fn looks(inventory: &Inventory, known: &Known) -> HashMap<RepoId, Looks> {
    let positions: HashMap<MirrorId, Position> = inventory
        .mirrors
        .iter()
        .enumerate()
        .filter_map(|(position, mirror)| Some((*known.mirrors.get(&mirror.name)?, position)))
        .collect();
    let mut looks: HashMap<RepoId, Looks> = HashMap::new();
    for (subject, standing) in &known.standings {
        let looks = looks.entry(subject.repo).or_default();
        let Some(&position) = positions.get(&subject.mirror) else { continue };
        if let Some(&(finding, since)) = known.faults.get(subject) {
            let Subject { family, protocol, .. } = *subject;
            looks.faults.push(Fault { mirror: position, family, protocol, finding, since });
        }
        let set = match standing {
            Standing::In => &mut looks.good,
            Standing::Late if known.expired.contains(subject) => &mut looks.expired,
            Standing::Late => &mut looks.behind,
            Standing::Out => continue,
        };
        set[subject.family as usize][subject.protocol as usize].insert(position);
    }
    for looks in looks.values_mut() {
        looks.faults.sort_by_key(|fault| (fault.mirror, fault.family, fault.protocol));
    }
    looks
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

fn eligible(inventory: &Inventory, tree: &str, family: Family, protocol: Protocol) -> MirrorSet {
    let takes_part = |mirror: &Mirror| {
        mirror.status == Status::Active
            && mirror.families.contains(&family)
            && mirror.base.get(tree).is_some_and(|urls| urls.contains_key(&protocol))
    };
    positions(inventory, takes_part)
}

/// The good mirrors, and those of `behind` that are to spare. `lists`: protocols of lists.
fn sources(good: ByProtocol, behind: &ByProtocol, lists: &[Protocol]) -> Sources {
    let named = named(&good, lists);
    let spare = match named.len() < SPARED_BELOW {
        true => behind.each_ref().map(|set| set.without(&named)),
        false => ByProtocol::default(),
    };
    Sources { good, spare }
}
