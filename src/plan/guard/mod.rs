//! The guard: what must not be published, and what is kept in place of it. A pure function.
//!
//! Lives here: comparing what is planned with the snapshot in use. Per repo and family:
//! - A repo that nobody can judge (its master has never answered) keeps the mirrors it has in the snapshot in use.
//! - A repo with fewer good mirrors than the minimum, and fewer than it had, keeps the mirrors that it had as spare
//!   ones: they are named after the good ones, and no list gets shorter. The minimum is never more than half of the
//!   mirrors that the inventory names, rounded up, so that in a small inventory a bad mirror can leave.
//!
//! Kept mirrors are found by name; those that are gone from the inventory, disabled or dead do not come back, nor those
//! with a generation that operators expired.
//!
//! Refused as a whole, because then it is likelier that we are wrong than that the mirrors are:
//! - a repo that had the minimum and would lose more than half of the mirrors that a crawl had found for it (mirrors
//!   that are only behind, and mirrors that the operators took out, do not count as lost);
//! - a list that would become empty;
//! - a map of repos that shrinks below its minimum;
//! - a canary that failed: a master or a mirror known to be good that the crawl could not reach.
//!
//! Not here: publishing, and whether somebody wants it in spite of all (`--force`).

mod refusal;

use std::collections::HashMap;

use super::goods::{self, ByProtocol, Goods, RepoGoods, Sources};
use super::mirror_set::{MirrorSet, Position};
use crate::inventory::Inventory;
use crate::net::{Family, Protocol};
use crate::snapshot::{self, Evidence, MirrorIndex, PlaceIndex, Row, View};
use crate::verdicts::RepoKey;

pub use refusal::{Keep, Kept, Refusal};

/// What is too few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minimums {
    /// Good mirrors of a repo over a family.
    pub mirror_count: usize,
    /// Repos with a mirror.
    pub repo_count: usize,
}

impl Default for Minimums {
    /// The original's.
    fn default() -> Minimums {
        Minimums { mirror_count: 6, repo_count: 20 }
    }
}

/// What is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What was planned, with what is kept.
    pub goods: Goods,
    /// What is kept of the snapshot in use, in the order of repos.
    pub kept: Vec<Kept>,
    /// Why it should not be published; empty when it may be.
    pub refusals: Vec<Refusal>,
}

/// Compares what is planned with the snapshot in use (none: nothing was ever published).
///
/// `failed_canaries`: those of the crawl that failed, each with its name and what was found.
pub fn decide<B: AsRef<[u8]>>(
    previous: Option<&View<B>>,
    inventory: &Inventory,
    planned: Goods,
    minimums: &Minimums,
    failed_canaries: &[(String, String)],
) -> Decision {
    let mut decision = Decision { goods: planned, kept: Vec::new(), refusals: Vec::new() };
    let canaries = failed_canaries.iter();
    decision.refusals.extend(canaries.map(|(name, what)| Refusal::Canary { name: name.clone(), what: what.clone() }));
    let Some(view) = previous else { return decision };
    let positions: HashMap<&str, Position> =
        inventory.mirrors.iter().enumerate().map(|(position, mirror)| (mirror.name.as_str(), position)).collect();
    let before = Before { view, positions, listed: goods::listed(inventory) };
    let Decision { goods, kept, refusals } = &mut decision;
    for (key, repo) in &mut goods.repos {
        for family in Family::ALL {
            let (keep, refused) = before.compare(key, family, repo, minimums);
            kept.extend(keep.map(|why| Kept { repo: key.clone(), family, why }));
            refusals.extend(refused);
        }
    }
    refusals.extend(repo_map(view, &before.listed, goods, minimums));
    decision
}

/// The snapshot in use, seen from the inventory.
struct Before<'a, B> {
    view: &'a View<B>,
    positions: HashMap<&'a str, Position>,
    /// Mirrors that public lists may name.
    listed: MirrorSet,
}

