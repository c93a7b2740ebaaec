//! One cycle: a pass over all mirrors, what was found kept, and a snapshot planned from it and published.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::publication::Publication;
use super::sources::{SourcesError, lists_folder};
use crate::config::Config;
use crate::crawl::{self, Dialer, Kept, Options, Progress, Report, Targets, Threads};
use crate::inventory::{self, Problem};
use crate::net::Family;
use crate::plan::guard::{Minimums, Refusal};
use crate::snapshot::{Generation, Store};
use crate::upstream::Allowed;
use crate::verdicts::{Change, Class, Damping, Keep, MirrorId, RepoId, RunCounts, RunOutcome, Standing, State};

/// What a cycle came to.
pub struct Cycle {
    /// What the pass was.
    pub report: Report,
    /// A line for each change of a mirror's standing, for logs.
    pub changes: Vec<String>,
    /// What was published.
    pub outcome: Outcome,
}

/// What was published after a pass.
#[derive(Debug)]
pub enum Outcome {
    /// A new generation.
    Published(Generation),
    /// Nothing: it would have been what is in use.
    Unchanged(Generation),
    /// Nothing: the guard refused, with these reasons.
    Refused(Vec<Refusal>),
    /// Nothing: the pass says nothing of the mirrors, because we could not hear.
    Inconclusive(Vec<String>),
}

/// Makes one cycle of what the configuration names. `force`: publish in spite of the guard.
///
/// `report`: hears of problems in the lists; with any of them nothing is crawled. `progress`: hears how far the pass
/// is.
pub fn run(
    config: &Config,
    force: bool,
    report: &mut dyn FnMut(&Problem),
    progress: &mut dyn FnMut(&Progress),
) -> Result<Cycle, SourcesError> {
    let folder = config.state.as_deref().ok_or(SourcesError::NoState)?;
    let lists = lists_folder(config).ok_or(SourcesError::NoLists)?;
    let mut reading = inventory::read(&lists)?;
    reading.problems.iter().for_each(report);
    if !reading.problems.is_empty() {
        let count = reading.problems.len();
        return Err(SourcesError::Problems { count, first: Box::new(reading.problems.swap_remove(0)) });
    }
    let (crawled, changes) = pass(config, folder, &reading.inventory, progress)?;
    if crawled.is_inconclusive() {
        let mut reasons = inconclusive(&crawled);
        if reasons.is_empty() {
            reasons.push("no master has ever answered, so no mirror was asked".to_owned());
        }
        return Ok(Cycle { report: crawled, changes, outcome: Outcome::Inconclusive(reasons) });
    }
    let publication = Publication::plan(&reading.inventory, Some(folder), &minimums(config))?;
    if !publication.decision.refusals.is_empty() && !force {
        let outcome = Outcome::Refused(publication.decision.refusals);
        return Ok(Cycle { report: crawled, changes, outcome });
    }
    let (generation, is_new) = Store::new(folder).publish(&publication.bytes)?;
    let outcome = if is_new { Outcome::Published(generation) } else { Outcome::Unchanged(generation) };
    Ok(Cycle { report: crawled, changes, outcome })
}

/// The guard's minimums, as configured.
pub fn minimums(config: &Config) -> Minimums {
    Minimums { mirror_count: config.crawl.mirrors_min, repo_count: config.crawl.repos_min }
}

fn pass(
    config: &Config,
    folder: &Path,
    inventory: &inventory::Inventory,
    progress: &mut dyn FnMut(&Progress),
) -> Result<(Report, Vec<String>), SourcesError> {
    let settings = &config.crawl;
    let mut state = State::open(folder)?;
    state.thin(unix_seconds(), Keep::default())?;
    let run = state.begin_run(unix_seconds())?;
    let damping = Damping {
        leave_after: settings.leave_after,
        window: settings.window,
        return_after: settings.return_after,
        behind_seconds_max: settings.behind_seconds_max,
    };
    let mut kept = Kept { state: &mut state, damping };
    let targets = Targets::of(inventory, &mut kept)?;
    let allowed = Allowed::new(settings.internal.clone());
    let dialer = Dialer::new(settings.contact.as_deref(), allowed, settings.roots.as_deref())?;
    let mut crew = Threads::new(&dialer, settings.threads);
    let options = Options { seed: seed(), canaries: settings.canaries, ..Options::default() };
    let report = crawl::run(&targets, &mut kept, &mut crew, &options, progress)?;
    let (outcome, note) = if report.is_inconclusive() {
        (RunOutcome::Inconclusive, inconclusive(&report))
    } else if !report.failed_canaries.is_empty() {
        (RunOutcome::Doubted, report.failed_canaries.clone())
    } else {
        (RunOutcome::Complete, inconclusive(&report))
    };
    let counts = RunCounts {
        mirrors: report.mirrors.len() as u64,
        good: report.class_count(Class::Good),
        behind: report.class_count(Class::Behind),
        bad: report.class_count(Class::Bad),
        silent: report.class_count(Class::Silent),
        skipped: report.class_count(Class::Unknown),
        requests: report.requests,
        bytes: report.bytes,
    };
    state.end_run(run, unix_seconds(), outcome, &counts, &note.join("; "))?;
    let changes = change_lines(&state, &report.changes)?;
    Ok((report, changes))
}

/// One line for all repos of a mirror that changed in one way, and one for all its images; the mirror first.
fn change_lines(state: &State, changes: &[Change]) -> Result<Vec<String>, SourcesError> {
    let names: HashMap<MirrorId, String> = state.mirrors()?.into_iter().map(|(name, id)| (id, name)).collect();
    let is_image: HashMap<RepoId, bool> = state.repos()?.into_iter().map(|(key, id)| (id, key.is_image())).collect();
    let mut counts: BTreeMap<(String, bool), u32> = BTreeMap::new();
    for Change { subject, before, after } in changes {
        let was = before.map(|(standing, _)| standing);
        // That a new mirror is good is no news; that one is in the lists for another reason is none either.
        if was == Some(after.standing) || was.is_none() && after.standing == Standing::In {
            continue;
        }
        let name = names.get(&subject.mirror).map_or("?", String::as_str);
        let line = format!(
            "mirror={name} family={} protocol={} state={} was={} finding={}",
            subject.family,
            subject.protocol,
            standing_name(Some(after.standing)),
            standing_name(was),
            after.finding.name()
        );
        let is_image = is_image.get(&subject.repo).copied().unwrap_or_default();
        *counts.entry((line, is_image)).or_default() += 1;
    }
    let told = counts.into_iter().map(|((line, is_image), count)| match is_image {
        false => format!("{line} repos={count}"),
        true => format!("{line} images={count}"),
    });
    Ok(told.collect())
}

fn standing_name(standing: Option<Standing>) -> &'static str {
    match standing {
        Some(Standing::In) => "in",
        Some(Standing::Late) => "late",
        Some(Standing::Out) => "out",
        None => "new",
    }
}

/// Why what was found over a family is not believed.
pub fn inconclusive(report: &Report) -> Vec<String> {
    let why = |family: Family| Some(format!("{family}: {}", report.family(family).inconclusive.as_ref()?));
    Family::ALL.into_iter().filter_map(why).collect()
}

/// Another order of mirrors for every pass.
fn seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
