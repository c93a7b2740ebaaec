//! `List`: the mirrors one client gets for one repo.
//!
//! Lives here: what is chosen when, so that a client is never left with nothing while there is something.
//! Not here: the walk itself (`walk`), where the client is (`locate`), what it asks of mirrors (`filter`), how a list
//! is dressed (one file per dialect).

use super::filter::{Filter, GLOBAL, Kind, Kinds};
use super::locate::Whereabouts;
use super::walk::{Selection, Walk};
use crate::net::{Family, Protocol};
use crate::snapshot::{BaseUrl, MirrorIndex, Repo, View};

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

/// Why a mirror is in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It serves the client's network or cloud.
    Network,
    /// It serves the client's autonomous system.
    System,
    /// It is in the list of the client's place.
    Place,
    /// It is in the client's country, or in one that the client asked for.
    Country,
    /// It is on the same continent.
    Continent,
    /// Nearer ones were too few.
    Elsewhere,
    /// It is to spare: behind, or not verified. Good ones were too few.
    Spare,
    /// It is the tree's last resort.
    LastResort,
}

/// In what order mirrors are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The list of the client's place as it is.
    Place,
    /// The client's country, then its continent; everywhere only when these give fewer than `count_min`.
    Rings {
        /// So many mirrors are enough.
        count_min: usize,
    },
}

/// What is to be chosen.
#[derive(Clone, Copy)]
pub struct Wish<'w> {
    /// The repo.
    pub repo: &'w Repo<'w>,
    /// The client's family.
    pub family: Family,
    /// Where the client is.
    pub whereabouts: &'w Whereabouts,
    /// The client's turn.
    pub turn: usize,
    /// In what order.
    pub order: Order,
    /// How many mirrors at most.
    pub count_max: usize,
    /// What the client asks of mirrors.
    pub filter: Option<&'w Filter<'w>>,
}

/// A mirror that was chosen.
#[derive(Clone, Copy)]
pub struct Pick {
    /// The mirror; none for a last resort.
    pub mirror: Option<MirrorIndex>,
    /// Its base URL.
    pub base: BaseUrl,
    /// The protocol of that.
    pub protocol: Protocol,
    /// Why it was chosen.
    pub why: Why,
}

/// The mirrors for one client, in the order to try them. Made once and filled again for each answer.
pub struct List {
    picks: [Pick; LINES_MAX],
    count: usize,
    supply: Supply,
    dropped: Kinds,
}

impl Default for List {
    fn default() -> List {
        let nothing = Pick { mirror: None, base: BaseUrl::NONE, protocol: Protocol::Http, why: Why::Place };
        List { picks: [nothing; LINES_MAX], count: 0, supply: Supply::Nothing, dropped: Kinds::default() }
    }
}

impl List {
    /// Chooses the first good mirrors that a client gets, those that are behind only where the good ones are too few;
    /// or what there is instead. A filter with which nothing is left is dropped.
    pub fn choose<B: AsRef<[u8]>>(&mut self, view: &View<B>, wish: &Wish<'_>) {
        self.dropped = Kinds::default();
        self.supply = Supply::Mirrors;
        let count_max = wish.count_max.min(LINES_MAX);
        match wish.filter {
            None => self.walk(view, wish, wish.family, count_max),
            Some(filter) => self.walk_filtered(view, wish, filter, count_max.min(filter.count_max)),
        }
        if self.count == 0 {
            self.choose_instead(view, wish, count_max);
        } else if wish.filter.is_none() && self.picks().iter().all(|pick| pick.why == Why::Spare) {
            // Nobody good is left: whoever finds those to spare wanting still has where to turn.
            self.add_last_resort(view, wish, count_max);
        }
    }

    fn walk<B: AsRef<[u8]>>(&mut self, view: &View<B>, wish: &Wish<'_>, family: Family, count_max: usize) {
        self.count = 0;
        let mut walk = Walk { list: self, view, wish: Wish { family, ..*wish }, count_max, is_alone: false };
        walk.plain();
    }

