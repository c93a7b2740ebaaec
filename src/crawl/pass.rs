//! One complete pass: masters, mirrors, whether to believe it, and only then what is kept.
//!
//! Nothing is kept before the end, and then all at once: a run of which it turns out that it says nothing must not have
//! changed anything, and nobody must plan from half of one. A pass of the largest size (144,000 looks) holds some 60 MB
//! that long.
//!
//! Lives here: the order of things. Not here: who is asked (`schedule`), by whom (`crew`), what answers mean (`look`).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::canaries;
use super::conclude;
use super::crew::Crew;
use super::fetch::Patience;
use super::lane::{Known, Lane, Task};
use super::look::{Look, Outcome, Took};
use super::report::{Progress, Report, Stage};
use super::schedule::{self, Basis};
use super::targets::Targets;
use crate::dice::Dice;
use crate::net::Family;
use crate::verdicts::{
    Catalog, Change, Class, Damping, Finding, Learned, MirrorId, Observation, RepoId, RepoKey, Standing, State,
    StateError, Subject, Truth, Verdict,
};

/// Ways to a master that are tried one after the other.
const WAYS_MAX: usize = 4;
/// Between two reports of how far it is, milliseconds: often enough for the eye, also when hardly anybody answers.
const TELL_MILLIS: u64 = 200;

/// How a pass is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Seed of all orders.
    pub seed: u64,
    /// How long requests to mirrors may take.
    pub patience: Patience,
    /// How long requests to masters may take.
    pub master_patience: Patience,
    /// How long a good verdict spares a look, seconds.
    pub fresh_seconds: u64,
    /// How long a master may be away before its truth is counted as old, seconds. It is used all the same.
    pub truth_seconds_max: u64,
    /// Answers that it has not, after which a door is spared.
    pub misses_max: u32,
    /// Deep checks of each door in a pass.
    pub inspections_per_door: u32,
    /// Files of one deep check at most.
    pub inspected_files_max: usize,
    /// Mirrors that are asked once more at the end, whether we can still hear.
    pub asked_again_max: usize,
    /// Mirrors of each tree, those that were good longest, that must not fail together with the master.
    pub canaries: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 0,
            patience: Patience::MIRROR,
            master_patience: Patience::MASTER,
            fresh_seconds: 3 * 86_400,
            truth_seconds_max: 7 * 86_400,
            misses_max: 3,
            inspections_per_door: 1,
            inspected_files_max: 4,
            asked_again_max: 5,
            canaries: 3,
        }
    }
}

/// What remembers from pass to pass.
pub trait Recorder {
    /// Number of a mirror.
    fn mirror(&mut self, name: &str) -> Result<MirrorId, StateError>;
    /// Number of a repo.
    fn repo(&mut self, key: &RepoKey) -> Result<RepoId, StateError>;
    /// What masters have shown.
    fn truths(&self) -> Result<HashMap<RepoId, Truth>, StateError>;
    /// All verdicts.
    fn verdicts(&self) -> Result<HashMap<Subject, Verdict>, StateError>;
    /// What masters have shown of folders of images.
    fn catalogs(&self) -> Result<HashMap<RepoId, Catalog>, StateError>;
    /// Keeps what a pass found, all of it or nothing: what masters have shown, and what was observed of mirrors.
    /// Returns what that changed.
    fn keep(&mut self, learned: &Learned<'_>, observations: &[Observation]) -> Result<Vec<Change>, StateError>;
}

/// The state, with the damping that observations change its verdicts by.
pub struct Kept<'a> {
    /// The state.
    pub state: &'a mut State,
    /// The damping.
    pub damping: Damping,
}

