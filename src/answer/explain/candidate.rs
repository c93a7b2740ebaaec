//! `Candidate`: a mirror that was considered for an answer, why it is in or out, and what was last seen of it.

use serde::Serialize;

use super::super::list::Pick;
use crate::calendar::moment;
use crate::net::{Family, Protocol};
use crate::snapshot::{Evidence, MirrorIndex, Repo, RepoIndex, Row, Serving, View};
use crate::verdicts::Finding;

/// A mirror that was considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Its name.
    pub mirror: String,
    /// Where it is; none for a global one.
    pub place: Option<String>,
    /// Its weight.
    pub weight_mbps: u32,
    /// Its position in the answer, from 1; none when it is out.
    pub position: Option<usize>,
    /// Why it is in or out.
    pub reason: Reason,
    /// What was last seen of it by each protocol for which it is not good; of one that was left alone, what was seen of
    /// it for another repo.
    pub faults: Vec<Fault>,
}

/// Why a mirror is in or out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// In: it has what the master has.
    Good,
    /// In: it is behind, and the good ones are too few.
    Spare,
    /// Out: it is good, but the answer was full before it.
    Full,
    /// Out: it is good, but the request asks for others, or it is far away and there are enough near ones.
    PassedOver,
    /// Out: it would do, but there are enough others.
    Enough,
    /// Out of this list: a list before it has named it.
    Repeated,
    /// Out: what was last seen of it says so.
    Fault,
    /// Out: the crawl left it alone after what it saw of it for other repos.
    LeftAlone,
    /// Out: it does not carry the tree by a protocol of lists.
    NoTree,
    /// Out: nobody has looked at it over this family, or it has none.
    NotSeen,
    /// Out: the inventory does not name it for this family.
    NotNamed,
}

/// What was last seen of a mirror by one protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// By which protocol.
    pub protocol: &'static str,
    /// The finding's short name.
    pub finding: &'static str,
    /// The same as a sentence.
    pub meaning: &'static str,
    /// Since when, to the hour.
    pub since: String,
}

impl Fault {
    /// A fault that a snapshot has. One with a number that this program does not know is of a later one.
    fn told(protocol: Protocol, fault: crate::snapshot::Fault) -> Fault {
        let (finding, meaning) = Finding::numbered(fault.finding)
            .map_or(("unknown", "a finding that this version does not know"), |one| (one.name(), one.explain()));
        Fault { protocol: protocol.name(), finding, meaning, since: moment(fault.since) }
    }
}

/// Walks the lists of one answer over one family.
pub struct Walker<'a, B> {
    view: &'a View<B>,
    index: RepoIndex,
    repo: &'a Repo<'a>,
    family: Family,
    serving: Serving<'a>,
    sparing: Option<Serving<'a>>,
    /// Mirrors in the answer; none when it is made over the other family.
    named: Vec<MirrorIndex>,
    /// Whether the answer has room for nobody else.
    is_full: bool,
    seen: Vec<MirrorIndex>,
}

impl<'a, B: AsRef<[u8]>> Walker<'a, B> {
    /// For an answer of `picks`, none when it is made over the other family. `is_full`: it has room for nobody else.
    pub fn new(
        view: &'a View<B>,
        index: RepoIndex,
        repo: &'a Repo<'a>,
        family: Family,
        picks: &[Pick],
        is_full: bool,
    ) -> Walker<'a, B> {
        let (serving, sparing) = (view.serving(repo, family), view.sparing(repo, family));
        let named = picks.iter().filter_map(|pick| pick.mirror).collect();
        Walker { view, index, repo, family, serving, sparing, named, is_full, seen: Vec::new() }
    }

    /// Whether a list that was walked has named anybody.
    pub fn has_named(&self) -> bool {
        self.seen.iter().any(|index| self.named.contains(index))
    }

    /// The candidates of a list, `count_max` at most, and how many there are beyond.
    pub fn walk(&mut self, row: Row, turn: usize, count_max: usize) -> (Vec<Candidate>, usize) {
        let all: Vec<MirrorIndex> = self.view.candidates(self.repo, self.family, row, turn).collect();
        let candidates = all.iter().take(count_max).filter_map(|&index| self.candidate(index)).collect();
        self.seen.extend(&all);
        (candidates, all.len().saturating_sub(count_max))
    }

    fn candidate(&self, index: MirrorIndex) -> Option<Candidate> {
        let mirror = self.view.mirror(index)?;
        let protocols: Vec<Protocol> = self.view.protocols(self.repo.tree).collect();
        let carries = |protocol: &Protocol| self.view.base_by(index, self.repo.tree, *protocol).is_some();
        let fault_by = |protocol: Protocol| self.view.fault(self.index, index, self.family, protocol);
        let faults = protocols.iter().filter_map(|&by| Some(Fault::told(by, fault_by(by)?))).collect::<Vec<_>>();
        let any_by = |protocol: Protocol| self.view.fault_of_any(index, self.family, protocol);
        let elsewhere = protocols.iter().filter_map(|&by| Some(Fault::told(by, any_by(by)?))).collect::<Vec<_>>();
        let position = self.named.iter().position(|named| *named == index);
        let is_repeated = self.seen.contains(&index);
        let is_good = self.serving.base(index).is_some();
        let is_spare = self.sparing.as_ref().is_some_and(|sparing| sparing.base(index).is_some());
        let reason = match position {
            _ if is_repeated && position.is_some() => Reason::Repeated,
            Some(_) if is_spare && !is_good => Reason::Spare,
            // Over this family or, where both were asked for, over the other one.
            Some(_) => Reason::Good,
            None if is_good && self.is_full => Reason::Full,
            None if is_good => Reason::PassedOver,
            None if is_spare => Reason::Enough,
            None if !protocols.iter().any(carries) => Reason::NoTree,
            None if !faults.is_empty() => Reason::Fault,
            None if !elsewhere.is_empty() => Reason::LeftAlone,
            None if self.view.evidence() == Evidence::Crawled => Reason::NotSeen,
            None => Reason::NotNamed,
        };
        Some(Candidate {
            mirror: mirror.name.to_owned(),
            place: mirror.place.map(|code| code.to_string()),
            weight_mbps: mirror.weight,
            position: position.filter(|_| !is_repeated).map(|at| at + 1),
            reason,
            faults: if reason == Reason::LeftAlone { elsewhere } else { faults },
        })
    }
}
