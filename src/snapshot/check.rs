//! `View::check`: walks every byte of a snapshot. Run before publishing, and again before workers see it.
//!
//! The checksum finds damage; the walk finds what a wrong builder might have made.

use xxhash_rust::xxh3::xxh3_64;
use zerocopy::little_endian::{U16, U32, U64};

use super::format::*;
use super::origins::{Continent, MirrorAsnRecord};
use super::revisions::RevisionsRecord;
use super::view::{View, network};

/// What is wrong with a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Bytes were changed after it was built.
    #[error("checksum is {got:016x}, its head says {expected:016x}: the file is damaged; copy or build it again")]
    Checksum {
        /// In the head.
        expected: u64,
        /// Of the bytes.
        got: u64,
    },
    /// Evidence of a kind that this version does not know.
    #[error("rests on evidence of an unknown kind; build the snapshot again")]
    Evidence,
    /// A record that makes no sense.
    #[error("{section:?} record {record}: {what}; build the snapshot again")]
    Record {
        /// Section.
        section: Section,
        /// Position of the record.
        record: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl<B: AsRef<[u8]>> View<B> {
    /// Walks everything; an error names the first thing that is wrong.
    pub fn check(&self) -> Result<(), CheckError> {
        let got = xxh3_64(&self.bytes()[CHECKED_FROM..]);
        if got != self.checksum() {
            return Err(CheckError::Checksum { expected: self.checksum(), got });
        }
        if self.known_evidence().is_none() {
            return Err(CheckError::Evidence);
        }
        self.check_texts()?;
        self.check_places()?;
        self.check_place_names()?;
        self.check_lists()?;
        self.check_directories()?;
        self.check_repos()?;
        self.check_names()?;
        self.check_revisions()?;
        self.check_origins()?;
        self.check_networks()?;
        self.check_asns()?;
        self.check_comments()?;
        self.check_images()?;
        self.check_faults()
    }

    fn check_texts(&self) -> Result<(), CheckError> {
        let trees = self.records::<TreeRecord>(Section::Trees);
        for (record, tree) in trees.iter().enumerate() {
            expect(self.is_text(tree.name) && self.is_text(tree.last_resort), Section::Trees, record, "bad text")?;
        }
        for (record, mirror) in self.records::<MirrorRecord>(Section::Mirrors).iter().enumerate() {
            expect(self.is_text(mirror.name), Section::Mirrors, record, "bad text")?;
        }
        for (record, group) in self.records::<GroupRecord>(Section::Groups).iter().enumerate() {
            let ending = Ending::from_number(group.ending.get());
            expect(self.is_text(group.name) && ending.is_some(), Section::Groups, record, "bad text or ending")?;
            let outer = group.outer.get();
            expect(outer == NONE || (outer as usize) < record, Section::Groups, record, "no such group around it")?;
        }
        for (record, base) in self.records::<Text>(Section::Bases).iter().enumerate() {
            let url = self.text(*base);
            let sound = url.is_empty() || url.ends_with(b"/") && url.windows(3).any(|three| three == b"://");
            expect(self.is_text(*base) && sound, Section::Bases, record, "no base URL")?;
        }
        Ok(())
    }

    fn check_places(&self) -> Result<(), CheckError> {
        let places = self.records::<PlaceRecord>(Section::Places);
        let rising = places.is_sorted_by(|a, b| a.code < b.code);
        let known = self.places().count() + 1 == places.len() && places[0].code == [0; 8];
        expect(rising && known, Section::Places, 0, "not the fallback and then codes in rising order")
    }

    fn check_lists(&self) -> Result<(), CheckError> {
        let members = self.records::<U16>(Section::Members);
        let mirror_count = self.mirror_count();
        for (record, member) in members.iter().enumerate() {
            expect(usize::from(member.get()) < mirror_count, Section::Members, record, "no such mirror")?;
        }
        let lists = self.records::<ListRecord>(Section::Lists);
        let mut seen_in = vec![NONE; mirror_count];
        for (record, list) in lists.iter().enumerate() {
            let fail = |what| expect(false, Section::Lists, record, what);
            let start = list.start.get() as usize;
            let Some(own) = members.get(start..start + list.count.get() as usize) else {
                return fail("members out of range");
            };
            for member in own {
                let last = &mut seen_in[usize::from(member.get())];
                if *last == record as u32 {
                    return fail("a mirror twice");
                }
                *last = record as u32;
            }
            let next = list.next.get();
            if next != NONE && lists.get(next as usize).is_none_or(|next| next.next.get() != NONE) {
                return fail("goes on in a list that is not there or goes on itself");
            }
        }
        Ok(())
    }

    fn check_directories(&self) -> Result<(), CheckError> {
        let list_count = self.list_count() as u32;
        let rows = self.records::<U32>(Section::Rows);
        for (record, list) in rows.iter().enumerate() {
            expect(list.get() < list_count, Section::Rows, record, "no such list")?;
        }
        let turn_count = self.turn_count();
        expect(turn_count > 0 && rows.len().is_multiple_of(turn_count), Section::Rows, 0, "not a list per turn")?;
        let directories = self.records::<U32>(Section::Directories);
        for (record, row) in directories.iter().enumerate() {
            expect((row.get() as usize) < rows.len() / turn_count, Section::Directories, record, "no such row")?;
        }
        expect(directories.len().is_multiple_of(self.row_count()), Section::Directories, 0, "not a row per place")
    }

    fn check_repos(&self) -> Result<(), CheckError> {
        let words = self.set_words();
        let sound_words = words == self.mirror_count().div_ceil(64);
        expect(sound_words, Section::Sets, 0, "not a bit per mirror")?;
        let repos = self.records::<RepoRecord>(Section::Repos);
        for (record, repo) in repos.iter().enumerate() {
            let texts = [repo.name, repo.release, repo.arch];
            expect(texts.iter().all(|text| self.is_text(*text)), Section::Repos, record, "bad text")?;
            self.check_carried(&repo.carried, Section::Repos, record)?;
            let suffix = self.text(repo.carried.suffix);
            expect(suffix.ends_with(b"/"), Section::Repos, record, "suffix without a final slash")?;
        }
        self.check_keys(repos.len())
    }

    /// Checks what all things that mirrors carry have in common.
    pub(super) fn check_carried(
        &self,
        carried: &CarriedRecord,
        section: Section,
        record: usize,
    ) -> Result<(), CheckError> {
        let fail = |sound, what| expect(sound, section, record, what);
        let tree_count = self.records::<TreeRecord>(Section::Trees).len();
        fail((carried.tree.get() as usize) < tree_count, "no such tree")?;
        fail(self.is_text(carried.suffix), "bad text")?;
        let directory_entries = self.records::<U32>(Section::Directories).len();
        let whole = carried
            .directory
            .iter()
            .map(|start| start.get() as usize)
            .all(|start| start.is_multiple_of(self.row_count()) && start + self.row_count() <= directory_entries);
        fail(whole, "no such directory")?;
        let set_count = (self.records::<U64>(Section::Sets).len()).checked_div(self.set_words()).unwrap_or(usize::MAX);
        let is_set = |set: &U32| (set.get() as usize) < set_count;
        fail(carried.sets.iter().flatten().all(is_set), "no such set")?;
        fail(carried.spares.iter().flatten().all(|set| set.get() == NONE || is_set(set)), "no such set to spare")
    }

    fn check_keys(&self, repo_count: usize) -> Result<(), CheckError> {
        let slots = self.records::<KeyRecord>(Section::Keys);
        let used = slots.iter().filter(|slot| slot.repo.get() != NONE).count();
        expect(used * 2 <= slots.len(), Section::Keys, 0, "more than half full")?;
        for (record, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.repo.get() != NONE) {
            let fail = |sound, what| expect(sound, Section::Keys, record, what);
            fail(self.is_text(slot.key) && (slot.repo.get() as usize) < repo_count, "bad text or no such repo")?;
            let mut parts = self.text(slot.key).split(|&byte| byte == 0);
            let (Some(release), Some(arch), Some(repo), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return fail(false, "not a release, an architecture and a repo");
            };
            let found = self.find(release, arch, repo).map(|index| index.0);
            fail(found == Some(slot.repo.get()), "cannot be found by its key")?;
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), CheckError> {
        let slots = self.records::<KeyRecord>(Section::Names);
        let used = slots.iter().filter(|slot| slot.repo.get() != NONE).count();
        expect(used * 2 <= slots.len(), Section::Names, 0, "more than half full")?;
        for (record, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.repo.get() != NONE) {
            let sound = self.is_text(slot.key) && (slot.repo.get() as usize) < self.repo_count();
            expect(sound, Section::Names, record, "bad text or no such repo")?;
            let key = self.text(slot.key);
            let parts = key.split(|&byte| byte == 0).count();
            let found = self.probe(Section::Names, key).map(|index| index.0);
            let sound = parts == 2 && found == Some(slot.repo.get());
            expect(sound, Section::Names, record, "neither a name nor a path, or not found by itself")?;
        }
        Ok(())
    }

    fn check_revisions(&self) -> Result<(), CheckError> {
        let spans = self.records::<RevisionsRecord>(Section::RevisionsOf);
        expect(spans.len() == self.repo_count(), Section::RevisionsOf, 0, "not one for each repo")?;
        for (record, span) in spans.iter().enumerate() {
            expect(self.revisions_at(span).is_some(), Section::RevisionsOf, record, "no such revisions")?;
        }
        Ok(())
    }

    fn check_origins(&self) -> Result<(), CheckError> {
        let continents = self.section_bytes(Section::Continents);
        let place_count = self.records::<PlaceRecord>(Section::Places).len();
        let sound = continents.len() == place_count && continents.iter().all(|&number| number < Continent::END);
        expect(sound, Section::Continents, 0, "not a continent for each place")?;
        let asns = self.records::<MirrorAsnRecord>(Section::MirrorAsns);
        let rising = asns.is_sorted_by(|a, b| a.key() < b.key());
        let known = asns.iter().all(|record| usize::from(record.mirror.get()) < self.mirror_count());
        expect(rising && known, Section::MirrorAsns, 0, "not rising, or no such mirror")
    }

    fn check_networks(&self) -> Result<(), CheckError> {
        let records = self.records::<NetworkRecord>(Section::Networks);
        let place_count = self.records::<PlaceRecord>(Section::Places).len();
        for (record, entry) in records.iter().enumerate() {
            let target_max = if entry.kind.get() == 0 { place_count } else { self.group_count() };
            let sound = network(entry).is_some() && (entry.target.get() as usize) < target_max;
            expect(sound, Section::Networks, record, "no prefix or no such target")?;
        }
        Ok(())
    }

    fn check_asns(&self) -> Result<(), CheckError> {
        let mut before = None;
        for (record, (asn, group)) in self.asns().enumerate() {
            let sound = Some(asn) > before && (group.0 as usize) < self.group_count();
            expect(sound, Section::Asns, record, "out of order or no such group")?;
            before = Some(asn);
        }
        Ok(())
    }

    fn check_faults(&self) -> Result<(), CheckError> {
        let starts = self.records::<U32>(Section::FaultStarts);
        let faults = self.records::<FaultRecord>(Section::Faults);
        let expected = if faults.is_empty() { 0 } else { self.mirror_count() * FAMILIES * PROTOCOLS + 1 };
        let ends = starts.last().map_or(0, |last| last.get() as usize) == faults.len();
        expect(starts.len() == expected && ends, Section::FaultStarts, 0, "not a run per mirror, family, protocol")?;
        for (record, pair) in starts.windows(2).enumerate() {
            let Some(run) = faults.get(pair[0].get() as usize..pair[1].get() as usize) else {
                return expect(false, Section::FaultStarts, record, "faults out of range");
            };
            let sound = run.is_sorted_by(|a, b| a.repo.get() < b.repo.get())
                && run.last().is_none_or(|last| (last.repo.get() as usize) < self.repo_count());
            expect(sound, Section::FaultStarts, record, "not over rising repos")?;
        }
        Ok(())
    }

    fn check_comments(&self) -> Result<(), CheckError> {
        let comments = self.records::<Text>(Section::Comments);
        let whole = comments.is_empty() || comments.len() == self.repo_count();
        expect(whole, Section::Comments, 0, "not one for each repo")?;
        let is_line = |text: &Text| self.is_text(*text) && !self.text(*text).contains(&0);
        let wrong = comments.iter().position(|text| !is_line(text));
        expect(wrong.is_none(), Section::Comments, wrong.unwrap_or_default(), "not a line of text")
    }

    pub(super) fn is_text(&self, text: Text) -> bool {
        let bytes = self.text(text);
        bytes.len() == text.length_bytes.get() as usize
            && std::str::from_utf8(bytes).is_ok()
            && bytes.iter().all(|&byte| byte >= b' ' || byte == 0)
    }
}

pub(super) fn expect(sound: bool, section: Section, record: usize, what: &'static str) -> Result<(), CheckError> {
    if sound { Ok(()) } else { Err(CheckError::Record { section, record, what }) }
}
