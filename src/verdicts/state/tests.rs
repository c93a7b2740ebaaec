//! The state under use, under kill, and with its file damaged.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::net::Protocol;
use crate::verdicts::{Evidence, Past, Showing};

/// A state with mirrors and repos numbered 1, 2, 3….
pub(in crate::verdicts) fn state(folder: &Path, mirror_count: u32, repo_count: u32) -> State {
    let mut state = State::open(folder).unwrap();
    for number in 1..=mirror_count {
        assert_eq!(state.mirror(&format!("m{number}.example.org")).unwrap(), MirrorId(number));
    }
    for number in 1..=repo_count {
        assert_eq!(state.repo(&key(number)).unwrap(), RepoId(number));
    }
    state
}

fn key(number: u32) -> RepoKey {
    RepoKey { release: "9.8".into(), arch: "x86_64".into(), repo: format!("repo{number}") }
}

pub(in crate::verdicts) fn observation(mirror: u32, repo: u32, finding: Finding, at: u64) -> Observation {
    let (family, protocol) = (Family::Ipv4, Protocol::Https);
    let subject = Subject { mirror: MirrorId(mirror), repo: RepoId(repo), family, protocol };
    Observation { subject, finding, evidence: Evidence { at, status: Some(200), ..Evidence::default() } }
}

fn shown(number: u8) -> Shown {
    let (bytes, timestamp) = (u64::from(number), 1_790_000_000);
    Shown { sha256: [number; 32], sha512: [number; 64], bytes, timestamp, first_seen: 0, last_seen: 0 }
}

#[test]
fn names_keep_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = state(folder.path(), 3, 2);
    assert_eq!(before.mirror("m2.example.org").unwrap(), MirrorId(2));
    drop(before);
    let mut after = state(folder.path(), 3, 2);
    assert_eq!(after.mirror("m9.example.org").unwrap(), MirrorId(4));
    assert_eq!(after.mirrors().unwrap().len(), 4);
    assert_eq!(after.repos().unwrap(), HashMap::from([(key(1), RepoId(1)), (key(2), RepoId(2))]));
}

#[test]
fn truths_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = state(folder.path(), 0, 2);
    let mut truth = Truth::default();
    for number in [1, 2, 3, 2, 4, 5, 6, 7] {
        assert_ne!(truth.show(shown(number), 1_000 + u64::from(number)), Showing::Same);
        state
            .keep(&Learned { truths: vec![(RepoId(2), &truth)], ..Learned::default() }, &[], &Damping::default())
            .unwrap();
        assert_eq!(state.truths().unwrap(), HashMap::from([(RepoId(2), truth.clone())]));
    }
    state
        .keep(
            &Learned {
                truths: vec![(RepoId(1), &Truth { answered: u64::MAX, ..Truth::default() })],
                ..Learned::default()
            },
            &[],
            &Damping::default(),
        )
        .unwrap();
    drop(state);
    let truths = State::read(folder.path()).unwrap().truths().unwrap();
    assert_eq!((truths.len(), &truths[&RepoId(2)]), (2, &truth));
    assert_eq!(truths[&RepoId(1)].answered, i64::MAX as u64, "one bit less");
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let address = proptest::option::of(any::<std::net::IpAddr>());
    let sha256 = proptest::option::of(any::<[u8; 32]>());
    (0_u64..9, address, any::<Option<u16>>(), 0..=i64::MAX as u64, sha256, any::<u32>(), ".{0,20}").prop_map(
        |(at, address, status, bytes, sha256, millis, note)| Evidence {
            at: 1_000_000 + at * 30_000,
            address,
            status,
            bytes,
            sha256,
            millis,
            note,
        },
    )
}

