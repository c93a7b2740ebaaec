//! `explain=1` and `mirrorlistd lookup`: what they tell is what is answered, with what was last seen of each mirror, to
//! those who may know.

mod stage;

use std::fs;

use mirrorlistd::net::{Family, Protocol};
use mirrorlistd::plan::{self, Goods, Known};
use mirrorlistd::verdicts::{Finding, MirrorId, RepoId, RepoKey, Standing, Subject};
use serde_json::Value;
use stage::{Server, client_of, inventory, program, write_embers};
use tempfile::TempDir;

const BASEOS: &str = "/?release=9&arch=x86_64&repo=baseos";
/// 2026-11-22 05:04:03 UTC.
const NOW: u64 = 1_795_323_843;

/// A folder with a snapshot of the small inventory, after a crawl: all mirrors are good for all repos by all protocols
/// over both families, but for these.
fn crawled(faults: &[(&str, &str, Family, Protocol, Finding, u64)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    let inventory = inventory();
    let mut known = Known { verified_at: NOW, ..Known::default() };
    let names = ["baseos", "appstream"];
    for (number, name) in names.into_iter().enumerate() {
        let key = RepoKey { release: "9.8".into(), arch: "x86_64".into(), repo: name.into() };
        known.repos.insert(key, RepoId(number as u32));
        known.with_truth.insert(RepoId(number as u32));
    }
    for (number, mirror) in inventory.mirrors.iter().enumerate() {
        known.mirrors.insert(mirror.name.clone(), MirrorId(number as u32));
        // Nobody has looked at this one.
        if mirror.name == "any.ember.example" {
            continue;
        }
        // And this one was left alone after the first repo.
        let looked_at = if mirror.name == "jp.ember.example" { &names[..1] } else { &names[..] };
        for (family, protocol) in Family::ALL.into_iter().flat_map(|family| Protocol::ALL.map(|by| (family, by))) {
            for (repo, name) in looked_at.iter().copied().enumerate() {
                let subject = Subject { mirror: MirrorId(number as u32), repo: RepoId(repo as u32), family, protocol };
                let is_it = |fault: &&(&str, &str, Family, Protocol, Finding, u64)| {
                    (fault.0, fault.1, fault.2, fault.3) == (mirror.name.as_str(), name, family, protocol)
                };
                let standing = match faults.iter().find(is_it) {
                    Some((.., finding, since)) => {
                        known.faults.insert(subject, (*finding, *since));
                        if *finding == Finding::Behind { Standing::Late } else { Standing::Out }
                    }
                    None => Standing::In,
                };
                known.standings.insert(subject, standing);
            }
        }
    }
    let bytes = plan::build(&inventory, &Goods::judged(&inventory, &known)).unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    fs::write(folder.path().join("state/snapshot"), bytes).unwrap();
    folder
}

fn explained(server: &Server, client: &str, target: &str) -> Value {
    let answer = server.get_as(client, &format!("{target}&explain=1&format=json"));
    assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/json")), "{}", answer.body);
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    serde_json::from_str(&answer.body).unwrap()
}

/// Name, position and reason of all candidates of a list.
fn candidates(told: &Value, list: usize) -> Vec<(String, Option<u64>, String)> {
    let all = told["lists"][list]["candidates"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().trim_end_matches(".ember.example").to_owned();
    all.map(|one| (text(&one["mirror"]), one["position"].as_u64(), text(&one["reason"]))).collect()
}

fn some(all: &[(&str, Option<u64>, &str)]) -> Vec<(String, Option<u64>, String)> {
    all.iter().map(|(name, position, reason)| ((*name).to_owned(), *position, (*reason).to_owned())).collect()
}

#[test]
fn every_candidate_has_its_reason_and_what_was_last_seen() {
    use {Family::*, Finding::*, Protocol::*};
    let folder = crawled(&[
        ("de.ember.example", "baseos", Ipv4, Https, Certificate, NOW - 3 * 86_400),
        ("de.ember.example", "baseos", Ipv4, Http, Missing, NOW - 7200),
        ("at.ember.example", "baseos", Ipv4, Http, Behind, NOW - 3600),
        ("tx.ember.example", "baseos", Ipv4, Https, TimedOut, NOW - 3600),
        ("tx.ember.example", "baseos", Ipv6, Https, Refused, NOW - 3600),
        ("de.ember.example", "appstream", Ipv4, Https, Certificate, NOW),
        ("jp.ember.example", "baseos", Ipv4, Https, Missing, NOW),
    ]);
    let server = Server::start_in(folder, "state = 'state'\nbuild = false\nexplain_self = true");
    let client = client_of("DE", 4);
    let told = explained(&server, client, BASEOS);
    let expected = [("de", None, "fault"), ("at", Some(4), "spare")];
    let found = candidates(&told, 0);
    assert_eq!(found[..2], some(&expected), "{told}");
    assert!(found.contains(&("tx".to_owned(), None, "fault".to_owned())), "{found:?}");
    assert!(found.contains(&("any".to_owned(), None, "not_seen".to_owned())), "{found:?}");
    let faults = &told["lists"][0]["candidates"][0]["faults"];
    let fault = |at: usize| ["protocol", "finding", "since"].map(|key| faults[at][key].as_str().unwrap().to_owned());
    assert_eq!(fault(0), ["https", "certificate", "2026-11-19T05:00:00Z"]);
    assert_eq!(fault(1), ["http", "missing", "2026-11-22T03:00:00Z"]);
    // It is the answer that is told of.
    let answer = server.get_as(client, BASEOS);
    let told_lines: Vec<&str> = told["answer"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(told_lines, answer.lines());
    for (name, position, _) in found {
        if let Some(position) = position {
            assert!(told_lines[position as usize - 1].contains(&name), "{name} is line {position} of {told_lines:?}");
        }
    }
    assert_eq!((&told["outcome"], &told["repo"]["release"]), (&"listed".into(), &"9.8".into()));
    let who = &told["client"];
    assert_eq!((&who["address"], &who["place"], &who["place_from"]), (&client.into(), &"DE".into(), &"geoip".into()));
    assert_eq!(told["snapshot"]["verified_at"], "2026-11-22T05:04:03Z");
    // Where it is good by one protocol, the other one's fault is told all the same.
    let other = explained(&server, client, "/?release=9&arch=x86_64&repo=appstream");
    assert_eq!(candidates(&other, 0)[0], ("de".to_owned(), Some(1), "good".to_owned()));
    assert_eq!(other["lists"][0]["candidates"][0]["faults"][0]["finding"], "certificate");
    let alone = candidates(&other, 0).iter().position(|one| *one == ("jp".to_owned(), None, "left_alone".to_owned()));
    let alone = alone.unwrap_or_else(|| panic!("{other}"));
    assert_eq!(other["lists"][0]["candidates"][alone]["faults"][0]["finding"], "missing", "seen elsewhere");
    // The same as text, and by the command line.
    let text = server.get_as(client, &format!("{BASEOS}&explain=1"));
    assert_eq!(text.field("content-type"), Some("text/plain"));
    for part in [
        "   out  de.ember.example",
        "          https certificate since 2026-11-19 05h:\n            a certificate that is not valid for the host\n",
        "          http missing since 2026-11-22 03h: no such file (404 or 410)\n",
        "          behind since 2026-11-22 04h: metadata that the master had before\n",
        "verified    2026-11-22T05:04:03Z, ",
    ] {
        assert!(text.body.contains(part), "{part}: {}", text.body);
    }
    assert!(text.lines().iter().all(|line| line.chars().count() <= 80), "{}", text.body);
    let lookup = |more: &str| {
        let arguments =
            format!("lookup --config config.toml --ip {client} --release 9 --arch x86_64 --repo baseos{more}");
        let output = program().args(arguments.split(' ')).current_dir(server.folder.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let from_lookup: Value = serde_json::from_str(&lookup(" --format json")).unwrap();
    // An hour may begin between the two, and with it another turn.
    assert_eq!(from_lookup["repo"], told["repo"]);
    assert_eq!(from_lookup["client"]["place_why"], told["client"]["place_why"]);
    assert_eq!(from_lookup["lists"][0]["candidates"][0]["faults"], *faults);
    assert!(lookup("").contains("http missing since 2026-11-22 03h"), "{}", lookup(""));
}

#[test]
fn networks_clouds_and_what_is_missing_are_told() {
    let server = Server::start("explain_self = true");
    let told = explained(&server, client_of("nimbus east", 4), &format!("{BASEOS}&cc=de"));
    let who = &told["client"];
    assert_eq!(
        ["network", "cloud", "place_why"].map(|key| who[key].as_str().unwrap()),
        ["203.0.113.0/26", "nimbus/east", "asked for by cc=de"]
    );
    assert_eq!(who["groups"], serde_json::json!([{"name": "cloud nimbus/east", "is_alone": true}]));
    assert_eq!((&who["asn"], told["lists"].as_array().unwrap().len()), (&Value::Null, 1), "{told}");
    let campus = explained(&server, client_of("campus", 4), BASEOS);
    assert_eq!(candidates(&campus, 0), some(&[("campus", Some(1), "good")]));
    assert_eq!(candidates(&campus, 1)[0], ("de".to_owned(), Some(2), "good".to_owned()), "then those of the place");
    let told_place = explained(&server, client_of("told", 4), BASEOS);
    assert_eq!(told_place["client"]["place_from"], "inventory");
    let nowhere = explained(&server, client_of("nowhere", 6), BASEOS);
    assert_eq!((&nowhere["client"]["place"], &nowhere["lists"][0]["of"]), (&"fallback".into(), &"fallback".into()));
    for (target, outcome) in [
        ("/?release=77&arch=x86_64&repo=baseos", "unknown_repo"),
        ("/?arch=x86_64&repo=baseos", "no_release"),
        ("/?release=9&repo=x", "no_arch"),
        ("/?release=6&arch=i386&repo=os", "last_resort"),
    ] {
        let told = explained(&server, client_of("DE", 4), target);
        assert_eq!(told["outcome"], outcome);
        assert_eq!(told["client"]["place"], "DE", "who asks is told all the same");
    }
    let odd = server.get_as(client_of("DE", 4), &format!("{BASEOS}&explain=1&cc=%1b%0a%ff"));
    assert!(odd.body.contains("cc=\\x1b\\n\\xff") && !odd.body.contains('\u{1b}'), "{}", odd.body);
    let private = explained(&server, client_of("DE", 4), BASEOS);
    assert!(!private.to_string().contains("campus") && !private.to_string().contains("lab."), "{private}");
}

#[test]
fn only_those_who_may_know_are_told() {
    let own = client_of("DE", 4);
    let other = client_of("US-TX", 4);
    let target = format!("{BASEOS}&explain=1");
    let as_other = format!("{target}&ip={other}");
    let server = Server::start(&format!("explain_allow = ['{own}']"));
    let place = |server: &Server, client: &str, target: &str| {
        let answer = server.get_as(client, target);
        (answer.status, answer.body.contains("the GeoIP table says US-TX"))
    };
    assert_eq!(place(&server, own, &as_other), (200, true), "any address for those who may");
    assert_eq!(place(&server, other, &target), (403, false), "nobody else, not even of himself");
    assert_eq!(place(&server, other, &as_other), (403, false));
    let bad = server.get_as(own, &format!("{target}&ip=nobody"));
    assert_eq!((bad.status, bad.body.as_str()), (400, "`ip` is no address\n"));
    assert!(server.get_as(own, &format!("{BASEOS}&explain=0")).body.starts_with("https://"), "that is a list");
    for (counter, count) in [("explained", 1), ("forbidden", 2), ("bad_address", 1)] {
        assert_eq!(server.metric(&format!("mirrorlistd_pages_total{{page=\"{counter}\"}}")), count, "{counter}");
    }
    server.configure("explain_allow = []\nexplain_self = true");
    server.reload("done");
    assert_eq!(place(&server, other, &target), (200, true), "everybody of himself");
    assert_eq!(place(&server, other, &as_other), (200, true), "that is himself");
    assert_eq!(place(&server, own, &as_other), (403, false), "nobody of another");
    let json = server.connect().get(&target, &format!("X-Forwarded-For: {own}\r\nAccept: application/json\r\n"));
    assert_eq!(json.field("content-type"), Some("application/json"));
    let mut client = server.connect();
    client.send(format!("HEAD {target} HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {own}\r\n\r\n"));
    let head = client.answer_of("HEAD");
    assert!(head.status == 200 && head.field("content-length").unwrap().parse::<usize>().unwrap() > 500);
}

#[test]
fn the_page_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    let mut mirrors = String::new();
    for number in 0..700 {
        mirrors += &format!(
            "[[mirror]]\nname = 'm{number}.example'\nbase.ember.https = 'https://m{number}.example/'\ncountry = 'DE'\n"
        );
    }
    fs::write(folder.path().join("lists/many.toml"), mirrors).unwrap();
    let server = Server::start_in(folder, "explain_self = true");
    let told = explained(&server, client_of("DE", 4), BASEOS);
    assert_eq!(candidates(&told, 0).len(), 512);
    assert_eq!(told["left_out"], 700 + 9 - 512, "{}", told["left_out"]);
    let text = server.get_as(client_of("DE", 4), &format!("{BASEOS}&explain=1")).body;
    assert!(text.contains("and 197 more: 512 are told at most\n"), "{text}");
}

#[test]
fn every_dialect_and_filter_is_explained_as_it_is_answered() {
    let server = Server::start("explain_self = true");
    let client = client_of("DE", 4);
    for target in [
        "/mirrorlist?repo=baseos-9&arch=x86_64",
        "/mirrorlist?repo=baseos-9&arch=x86_64&country=jp",
        "/mirrorlist?path=ember/9.8/BaseOS/x86_64/os",
        "/?release=9&arch=x86_64&repo=baseos&protocol=https&limit=2",
        "/?release=9&arch=x86_64&repo=baseos&exclude=de",
        "/?release=9&arch=x86_64&repo=baseos&family=any",
        "/?release=9&arch=x86_64&repo=baseos&country=aq",
    ] {
        let told = explained(&server, client, target);
        assert_eq!((&told["outcome"], &told["repo"]["name"]), (&"listed".into(), &"baseos".into()), "{target}: {told}");
        let answer = server.get_as(client, target);
        let answered: Vec<&str> = answer.lines().into_iter().filter(|line| !line.starts_with('#')).collect();
        let lines: Vec<&str> = told["answer"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        assert_eq!(lines, answered, "{target}");
        let dropped = if target.ends_with("=aq") { serde_json::json!(["country"]) } else { serde_json::json!([]) };
        assert_eq!(told["dropped"], dropped, "{target}");
        // Each line stands at its place in one of the lists.
        let lists = 0..told["lists"].as_array().unwrap().len();
        let mut positions: Vec<u64> =
            lists.flat_map(|list| candidates(&told, list)).filter_map(|(_, position, _)| position).collect();
        positions.sort_unstable();
        positions.dedup();
        assert_eq!(positions, (1..=answered.len() as u64).collect::<Vec<_>>(), "{target}: {told}");
    }
    let excluded = explained(&server, client, "/?release=9&arch=x86_64&repo=baseos&exclude=de");
    assert_eq!(candidates(&excluded, 0)[0], ("de".to_owned(), None, "passed_over".to_owned()));
    let metalink = explained(&server, client, "/metalink?repo=baseos-9&arch=x86_64");
    assert!(
        metalink["answer"][0].as_str().unwrap().ends_with("/9.8/BaseOS/x86_64/os/repodata/repomd.xml"),
        "{metalink}"
    );
    let unknown = explained(&server, client, "/mirrorlist?repo=nothing-9&arch=x86_64");
    assert_eq!((&unknown["outcome"], &unknown["client"]["place"]), (&"unknown_repo".into(), &"DE".into()));
}
