//! `Lists` and `diff`: the lists of a snapshot as text, and what differs between two.
//!
//! Lives here: the first mirrors of each list, in the order of the first turn, as many as an answer has by default.
//! Not here: who looks at it (`cli`).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::format::{MirrorIndex, PlaceIndex, RepoIndex};
use super::view::{Row, View};
use crate::net::Family;
use crate::place::Code;

/// Mirrors of a list that are shown.
const SHOWN_MAX: usize = 10;

/// The lists of one repo over one family: names of mirrors by place (none: the fallback).
type Lists<'a> = BTreeMap<Option<Code>, Vec<&'a str>>;

/// How much two snapshots differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Mirrors that are in one of them only.
    pub mirror_count: usize,
    /// Repos that are in one of them only, aliases counted.
    pub repo_count: usize,
    /// Lists that both have and that differ.
    pub list_count: usize,
}

/// Writes each list of a snapshot: repo, family, place, mirrors.
pub fn dump<B: AsRef<[u8]>>(view: &View<B>, out: &mut dyn Write) -> io::Result<()> {
    for ([release, arch, repo], index) in view.keys() {
        if let Some(found) = view.repo_name(index)
            && found.release != release
        {
            writeln!(out, "{release} {arch} {repo} = {} {arch} {repo}", found.release)?;
            continue;
        }
        for family in Family::ALL {
            for (place, mirrors) in lists(view, index, family) {
                writeln!(out, "{release} {arch} {repo} {family} {}: {}", name(place), mirrors.join(" "))?;
            }
        }
    }
    Ok(())
}

/// Writes what differs: mirrors and repos that came and went, and per repo, family and place the mirrors of the list.
pub fn diff<A, B>(old: &View<A>, new: &View<B>, out: &mut dyn Write) -> io::Result<Difference>
where
    A: AsRef<[u8]>,
    B: AsRef<[u8]>,
{
    let mut difference = Difference::default();
    let (before, after) = (mirrors(old), mirrors(new));
    for name in before.difference(&after) {
        difference.mirror_count += 1;
        writeln!(out, "- mirror {name}")?;
    }
    for name in after.difference(&before) {
        difference.mirror_count += 1;
        writeln!(out, "+ mirror {name}")?;
    }
    let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (old.keys().into_iter().collect(), new.keys().into_iter().collect());
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        difference.repo_count += 1;
        writeln!(out, "- repo {}", key.join(" "))?;
    }
    for (key, &index) in &after {
        let Some(&index_before) = before.get(key) else {
            difference.repo_count += 1;
            writeln!(out, "+ repo {}", key.join(" "))?;
            continue;
        };
        for family in Family::ALL {
            let lists_before = lists(old, index_before, family);
            for (place, mirrors) in lists(new, index, family) {
                let was = lists_before.get(&place).map_or(&[][..], Vec::as_slice);
                if was != mirrors {
                    difference.list_count += 1;
                    let what = change(was, &mirrors);
                    writeln!(out, "~ list {} {family} {}: {what}", key.join(" "), name(place))?;
                }
            }
        }
    }
    Ok(difference)
}

fn change(was: &[&str], is: &[&str]) -> String {
    let less = was.iter().filter(|one| !is.contains(one)).map(|one| format!("-{one}"));
    let more = is.iter().filter(|one| !was.contains(one)).map(|one| format!("+{one}"));
    let what: Vec<String> = less.chain(more).collect();
    if what.is_empty() { "another order".to_owned() } else { what.join(" ") }
}

fn mirrors<B: AsRef<[u8]>>(view: &View<B>) -> BTreeSet<String> {
    let all = (0..view.mirror_count()).filter_map(|at| view.mirror(MirrorIndex(at as u16)));
    all.map(|mirror| mirror.name.to_owned()).collect()
}

fn lists<B: AsRef<[u8]>>(view: &View<B>, repo: RepoIndex, family: Family) -> Lists<'_> {
    let Some(repo) = view.repo(repo) else { return Lists::new() };
    let places = std::iter::once(None).chain(view.places().map(Some));
    let named = places.map(|code| {
        let place = code.and_then(|code| view.place(code)).unwrap_or(PlaceIndex::FALLBACK);
        let named = view.named(&repo, family, Row::Place(place), 0).take(SHOWN_MAX);
        (code, named.filter_map(|(index, _)| view.mirror(index)).map(|mirror| mirror.name).collect())
    });
    named.collect()
}

fn name(place: Option<Code>) -> String {
    place.map_or_else(|| "fallback".to_owned(), |code| code.to_string())
}
