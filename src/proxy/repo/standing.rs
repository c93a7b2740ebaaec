//! `Standings`: what is remembered of a repo's mirrors, and the order that follows from it.
//!
//! Lives here: who failed, who is slow, who served a path or the repo last. All of it expires. No clock and no I/O. Not
//! here: where lists of mirrors come from (`mirrors`).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long it is remembered who served a path, and who served the repo.
const LAST_KEEP: Duration = Duration::from_secs(600);
/// Paths that are remembered.
const PATHS_MAX: usize = 65_536;
/// Mirrors, and repos at a release and architecture, that are remembered.
const MIRRORS_MAX: usize = 4096;
/// For how long a mirror that failed once is asked last; twice as long for each further time.
const AVOID_MIN: Duration = Duration::from_secs(10);
/// At the most.
const AVOID_MAX: Duration = Duration::from_secs(600);
/// How long a measured speed counts.
const SPEED_KEEP: Duration = Duration::from_secs(1800);
/// Weight of the last measurement in the average.
const SPEED_WEIGHT: f64 = 0.3;
/// A mirror this much slower than the best that was measured is asked after the others.
const SLOW_FACTOR: f64 = 8.0;
/// Bodies shorter than that measure the way, not the mirror, bytes.
const MEASURE_BYTES_MIN: u64 = 256 * 1024;

/// What came of trying a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It gave so many bytes in that time.
    Served(u64, Duration),
    /// It does not have the file.
    Missing,
    /// It has an older file than we have: others are asked, and nothing is held against it.
    Behind,
    /// It did not answer, or not well, or broke off.
    Failed,
    /// What it gave is not what the file has to be.
    Wrong,
}

/// What people are told of a mirror.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its base URL.
    pub base: Arc<str>,
    /// Files it served.
    pub served: u64,
    /// How often it failed, with wrong files.
    pub failed: u64,
    /// How often it gave wrong files.
    pub wrong: u64,
    /// Whether it is asked last now.
    pub is_avoided: bool,
    /// Bytes per second, as measured lately.
    pub speed: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    failure_count: u32,
    avoided_until: Option<Instant>,
    /// Bytes per second, and when that was measured last.
    speed: Option<(f64, Instant)>,
    served: u64,
    failed: u64,
    wrong: u64,
    /// What came of it last.
    last: Last,
}

/// What came of trying a mirror last, but for missing files, of which each mirror lacks some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Good,
    Behind,
    Failed,
    Wrong,
}

impl Standing {
    fn speed(&self, now: Instant) -> Option<f64> {
        self.speed.filter(|(_, at)| now.saturating_duration_since(*at) < SPEED_KEEP).map(|(speed, _)| speed)
    }

    fn is_avoided(&self, now: Instant) -> bool {
        self.avoided_until.is_some_and(|until| until > now)
    }
}

type Servers = HashMap<u64, (Arc<str>, Instant)>;

/// What is remembered of a repo's mirrors.
#[derive(Debug, Default)]
pub struct Standings {
    by_base: HashMap<Arc<str>, Standing>,
    /// Who served a path, by its hash.
    paths: Servers,
    /// Who served the repo at a release and architecture, by their hash.
    repos: Servers,
}

/// Of which file there is talk: hashes of its path, and of its repo at a release and architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Of repo and path.
    pub path: u64,
    /// Of the repo.
    pub repo: u64,
}

impl Standings {
    /// Mirrors in the order in which to try them: who served the file last, who served the repo last, the others in
    /// the order of the list, those that are much slower than the best, and those that failed lately, the one first
    /// whose time is over first.
    pub fn ordered(&self, bases: &[Arc<str>], of: Subject, now: Instant) -> Vec<Arc<str>> {
        let last = |last: &Servers, hash: u64| {
            let (base, at) = last.get(&hash)?;
            (now.saturating_duration_since(*at) < LAST_KEEP).then(|| Arc::clone(base))
        };
        let (by_path, by_repo) = (last(&self.paths, of.path), last(&self.repos, of.repo));
        let standing = |base: &Arc<str>| self.by_base.get(base).copied().unwrap_or_default();
        let best = bases.iter().filter_map(|base| standing(base).speed(now)).fold(0.0, f64::max);
        let mut ordered = bases.to_vec();
        // Stable: within a class the order of the list holds.
        ordered.sort_by_cached_key(|base| {
            let standing = standing(base);
            match standing.speed(now) {
                _ if standing.is_avoided(now) => (4, standing.avoided_until),
                _ if by_path.as_ref() == Some(base) => (0, None),
                Some(speed) if speed * SLOW_FACTOR < best => (3, None),
                _ if by_repo.as_ref() == Some(base) => (1, None),
                _ => (2, None),
            }
        });
        ordered
    }

