//! `mirrorlistd simulate`: what it predicts is what is answered.

mod stage;

use std::fs;
use std::path::Path;

use serde_json::Value;
use stage::{client_of, program, write_embers};
use tempfile::TempDir;

fn run(folder: &Path, arguments: &str) -> (i32, String, String) {
    let output = program().arg("simulate").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(folder: &Path, arguments: &str) -> Value {
    let (code, out, error) = run(folder, &format!("{arguments} --format json"));
    assert_eq!(code, 0, "{arguments}: {error}");
    serde_json::from_str(&out).unwrap()
}

fn embers() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    fs::write(folder.path().join("c.toml"), "lists = 'lists'\ngeoip = ['geo.table']\n").unwrap();
    folder
}

fn mirror<'a>(json: &'a Value, name: &str) -> &'a Value {
    let mirrors = json["mirrors"].as_array().unwrap();
    mirrors.iter().find(|mirror| mirror["mirror"] == name).unwrap_or_else(|| panic!("no {name} in {json}"))
}

/// A log line a quarter of an hour after the one before.
fn line(number: u32, place: &str, query: &str) -> String {
    let (hour, minute) = (number / 4, number % 4 * 15);
    let client = client_of(place, 4);
    format!("{client} - - [22/Nov/2026:{hour:02}:{minute:02}:00 +0000] \"GET /?{query} HTTP/1.1\" 200 7 \"-\" \"-\"\n")
}

#[test]
fn a_log_is_answered_again() {
    let folder = embers();
    let repo = "release=9&arch=x86_64&repo=baseos";
    let mut log = String::from("broken\n");
    // 8 hours: 24 requests for lists in Germany, of which one is for nothing there is, and 8 in Texas.
    for number in 0..32 {
        log += &match number {
            31 => line(number, "DE", "release=77&arch=x86_64&repo=baseos"),
            _ if number % 4 == 0 => line(number, "US-TX", repo),
            _ => line(number, "DE", repo),
        };
    }
    fs::write(folder.path().join("access.log"), log).unwrap();
    let told = json(folder.path(), "--config c.toml --log access.log --mb-per-request 10");
    assert_eq!((&told["asked"]["requests"], &told["asked"]["passed_over"]), (&32.into(), &1.into()));
    assert_eq!((&told["snapshot"]["listed"], &told["snapshot"]["unknown_repo"]), (&31.into(), &1.into()));
    // One mirror per rank: whoever is nearest leads every answer there.
    assert_eq!(mirror(&told, "de.ember.example")["first"], 23);
    assert_eq!(mirror(&told, "tx.ember.example")["first"], 8);
    assert_eq!(mirror(&told, "jp.ember.example")["first"], 0);
    assert_eq!(mirror(&told, "jp.ember.example")["named"], 31, "everybody is told of the other side of the world");
    assert_eq!(mirror(&told, "lab.ember.example")["named"], 0, "nobody is told of another's own mirror");
    // 32 requests in 7:45 hours.
    let rate = told["asked"]["requests_per_day"].as_f64().unwrap();
    assert!((rate - 32.0 * 24.0 / 7.75).abs() < 0.01, "{rate}");
    let carries = mirror(&told, "de.ember.example")["load_mbps"].as_f64().unwrap();
    assert!((carries - rate * 23.0 / 31.0 * 80.0 / 86_400.0).abs() < 0.001, "{carries}");
    let (code, _, error) = run(folder.path(), "--config c.toml --log nowhere.log");
    assert!(code == 1 && error.contains("nowhere.log"), "{error}");
}

