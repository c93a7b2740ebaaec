//! `Tally`: what one worker answers out of one atlas, counted by the numbers of its snapshot; and the `Ledger`, where
//! the counts of all workers and atlases come together under their names.
//!
//! A number means something in its own snapshot only. So each worker has a tally per atlas, with an array for each kind
//! of number, and closes it when it changes over: only then, and when somebody reads, is there a lock. A name that was
//! once given a place among the totals keeps it, so that counters never fall; there is a most of names, and what is
//! beyond is counted as other.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::Atlas;
use crate::place::Code;
use crate::snapshot::{MirrorIndex, PlaceIndex, RepoIndex};
use crate::worker::Count;

/// Names of repos, and of mirrors, that are told apart. Fedora has some 400 repos and 1,000 mirrors.
const NAMES_MAX: usize = 2000;

/// Release, architecture and name of a repo.
pub type RepoName = [String; 3];

/// What one worker answers out of one atlas.
#[derive(Debug)]
pub struct Tally {
    repos: Counted,
    places: Counted,
    leaders: Counted,
}

/// An array of counts by number, and the total that each is a part of.
#[derive(Debug)]
struct Counted {
    counts: Box<[Count]>,
    totals: Box<[u32]>,
}

impl Counted {
    fn new(totals: impl Iterator<Item = u32>) -> Counted {
        let totals: Box<[u32]> = totals.collect();
        Counted { counts: totals.iter().map(|_| Count::default()).collect(), totals }
    }

    fn add(&self, number: usize) {
        if let Some(count) = self.counts.get(number) {
            count.add(1);
        }
    }

    fn add_to(&self, sums: &mut [u64]) {
        for (count, &total) in self.counts.iter().zip(&self.totals) {
            if let Some(sum) = sums.get_mut(total as usize) {
                *sum += count.get();
            }
        }
    }
}

impl Tally {
    /// Counts a list: of a repo, for a place, naming `first` before all others.
    pub fn listed(&self, repo: RepoIndex, place: PlaceIndex, first: Option<MirrorIndex>) {
        self.repos.add(repo.0 as usize);
        self.places.add(usize::from(place.0));
        if let Some(first) = first {
            self.leaders.add(usize::from(first.0));
        }
    }
}

/// A name, none for all others together, and what was counted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total<N> {
    /// The name.
    pub name: Option<N>,
    /// How many.
    pub count: u64,
}

/// All totals that are not zero, by name in rising order, others last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Lists by repo.
    pub repos: Vec<Total<RepoName>>,
    /// Lists by country; none for clients of whom nothing is known.
    pub countries: Vec<Total<Option<Code>>>,
    /// Lists by the mirror that they name first.
    pub leaders: Vec<Total<String>>,
}

/// Where all tallies come together.
#[derive(Debug, Default)]
pub struct Ledger {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    repos: Names<RepoName>,
    countries: Names<Option<Code>>,
    leaders: Names<String>,
    open: Vec<Arc<Tally>>,
}

/// Totals by name. The first is that of all others.
#[derive(Debug)]
struct Names<N> {
    numbers: HashMap<N, u32>,
    totals: Vec<u64>,
}

impl<N> Default for Names<N> {
    fn default() -> Names<N> {
        Names { numbers: HashMap::new(), totals: vec![0] }
    }
}

impl<N: Clone + Eq + Hash + Ord> Names<N> {
    /// The number of a name's total; that of all others when there are too many names.
    fn number(&mut self, name: N) -> u32 {
        if let Some(&number) = self.numbers.get(&name) {
            return number;
        }
        if self.numbers.len() >= NAMES_MAX {
            return 0;
        }
        let number = self.totals.len() as u32;
        self.totals.push(0);
        self.numbers.insert(name, number);
        number
    }

