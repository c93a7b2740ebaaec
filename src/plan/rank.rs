//! `Ranker`: who serves a place, in which order.
//!
//! The phases, each ordered anew in every turn: own subdivision; own country; nearby countries, one by one; mirrors
//! that belong to no country; the rest of the continent; the project's own servers, on the continent and then
//! elsewhere; the rest of the world. The fallback begins with one mirror of each continent. Mirrors of a tier beyond 1
//! serve other countries only when nothing else is left.
//!
//! Not here: which of them are good for a repo. That is a set beside the lists, and what is not in it is passed over.

use std::collections::BTreeMap;

use super::TURN_COUNT;
use crate::inventory::{Continent, Kind, World};
use crate::place::Code;
use crate::snapshot::{Builder, ListId, MirrorIndex, RowId};
use crate::turn::{self, Entrant};

/// Countries that count as nearby. Picked by feel: enough to fill a list in Europe, few enough to stay near.
const NEARBY_COUNT: usize = 8;
/// Bandwidth from which on a mirror serves the whole world, megabits per second.
const WORLD_BANDWIDTH_MBPS: u32 = 200;
/// Mirrors that each turn orders by itself; what comes behind them is the same for all turns. Three times a full
/// answer, so that two of three may be bad before turns stop spreading the load.
const HEAD_COUNT: usize = 32;

/// A mirror that public lists may name.
pub struct Candidate {
    /// Its number.
    pub index: MirrorIndex,
    /// Where it is.
    pub place: Option<Code>,
    /// Its weight, megabits per second.
    pub bandwidth_mbps: u32,
    /// Its tier.
    pub tier: u8,
    /// Whose it is.
    pub kind: Kind,
    /// Its part in turns.
    pub entrant: Entrant,
}

impl Candidate {
    fn is_in(&self, place: Code) -> bool {
        self.place.is_some_and(|own| own == place || own.country() == place)
    }

    fn serves_others(&self) -> bool {
        self.tier <= 1
    }
}

/// Ranks mirrors for places.
pub struct Ranker<'a> {
    world: &'a World<'a>,
    /// Mirrors but for the project's own.
    public: Vec<&'a Candidate>,
    /// The project's own servers.
    own: Vec<&'a Candidate>,
}

impl<'a> Ranker<'a> {
    /// A ranker of these mirrors.
    pub fn new(world: &'a World<'a>, candidates: &'a [Candidate]) -> Ranker<'a> {
        let (own, public) = candidates.iter().partition(|one| one.kind == Kind::Own);
        Ranker { world, public, own }
    }

    /// The ranking for a country or subdivision.
    pub fn place(&self, place: Code) -> Ranking<'a> {
        let country = place.country();
        let continent = self.world.continent(place);
        let mut ranking = Ranking::default();
        // Of clients in a country as a whole nothing more is known: mirrors with a subdivision are no nearer to them.
        if place != country {
            ranking.phase(self.public.iter().filter(|one| one.place == Some(place)));
        }
        ranking.phase(self.public.iter().filter(|one| one.is_in(country)));
        for near in self.world.nearby(country).into_iter().take(NEARBY_COUNT) {
            ranking.phase(self.public.iter().filter(|one| one.serves_others() && one.is_in(near)));
        }
        ranking.phase(self.public.iter().filter(|one| one.serves_others() && one.place.is_none()));
        let same_continent = |one: &Candidate| self.continent(one) == continent && continent.is_some();
        ranking.phase(self.public.iter().filter(|one| one.serves_others() && same_continent(one)));
        ranking.phase(self.own.iter().filter(|one| same_continent(one)));
        ranking.phase(self.own.iter());
        self.rest_of_the_world(&mut ranking);
        ranking
    }