    /// Drops filters in turn, the last of `Kind::ALL` first, until something is left.
    fn walk_filtered<B: AsRef<[u8]>>(
        &mut self,
        view: &View<B>,
        wish: &Wish<'_>,
        filter: &Filter<'_>,
        count_max: usize,
    ) {
        let mut kinds = filter.kinds;
        self.filter_by(view, wish, filter, kinds, count_max);
        if self.count == 0 {
            kinds = Kinds::default();
            for kind in filter.kinds.iter() {
                self.filter_by(view, wish, filter, kinds.with(kind), 1);
                if self.count > 0 {
                    kinds = kinds.with(kind);
                }
            }
            self.filter_by(view, wish, filter, kinds, count_max);
        }
        // Countries without a mirror are widened to their continents: not what was asked for, either.
        let is_elsewhere = |pick: &Pick| {
            let country = pick.mirror.and_then(|mirror| view.country(mirror));
            !filter.countries().iter().any(|asked| *asked == GLOBAL || Some(*asked) == country)
        };
        if kinds.has(Kind::Country) && self.picks().first().is_some_and(is_elsewhere) {
            kinds = kinds.without(Kinds::default().with(Kind::Country));
        }
        self.dropped = filter.kinds.without(kinds);
    }

    fn filter_by<B: AsRef<[u8]>>(
        &mut self,
        view: &View<B>,
        wish: &Wish<'_>,
        filter: &Filter<'_>,
        kinds: Kinds,
        count_max: usize,
    ) {
        self.count = 0;
        let own = [Some(wish.family), None];
        let selection = Selection {
            protocols: if kinds.has(Kind::Protocol) { filter.protocols } else { u8::MAX },
            families: if kinds.has(Kind::Family) { filter.families } else { own },
            countries: if kinds.has(Kind::Country) { Some(filter.countries()) } else { None },
            exclusions: kinds.has(Kind::Exclude).then_some(filter),
        };
        Walk { list: self, view, wish: *wish, count_max, is_alone: false }.filtered(&selection);
    }

    fn choose_instead<B: AsRef<[u8]>>(&mut self, view: &View<B>, wish: &Wish<'_>, count_max: usize) {
        if self.add_last_resort(view, wish, count_max) {
            self.supply = Supply::LastResort;
            return;
        }
        self.walk(view, wish, wish.family.other(), count_max);
        self.supply = if self.count > 0 { Supply::OtherFamily } else { Supply::Nothing };
    }

    /// Adds the tree's last resort, when it has one that is not there yet.
    fn add_last_resort<B: AsRef<[u8]>>(&mut self, view: &View<B>, wish: &Wish<'_>, count_max: usize) -> bool {
        let Some(base) = view.last_resort(wish.repo.tree) else { return false };
        if self.count >= count_max || self.picks().iter().any(|pick| pick.base == base) {
            return false;
        }
        let protocol = if view.url(base).starts_with(b"https:") { Protocol::Https } else { Protocol::Http };
        self.add(Pick { mirror: None, base, protocol, why: Why::LastResort });
        true
    }

    pub(super) fn add(&mut self, pick: Pick) {
        if let Some(slot) = self.picks.get_mut(self.count) {
            *slot = pick;
            self.count += 1;
        }
    }

    /// What it is made of.
    pub fn supply(&self) -> Supply {
        self.supply
    }

    /// Filters that were dropped, because nothing was left with them.
    pub fn dropped(&self) -> Kinds {
        self.dropped
    }

    /// The mirrors in order.
    pub fn picks(&self) -> &[Pick] {
        &self.picks[..self.count]
    }

    /// Base URLs in order, each with a final slash.
    pub fn bases<'v, B: AsRef<[u8]>>(&self, view: &'v View<B>) -> impl Iterator<Item = &'v [u8]> {
        self.picks().iter().map(|pick| view.url(pick.base))
    }

    /// Appends the list as text: a URL and LF per mirror. `rest`: what follows the repo's directory in each.
    pub fn write_text<B: AsRef<[u8]>>(&self, view: &View<B>, suffix: &[u8], rest: &[u8], out: &mut Vec<u8>) {
        let per_line_bytes = suffix.len() + rest.len() + 1;
        out.reserve(self.picks().iter().map(|pick| pick.base.len_bytes() + per_line_bytes).sum());
        for base in self.bases(view) {
            out.extend_from_slice(base);
            out.extend_from_slice(suffix);
            out.extend_from_slice(rest);
            out.push(b'\n');
        }
    }
}
