//! Who serves what mirrors carry (a repo, a folder of images, an image): the walk of a list through the sets of mirrors
//! that have it.
//!
//! Lives here: the part of `View` that an answer takes the most time in, and what people ask of the same sets.
//! Not here: finding what is asked for and the place (`view`), how many mirrors are wanted (`answer`).

use zerocopy::little_endian::{U16, U32, U64};

use super::builder::family_number;
use super::format::*;
use super::view::{Carried, Row, View};
use crate::net::{Family, Protocol};

impl<B: AsRef<[u8]>> View<B> {
    /// The mirrors for a row, in the order of `turn`, good or not, each once.
    pub fn candidates(&self, carried: &Carried<'_>, family: Family, row: Row, turn: usize) -> Candidates<'_> {
        self.list(carried, family, row, turn).unwrap_or(Candidates { head: &[], rest: [].iter(), next: [].iter() })
    }

    fn list(&self, carried: &Carried<'_>, family: Family, row: Row, turn: usize) -> Option<Candidates<'_>> {
        let places = self.row_count() - self.group_count();
        let position = match row {
            Row::Place(place) => usize::from(place.0),
            Row::Group(group) => places + group.0 as usize,
        };
        let directory = carried.record().directory[family_number(family)].get() as usize;
        let row = self.records::<U32>(Section::Directories).get(directory + position)?.get() as usize;
        let list = self.records::<U32>(Section::Rows).get(row * self.turn_count() + turn)?.get();
        let (head, next) = self.members(list)?;
        let next = self.members(next).map_or(&[][..], |(members, _)| members);
        Some(Candidates { head, rest: head.iter(), next: next.iter() })
    }

    fn members(&self, list: u32) -> Option<(&[U16], u32)> {
        let record = self.records::<ListRecord>(Section::Lists).get(list as usize)?;
        let start = record.start.get() as usize;
        let members = self.records::<U16>(Section::Members).get(start..start + record.count.get() as usize)?;
        Some((members, record.next.get()))
    }

    /// What decides whether a mirror serves something to a family, and by which URL.
    pub fn serving<'a>(&'a self, carried: &Carried<'a>, family: Family) -> Serving<'a> {
        self.by_sets(carried, &carried.record().sets[family_number(family)])
    }

    /// The same for the mirrors that an answer names only after all good ones; none when there are none.
    pub fn sparing<'a>(&'a self, carried: &Carried<'a>, family: Family) -> Option<Serving<'a>> {
        let numbers = &carried.record().spares[family_number(family)];
        numbers.iter().any(|number| number.get() != NONE).then(|| self.by_sets(carried, numbers))
    }

    fn by_sets<'a>(&'a self, carried: &Carried<'a>, numbers: &'a [U32; PROTOCOLS]) -> Serving<'a> {
        let order = self.tree(carried.tree).map_or([u8::MAX; 4], |tree| tree.protocols);
        let mut sets = [(&[][..], 0); PROTOCOLS];
        for (slot, &protocol) in sets.iter_mut().zip(&order) {
            if let Some(number) = numbers.get(usize::from(protocol)) {
                *slot = (self.set(*number), usize::from(protocol));
            }
        }
        Serving {
            sets,
            bases: self.records(Section::Bases),
            texts: self.section_bytes(Section::Texts),
            tree: carried.tree.0 as usize,
            tree_count: self.records::<TreeRecord>(Section::Trees).len(),
        }
    }

    /// The words of a set; none of a number that is out of range, as `NONE` is.
    fn set(&self, number: U32) -> &[U64] {
        let start = number.get() as usize * self.set_words();
        self.records::<U64>(Section::Sets).get(start..start + self.set_words()).unwrap_or_default()
    }

    /// The mirrors that are good for something over a family by a protocol, in rising order.
    pub fn good(&self, carried: &Carried<'_>, family: Family, protocol: Protocol) -> Vec<MirrorIndex> {
        self.of_set(carried.record().sets[family_number(family)][protocol as usize])
    }

    /// The mirrors that answers name only after all good ones, in rising order.
    pub fn spare(&self, carried: &Carried<'_>, family: Family, protocol: Protocol) -> Vec<MirrorIndex> {
        self.of_set(carried.record().spares[family_number(family)][protocol as usize])
    }

    fn of_set(&self, number: U32) -> Vec<MirrorIndex> {
        let words = self.set(number);
        let has = |at: &usize| words.get(at / 64).is_some_and(|word| word.get() >> (at % 64) & 1 == 1);
        (0..self.mirror_count()).filter(has).map(|at| MirrorIndex(at as u16)).collect()
    }