impl<B: AsRef<[u8]>> Before<'_, B> {
    /// Compares one repo over one family, and keeps what is to be kept.
    fn compare(
        &self,
        key: &RepoKey,
        family: Family,
        repo: &mut RepoGoods,
        minimums: &Minimums,
    ) -> (Option<Keep>, Vec<Refusal>) {
        let Some(old) = find(self.view, key) else { return (None, Vec::new()) };
        let had = self.sources(&old, family, &repo.eligible[family as usize]);
        let mut refusals = Vec::new();
        let keep = match repo.is_judged {
            true => {
                refusals.extend(self.halved(key, family, repo, &had, minimums));
                self.keep_as_spare(family, repo, &had, minimums)
            }
            false => (!had.named(&repo.protocols).and(&self.listed).is_empty()).then(|| {
                repo.sources[family as usize] = had;
                Keep::NotJudged
            }),
        };
        if repo.named_count(&self.listed, family) == 0 && has_list(self.view, &old, family) {
            refusals.push(Refusal::Emptied { repo: key.clone(), family });
        }
        (keep, refusals)
    }

    fn halved(
        &self,
        key: &RepoKey,
        family: Family,
        repo: &RepoGoods,
        had: &Sources,
        minimums: &Minimums,
    ) -> Option<Refusal> {
        let good_before = repo.named(&had.good).and(&self.listed);
        let behind = repo.named(&repo.behind[family as usize]).or(&repo.named(&repo.expired[family as usize]));
        let now = repo.named(&repo.sources[family as usize].good).or(&behind);
        let (before, after) = (good_before.len(), good_before.and(&now).len());
        let was_crawled = self.view.evidence() == Evidence::Crawled;
        let is_halved = was_crawled && before >= minimums.mirror_count && after * 2 < before;
        is_halved.then(|| Refusal::Halved { repo: key.clone(), family, before, after })
    }

    fn keep_as_spare(&self, family: Family, repo: &mut RepoGoods, had: &Sources, minimums: &Minimums) -> Option<Keep> {
        let before = had.named(&repo.protocols).and(&self.listed).len();
        let good = repo.good_count(&self.listed, family);
        let eligible = repo.named(&repo.eligible[family as usize]).and(&self.listed).len();
        let least = minimums.mirror_count.max(1).min(eligible.div_ceil(2));
        // Mirrors that nobody has verified are kept only where there would be nothing.
        let worth_keeping = good == 0 || self.view.evidence() != Evidence::Unverified;
        // What was expired on purpose does not come back by the back door.
        let expired = repo.named(&repo.expired[family as usize]);
        (good < least && good < before && worth_keeping).then(|| {
            let now = &mut repo.sources[family as usize];
            let good_now = goods::named(&now.good, &repo.protocols);
            for protocol in Protocol::ALL.map(|protocol| protocol as usize) {
                let kept = had.good[protocol].or(&had.spare[protocol]).without(&good_now).without(&expired);
                now.spare[protocol] = now.spare[protocol].or(&kept);
            }
            Keep::TooFew { good, before }
        })
    }

    /// The mirrors that a repo has in the snapshot in use, as far as the inventory still names them.
    fn sources(&self, old: &snapshot::Repo<'_>, family: Family, eligible: &ByProtocol) -> Sources {
        let still = |mirrors: Vec<MirrorIndex>, protocol: Protocol| {
            let names = mirrors.into_iter().filter_map(|index| self.view.mirror(index));
            let positions = names.filter_map(|mirror| self.positions.get(mirror.name).copied());
            positions.collect::<MirrorSet>().and(&eligible[protocol as usize])
        };
        Sources {
            good: Protocol::ALL.map(|protocol| still(self.view.good(old, family, protocol), protocol)),
            spare: Protocol::ALL.map(|protocol| still(self.view.spare(old, family, protocol), protocol)),
        }
    }
}

fn find<'a, B: AsRef<[u8]>>(view: &'a View<B>, key: &RepoKey) -> Option<snapshot::Repo<'a>> {
    let index = view.find(key.release.as_bytes(), key.arch.as_bytes(), key.repo.as_bytes())?;
    view.repo(index)
}

/// Whether a repo has any list: the fallback names every mirror there is.
fn has_list<B: AsRef<[u8]>>(view: &View<B>, repo: &snapshot::Repo<'_>, family: Family) -> bool {
    let row = Row::Place(PlaceIndex::FALLBACK);
    view.named(repo, family, row, 0).next().is_some()
}

/// A map that shrinks below its minimum. An inventory that never had so many repos has only to keep its own.
fn repo_map<B: AsRef<[u8]>>(view: &View<B>, listed: &MirrorSet, goods: &Goods, minimums: &Minimums) -> Option<Refusal> {
    let old = (0..view.repo_count()).filter_map(|at| view.repo(snapshot::RepoIndex(at as u32)));
    let before = old.filter(|repo| Family::ALL.iter().any(|&family| has_list(view, repo, family))).count();
    let has_mirror = |repo: &&RepoGoods| Family::ALL.iter().any(|&family| repo.named_count(listed, family) > 0);
    let after = goods.repos.values().filter(has_mirror).count();
    let least = match before >= minimums.repo_count {
        true => minimums.repo_count,
        false => minimums.repo_count.min(goods.repos.len()),
    };
    (after < least && after < before).then_some(Refusal::RepoMap { before, after, least })
}

#[cfg(test)]
mod tests;
