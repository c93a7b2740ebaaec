//! Canaries: the master of a tree and the mirrors that were good longest. When all of them fail in one pass, it is
//! likelier that we are wrong than that they are, and what follows from the pass should not be published.
//!
//! Lives here: who is a canary, and whether all of them fail. Not here: whether we can hear at all (`conclude`: then
//! nothing is even kept), and what follows from failed canaries (the guard's).
//!
//! A master fails when it shows nothing of any repo of its tree; a mirror, when whatever was asked of it in that tree
//! shows something else than the master's current or older metadata.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::classify::Pointer;
use super::look::Outcome;
use super::targets::Targets;
use crate::verdicts::{Class, Finding, MirrorId, RepoKey, Standing, Subject, Verdict};

/// What one mirror has shown of one tree in a pass.
struct Shown<'a> {
    name: &'a str,
    is_well: bool,
    /// The first thing that was found.
    finding: Finding,
}

/// Trees whose canaries have all failed, a sentence for each. `verdicts`: those before the pass; `silent`: repos whose
/// master has shown nothing in it; `count_max`: mirrors of each tree that are canaries, 0 for no judgement.
pub fn failed<'a>(
    targets: &Targets,
    outcomes: impl Iterator<Item = &'a Outcome>,
    verdicts: &HashMap<Subject, Verdict>,
    silent: &BTreeMap<RepoKey, Finding>,
    count_max: usize,
) -> Vec<String> {
    let mut trees: BTreeMap<&str, Option<Finding>> = BTreeMap::new();
    let mut with_answer = HashSet::new();
    // Nobody asks a master for an image by itself.
    for repo in targets.repos.iter().filter(|repo| repo.pointer != Pointer::Image) {
        match silent.get(&repo.key) {
            Some(finding) => drop(trees.entry(&repo.tree).or_default().get_or_insert(*finding)),
            None => drop(with_answer.insert(repo.tree.as_str())),
        }
    }
    trees.retain(|tree, _| !with_answer.contains(tree));
    if trees.is_empty() || count_max == 0 {
        return Vec::new();
    }
    let mut shown: HashMap<(&str, MirrorId), Shown<'_>> = HashMap::new();
    for outcome in outcomes {
        let door = &targets.doors[outcome.task.door as usize];
        let Some(mirror) = door.mirror else { continue };
        let finding = outcome.finding;
        let one = shown.entry((&door.tree, mirror)).or_insert(Shown { name: &door.name, is_well: false, finding });
        one.is_well |= matches!(finding.class(), Class::Good | Class::Behind);
    }
    let good_since = good_since(targets, verdicts);
    let mut sentences = Vec::new();
    for (tree, master) in trees {
        let mut known: Vec<(u64, MirrorId)> = good_since
            .iter()
            .filter(|((of, mirror), _)| *of == tree && shown.contains_key(&(tree, *mirror)))
            .map(|((_, mirror), since)| (*since, *mirror))
            .collect();
        known.sort_unstable();
        known.truncate(count_max);
        let canaries: Vec<&Shown<'_>> = known.iter().filter_map(|(_, mirror)| shown.get(&(tree, *mirror))).collect();
        if canaries.is_empty() || canaries.iter().any(|canary| canary.is_well) {
            continue;
        }
        let master = master.map_or("silent", Finding::name);
        let names: Vec<String> =
            canaries.iter().map(|canary| format!("{} ({})", canary.name, canary.finding.name())).collect();
        sentences.push(format!("tree {tree}: the master ({master}), {}", names.join(", ")));
    }
    sentences
}

