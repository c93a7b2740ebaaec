//! `List`: the mirrors one client gets for one repo.
//!
//! Lives here: walking the lists of the client's groups and place through the set of good mirrors, and when these are
//! too few through the set of those to spare.
//! Not here: where the client is (`locate`), how a list is dressed (one file per dialect).

use super::locate::Whereabouts;
use crate::net::Family;
use crate::snapshot::{Candidates, Ending, MirrorIndex, Repo, Row, Serving, View};

/// Most mirrors a list can have, whatever the configuration.
pub const LINES_MAX: usize = 64;

/// What a list is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// Good mirrors for the client's family.
    Mirrors,
    /// No mirror was left for it: the tree's last resort.
    LastResort,
    /// Nor was there a last resort: good mirrors for the other family, which most clients can reach as well.
    OtherFamily,
    /// Nothing at all.
    Nothing,
}

/// The mirrors for one client, in the order to try them.
pub struct List<'a> {
    bases: [&'a [u8]; LINES_MAX],
    mirrors: [MirrorIndex; LINES_MAX],
    count: usize,
    suffix: &'a [u8],
    supply: Supply,
}

impl<'a> List<'a> {
    /// The first good mirrors of the client's groups and place, `count_max` at most, those to spare only where the good
    /// ones are too few; or what there is instead, so that a client is never left with nothing when there is something.
    /// A list without any good mirror ends with the tree's last resort.
    pub fn choose<B: AsRef<[u8]>>(
        view: &'a View<B>,
        repo: &Repo<'a>,
        family: Family,
        whereabouts: &Whereabouts,
        turn: usize,
        count_max: usize,
    ) -> List<'a> {
        let mut list = List {
            bases: [&[]; LINES_MAX],
            mirrors: [MirrorIndex(0); LINES_MAX],
            count: 0,
            suffix: repo.suffix,
            supply: Supply::Mirrors,
        };
        let count_max = count_max.min(LINES_MAX);
        if list.fill(view, repo, family, whereabouts, turn, count_max) {
            return list;
        }
        if let Some(url) = view.last_resort(repo.tree) {
            if list.count == 0 {
                list.supply = Supply::LastResort;
            }
            list.add(url, count_max);
            return list;
        }
        if list.count == 0 {
            list.fill(view, repo, family.other(), whereabouts, turn, count_max);
            list.supply = if list.count > 0 { Supply::OtherFamily } else { Supply::Nothing };
        }
        list
    }

    /// Adds the mirrors of one family; tells whether any of them is a good one.
    fn fill<B: AsRef<[u8]>>(
        &mut self,
        view: &'a View<B>,
        repo: &Repo<'a>,
        family: Family,
        whereabouts: &Whereabouts,
        turn: usize,
        count_max: usize,
    ) -> bool {
        let serving = view.serving(repo, family);
        let mut any_good = false;
        for group in whereabouts.groups(view) {
            let candidates = view.candidates(repo, family, Row::Group(group), turn);
            let found = self.walk(candidates, &serving, count_max);
            any_good |= found;
            if found && view.ending(group) == Some(Ending::Alone) {
                return true;
            }
        }
        let candidates = || view.candidates(repo, family, Row::Place(whereabouts.place), turn);
        any_good |= self.walk(candidates(), &serving, count_max);
        if self.count < count_max
            && let Some(sparing) = view.sparing(repo, family)
        {
            self.walk(candidates(), &sparing, count_max);
        }
        any_good
    }

    /// Adds those of a row that serve the repo; tells whether there is any, new or not.
    fn walk(&mut self, candidates: Candidates<'_>, serving: &Serving<'a>, count_max: usize) -> bool {
        // A row has each mirror once, and none is both good and to spare; only a mirror of a group may come again in
        // another row.
        let before = self.count;
        let mut found = false;
        for mirror in candidates {
            if self.count == count_max {
                break;
            }
            let Some(base) = serving.base(mirror) else { continue };
            found = true;
            if !self.bases[..before].contains(&base) {
                (self.bases[self.count], self.mirrors[self.count]) = (base, mirror);
                self.count += 1;
            }
        }
        found
    }

    /// Adds one URL behind all others, unless it is there already.
    fn add(&mut self, base: &'a [u8], count_max: usize) {
        if self.count < count_max && !self.bases().contains(&base) {
            self.bases[self.count] = base;
            self.count += 1;
        }
    }

    /// What it is made of.
    pub fn supply(&self) -> Supply {
        self.supply
    }

    /// Base URLs in order, each with a final slash.
    pub fn bases(&self) -> &[&'a [u8]] {
        &self.bases[..self.count]
    }

    /// The mirrors whose base URLs these are, in the same order; none for a last resort.
    pub fn mirrors(&self) -> &[MirrorIndex] {
        if self.supply == Supply::LastResort { &[] } else { &self.mirrors[..self.count] }
    }

    /// What follows each base URL, with a final slash.
    pub fn suffix(&self) -> &'a [u8] {
        self.suffix
    }

    /// Length of the list as text, bytes.
    pub fn text_bytes(&self) -> usize {
        self.bases().iter().map(|base| base.len() + self.suffix.len() + 1).sum()
    }

    /// Appends the list as text: a URL and LF per mirror.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        out.reserve(self.text_bytes());
        for base in self.bases() {
            out.extend_from_slice(base);
            out.extend_from_slice(self.suffix);
            out.push(b'\n');
        }
    }
}