    /// Takes down what came of trying a mirror. Whether that is news of it.
    pub fn report(&mut self, base: &Arc<str>, of: Subject, outcome: Outcome, now: Instant) -> bool {
        if self.by_base.len() >= MIRRORS_MAX && !self.by_base.contains_key(base) {
            self.by_base.clear();
        }
        let standing = self.by_base.entry(Arc::clone(base)).or_default();
        let last = match outcome {
            Outcome::Served(..) => Last::Good,
            Outcome::Behind => Last::Behind,
            Outcome::Failed => Last::Failed,
            Outcome::Wrong => Last::Wrong,
            Outcome::Missing => standing.last,
        };
        let is_news = std::mem::replace(&mut standing.last, last) != last;
        match outcome {
            Outcome::Served(bytes, took) => {
                standing.served += 1;
                standing.failure_count = 0;
                standing.avoided_until = None;
                if bytes >= MEASURE_BYTES_MIN {
                    let measured = bytes as f64 / took.as_secs_f64().max(0.001);
                    let before = standing.speed(now).unwrap_or(measured);
                    standing.speed = Some((before + SPEED_WEIGHT * (measured - before), now));
                }
                for (last, hash, count_max) in
                    [(&mut self.paths, of.path, PATHS_MAX), (&mut self.repos, of.repo, MIRRORS_MAX)]
                {
                    if last.len() >= count_max {
                        last.clear();
                    }
                    last.insert(hash, (Arc::clone(base), now));
                }
            }
            Outcome::Failed | Outcome::Wrong => {
                standing.failed += 1;
                standing.wrong += u64::from(outcome == Outcome::Wrong);
                let avoid = AVOID_MIN.saturating_mul(1 << standing.failure_count.min(16)).min(AVOID_MAX);
                standing.failure_count = standing.failure_count.saturating_add(1);
                standing.avoided_until = Some(now + avoid);
                self.forget(base, of);
            }
            Outcome::Missing | Outcome::Behind => self.forget(base, of),
        }
        is_news
    }

    fn forget(&mut self, base: &Arc<str>, of: Subject) {
        for (last, hash) in [(&mut self.paths, of.path), (&mut self.repos, of.repo)] {
            if last.get(&hash).is_some_and(|(served, _)| served == base) {
                last.remove(&hash);
            }
        }
    }

