//! `List`: the mirrors one client gets for one repo.
//!
//! Lives here: walking the lists of the client's group and place through the set of good mirrors.
//! Not here: where the client is (`locate`), how a list is dressed (one file per dialect).

use super::locate::Whereabouts;
use crate::net::Family;
use crate::snapshot::{Ending, Repo, Row, View};

/// Most mirrors a list can have, whatever the configuration.
pub const LINES_MAX: usize = 64;

/// The mirrors for one client, in the order to try them.
pub struct List<'a> {
    bases: [&'a [u8]; LINES_MAX],
    count: usize,
    suffix: &'a [u8],
    is_last_resort: bool,
}

impl<'a> List<'a> {
    /// The first good mirrors of the client's group and place, `count_max` at most.
    ///
    /// A repo that no good mirror has is answered with its tree's last resort, so that a client is never left with
    /// nothing when there is something.
    pub fn choose<B: AsRef<[u8]>>(
        view: &'a View<B>,
        repo: &Repo<'a>,
        family: Family,
        whereabouts: &Whereabouts,
        turn: usize,
        count_max: usize,
    ) -> List<'a> {
        let mut list = List { bases: [&[]; LINES_MAX], count: 0, suffix: repo.suffix, is_last_resort: false };
        let count_max = count_max.min(LINES_MAX);
        let serving = view.serving(repo, family);
        let mut walk = |row| {
            // A row has each mirror once; only a mirror of the group may come again in the place's row.
            let before = list.count;
            for mirror in view.candidates(repo, family, row, turn) {
                if list.count == count_max {
                    break;
                }
                let Some(base) = serving.base(mirror) else { continue };
                if !list.bases[..before].contains(&base) {
                    list.bases[list.count] = base;
                    list.count += 1;
                }
            }
            list.count
        };
        if let Some(group) = whereabouts.group {
            let found = walk(Row::Group(group));
            let alone = view.ending(group) == Some(Ending::Alone);
            if found > 0 && alone {
                return list;
            }
        }
        walk(Row::Place(whereabouts.place));
        if list.count == 0
            && let Some(url) = view.last_resort(repo.tree)
        {
            list.bases[0] = url;
            list.count = 1;
            list.is_last_resort = true;
        }
        list
    }

    /// Whether there is nothing in it, not even a last resort.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether it is only the last resort.
    pub fn is_last_resort(&self) -> bool {
        self.is_last_resort
    }

    /// Base URLs in order, each with a final slash.
    pub fn bases(&self) -> &[&'a [u8]] {
        &self.bases[..self.count]
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
