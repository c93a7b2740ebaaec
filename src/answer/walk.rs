//! `Walk`: from the lists of the client's group and place, through the sets of mirrors that have the repo, to a list.
//!
//! Lives here: which lists are walked in which order, and what a filter passes over. The plain walk and the filtered
//! one are compiled apart, so that filters cost those alone who have them.
//! Not here: what follows when nothing is found (`list`).

use super::filter::{Filter, GLOBAL};
use super::list::{List, Order, Pick, Why, Wish};
use crate::net::{Family, Protocol};
use crate::place::Code;
use crate::snapshot::{BaseUrl, Continent, CountryCode, Ending, MirrorIndex, PlaceIndex, Row, Serving, View};

/// What is left of a filter: those of its parts that are in force.
pub struct Selection<'f> {
    /// Protocols that URLs may have, a bit for each.
    pub protocols: u8,
    /// Families over which mirrors may be reached.
    pub families: [Option<Family>; 2],
    /// Countries that mirrors may be in.
    pub countries: Option<&'f [CountryCode]>,
    /// Who says which mirrors are excluded.
    pub exclusions: Option<&'f Filter<'f>>,
}

/// One walk for one list.
pub struct Walk<'l, 'v, B> {
    /// What is found goes here.
    pub list: &'l mut List,
    /// The snapshot.
    pub view: &'v View<B>,
    /// For what.
    pub wish: Wish<'v>,
    /// How many mirrors are enough.
    pub count_max: usize,
    /// Whether the client's network has given mirrors, and gets them alone.
    pub is_alone: bool,
}

/// By which URL a mirror is taken; none when it is passed over.
trait Admit: Fn(MirrorIndex) -> Option<(BaseUrl, Protocol)> {}
impl<F: Fn(MirrorIndex) -> Option<(BaseUrl, Protocol)>> Admit for F {}

impl<'v, B: AsRef<[u8]>> Walk<'_, 'v, B> {
    /// Without any filter.
    pub fn plain(&mut self) {
        let (view, repo, family) = (self.view, self.wish.repo, self.wish.family);
        let serving = view.serving(repo, family);
        self.around(|mirror| serving.find(mirror));
        if self.count() < self.enough()
            && let Some(sparing) = view.sparing(repo, family)
            && !self.is_alone
        {
            self.take(self.place(), Why::Spare, |mirror| sparing.find(mirror), |_| true);
        }
    }

    /// Through a filter.
    pub fn filtered(&mut self, selection: &Selection<'_>) {
        let (view, repo) = (self.view, self.wish.repo);
        let serving = selection.families.map(|family| Some(view.serving(repo, family?).only(selection.protocols)));
        let sparing = selection.families.map(|family| Some(view.sparing(repo, family?)?.only(selection.protocols)));
        let is_allowed = |mirror, found: &(BaseUrl, Protocol)| {
            selection.exclusions.is_none_or(|filter| !filter.excludes(view, mirror, view.url(found.0)))
        };
        let by = |servings: &[Option<Serving<'v>>; 2], mirror| {
            let found = servings.iter().flatten().find_map(|serving| serving.find(mirror));
            found.filter(|found| is_allowed(mirror, found))
        };
        for (servings, is_good) in [(serving, true), (sparing, false)] {
            let enough = if is_good { self.count_max } else { self.enough() };
            if self.count() >= enough || self.is_alone || servings.iter().all(Option::is_none) {
                continue;
            }
            match selection.countries {
                Some(countries) => self.countries(countries, |mirror| by(&servings, mirror), is_good),
                None if is_good => self.around(|mirror| by(&servings, mirror)),
                None => {
                    self.take(self.place(), Why::Spare, |mirror| by(&servings, mirror), |_| true);
                }
            }
        }
    }

    /// What is near the client: its network, then as the order wants it.
    fn around(&mut self, admit: impl Admit) {
        let place = self.place();
        let (view, whereabouts) = (self.view, self.wish.whereabouts);
        for group in whereabouts.groups(view) {
            let is_system = whereabouts.system.is_some_and(|(_, of_system)| of_system == group);
            let why = if is_system { Why::System } else { Why::Network };
            let has_given = self.take(Row::Group(group), why, &admit, |_| true);
            if has_given && view.ending(group) == Some(Ending::Alone) {
                self.is_alone = true;
                return;
            }
        }
        let Order::Rings { count_min } = self.wish.order else {
            self.take(place, Why::Place, admit, |_| true);
            return;
        };
        let own = whereabouts.place;
        if let Some(country) = view.country_of_place(own) {
            self.take(place, Why::Country, &admit, |mirror| view.country(mirror) == Some(country));
        }
        let continent = view.continent_of_place(own);
        if continent != Continent::NONE {
            self.take(place, Why::Continent, &admit, |mirror| view.continent(mirror) == continent);
        }
        if self.count() < count_min.min(self.count_max) {
            self.take(place, Why::Elsewhere, admit, |_| true);
        }
    }

    /// Countries that the client asked for, each in the order of its own list; their continents when these are empty.
    fn countries(&mut self, countries: &[CountryCode], admit: impl Admit, is_good: bool) {
        let view = self.view;
        let why = |why| if is_good { why } else { Why::Spare };
        let place_of = |country: &CountryCode| Code::parse(country).and_then(|code| view.place(code));
        for country in countries {
            if *country == GLOBAL {
                self.take(self.place(), why(Why::Elsewhere), &admit, |_| true);
                continue;
            }
            let row = place_of(country).map_or(self.place(), Row::Place);
            self.take(row, why(Why::Country), &admit, |mirror| view.country(mirror) == Some(*country));
        }
        if self.count() > 0 {
            return;
        }
        for place in countries.iter().filter_map(place_of) {
            let continent = view.continent_of_place(place);
            if continent != Continent::NONE {
                let row = Row::Place(place);
                self.take(row, why(Why::Continent), &admit, |mirror| view.continent(mirror) == continent);
            }
        }
    }

    /// Adds the mirrors of a row that are admitted and within the scope; tells whether there is any, new or not.
    fn take(&mut self, row: Row, why: Why, admit: impl Admit, is_within: impl Fn(MirrorIndex) -> bool) -> bool {
        // A row has each mirror once; only what came from another walk may come again.
        let before = self.count();
        let mut found = false;
        let Wish { repo, family, turn, .. } = self.wish;
        for mirror in self.view.candidates(repo, family, row, turn) {
            if self.count() >= self.count_max {
                break;
            }
            if !is_within(mirror) {
                continue;
            }
            let Some((base, protocol)) = admit(mirror) else { continue };
            found = true;
            if !self.list.picks()[..before].iter().any(|pick| pick.base == base) {
                self.list.add(Pick { mirror: Some(mirror), base, protocol, why });
            }
        }
        found
    }

    fn place(&self) -> Row {
        let place: PlaceIndex = self.wish.whereabouts.place;
        Row::Place(place)
    }

    fn count(&self) -> usize {
        self.list.picks().len()
    }

    /// So many mirrors that those to spare are not needed.
    fn enough(&self) -> usize {
        match self.wish.order {
            Order::Place => self.count_max,
            Order::Rings { count_min } => count_min.min(self.count_max),
        }
    }
}