#[test]
fn a_population_is_the_same_for_the_same_seed() {
    let folder = embers();
    let arguments = "--config c.toml --population 300 --repo 9/x86_64/baseos";
    let told = json(folder.path(), arguments);
    assert_eq!(told, json(folder.path(), arguments), "the same clients");
    assert_ne!(told, json(folder.path(), &format!("{arguments} --seed 2")), "other clients");
    assert_eq!(told["snapshot"]["listed"], 300 * 24);
    let first: u64 = told["mirrors"].as_array().unwrap().iter().map(|one| one["first"].as_u64().unwrap()).sum();
    assert_eq!(first, 300 * 24, "somebody is first in every list");
    let share = |name: &str| mirror(&told, name)["first_share"].as_f64().unwrap();
    // Most clients of the world's servers are in the United States; Germany has more of them than Japan.
    assert!(share("us.ember.example") + share("tx.ember.example") > share("de.ember.example"), "{told}");
    assert!(share("de.ember.example") > share("jp.ember.example") && share("jp.ember.example") > 0.0, "{told}");
    for (arguments, code, what) in [
        ("--config c.toml --population 0", 2, "1..=1000000"),
        ("--config c.toml --population 5 --log x", 2, "cannot be used with"),
        ("--config c.toml --repo 9/x86_64/nothing", 1, "no repo `9/x86_64/nothing`"),
        ("--config c.toml --repo baseos", 2, "RELEASE/ARCH/REPO"),
        ("--config c.toml --mb-per-request 0", 2, "a number above 0"),
    ] {
        let (got, _, error) = run(folder.path(), arguments);
        assert!(got == code && error.contains(what), "{arguments}: {got} {error}");
    }
}

#[test]
fn small_mirrors_are_warned_of() {
    let folder = embers();
    let mirrors = fs::read_to_string(folder.path().join("lists/mirrors.toml")).unwrap();
    let small = mirrors.replace("country = \"JP\"\n", "country = \"JP\"\nbandwidth_mbps = 10\n");
    assert_ne!(small, mirrors);
    fs::write(folder.path().join("lists/mirrors.toml"), small).unwrap();
    let base = "--config c.toml --population 200 --repo 9/x86_64/baseos";
    let warned =
        |more: &str| mirror(&json(folder.path(), &format!("{base}{more}")), "jp.ember.example")["warning"].clone();
    assert_eq!(warned(""), "share", "far more than its share of the weight");
    assert_eq!(warned(" --ratio-max 10000"), Value::Null);
    assert_eq!(warned(" --requests-per-day 100"), Value::Null, "it can carry that");
    assert_eq!(warned(" --requests-per-day 100000000"), "bandwidth");
    let (code, text, _) = run(folder.path(), &format!("{base} --requests-per-day 100000000"));
    assert_eq!(code, 0);
    assert!(text.contains("\n! jp.ember.example: would carry ") && text.contains("of its 10 Mb/s"), "{text}");
    assert!(
        text.lines()
            .filter(|line| !line.starts_with("! ") || line.contains(" JP "))
            .all(|line| line.chars().count() <= 80)
    );
    let (_, csv, _) = run(folder.path(), &format!("{base} --format csv"));
    assert!(
        csv.starts_with("mirror,place,weight_mbps,")
            && csv.lines().any(|line| line.starts_with("jp.ember.example,JP,10,"))
    );
}

#[test]
fn a_new_snapshot_moves_the_load() {
    let folder = embers();
    let build = |out: &str| {
        let built = program().args(["build", "--lists", "lists", "--out", out]).current_dir(folder.path()).output();
        assert!(built.unwrap().status.success());
    };
    build("old.snapshot");
    let mirrors = fs::read_to_string(folder.path().join("lists/mirrors.toml")).unwrap();
    fs::write(folder.path().join("lists/mirrors.toml"), mirrors.replace("jp.ember.example", "tokyo.ember.example"))
        .unwrap();
    build("new.snapshot");
    let base = "--config c.toml --population 200 --repo 9/x86_64/baseos --compare";
    let told = json(folder.path(), &format!("{base} old.snapshot new.snapshot"));
    let moves = told["moves"].as_array().unwrap();
    let names: Vec<&str> = moves.iter().map(|one| one["mirror"].as_str().unwrap()).collect();
    assert_eq!(names, ["jp.ember.example", "tokyo.ember.example"], "nobody else moves: {told}");
    assert_eq!((&moves[0]["after"], &moves[1]["before"]), (&Value::Null, &Value::Null));
    assert_eq!(moves[0]["before"], moves[1]["after"]);
    let same = json(folder.path(), &format!("{base} old.snapshot old.snapshot"));
    assert_eq!(same["moves"], Value::Array(Vec::new()));
    let (_, text, _) = run(folder.path(), &format!("{base} old.snapshot new.snapshot"));
    assert!(text.contains("of first places, 2 mirrors\n") && text.contains("jp.ember.example"), "{text}");
    let (code, _, error) = run(folder.path(), &format!("{base} old.snapshot nowhere"));
    assert!(code == 1 && error.contains("nowhere"), "{error}");
}
