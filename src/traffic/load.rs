//! `Load`: how often answers name each mirror, and what that means for it.
//!
//! Lives here: counting by the very code that answers, shares, who would drown, and how two snapshots differ.

use std::collections::BTreeMap;

use crate::answer::{Answer, Ask, Atlas, List, Rules};
use crate::snapshot::{MirrorIndex, View};

/// How often answers name each mirror.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Answers with a list.
    pub listed: u64,
    /// Answers without any mirror: a last resort, or nothing.
    pub without_mirror: u64,
    /// Requests without a known repo.
    pub unknown: u64,
    first: Vec<u64>,
    named: Vec<u64>,
}

/// What makes a mirror one that would drown.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests for lists of a day; none: nobody knows.
    pub requests_per_day: Option<f64>,
    /// What a client fetches after an answer, megabytes.
    pub mb_per_request: f64,
    /// How much of its bandwidth a mirror may carry on average, as a part of 1.
    pub load_max: f64,
    /// How many times its share of the weight a mirror's share of first places may be.
    pub ratio_max: f64,
    /// Shares of first places below this are never too much, as a part of 1.
    pub share_min: f64,
}

/// Why a mirror would drown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Warning {
    /// It would carry more than it may of its bandwidth.
    Bandwidth,
    /// Its share of first places is too many times its share of the weight.
    Share,
}

/// What a mirror would carry.
#[derive(Clone, Debug, PartialEq)]
pub struct MirrorLoad {
    /// Its name.
    pub mirror: String,
    /// Its place; none for a global one, and for those of clouds.
    pub place: Option<String>,
    /// Its weight, which is its bandwidth; none for those of clouds, which have no bounds.
    pub weight_mbps: Option<u32>,
    /// Answers that name it first.
    pub first: u64,
    /// Answers that name it at all.
    pub named: u64,
    /// Its share of first places, as a part of 1.
    pub first_share: f64,
    /// Its share of answers that name it, as a part of 1.
    pub named_share: f64,
    /// Its share of all weight, as a part of 1.
    pub weight_share: f64,
    /// What it would carry, Mb/s on average; none when nobody knows how much is asked.
    pub load_mbps: Option<f64>,
    /// Why it would drown.
    pub warning: Option<Warning>,
}

impl Load {
    /// Nothing counted yet, for a snapshot.
    pub fn new<B: AsRef<[u8]>>(view: &View<B>) -> Load {
        let zeros = vec![0; view.mirror_count()];
        Load { first: zeros.clone(), named: zeros, ..Load::default() }
    }

    /// Answers one request, and counts whom the answer names.
    pub fn ask(&mut self, atlas: &Atlas, ask: &Ask<'_>, rules: &Rules) {
        let mut list = List::default();
        let answer = Answer::choose(atlas, ask, rules, &mut list);
        if answer.repo().is_none() {
            self.unknown += 1;
            return;
        }
        let Some(first) = answer.mirrors().next() else {
            self.without_mirror += 1;
            return;
        };
        self.listed += 1;
        count(&mut self.first, first);
        answer.mirrors().for_each(|mirror| count(&mut self.named, mirror));
    }

    /// What each mirror would carry, the most loaded first.
    pub fn mirrors<B: AsRef<[u8]>>(&self, view: &View<B>, limits: &Limits) -> Vec<MirrorLoad> {
        let all = (0..view.mirror_count()).map(|at| MirrorIndex(at as u16));
        let known: Vec<_> = all.filter_map(|index| Some((usize::from(index.0), view.mirror(index)?))).collect();
        let weight_sum: f64 =
            known.iter().filter(|(_, mirror)| !mirror.is_of_cloud()).map(|(_, mirror)| f64::from(mirror.weight)).sum();
        let load = |(at, mirror): (usize, crate::snapshot::Mirror<'_>)| {
            let weight_mbps = (!mirror.is_of_cloud()).then_some(mirror.weight);
            let (first, named) = (at_position(&self.first, at), at_position(&self.named, at));
            let first_share = share(first, self.listed);
            let weight_share = weight_mbps.map_or(0.0, |weight| f64::from(weight) / weight_sum.max(1.0));
            // Who is named first is who is fetched from: the others are for when that one fails.
            let load_mbps = limits.requests_per_day.map(|requests| {
                requests * first_share * limits.mb_per_request * 8.0 / crate::calendar::DAY_SECONDS as f64
            });
            let mut told = MirrorLoad {
                mirror: mirror.name.to_owned(),
                place: mirror.place.map(|code| code.to_string()),
                weight_mbps,
                first,
                named,
                first_share,
                named_share: share(named, self.listed),
                weight_share,
                load_mbps,
                warning: None,
            };
            told.warning = told.judged(limits);
            told
        };
        let mut mirrors: Vec<MirrorLoad> = known.into_iter().map(load).collect();
        mirrors.sort_by(|a, b| b.first.cmp(&a.first).then(b.named.cmp(&a.named)).then_with(|| a.mirror.cmp(&b.mirror)));
        mirrors
    }
}

