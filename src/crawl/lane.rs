//! `Lane`: one host over one family, asked for one thing after the other.
//!
//! A host has one lane for each family, and a lane waits for one answer at a time: so no host ever has more than two
//! requests at a time, one of which it gets over each family.
//!
//! Lives here: what is asked next, and what an answer means for the rest of the lane. Not here: what an answer means
//! for what was asked (`classify`), who makes the lanes (`schedule`), who walks them (`crew`).

use std::collections::{HashMap, VecDeque};

use super::deep::Inspection;
use super::survey::Survey;
use super::targets::{Door, Targets};
use crate::net::Family;
use crate::verdicts::{Class, Evidence, Finding};

/// What is held of something before it is looked at, in the order of looking: what lists rely on comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// Lists may name it.
    Good,
    /// Nobody has looked.
    Unknown,
    /// Lists may not name it.
    Bad,
}

/// One thing to look at: a repo behind a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Index of the door.
    pub door: u32,
    /// Index of the repo.
    pub repo: u32,
    /// What is held of it.
    pub known: Known,
}

/// What was asked and not yet answered.
#[derive(Clone, Debug)]
pub enum Pending {
    /// The file that tells a repo's state.
    Pointer(Task),
    /// The first byte of an image, at a server that does not answer HEAD.
    FirstByte(Task),
    /// What a master has in a folder of images.
    Survey(Task, Survey),
    /// A file that this file names; the evidence is that of the file.
    Deep(Task, Evidence, Inspection),
}

/// What a door has answered in this run.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    good: u32,
    misses: u32,
    inspected: u32,
}

/// What an answer means for the rest of a lane.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// They share the finding: nobody needs to ask for them.
    pub shared: Vec<Task>,
    /// They are left alone in this run, and nothing is known of them.
    pub spared: Vec<Task>,
}

/// One host over one family.
#[derive(Debug)]
pub struct Lane {
    /// Its number, which its connections go by.
    pub number: u32,
    /// The family.
    pub family: Family,
    /// What was asked and not yet answered.
    pub pending: Option<Pending>,
    queue: VecDeque<Task>,
    /// What need not be asked for, because it was not long ago; unless something is wrong with the mirror.
    kept: Vec<Task>,
    /// By door, for repos and for images apart: a mirror may carry either.
    records: HashMap<(u32, bool), Record>,
    misses_max: u32,
}

impl Lane {
    /// A lane that asks for `queue` in its order and spares doors after `misses_max` answers that it has not.
    pub fn new(number: u32, family: Family, queue: VecDeque<Task>, kept: Vec<Task>, misses_max: u32) -> Lane {
        Lane { number, family, pending: None, queue, kept, records: HashMap::new(), misses_max }
    }

    /// How many things there are to ask for.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// What need not be asked for.
    pub fn kept(&self) -> &[Task] {
        &self.kept
    }

    /// What is to be asked for next.
    pub fn next(&mut self) -> Option<Task> {
        self.queue.pop_front()
    }

    /// Whether a door may be inspected once more; it then counts as inspected, unless `inspect_again` says otherwise.
    pub fn may_inspect(&mut self, door: u32, per_door: u32) -> bool {
        let record = self.records.entry((door, false)).or_default();
        let may = record.inspected < per_door;
        record.inspected += u32::from(may);
        may
    }

    /// Where one thing is inconsistent there may be more: the door may be inspected once more.
    pub fn inspect_again(&mut self, door: u32) {
        let record = self.records.entry((door, false)).or_default();
        record.inspected = record.inspected.saturating_sub(1);
    }

    /// Draws from a finding what it means for the rest.
    pub fn draw(&mut self, task: Task, finding: Finding, targets: &Targets) -> Fate {
        let mut fate = Fate::default();
        let is_image = targets.is_image(task.repo);
        let record = self.records.entry((task.door, is_image)).or_default();
        match finding.class() {
            Class::Silent => {
                let door = &targets.doors[task.door as usize];
                let shares = |other: &Task| fate_is_shared(finding, door, &targets.doors[other.door as usize]);
                fate.shared = self.queue.iter().chain(&self.kept).filter(|other| shares(other)).copied().collect();
                self.queue.retain(|other| !shares(other));
                self.kept.retain(|other| !shares(other));
            }
            Class::Good | Class::Behind => record.good += 1,
            Class::Bad => {
                use Finding::*;
                let miss = matches!(finding, Missing | Forbidden | Redirected | ServerError);
                record.misses += u32::from(miss);
                let spent = record.good == 0 && record.misses >= self.misses_max;
                if task.known == Known::Good {
                    // What was believed of this door is in doubt: all of it is looked at. That an image is not what it
                    // was says nothing of repos.
                    let doubted = |other: &Task| other.door == task.door && (!is_image || targets.is_image(other.repo));
                    let (doubted, kept) = std::mem::take(&mut self.kept).into_iter().partition(doubted);
                    self.kept = kept;
                    self.queue.extend::<Vec<Task>>(doubted);
                }
                if spent {
                    // It seems not to have the tree at all. What lists rely on is asked for all the same: that they
                    // name it must not depend on others.
                    let spared = |other: &Task| {
                        other.door == task.door
                            && other.known != Known::Good
                            && targets.is_image(other.repo) == is_image
                    };
                    fate.spared = self.queue.iter().filter(|other| spared(other)).copied().collect();
                    self.queue.retain(|other| !spared(other));
                }
            }
            Class::Unknown => {}
        }
        fate
    }
}

