//! The simulator: whole passes over scripted mirrors, on a clock that nobody waits for.
//!
//! Each seed makes a world: mirrors of every kind, networks that die, masters that go away; then some runs in a row
//! over it. What must hold in every world is checked after each run, and a failure names its seed. `MIRRORLISTD_SEED`
//! plays one seed alone.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use crate::crawl::classify::Pointer;
use crate::crawl::crew::Crew;
use crate::crawl::fetch::{Ask, End, Failure, Got, Method, Reply};
use crate::crawl::lane::Lane;
use crate::crawl::look::{Look, Took};
use crate::crawl::pass::{Options, Recorder, run};
use crate::crawl::report::Report;
use crate::crawl::targets::{Door, Folder, Repo, Targets};
use crate::dice::Dice;
use crate::net::{Family, Protocol};
use crate::verdicts::{
    Catalog, Change, Class, Finding, Learned, MirrorId, Observation, RepoId, RepoKey, Standing, StateError, Subject,
    Truth, Verdict,
};

/// Worlds that are played by a test run. Each has a few runs.
const SEEDS: u64 = 2000;
/// Workers of the simulated crew.
const WORKERS: usize = 12;
/// When the world begins, milliseconds since 1970.
const BEGIN_MILLIS: u64 = 1_700_000_000_000;

/// Number of the folder of images, behind those of repos; its images have numbers from `IMAGE` on.
const FOLDER: u32 = 500;
/// Number of the first image.
const IMAGE: u32 = 1000;
/// The images.
const IMAGES: [&str; 2] = ["a.iso", "b.iso"];
/// Length of an image, bytes.
const IMAGE_BYTES: u64 = 1_000_000_000;

/// How a mirror behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Good,
    Behind,
    Newer,
    Page,
    Stuck,
    Slow,
    Partial,
    OnlyV6,
    Refusing,
    Inconsistent,
    /// Its answers change from one to the next.
    Flapping,
    /// It dies after so many answers of a run.
    Dying(u32),
}

const SCRIPTS: [Script; 12] = {
    use Script::*;
    [Good, Behind, Newer, Page, Stuck, Slow, Partial, OnlyV6, Refusing, Inconsistent, Flapping, Dying(7)]
};

/// What is wrong with our own side in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Nothing,
    /// No name is resolved.
    Resolver,
    /// One family leads nowhere.
    NoRoute(Family),
    /// Nothing gets through after so many requests.
    DiesAfter(u32),
    /// Everything is answered by a page.
    Portal,
    /// The master alone is away.
    Master,
}

struct World {
    seed: u64,
    scripts: Vec<Script>,
    repo_count: u32,
    generation: Cell<u64>,
    trouble: Cell<Trouble>,
    now_millis: Cell<u64>,
    requests: Cell<u32>,
    answers: RefCell<HashMap<usize, u32>>,
    met: RefCell<HashSet<(usize, Family)>>,
    at_once: RefCell<HashMap<String, u32>>,
    stuck_requests: Cell<u32>,
}

fn metadata(repo: u32, generation: u64) -> Vec<u8> {
    let time = 1_000_000 + generation * 1000 + u64::from(repo);
    let entry = |name: &str| {
        format!(
            "<data type='{name}'><location href='repodata/{name}'/><timestamp>{time}</timestamp><size>9</size></data>"
        )
    };
    format!("<repomd><revision>{time}</revision>{}{}</repomd>", entry("primary"), entry("other")).into_bytes()
}

fn reply(status: u16, body: Vec<u8>) -> Result<Reply, Failure> {
    let length = Some(body.len() as u64);
    Ok(Reply { status, length, last_modified: None, location: None, encoding: None, body, end: End::Whole })
}

