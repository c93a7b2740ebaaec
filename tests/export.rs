//! A tree of lists that was exported, imported again: it answers the same.

mod stage;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use mirrorlistd::import::{list_tree, tree_snapshot};
use mirrorlistd::inventory::read_text;
use mirrorlistd::net::Family;
use mirrorlistd::plan::{Goods, build};
use mirrorlistd::snapshot::{Ending, GroupIndex, PlaceIndex, RepoIndex, Row, Target, View};

const LISTS: &str = r#"
[[distribution]]
name = "d"
title = "D"

[[tree]]
name = "main"

[[tree]]
name = "alt"

[[release]]
name = "9.8"
aliases = ["9"]
arches = ["x86_64", "aarch64"]

[[repo]]
name = "baseos"
path = "BaseOS/{arch}/os"

[[repo]]
name = "extras"
path = "extras/{arch}"
tree = "alt"

[[country]]
code = "DE"
name = "Germany"
continent = "europe"
latitude = 51
longitude = 10

[[country]]
code = "FR"
name = "France"
continent = "europe"
latitude = 46
longitude = 2

[[country]]
code = "US"
name = "United States"
continent = "north-america"
latitude = 39.8
longitude = -98.6
subdivisions = { TX = "Texas", CA = "California" }

[[cloud]]
name = "aws"
title = "Amazon"
base.main = ["http://cloud.example/main/"]

[[cloud_region]]
cloud = "aws"
name = "eu"
prefixes = "192.0.2.0/24 2001:db8::/32"
"#;

fn mirrors() -> String {
    let places = [("DE", ""), ("DE", ""), ("FR", ""), ("US", "TX"), ("US", "CA"), ("US", "")];
    let tables = (0..18).map(|at| {
        let (country, subdivision) = places[at % places.len()];
        let subdivision = match subdivision {
            "" => String::new(),
            code => format!("subdivision = \"{code}\"\n"),
        };
        let families = if at % 5 == 4 { "families = [\"ipv4\"]\n" } else { "" };
        let tree = if at % 4 == 3 { "" } else { "base.alt.http = \"http://HOST/alt/\"\n" };
        let table = "[[mirror]]\nname = \"HOST\"\nbase.main.https = \"https://HOST/main/\"\n";
        format!("{table}{tree}country = \"{country}\"\n{subdivision}{families}\n")
            .replace("HOST", &format!("m{at}.example"))
    });
    tables.collect()
}

/// The URLs for each (release, arch, repo), family and place.
type Answers = BTreeMap<([String; 3], Family, Option<String>), Vec<String>>;

fn answers(view: &View<impl AsRef<[u8]>>, places: &[&str], turn: usize) -> Answers {
    let mut answers = Answers::new();
    for (key, index) in view.keys() {
        let repo = view.repo(index).unwrap();
        for family in Family::ALL {
            for name in std::iter::once(None).chain(places.iter().copied().map(Some)) {
                let code = name.map(|name| name.parse::<mirrorlistd::place::Code>().unwrap());
                let place = code.and_then(|code| view.place(code).or_else(|| view.place(code.country())));
                let row = Row::Place(place.unwrap_or(PlaceIndex::FALLBACK));
                let urls = view
                    .named(&repo, family, row, turn)
                    .take(10)
                    .map(|(_, base)| String::from_utf8([base, repo.suffix].concat()).unwrap());
                answers.insert((key.map(str::to_owned), family, name.map(str::to_owned)), urls.collect());
            }
        }
    }
    answers
}

fn run(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mirrorlistd")).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn snapshot(folder: &Path, lists: &str) -> Vec<u8> {
    let reading = read_text(&[("all.toml".into(), lists.to_owned())]);
    assert_eq!(reading.problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    let bytes = build(&reading.inventory, &Goods::unverified(&reading.inventory)).unwrap();
    std::fs::write(folder.join("snapshot"), &bytes).unwrap();
    bytes
}

#[test]
fn an_imported_export_answers_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = snapshot(folder.path(), &format!("{LISTS}{}", mirrors()));
    let view = View::open(&bytes[..]).unwrap();
    let tree = folder.path().join("tree");
    let [file, out] = [folder.path().join("snapshot"), tree.clone()].map(|path| path.display().to_string());
    let (code, text) = run(&["export", "tree", "--snapshot", &file, "--out", &out, "--turn", "3"]);
    assert_eq!(code, 0, "{text}");
    let read = list_tree::read(&tree).unwrap();
    assert_eq!(read.notes, []);
    let again_bytes = tree_snapshot::build(&read).unwrap();
    let again = View::open(&again_bytes[..]).unwrap();
    again.check().unwrap();
    let places = ["DE", "FR", "US", "US-TX", "US-CA"];
    let expected = answers(&view, &places, 3);
    assert_eq!(expected.len(), 8 * 2 * 6, "two repos and arches under two releases");
    assert!(expected.values().all(|urls| !urls.is_empty()));
    assert_eq!(answers(&again, &places, 0), expected);
    assert_eq!(again.tree_name(again.repo(RepoIndex(0)).unwrap().tree), "main", "trees are branches");

    let (name, ending) = again.group(GroupIndex(0)).unwrap();
    assert_eq!((name, ending), ("cloud aws/eu", Ending::Alone));
    let prefixes: Vec<String> = again.networks().map(|network| network.prefix.to_string()).collect();
    assert_eq!(prefixes, ["192.0.2.0/24", "2001:db8::/32"]);
    assert!(again.networks().all(|network| network.target == Target::Group(GroupIndex(0))));
    let repo = again.repo(again.find(b"9", b"x86_64", b"baseos").unwrap()).unwrap();
    let of_cloud: Vec<_> = again.named(&repo, Family::Ipv4, Row::Group(GroupIndex(0)), 0).collect();
    assert_eq!(of_cloud.len(), 1);
    assert_eq!(of_cloud[0].1, b"http://cloud.example/main/");

    // The same again changes nothing; without the alias its files go.
    let (code, text) = run(&["export", "tree", "--snapshot", &file, "--out", &out, "--turn", "3"]);
    assert!(code == 0 && text.contains(": 0 files written") && text.contains(" 0 removed"), "{text}");
    snapshot(folder.path(), &format!("{LISTS}{}", mirrors()).replace("aliases = [\"9\"]", ""));
    let (code, text) = run(&["export", "tree", "--snapshot", &file, "--out", &out, "--turn", "3"]);
    assert!(code == 0 && text.contains(": 1 files written") && !text.contains(" 0 removed"), "{text}");
    assert!(!tree.join("ipv4/main/9").exists() && tree.join("ipv4/main/9.8").exists());
}