/// Since when each mirror has been good for some repo of each tree, seconds since 1970.
fn good_since<'a>(targets: &'a Targets, verdicts: &HashMap<Subject, Verdict>) -> HashMap<(&'a str, MirrorId), u64> {
    let tree_of: HashMap<_, &str> = targets.repos.iter().map(|repo| (repo.id, repo.tree.as_str())).collect();
    let mut since: HashMap<(&str, MirrorId), u64> = HashMap::new();
    for (subject, verdict) in verdicts.iter().filter(|(_, verdict)| verdict.standing == Standing::In) {
        let Some(tree) = tree_of.get(&subject.repo) else { continue };
        let first = since.entry((tree, subject.mirror)).or_insert(verdict.since);
        *first = verdict.since.min(*first);
    }
    since
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crawl::classify::Pointer;
    use crate::crawl::lane::{Known, Task};
    use crate::crawl::targets::{Door, Repo};
    use crate::net::{Family, Protocol};
    use crate::verdicts::{Evidence, RepoId};

    /// Two repos of a tree and one of another; mirrors `m0`… with doors of their number.
    fn targets(mirror_count: u32) -> Targets {
        let repo = |at: u32, tree: &str| Repo {
            id: RepoId(at),
            key: RepoKey { release: "9".into(), arch: "x86_64".into(), repo: format!("r{at}") },
            tree: tree.into(),
            dir: String::new(),
            pointer: Pointer::RepoMd,
            file: "repodata/repomd.xml".into(),
        };
        let door = |at: u32| Door {
            name: format!("m{at}"),
            mirror: Some(MirrorId(at)),
            tree: "a".into(),
            protocol: Protocol::Http,
            base: format!("http://m{at}/"),
            host: format!("m{at}"),
            authority: format!("m{at}"),
            families: Family::ALL.to_vec(),
            master: false,
        };
        let repos = vec![repo(0, "a"), repo(1, "a"), repo(2, "b")];
        Targets { repos, doors: (0..mirror_count).map(door).collect(), ..Targets::default() }
    }

    fn outcome(door: u32, finding: Finding) -> Outcome {
        let task = Task { door, repo: 0, known: Known::Unknown };
        Outcome {
            task,
            family: Family::Ipv4,
            finding,
            evidence: Evidence::default(),
            shown: None,
            catalog: None,
            shared: false,
        }
    }

    /// Each mirror is good since its number.
    fn verdicts(mirror_count: u32) -> HashMap<Subject, Verdict> {
        let verdict = |at: u32| Verdict {
            standing: Standing::In,
            since: u64::from(at),
            finding: Finding::Same,
            evidence: Evidence::default(),
            looks: 0,
            look_count: 0,
            behind_since: 0,
        };
        let subject =
            |at| Subject { mirror: MirrorId(at), repo: RepoId(0), family: Family::Ipv4, protocol: Protocol::Http };
        (0..mirror_count).map(|at| (subject(at), verdict(at))).collect()
    }

    fn silent(targets: &Targets, repos: &[usize]) -> BTreeMap<RepoKey, Finding> {
        repos.iter().map(|&at| (targets.repos[at].key.clone(), Finding::TimedOut)).collect()
    }

    #[test]
    fn all_must_fail_together() {
        use Finding::*;
        let targets = targets(5);
        let told = |findings: &[Finding], masters: &[usize], count_max| {
            let outcomes: Vec<Outcome> = (0..).zip(findings).map(|(door, &finding)| outcome(door, finding)).collect();
            failed(&targets, outcomes.iter(), &verdicts(5), &silent(&targets, masters), count_max)
        };
        let oldest_fail = [Newer, Refused, Missing, Same, Same];
        assert_eq!(
            told(&oldest_fail, &[0, 1], 3),
            ["tree a: the master (timed_out), m0 (newer), m1 (refused), m2 (missing)"]
        );
        assert!(told(&oldest_fail, &[0, 1], 4).is_empty(), "the fourth is well");
        assert!(told(&oldest_fail, &[0, 1], 0).is_empty(), "nobody is to judge");
        assert!(told(&oldest_fail, &[0], 3).is_empty(), "the master shows one of its repos");
        assert!(told(&oldest_fail, &[2], 3).is_empty(), "it is the master of another tree");
        assert!(told(&[Newer, Behind, Missing, Same, Same], &[0, 1], 3).is_empty(), "to be behind is not to fail");
        assert_eq!(told(&[Newer], &[0, 1], 3).len(), 1, "of those that were asked");
        assert!(told(&[], &[0, 1], 3).is_empty(), "nobody was asked");
    }

    #[test]
    fn mirrors_that_were_never_good_are_no_canaries() {
        let targets = targets(2);
        let outcomes = [outcome(0, Finding::TimedOut), outcome(1, Finding::TimedOut)];
        let silent = silent(&targets, &[0, 1]);
        assert!(failed(&targets, outcomes.iter(), &HashMap::new(), &silent, 3).is_empty());
        let twice = [outcome(0, Finding::TimedOut), outcome(0, Finding::Same)];
        assert!(failed(&targets, twice.iter(), &verdicts(1), &silent, 3).is_empty(), "one way to it is well");
    }
}