/// What a server says of images; its folder has those that it `has`.
fn image_answer(number: u32, file: &str, generation: u64, has: impl Fn(u32) -> bool) -> Result<Reply, Failure> {
    let body: String = match (number, file) {
        (FOLDER, "CHECKSUM") => IMAGES.map(|name| format!("{}  {name}\n", "ab".repeat(32))).concat(),
        (FOLDER, "") => {
            let there = IMAGES.iter().zip(IMAGE..).filter(|(_, number)| has(*number));
            let links = there.map(|(name, _)| format!("<a href=\"{name}\">{name}</a>"));
            links.chain(["<a href=\"../\">up</a>".to_owned()]).collect()
        }
        (FOLDER, _) => return reply(404, Vec::new()),
        _ => String::new(),
    };
    let whole = reply(200, body.into_bytes())?;
    match number {
        FOLDER => Ok(whole),
        _ => Ok(Reply { length: Some(IMAGE_BYTES), last_modified: Some(1_000_000 + generation * 1000), ..whole }),
    }
}

fn silent(finding: Finding) -> Result<Reply, Failure> {
    Err(Failure { finding, note: String::new() })
}

impl World {
    fn new(seed: u64) -> World {
        let mut dice = Dice::new(seed);
        let mut scripts: Vec<Script> = (0..5 + dice.below(14)).map(|_| SCRIPTS[dice.below(SCRIPTS.len())]).collect();
        // A world with nothing but broken mirrors would be taken for a broken network.
        scripts.extend([Script::Good; 6]);
        World {
            seed,
            scripts,
            repo_count: 1 + dice.below(12) as u32,
            generation: Cell::new(3),
            trouble: Cell::new(Trouble::Nothing),
            now_millis: Cell::new(BEGIN_MILLIS),
            requests: Cell::new(0),
            answers: RefCell::default(),
            met: RefCell::default(),
            at_once: RefCell::default(),
            stuck_requests: Cell::new(0),
        }
    }

    fn targets(&self) -> Targets {
        let folder = Repo {
            id: RepoId(FOLDER),
            key: RepoKey::of_folder("t", "9", "isos", "x86_64"),
            tree: "t".into(),
            dir: "iso/".into(),
            pointer: Pointer::Index,
            file: String::new(),
        };
        let sums = Folder { checksum_files: vec!["SUMS".into(), "CHECKSUM".into()], ..Folder::default() };
        let folders = [(self.repo_count, sums)].into();
        let repo = |at: u32| Repo {
            id: RepoId(at),
            key: RepoKey { release: "9".into(), arch: "x86_64".into(), repo: format!("repo{at}") },
            tree: "t".into(),
            dir: format!("{at}/"),
            pointer: Pointer::RepoMd,
            file: "repodata/repomd.xml".to_owned(),
        };
        let door = |name: String, mirror, protocol: Protocol, master| Door {
            base: format!("{protocol}://{name}/"),
            host: name.clone(),
            authority: name.clone(),
            name,
            mirror,
            tree: "t".into(),
            protocol,
            families: Family::ALL.to_vec(),
            master,
        };
        let mut doors = vec![door("master".into(), None, Protocol::Https, true)];
        for at in 0..self.scripts.len() {
            for protocol in [Protocol::Http, Protocol::Https] {
                doors.push(door(format!("m{at}"), Some(MirrorId(at as u32)), protocol, false));
            }
        }
        Targets { repos: (0..self.repo_count).map(repo).chain([folder]).collect(), folders, doors }
    }

    /// Whether a mirror has a repo at all.
    fn carries(&self, mirror: usize, repo: u32) -> bool {
        self.scripts[mirror] != Script::Partial || (repo + mirror as u32).is_multiple_of(2)
    }

    /// Whether a look at this subject must not find it bad; and whether it must not find it good.
    fn verdict_of(&self, mirror: usize, repo: u32, family: Family) -> (bool, bool) {
        match self.scripts[mirror] {
            // Its index page is that of a folder with all images.
            Script::Behind | Script::Newer | Script::Inconsistent if repo == FOLDER => (true, false),
            Script::Partial if repo == FOLDER => (false, true),
            Script::Good | Script::Slow => (true, false),
            Script::Partial => (self.carries(mirror, repo), !self.carries(mirror, repo)),
            Script::OnlyV6 => (family == Family::Ipv6, family == Family::Ipv4),
            Script::Behind | Script::Newer | Script::Page | Script::Stuck | Script::Refusing => (false, true),
            Script::Inconsistent | Script::Flapping | Script::Dying(_) => (false, false),
        }
    }