fn any_observation() -> impl Strategy<Value = Observation> {
    let subject = (1_u32..3, 1_u32..3, 0..2_usize, 0..3_usize).prop_map(|(mirror, repo, family, protocol)| Subject {
        mirror: MirrorId(mirror),
        repo: RepoId(repo),
        family: Family::ALL[family],
        protocol: Protocol::ALL[protocol],
    });
    let finding = (0..Finding::COUNT).prop_map(|at| Finding::all().nth(at).unwrap());
    (subject, finding, any_evidence()).prop_map(|(subject, finding, evidence)| Observation {
        subject,
        finding,
        evidence,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// What is read is what `Verdict::after` makes of the observations, however they come in batches.
    #[test]
    fn verdicts_and_changes_are_kept(batches in proptest::collection::vec(
        proptest::collection::vec(any_observation(), 0..20), 1..6,
    )) {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path(), 2, 2);
        let damping = Damping { leave_after: 2, window: 3, return_after: 2, behind_seconds_max: 100_000 };
        let mut verdicts: HashMap<Subject, Verdict> = HashMap::new();
        let mut history: BTreeMap<(Subject, std::cmp::Reverse<u64>), Past> = BTreeMap::new();
        for batch in &batches {
            let mut changes = Vec::new();
            for observation in batch {
                let subject = observation.subject;
                let before = verdicts.get(&subject);
                let Some(after) = Verdict::after(before, observation, &damping) else { continue };
                let before = before.map(|before| (before.standing, before.finding));
                if before != Some((after.standing, after.finding)) {
                    let Verdict { standing, finding, evidence, .. } = after.clone();
                    let at = std::cmp::Reverse(evidence.at);
                    history.insert((subject, at), Past { subject, standing, finding, evidence });
                    changes.push(Change { subject, before, after: after.clone() });
                }
                verdicts.insert(subject, after);
            }
            prop_assert_eq!(state.keep(&Learned::default(), batch, &damping).unwrap(), changes);
        }
        drop(state);
        let state = State::read(folder.path()).unwrap();
        prop_assert_eq!(state.verdicts().unwrap(), verdicts.clone());
        let mut of_each: HashMap<Subject, Verdict> = HashMap::new();
        let mut tallied = 0;
        for mirror in [MirrorId(1), MirrorId(2)] {
            of_each.extend(state.verdicts_of(mirror, None).unwrap());
            let of_one = state.verdicts_of(mirror, Some(RepoId(1))).unwrap();
            let of_all = of_each.iter().filter(|(subject, _)| (subject.mirror, subject.repo) == (mirror, RepoId(1)));
            let of_all: HashMap<Subject, Verdict> =
                of_all.map(|(subject, verdict)| (*subject, verdict.clone())).collect();
            prop_assert_eq!(of_one.into_iter().collect::<HashMap<_, _>>(), of_all);
            let mut past = state.history(mirror, None, usize::MAX).unwrap();
            let newest = state.history(mirror, None, 1).unwrap();
            prop_assert!(newest.iter().all(|one| past.iter().find(|all| all.subject == one.subject) == Some(one)));
            past.sort_by_key(|past| (past.subject, std::cmp::Reverse(past.evidence.at)));
            let expected: Vec<Past> =
                history.values().filter(|past| past.subject.mirror == mirror).cloned().collect();
            prop_assert_eq!(past, expected);
        }
        prop_assert_eq!(&of_each, &verdicts);
        for tally in state.tallies(None).unwrap() {
            let same = verdicts.iter().filter(|(subject, verdict)| {
                (subject.mirror, subject.family) == (tally.mirror, tally.family)
                    && (verdict.standing, verdict.finding) == (tally.standing, tally.finding)
            });
            let at: Vec<u64> = same.map(|(_, verdict)| verdict.evidence.at).collect();
            prop_assert_eq!((at.len() as u64, at.into_iter().max()), (tally.count, Some(tally.looked_at)));
            tallied += tally.count;
        }
        prop_assert_eq!(tallied, verdicts.len() as u64);
    }
}

#[test]
fn one_crawler_and_many_readers() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(State::read(folder.path()), Err(StateError::Missing { .. })));
    let mut crawler = state(folder.path(), 1, 1);
    let error = State::open(folder.path()).unwrap_err();
    assert!(matches!(error, StateError::Locked { holder: Some(pid), .. } if pid == std::process::id()), "{error}");
    assert!(error.to_string().contains("crawl.lock: another crawler (process "), "{error}");

    let early = State::read(folder.path()).unwrap();
    assert_eq!(early.verdicts().unwrap().len(), 0);
    crawler.keep(&Learned::default(), &[observation(1, 1, Finding::Same, 5)], &Damping::default()).unwrap();
    let mut late = State::read(folder.path()).unwrap();
    assert_eq!(late.verdicts().unwrap().len(), 1);
    assert_eq!(early.verdicts().unwrap().len(), 0, "a reader sees one moment");
    let refused = late.mirror("new.example.org").unwrap_err().to_string();
    assert!(refused.contains("verdicts.sqlite: cannot number a mirror"), "{refused}");
    drop((early, late, crawler));

    let log = folder.path().join("verdicts.sqlite-wal");
    assert_eq!(fs::metadata(&log).unwrap().len(), 0, "it stays for readers without the right to make it, but empty");
    let crawler = State::open(folder.path()).unwrap();
    assert_eq!(crawler.verdicts().unwrap().len(), 1);
}