#[test]
fn somebody_elses_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    snapshot(folder.path(), LISTS);
    let path = folder.path().display().to_string();
    let (code, text) = run(&["export", "tree", "--snapshot", &format!("{path}/snapshot"), "--out", &path]);
    assert!(code == 3 && text.contains("no export wrote it"), "{code} {text}");
}

/// A snapshot of the gallery as a tree, and back: lists of images are the same, for IPv4.
#[test]
fn lists_of_images_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = stage::gallery(false);
    std::fs::write(folder.path().join("snapshot"), &bytes).unwrap();
    let tree = folder.path().join("tree");
    let [file, out] = [folder.path().join("snapshot"), tree.clone()].map(|path| path.display().to_string());
    let (code, text) = run(&["export", "tree", "--snapshot", &file, "--out", &out]);
    assert_eq!(code, 0, "{text}");
    let read = |path: &str| std::fs::read_to_string(tree.join(path)).unwrap();
    let isos = "ipv4/ember/9/isos/x86_64";
    assert_eq!(
        read(&format!("{isos}/ember-9.8-boot.iso.us-TX")),
        "http://austin.example/ember/9.8/isos/x86_64/ember-9.8-boot.iso\n\
         https://berlin.example/ember/9.8/isos/x86_64/ember-9.8-boot.iso\n\
         https://world.example/ember/9.8/isos/x86_64/ember-9.8-boot.iso\n"
    );
    assert_eq!(
        read(&format!("{isos}/iso.fallback")),
        "https://berlin.example/ember/9.8/isos/x86_64/\nhttps://world.example/ember/9.8/isos/x86_64/\n"
    );
    // Where a place has no other list than the next wider one there is no file, and no release is left out.
    assert!(!tree.join(format!("{isos}/iso.de")).exists() && !tree.join("ipv6/ember/9.8/isos").exists());
    assert!(tree.join("ipv4/ember/9.8/images/aarch64/iso.fallback").exists());

    let imported = list_tree::read(&tree).unwrap();
    assert_eq!(imported.notes, []);
    let again = View::open(tree_snapshot::build(&imported).unwrap()).unwrap();
    again.check().unwrap();
    let view = View::open(bytes).unwrap();
    // The alias is a release of its own.
    assert_eq!((again.folder_count(), again.file_count()), (4, 4));
    for release in ["9", "9.8"] {
        let index = |view: &View<Vec<u8>>| view.find_images(b"ember", release.as_bytes(), b"isos", b"x86_64").unwrap();
        let urls = |view: &View<Vec<u8>>, family| -> Vec<Vec<u8>> {
            let carried = [view.folder(index(view)).unwrap().carried];
            let all = carried.into_iter().chain(view.files(index(view)).map(|file| file.carried));
            let places = ["DE", "US", "US-TX"].map(|code| code.parse().ok().and_then(|code| view.place(code)));
            all.flat_map(|carried| {
                places.map(|place| {
                    let row = Row::Place(place.unwrap_or(PlaceIndex::FALLBACK));
                    view.named(&carried, family, row, 0).flat_map(|(_, base)| [base, carried.suffix].concat()).collect()
                })
            })
            .collect()
        };
        assert_eq!(urls(&again, Family::Ipv4), urls(&view, Family::Ipv4), "{release}");
        assert_eq!(urls(&again, Family::Ipv6), urls(&view, Family::Ipv4), "frontends give them to everybody");
    }
    // The same again changes nothing, and knows its own files.
    let (code, text) = run(&["export", "tree", "--snapshot", &file, "--out", &out]);
    assert!(code == 0 && text.contains(": 0 files written"), "{text}");
}