impl MirrorLoad {
    fn judged(&self, limits: &Limits) -> Option<Warning> {
        let weight = f64::from(self.weight_mbps?);
        if self.load_mbps.is_some_and(|load| load > weight * limits.load_max) {
            return Some(Warning::Bandwidth);
        }
        // Where it is known what a mirror would carry, its share alone is no reason to worry.
        let is_unknown = self.load_mbps.is_none();
        let is_large = self.first_share >= limits.share_min && self.first_share > self.weight_share * limits.ratio_max;
        (is_unknown && is_large).then_some(Warning::Share)
    }
}

/// How a mirror's share of first places changes from one snapshot to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// The mirror.
    pub mirror: String,
    /// Its share before, as a part of 1; none when the old snapshot does not have it.
    pub before: Option<f64>,
    /// Its share after; none when the new snapshot does not have it.
    pub after: Option<f64>,
}

impl Move {
    /// By how much the share rises, as a part of 1.
    pub fn change(&self) -> f64 {
        self.after.unwrap_or_default() - self.before.unwrap_or_default()
    }
}

/// How the load moves, the biggest mover first; mirrors that came or went are always among them, others only when
/// something changes for them.
pub fn moves(before: &[MirrorLoad], after: &[MirrorLoad]) -> Vec<Move> {
    let mut by_name: BTreeMap<&str, [Option<f64>; 2]> = BTreeMap::new();
    for (side, mirrors) in [before, after].into_iter().enumerate() {
        for mirror in mirrors {
            by_name.entry(&mirror.mirror).or_default()[side] = Some(mirror.first_share);
        }
    }
    let all = by_name.into_iter().map(|(name, [before, after])| Move { mirror: name.to_owned(), before, after });
    let mut moves: Vec<Move> = all.filter(|one| one.before != one.after).collect();
    moves.sort_by(|a, b| b.change().abs().total_cmp(&a.change().abs()).then_with(|| a.mirror.cmp(&b.mirror)));
    moves
}

fn count(counts: &mut [u64], index: MirrorIndex) {
    if let Some(count) = counts.get_mut(usize::from(index.0)) {
        *count += 1;
    }
}

fn at_position(counts: &[u64], at: usize) -> u64 {
    counts.get(at).copied().unwrap_or_default()
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { requests_per_day: None, mb_per_request: 1.0, load_max: 0.5, ratio_max: 10.0, share_min: 0.001 };

    fn mirror(name: &str, first_share: f64, weight_share: f64, load_mbps: Option<f64>) -> MirrorLoad {
        MirrorLoad {
            mirror: name.to_owned(),
            place: None,
            weight_mbps: Some(100),
            first: 0,
            named: 0,
            first_share,
            named_share: 0.0,
            weight_share,
            load_mbps,
            warning: None,
        }
    }

    #[test]
    fn who_would_drown_is_told() {
        for (first_share, weight_share, load_mbps, expected) in [
            (0.5, 0.01, None, Some(Warning::Share)),
            (0.05, 0.01, None, None),
            (0.0005, 0.000_001, None, None),
            (0.05, 0.01, Some(49.0), None),
            (0.05, 0.01, Some(51.0), Some(Warning::Bandwidth)),
            (0.5, 0.01, Some(1.0), None),
        ] {
            let judged = mirror("m", first_share, weight_share, load_mbps).judged(&LIMITS);
            assert_eq!(judged, expected, "{first_share} {weight_share} {load_mbps:?}");
        }
        let cloud = MirrorLoad { weight_mbps: None, ..mirror("aws/x #1", 0.9, 0.0, Some(1e9)) };
        assert_eq!(cloud.judged(&LIMITS), None, "a cloud has no bounds");
    }

    #[test]
    fn the_biggest_mover_comes_first() {
        let before = [mirror("a", 0.5, 0.0, None), mirror("b", 0.3, 0.0, None), mirror("gone", 0.2, 0.0, None)];
        let after = [mirror("a", 0.5, 0.0, None), mirror("b", 0.15, 0.0, None), mirror("new", 0.35, 0.0, None)];
        let moves = moves(&before, &after);
        let names: Vec<_> = moves.iter().map(|one| (one.mirror.as_str(), (one.change() * 100.0).round())).collect();
        assert_eq!(names, [("new", 35.0), ("gone", -20.0), ("b", -15.0)]);
        assert_eq!((moves[0].before, moves[1].after), (None, None));
    }
}
