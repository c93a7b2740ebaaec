//! Who is asked for what in a run, in lanes.
//!
//! Lives here: lanes for mirrors (all that is not known well enough, and a greeting for everybody) and for masters. Not
//! here: what happens on a lane (`lane`).

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::lane::{Known, Lane, Task};
use super::targets::Targets;
use crate::dice::Dice;
use crate::net::Family;
use crate::verdicts::{Finding, RepoId, Standing, Subject, Truth, Verdict};

/// What a schedule for mirrors is made from.
pub struct Basis<'a> {
    /// All there is to look at.
    pub targets: &'a Targets,
    /// What the masters have shown. What has no truth cannot be judged, and is not asked for.
    pub truths: &'a HashMap<RepoId, Truth>,
    /// What is held of mirrors.
    pub verdicts: &'a HashMap<Subject, Verdict>,
    /// Now, seconds since 1970.
    pub now: u64,
    /// How long a good verdict spares a look, seconds.
    pub fresh_seconds: u64,
    /// Answers that it has not, after which a door is spared.
    pub misses_max: u32,
}

impl Basis<'_> {
    /// What a task is about; none for a master's.
    pub fn subject(&self, door: u32, repo: u32, family: Family) -> Option<Subject> {
        let (door, repo) = (&self.targets.doors[door as usize], &self.targets.repos[repo as usize]);
        Some(Subject { mirror: door.mirror?, repo: repo.id, family, protocol: door.protocol })
    }

    /// What is held of a subject, and whether that is fresh: good, not long ago, and by what the master has now.
    fn known(&self, subject: &Subject) -> (Known, bool) {
        let Some(verdict) = self.verdicts.get(subject) else { return (Known::Unknown, false) };
        if verdict.standing == Standing::Out {
            return (Known::Bad, false);
        }
        let current = self.truths.get(&subject.repo).and_then(Truth::current).map(|shown| shown.sha256);
        let fresh = verdict.standing == Standing::In
            && verdict.finding == Finding::Same
            && verdict.evidence.sha256 == current
            && self.now.saturating_sub(verdict.evidence.at) < self.fresh_seconds;
        (Known::Good, fresh)
    }

    /// Lanes for all mirrors, in any order.
    pub fn mirror_lanes(&self, dice: &mut Dice) -> Vec<Lane> {
        let mut by_tree: HashMap<&str, Vec<u32>> = HashMap::new();
        for (at, repo) in self.targets.repos.iter().enumerate() {
            if self.truths.get(&repo.id).is_some_and(|truth| truth.current().is_some()) {
                by_tree.entry(&repo.tree).or_default().push(at as u32);
            }
        }
        let mut lanes = Vec::new();
        for doors in hosts(self.targets) {
            for family in Family::ALL {
                let lane = self.lane(lanes.len() as u32, family, &doors, &by_tree, dice);
                lanes.extend((lane.len() > 0).then_some(lane));
            }
        }
        dice.shuffle(&mut lanes);
        lanes
    }

    /// The lane of one host: a greeting through each door, then what is due, in any order but for what lists rely on.
    fn lane(
        &self,
        number: u32,
        family: Family,
        doors: &[u32],
        by_tree: &HashMap<&str, Vec<u32>>,
        dice: &mut Dice,
    ) -> Lane {
        let (mut due, mut kept) = (Vec::new(), Vec::new());
        for &door in doors {
            let entry = &self.targets.doors[door as usize];
            if !entry.families.contains(&family) {
                continue;
            }
            for &repo in by_tree.get(entry.tree.as_str()).into_iter().flatten() {
                let Some(subject) = self.subject(door, repo, family) else { continue };
                let (known, fresh) = self.known(&subject);
                if fresh { &mut kept } else { &mut due }.push(Task { door, repo, known });
            }
        }
        dice.shuffle(&mut due);
        dice.shuffle(&mut kept);
        kept.sort_by_key(|task| self.targets.is_image(task.repo));
        // A greeting by metadata says more than one by an image.
        due.sort_by_key(|task| (task.known, self.targets.is_image(task.repo)));
        let mut greeted = HashSet::new();
        let (greetings, mut queue): (Vec<Task>, Vec<Task>) =
            due.into_iter().partition(|task| greeted.insert(task.door));
        let (others, kept): (Vec<Task>, Vec<Task>) = kept.into_iter().partition(|task| greeted.insert(task.door));
        queue.splice(0..0, greetings.into_iter().chain(others));
        Lane::new(number, family, VecDeque::from(queue), kept, self.misses_max)
    }
}

/// Lanes for asking masters: each of `ways` (a repo, a door, a family). Two for each host, so that many repos take half
/// the time.
pub fn master_lanes(targets: &Targets, ways: &[(u32, u32, Family)], misses_max: u32) -> Vec<Lane> {
    let mut hosts: BTreeMap<(&str, Family, u32), VecDeque<Task>> = BTreeMap::new();
    for &(repo, door, family) in ways {
        let host = targets.doors[door as usize].host.as_str();
        let task = Task { door, repo, known: Known::Good };
        hosts.entry((host, family, repo % 2)).or_default().push_back(task);
    }
    let mut lanes = Vec::new();
    for ((_, family, _), queue) in hosts {
        lanes.push(Lane::new(lanes.len() as u32, family, queue, Vec::new(), misses_max));
    }
    lanes
}

/// The doors of mirrors (not of masters), those of one host together. Doors of one mirror belong together even where
/// their hosts or ports differ: it is one machine that would feel it.
fn hosts(targets: &Targets) -> Vec<Vec<u32>> {
    let mut leader: Vec<usize> = (0..targets.doors.len()).collect();
    fn find(leader: &mut [usize], mut at: usize) -> usize {
        while leader[at] != at {
            leader[at] = leader[leader[at]];
            at = leader[at];
        }
        at
    }
    let mut first: HashMap<(bool, &str), usize> = HashMap::new();
    for (at, door) in targets.doors.iter().enumerate().filter(|(_, door)| !door.master) {
        for key in [(true, door.authority.as_str()), (false, door.name.as_str())] {
            let other = *first.entry(key).or_insert(at);
            let (a, b) = (find(&mut leader, at), find(&mut leader, other));
            leader[a.max(b)] = a.min(b);
        }
    }
    let mut hosts: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (at, _) in targets.doors.iter().enumerate().filter(|(_, door)| !door.master) {
        hosts.entry(find(&mut leader, at)).or_default().push(at as u32);
    }
    hosts.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::super::targets::Door;
    use super::*;
    use crate::net::Protocol;

    #[test]
    fn doors_of_one_host_or_one_mirror_belong_together() {
        let door = |name: &str, authority: &str, master| Door {
            name: name.into(),
            mirror: None,
            tree: "t".into(),
            protocol: Protocol::Http,
            base: format!("http://{authority}/"),
            host: authority.into(),
            authority: authority.into(),
            families: vec![],
            master,
        };
        let doors = [
            door("a", "a.example", false),
            door("b", "b.example", false),
            door("c", "shared.example", false),
            door("b", "shared.example", false),
            door("m", "a.example", true),
            door("d", "d.example", false),
        ];
        let targets = Targets { doors: doors.to_vec(), ..Targets::default() };
        assert_eq!(hosts(&targets), [vec![0], vec![1, 2, 3], vec![5]]);
    }
}
