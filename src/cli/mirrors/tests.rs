//! What is told of a small state.

use super::*;
use crate::net::{Family, Protocol};
use crate::verdicts::{Damping, Evidence, Finding, Learned, Observation, RunCounts, RunOutcome, Shown, Subject, Truth};

const BEGIN: u64 = 1_795_000_000;

fn key(repo: &str) -> RepoKey {
    RepoKey { release: "9.8".into(), arch: "x86_64".into(), repo: repo.into() }
}

/// A master with two repos; one mirror is good, one fails in its own way over each family, one was never looked at.
fn state() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut state = State::open(folder.path()).unwrap();
    let [good, bad] = ["good.example.org", "bad.example.org"].map(|name| state.mirror(name).unwrap());
    state.mirror("new.example.org").unwrap();
    let [baseos, _] = ["baseos", "extras"].map(|repo| state.repo(&key(repo)).unwrap());
    let mut truth = Truth::default();
    let times = (0, 0);
    let shown = Shown {
        sha256: [0xab; 32],
        sha512: [1; 64],
        bytes: 3_412,
        timestamp: 1_794_000_000,
        first_seen: times.0,
        last_seen: times.1,
    };
    truth.show(shown, BEGIN);
    state.keep(&Learned { truths: vec![(baseos, &truth)], ..Learned::default() }, &[], &Damping::default()).unwrap();
    let run = state.begin_run(BEGIN).unwrap();
    let look = |mirror, family, finding, at, note: &str| Observation {
        subject: Subject { mirror, repo: baseos, family, protocol: Protocol::Http },
        finding,
        evidence: Evidence {
            at,
            address: Some("192.0.2.7".parse().unwrap()),
            status: Some(404),
            bytes: 153,
            sha256: None,
            millis: 61,
            note: note.to_owned(),
        },
    };
    let looks = [
        look(good, Family::Ipv4, Finding::Same, BEGIN + 1, ""),
        look(bad, Family::Ipv4, Finding::Behind, BEGIN + 2, ""),
        look(bad, Family::Ipv4, Finding::Missing, BEGIN + 3_600, "no such file"),
        look(bad, Family::Ipv6, Finding::TimedOut, BEGIN + 3, ""),
    ];
    state.keep(&Learned::default(), &looks, &Damping::default()).unwrap();
    let counts = RunCounts { mirrors: 2, good: 1, ..RunCounts::default() };
    state.end_run(run, BEGIN + 60, RunOutcome::Complete, &counts, "").unwrap();
    folder
}

#[test]
fn all_mirrors_are_a_table() {
    let folder = state();
    let state = State::read(folder.path()).unwrap();
    let mut out = String::new();
    text::report(&Report::of(&state, None).unwrap(), &mut out);
    assert_eq!(
        out,
        "last crawl: began 2026-11-18T11:06:40Z, ended 2026-11-18T11:07:40Z: complete\n\
         \n\
         \x20                 ----- ipv4 -----  ----- ipv6 -----\n\
         mirror              in  late   out    in  late   out  looked at             worst\n\
         bad.example.org      0     0     1     0     0     1  2026-11-18T12:06:40Z  timed_out (1): no answer in time\n\
         good.example.org     1     0     0     0     0     0  2026-11-18T11:06:41Z\n\
         new.example.org      0     0     0     0     0     0  never\n\
         3 mirrors\n"
    );
    let extras = repo(&state, Some(&key("extras"))).unwrap();
    let report = Report::of(&state, extras).unwrap();
    assert!(report.mirrors.iter().all(|line| line.looked_at.is_none() && line.worst.is_none()));
}

