//! The guard: what must not be published, and what is kept in place of it. A pure function.
//!
//! Lives here: comparing what is planned with the snapshot in use. Per repo and family:
//! - A repo that nobody can judge (its master has never answered) keeps the mirrors it has in the snapshot in use.
//! - A repo with fewer good mirrors than the minimum, and fewer than it had, keeps the mirrors that it had as spare
//!   ones: they are named after the good ones, and no list gets shorter. The minimum is never more than half of the
//!   mirrors that the inventory names, rounded up, so that in a small inventory a bad mirror can leave.
//! - A repo that would have no mirror at all after that gets the project's own servers, whatever was found of them.
//!
//! Folders of images and images are compared as repos are, where they are the same as in the snapshot in use
//! (`images`).
//!
//! Kept mirrors are found by name; those that are gone from the inventory, disabled or dead do not come back, nor those
//! with a generation that operators expired.
//!
//! Refused as a whole, because then it is likelier that we are wrong than that the mirrors are:
//! - a repo that had the minimum and would lose more than half of the mirrors that a crawl had found for it (mirrors
//!   that are only behind, and mirrors that the operators took out, do not count as lost);
//! - a list that would become empty;
//! - a map of repos that shrinks below its minimum;
//! - failed canaries: a master and those mirrors that were good longest, none of which was found well by the last pass.
//!
//! What it says is in `refusal`. Not here: publishing, and whether somebody wants it in spite of all (`--force`).

mod images;
mod refusal;

use std::collections::HashMap;

use super::goods::{self, ByProtocol, Goods, RepoGoods, Sources};
use super::mirror_set::{MirrorSet, Position};
use crate::inventory::{Inventory, Kind};
use crate::net::{Family, Protocol};
use crate::snapshot::{self, Carried, Evidence, MirrorIndex, PlaceIndex, Row, View};
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
/// `doubt`: what the last pass found of canaries that failed, none when they did not.
pub fn decide<B: AsRef<[u8]>>(
    previous: Option<&View<B>>,
    inventory: &Inventory,
    planned: Goods,
    minimums: &Minimums,
    doubt: Option<&str>,
) -> Decision {
    let mut decision = Decision { goods: planned, kept: Vec::new(), refusals: Vec::new() };
    decision.refusals.extend(doubt.map(|what| Refusal::Canary { what: what.to_owned() }));
    let positions: HashMap<&str, Position> =
        inventory.mirrors.iter().enumerate().map(|(position, mirror)| (mirror.name.as_str(), position)).collect();
    let listed = goods::positions(inventory, |mirror| mirror.listed);
    let own = goods::positions(inventory, |mirror| mirror.listed && mirror.kind == Kind::Own);
    let unseen = goods::positions(inventory, |mirror| !mirror.crawled);
    let before = previous.map(|view| Before { view, positions, listed: &listed, unseen });
    let Decision { goods, kept, refusals } = &mut decision;
    for (key, repo) in &mut goods.repos {
        let old = previous.and_then(|view| find(view, key));
        let held = before.as_ref().zip(old.as_ref());
        for family in Family::ALL {
            let mut keep = |why| kept.push(Kept { repo: key.clone(), family, why });
            if let Some((before, old)) = held {
                let (why, refused) = before.compare(old, key, family, repo, minimums);
                why.into_iter().for_each(&mut keep);
                refusals.extend(refused);
            }
            if repo.named_count(&listed, family) == 0 && resort_to(repo, family, &own) {
                kept.push(Kept { repo: key.clone(), family, why: Keep::OwnServers });
            }
            refusals.extend(held.and_then(|(before, old)| before.emptied(old, key, family, repo)));
        }
    }
    if let Some(before) = &before {
        images::compare(before, &mut goods.folders, minimums, kept, refusals);
    }
    let vaulted = goods::repos_of(inventory).filter(|of| !of.release.vault.is_empty()).count();
    refusals.extend(previous.and_then(|view| repo_map(view, &listed, goods, vaulted, minimums)));
    decision
}

/// Has a repo without any mirror name the project's own servers; false when there are none.
fn resort_to(repo: &mut RepoGoods, family: Family, own: &MirrorSet) -> bool {
    let eligible = &repo.eligible[family as usize];
    let spare = eligible.each_ref().map(|eligible| eligible.and(own));
    let any = !repo.named(&spare).is_empty();
    if any {
        repo.sources[family as usize].spare = spare;
    }
    any
}

/// The snapshot in use, seen from the inventory.
struct Before<'a, B> {
    view: &'a View<B>,
    positions: HashMap<&'a str, Position>,
    /// Mirrors that public lists may name.
    listed: &'a MirrorSet,
    /// Mirrors that the crawler is not to look at.
    unseen: MirrorSet,
}

