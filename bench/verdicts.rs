//! What does it cost to keep what a whole run observes?
//!
//! `cargo bench --bench verdicts` makes a state for 600 mirrors and 60 repos over both families, http and https, and
//! prints the time of four runs of 144,000 observations (the first, two without a change, one in which a tenth of the
//! mirrors fail), what the file weighs, and the time and memory of reading it back. Absolute times say little on a
//! shared machine: compare with the time a run takes to fetch.

use std::fs;
use std::net::Ipv6Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use mirrorlistd::net::{Family, Protocol};
use mirrorlistd::verdicts::{
    Damping, Evidence, Finding, Keep, Learned, MirrorId, Observation, RepoId, RepoKey, State, Subject,
};

const MIRROR_COUNT: u32 = 600;
const REPO_COUNT: u32 = 60;
const BEGIN: u64 = 1_790_000_000;

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a disk");
    let mut state = State::open(folder.path()).expect("open");
    for number in 1..=MIRROR_COUNT {
        state.mirror(&format!("mirror{number}.example.org")).expect("mirror");
    }
    for number in 1..=REPO_COUNT {
        let key = RepoKey { release: "9.8".into(), arch: "x86_64".into(), repo: format!("repo{number}") };
        state.repo(&key).expect("repo");
    }
    for (run, what) in (0..).zip(["first", "no change", "no change", "a tenth fails"]) {
        let mut changes = 0;
        let (begin, cpu) = (Instant::now(), cpu_time());
        let mut longest = Duration::ZERO;
        for mirror in 1..=MIRROR_COUNT {
            let finding = if run == 3 && mirror % 10 == 0 { Finding::Missing } else { Finding::Same };
            let batch = look_at(mirror, finding, BEGIN + run * 3_600 + u64::from(mirror));
            let begin = Instant::now();
            changes += state.keep(&Learned::default(), &batch, &Damping::default()).expect("observe").len();
            longest = longest.max(begin.elapsed());
        }
        let (wall, cpu) = (begin.elapsed(), cpu_time() - cpu);
        println!("{what:14} {wall:7.2?} ({cpu:.2?} of CPU), longest batch {longest:7.2?}, {changes} changes");
    }
    drop(state);
    println!("file           {} bytes", fs::metadata(folder.path().join("verdicts.sqlite")).expect("file").len());
    let begin = Instant::now();
    let mut state = State::open(folder.path()).expect("open again");
    println!("open and check {:7.2?}", begin.elapsed());
    let (begin, before) = (Instant::now(), anonymous_kib());
    let verdicts = state.verdicts().expect("verdicts");
    let (took, kib) = (begin.elapsed(), anonymous_kib().saturating_sub(before));
    println!("read           {took:7.2?}, {} verdicts in {kib} KiB", verdicts.len());
    let begin = Instant::now();
    let gone = state.thin(BEGIN + 40 * 86_400, Keep::default()).expect("thin");
    println!("thin           {:7.2?}, {gone} entries", begin.elapsed());
}

/// One look at every subject of a mirror.
fn look_at(mirror: u32, finding: Finding, at: u64) -> Vec<Observation> {
    let mut batch = Vec::new();
    for repo in 1..=REPO_COUNT {
        for family in Family::ALL {
            for protocol in [Protocol::Http, Protocol::Https] {
                let subject = Subject { mirror: MirrorId(mirror), repo: RepoId(repo), family, protocol };
                let evidence = Evidence {
                    at,
                    address: Some(Ipv6Addr::LOCALHOST.into()),
                    status: Some(200),
                    bytes: 3_412,
                    sha256: Some([7; 32]),
                    millis: 57,
                    note: String::new(),
                };
                batch.push(Observation { subject, finding, evidence });
            }
        }
    }
    batch
}

/// Time that this thread, the only one, has run on a CPU.
fn cpu_time() -> Duration {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0))
}

/// Memory of this process that no file stands for, KiB.
fn anonymous_kib() -> u64 {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}
