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

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use super::atlas::Atlas;
use super::centos;
use super::list::{List, Order, Supply, Wish};
use super::locate::{Reason, Whereabouts};
use super::outcome::Outcome;
use super::query::Query;
use crate::calendar::moment;
use crate::net::Family;
use crate::snapshot::{Ending, PlaceIndex, Repo, RepoIndex, Row};
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

/// Tells how `client` would be answered at `unix_seconds`, with every mirror that was considered.
pub fn explain(
    atlas: &Atlas,
    query: &Query<'_>,
    client: IpAddr,
    unix_seconds: u64,
    line_count_max: usize,
) -> Explanation {
    let client = client.to_canonical();
    let view = atlas.view();
    let whereabouts = Whereabouts::find(atlas, client, query.cc.unwrap_or_default());
    let turn = turn::of_client(client, unix_seconds, view.turn_count());
    let verified_at = view.verified_at();
    let mut told = Explanation {
        snapshot: Snapshot {
            generation: atlas.generation().0,
            evidence: view.evidence().explain(),
            verified_at: verified_at.map(moment),
            age_seconds: verified_at.map(|verified_at| unix_seconds.saturating_sub(verified_at)),
        },
        client: asker(atlas, query, client, &whereabouts, turn),
        repo: None,
        outcome: Outcome::Unknown.label(),
        lists: Vec::new(),
        left_out: 0,
        answer: Vec::new(),
        answer_max: line_count_max,
    };
    match centos::find(atlas, query) {
        Ok(index) => {
            if let Some(repo) = view.repo(index) {
                answered(&mut told, atlas, index, &repo, Family::of(client), &whereabouts, turn);
            }
        }
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

fn asker(atlas: &Atlas, query: &Query<'_>, client: IpAddr, whereabouts: &Whereabouts, turn: usize) -> Client {
    let view = atlas.view();
    let groups: Vec<GroupNamed> = whereabouts
        .groups(view)
        .filter_map(|group| view.group(group))
        .map(|(name, ending)| GroupNamed { name: name.to_owned(), is_alone: ending == Ending::Alone })
        .collect();
    let place = place_name(atlas, whereabouts.place);
    let (place_from, place_why) = match whereabouts.reason {
        Reason::Asked => ("asked", format!("asked for by cc={}", printable(query.cc.unwrap_or_default()))),
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
        turn,
        turn_count: view.turn_count(),
    }
}

fn answered(
    told: &mut Explanation,
    atlas: &Atlas,
    index: RepoIndex,
    repo: &Repo<'_>,
    family: Family,
    whereabouts: &Whereabouts,
    turn: usize,
) {
    let view = atlas.view();
    told.repo = view.repo_name(index).map(|name| RepoNamed {
        release: name.release.to_owned(),
        arch: name.arch.to_owned(),
        name: name.name.to_owned(),
        tree: view.tree_name(repo.tree).to_owned(),
        path: String::from_utf8_lossy(repo.suffix).into_owned(),
        comment: view.comment(index).map(|comment| String::from_utf8_lossy(comment).into_owned()),
    });
    let (order, count_max) = (Order::Place, told.answer_max);
    let mut list = List::default();
    list.choose(view, &Wish { repo, family, whereabouts, turn, order, count_max, filter: None });
    told.outcome = Outcome::from(list.supply()).label();
    // With nobody left for the client's family, its lists are walked to the end before those of the other one.
    let families: &[Family] = match list.supply() {
        Supply::OtherFamily => &[family, family.other()],
        _ => &[family],
    };
    let rows = || whereabouts.groups(view).map(Row::Group).chain([Row::Place(whereabouts.place)]);
    let mut room = CANDIDATES_MAX;
    for &walked in families {
        let mut walker = Walker::new(view, index, repo, walked, &list, walked == *families.last().unwrap_or(&walked));
        for row in rows() {
            let name = match row {
                Row::Place(place) => place_name(atlas, place),
                Row::Group(group) => view.group(group).map_or_else(String::new, |(name, _)| name.to_owned()),
            };
            let (candidates, left_out) = walker.walk(row, turn, room);
            room -= candidates.len();
            told.left_out += left_out;
            told.lists.push(Walk { of: name, family: walked.name(), candidates });
            let is_alone = matches!(row, Row::Group(group) if view.ending(group) == Some(Ending::Alone));
            if is_alone && walker.has_named() {
                break;
            }
        }
    }
    let url = |base: &[u8]| String::from_utf8_lossy(&[base, repo.suffix].concat()).into_owned();
    told.answer = list.bases(view).map(url).collect();
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
