//! Faults: why a mirror is not good for a repo over a family by a protocol, and since when. For people: no answer to a
//! client depends on them.
//!
//! Lives here: how they are kept small. Who is away is so for all repos, and who is behind is so for a few; so each
//! (mirror, family, protocol) has runs over the repos in their order, and a run goes on over repos whose tree the
//! mirror does not carry.
//! Not here: what a finding's number means (`verdicts`).

use zerocopy::little_endian::U32;

use super::builder::family_number;
use super::format::*;
use super::view::View;
use crate::net::{Family, Protocol};

/// Seconds of an hour: how exactly it is kept since when.
const HOUR: u64 = 3600;
/// The last hour that fits, in the year 3883.
const HOURS_MAX: u64 = (1 << 24) - 1;

/// Why a mirror is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Number of the finding.
    pub finding: u8,
    /// Since when, seconds since 1970; a snapshot keeps the hour.
    pub since: u64,
}

impl Fault {
    /// As records have it.
    pub(super) fn packed(self) -> u32 {
        let hours = (self.since / HOUR).min(HOURS_MAX);
        (hours as u32) << 8 | u32::from(self.finding)
    }

    fn unpacked(what: u32) -> Option<Fault> {
        let [finding, ..] = what.to_le_bytes();
        (finding != FINDING_NONE).then(|| Fault { finding, since: u64::from(what >> 8) * HOUR })
    }
}

/// A fault as the builder is told of it.
pub(super) struct Told {
    pub(super) slot: usize,
    pub(super) repo: u32,
    pub(super) what: u32,
}

/// Position of (mirror, family, protocol) among the starts.
pub(super) fn slot(mirror: MirrorIndex, family: Family, protocol: Protocol) -> usize {
    (usize::from(mirror.0) * FAMILIES + family_number(family)) * PROTOCOLS + protocol as usize
}

/// The two sections. `trees`: the tree of each repo; `bases`: as in their section.
pub(super) fn runs(
    mut told: Vec<Told>,
    mirror_count: usize,
    trees: &[u32],
    bases: &[Text],
) -> (Vec<U32>, Vec<FaultRecord>) {
    if told.is_empty() {
        return (Vec::new(), Vec::new());
    }
    told.sort_by_key(|one| (one.slot, one.repo));
    let tree_count = bases.len().checked_div(mirror_count * PROTOCOLS).unwrap_or_default();
    let mut starts = Vec::with_capacity(mirror_count * FAMILIES * PROTOCOLS + 1);
    let mut records: Vec<FaultRecord> = Vec::new();
    let mut rest = told.as_slice();
    for slot in 0..mirror_count * FAMILIES * PROTOCOLS {
        starts.push(U32::new(records.len() as u32));
        let (own, others) = rest.split_at(rest.partition_point(|one| one.slot == slot));
        rest = others;
        if own.is_empty() {
            continue;
        }
        let (mirror, protocol) = (slot / (FAMILIES * PROTOCOLS), slot % PROTOCOLS);
        let carries = |tree: u32| {
            let base = bases.get((mirror * tree_count + tree as usize) * PROTOCOLS + protocol);
            base.is_some_and(|text| text.length_bytes.get() > 0)
        };
        let mut run = u32::from(FINDING_NONE);
        for (repo, _) in (0..).zip(trees).filter(|(_, tree)| carries(**tree)) {
            let found = own.binary_search_by_key(&repo, |one| one.repo);
            let what = found.map_or(u32::from(FINDING_NONE), |at| own[at].what);
            if what != run {
                records.push(FaultRecord { repo: U32::new(repo), what: U32::new(what) });
                run = what;
            }
        }
    }
    starts.push(U32::new(records.len() as u32));
    match records.is_empty() {
        true => (Vec::new(), Vec::new()),
        false => (starts, records),
    }
}

impl<B: AsRef<[u8]>> View<B> {
    /// Why a mirror is not good for a repo over a family by a protocol; none when it is good, when it does not carry
    /// the tree by that protocol, or when nobody has looked.
    pub fn fault(&self, repo: RepoIndex, mirror: MirrorIndex, family: Family, protocol: Protocol) -> Option<Fault> {
        self.base_by(mirror, self.repo(repo)?.tree, protocol)?;
        let run = self.run(mirror, family, protocol)?;
        let after = run.partition_point(|record| record.repo.get() <= repo.0);
        Fault::unpacked(run.get(after.checked_sub(1)?)?.what.get())
    }

    /// A fault that a mirror has for any repo over a family by a protocol: after a few such faults a crawl leaves it
    /// alone, and has nothing to say of the rest of its repos.
    pub fn fault_of_any(&self, mirror: MirrorIndex, family: Family, protocol: Protocol) -> Option<Fault> {
        self.run(mirror, family, protocol)?.iter().find_map(|record| Fault::unpacked(record.what.get()))
    }

    fn run(&self, mirror: MirrorIndex, family: Family, protocol: Protocol) -> Option<&[FaultRecord]> {
        let starts = self.records::<U32>(Section::FaultStarts);
        let slot = slot(mirror, family, protocol);
        let (start, end) = (starts.get(slot)?.get() as usize, starts.get(slot + 1)?.get() as usize);
        self.records::<FaultRecord>(Section::Faults).get(start..end)
    }

