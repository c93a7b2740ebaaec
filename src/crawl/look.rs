//! `Look`: turns the tasks of a lane into requests, and answers into outcomes.
//!
//! Lives here: the steps of a look, for mirrors and for masters, without a socket and without a clock. Not here: whose
//! turn it is (`lane`), who makes the requests (`crew`), what becomes of the outcomes (`pass`).

use std::collections::HashMap;

use super::classify::{self, Pointer};
use super::deep::{Inspected, Inspection};
use super::fetch::{Ask, BODY_BYTES_MAX, Got, Method, Patience, Reply};
use super::iso;
use super::lane::{Lane, Pending, Task};
use super::survey::{Survey, Surveyed};
use super::targets::{Folder, Targets};
use crate::dice::Dice;
use crate::net::Family;
use crate::repodata::RepoMd;
use crate::verdicts::{Catalog, Class, Evidence, Finding, RepoId, Shown, Truth};

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
    /// What the master has shown of a repo.
    pub shown: Option<Shown>,
    /// What it has shown of a folder of images.
    pub catalog: Option<Catalog>,
    /// Whether it was drawn from what another task found.
    pub shared: bool,
}

/// What a master has shown.
#[derive(Default)]
struct Master {
    shown: Option<Shown>,
    catalog: Option<Catalog>,
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
        let task = match &lane.pending {
            Some(Pending::Deep(_, _, inspection)) => return inspection.ask(lane.number, lane.family, self.patience),
            Some(Pending::Survey(_, survey)) => return survey.ask(lane.number, lane.family, self.patience),
            Some(Pending::Pointer(task) | Pending::FirstByte(task)) => *task,
            None => lane.next()?,
        };
        let repo = &self.targets.repos[task.repo as usize];
        let pointer = repo.pointer;
        if pointer == Pointer::Index && self.truths.is_none() {
            let nothing = Folder::default();
            let folder = self.targets.folders.get(&task.repo).unwrap_or(&nothing);
            let survey = Survey::new(self.targets.dir_url(task.door, task.repo), folder);
            let ask = survey.ask(lane.number, lane.family, self.patience);
            lane.pending = Some(Pending::Survey(task, survey));
            return ask;
        }
        let method = match (pointer, &lane.pending) {
            (_, Some(Pending::FirstByte(_))) => Method::FirstByte,
            (Pointer::Image, _) => Method::Head,
            _ => Method::Get,
        };
        if method != Method::FirstByte {
            lane.pending = Some(Pending::Pointer(task));
        }
        Some(Ask {
            line: lane.number,
            method,
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
            Some(Pending::Pointer(task)) => self.took_pointer(lane, task, got, false, now, &mut took),
            Some(Pending::FirstByte(task)) => self.took_pointer(lane, task, got, true, now, &mut took),
            Some(Pending::Survey(task, survey)) => self.took_survey(lane, task, survey, got, now, &mut took),
            Some(Pending::Deep(task, evidence, mut inspection)) => match inspection.took(got) {
                Inspected::More => lane.pending = Some(Pending::Deep(task, evidence, inspection)),
                Inspected::Whole => self.found(lane, task, Finding::Same, evidence, Master::default(), &mut took),
                Inspected::Lacking(note) => {
                    lane.inspect_again(task.door);
                    let evidence = Evidence { note, ..evidence };
                    self.found(lane, task, Finding::Inconsistent, evidence, Master::default(), &mut took);
                }
                Inspected::Silent(failure) => {
                    let evidence = Evidence { at: now, note: failure.note, ..evidence };
                    self.found(lane, task, failure.finding, evidence, Master::default(), &mut took);
                }
            },
        }
        took
    }

    fn took_survey(&self, lane: &mut Lane, task: Task, mut survey: Survey, got: &Got, now: u64, took: &mut Took) {
        let (finding, note, catalog) = match survey.took(got, now) {
            Surveyed::More => return lane.pending = Some(Pending::Survey(task, survey)),
            Surveyed::Whole(catalog) => (Finding::Same, String::new(), Some(catalog)),
            Surveyed::Nothing(finding, note) => (finding, note, None),
        };
        let status = got.result.as_ref().ok().map(|reply| reply.status);
        let (millis, bytes) = (got.millis, got.bytes);
        let evidence = Evidence { at: now, address: got.address, status, bytes, millis, note, ..Evidence::default() };
        self.found(lane, task, finding, evidence, Master { catalog, ..Master::default() }, took);
    }

    fn took_pointer(&self, lane: &mut Lane, task: Task, got: &Got, is_byte: bool, now: u64, took: &mut Took) {
        let mut evidence =
            Evidence { at: now, address: got.address, millis: got.millis, bytes: got.bytes, ..Evidence::default() };
        let reply = match &got.result {
            Ok(reply) => reply,
            Err(failure) => {
                evidence.note.clone_from(&failure.note);
                return self.found(lane, task, failure.finding, evidence, Master::default(), took);
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
            return self.found(lane, task, finding, evidence, Master { shown, ..Master::default() }, took);
        };
        let nothing = Truth::default();
        let truth = truths.get(&repo.id).unwrap_or(&nothing);
        if repo.pointer == Pointer::Image && !is_byte && matches!(reply.status, 400 | 403 | 405 | 501) {
            lane.pending = Some(Pending::FirstByte(task));
            return;
        }
        if self.targets.is_image(task.repo) {
            let (finding, note) = self.judge_image(task.repo, reply, is_byte, truth);
            let sha256 = truth.current().filter(|_| finding == Finding::Same).map(|shown| shown.sha256);
            evidence = Evidence { note, sha256, ..evidence };
            return self.found(lane, task, finding, evidence, Master::default(), took);
        }
        let judgement = classify::judge(reply, truth, repo.pointer);
        evidence.sha256 = judgement.sha256;
        evidence.note = judgement.note;
        if judgement.finding == Finding::Same
            && repo.pointer == Pointer::RepoMd
            && let Some(inspection) = self.inspection(lane, task, &reply.body)
        {
            lane.pending = Some(Pending::Deep(task, evidence, inspection));
            return;
        }
        self.found(lane, task, judgement.finding, evidence, Master::default(), took);
    }

    /// Holds a mirror's answer for an image or for a folder of images against the truth.
    fn judge_image(&self, repo: u32, reply: &Reply, is_byte: bool, truth: &Truth) -> (Finding, String) {
        match (self.targets.folders.get(&repo), truth.current()) {
            (Some(folder), _) => iso::judge_index(reply, &folder.names),
            (None, Some(shown)) if is_byte => iso::judge(&iso::as_head(reply), shown),
            (None, Some(shown)) => iso::judge(reply, shown),
            (None, None) => (Finding::Different, "no master has shown it".to_owned()),
        }
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
        master: Master,
        took: &mut Took,
    ) {
        let Master { shown, catalog } = master;
        let fate = lane.draw(task, finding, self.targets);
        let family = lane.family;
        took.spared.extend(fate.spared.into_iter().map(|task| (task, family)));
        let share = |task| Outcome {
            task,
            family,
            finding,
            evidence: evidence.clone(),
            shown: None,
            catalog: None,
            shared: true,
        };
        took.outcomes.extend(fate.shared.into_iter().map(share));
        // Nobody looked, if the want was ours.
        if finding.class() == Class::Unknown {
            took.spared.push((task, family));
        } else {
            took.outcomes.push(Outcome { task, family, finding, evidence, shown, catalog, shared: false });
        }
    }
}