    fn answer(&self, ask: &Ask) -> (Result<Reply, Failure>, u64) {
        let count = self.requests.get() + 1;
        self.requests.set(count);
        let (_, rest) = ask.url.split_once("://").unwrap();
        let (host, path) = rest.split_once('/').unwrap();
        let (repo, file) = path.split_once('/').unwrap();
        let repo: u32 = match (repo, IMAGES.iter().position(|name| *name == file)) {
            ("iso", Some(at)) => IMAGE + at as u32,
            ("iso", None) => FOLDER,
            _ => repo.parse().unwrap(),
        };
        let own_fault = match self.trouble.get() {
            Trouble::Resolver => Some((silent(Finding::NotResolved), 5000)),
            Trouble::NoRoute(family) if family == ask.family => Some((silent(Finding::Unreachable), 1)),
            Trouble::DiesAfter(limit) if count > limit => Some((silent(Finding::TimedOut), 10_000)),
            Trouble::Portal => Some((reply(200, b"<html>Log in".to_vec()), 20)),
            Trouble::Master if host == "master" => Some((silent(Finding::TimedOut), 15_000)),
            _ => None,
        };
        let Ok(mirror) = host.trim_start_matches('m').parse::<usize>() else {
            let generation = self.generation.get();
            return own_fault.unwrap_or_else(|| match repo {
                FOLDER.. => (image_answer(repo, file, generation, |_| true), 30),
                _ => (reply(200, metadata(repo, generation)), 30),
            });
        };
        self.met.borrow_mut().insert((mirror, ask.family));
        own_fault.unwrap_or_else(|| self.mirror_answer(mirror, repo, file, ask))
    }

    fn mirror_answer(&self, mirror: usize, repo: u32, file: &str, ask: &Ask) -> (Result<Reply, Failure>, u64) {
        let mut answers = self.answers.borrow_mut();
        let answered = answers.entry(mirror).or_default();
        *answered += 1;
        let now = self.generation.get();
        let script = self.scripts[mirror];
        let generation = match script {
            Script::Behind => now - 1,
            Script::Newer => now + 1,
            _ => now,
        };
        let millis = if script == Script::Slow { 4000 } else { 50 };
        let result = match script {
            Script::Stuck => {
                self.stuck_requests.set(self.stuck_requests.get() + 1);
                return (silent(Finding::TimedOut), 10_000);
            }
            Script::Refusing => silent(Finding::Refused),
            Script::OnlyV6 if ask.family == Family::Ipv4 => silent(Finding::NotResolved),
            Script::Dying(after) if *answered > after => return (silent(Finding::TimedOut), 10_000),
            Script::Flapping if answered.is_multiple_of(3) => silent(Finding::Reset),
            Script::Page => reply(200, b"<!DOCTYPE html><body>Not found</body>".to_vec()),
            _ if repo == FOLDER => image_answer(repo, file, generation, |image| self.carries(mirror, image)),
            _ if !self.carries(mirror, repo) => reply(404, Vec::new()),
            Script::Inconsistent if ask.method == Method::Head => reply(404, Vec::new()),
            _ if repo >= IMAGE => image_answer(repo, file, generation, |_| true),
            _ if ask.method == Method::Head => reply(200, vec![0; 9]),
            _ if file == "repodata/repomd.xml" => reply(200, metadata(repo, generation)),
            _ => reply(404, Vec::new()),
        };
        (result, millis)
    }
}

/// A crew of `WORKERS` on the world's clock: lanes wait for a worker, answers for their time.
struct Simulated<'a> {
    world: &'a World,
}