    /// The mirrors of a row as answers name them, with their base URLs: the good ones in the order of `turn`, then the
    /// spare ones.
    pub fn named<'a>(
        &'a self,
        carried: &Carried<'a>,
        family: Family,
        row: Row,
        turn: usize,
    ) -> impl Iterator<Item = (MirrorIndex, &'a [u8])> {
        let all = [Some(self.serving(carried, family)), self.sparing(carried, family)].into_iter().flatten();
        let lists = all.map(move |serving| (serving, self.candidates(carried, family, row, turn)));
        let lists: Vec<_> = lists.collect();
        lists.into_iter().flat_map(|(serving, candidates)| {
            candidates.filter_map(move |mirror| Some((mirror, serving.base(mirror)?)))
        })
    }

    /// What decides all lists of something over a family: where it is equal, they differ in their suffix only.
    pub fn naming(&self, carried: &Carried<'_>, family: Family) -> Naming {
        let (record, family) = (carried.record(), family_number(family));
        Naming {
            tree: record.tree.get(),
            directory: record.directory[family].get(),
            sets: record.sets[family].map(U32::get),
            spares: record.spares[family].map(U32::get),
        }
    }

    /// A mirror's base URL for a tree, by the tree's first protocol that it has one for; whatever it is good for.
    pub fn base(&self, mirror: MirrorIndex, tree: TreeIndex) -> Option<&[u8]> {
        let record = self.tree(tree)?;
        let trees = self.records::<TreeRecord>(Section::Trees).len();
        let bases = self.records::<Text>(Section::Bases);
        record.protocols.iter().filter(|&&protocol| usize::from(protocol) < PROTOCOLS).find_map(|&protocol| {
            let position = (usize::from(mirror.0) * trees + tree.0 as usize) * PROTOCOLS + usize::from(protocol);
            bases.get(position).map(|text| self.text(*text)).filter(|url| !url.is_empty())
        })
    }

    /// All trees.
    pub fn trees(&self) -> impl Iterator<Item = TreeIndex> + use<B> {
        (0..self.records::<TreeRecord>(Section::Trees).len() as u32).map(TreeIndex)
    }
}

/// What decides all lists of something over a family, in one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Naming {
    tree: u32,
    directory: u32,
    sets: [u32; PROTOCOLS],
    spares: [u32; PROTOCOLS],
}

/// The mirrors of a list and of the list it goes on in, each once.
#[derive(Clone)]
pub struct Candidates<'a> {
    head: &'a [U16],
    rest: std::slice::Iter<'a, U16>,
    next: std::slice::Iter<'a, U16>,
}

impl Iterator for Candidates<'_> {
    type Item = MirrorIndex;

    fn next(&mut self) -> Option<MirrorIndex> {
        if let Some(member) = self.rest.next() {
            return Some(MirrorIndex(member.get()));
        }
        let head = self.head;
        self.next.find(|member| !head.contains(member)).map(|member| MirrorIndex(member.get()))
    }
}

/// A base URL of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BaseUrl(pub(super) Text);

impl BaseUrl {
    /// No URL.
    pub const NONE: BaseUrl = BaseUrl(Text { offset_bytes: U32::ZERO, length_bytes: U32::ZERO });

    /// Its length, bytes.
    pub fn len_bytes(self) -> usize {
        self.0.length_bytes.get() as usize
    }
}

/// Which mirrors serve one thing to one family, and by which base URL.
#[derive(Clone, Copy)]
pub struct Serving<'a> {
    sets: [(&'a [U64], usize); PROTOCOLS],
    bases: &'a [Text],
    texts: &'a [u8],
    tree: usize,
    tree_count: usize,
}

impl<'a> Serving<'a> {
    /// By these protocols alone, a bit for each.
    pub fn only(mut self, protocols: u8) -> Serving<'a> {
        for (set, protocol) in &mut self.sets {
            if protocols >> *protocol & 1 == 0 {
                *set = &[];
            }
        }
        self
    }

    /// Base URL (with a final slash) by the first preferred protocol for which the mirror is good, and this protocol;
    /// none when it is not.
    pub fn find(&self, mirror: MirrorIndex) -> Option<(BaseUrl, Protocol)> {
        self.sets.iter().find_map(|&(set, protocol)| {
            let word = set.get(usize::from(mirror.0) / 64)?.get();
            if word >> (mirror.0 % 64) & 1 == 0 {
                return None;
            }
            let position = (usize::from(mirror.0) * self.tree_count + self.tree) * PROTOCOLS + protocol;
            let text = *self.bases.get(position)?;
            (text.length_bytes.get() > 0).then_some((BaseUrl(text), *Protocol::ALL.get(protocol)?))
        })
    }

    /// The same URL as bytes.
    pub fn base(&self, mirror: MirrorIndex) -> Option<&'a [u8]> {
        let BaseUrl(text) = self.find(mirror)?.0;
        let start = text.offset_bytes.get() as usize;
        self.texts.get(start..start + text.length_bytes.get() as usize)
    }
}

impl<B: AsRef<[u8]>> View<B> {
    /// The bytes of a base URL.
    pub fn url(&self, url: BaseUrl) -> &[u8] {
        self.text(url.0)
    }

    /// Whether a mirror has this name, in any case.
    pub fn has_name(&self, mirror: MirrorIndex, name: &[u8]) -> bool {
        let record = self.records::<MirrorRecord>(Section::Mirrors).get(usize::from(mirror.0));
        record.is_some_and(|record| self.text(record.name).eq_ignore_ascii_case(name))
    }
}