    /// The ranking for clients of whom nothing is known.
    pub fn fallback(&self) -> Ranking<'a> {
        let mut ranking = Ranking::default();
        let mut by_continent: BTreeMap<Option<Continent>, Vec<&Candidate>> = BTreeMap::new();
        for one in self.public.iter().filter(|one| one.serves_others() && one.bandwidth_mbps >= WORLD_BANDWIDTH_MBPS) {
            by_continent.entry(self.continent(one)).or_default().push(one);
        }
        ranking.phases.push(Phase::OneOfEach(by_continent.into_values().collect()));
        self.rest_of_the_world(&mut ranking);
        ranking.phase(self.own.iter());
        ranking
    }

    fn rest_of_the_world(&self, ranking: &mut Ranking<'a>) {
        let serves_the_world = |one: &&&Candidate| one.serves_others() && one.bandwidth_mbps >= WORLD_BANDWIDTH_MBPS;
        ranking.phase(self.public.iter().filter(serves_the_world));
        ranking.phase(self.public.iter().filter(|one| one.serves_others()));
        ranking.phase(self.public.iter());
    }

    fn continent(&self, candidate: &Candidate) -> Option<Continent> {
        candidate.place.and_then(|place| self.world.continent(place))
    }
}

/// Mirrors of one rank.
enum Phase<'a> {
    /// All of them, in a weighted order.
    All(Vec<&'a Candidate>),
    /// The first of each group; the groups take turns in leading.
    OneOfEach(Vec<Vec<&'a Candidate>>),
}

/// The mirrors of one place by phase. A mirror of an earlier phase is passed over in later ones.
#[derive(Default)]
pub struct Ranking<'a> {
    phases: Vec<Phase<'a>>,
}

impl<'a> Ranking<'a> {
    fn phase<'b>(&mut self, members: impl Iterator<Item = &'b &'a Candidate>)
    where
        'a: 'b,
    {
        self.phases.push(Phase::All(members.copied().collect()));
    }

    /// The order of a turn, `count_max` mirrors at most, each once.
    fn order(&self, turn: usize, count_max: usize) -> Vec<MirrorIndex> {
        let mut ordered = Vec::new();
        let mut seen = vec![false; self.phases.iter().map(Phase::index_end).max().unwrap_or_default()];
        for phase in &self.phases {
            if ordered.len() >= count_max {
                break;
            }
            let new = phase.order(turn, |one| !seen[usize::from(one.index.0)]);
            for index in new.into_iter().take(count_max - ordered.len()) {
                seen[usize::from(index.0)] = true;
                ordered.push(index);
            }
        }
        ordered
    }

    /// Adds the place's row to a snapshot.
    pub fn row(&self, builder: &mut Builder) -> RowId {
        let whole = self.order(0, usize::MAX);
        let tail: Option<ListId> = (whole.len() > HEAD_COUNT).then(|| builder.list(whole, None));
        let lists = (0..TURN_COUNT).map(|turn| builder.list(self.order(turn, HEAD_COUNT), tail)).collect();
        builder.row(lists)
    }
}

impl Phase<'_> {
    /// One more than the highest mirror number.
    fn index_end(&self) -> usize {
        let end = |members: &[&Candidate]| members.iter().map(|one| usize::from(one.index.0) + 1).max();
        let ends = match self {
            Phase::All(members) => end(members),
            Phase::OneOfEach(groups) => groups.iter().filter_map(|group| end(group)).max(),
        };
        ends.unwrap_or_default()
    }

    fn order(&self, turn: usize, is_new: impl Fn(&Candidate) -> bool) -> Vec<MirrorIndex> {
        match self {
            Phase::All(members) => shuffle(members, turn, is_new),
            Phase::OneOfEach(groups) => {
                let firsts = groups.iter().map(|group| shuffle(group, turn, &is_new));
                let mut firsts: Vec<MirrorIndex> = firsts.filter_map(|group| group.first().copied()).collect();
                if !firsts.is_empty() {
                    let lead = turn % firsts.len();
                    firsts.rotate_left(lead);
                }
                firsts
            }
        }
    }
}

fn shuffle(members: &[&Candidate], turn: usize, is_new: impl Fn(&Candidate) -> bool) -> Vec<MirrorIndex> {
    let mut new: Vec<&Candidate> = members.iter().copied().filter(|one| is_new(one)).collect();
    turn::order(&mut new, turn, TURN_COUNT, |one| one.entrant);
    new.into_iter().map(|one| one.index).collect()
}