    /// Each mirror that was tried, those that served most first.
    pub fn told(&self, now: Instant) -> Vec<Told> {
        let told = |(base, standing): (&Arc<str>, &Standing)| Told {
            base: Arc::clone(base),
            served: standing.served,
            failed: standing.failed,
            wrong: standing.wrong,
            is_avoided: standing.is_avoided(now),
            speed: standing.speed(now).map(|speed| speed as u64),
        };
        let mut all: Vec<Told> = self.by_base.iter().map(told).collect();
        all.sort_by(|one, other| (Reverse(one.served), &one.base).cmp(&(Reverse(other.served), &other.base)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A_FILE: Subject = Subject { path: 1, repo: 9 };
    const ANOTHER: Subject = Subject { path: 2, repo: 9 };
    const ELSEWHERE: Subject = Subject { path: 3, repo: 8 };
    const QUICK: Outcome = Outcome::Served(10, Duration::from_millis(1));

    struct Stage {
        bases: Vec<Arc<str>>,
        standings: Standings,
        began: Instant,
    }

    fn stage() -> Stage {
        let bases = ["a", "b", "c"].map(Arc::from).to_vec();
        Stage { bases, standings: Standings::default(), began: Instant::now() }
    }

    impl Stage {
        fn at(&self, seconds: u64) -> Instant {
            self.began + Duration::from_secs(seconds)
        }

        fn order(&self, of: Subject, seconds: u64) -> String {
            self.standings.ordered(&self.bases, of, self.at(seconds)).concat()
        }

        fn report(&mut self, base: usize, of: Subject, outcome: Outcome, seconds: u64) {
            let now = self.at(seconds);
            self.standings.report(&self.bases[base], of, outcome, now);
        }
    }

    #[test]
    fn who_served_a_path_and_a_repo_is_remembered_for_ten_minutes() {
        let mut stage = stage();
        assert_eq!(stage.order(A_FILE, 0), "abc");
        stage.report(1, ANOTHER, QUICK, 0);
        stage.report(2, A_FILE, QUICK, 1);
        assert_eq!(stage.order(A_FILE, 1), "cab");
        assert_eq!(stage.order(ANOTHER, 1), "bca", "the path first, then the repo, then the list");
        assert_eq!(stage.order(ELSEWHERE, 1), "abc");
        assert_eq!(stage.order(A_FILE, 602), "abc");
        stage.report(2, A_FILE, Outcome::Missing, 2);
        assert_eq!(stage.order(A_FILE, 2), "abc", "it does not have it any more");
        stage.report(1, ANOTHER, Outcome::Behind, 2);
        assert_eq!(stage.order(ANOTHER, 2), "abc");
    }

    #[test]
    fn a_failing_mirror_backs_off_and_comes_back() {
        let mut stage = stage();
        stage.report(0, A_FILE, Outcome::Failed, 0);
        assert_eq!(stage.order(A_FILE, 9), "bca");
        assert_eq!(stage.order(A_FILE, 10), "abc");
        // 20 s, 40 s … and never more than 10 minutes.
        stage.report(0, A_FILE, Outcome::Failed, 10);
        assert_eq!((stage.order(A_FILE, 29), stage.order(A_FILE, 30)), ("bca".into(), "abc".into()));
        for _ in 0..100 {
            stage.report(0, A_FILE, Outcome::Wrong, 30);
        }
        assert_eq!((stage.order(A_FILE, 629), stage.order(A_FILE, 630)), ("bca".into(), "abc".into()));
        // One good answer, and all is forgiven.
        stage.report(0, ELSEWHERE, QUICK, 31);
        assert_eq!(stage.order(A_FILE, 31), "abc");
        // All have failed: the one first whose time is over first.
        for (base, seconds) in [(2, 40), (0, 41), (1, 42)] {
            stage.report(base, A_FILE, Outcome::Failed, seconds);
        }
        assert_eq!(stage.order(A_FILE, 43), "cab");
    }

    #[test]
    fn a_remembered_mirror_never_sticks_once_it_fails() {
        let mut stage = stage();
        stage.report(2, A_FILE, QUICK, 0);
        stage.report(2, A_FILE, Outcome::Failed, 1);
        assert_eq!(stage.order(A_FILE, 1), "abc");
        assert_eq!(stage.order(ANOTHER, 20), "abc", "nor for the repo");
    }

    #[test]
    fn slow_ones_come_after_the_others_while_that_counts() {
        let mut stage = stage();
        let megabytes = |count: u64| Outcome::Served(count << 20, Duration::from_secs(1));
        stage.report(0, ELSEWHERE, megabytes(1), 0);
        stage.report(1, ELSEWHERE, megabytes(9), 0);
        assert_eq!(stage.order(A_FILE, 1), "bca");
        // The average follows: 0.3 of the way each time.
        for _ in 0..5 {
            stage.report(0, ELSEWHERE, megabytes(9), 1);
        }
        assert_eq!(stage.order(A_FILE, 1), "abc");
        let speed = stage.standings.told(stage.at(1)).iter().find(|told| &*told.base == "a").unwrap().speed.unwrap();
        assert!((7 << 20..8 << 20).contains(&speed), "{speed}");
        assert_eq!(stage.standings.told(stage.at(1802))[0].speed, None);
        // Small files measure the way.
        stage.report(2, ELSEWHERE, Outcome::Served(1000, Duration::from_secs(9)), 2);
        assert_eq!(stage.order(A_FILE, 2), "abc");
    }

    #[test]
    fn changes_are_news() {
        let mut stage = stage();
        let now = stage.began;
        let mut is_news = |outcome| stage.standings.report(&stage.bases[0], A_FILE, outcome, now);
        let told = [QUICK, Outcome::Failed, Outcome::Failed, Outcome::Missing, Outcome::Wrong, QUICK, Outcome::Behind];
        assert_eq!(told.map(&mut is_news), [false, true, false, false, true, true, true]);
    }

    #[test]
    fn memory_has_limits() {
        let mut standings = Standings::default();
        let now = Instant::now();
        for number in 0..70_000_u64 {
            let base: Arc<str> = number.to_string().into();
            standings.report(&base, Subject { path: number, repo: number }, QUICK, now);
        }
        assert!(standings.by_base.len() <= MIRRORS_MAX);
        assert!(standings.paths.len() <= PATHS_MAX && standings.repos.len() <= MIRRORS_MAX);
    }
}
