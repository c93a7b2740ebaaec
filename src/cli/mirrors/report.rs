//! What is told of mirrors. The JSON is made of these: its form is documented in `docs/crawling.md` and others
//! script against it, so fields may be added but not changed.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use serde::Serialize;

use crate::net::Family;
use crate::snapshot::DigestKind;
use crate::verdicts::{
    Catalog, Class, Evidence, Finding, MirrorId, RepoId, RepoKey, Run, Standing, State, StateError, Subject, Tally,
    Truth, Verdict,
};

/// Entries of the history told of each subject, the newest.
const HISTORY_TOLD_MAX: usize = 10;

/// All mirrors.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The crawl that began last.
    pub last_run: Option<RunReport>,
    /// By name.
    pub mirrors: Vec<MirrorLine>,
}

/// A crawl.
#[derive(Debug, Serialize)]
pub struct RunReport {
    pub started: u64,
    pub ended: Option<u64>,
    pub outcome: Option<&'static str>,
    pub note: String,
    pub mirrors: u64,
    pub good: u64,
    pub behind: u64,
    pub bad: u64,
    pub silent: u64,
    pub skipped: u64,
    pub requests: u64,
    pub bytes: u64,
}

/// One mirror among all.
#[derive(Debug, Serialize)]
pub struct MirrorLine {
    pub name: String,
    /// The last look at any of its repos; none when there was none.
    pub looked_at: Option<u64>,
    pub ipv4: Standings,
    pub ipv6: Standings,
    /// What is worst of all that was found; none when nothing is wrong.
    pub worst: Option<Found>,
}

/// How many subjects stand so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standings {
    #[serde(rename = "in")]
    pub good: u64,
    pub late: u64,
    pub out: u64,
}

/// A finding, and how many subjects it was found of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    pub finding: &'static str,
    pub meaning: &'static str,
    pub count: u64,
}

/// One mirror with all evidence.
#[derive(Debug, Serialize)]
pub struct MirrorReport {
    #[serde(flatten)]
    pub line: MirrorLine,
    /// All findings, the worst first.
    pub findings: Vec<Found>,
    /// By release, arch and name.
    pub repos: Vec<RepoReport>,
}

/// A repo on a mirror.
#[derive(Debug, Serialize)]
pub struct RepoReport {
    pub release: String,
    pub arch: String,
    pub repo: String,
    /// What the master has; none when it has never answered.
    pub master: Option<Master>,
    /// By family and protocol.
    pub verdicts: Vec<VerdictReport>,
}

/// What the master of a repo has.
#[derive(Debug, Serialize)]
pub struct Master {
    /// None of a folder of images, and of an image of which another digest is known.
    pub sha256: Option<String>,
    pub bytes: u64,
    pub timestamp: u64,
    /// Since when it has this.
    pub since: u64,
    pub answered: u64,
}

/// What is held of a subject.
#[derive(Debug, Serialize)]
pub struct VerdictReport {
    pub family: &'static str,
    pub protocol: &'static str,
    pub standing: &'static str,
    pub since: u64,
    pub behind_since: Option<u64>,
    #[serde(flatten)]
    pub look: Look,
    /// Looks that changed something, the newest first.
    pub history: Vec<PastLook>,
}

/// A look that changed something.
#[derive(Debug, Serialize)]
pub struct PastLook {
    pub standing: &'static str,
    #[serde(flatten)]
    pub look: Look,
}

/// What a look found.
#[derive(Debug, Serialize)]
pub struct Look {
    pub finding: &'static str,
    pub meaning: &'static str,
    pub at: u64,
    pub address: Option<IpAddr>,
    pub status: Option<u16>,
    pub bytes: u64,
    pub millis: u32,
    pub sha256: Option<String>,
    pub note: String,
}

impl Report {
    /// Of all mirrors, for all repos or one.
    pub fn of(state: &State, repo: Option<RepoId>) -> Result<Report, StateError> {
        let mut by_mirror: HashMap<MirrorId, Vec<Tally>> = HashMap::new();
        for tally in state.tallies(repo)? {
            by_mirror.entry(tally.mirror).or_default().push(tally);
        }
        let names: BTreeMap<String, MirrorId> = state.mirrors()?.into_iter().collect();
        let lines = names.into_iter().map(|(name, mirror)| {
            let tallies = by_mirror.remove(&mirror).unwrap_or_default();
            MirrorLine::of(name, &tallies)
        });
        Ok(Report { last_run: state.last_run()?.map(RunReport::of), mirrors: lines.collect() })
    }
}

impl RunReport {
    fn of(run: Run) -> RunReport {
        RunReport {
            started: run.started,
            ended: run.ended.map(|(at, _)| at),
            outcome: run.ended.map(|(_, outcome)| outcome.name()),
            note: run.note,
            mirrors: run.counts.mirrors,
            good: run.counts.good,
            behind: run.counts.behind,
            bad: run.counts.bad,
            silent: run.counts.silent,
            skipped: run.counts.skipped,
            requests: run.counts.requests,
            bytes: run.counts.bytes,
        }
    }
}

impl MirrorLine {
    fn of(name: String, tallies: &[Tally]) -> MirrorLine {
        let standings = |family: Family| {
            let mut standings = Standings::default();
            for tally in tallies.iter().filter(|tally| tally.family == family) {
                match tally.standing {
                    Standing::In => standings.good += tally.count,
                    Standing::Late => standings.late += tally.count,
                    Standing::Out => standings.out += tally.count,
                }
            }
            standings
        };
        let worst = findings(tallies).into_iter().next().filter(|found| found.finding != Finding::Same.name());
        MirrorLine {
            name,
            looked_at: tallies.iter().map(|tally| tally.looked_at).max(),
            ipv4: standings(Family::Ipv4),
            ipv6: standings(Family::Ipv6),
            worst,
        }
    }
}

