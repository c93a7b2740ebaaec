//! `Look`: turns the tasks of a lane into requests, and answers into outcomes.
//!
//! Lives here: the steps of a look, for mirrors and for masters, without a socket and without a clock. Not here: whose
//! turn it is (`lane`), who makes the requests (`crew`), what becomes of the outcomes (`pass`).

use std::collections::HashMap;

use super::classify::{self, Pointer};
use super::deep::{Inspected, Inspection};
use super::dice::Dice;
use super::fetch::{Ask, BODY_BYTES_MAX, Got, Method, Patience};
use super::lane::{Lane, Pending, Task};
use super::targets::Targets;
use crate::net::Family;
use crate::repodata::RepoMd;
use crate::verdicts::{Class, Evidence, Finding, RepoId, Shown, Truth};

/// All that a look needs to know.
pub struct Look<'a> {
    /// What there is to look at.
    pub targets: &'a Targets,
    /// What mirrors are held against; none: masters are looked at.
    pub truths: Option<&'a HashMap<RepoId, Truth>>,
    /// How long requests may take.
    pub patience: Patience,
    /// Inspections of each door in a run.
    pub inspections_per_door: u32,
    /// Files of one inspection at most.
    pub inspected_files_max: usize,
    /// Seed of the choice of files.
    pub seed: u64,
}

/// What was found of one task.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The task.
    pub task: Task,
    /// Over which family.
    pub family: Family,
    /// What.
    pub finding: Finding,
    /// Shown by.
    pub evidence: Evidence,
    /// What the master has shown.
    pub shown: Option<Shown>,
    /// Whether it was drawn from what another task found.
    pub shared: bool,
}

/// What one answer brought.
#[derive(Debug, Default)]
pub struct Took {
    /// Outcomes: none while a task goes on, several when others share its fate.
    pub outcomes: Vec<Outcome>,
    /// Tasks that nobody will look at in this run.
    pub spared: Vec<(Task, Family)>,
    /// Bytes that came in.
    pub bytes: u64,
    /// When, milliseconds since 1970.
    pub at_millis: u64,
}

impl Look<'_> {
    /// What is to be asked next on a lane that waits for nothing; none at its end.
    pub fn ask(&self, lane: &mut Lane) -> Option<Ask> {
        if let Some(Pending::Deep(_, _, inspection)) = &lane.pending {
            return inspection.ask(lane.number, lane.family, self.patience);
        }
        let task = lane.next()?;
        lane.pending = Some(Pending::Pointer(task));
        Some(Ask {
            line: lane.number,
            method: Method::Get,
            url: self.targets.url(task.door, task.repo),
            family: lane.family,
            body_bytes_max: BODY_BYTES_MAX,
            patience: self.patience,
        })
    }

    /// Takes the answer to what was asked last, at `at_millis` since 1970.
    pub fn took(&self, lane: &mut Lane, got: &Got, at_millis: u64) -> Took {
        let now = at_millis / 1000;
        let mut took = Took { bytes: got.bytes, at_millis, ..Took::default() };
        match lane.pending.take() {
            None => {}
            Some(Pending::Pointer(task)) => self.took_pointer(lane, task, got, now, &mut took),
            Some(Pending::Deep(task, evidence, mut inspection)) => match inspection.took(got) {
                Inspected::More => lane.pending = Some(Pending::Deep(task, evidence, inspection)),
                Inspected::Whole => self.found(lane, task, Finding::Same, evidence, None, &mut took),
                Inspected::Lacking(note) => {
                    lane.inspect_again(task.door);
                    let evidence = Evidence { note, ..evidence };
                    self.found(lane, task, Finding::Inconsistent, evidence, None, &mut took);
                }
                Inspected::Silent(failure) => {
                    let evidence = Evidence { at: now, note: failure.note, ..evidence };
                    self.found(lane, task, failure.finding, evidence, None, &mut took);
                }
            },
        }
        took
    }

    fn took_pointer(&self, lane: &mut Lane, task: Task, got: &Got, now: u64, took: &mut Took) {
        let mut evidence =
            Evidence { at: now, address: got.address, millis: got.millis, bytes: got.bytes, ..Evidence::default() };
        let reply = match &got.result {
            Ok(reply) => reply,
            Err(failure) => {
                evidence.note.clone_from(&failure.note);
                return self.found(lane, task, failure.finding, evidence, None, took);
            }
        };
        evidence.status = Some(reply.status);
        evidence.bytes = reply.body.len() as u64;
        let repo = &self.targets.repos[task.repo as usize];
        let Some(truths) = self.truths else {
            let (finding, shown) = match classify::learn(reply, repo.pointer, now) {
                Ok(shown) => (Finding::Same, Some(shown)),
                Err((finding, note)) => {
                    evidence.note = note;
                    (finding, None)
                }
            };
            return self.found(lane, task, finding, evidence, shown, took);
        };
        let nothing = Truth::default();
        let judgement = classify::judge(reply, truths.get(&repo.id).unwrap_or(&nothing), repo.pointer);
        evidence.sha256 = judgement.sha256;
        evidence.note = judgement.note;
        if judgement.finding == Finding::Same
            && repo.pointer == Pointer::RepoMd
            && let Some(inspection) = self.inspection(lane, task, &reply.body)
        {
            lane.pending = Some(Pending::Deep(task, evidence, inspection));
            return;
        }
        self.found(lane, task, judgement.finding, evidence, None, took);
    }

    /// An inspection of what was just found to be the same, if it is this one's turn.
    fn inspection(&self, lane: &mut Lane, task: Task, body: &[u8]) -> Option<Inspection> {
        if !lane.may_inspect(task.door, self.inspections_per_door) {
            return None;
        }
        let metadata = RepoMd::parse(body).ok()?;
        let mut dice = Dice::new(self.seed ^ u64::from(task.door) << 32 ^ u64::from(task.repo));
        let dir = self.targets.dir_url(task.door, task.repo);
        let inspection = Inspection::new(dir, &metadata, self.inspected_files_max, &mut dice);
        (!inspection.is_empty()).then_some(inspection)
    }

    fn found(
        &self,
        lane: &mut Lane,
        task: Task,
        finding: Finding,
        evidence: Evidence,
        shown: Option<Shown>,
        took: &mut Took,
    ) {
        let fate = lane.draw(task, finding, self.targets);
        let family = lane.family;
        took.spared.extend(fate.spared.into_iter().map(|task| (task, family)));
        let share = |task| Outcome { task, family, finding, evidence: evidence.clone(), shown: None, shared: true };
        took.outcomes.extend(fate.shared.into_iter().map(share));
        // Nobody looked, if the want was ours.
        if finding.class() == Class::Unknown {
            took.spared.push((task, family));
        } else {
            took.outcomes.push(Outcome { task, family, finding, evidence, shown, shared: false });
        }
    }
}
