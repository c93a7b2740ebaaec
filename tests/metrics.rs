//! `/metrics`: OpenMetrics by the letter, and counts by name that live through a change of snapshots.
//!
//! The parser here is stricter than those of collectors: TYPE before HELP, samples of a family together and of its
//! type, no label or series twice, one EOF.

mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use stage::{Server, client_of};

/// A family's type, and its samples by name and labels.
struct Family {
    kind: String,
    samples: BTreeMap<String, u64>,
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

/// Cuts `a="x",b="y"` into pairs; values may have escapes.
fn labels(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {rest}"));
        assert!(is_name(name), "label {name}");
        let mut value = String::new();
        let mut letters = after.char_indices();
        let end = loop {
            match letters.next().unwrap_or_else(|| panic!("no end: {text}")) {
                (at, '"') => break at,
                (_, '\\') => match letters.next().unwrap().1 {
                    'n' => value.push('\n'),
                    escaped @ ('"' | '\\') => value.push(escaped),
                    other => panic!("\\{other} is no escape"),
                },
                (_, letter) => {
                    assert!(!letter.is_control(), "{text}");
                    value.push(letter);
                }
            }
        };
        assert!(pairs.iter().all(|(known, _)| known != name), "{name} twice");
        pairs.push((name.to_owned(), value));
        match after[end + 1..].strip_prefix(',') {
            Some(more) => rest = more,
            None => {
                assert_eq!(&after[end + 1..], "", "{text}");
                return pairs;
            }
        }
    }
}

fn parse(page: &str) -> BTreeMap<String, Family> {
    let body = page.strip_suffix("# EOF\n").expect("it ends with EOF");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut open: Option<(String, Vec<String>)> = None;
    let mut lines = body.split_terminator('\n').peekable();
    while let Some(line) = lines.next() {
        assert!(!line.is_empty() && line.trim_end() == line, "`{line}`");
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(is_name(name) && matches!(kind, "counter" | "gauge"), "{line}");
            assert!(!name.ends_with("_total"), "that is for samples: {line}");
            let help = lines.next().and_then(|help| help.strip_prefix("# HELP ")?.strip_prefix(name)).expect(line);
            assert!(help.starts_with(' ') && help.ends_with('.') && !help.contains(['\\', '"']), "{line}: {help}");
            let family = Family { kind: kind.to_owned(), samples: BTreeMap::new() };
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} twice");
            open = Some((name.to_owned(), Vec::new()));
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let value: u64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let (name, pairs) = match series.split_once('{') {
            Some((name, rest)) => (name, labels(rest.strip_suffix('}').unwrap())),
            None => (series, Vec::new()),
        };
        let (of, names) = open.as_mut().expect("a family comes first");
        let family = families.get_mut(of).unwrap();
        let expected = if family.kind == "counter" { format!("{of}_total") } else { of.clone() };
        assert_eq!(name, expected, "{line}");
        let label_names: Vec<String> = pairs.iter().map(|(name, _)| name.clone()).collect();
        match family.samples.is_empty() {
            true => *names = label_names,
            false => assert_eq!(*names, label_names, "all samples of a family have the same labels: {line}"),
        }
        assert!(family.samples.insert(series.to_owned(), value).is_none(), "{series} twice");
    }
    families
}

fn page(server: &Server) -> BTreeMap<String, Family> {
    let answer = server.connect().get("/metrics", "");
    let kind = answer.field("content-type").unwrap();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    parse(&answer.body)
}

fn samples(page: &BTreeMap<String, Family>, family: &str) -> Vec<(String, u64)> {
    let prefix = format!("{family}_total");
    let samples = page[family].samples.iter().filter(|(_, count)| **count > 0);
    samples.map(|(series, count)| (series.strip_prefix(&prefix).unwrap().to_owned(), *count)).collect()
}

fn some(all: &[(&str, u64)]) -> Vec<(String, u64)> {
    all.iter().map(|(labels, count)| ((*labels).to_owned(), *count)).collect()
}

const DNF: &str = "User-Agent: libdnf (AlmaLinux 9.8; generic; Linux.x86_64)\r\n";

