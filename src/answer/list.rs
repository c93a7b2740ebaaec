//! `List`: the mirrors one client gets for one repo.
//!
//! Lives here: walking the lists of the client's group and place through the set of good mirrors, and when these are
//! too few through the set of those to spare.
//! Not here: where the client is (`locate`), how a list is dressed (one file per dialect).

use super::locate::Whereabouts;
use crate::net::Family;
use crate::snapshot::{Ending, MirrorIndex, Repo, Row, Serving, View};

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
    /// The first good mirrors of the client's group and place, `count_max` at most, those that are behind only where
    /// the good ones are too few; or what there is instead, so that a client is never left with nothing when there is
    /// something.
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
        list.fill(view, repo, family, whereabouts, turn, count_max);
        if list.count > 0 {
            return list;
        }
        if let Some(url) = view.last_resort(repo.tree) {
            (list.bases[0], list.count, list.supply) = (url, 1, Supply::LastResort);
            return list;
        }
        list.fill(view, repo, family.other(), whereabouts, turn, count_max);
        list.supply = if list.count > 0 { Supply::OtherFamily } else { Supply::Nothing };
        list
    }

    /// Adds the good mirrors of one family.
    fn fill<B: AsRef<[u8]>>(
        &mut self,
        view: &'a View<B>,
        repo: &Repo<'a>,
        family: Family,
        whereabouts: &Whereabouts,
        turn: usize,
        count_max: usize,
    ) {
        let mut walk = |serving: &Serving<'a>, row| {
            // A row has each mirror once, and none is both good and to spare; only a mirror of the group may come again
            // in the place's row.
            let before = self.count;
            for mirror in view.candidates(repo, family, row, turn) {
                if self.count == count_max {
                    break;
                }
                let Some(base) = serving.base(mirror) else { continue };
                if !self.bases[..before].contains(&base) {
                    (self.bases[self.count], self.mirrors[self.count]) = (base, mirror);
                    self.count += 1;
                }
            }
            self.count
        };
        let serving = view.serving(repo, family);
        if let Some(group) = whereabouts.group {
            let found = walk(&serving, Row::Group(group));
            if found > 0 && view.ending(group) == Some(Ending::Alone) {
                return;
            }
        }
        let found = walk(&serving, Row::Place(whereabouts.place));
        if found < count_max
            && let Some(sparing) = view.sparing(repo, family)
        {
            walk(&sparing, Row::Place(whereabouts.place));
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