    /// Totals with those of the tallies that are open.
    fn sums<'a>(&self, open: impl Iterator<Item = &'a Counted>) -> Vec<Total<N>> {
        let mut sums = self.totals.clone();
        open.for_each(|counted| counted.add_to(&mut sums));
        let named = self.numbers.iter().map(|(name, &number)| Total {
            name: Some(name.clone()),
            count: sums.get(number as usize).copied().unwrap_or_default(),
        });
        let mut named: Vec<_> = named.filter(|total| total.count > 0).collect();
        named.sort_by(|a, b| a.name.cmp(&b.name));
        let others = sums.first().copied().filter(|&count| count > 0);
        named.extend(others.map(|count| Total { name: None, count }));
        named
    }
}

impl Ledger {
    /// A tally of what a worker answers out of `atlas`.
    pub fn open(&self, atlas: &Atlas) -> Arc<Tally> {
        self.change_over(None, atlas)
    }

    /// Closes a tally that its worker will not write to any more, and opens the next one.
    pub fn change_over(&self, old: Option<&Arc<Tally>>, atlas: &Atlas) -> Arc<Tally> {
        let view = atlas.view();
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let Book { repos, countries, leaders, open } = &mut *book;
        if let Some(old) = old {
            old.repos.add_to(&mut repos.totals);
            old.places.add_to(&mut countries.totals);
            old.leaders.add_to(&mut leaders.totals);
            open.retain(|one| !Arc::ptr_eq(one, old));
        }
        let repo = |number| {
            let name = view.repo_name(RepoIndex(number as u32));
            let name =
                name.map_or_else(RepoName::default, |name| [name.release, name.arch, name.name].map(str::to_owned));
            repos.number(name)
        };
        let place = |number| {
            let code = view.place_code(PlaceIndex(number as u16));
            countries.number(code.map(Code::country))
        };
        let leader = |number| {
            let mirror = view.mirror(MirrorIndex(number as u16));
            leaders.number(mirror.map_or_else(String::new, |mirror| mirror.name.to_owned()))
        };
        let tally = Arc::new(Tally {
            repos: Counted::new((0..view.repo_count()).map(repo)),
            places: Counted::new((0..=view.places().count()).map(place)),
            leaders: Counted::new((0..view.mirror_count()).map(leader)),
        });
        open.push(Arc::clone(&tally));
        tally
    }

