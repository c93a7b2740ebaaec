//! `Lists` and `diff`: the lists of a snapshot as text, and what differs between two.
//!
//! Lives here: the first mirrors of each list, in the order of the first turn, as many as an answer has by default.
//! Not here: who looks at it (`cli`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

use super::format::{MirrorIndex, PlaceIndex};
use super::serving::Naming;
use super::view::{Repo, Row, View};
use crate::net::Family;
use crate::place::Code;

/// Mirrors of a list that are shown.
const SHOWN_MAX: usize = 10;

/// The lists of one repo over one family: names of mirrors by place (none: the fallback).
type Lists<'a> = BTreeMap<Option<Code>, Vec<&'a str>>;

/// What changes of a repo's lists over one family: by place (none: the fallback), those that differ only.
type Changes = Vec<(Option<Code>, String)>;

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
    let mut memory = Memory::new();
    for ([release, arch, repo], index) in view.keys() {
        let (Some(found), Some(names)) = (view.repo(index), view.repo_name(index)) else { continue };
        if names.release != release {
            writeln!(out, "{release} {arch} {repo} = {} {arch} {repo}", names.release)?;
            continue;
        }
        for family in Family::ALL {
            for (place, mirrors) in remembered(&mut memory, view, &found, family) {
                writeln!(out, "{release} {arch} {repo} {family} {}: {}", name(*place), mirrors.join(" "))?;
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
    let (mut old_memory, mut new_memory) = (Memory::new(), Memory::new());
    let mut changes: HashMap<(Naming, Naming), Changes> = HashMap::new();
    for (key, &index) in &after {
        let Some(&index_before) = before.get(key) else {
            difference.repo_count += 1;
            writeln!(out, "+ repo {}", key.join(" "))?;
            continue;
        };
        let (Some(was), Some(is)) = (old.repo(index_before), new.repo(index)) else { continue };
        for family in Family::ALL {
            let pair = (old.naming(&was, family), new.naming(&is, family));
            let changes = changes.entry(pair).or_insert_with(|| {
                let was = remembered(&mut old_memory, old, &was, family);
                let is = remembered(&mut new_memory, new, &is, family);
                let of_place = is.iter().filter_map(|(place, is)| {
                    let was = was.get(place).map_or(&[][..], Vec::as_slice);
                    (was != is).then(|| (*place, change(was, is)))
                });
                of_place.collect()
            });
            difference.list_count += changes.len();
            for (place, what) in changes {
                writeln!(out, "~ list {} {family} {}: {what}", key.join(" "), name(*place))?;
            }
        }
    }
    Ok(difference)
}

/// Lists that were made already: most repos of a tree have the same.
type Memory<'a> = HashMap<Naming, Lists<'a>>;

fn remembered<'a, 'b, B: AsRef<[u8]>>(
    memory: &'b mut Memory<'a>,
    view: &'a View<B>,
    repo: &Repo<'a>,
    family: Family,
) -> &'b Lists<'a> {
    memory.entry(view.naming(repo, family)).or_insert_with(|| lists(view, repo, family))
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

fn lists<'a, B: AsRef<[u8]>>(view: &'a View<B>, repo: &Repo<'a>, family: Family) -> Lists<'a> {
    let places = std::iter::once(None).chain(view.places().map(Some));
    let named = places.map(|code| {
        let place = code.and_then(|code| view.place(code)).unwrap_or(PlaceIndex::FALLBACK);
        let named = view.named(repo, family, Row::Place(place), 0).take(SHOWN_MAX);
        (code, named.filter_map(|(index, _)| view.mirror(index)).map(|mirror| mirror.name).collect())
    });
    named.collect()
}

fn name(place: Option<Code>) -> String {
    place.map_or_else(|| "fallback".to_owned(), |code| code.to_string())
}