impl Crew for Simulated<'_> {
    fn now_millis(&self) -> u64 {
        self.world.now_millis.get()
    }

    fn walk(&mut self, lanes: Vec<Lane>, look: &Look<'_>, take: &mut dyn FnMut(Took)) {
        let world = self.world;
        let mut lanes: Vec<Option<Lane>> = lanes.into_iter().map(Some).collect();
        let mut greet: VecDeque<usize> = (0..lanes.len()).collect();
        let mut rest = VecDeque::new();
        // What is under way: when it is answered, by which lane, with what; and whether the lane is being greeted.
        let mut under_way: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
        let mut answers: HashMap<usize, (Got, bool, String)> = HashMap::new();
        let mut on: Option<usize> = None;
        loop {
            while under_way.len() < WORKERS {
                let (at, greeting) = match (on.take(), greet.pop_front()) {
                    (Some(at), next) => {
                        next.into_iter().for_each(|next| greet.push_front(next));
                        (at, false)
                    }
                    (None, Some(at)) => (at, true),
                    (None, None) => match rest.pop_front() {
                        Some(at) => (at, false),
                        None => break,
                    },
                };
                let Some(ask) = lanes[at].as_mut().and_then(|lane| look.ask(lane)) else { continue };
                let host = ask.url.split('/').nth(2).unwrap().to_owned();
                let mut at_once = world.at_once.borrow_mut();
                let count = at_once.entry(host.clone()).or_default();
                *count += 1;
                assert!(*count <= 2, "seed {}: {count} requests at a time at {host}", world.seed);
                let (result, millis) = world.answer(&ask);
                let got = Got { result, address: None, millis: millis as u32, bytes: 100 };
                answers.insert(at, (got, greeting, host));
                under_way.push(Reverse((world.now_millis.get() + millis, at)));
            }
            let Some(Reverse((moment, at))) = under_way.pop() else { break };
            world.now_millis.set(moment);
            let (got, greeting, host) = answers.remove(&at).unwrap();
            *world.at_once.borrow_mut().get_mut(&host).unwrap() -= 1;
            take(look.took(lanes[at].as_mut().unwrap(), &got, moment));
            if greeting {
                rest.push_back(at);
            } else {
                on = Some(at);
            }
        }
    }
}

/// What is remembered between runs; the latest look decides.
#[derive(Clone, Default)]
struct Memory {
    truths: HashMap<RepoId, Truth>,
    verdicts: HashMap<Subject, Verdict>,
    catalogs: HashMap<RepoId, Catalog>,
    changes: usize,
    /// How often something was kept.
    keeps: usize,
}

impl Recorder for Memory {
    fn mirror(&mut self, _: &str) -> Result<MirrorId, StateError> {
        Ok(MirrorId(0))
    }

    fn repo(&mut self, key: &RepoKey) -> Result<RepoId, StateError> {
        let [_, _, file] = key.image().unwrap();
        Ok(RepoId(IMAGE + IMAGES.iter().position(|name| *name == file).unwrap() as u32))
    }

    fn truths(&self) -> Result<HashMap<RepoId, Truth>, StateError> {
        Ok(self.truths.clone())
    }

    fn verdicts(&self) -> Result<HashMap<Subject, Verdict>, StateError> {
        Ok(self.verdicts.clone())
    }

    fn catalogs(&self) -> Result<HashMap<RepoId, Catalog>, StateError> {
        Ok(self.catalogs.clone())
    }

    fn keep(&mut self, learned: &Learned<'_>, observations: &[Observation]) -> Result<Vec<Change>, StateError> {
        self.keeps += 1;
        for (repo, truth) in &learned.truths {
            self.truths.insert(*repo, (*truth).clone());
            self.changes += 1;
        }
        for (folder, catalog) in &learned.catalogs {
            self.catalogs.insert(*folder, (*catalog).clone());
            self.changes += 1;
        }
        for observation in observations {
            self.changes += 1;
            let standing = match observation.finding.class() {
                Class::Good => Standing::In,
                Class::Behind => Standing::Late,
                Class::Bad | Class::Silent => Standing::Out,
                Class::Unknown => continue,
            };
            let verdict = Verdict {
                standing,
                since: observation.evidence.at,
                finding: observation.finding,
                evidence: observation.evidence.clone(),
                looks: 0,
                look_count: 0,
                behind_since: 0,
            };
            self.verdicts.insert(observation.subject, verdict);
        }
        Ok(Vec::new())
    }
}