    /// All that was counted so far.
    pub fn sums(&self) -> Sums {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        Sums {
            repos: book.repos.sums(book.open.iter().map(|tally| &tally.repos)),
            countries: book.countries.sums(book.open.iter().map(|tally| &tally.places)),
            leaders: book.leaders.sums(book.open.iter().map(|tally| &tally.leaders)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::GeoBytes;
    use crate::geoip::Table;
    use crate::net::Protocol;
    use crate::snapshot::{Builder, CarriedEntry, Evidence, Generation, RepoEntry, View};
    use crate::sys::Map;

    /// An atlas with these repos and mirrors, in this order, and the places DE, US, US-TX.
    fn atlas(repos: &[&str], mirrors: &[&str]) -> Atlas {
        let places = ["DE", "US", "US-TX"].map(|code| code.parse().unwrap()).to_vec();
        let mut builder = Builder::new(Evidence::Unverified, 1, places);
        let tree = builder.tree("t", None, &[Protocol::Http]);
        let mirrors: Vec<_> = mirrors.iter().map(|name| builder.mirror(name, None, 1, 1)).collect();
        let set = builder.set(mirrors.iter().copied());
        let list = builder.list(mirrors, None);
        let row = builder.row(vec![list]);
        let directory = builder.directory(vec![row; 4]);
        for name in repos {
            let entry = RepoEntry {
                name,
                release: "9",
                aliases: &[],
                arch: "x86_64",
                carried: CarriedEntry {
                    suffix: "os/",
                    tree,
                    directory: [directory; 2],
                    sets: [[set; 3]; 2],
                    spares: [[None; 3]; 2],
                },
                comment: None,
                revisions: &[],
            };
            builder.repo(&entry).unwrap();
        }
        let view = View::open(Map::copy(&builder.finish().unwrap()).unwrap()).unwrap();
        let geo = include_bytes!("../../lists/geoip/country.table");
        Atlas::new(Generation::default(), view, Arc::new(Table::open(GeoBytes::Embedded(geo)).unwrap()))
    }

    fn repos(sums: &Sums) -> Vec<(&str, u64)> {
        sums.repos
            .iter()
            .map(|total| (total.name.as_ref().map_or("other", |name| name[2].as_str()), total.count))
            .collect()
    }

    fn leaders(sums: &Sums) -> Vec<(&str, u64)> {
        sums.leaders.iter().map(|total| (total.name.as_deref().unwrap_or("other"), total.count)).collect()
    }

    #[test]
    fn counts_follow_their_names_through_a_change() {
        let ledger = Ledger::default();
        let (before, after) = (atlas(&["baseos", "extras"], &["a", "b"]), atlas(&["crb", "baseos"], &["b", "c"]));
        let [one, two] = [ledger.open(&before), ledger.open(&before)];
        one.listed(RepoIndex(0), PlaceIndex(1), Some(MirrorIndex(1)));
        two.listed(RepoIndex(0), PlaceIndex(3), Some(MirrorIndex(0)));
        two.listed(RepoIndex(1), PlaceIndex(2), None);
        let sums = ledger.sums();
        assert_eq!(repos(&sums), [("baseos", 2), ("extras", 1)]);
        assert_eq!(leaders(&sums), [("a", 1), ("b", 1)]);
        let countries: Vec<_> = sums.countries.iter().map(|total| (total.name.unwrap(), total.count)).collect();
        let code = |text: &str| Some(text.parse::<Code>().unwrap());
        assert_eq!(countries, [(code("DE"), 1), (code("US"), 2)], "a subdivision counts for its country");
        // One worker changes over, the other has not yet.
        let one = ledger.change_over(Some(&one), &after);
        assert_eq!(ledger.sums(), sums, "nothing is lost or counted twice");
        one.listed(RepoIndex(1), PlaceIndex(0), Some(MirrorIndex(0)));
        two.listed(RepoIndex(0), PlaceIndex(1), Some(MirrorIndex(1)));
        one.listed(RepoIndex(7), PlaceIndex(70), Some(MirrorIndex(7)));
        let two = ledger.change_over(Some(&two), &after);
        two.listed(RepoIndex(0), PlaceIndex(0), Some(MirrorIndex(1)));
        let sums = ledger.sums();
        assert_eq!(repos(&sums), [("baseos", 4), ("crb", 1), ("extras", 1)]);
        assert_eq!(leaders(&sums), [("a", 1), ("b", 3), ("c", 1)]);
        assert_eq!(sums.countries.first().map(|total| (total.name, total.count)), Some((Some(None), 2)));
    }

    #[test]
    fn names_beyond_the_limit_are_others() {
        let ledger = Ledger::default();
        let name = |number: usize| format!("m{number}");
        let names: Vec<String> = (0..NAMES_MAX + 5).map(name).collect();
        let first: Vec<&str> = names.iter().map(String::as_str).collect();
        let tally = ledger.open(&atlas(&["baseos"], &first));
        for number in [0, NAMES_MAX - 1, NAMES_MAX, NAMES_MAX + 4] {
            tally.listed(RepoIndex(0), PlaceIndex(0), Some(MirrorIndex(number as u16)));
        }
        let last = name(NAMES_MAX - 1);
        assert_eq!(leaders(&ledger.sums()), [("m0", 1), (last.as_str(), 1), ("other", 2)]);
        let tally = ledger.change_over(Some(&tally), &atlas(&["baseos"], &["new", "m0"]));
        tally.listed(RepoIndex(0), PlaceIndex(0), Some(MirrorIndex(0)));
        tally.listed(RepoIndex(0), PlaceIndex(0), Some(MirrorIndex(1)));
        assert_eq!(leaders(&ledger.sums()), [("m0", 2), (last.as_str(), 1), ("other", 3)]);
    }
}
