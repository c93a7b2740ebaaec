//! `Explanation`: an answer step by step, for people: which network, place, list and mirrors, and why.
//!
//! - `candidate`  a mirror that was considered, and why it is in or out
//! - `text`       the explanation as lines for a terminal
//! - `inquiry`    `Inquiry`: what a request for an explanation asks for
//!
//! Made by the same code as the answer, so it tells what really is answered. Unlike an answer it allocates. Not here:
//! who may have it (`serve`, `cli`).

mod candidate;
mod inquiry;
mod text;

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use super::ask::{Ask, Rules};
use super::atlas::Atlas;
use super::filter::{Filter, Kind};
use super::list::{List, Supply};
use super::locate::Reason;
use super::outcome::Outcome;
use super::query::Query;
use super::terms::Terms;
use crate::calendar::moment;
use crate::net::Family;
use crate::place::Code;
use crate::snapshot::{CountryCode, Ending, PlaceIndex, Row, View};
use crate::sys::Map;
use crate::turn;
use candidate::{Candidate, Walker};

pub use inquiry::{Address, Inquiry};

/// Mirrors that are told of at most, in all lists together: the page has a bound however large the inventory is.
pub const CANDIDATES_MAX: usize = 512;

/// How one client is answered, and why. The fields are those of the JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    snapshot: Snapshot,
    client: Client,
    /// The repo; none when there is no such one, or the request does not say which.
    repo: Option<RepoNamed>,
    /// As `mirrorlistd_answers` labels it.
    outcome: &'static str,
    /// Filters that were dropped, because nothing was left with them.
    dropped: Vec<&'static str>,
    /// The lists that were walked, in order, each for good mirrors and the last then for spare ones.
    lists: Vec<Walk>,
    /// Mirrors of these lists that are not told of, beyond `CANDIDATES_MAX`.
    left_out: usize,
    /// What is answered, at most `answer_max` lines.
    answer: Vec<String>,
    answer_max: usize,
}

/// The snapshot it is answered from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Snapshot {
    generation: u64,
    evidence: &'static str,
    verified_at: Option<String>,
    age_seconds: Option<u64>,
}

/// Who asks, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Client {
    address: String,
    family: &'static str,
    /// The longest prefix that the inventory names around the address, and whose clients these are.
    network: Option<String>,
    /// The groups whose lists come before the place's, in order: of that network, of those around it, of the autonomous
    /// system.
    groups: Vec<GroupNamed>,
    /// Cloud and region, when a group is one.
    cloud: Option<String>,
    /// The autonomous system, when there is a table of them that has the address.
    asn: Option<u32>,
    place: String,
    /// `asked`, `inventory`, `geoip` or `unknown`.
    place_from: &'static str,
    place_why: String,
    /// Whose GeoIP table is asked.
    geoip: String,
    turn: usize,
    turn_count: usize,
}

/// A group of clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct GroupNamed {
    name: String,
    /// Whether its mirrors, when one of them is good, are all that its clients get.
    is_alone: bool,
}

/// What the repo is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct RepoNamed {
    release: String,
    arch: String,
    name: String,
    tree: String,
    path: String,
    /// What its lists say first: that the release has come to its end, say.
    comment: Option<String>,
}

/// One list, walked from its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Walk {
    /// The place or group whose list it is.
    of: String,
    family: &'static str,
    candidates: Vec<Candidate>,
}

/// Tells how a request would be answered, with every mirror that was considered. Its `ip` and `format` are about the
/// explanation, and change nothing of what is told.
pub fn explain(atlas: &Atlas, ask: &Ask<'_>, rules: &Rules) -> Explanation {
    let query = Query { format: None, ip: None, ..ask.query };
    let ask = Ask { query, client: ask.client.to_canonical(), ..*ask };
    let view = atlas.view();
    let verified_at = view.verified_at();
    let mut told = Explanation {
        snapshot: Snapshot {
            generation: atlas.generation().0,
            evidence: view.evidence().explain(),
            verified_at: verified_at.map(moment),
            age_seconds: verified_at.map(|verified_at| ask.unix_seconds.saturating_sub(verified_at)),
        },
        client: asker(atlas, &ask),
        repo: None,
        outcome: Outcome::Unknown.label(),
        dropped: Vec::new(),
        lists: Vec::new(),
        left_out: 0,
        answer: Vec::new(),
        answer_max: rules.lines_max,
    };
    match Terms::of(atlas, &ask, rules) {
        Ok(terms) => answered(&mut told, atlas, &terms, Filter::of(&ask.query, terms.family).as_ref()),
        Err(outcome) => told.outcome = outcome.label(),
    }
    told
}