impl Recorder for Kept<'_> {
    fn mirror(&mut self, name: &str) -> Result<MirrorId, StateError> {
        self.state.mirror(name)
    }

    fn repo(&mut self, key: &RepoKey) -> Result<RepoId, StateError> {
        self.state.repo(key)
    }

    fn truths(&self) -> Result<HashMap<RepoId, Truth>, StateError> {
        self.state.truths()
    }

    fn verdicts(&self) -> Result<HashMap<Subject, Verdict>, StateError> {
        self.state.verdicts()
    }

    fn catalogs(&self) -> Result<HashMap<RepoId, Catalog>, StateError> {
        self.state.catalogs()
    }

    fn keep(&mut self, learned: &Learned<'_>, observations: &[Observation]) -> Result<Vec<Change>, StateError> {
        self.state.keep(learned, observations, &self.damping)
    }
}

/// Makes one complete pass over `targets` and keeps what it found, if it can be believed.
///
/// `progress` hears of it a few times a second while somebody answers, and at the beginning and end of each stage.
pub fn run(
    targets: &Targets,
    recorder: &mut dyn Recorder,
    crew: &mut dyn Crew,
    options: &Options,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Report, StateError> {
    let truths = recorder.truths()?;
    let verdicts = recorder.verdicts()?;
    let catalogs = recorder.catalogs()?;
    let mut pass = Pass {
        targets: targets.clone(),
        options,
        crew,
        progress,
        dice: Dice::new(options.seed),
        began_millis: 0,
        truths,
        catalogs,
        learned: HashSet::new(),
        outcomes: Vec::new(),
        report: Report::default(),
    };
    pass.began_millis = pass.crew.now_millis();
    pass.ask_masters();
    pass.add_images(recorder)?;
    pass.ask_mirrors(&verdicts);
    pass.ask_masters_again();
    pass.close(&verdicts);
    pass.keep(recorder)?;
    Ok(pass.report)
}

/// A pass on its way.
struct Pass<'a> {
    /// With the images that masters have shown.
    targets: Targets,
    options: &'a Options,
    crew: &'a mut dyn Crew,
    progress: &'a mut dyn FnMut(&Progress),
    dice: Dice,
    began_millis: u64,
    /// What mirrors are held against. Those of images are made of catalogs.
    truths: HashMap<RepoId, Truth>,
    catalogs: HashMap<RepoId, Catalog>,
    /// Indices of repos and folders of images whose master has shown something in this pass.
    learned: HashSet<u32>,
    outcomes: Vec<Outcome>,
    report: Report,
}