/// Makes one run, and checks what must hold after any.
fn run_once(world: &World, targets: &Targets, memory: &mut Memory, trouble: Trouble, run_seed: u64) -> Report {
    world.trouble.set(trouble);
    world.requests.set(0);
    world.stuck_requests.set(0);
    world.answers.borrow_mut().clear();
    world.met.borrow_mut().clear();
    let (before, keeps_before) = (memory.changes, memory.keeps);
    let began = world.now_millis.get();
    let options = Options { seed: run_seed, ..Options::default() };
    let mut last = None;
    let report =
        run(targets, memory, &mut Simulated { world }, &options, &mut |progress| last = Some(*progress)).unwrap();
    let what = format!("seed {}, {trouble:?}, {:?}", world.seed, world.scripts);
    if report.is_inconclusive() {
        assert_eq!(memory.changes, before, "an inconclusive run changed something: {what}");
    }
    let keeps = memory.keeps - keeps_before;
    assert!(keeps <= 1, "a run is kept as a whole, not in {keeps} parts: {what}");
    assert!(report.observed == 0 || last.unwrap().done > 0, "{what}");
    let judged = report.truths_missing == 0;
    for family in Family::ALL.into_iter().filter(|_| judged) {
        for mirror in 0..world.scripts.len() {
            assert!(world.met.borrow().contains(&(mirror, family)), "m{mirror} was not met over {family}: {what}");
        }
    }
    // One timeout for each family, for all protocols and repos; and one more where it is asked again.
    let stuck = world.scripts.iter().filter(|script| **script == Script::Stuck).count() as u32;
    assert!(
        world.stuck_requests.get() <= stuck * 2 + 2,
        "{} requests to stuck mirrors: {what}",
        world.stuck_requests.get()
    );
    for (subject, verdict) in &memory.verdicts {
        if verdict.evidence.at * 1000 < began {
            continue;
        }
        let (never_bad, never_good) = world.verdict_of(subject.mirror.0 as usize, subject.repo.0, subject.family);
        let found = verdict.finding;
        assert!(!never_bad || verdict.standing == Standing::In, "{subject:?} is good, found {found:?}: {what}");
        assert!(!never_good || verdict.standing != Standing::In, "{subject:?} is bad, found {found:?}: {what}");
    }
    report
}

fn play(seed: u64) {
    let world = World::new(seed);
    let targets = world.targets();
    let mut memory = Memory::default();
    let mut dice = Dice::new(!seed);
    let first = run_once(&world, &targets, &mut memory, Trouble::Nothing, dice.roll());
    assert!(!first.is_inconclusive(), "seed {seed}: {first:?}");
    world.now_millis.set(world.now_millis.get() + 3_600_000);
    if dice.below(2) == 0 {
        let warm = run_once(&world, &targets, &mut memory, Trouble::Nothing, dice.roll());
        for at in (0..world.scripts.len()).filter(|at| world.scripts[*at] == Script::Good) {
            let count = warm.mirrors[&format!("m{at}")];
            let greetings = 4;
            // The folder and its images are kept as repos are.
            let kept = (world.repo_count + 3) * 4 - greetings;
            assert_eq!((count.good, count.kept), (greetings, kept), "seed {seed}: m{at}");
        }
        world.now_millis.set(world.now_millis.get() + 3_600_000);
    }
    let family = Family::ALL[dice.below(2)];
    let troubles = [
        Trouble::Nothing,
        Trouble::Resolver,
        Trouble::NoRoute(family),
        Trouble::DiesAfter(dice.below(60) as u32),
        Trouble::Portal,
        Trouble::Master,
    ];
    let trouble = troubles[dice.below(troubles.len())];
    if dice.below(2) == 0 && !matches!(trouble, Trouble::Master) {
        world.generation.set(world.generation.get() + 2);
    }
    let report = run_once(&world, &targets, &mut memory, trouble, dice.roll());
    match trouble {
        Trouble::Resolver | Trouble::Portal => {
            assert!(report.is_inconclusive(), "seed {seed}, {trouble:?}: {report:?}")
        }
        Trouble::NoRoute(family) => {
            assert!(report.family(family).inconclusive.is_some(), "seed {seed}, {trouble:?}: {report:?}");
        }
        Trouble::Nothing | Trouble::Master => {
            assert!(!report.is_inconclusive(), "seed {seed}, {trouble:?}: {report:?}")
        }
        Trouble::DiesAfter(_) => {}
    }
    world.now_millis.set(world.now_millis.get() + 3_600_000);
    run_once(&world, &targets, &mut memory, Trouble::Nothing, dice.roll());
}