impl Explanation {
    /// As JSON, with a final LF.
    pub fn json(&self) -> Vec<u8> {
        // There is nothing in it that JSON cannot say: no map, no number that is none.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

fn asker(atlas: &Atlas, ask: &Ask<'_>) -> Client {
    let (view, client, whereabouts) = (atlas.view(), ask.client, ask.whereabouts(atlas));
    let groups: Vec<GroupNamed> = whereabouts
        .groups(view)
        .filter_map(|group| view.group(group))
        .map(|(name, ending)| GroupNamed { name: name.to_owned(), is_alone: ending == Ending::Alone })
        .collect();
    let place = place_name(atlas, whereabouts.place);
    let (place_from, place_why) = match whereabouts.reason {
        Reason::Asked => ("asked", format!("asked for by cc={}", printable(ask.query.cc.unwrap_or_default()))),
        Reason::Told(network) => ("inventory", format!("told by the inventory of {network}")),
        Reason::Geo(code) => ("geoip", format!("the GeoIP table says {code}")),
        Reason::Unknown => ("unknown", "the GeoIP table does not know the address".to_owned()),
    };
    Client {
        address: client.to_string(),
        family: Family::of(client).name(),
        network: whereabouts.network.map(|network| network.to_string()),
        cloud: groups.iter().find_map(|group| group.name.strip_prefix("cloud ")).map(str::to_owned),
        groups,
        asn: atlas.asn(client).map(|asn| asn.0),
        place,
        place_from,
        place_why,
        geoip: atlas.geo_table().source().to_owned(),
        turn: turn::of_client(client, ask.unix_seconds, view.turn_count()),
        turn_count: view.turn_count(),
    }
}

fn answered(told: &mut Explanation, atlas: &Atlas, terms: &Terms<'_>, filter: Option<&Filter<'_>>) {
    let view = atlas.view();
    let Terms { index, repo, rest, family, turn, .. } = terms;
    told.repo = view.repo_name(*index).map(|name| RepoNamed {
        release: name.release.to_owned(),
        arch: name.arch.to_owned(),
        name: name.name.to_owned(),
        tree: view.tree_name(repo.tree).to_owned(),
        path: String::from_utf8_lossy(repo.suffix).into_owned(),
        comment: view.comment(*index).map(|comment| String::from_utf8_lossy(comment).into_owned()),
    });
    let mut list = List::default();
    list.choose(view, &terms.wish(filter));
    told.outcome = Outcome::from(list.supply()).label();
    told.dropped = list.dropped().iter().map(Kind::name).collect();
    told.answer_max = filter.map_or(usize::MAX, |filter| filter.count_max).min(terms.count_max);
    let is_full = list.picks().len() >= told.answer_max;
    let kept = |kind| filter.filter(|filter| filter.kinds.has(kind) && !list.dropped().has(kind));
    let families: Vec<Family> = match (list.supply(), kept(Kind::Family)) {
        // With nobody left for the client's family, its lists are walked to the end before those of the other one.
        (Supply::OtherFamily, _) => vec![*family, family.other()],
        (_, Some(filter)) => filter.families.into_iter().flatten().collect(),
        (_, None) => vec![*family],
    };
    let answering = if list.supply() == Supply::OtherFamily { &families[1..] } else { &families[..] };
    let rows = rows(view, terms, filter, kept(Kind::Country).is_some());
    let mut room = CANDIDATES_MAX;
    for &walked in &families {
        let named = if answering.contains(&walked) { list.picks() } else { &[] };
        let mut walker = Walker::new(view, *index, repo, walked, named, is_full);
        for &row in &rows {
            let name = match row {
                Row::Place(place) => place_name(atlas, place),
                Row::Group(group) => view.group(group).map_or_else(String::new, |(name, _)| name.to_owned()),
            };
            let (candidates, left_out) = walker.walk(row, *turn, room);
            room -= candidates.len();
            told.left_out += left_out;
            told.lists.push(Walk { of: name, family: walked.name(), candidates });
            let is_alone = matches!(row, Row::Group(group) if view.ending(group) == Some(Ending::Alone));
            if is_alone && walker.has_named() {
                break;
            }
        }
    }
    let url = |base: &[u8]| String::from_utf8_lossy(&[base, repo.suffix, rest].concat()).into_owned();
    told.answer = list.bases(view).map(url).collect();
}

/// The lists that are walked: those of countries that were asked for, and unless these are all, those of the client's
/// groups and place.
fn rows(view: &View<Map>, terms: &Terms<'_>, filter: Option<&Filter<'_>>, countries_alone: bool) -> Vec<Row> {
    let own = Row::Place(terms.whereabouts.place);
    let countries = filter.map_or(&[][..], Filter::countries).iter();
    let place_of = |country: &CountryCode| Code::parse(country).and_then(|code| view.place(code));
    let mut rows: Vec<Row> = countries.map(|country| place_of(country).map_or(own, Row::Place)).collect();
    if !countries_alone {
        rows.extend(terms.whereabouts.groups(view).map(Row::Group).chain([own]));
    }
    rows
}

fn place_name(atlas: &Atlas, place: PlaceIndex) -> String {
    atlas.view().place_code(place).map_or_else(|| "fallback".to_owned(), |code| code.to_string())
}

/// What a client sent, fit to be shown.
fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// A time for people, in UTC. What no calendar with four digits for the year has is given in seconds.
pub fn time(unix_seconds: u64) -> String {
    const YEAR_10000: u64 = 253_402_300_800;
    match unix_seconds {
        ..YEAR_10000 => httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(unix_seconds)),
        _ => format!("{unix_seconds} seconds after 1970"),
    }
}