/// All findings, the worst first: mirrors that cannot be talked to before those that answer otherwise than the master,
/// and of each kind the most frequent before the others.
fn findings(tallies: &[Tally]) -> Vec<Found> {
    let mut counts: BTreeMap<Finding, u64> = BTreeMap::new();
    for tally in tallies {
        *counts.entry(tally.finding).or_default() += tally.count;
    }
    let mut found: Vec<(Finding, u64)> = counts.into_iter().collect();
    found.sort_by_key(|&(finding, count)| (mildness(finding.class()), std::cmp::Reverse(count), finding));
    let told = found.into_iter().map(|(finding, count)| {
        let (finding, meaning) = (finding.name(), finding.explain());
        Found { finding, meaning, count }
    });
    told.collect()
}

fn mildness(class: Class) -> u8 {
    match class {
        Class::Silent => 0,
        Class::Bad => 1,
        Class::Behind => 2,
        Class::Unknown => 3,
        Class::Good => 4,
    }
}

impl MirrorReport {
    /// Of one mirror, for all repos or one.
    pub fn of(state: &State, name: &str, mirror: MirrorId, repo: Option<RepoId>) -> Result<MirrorReport, StateError> {
        let tallies: Vec<Tally> = state.tallies(repo)?.into_iter().filter(|tally| tally.mirror == mirror).collect();
        let (truths, catalogs) = (state.truths()?, state.catalogs()?);
        let ids = state.repos()?;
        let keys: HashMap<RepoId, RepoKey> = ids.iter().map(|(key, id)| (*id, key.clone())).collect();
        let catalog = |key: &RepoKey| {
            let [branch, kind, _] = key.image()?;
            catalogs.get(ids.get(&RepoKey::of_folder(branch, &key.release, kind, &key.arch))?)
        };
        let mut histories: HashMap<Subject, Vec<PastLook>> = HashMap::new();
        for past in state.history(mirror, repo, HISTORY_TOLD_MAX)? {
            let look = PastLook { standing: past.standing.name(), look: Look::of(past.finding, &past.evidence) };
            histories.entry(past.subject).or_default().push(look);
        }
        let mut repos: BTreeMap<RepoKey, RepoReport> = BTreeMap::new();
        for (subject, verdict) in state.verdicts_of(mirror, repo)? {
            // Foreign keys see to it that every repo has its names.
            let Some(key) = keys.get(&subject.repo) else { continue };
            let report = repos.entry(key.clone()).or_insert_with(|| RepoReport {
                release: key.release.clone(),
                arch: key.arch.clone(),
                repo: key.repo.clone(),
                master: match key.image() {
                    None => truths.get(&subject.repo).and_then(Master::of),
                    Some([_, _, file]) => catalog(key).and_then(|catalog| Master::of_image(catalog, file)),
                },
                verdicts: Vec::new(),
            });
            let history = histories.remove(&subject).unwrap_or_default();
            let mut told = VerdictReport::of(subject, &verdict, history);
            if key.is_image() {
                // That of no file: nobody has read one whole.
                let past = told.history.iter_mut().map(|past| &mut past.look);
                past.chain([&mut told.look]).for_each(|look| look.sha256 = None);
            }
            report.verdicts.push(told);
        }
        Ok(MirrorReport {
            line: MirrorLine::of(name.to_owned(), &tallies),
            findings: findings(&tallies),
            repos: repos.into_values().collect(),
        })
    }
}

impl Master {
    fn of(truth: &Truth) -> Option<Master> {
        let current = truth.current()?;
        Some(Master {
            sha256: Some(hex(&current.sha256)),
            bytes: current.bytes,
            timestamp: current.timestamp,
            since: truth.changed,
            answered: truth.answered,
        })
    }

    /// Of an image, or of the whole folder when `file` is empty.
    fn of_image(catalog: &Catalog, file: &str) -> Option<Master> {
        let image = catalog.images.get(file);
        if image.is_none() && !file.is_empty() {
            return None;
        }
        let digest = image.and_then(|image| image.digest.as_ref()).filter(|(kind, _)| *kind == DigestKind::Sha256);
        Some(Master {
            sha256: digest.map(|(_, digits)| digits.clone()),
            bytes: image.map_or_else(|| catalog.images.values().map(|image| image.bytes).sum(), |image| image.bytes),
            timestamp: image.and_then(|image| image.modified).unwrap_or_default(),
            since: catalog.changed,
            answered: catalog.answered,
        })
    }
}

impl VerdictReport {
    fn of(subject: Subject, verdict: &Verdict, history: Vec<PastLook>) -> VerdictReport {
        VerdictReport {
            family: subject.family.name(),
            protocol: subject.protocol.name(),
            standing: verdict.standing.name(),
            since: verdict.since,
            behind_since: Some(verdict.behind_since).filter(|&since| since != 0),
            look: Look::of(verdict.finding, &verdict.evidence),
            history,
        }
    }
}

impl Look {
    fn of(finding: Finding, evidence: &Evidence) -> Look {
        Look {
            finding: finding.name(),
            meaning: finding.explain(),
            at: evidence.at,
            address: evidence.address,
            status: evidence.status,
            bytes: evidence.bytes,
            millis: evidence.millis,
            sha256: evidence.sha256.map(|digest| hex(&digest)),
            note: evidence.note.clone(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