impl<B: AsRef<[u8]>> Before<'_, B> {
    /// Compares a repo, a folder of images or an image with what it is in the snapshot in use, over one family, and
    /// keeps what is to be kept.
    fn compare(
        &self,
        old: &Carried<'_>,
        key: &RepoKey,
        family: Family,
        repo: &mut RepoGoods,
        minimums: &Minimums,
    ) -> (Option<Keep>, Vec<Refusal>) {
        let had = self.sources(old, family, &repo.eligible[family as usize]);
        let mut refusals = Vec::new();
        let keep = match repo.is_judged {
            true => {
                refusals.extend(self.halved(key, family, repo, &had, minimums));
                self.keep_as_spare(family, repo, &had, minimums)
            }
            false => (!had.named(&repo.protocols).and(self.listed).is_empty()).then(|| {
                repo.sources[family as usize] = self.with_unseen(had, &repo.eligible[family as usize]);
                Keep::NotJudged
            }),
        };
        (keep, refusals)
    }

    /// Nobody judges mirrors that are not looked at, so that these count as the operators say.
    fn with_unseen(&self, mut had: Sources, eligible: &ByProtocol) -> Sources {
        for (good, eligible) in had.good.iter_mut().zip(eligible) {
            *good = good.or(&eligible.and(&self.unseen));
        }
        had.spare = had.spare.each_ref().map(|spare| spare.without(&self.unseen));
        had
    }

    /// Whether what had a list would have none.
    fn emptied(&self, old: &Carried<'_>, key: &RepoKey, family: Family, repo: &RepoGoods) -> Option<Refusal> {
        let is_emptied = repo.named_count(self.listed, family) == 0 && has_list(self.view, old, family);
        is_emptied.then(|| Refusal::Emptied { repo: key.clone(), family })
    }

    fn halved(
        &self,
        key: &RepoKey,
        family: Family,
        repo: &RepoGoods,
        had: &Sources,
        minimums: &Minimums,
    ) -> Option<Refusal> {
        let good_before = repo.named(&had.good).and(self.listed);
        let behind = repo.named(&repo.behind[family as usize]).or(&repo.named(&repo.expired[family as usize]));
        let now = repo.named(&repo.sources[family as usize].good).or(&behind);
        let (before, after) = (good_before.len(), good_before.and(&now).len());
        let was_crawled = self.view.evidence() == Evidence::Crawled;
        let is_halved = was_crawled && before >= minimums.mirror_count && after * 2 < before;
        is_halved.then(|| Refusal::Halved { repo: key.clone(), family, before, after })
    }

    fn keep_as_spare(&self, family: Family, repo: &mut RepoGoods, had: &Sources, minimums: &Minimums) -> Option<Keep> {
        let before = had.named(&repo.protocols).and(self.listed).len();
        let good = repo.good_count(self.listed, family);
        let eligible = repo.named(&repo.eligible[family as usize]).and(self.listed).len();
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
    fn sources(&self, old: &Carried<'_>, family: Family, eligible: &ByProtocol) -> Sources {
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

fn find<'a, B: AsRef<[u8]>>(view: &'a View<B>, key: &RepoKey) -> Option<Carried<'a>> {
    let index = view.find(key.release.as_bytes(), key.arch.as_bytes(), key.repo.as_bytes())?;
    view.repo(index)
}

/// Whether a repo has any list: the fallback names every mirror there is.
fn has_list<B: AsRef<[u8]>>(view: &View<B>, repo: &Carried<'_>, family: Family) -> bool {
    let row = Row::Place(PlaceIndex::FALLBACK);
    view.named(repo, family, row, 0).next().is_some()
}

/// A map that shrinks below its minimum. An inventory that never had so many repos has only to keep
/// its own. `vaulted`: repos whose clients are sent to a vault.
fn repo_map<B: AsRef<[u8]>>(
    view: &View<B>,
    listed: &MirrorSet,
    goods: &Goods,
    vaulted: usize,
    minimums: &Minimums,
) -> Option<Refusal> {
    let old = (0..view.repo_count()).filter_map(|at| view.repo(snapshot::RepoIndex(at as u32)));
    let before = old.filter(|repo| Family::ALL.iter().any(|&family| has_list(view, repo, family))).count();
    let has_mirror = |repo: &&RepoGoods| Family::ALL.iter().any(|&family| repo.named_count(listed, family) > 0);
    let after = goods.repos.values().filter(has_mirror).count() + vaulted;
    let least = match before >= minimums.repo_count {
        true => minimums.repo_count,
        false => minimums.repo_count.min(goods.repos.len() + vaulted),
    };
    (after < least && after < before).then_some(Refusal::RepoMap { before, after, least })
}

#[cfg(test)]
mod tests;
