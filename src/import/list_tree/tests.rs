//! Whole trees.

use proptest::prelude::*;

use super::*;

const REPOS: &str = r#"{"7": {"os": {"x86_64": {"branch": "centos", "path": "os/x86_64"}},
    "Updates": {"x86_64": {"branch": "centos", "path": "updates/x86_64"}}},
    "8": {"bad": {"x86_64": {"branch": "..", "path": "x"}}}}"#;

const LISTS: &str = "centos/7/os/x86_64/mirrorlists";

fn read_of(files: &[(&str, &str)]) -> Result<ListTree, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    read(folder.path())
}

fn list<'a>(repo: &'a TreeRepo, family: Family, place: &str) -> Option<&'a [String]> {
    let place = Code::parse(place.as_bytes()).map_or(TreePlace::Fallback, TreePlace::At);
    repo.lists.get(&(family, place)).map(Vec::as_slice)
}

#[test]
fn a_tree_is_read() {
    let tree = read_of(&[
        ("repos.json", REPOS),
        (&format!("ipv4/{LISTS}/mirrorlist.de"), "http://b.example/c/7/os/x86_64/\nhttp://a.example/7/os/x86_64\n"),
        (&format!("ipv4/{LISTS}/mirrorlist.us-TX"), "https://c.example/7/os/x86_64/"),
        (&format!("ipv6/{LISTS}/mirrorlist.fallback"), "http://d.example/7/os/x86_64/\n"),
    ])
    .unwrap();
    let names: Vec<&str> = tree.repos.iter().map(|repo| repo.repo.as_str()).collect();
    assert_eq!(names, ["os", "updates"]);
    let repo = &tree.repos[0];
    assert_eq!((repo.release.as_str(), repo.arch.as_str(), repo.branch.as_str()), ("7", "x86_64", "centos"));
    assert_eq!(repo.suffix, "7/os/x86_64/");
    assert_eq!(list(repo, Family::Ipv4, "DE").unwrap(), ["http://b.example/c/", "http://a.example/"]);
    assert_eq!(list(repo, Family::Ipv4, "US-TX").unwrap(), ["https://c.example/"]);
    assert_eq!(list(repo, Family::Ipv6, "fallback").unwrap(), ["http://d.example/"]);
    assert_eq!(repo.lists.len(), 3);
    assert!(tree.repos[1].lists.is_empty() && tree.clouds.is_empty());
    assert_eq!(tree.notes.len(), 1, "{:?}", tree.notes);
    assert!(tree.notes[0].to_string().contains("8/bad/x86_64: branch `..`"), "{:?}", tree.notes);
}

#[test]
fn a_release_may_be_an_alias_of_its_directory() {
    let tree = read_of(&[
        ("repos.json", REPOS),
        (&format!("ipv4/{LISTS}/mirrorlist.de"), "http://b.example/c/7.9.2009/os/x86_64/\n"),
    ])
    .unwrap();
    assert_eq!(tree.repos[0].suffix, "7.9.2009/os/x86_64/");
    assert_eq!(list(&tree.repos[0], Family::Ipv4, "DE").unwrap(), ["http://b.example/c/"]);
}

#[test]
fn odd_lines_and_files_are_noted_and_skipped() {
    let lines = "http://a.example/7/os/x86_64/\n\nhttp://b.example/7/os/x86_64/\r\nc.example/7/os/x86_64/\n\
                 http://d.example/8/os/x86_64/\nrsync://e.example/7/os/x86_64/\nhttp://f .example/7/os/x86_64/\n";
    let tree = read_of(&[
        ("repos.json", REPOS),
        (&format!("ipv4/{LISTS}/mirrorlist.de"), lines),
        (&format!("ipv4/{LISTS}/mirrorlist.nowhere"), "http://a.example/7/os/x86_64/\n"),
        (&format!("ipv4/{LISTS}/README"), ""),
        (&format!("ipv4/{LISTS}/mirrorlist.fr"), ""),
        (&format!("ipv4/{LISTS}/mirrorlist.it"), &"#".repeat(LIST_BYTES_MAX + 1)),
    ])
    .unwrap();
    assert_eq!(tree.repos[0].lists.len(), 1);
    assert_eq!(list(&tree.repos[0], Family::Ipv4, "DE").unwrap(), ["http://a.example/"]);
    for reason in [
        "blank",
        "carriage return",
        "c.example/7/os/x86_64/` has no scheme",
        "`http://d.example/8/os/x86_64/` does not end",
        "`rsync://e.example/7/os/x86_64/` has no scheme",
        "blanks in it",
        "mirrorlist.nowhere: not a list",
        "README: not a list",
        "mirrorlist.fr: no URL",
        "mirrorlist.it: cannot be read",
    ] {
        assert!(tree.notes.iter().any(|note| note.to_string().contains(reason)), "{reason}: {:#?}", tree.notes);
    }
}

#[test]
fn clouds_get_a_scheme_and_a_slash() {
    let clouds = r#"{"aws": {"ipv4": ["192.0.2.0/24", "x"], "ipv6": ["2001:db8::/32"],
        "baseurl": ["cloud.example/centos", "https://two.example/", "ftp://three.example/", "http://"]}, "none": {}}"#;
    let tree = read_of(&[("repos.json", "{}"), ("clouds_subnets.json", clouds)]).unwrap();
    let aws = &tree.clouds[0];
    assert_eq!(aws.base, ["http://cloud.example/centos/", "https://two.example/"]);
    assert_eq!(aws.prefixes.len(), 2);
    assert_eq!((tree.clouds.len(), tree.notes.len()), (2, 4), "{:#?}", tree.notes);
    assert!(tree.notes[0].to_string().contains("taken as `http://cloud.example/centos/`"));
}

#[test]
fn without_its_maps_there_is_no_tree() {
    assert!(read_of(&[]).unwrap_err().is_missing());
    assert!(matches!(read_of(&[("repos.json", "{")]), Err(ImportError::Format { .. })));
    assert!(matches!(read_of(&[("repos.json", "{}"), ("clouds_subnets.json", "[]")]), Err(ImportError::Format { .. })));
}

proptest! {
    #[test]
    fn mutations_never_panic(
        text in "(http://|https://|://)?[a-z./\n\r 7]{0,60}",
        repos in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = REPOS.as_bytes().to_vec();
        for (at, byte) in repos {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let list = format!("{text}\nhttp://a.example/{text}/os/x86_64/\n");
        let repos = String::from_utf8_lossy(&bytes);
        if let Ok(tree) = read_of(&[("repos.json", &repos), (&format!("ipv4/{LISTS}/mirrorlist.de"), &list)]) {
            for repo in tree.repos {
                prop_assert!(repo.suffix.ends_with('/'));
                prop_assert!(repo.lists.values().flatten().all(|base| base.ends_with('/') && base.starts_with("http")));
            }
        }
    }
}