#[test]
fn lists_are_counted_by_name() {
    let server = Server::start("workers = 2");
    let ask = |place: &str, target: &str, fields: &str| {
        let fields = format!("X-Forwarded-For: {}\r\n{fields}", client_of(place, 4));
        server.connect().get(target, &fields)
    };
    for _ in 0..5 {
        ask("DE", "/?release=9&arch=x86_64&repo=baseos", DNF);
    }
    ask("US-TX", "/?release=9.8&arch=aarch64&repo=AppStream&countme=3", "User-Agent: libdnf (a\"b 1; x)\r\n");
    ask("nowhere", "/?release=7&arch=x86_64&repo=os", "User-Agent: curl/8\r\n");
    // The last resort is nobody's list, and who asks for nothing is not counted by name.
    ask("DE", "/?release=6&arch=i386&repo=os", "");
    ask("DE", "/?release=77&arch=x86_64&repo=baseos&countme=1", DNF);
    ask("DE", "/?release=9", "User-Agent: libdnf (Made up 1; x; y)\r\n");
    let page = page(&server);
    let expected = [
        ("{release=\"6.10\",arch=\"i386\",repo=\"os\"}", 1),
        ("{release=\"7.9.2009\",arch=\"x86_64\",repo=\"os\"}", 1),
        ("{release=\"9.8\",arch=\"aarch64\",repo=\"appstream\"}", 1),
        ("{release=\"9.8\",arch=\"x86_64\",repo=\"baseos\"}", 5),
    ];
    assert_eq!(samples(&page, "mirrorlistd_repo_answers"), some(&expected));
    let expected = [("{country=\"DE\"}", 6), ("{country=\"US\"}", 1), ("{country=\"unknown\"}", 1)];
    assert_eq!(samples(&page, "mirrorlistd_country_answers"), some(&expected));
    let expected = [
        ("{name=\"AlmaLinux\",version=\"9.8\"}", 5),
        ("{name=\"none\",version=\"\"}", 2),
        ("{name=\"other\",version=\"\"}", 1),
    ];
    assert_eq!(samples(&page, "mirrorlistd_system_answers"), some(&expected));
    assert_eq!(samples(&page, "mirrorlistd_countme"), some(&[("{bucket=\"3\"}", 1)]));
    let first = samples(&page, "mirrorlistd_mirror_first");
    assert!(first.contains(&("{mirror=\"tx.ember.example\"}".to_owned(), 1)), "{first:?}");
    assert_eq!(first.iter().map(|(_, count)| count).sum::<u64>(), 7, "all but the last resort: {first:?}");
    let listed = "{outcome=\"listed\",family=\"ipv4\",dialect=\"centos\"}".to_owned();
    assert!(samples(&page, "mirrorlistd_answers").contains(&(listed, 7)));
    // Nothing that identifies anybody.
    for text in page.values().flat_map(|family| family.samples.keys()) {
        assert!(!text.contains(client_of("DE", 4)) && !text.contains(client_of("US-TX", 4)), "{text}");
    }
}

#[test]
fn counts_live_through_a_change_of_snapshots() {
    let server = Server::start("workers = 2");
    let ask = |repo: &str| {
        let fields = format!("X-Forwarded-For: {}\r\n", client_of("DE", 4));
        // Connections fall to either worker.
        for _ in 0..10 {
            let answer = server.connect().get(&format!("/?release=9&arch=x86_64&repo={repo}"), &fields);
            assert!(answer.body.starts_with("http"), "{}", answer.body);
        }
    };
    ask("appstream");
    ask("baseos");
    let before = page(&server);
    // Mirrors and repos come and go, so all numbers change.
    let lists = server.folder.path().join("lists");
    let repos = fs::read_to_string(lists.join("ember.toml")).unwrap();
    server.write(
        "lists/ember.toml",
        repos.replace(
            "\"baseos\"\n",
            "\"aaa\"\npath = \"AAA/{arch}/os\"\nreleases = [\"9.8\"]\n\n[[repo]]\nname = \"baseos\"\n",
        ),
    );
    let mirrors = fs::read_to_string(lists.join("mirrors.toml")).unwrap();
    let first = "[[mirror]]\nname = 'first.example'\nbase.ember.https = 'https://first.example/'\ncountry = 'NZ'\n\n";
    server.write("lists/mirrors.toml", format!("{first}{mirrors}"));
    server.reload("done");
    let between = page(&server);
    for family in ["mirrorlistd_repo_answers", "mirrorlistd_country_answers", "mirrorlistd_mirror_first"] {
        assert_eq!(samples(&before, family), samples(&between, family), "a change alone counts nothing");
    }
    ask("aaa");
    ask("baseos");
    let after = page(&server);
    let repo = |name: &str, count| (format!("{{release=\"9.8\",arch=\"x86_64\",repo=\"{name}\"}}"), count);
    let expected = vec![repo("aaa", 10), repo("appstream", 10), repo("baseos", 20)];
    assert_eq!(samples(&after, "mirrorlistd_repo_answers"), expected);
    assert_eq!(samples(&after, "mirrorlistd_country_answers"), some(&[("{country=\"DE\"}", 40)]));
    assert_eq!(samples(&after, "mirrorlistd_mirror_first"), some(&[("{mirror=\"de.ember.example\"}", 40)]));
    let series: BTreeSet<&String> = before.values().flat_map(|family| family.samples.keys()).collect();
    let later: BTreeSet<&String> = after.values().flat_map(|family| family.samples.keys()).collect();
    assert!(series.is_subset(&later), "no series goes away");
    for (name, family) in before.iter().filter(|(_, family)| family.kind == "counter") {
        for (series, count) in &family.samples {
            assert!(after[name].samples[series] >= *count, "{series} falls");
        }
    }
}

#[test]
fn clients_cannot_make_series_without_end() {
    let server = Server::start("");
    let mut client = server.connect();
    for number in 0..1000 {
        let fields = format!("User-Agent: libdnf (System{number} {number}; x; y)\r\n");
        client.get(&format!("/?release=9&arch=x86_64&repo=baseos&countme={number}"), &fields);
        client.get(&format!("/?release=9&arch=x86_64&repo=made-up-{number}&cc=x{number}"), &fields);
    }
    let page = page(&server);
    assert!(page["mirrorlistd_system_answers"].samples.len() <= 258);
    assert_eq!(samples(&page, "mirrorlistd_system_answers").iter().map(|(_, count)| count).sum::<u64>(), 1000);
    assert_eq!(samples(&page, "mirrorlistd_repo_answers").len(), 1);
}