#[test]
fn a_pass_is_kept_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = state(folder.path(), 1, 500);
    let batch: Vec<Observation> = (1..=500).map(|repo| observation(1, repo, Finding::Same, 5)).collect();
    let mut unknown = batch.clone();
    unknown.push(observation(2, 1, Finding::Same, 5));
    let mut truth = Truth::default();
    truth.show(shown(1), 5);
    let learned = Learned { truths: vec![(RepoId(1), &truth)], ..Learned::default() };
    let error = state.keep(&learned, &unknown, &Damping::default()).unwrap_err().to_string();
    assert!(error.contains("cannot keep what was observed: FOREIGN KEY"), "{error}");
    assert_eq!((state.verdicts().unwrap().len(), state.truths().unwrap().len()), (0, 0));

    // A disk that is full in the middle of the batch.
    let pages: i64 = state.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    state.connection.pragma_update(None, "max_page_count", pages + 4).unwrap();
    let error = state.keep(&learned, &batch, &Damping::default()).unwrap_err().to_string();
    assert!(error.contains("full"), "{error}");
    assert_eq!(state.verdicts().unwrap().len(), 0);
    state.connection.pragma_update(None, "max_page_count", pages + 4_000).unwrap();
    let before = State::read(folder.path()).unwrap();
    assert_eq!(state.keep(&learned, &batch, &Damping::default()).unwrap().len(), 500);
    assert_eq!((state.verdicts().unwrap().len(), state.truths().unwrap().len()), (500, 1));
    assert_eq!((before.verdicts().unwrap().len(), before.truths().unwrap().len()), (0, 0), "a reader sees no half");
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    drop(state(folder.path(), 1, 1));
    let with = |pragma: &str| Connection::open(&path).unwrap().execute_batch(pragma).unwrap();
    with("PRAGMA user_version = 99");
    for result in [State::open(folder.path()), State::read(folder.path())] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("verdicts.sqlite: its tables have version 99") && error.contains("move"), "{error}");
    }
    with("PRAGMA user_version = 1; PRAGMA application_id = 7");
    assert!(matches!(State::open(folder.path()), Err(StateError::Foreign { .. })));
    fs::remove_file(&path).unwrap();
    with("CREATE TABLE theirs (x)");
    assert!(matches!(State::open(folder.path()), Err(StateError::Foreign { .. })));
    fs::remove_file(&path).unwrap();
    fs::write(&path, "# a text\n".repeat(1_000)).unwrap();
    let error = State::open(folder.path()).unwrap_err();
    assert!(matches!(error, StateError::Damaged { .. }), "{error}");
    assert!(fs::read_to_string(&path).unwrap().starts_with("# a text"));
    // What a crawler leaves that was killed before it made its tables.
    fs::write(&path, "").unwrap();
    assert!(matches!(State::read(folder.path()), Err(StateError::Missing { .. })));
    assert!(State::open(folder.path()).is_ok());
}

/// Everything that can be asked.
fn ask(state: &State) -> Result<usize, StateError> {
    let past = state.history(MirrorId(1), None, 9)?.len();
    let verdicts = state.verdicts()?.len() + state.verdicts_of(MirrorId(2), None)?.len() + state.tallies(None)?.len();
    let names = state.mirrors()?.len() + state.repos()?.len();
    state.last_run()?;
    Ok(past + verdicts + names + state.truths()?.len())
}