/// Whether what kept one door silent keeps another silent, too. What has to do with the way to the host goes for the
/// host; what has to do with a port or a certificate, for the port.
fn fate_is_shared(finding: Finding, door: &Door, other: &Door) -> bool {
    use Finding::*;
    match finding {
        NotResolved | InternalAddress | Unreachable | TimedOut | TooSlow => door.host == other.host,
        _ => door.authority == other.authority && door.protocol == other.protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::super::classify::Pointer;
    use super::super::targets::Repo;
    use super::*;
    use crate::net::Protocol;
    use crate::verdicts::{RepoId, RepoKey};

    fn targets() -> Targets {
        let door = |protocol, authority: &str| Door {
            name: "m".into(),
            mirror: None,
            tree: "t".into(),
            protocol,
            base: format!("{protocol}://{authority}/"),
            host: authority.split(':').next().unwrap().into(),
            authority: authority.into(),
            families: Family::ALL.to_vec(),
            master: false,
        };
        let doors = vec![door(Protocol::Http, "m"), door(Protocol::Https, "m"), door(Protocol::Http, "n")];
        Targets { doors, ..Targets::default() }
    }

    fn task(door: u32, repo: u32, known: Known) -> Task {
        Task { door, repo, known }
    }

    fn lane(tasks: &[Task], kept: &[Task]) -> Lane {
        Lane::new(0, Family::Ipv4, tasks.iter().copied().collect(), kept.to_vec(), 3)
    }

    #[test]
    fn silence_is_shared_as_far_as_its_cause_goes() {
        let all = [0, 1, 2].map(|door| task(door, 1, Known::Unknown));
        let kept = [task(0, 2, Known::Good)];
        let shared = |finding| lane(&all, &kept).draw(task(0, 0, Known::Unknown), finding, &targets()).shared;
        assert_eq!(shared(Finding::TimedOut), [all[0], all[1], kept[0]]);
        assert_eq!(shared(Finding::Refused), [all[0], kept[0]]);
        assert_eq!(shared(Finding::Missing), []);
        let mut secure = lane(&all, &kept);
        assert_eq!(secure.draw(task(1, 0, Known::Good), Finding::Certificate, &targets()).shared, [all[1]]);
        assert_eq!((secure.len(), secure.kept().len()), (2, 1));
    }

    #[test]
    fn three_misses_spare_what_no_list_relies_on() {
        let rest =
            [task(0, 3, Known::Unknown), task(0, 4, Known::Good), task(0, 5, Known::Bad), task(1, 3, Known::Unknown)];
        let mut missing = lane(&rest, &[]);
        let unknown = |repo| task(0, repo, Known::Unknown);
        assert_eq!(missing.draw(unknown(0), Finding::Missing, &targets()), Fate::default());
        assert_eq!(missing.draw(unknown(1), Finding::Redirected, &targets()), Fate::default());
        assert_eq!(missing.draw(unknown(2), Finding::Forbidden, &targets()).spared, [rest[0], rest[2]]);
        assert_eq!(missing.next(), Some(rest[1]));
        let mut partial = lane(&rest, &[]);
        partial.draw(unknown(0), Finding::Same, &targets());
        for repo in 0..9 {
            assert_eq!(partial.draw(unknown(repo), Finding::Missing, &targets()), Fate::default());
        }
    }

    #[test]
    fn repos_and_images_do_not_answer_for_each_other() {
        let repo = |at: u32, pointer| Repo {
            id: RepoId(at),
            key: RepoKey { release: "9".into(), arch: "x".into(), repo: at.to_string() },
            tree: "t".into(),
            dir: String::new(),
            pointer,
            file: String::new(),
        };
        let mut targets = targets();
        targets.repos.extend((0..4).map(|at| repo(at, Pointer::RepoMd)));
        targets.repos.extend((4..8).map(|at| repo(at, Pointer::Image)));
        let unknown = |repo| task(0, repo, Known::Unknown);
        let mut lane = lane(&[unknown(0), unknown(7)], &[task(0, 1, Known::Good), task(0, 6, Known::Good)]);
        lane.draw(unknown(2), Finding::Same, &targets);
        for image in [4, 5] {
            assert_eq!(lane.draw(unknown(image), Finding::Missing, &targets), Fate::default());
        }
        // A third image that is missing spares images; the repo stays to be asked for.
        assert_eq!(lane.draw(unknown(4), Finding::Missing, &targets).spared, [unknown(7)]);
        // An image that was good and is no longer casts doubt on images alone, a repo on all.
        lane.draw(task(0, 5, Known::Good), Finding::Different, &targets);
        assert_eq!((lane.next(), lane.next(), lane.next()), (Some(unknown(0)), Some(task(0, 6, Known::Good)), None));
        assert_eq!(lane.kept(), [task(0, 1, Known::Good)]);
    }

    #[test]
    fn a_good_one_gone_bad_wakes_the_others_of_its_door() {
        let kept = [task(0, 1, Known::Good), task(1, 1, Known::Good)];
        let mut doubted = lane(&[], &kept);
        doubted.draw(task(0, 0, Known::Good), Finding::Missing, &targets());
        assert_eq!((doubted.next(), doubted.next(), doubted.kept().len()), (Some(kept[0]), None, 1));
    }
}
