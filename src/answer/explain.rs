//! An answer step by step, for people: which network, place, list and mirrors, and why.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use super::atlas::Atlas;
use super::centos;
use super::list::{List, Order, Supply, Wish};
use super::locate::{Reason, Whereabouts};
use super::outcome::Outcome;
use super::query::Query;
use crate::net::Family;
use crate::snapshot::{Ending, PlaceIndex, Repo, Row};
use crate::turn;

/// Tells how `client` would be answered at `unix_seconds`, with every mirror that was considered.
pub fn explain(atlas: &Atlas, query: &Query<'_>, client: IpAddr, unix_seconds: u64, line_count_max: usize) -> String {
    let client = client.to_canonical();
    let family = Family::of(client);
    let view = atlas.view();
    let mut text = String::new();
    let mut say = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    say(format!("snapshot    generation {}, {}", atlas.generation(), view.evidence().explain()));
    if let Some(verified_at) = view.verified_at() {
        let age_minutes = unix_seconds.saturating_sub(verified_at) / 60;
        say(format!("verified    {}, {age_minutes} minutes before", time(verified_at)));
    }
    say(format!("client      {client} ({family})"));
    let (repo, name) = match centos::find(atlas, query).map(|index| view.repo(index).zip(view.repo_name(index))) {
        Ok(Some(found)) => found,
        other => {
            let outcome = other.err().unwrap_or(Outcome::Unknown);
            say(format!("repo        none: {} ({:?})", outcome.label(), query));
            return text;
        }
    };
    say(format!(
        "repo        {} of release {} for {}, tree {}, path {}",
        name.name,
        name.release,
        name.arch,
        view.tree_name(repo.tree),
        String::from_utf8_lossy(repo.suffix)
    ));
    let whereabouts = Whereabouts::find(atlas, client, query.cc.unwrap_or_default());
    say(match (whereabouts.network, whereabouts.group.and_then(|group| view.group(group))) {
        (Some(network), Some((name, Ending::Alone))) => format!("network     {network}: {name}; its mirrors alone"),
        (Some(network), Some((name, Ending::ThenPlace))) => {
            format!("network     {network}: {name}; its mirrors first, then those of the place")
        }
        _ => "network     none that the inventory names".to_owned(),
    });
    say(format!("place       {}", place_and_reason(atlas, &whereabouts, query)));
    let turn = turn::of_client(client, unix_seconds, view.turn_count());
    say(format!(
        "turn        {turn} of {}, the same for all of {} until the hour is over",
        view.turn_count(),
        if family == Family::Ipv4 { "its /24" } else { "its /48" }
    ));
    let mut list = List::default();
    let order = Order::Place;
    let wish =
        Wish { repo: &repo, family, whereabouts: &whereabouts, turn, order, count_max: line_count_max, filter: None };
    list.choose(view, &wish);
    let from_group = whereabouts.group.map(Row::Group);
    for row in from_group.into_iter().chain([Row::Place(whereabouts.place)]) {
        mirrors(&mut text, atlas, &repo, family, row, turn, &list);
    }
    text.push_str(match list.supply() {
        Supply::Mirrors => "",
        Supply::LastResort => "last resort no good mirror is left; the tree's own URL:\n",
        Supply::OtherFamily => "instead     no good mirror is left for this family; those for the other one:\n",
        Supply::Nothing => "instead     no good mirror is left for either family, and the tree has no last resort\n",
    });
    let _ = writeln!(text, "answer      {} of at most {line_count_max}:", list.picks().len());
    for base in list.bases(view) {
        let _ = writeln!(text, "  {}{}", String::from_utf8_lossy(base), String::from_utf8_lossy(repo.suffix));
    }
    text
}

fn place_and_reason(atlas: &Atlas, whereabouts: &Whereabouts, query: &Query<'_>) -> String {
    let name = |place: PlaceIndex| {
        atlas.view().place_code(place).map_or_else(|| "fallback".to_owned(), |code| code.to_string())
    };
    let place = name(whereabouts.place);
    match whereabouts.reason {
        Reason::Asked => format!("{place}, asked for by cc={}", String::from_utf8_lossy(query.cc.unwrap_or_default())),
        Reason::Told(network) => format!("{place}, told by the inventory of {network}"),
        Reason::Geo(code) => format!("{place}, the GeoIP table says {code} ({})", atlas.geo_table().source()),
        Reason::Unknown => format!("{place}, the GeoIP table does not know the address"),
    }
}

/// A time for people, in UTC. What no calendar with four digits for the year has is given in seconds.
pub fn time(unix_seconds: u64) -> String {
    const YEAR_10000: u64 = 253_402_300_800;
    match unix_seconds {
        ..YEAR_10000 => httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(unix_seconds)),
        _ => format!("{unix_seconds} seconds after 1970"),
    }
}

/// Mirrors considered and passed over that are told of, beyond those in the answer.
const TOLD_MAX: usize = 40;

fn mirrors(text: &mut String, atlas: &Atlas, repo: &Repo<'_>, family: Family, row: Row, turn: usize, list: &List) {
    let view = atlas.view();
    let name = match row {
        Row::Place(place) => view.place_code(place).map_or_else(|| "fallback".to_owned(), |code| code.to_string()),
        Row::Group(group) => view.group(group).map_or_else(String::new, |(name, _)| name.to_owned()),
    };
    let _ = writeln!(text, "list        of {name}, in the order of the turn:");
    let serving = view.serving(repo, family);
    let sparing = view.sparing(repo, family);
    let mut count = 0;
    let is_listed = |base: &[u8]| list.bases(view).any(|listed| listed == base);
    for index in view.candidates(repo, family, row, turn) {
        let Some(mirror) = view.mirror(index) else { continue };
        if count == TOLD_MAX {
            text.push_str("  …\n");
            break;
        }
        count += 1;
        let place = mirror.place.map_or_else(|| "global".to_owned(), |code| code.to_string());
        let (mark, why) = match serving.base(index) {
            Some(base) if is_listed(base) => ("in ", "good"),
            Some(_) => ("out", "good, but the list was full before it"),
            None => match sparing.as_ref().and_then(|sparing| sparing.base(index)) {
                Some(base) if is_listed(base) => ("in ", "to spare: behind, or not verified; after all good ones"),
                Some(_) => ("out", "to spare, and there are enough others"),
                None => ("out", "not good for this repo over this family, or does not carry its tree"),
            },
        };
        let _ = writeln!(text, "  {mark}  {:40} {place:7} {:>6} Mb/s  {why}", mirror.name, mirror.weight);
    }
    if count == 0 {
        text.push_str("  (empty)\n");
    }
}