#[test]
fn a_damaged_file_is_told_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = state(folder.path(), 3, 20);
    let batch: Vec<Observation> =
        (0..60).map(|number| observation(number % 3 + 1, number / 3 + 1, Finding::Same, 5)).collect();
    state.keep(&Learned::default(), &batch, &Damping::default()).unwrap();
    let mut truth = Truth::default();
    truth.show(shown(1), 5);
    state.keep(&Learned { truths: vec![(RepoId(1), &truth)], ..Learned::default() }, &[], &Damping::default()).unwrap();
    state.begin_run(5).unwrap();
    let whole = ask(&state).unwrap();
    drop(state);
    let path = folder.path().join(FILE_NAME);
    let sound = fs::read(&path).unwrap();
    let mut told = 0;
    let mut play = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).unwrap();
        for opened in [State::open(folder.path()), State::read(folder.path())] {
            match opened.and_then(|state| ask(&state)) {
                Ok(_) => {}
                Err(error) => {
                    told += 1;
                    let text = error.to_string();
                    assert!(text.contains("verdicts.sqlite") && !text.contains('\n'), "{what}: {text}");
                }
            }
        }
    };
    for length in (0..sound.len()).step_by(sound.len() / 40 + 1) {
        play(&sound[..length], &format!("cut to {length}"));
    }
    for number in 0..120_usize {
        // Every page, and every part of a page in turn.
        let at = (number * sound.len() / 120 + number * 37 % 512).min(sound.len() - 1);
        let mut bytes = sound.clone();
        bytes[at] ^= [0xff, 0x01, 0x80][number % 3];
        play(&bytes, &format!("byte {at}"));
    }
    assert!(told > 100, "only {told} of 320 were told");
    fs::write(&path, &sound).unwrap();
    assert_eq!(ask(&State::open(folder.path()).unwrap()).unwrap(), whole, "the copy that was brought back is good");
    // A value that no look has.
    let file = File::options().write(true).open(&path).unwrap();
    let page = sound.windows(7).position(|window| window == b"insame\x05").unwrap();
    file.write_all_at(b"inSAME", page as u64).unwrap();
    let error = ask(&State::read(folder.path()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("unknown name `SAME`"), "{error}");
}

/// Names the folder in which the killed test's other process observes.
const OBSERVER: &str = "MIRRORLISTD_TEST_OBSERVES_IN";
/// Subjects of that process: each batch is one look at all of them.
const KILLED_REPO_COUNT: u32 = 300;

/// Observes until it is killed: batch 1, 2, 3… at that time, each told on standard output when it is kept.
fn observe_for_ever(folder: &Path) -> ! {
    let mut state = state(folder, 1, KILLED_REPO_COUNT);
    let last = state.verdicts().unwrap().values().map(|verdict| verdict.evidence.at).max();
    for at in last.unwrap_or(0) + 1.. {
        let finding = if at % 2 == 0 { Finding::Same } else { Finding::Missing };
        let batch: Vec<Observation> = (1..=KILLED_REPO_COUNT).map(|repo| observation(1, repo, finding, at)).collect();
        state.keep(&Learned::default(), &batch, &Damping::default()).unwrap();
        println!("kept {at}");
    }
    unreachable!("time does not end")
}

#[test]
fn a_killed_crawler_leaves_whole_batches() {
    if let Some(folder) = std::env::var_os(OBSERVER) {
        observe_for_ever(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut kept_before = 0;
    for kill in 0..60_u64 {
        let test = "verdicts::state::tests::a_killed_crawler_leaves_whole_batches";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(OBSERVER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("kept ")?.parse::<u64>().ok());
        // A few batches, and then anywhere within the next ones: waiting is chance enough.
        let mut kept = told.nth(kill as usize % 3).unwrap();
        std::thread::sleep(Duration::from_micros(kill * 977 % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        kept = told.last().unwrap_or(kept);

        let state = if kill % 2 == 0 { State::open(folder.path()) } else { State::read(folder.path()) }.unwrap();
        let sound: String = state.connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
        let verdicts = state.verdicts().unwrap();
        assert_eq!(verdicts.len(), KILLED_REPO_COUNT as usize);
        let at = verdicts.values().next().unwrap().evidence.at;
        assert!(verdicts.values().all(|verdict| verdict.evidence.at == at), "half a batch");
        assert!(at == kept || at == kept + 1, "told of {kept}, found {at}");
        assert!(at > kept_before);
        let newest = state.history(MirrorId(1), None, 1).unwrap();
        assert!(newest.len() == verdicts.len() && newest.iter().all(|past| past.evidence.at == at));
        kept_before = at;
    }
}
