//! `dump` and `diff`: the lists of a snapshot as text, and what differs between two.
//!
//! Lives here: the first mirrors of each list, in the order of the first turn, as many as an answer has by default.
//! Not here: who looks at it (`cli`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

use super::format::{MirrorIndex, PlaceIndex};
use super::images::{Digest, File};
use super::serving::Naming;
use super::view::{Carried, Row, View};
use crate::net::Family;
use crate::place::Code;

/// Mirrors of a list that are shown.
const SHOWN_MAX: usize = 10;

/// The lists of one repo, folder of images or image over one family: names of mirrors by place (none: the fallback).
type Lists<'a> = BTreeMap<Option<Code>, Vec<&'a str>>;

/// What changes of such lists: by place (none: the fallback), those that differ only.
type Changes = Vec<(Option<Code>, String)>;

/// How much two snapshots differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Mirrors that are in one of them only.
    pub mirror_count: usize,
    /// Repos that are in one of them only, aliases counted.
    pub repo_count: usize,
    /// Folders of images and images that are in one of them only, or are not the same in both.
    pub image_count: usize,
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
    for (path, image) in images(view) {
        match image.facts {
            Some(facts) => writeln!(out, "{path} = {facts}")?,
            None => writeln!(out, "{path}")?,
        }
        for family in Family::ALL {
            for (place, mirrors) in remembered(&mut memory, view, &image.carried, family) {
                writeln!(out, "{path} {family} {}: {}", name(*place), mirrors.join(" "))?;
            }
        }
    }
    Ok(())
}

/// Writes what differs: mirrors, repos and images that came and went, images that changed, and per repo or image,
/// family and place the mirrors of the list.
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
    let mut lists = Comparison::new(old, new);
    for (key, &index) in &after {
        let Some(&index_before) = before.get(key) else {
            difference.repo_count += 1;
            writeln!(out, "+ repo {}", key.join(" "))?;
            continue;
        };
        let (Some(was), Some(is)) = (old.repo(index_before), new.repo(index)) else { continue };
        difference.list_count += lists.write(&key.join(" "), &was, &is, out)?;
    }
    let (before, after) = (images(old), images(new));
    for path in before.keys().filter(|path| !after.contains_key(*path)) {
        difference.image_count += 1;
        writeln!(out, "- image {path}")?;
    }
    for (path, is) in &after {
        let Some(was) = before.get(path) else {
            difference.image_count += 1;
            writeln!(out, "+ image {path}")?;
            continue;
        };
        if was.facts != is.facts {
            difference.image_count += 1;
            let facts = [was, is].map(|image| image.facts.map_or_else(String::new, |facts| facts.to_string()));
            writeln!(out, "~ image {path}: {} -> {}", facts[0], facts[1])?;
        }
        difference.list_count += lists.write(path, &was.carried, &is.carried, out)?;
    }
    Ok(difference)
}

/// The lists of two snapshots beside each other.
struct Comparison<'a, A, B> {
    old: &'a View<A>,
    new: &'a View<B>,
    old_memory: Memory<'a>,
    new_memory: Memory<'a>,
    changes: HashMap<(Naming, Naming), Changes>,
}

impl<'a, A: AsRef<[u8]>, B: AsRef<[u8]>> Comparison<'a, A, B> {
    fn new(old: &'a View<A>, new: &'a View<B>) -> Comparison<'a, A, B> {
        Comparison { old, new, old_memory: Memory::new(), new_memory: Memory::new(), changes: HashMap::new() }
    }

    /// Writes which lists of `what` differ; tells how many.
    fn write(&mut self, what: &str, was: &Carried<'a>, is: &Carried<'a>, out: &mut dyn Write) -> io::Result<usize> {
        let mut list_count = 0;
        for family in Family::ALL {
            let pair = (self.old.naming(was, family), self.new.naming(is, family));
            let changes = self.changes.entry(pair).or_insert_with(|| {
                let was = remembered(&mut self.old_memory, self.old, was, family);
                let is = remembered(&mut self.new_memory, self.new, is, family);
                let of_place = is.iter().filter_map(|(place, is)| {
                    let was = was.get(place).map_or(&[][..], Vec::as_slice);
                    (was != is).then(|| (*place, change(was, is)))
                });
                of_place.collect()
            });
            list_count += changes.len();
            for (place, change) in changes {
                writeln!(out, "~ list {what} {family} {}: {change}", name(*place))?;
            }
        }
        Ok(list_count)
    }
}

/// A folder of images, or an image.
struct Image<'a> {
    /// None of a folder.
    facts: Option<Facts<'a>>,
    carried: Carried<'a>,
}

/// What is known of an image beside who has it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Facts<'a> {
    size_bytes: u64,
    modified_at: Option<u64>,
    digest: Option<Digest<'a>>,
}

impl<'a> Facts<'a> {
    fn of(file: &File<'a>) -> Facts<'a> {
        Facts { size_bytes: file.size_bytes, modified_at: file.modified_at, digest: file.digest }
    }
}

impl std::fmt::Display for Facts<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} bytes", self.size_bytes)?;
        self.modified_at.map_or(Ok(()), |at| write!(out, ", of {at}"))?;
        self.digest.map_or(Ok(()), |digest| write!(out, ", {} {}", digest.kind.name(), digest.digits))
    }
}

/// All folders of images and images, by path: `branch/release/kind/arch/file`.
fn images<B: AsRef<[u8]>>(view: &View<B>) -> BTreeMap<String, Image<'_>> {
    let mut images = BTreeMap::new();
    for (index, folder) in view.image_folders() {
        let path = format!("{}/{}/{}/{}/", folder.branch, folder.release, folder.kind, folder.arch);
        for file in view.files(index) {
            let image = Image { facts: Some(Facts::of(&file)), carried: file.carried };
            images.insert(format!("{path}{}", file.name), image);
        }
        images.insert(path, Image { facts: None, carried: folder.carried });
    }
    images
}

/// Lists that were made already: most repos of a tree, and most images of a folder, have the same.
type Memory<'a> = HashMap<Naming, Lists<'a>>;

fn remembered<'a, 'b, B: AsRef<[u8]>>(
    memory: &'b mut Memory<'a>,
    view: &'a View<B>,
    carried: &Carried<'a>,
    family: Family,
) -> &'b Lists<'a> {
    memory.entry(view.naming(carried, family)).or_insert_with(|| lists(view, carried, family))
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

fn lists<'a, B: AsRef<[u8]>>(view: &'a View<B>, carried: &Carried<'a>, family: Family) -> Lists<'a> {
    let places = std::iter::once(None).chain(view.places().map(Some));
    let named = places.map(|code| {
        let place = code.and_then(|code| view.place(code)).unwrap_or(PlaceIndex::FALLBACK);
        let named = view.named(carried, family, Row::Place(place), 0).take(SHOWN_MAX);
        (code, named.filter_map(|(index, _)| view.mirror(index)).map(|mirror| mirror.name).collect())
    });
    named.collect()
}

fn name(place: Option<Code>) -> String {
    place.map_or_else(|| "fallback".to_owned(), |code| code.to_string())
}