#[test]
fn whatever_happens_verdicts_are_right() {
    match std::env::var("MIRRORLISTD_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => play(seed),
        None => (0..SEEDS).for_each(play),
    }
}

#[test]
fn one_seed_makes_one_run() {
    let played = |seed| {
        let world = World::new(seed);
        let mut memory = Memory::default();
        let report = run_once(&world, &world.targets(), &mut memory, Trouble::Nothing, 1);
        (report.findings, report.requests, world.now_millis.get())
    };
    for seed in 0..20 {
        assert_eq!(played(seed), played(seed));
    }
}

#[test]
fn stuck_mirrors_do_not_lengthen_a_pass_by_much() {
    let took = |stuck: usize| {
        let mut world = World::new(1);
        world.repo_count = 40;
        world.scripts = (0..120).map(|at| if at < stuck { Script::Stuck } else { Script::Good }).collect();
        run_once(&world, &world.targets(), &mut Memory::default(), Trouble::Nothing, 1);
        world.now_millis.get() - BEGIN_MILLIS
    };
    let (none, some) = (took(0), took(4));
    assert!(some * 3 <= none * 4, "{none} ms without, {some} ms with 4 stuck mirrors of 120");
}

#[test]
fn images_are_known_by_what_their_master_has() {
    let mut world = World::new(1);
    world.scripts = vec![Script::Good; 8];
    world.scripts.extend([Script::Partial, Script::Partial, Script::Behind, Script::Page]);
    let targets = world.targets();
    let mut memory = Memory::default();
    let report = run_once(&world, &targets, &mut memory, Trouble::Nothing, 1);
    let catalog = memory.catalogs[&RepoId(FOLDER)].clone();
    assert_eq!(catalog.images.keys().collect::<Vec<_>>(), IMAGES);
    assert_eq!((catalog.checksum_file.as_str(), catalog.images["a.iso"].bytes), ("CHECKSUM", IMAGE_BYTES));
    assert!(report.changed.contains(&targets.repos[world.repo_count as usize].key));
    let good = |memory: &Memory, repo: u32| {
        let of_repo = memory.verdicts.iter().filter(|(subject, _)| subject.repo == RepoId(repo));
        of_repo.filter(|(_, verdict)| verdict.standing == Standing::In).count()
    };
    // Over both families and protocols: each image on eight mirrors and one of the two partial ones. The folder has an
    // index page of all images on eight mirrors, and on the one that is behind.
    assert_eq!([IMAGE, IMAGE + 1, FOLDER].map(|repo| good(&memory, repo)), [36, 36, 36]);
    // A master that loses its checksum file keeps the last known.
    world.now_millis.set(world.now_millis.get() + 4 * 86_400_000);
    let report = run_once(&world, &targets, &mut memory, Trouble::Master, 2);
    assert!(!report.is_inconclusive() && report.truths_missing == 0);
    assert_eq!(memory.catalogs[&RepoId(FOLDER)], catalog);
    assert_eq!([IMAGE, IMAGE + 1, FOLDER].map(|repo| good(&memory, repo)), [36, 36, 36]);
}