    /// A mirror's base URL for a tree by a protocol; good for any repo or not.
    pub fn base_by(&self, mirror: MirrorIndex, tree: TreeIndex, protocol: Protocol) -> Option<&[u8]> {
        let trees = self.records::<TreeRecord>(Section::Trees).len();
        let position = (usize::from(mirror.0) * trees + tree.0 as usize) * PROTOCOLS + protocol as usize;
        let url = self.text(*self.records::<Text>(Section::Bases).get(position)?);
        (!url.is_empty()).then_some(url)
    }

    /// Protocols of a tree's list URLs, the preferred one first.
    pub fn protocols(&self, tree: TreeIndex) -> impl Iterator<Item = Protocol> {
        let order = self.tree(tree).map_or([u8::MAX; 4], |record| record.protocols);
        order.into_iter().filter_map(|number| Protocol::ALL.into_iter().find(|protocol| *protocol as u8 == number))
    }

    /// How many runs of faults there are.
    pub fn fault_count(&self) -> usize {
        self.records::<FaultRecord>(Section::Faults).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Builder, CarriedEntry, Evidence, RepoEntry};

    const NOW: u64 = 1_795_000_000;

    /// Two trees, three repos of them in turn; one mirror with both trees, one with the first alone.
    fn view(faults: &[(usize, u32, Fault)]) -> View<Vec<u8>> {
        let mut builder = Builder::new(Evidence::Crawled, 1, Vec::new());
        let trees = ["a", "b"].map(|name| builder.tree(name, None, &[Protocol::Https, Protocol::Http]));
        let mirrors = ["both", "one"].map(|name| builder.mirror(name, None, 1, 1000));
        builder.base(mirrors[0], trees[0], Protocol::Http, "http://both/a/");
        builder.base(mirrors[0], trees[1], Protocol::Http, "http://both/b/");
        builder.base(mirrors[1], trees[0], Protocol::Http, "http://one/a/");
        let set = builder.set(mirrors);
        let list = builder.list(mirrors.to_vec(), None);
        let row = builder.row(vec![list]);
        let directory = builder.directory(vec![row]);
        for (number, tree) in [0, 1, 0, 0].into_iter().enumerate() {
            let name = format!("repo-{number}");
            let entry = RepoEntry {
                name: &name,
                release: "9",
                aliases: &[],
                arch: "x86_64",
                carried: CarriedEntry {
                    suffix: "os/",
                    tree: trees[tree],
                    directory: [directory; 2],
                    sets: [[set; PROTOCOLS]; FAMILIES],
                    spares: [[None; PROTOCOLS]; FAMILIES],
                },
                comment: None,
                revisions: &[],
            };
            builder.repo(&entry).unwrap();
        }
        for &(mirror, repo, fault) in faults {
            builder.fault(RepoIndex(repo), mirrors[mirror], Family::Ipv6, Protocol::Http, fault);
        }
        let view = View::open(builder.finish().unwrap()).unwrap();
        view.check().unwrap();
        view
    }

    fn found(view: &View<Vec<u8>>, mirror: u16, family: Family) -> Vec<Option<u8>> {
        let fault = |repo| view.fault(RepoIndex(repo), MirrorIndex(mirror), family, Protocol::Http);
        (0..5).map(|repo| fault(repo).map(|fault| fault.finding)).collect()
    }

    #[test]
    fn what_was_told_is_found() {
        let fault = |finding, since| Fault { finding, since };
        let view =
            view(&[(0, 1, fault(4, NOW)), (0, 2, fault(4, NOW)), (1, 0, fault(1, NOW)), (1, 3, fault(2, u64::MAX))]);
        assert_eq!(found(&view, 0, Family::Ipv6), [None, Some(4), Some(4), None, None]);
        assert_eq!(found(&view, 1, Family::Ipv6), [Some(1), None, None, Some(2), None]);
        assert_eq!(found(&view, 0, Family::Ipv4), [None; 5], "that is another family");
        assert_eq!(found(&view, 9, Family::Ipv6), [None; 5], "there is no such mirror");
        let any = |mirror| view.fault_of_any(MirrorIndex(mirror), Family::Ipv6, Protocol::Http).map(|one| one.finding);
        assert_eq!([any(0), any(1), any(9)], [Some(4), Some(1), None]);
        let behind = view.fault(RepoIndex(0), MirrorIndex(1), Family::Ipv6, Protocol::Http).unwrap();
        assert_eq!(behind.since, NOW / 3600 * 3600, "the hour is kept");
        assert!(view.fault(RepoIndex(0), MirrorIndex(1), Family::Ipv6, Protocol::Https).is_none());
    }

    #[test]
    fn one_fault_over_all_repos_is_one_run() {
        // In the same hour, though not in the same second; repo 1 is of a tree that the mirror does not carry.
        let told: Vec<_> = [0, 2, 3].map(|repo| (1, repo, Fault { finding: 19, since: NOW + u64::from(repo) })).into();
        let view = view(&told);
        assert_eq!(view.fault_count(), 1);
        assert_eq!(found(&view, 1, Family::Ipv6), [Some(19), None, Some(19), Some(19), None]);
    }

    #[test]
    fn without_faults_there_is_nothing() {
        let view = view(&[]);
        assert_eq!(view.fault_count(), 0);
        assert!(view.section_bytes(Section::FaultStarts).is_empty());
        assert_eq!(found(&view, 0, Family::Ipv6), [None; 5]);
    }
}
