//! `Selection`: the mirrors one client is shown for a folder or a file, and the whole list of them.
//!
//! Lives here: the walk through the lists of the client's groups and place, which of them are of its own region, and
//! how many are enough. Not here: where the client is (`locate`), how mirrors are shown (`page`, `json`).

use crate::answer::list::Supply;
use crate::answer::locate::Whereabouts;
use crate::net::Family;
use crate::place::Code;
use crate::snapshot::{Carried, Ending, MirrorIndex, Row, Serving, View};

/// Most mirrors that a page names.
pub const LINKS_MAX: usize = 30;
/// Mirrors of the own region from which on no others are named.
const REGION_ENOUGH: usize = 25;
/// Most mirrors on a page of the whole list.
pub const ALL_LINKS_MAX: usize = 200;

/// Where a mirror is, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// In its network, or its cloud's.
    Network,
    /// In its country.
    Region,
    /// Elsewhere, or nowhere in particular.
    Away,
}

/// A mirror that is named.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// What it is called, by custom its host name.
    pub name: &'a str,
    /// Where it is; none for a global one.
    pub place: Option<Code>,
    /// Its base URL, with a final slash.
    pub base: &'a str,
    /// Where it is, seen from the client.
    pub zone: Zone,
}

impl Link<'_> {
    const NONE: Link<'static> = Link { name: "", place: None, base: "", zone: Zone::Away };
}

/// The mirrors for one client, in the order to try them.
pub struct Selection<'a> {
    links: [Link<'a>; LINKS_MAX],
    count: usize,
    supply: Supply,
}

impl<'a> Selection<'a> {
    /// The first mirrors of the client's groups and place, `count_max` at most; or what there is instead.
    pub fn choose<B: AsRef<[u8]>>(
        view: &'a View<B>,
        carried: &Carried<'a>,
        family: Family,
        whereabouts: &Whereabouts,
        turn: usize,
        count_max: usize,
    ) -> Selection<'a> {
        let mut selection = Selection { links: [Link::NONE; LINKS_MAX], count: 0, supply: Supply::Mirrors };
        let count_max = count_max.min(LINKS_MAX);
        selection.fill(view, carried, family, whereabouts, turn, count_max);
        if selection.count > 0 {
            return selection;
        }
        if let Some(base) = view.last_resort(carried.tree).and_then(|base| web_address(view.url(base))) {
            selection.push(Link { name: host(base), place: None, base, zone: Zone::Away });
            selection.supply = Supply::LastResort;
            return selection;
        }
        selection.fill(view, carried, family.other(), whereabouts, turn, count_max);
        selection.supply = if selection.count > 0 { Supply::OtherFamily } else { Supply::Nothing };
        selection
    }

    fn fill<B: AsRef<[u8]>>(
        &mut self,
        view: &'a View<B>,
        carried: &Carried<'a>,
        family: Family,
        whereabouts: &Whereabouts,
        turn: usize,
        count_max: usize,
    ) {
        let region = view.place_code(whereabouts.place).map(Code::country);
        let mut walk = |serving: &Serving<'a>, row| {
            // Only a mirror of a group may come again, in another row.
            let before = self.count;
            let mut found = false;
            for mirror in view.candidates(carried, family, row, turn) {
                if self.count == count_max {
                    break;
                }
                let Some(link) = link(view, serving, mirror, row, region) else { continue };
                found = true;
                if !self.links[..before].iter().any(|known| known.base == link.base) {
                    self.push(link);
                }
            }
            found
        };
        let serving = view.serving(carried, family);
        for group in whereabouts.groups(view) {
            if walk(&serving, Row::Group(group)) && view.ending(group) == Some(Ending::Alone) {
                return;
            }
        }
        walk(&serving, Row::Place(whereabouts.place));
        if let Some(sparing) = view.sparing(carried, family) {
            walk(&sparing, Row::Place(whereabouts.place));
        }
        self.leave_out_others();
    }

    fn push(&mut self, link: Link<'a>) {
        if let Some(slot) = self.links.get_mut(self.count) {
            *slot = link;
            self.count += 1;
        }
    }

    /// Leaves out mirrors elsewhere when the region has enough.
    fn leave_out_others(&mut self) {
        if self.of(Zone::Region).count() < REGION_ENOUGH {
            return;
        }
        let mut kept = 0;
        for at in 0..self.count {
            if self.links[at].zone != Zone::Away {
                self.links[kept] = self.links[at];
                kept += 1;
            }
        }
        self.count = kept;
    }

    /// What it is made of.
    pub fn supply(&self) -> Supply {
        self.supply
    }

    /// The mirrors in order.
    pub fn links(&self) -> &[Link<'a>] {
        &self.links[..self.count]
    }

    /// Whether there are mirrors in the client's network or country.
    pub fn has_near(&self) -> bool {
        self.links().iter().any(|link| link.zone != Zone::Away)
    }

    /// Those of a zone.
    pub fn of(&self, zone: Zone) -> impl Iterator<Item = &Link<'a>> {
        self.links().iter().filter(move |link| link.zone == zone)
    }
}

/// Page `number` (from 1) of all mirrors that lists may name, the nearest first, and whether there is another page.
pub fn all<'a, B: AsRef<[u8]>>(
    view: &'a View<B>,
    carried: &Carried<'a>,
    family: Family,
    whereabouts: &Whereabouts,
    turn: usize,
    number: usize,
) -> (impl Iterator<Item = Link<'a>> + Clone, bool) {
    let region = view.place_code(whereabouts.place).map(Code::country);
    let row = Row::Place(whereabouts.place);
    let kinds = [Some(view.serving(carried, family)), view.sparing(carried, family)];
    let candidates = view.candidates(carried, family, row, turn);
    let links = kinds.into_iter().flatten().flat_map(move |serving| {
        candidates.clone().filter_map(move |mirror| link(view, &serving, mirror, row, region))
    });
    let start = number.saturating_sub(1) * ALL_LINKS_MAX;
    let has_more = links.clone().nth(start + ALL_LINKS_MAX).is_some();
    (links.skip(start).take(ALL_LINKS_MAX), has_more)
}

fn link<'a, B: AsRef<[u8]>>(
    view: &'a View<B>,
    serving: &Serving<'a>,
    mirror: MirrorIndex,
    row: Row,
    region: Option<Code>,
) -> Option<Link<'a>> {
    let base = web_address(serving.base(mirror)?)?;
    let mirror = view.mirror(mirror)?;
    let zone = match row {
        Row::Group(_) => Zone::Network,
        Row::Place(_) if region.is_some() && mirror.place.map(Code::country) == region => Zone::Region,
        Row::Place(_) => Zone::Away,
    };
    Some(Link { name: mirror.name, place: mirror.place, base, zone })
}

/// The URL, when a browser may be sent there.
fn web_address(url: &[u8]) -> Option<&str> {
    let url = std::str::from_utf8(url).ok()?;
    (url.starts_with("https://") || url.starts_with("http://")).then_some(url)
}

/// The host of a URL, with its port.
fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or(url)
}
