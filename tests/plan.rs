//! What verdicts make of answers, and `mirrorlistd plan` on real folders.

use std::path::Path;
use std::process::Command;

use mirrorlistd::answer::{List, Order, Reason, Whereabouts, Wish};
use mirrorlistd::inventory::{Inventory, read_text};
use mirrorlistd::net::{Family, Protocol};
use mirrorlistd::plan::{Goods, Known, build};
use mirrorlistd::snapshot::{PlaceIndex, View};
use mirrorlistd::verdicts::{MirrorId, RepoId, RepoKey, Standing, Subject};

const LISTS: &str = r#"
[[distribution]]
name = "d"
title = "D"

[[tree]]
name = "main"
last_resort = "http://last.example/"

[[release]]
name = "9"
arches = ["x86_64"]

[[repo]]
name = "os"
path = "os"

[[country]]
code = "DE"
name = "Germany"
continent = "europe"
latitude = 51
longitude = 10
"#;

fn lists(mirror_count: usize) -> String {
    let mirror = |at| {
        format!(
            "[[mirror]]\nname = \"m{at}\"\nbase.main.http = \"http://m{at}.example/\"\n\
             base.main.https = \"https://m{at}.example/\"\ncountry = \"DE\"\n\n"
        )
    };
    LISTS.to_owned() + "\n" + &(0..mirror_count).map(mirror).collect::<String>()
}

fn inventory(mirror_count: usize) -> Inventory {
    let reading = read_text(&[("all.toml".into(), lists(mirror_count))]);
    assert_eq!(reading.problems.len(), 0);
    reading.inventory
}

/// Verdicts over IPv4: what `standing` gives for a mirror by a protocol.
fn known(mirror_count: usize, standing: impl Fn(usize, Protocol) -> Standing) -> Known {
    let repo = RepoId(7);
    let key = RepoKey { release: "9".into(), arch: "x86_64".into(), repo: "os".into() };
    let mut known = Known { verified_at: 1_000_000, ..Known::default() };
    known.repos.insert(key, repo);
    known.with_truth.insert(repo);
    for at in 0..mirror_count {
        let mirror = MirrorId(at as u32);
        known.mirrors.insert(format!("m{at}"), mirror);
        for protocol in [Protocol::Http, Protocol::Https] {
            let subject = Subject { mirror, repo, family: Family::Ipv4, protocol };
            known.standings.insert(subject, standing(at, protocol));
        }
    }
    known
}

fn answer(known: &Known, mirror_count: usize, family: Family, line_count_max: usize) -> Vec<String> {
    let inventory = inventory(mirror_count);
    let bytes = build(&inventory, &Goods::judged(&inventory, known)).unwrap();
    let view = View::open(bytes).unwrap();
    view.check().unwrap();
    let repo = view.repo(view.find(b"9", b"x86_64", b"os").unwrap()).unwrap();
    let place = view.place("DE".parse().unwrap()).unwrap();
    assert_ne!(place, PlaceIndex::FALLBACK);
    let whereabouts = Whereabouts { place, reason: Reason::Unknown, group: None, network: None, system: None };
    let mut list = List::default();
    let (order, count_max) = (Order::Place, line_count_max);
    let wish = Wish { repo: &repo, family, whereabouts: &whereabouts, turn: 5, order, count_max, filter: None };
    list.choose(&view, &wish);
    list.bases(&view).map(|base| String::from_utf8(base.to_vec()).unwrap()).collect()
}

#[test]
fn mirrors_that_are_behind_only_fill_up() {
    // The first three are good, by https only; by http they are behind, which must not bring them in twice.
    let known = known(9, |at, protocol| match (at, protocol) {
        (0..3, Protocol::Https) => Standing::In,
        (0..6, _) => Standing::Late,
        _ => Standing::Out,
    });
    let urls = answer(&known, 9, Family::Ipv4, 10);
    assert_eq!(urls.len(), 6, "{urls:?}");
    for at in 0..3 {
        assert!(urls[..3].contains(&format!("https://m{at}.example/")), "{urls:?}");
        assert!(urls[3..].contains(&format!("https://m{}.example/", at + 3)), "{urls:?}");
    }
    assert_eq!(answer(&known, 9, Family::Ipv4, 4).len(), 4);
    assert_eq!(answer(&known, 9, Family::Ipv4, 3), urls[..3]);
    assert_eq!(answer(&known, 9, Family::Ipv6, 10), ["http://last.example/"], "nobody has looked over IPv6");
}

#[test]
fn a_list_without_a_good_mirror_ends_with_the_last_resort() {
    let known = known(3, |_, _| Standing::Late);
    let urls = answer(&known, 3, Family::Ipv4, 10);
    assert_eq!((urls.len(), urls[3].as_str()), (4, "http://last.example/"), "{urls:?}");
    assert_eq!(answer(&known, 3, Family::Ipv4, 2), urls[..2], "where there is room for it");
}

#[test]
fn with_enough_good_mirrors_those_behind_stay_out() {
    let known = known(12, |at, _| if at < 8 { Standing::In } else { Standing::Late });
    assert_eq!(answer(&known, 12, Family::Ipv4, 10).len(), 8);
}

fn run(arguments: &[&str], folder: &Path) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mirrorlistd")).args(arguments).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |text: String| {
        std::fs::create_dir_all(path.join("l")).unwrap();
        std::fs::write(path.join("l/all.toml"), text).unwrap();
    };
    let plan = |arguments: &[&str]| run(&[&["plan", "--lists", "l", "--state", "s"], arguments].concat(), path);
    write(lists(4));
    let (code, text) = plan(&["--dry-run"]);
    assert!(code == 0 && text.contains("nothing is published yet") && !path.join("s").exists(), "{code} {text}");
    let (code, text) = plan(&[]);
    assert!(code == 0 && text.contains("published generation 1"), "{code} {text}");
    write(lists(3));
    let (code, text) = plan(&["--dry-run"]);
    assert!(code == 0 && text.contains("- mirror m3") && text.contains("~ list 9 x86_64 os ipv6 DE: -m3"), "{text}");
    assert!(
        text.contains("4 lists differ, 0 repos and 1 mirrors come or go") && !text.contains("published gen"),
        "{text}"
    );

    write(lists(0));
    for arguments in [&["--dry-run"][..], &[]] {
        let (code, text) = plan(arguments);
        assert_eq!(code, 3, "{text}");
        assert!(text.contains("refused a list that names mirrors would become empty: 9/x86_64/os over ipv4"), "{text}");
    }
    let (_, text) = run(&["snapshot", "info", "s/snapshot"], path);
    assert!(text.contains("mirrors    4") && text.contains("unverified"), "{text}");
    let (code, text) = plan(&["--force", "--quiet"]);
    assert!(code == 0 && text.contains("published generation 2") && !text.contains("~ list"), "{code} {text}");
}