#[test]
fn one_mirror_is_a_letter() {
    let folder = state();
    let state = State::read(folder.path()).unwrap();
    let mut out = String::new();
    let bad = mirror(&state, "bad.example.org").unwrap();
    text::mirror(&MirrorReport::of(&state, "bad.example.org", bad, None).unwrap(), &mut out);
    let sha256 = "ab".repeat(32);
    assert_eq!(
        out,
        format!(
            "mirror     bad.example.org\n\
             looked at  2026-11-18T12:06:40Z\n\
             ipv4       0 in the lists, 0 late, 1 out\n\
             ipv6       0 in the lists, 0 late, 1 out\n\
             found         1 timed_out         no answer in time\n\
             \x20             1 missing           no such file (404 or 410)\n\
             \n\
             9.8/x86_64/baseos\n\
             \x20 the master has 3412 bytes, sha256 {sha256}, since 2026-11-18T11:06:40Z, timestamp 1794000000\n\
             \x20 ipv4 http   out  since 2026-11-18T12:06:40Z, behind since 2026-11-18T11:06:42Z; \
                missing: no such file (404 or 410)\n\
             \x20   2026-11-18T12:06:40Z status 404, 153 bytes in 61 ms, from 192.0.2.7, no such file\n\
             \x20   late from 2026-11-18T11:06:42Z status 404, 153 bytes in 61 ms, from 192.0.2.7: behind\n\
             \x20 ipv6 http   out  since 2026-11-18T11:06:43Z; timed_out: no answer in time\n\
             \x20   2026-11-18T11:06:43Z status 404, 153 bytes in 61 ms, from 192.0.2.7\n"
        )
    );
}

#[test]
fn programs_get_json() {
    let folder = state();
    let state = State::read(folder.path()).unwrap();
    let mut out = String::new();
    json(&Report::of(&state, None).unwrap(), &mut out).unwrap();
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["last_run"]["outcome"], "complete");
    assert_eq!(told["mirrors"][0]["ipv6"], serde_json::json!({"in": 0, "late": 0, "out": 1}));
    assert_eq!(told["mirrors"][1]["worst"], serde_json::Value::Null);

    let bad = mirror(&state, "bad.example.org").unwrap();
    json(&MirrorReport::of(&state, "bad.example.org", bad, None).unwrap(), &mut out).unwrap();
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["name"], &told["findings"][1]["count"]), (&"bad.example.org".into(), &1.into()));
    let repo = &told["repos"][0];
    assert_eq!(repo["master"]["sha256"], "ab".repeat(32));
    let verdict = &repo["verdicts"][0];
    let expected = serde_json::json!({
        "family": "ipv4", "protocol": "http", "standing": "out", "since": BEGIN + 3_600, "behind_since": BEGIN + 2,
        "finding": "missing", "meaning": "no such file (404 or 410)", "at": BEGIN + 3_600, "address": "192.0.2.7",
        "status": 404, "bytes": 153, "millis": 61, "sha256": null, "note": "no such file",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(verdict[name], *value, "{name}");
    }
    assert_eq!(verdict["history"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&verdict["history"][1]["standing"], &verdict["history"][1]["at"]),
        (&"late".into(), &(BEGIN + 2).into())
    );
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    let folder = state();
    let state = State::read(folder.path()).unwrap();
    let Err(Failure::Input(text)) = mirror(&state, "god.example.org") else { panic!("found") };
    assert_eq!(
        text,
        "no mirror `god.example.org` in the state; the nearest are good.example.org, bad.example.org, new.example.org"
    );
    let Err(Failure::Input(text)) = repo(&state, Some(&key("base"))) else { panic!("found") };
    assert!(text.starts_with("no repo `9.8/x86_64/base` in the state; the nearest are 9.8/x86_64/baseos"), "{text}");
    assert!(repo_key("9.8/x86_64").is_err() && repo_key("9.8//baseos").is_err() && repo_key("a/b/c/d").is_err());
    assert_eq!(repo_key("9.8/x86_64/baseos").unwrap(), key("baseos"));
    assert_eq!(repo_key("9.8/x86_64/alma/isos/a.iso").unwrap(), key("alma/isos/a.iso"));
    assert_eq!(repo_key("9.8/x86_64/alma/isos/").unwrap(), key("alma/isos/"));
    assert!(repo_key("9.8/x86_64//isos/a.iso").is_err() && repo_key("9.8/x86_64/a/b/c/d").is_err());
}