impl Pass<'_> {
    fn now(&self) -> u64 {
        self.crew.now_millis() / 1000
    }

    /// Walks lanes, counts, and tells how far it is. What is found goes to `take`.
    fn walk(&mut self, stage: Stage, lanes: Vec<Lane>, masters: bool, take: &mut dyn FnMut(Outcome)) {
        let options = self.options;
        let look = Look {
            targets: &self.targets,
            truths: (!masters).then_some(&self.truths),
            patience: if masters { options.master_patience } else { options.patience },
            inspections_per_door: if stage == Stage::Mirrors { options.inspections_per_door } else { 0 },
            inspected_files_max: options.inspected_files_max,
            seed: options.seed,
        };
        let began = self.crew.now_millis();
        let mut told_at = began;
        let mut told = Progress {
            stage,
            done: 0,
            total: lanes.iter().map(|lane| lane.len() as u64).sum(),
            good: 0,
            bad: 0,
            requests: 0,
            bytes: 0,
            took: Duration::ZERO,
        };
        (self.progress)(&told);
        let (report, progress, repos, doors) =
            (&mut self.report, &mut *self.progress, &self.targets.repos, &self.targets.doors);
        self.crew.walk(lanes, &look, &mut |took: Took| {
            told.requests += 1;
            told.bytes += took.bytes;
            told.done += (took.outcomes.len() + took.spared.len()) as u64;
            for outcome in took.outcomes {
                let good = matches!(outcome.finding.class(), Class::Good | Class::Behind);
                told.good += u64::from(good);
                told.bad += u64::from(!good);
                take(outcome);
            }
            for (task, _) in took.spared.iter().filter(|_| stage == Stage::Mirrors) {
                report.findings[Finding::Discarded as usize] += 1;
                report.repos.entry(repos[task.repo as usize].key.clone()).or_default().spared += 1;
                report.mirrors.entry(doors[task.door as usize].name.clone()).or_default().spared += 1;
            }
            if took.at_millis.saturating_sub(told_at) >= TELL_MILLIS {
                told_at = took.at_millis;
                told.took = Duration::from_millis(took.at_millis.saturating_sub(began));
                progress(&told);
            }
        });
        told.took = Duration::from_millis(self.crew.now_millis().saturating_sub(began));
        // What waited for a doubt that never came is done, too.
        told.total = told.total.max(told.done);
        (self.progress)(&told);
        self.report.requests += told.requests;
        self.report.bytes += told.bytes;
    }

    /// Asks masters for `repos` (indices), by one way after the other until each has shown something. What each that
    /// has shown nothing did instead.
    fn ask_masters_for(&mut self, stage: Stage, repos: Vec<u32>) -> HashMap<u32, Finding> {
        let ways = self.targets.masters();
        let mut failed: HashMap<u32, Finding> = repos.iter().map(|&repo| (repo, Finding::NotResolved)).collect();
        for way in 0..WAYS_MAX {
            let mut asked: Vec<(u32, u32, Family)> = failed
                .keys()
                .filter_map(|&repo| ways[repo as usize].get(way).map(|&(door, family)| (repo, door, family)))
                .collect();
            if asked.is_empty() {
                break;
            }
            asked.sort_unstable();
            let lanes = schedule::master_lanes(&self.targets, &asked, u32::MAX);
            let mut found = Vec::new();
            self.walk(stage, lanes, true, &mut |outcome| found.push(outcome));
            for outcome in found {
                let repo = outcome.task.repo;
                let entry = &self.targets.repos[repo as usize];
                let changed = match (outcome.shown, outcome.catalog) {
                    (Some(shown), _) => {
                        let now = shown.last_seen;
                        self.truths.entry(entry.id).or_default().show(shown, now).invalidates()
                    }
                    (None, Some(mut catalog)) => {
                        let changed = catalog.follow(self.catalogs.get(&entry.id));
                        self.catalogs.insert(entry.id, catalog);
                        changed
                    }
                    (None, None) => {
                        failed.insert(repo, outcome.finding);
                        continue;
                    }
                };
                failed.remove(&repo);
                if changed && !self.report.changed.contains(&entry.key) {
                    self.report.changed.push(entry.key.clone());
                }
                self.learned.insert(repo);
            }
        }
        failed
    }

    fn ask_masters(&mut self) {
        let failed = self.ask_masters_for(Stage::Masters, (0..self.targets.repos.len() as u32).collect());
        let now = self.now();
        for (repo, finding) in failed {
            let entry = &self.targets.repos[repo as usize];
            self.report.without_master.insert(entry.key.clone(), finding);
            let truth = self.truths.get(&entry.id).filter(|truth| truth.current().is_some());
            let answered = truth.map(|truth| truth.answered);
            match answered.or(self.catalogs.get(&entry.id).map(|catalog| catalog.answered)) {
                None => self.report.truths_missing += 1,
                Some(answered) if now.saturating_sub(answered) > self.options.truth_seconds_max => {
                    self.report.truths_old += 1;
                }
                Some(_) => {}
            }
        }
        self.report.changed.sort();
    }

    /// Adds the images that masters have shown, now or before, to what mirrors are asked for.
    fn add_images(&mut self, recorder: &mut dyn Recorder) -> Result<(), StateError> {
        let folders: Vec<u32> = self.targets.folders.keys().copied().collect();
        for folder in folders {
            let Some(catalog) = self.catalogs.get(&self.targets.repos[folder as usize].id) else { continue };
            self.truths.insert(self.targets.repos[folder as usize].id, catalog.truth());
            let first = self.targets.repos.len();
            self.targets.add_images(folder, catalog, recorder)?;
            for image in &self.targets.repos[first..] {
                if let Some(original) = catalog.images.get(&image.file) {
                    self.truths.insert(image.id, original.truth(catalog));
                }
            }
        }
        Ok(())
    }

    fn ask_mirrors(&mut self, verdicts: &HashMap<Subject, Verdict>) {
        let basis = Basis {
            targets: &self.targets,
            truths: &self.truths,
            verdicts,
            now: self.crew.now_millis() / 1000,
            fresh_seconds: self.options.fresh_seconds,
            misses_max: self.options.misses_max,
        };
        let lanes = basis.mirror_lanes(&mut self.dice);
        let mut kept: HashSet<(Family, u32, u32)> =
            lanes.iter().flat_map(|lane| lane.kept().iter().map(|task| (lane.family, task.door, task.repo))).collect();
        let mut outcomes = Vec::new();
        self.walk(Stage::Mirrors, lanes, false, &mut |outcome| outcomes.push(outcome));
        for outcome in &outcomes {
            kept.remove(&(outcome.family, outcome.task.door, outcome.task.repo));
        }
        for (_, door, repo) in kept {
            let (door, repo) = (&self.targets.doors[door as usize], &self.targets.repos[repo as usize]);
            self.report.repos.entry(repo.key.clone()).or_default().kept += 1;
            self.report.mirrors.entry(door.name.clone()).or_default().kept += 1;
        }
        self.outcomes = outcomes;
    }

    /// A mirror with something newer than the master's may have it from the master, which has changed since it was
    /// asked: then it is the truth that is late. What was found is held against the new one.
    fn ask_masters_again(&mut self) {
        let unknown = |outcome: &&Outcome| matches!(outcome.finding, Finding::Newer | Finding::Different);
        let mut repos: Vec<u32> = self.outcomes.iter().filter(unknown).map(|outcome| outcome.task.repo).collect();
        repos.sort_unstable();
        repos.dedup();
        repos.retain(|repo| self.learned.contains(repo) && !self.targets.is_image(*repo));
        let before: HashMap<u32, _> = repos.iter().map(|&repo| (repo, self.current(repo))).collect();
        self.ask_masters_for(Stage::Closing, repos);
        let changed: HashSet<u32> =
            before.iter().filter(|(repo, digest)| self.current(**repo) != **digest).map(|(repo, _)| *repo).collect();
        for outcome in self.outcomes.iter_mut().filter(|outcome| changed.contains(&outcome.task.repo)) {
            let truth = &self.truths[&self.targets.repos[outcome.task.repo as usize].id];
            let age = outcome.evidence.sha256.and_then(|digest| truth.find(&digest)).map(|(age, _)| age);
            outcome.finding = match (age, outcome.finding) {
                (_, finding @ Finding::Inconsistent) => finding,
                (Some(0), _) => Finding::Same,
                (Some(_), _) => Finding::Behind,
                (None, finding) => finding,
            };
        }
    }

    fn current(&self, repo: u32) -> Option<[u8; 32]> {
        let truth = self.truths.get(&self.targets.repos[repo as usize].id)?;
        truth.current().map(|shown| shown.sha256)
    }

    /// Judges whether each family can be believed.
    fn close(&mut self, verdicts: &HashMap<Subject, Verdict>) {
        let good: HashSet<(Family, MirrorId)> = verdicts
            .iter()
            .filter(|(_, verdict)| verdict.standing == Standing::In)
            .map(|(subject, _)| (subject.family, subject.mirror))
            .collect();
        for (at, family) in Family::ALL.into_iter().enumerate() {
            let showing = conclude::showing(self.outcomes.iter(), &self.targets, family);
            let mut report =
                conclude::judge(&showing, |mirror| good.contains(&(family, mirror)), !self.learned.is_empty());
            let silence = showing.values().any(|shown| shown.silent);
            if report.inconclusive.is_none() && silence && self.options.asked_again_max > 0 {
                report.inconclusive = self.ask_again(family);
            }
            self.report.families[at] = report;
        }
        let (outcomes, silent) = (self.outcomes.iter(), &self.report.without_master);
        self.report.failed_canaries =
            canaries::failed(&self.targets, outcomes, verdicts, silent, self.options.canaries);
    }

    /// Asks some of those that answered once more: when all of them are silent now, we have gone deaf on the way, and
    /// nobody knows since when.
    fn ask_again(&mut self, family: Family) -> Option<String> {
        let mut asked: Vec<Task> = Vec::new();
        let mut chosen = HashSet::new();
        for outcome in self.outcomes.iter().filter(|outcome| outcome.family == family) {
            let mirror = self.targets.doors[outcome.task.door as usize].mirror;
            if outcome.finding.class() != Class::Silent && chosen.insert(mirror) {
                asked.push(outcome.task);
            }
        }
        self.dice.shuffle(&mut asked);
        asked.truncate(self.options.asked_again_max);
        if asked.is_empty() {
            return None;
        }
        let one = |(at, &task): (usize, &Task)| {
            let task = Task { known: Known::Unknown, ..task };
            Lane::new(at as u32, family, [task].into(), Vec::new(), u32::MAX)
        };
        let lanes = asked.iter().enumerate().map(one).collect();
        let mut heard = 0;
        self.walk(Stage::Closing, lanes, false, &mut |outcome| {
            heard += u32::from(outcome.finding.class() != Class::Silent);
        });
        (heard == 0).then(|| format!("{} mirrors that answered in this run no longer do", asked.len()))
    }

    /// Keeps what can be believed.
    fn keep(&mut self, recorder: &mut dyn Recorder) -> Result<(), StateError> {
        let outcomes = std::mem::take(&mut self.outcomes);
        for outcome in &outcomes {
            self.report.findings[outcome.finding as usize] += 1;
            let (door, repo) =
                (&self.targets.doors[outcome.task.door as usize], &self.targets.repos[outcome.task.repo as usize]);
            self.report.repos.entry(repo.key.clone()).or_default().add(outcome.finding);
            self.report.mirrors.entry(door.name.clone()).or_default().add(outcome.finding);
        }
        self.report.seconds = self.crew.now_millis().saturating_sub(self.began_millis) / 1000;
        let mut learned = Learned::default();
        if !self.report.is_inconclusive() {
            let mut ids: Vec<RepoId> = self.learned.iter().map(|&repo| self.targets.repos[repo as usize].id).collect();
            ids.sort_unstable_by_key(|id| id.0);
            for id in ids {
                match self.catalogs.get(&id) {
                    Some(catalog) => learned.catalogs.push((id, catalog)),
                    None => learned.truths.push((id, &self.truths[&id])),
                }
            }
        }
        let believed = |family| self.report.family(family).inconclusive.is_none();
        let believed = Family::ALL.map(believed);
        let mut observations = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            let door = &self.targets.doors[outcome.task.door as usize];
            let Some(mirror) = door.mirror.filter(|_| believed[usize::from(outcome.family == Family::Ipv6)]) else {
                continue;
            };
            let repo = self.targets.repos[outcome.task.repo as usize].id;
            let subject = Subject { mirror, repo, family: outcome.family, protocol: door.protocol };
            observations.push(Observation { subject, finding: outcome.finding, evidence: outcome.evidence });
        }
        observations.sort_by_key(|one| (one.subject.mirror.0, one.subject.repo.0));
        if !learned.is_empty() || !observations.is_empty() {
            self.report.changes = recorder.keep(&learned, &observations)?;
            self.report.observed = observations.len() as u64;
        }
        Ok(())
    }
}
