//! Every dialect and form beside the plain list, as clients see them: the running program, the small inventory, answers
//! byte for byte.
//!
//! What is expected stands in `tests/answers/`, written by hand from the rules; `DATE` in it is the answer's own date.

mod stage;

use std::path::Path;

use mirrorlistd::net::{Family, Protocol};
use mirrorlistd::verdicts::{Damping, Evidence, Finding, Learned, Observation, RepoKey, Shown, State, Subject, Truth};
use stage::{Answer, Server, client_of, program};

const FEDORA: &str = "/mirrorlist?repo=baseos-9&arch=x86_64";
/// Some time: all that the verdicts know was found about then.
const NOW: u64 = 1_790_000_400;

fn expected(name: &str, answer: &Answer) -> String {
    let path = format!("{}/tests/answers/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.replace("DATE", answer.field("date").unwrap()).replace("VERSION", env!("CARGO_PKG_VERSION"))
}

/// The first labels of the hosts in a list, in its order.
fn hosts(answer: &Answer) -> Vec<&str> {
    answer.lines().into_iter().filter_map(|line| line.split('/').nth(2)?.strip_suffix(".ember.example")).collect()
}

#[test]
fn fedora_s_lists_are_as_they_were() {
    let server = Server::start("fedora_lines_min = 3");
    for (client, target, name) in [
        (client_of("DE", 4), FEDORA, "fedora-de-ipv4.txt"),
        (client_of("DE", 6), FEDORA, "fedora-de-ipv6.txt"),
        (client_of("DE", 4), "/mirrorlist?arch=x86_64&countme=1&repo=%62aseos-9", "fedora-de-ipv4.txt"),
        (client_of("US-TX", 4), &format!("{FEDORA}&country=jp,DE,xx,jp"), "fedora-jp-de.txt"),
        (client_of("campus", 4), &format!("{FEDORA}&country=jp,de"), "fedora-jp-de.txt"),
        (client_of("campus", 4), &format!("{FEDORA}&netblock=0"), "fedora-de-ipv4.txt"),
        (client_of("lab", 4), &format!("{FEDORA}&netblock=0"), "fedora-de-ipv4.txt"),
        (client_of("DE", 4), "/mirrorlist?repo=nothing&arch=x86_64", "fedora-unknown.txt"),
        (
            client_of("DE", 4),
            "/any/where/mirrorlist?path=/ember/9/BaseOS/x86_64/os/Packages/a.rpm&country=jp",
            "fedora-path-jp.txt",
        ),
    ] {
        let got = server.get_as(client, target);
        assert_eq!((got.status, got.body.as_str()), (200, expected(name, &got).as_str()), "{client} {target}");
        assert_eq!(got.field("content-type"), Some("text/plain"), "{target}");
    }
    for name in ["ember-9", "BaseOS-9.8"] {
        let got = server.get_as(client_of("DE", 4), &format!("/mirrorlist?repo={name}&arch=x86_64"));
        assert_eq!(got.body, expected("fedora-de-ipv4.txt", &got).replace("baseos-9 ", &format!("{name} ")));
    }
}

#[test]
fn too_few_mirrors_are_filled_up_from_everywhere() {
    let server = Server::start("");
    let got = server.get_as(client_of("DE", 4), FEDORA);
    assert_eq!(got.body, expected("fedora-de-ipv4-global.txt", &got));
    let everywhere = server.get_as(client_of("DE", 4), &format!("{FEDORA}&country=global"));
    assert!(everywhere.body.starts_with("# repo = baseos-9 arch = x86_64 country = global \nhttps://de."));
    assert_eq!(everywhere.lines().len(), 9);
    let capped = Server::start("fedora_lines_max = 2").get_as(client_of("DE", 4), FEDORA);
    assert_eq!(hosts(&capped), ["de", "at"]);
    assert!(capped.body.starts_with("# repo = baseos-9 arch = x86_64 country = DE country = AT \n"));
    let network = server.get_as(client_of("campus", 4), FEDORA);
    assert_eq!(hosts(&network)[..2], ["campus", "de"], "the client's network first");
    let cloud = server.get_as(client_of("nimbus east", 4), FEDORA);
    assert_eq!(cloud.lines()[1..].join(""), expected("nimbus-east-ipv4.txt", &cloud).replace('\n', ""));
}

#[test]
fn what_is_missing_or_unknown_is_told_in_fedora_s_words() {
    let server = Server::start("");
    let strict = Server::start("strict_status = true");
    let neither = "# either path=, or repo= and arch= must be specified\n";
    for (target, status, body) in [
        ("/x/mirrorlist?path=ember/9.8/nothing", 404, "error: invalid path\n"),
        ("/mirrorlist?path=/", 404, "error: invalid path\n"),
        ("/mirrorlist?path=ember/9.8/BaseOS/x86_64/os/../../x", 404, "error: invalid path\n"),
        ("/mirrorlist?path=ember/9.8/BaseOS/x86_64/os/a%0d%0ab", 404, "error: invalid path\n"),
        ("/mirrorlist", 200, "arch not specified\n"),
        ("/mirrorlist?repo=baseos-9", 200, "arch not specified\n"),
        ("/mirrorlist?release=9&repo=baseos-9&arch=x86_64", 200, "Invalid release/repo/arch combination\n"),
    ] {
        for (server, status) in [(&server, 200), (&strict, status)] {
            let got = server.get_as(client_of("DE", 4), target);
            assert_eq!((got.status, got.body.as_str()), (status, body), "{target}");
        }
    }
    for target in ["/metalink", "/metalink?repo=baseos-9"] {
        let got = server.get_as(client_of("DE", 4), target);
        assert!(got.body.ends_with(&format!("<!-- {neither}-->\n</metalink>\n")), "{}", got.body);
    }
    // Nothing that a client wrote begins a line, a tag or the end of a comment.
    let evil = "/mirrorlist?repo=%0ahttp://evil/%3Cmetalink&arch=x%0d%0a";
    let got = server.get_as(client_of("DE", 4), evil);
    assert!(got.body.starts_with("# repo = ?http?//evil/?metalink arch = x?? error: invalid repo or arch\n"));
    let got = server.get_as(client_of("DE", 4), "/metalink?repo=--%3E%3Cfile%20name=%22x%22%3E&arch=-");
    assert_eq!(got.body.matches("-->").count(), 1, "{}", got.body);
    assert!(!got.body.contains("<file"), "{}", got.body);
    let sources = server.get_as(client_of("DE", 4), "/mirrorlist?repo=baseos-source-9&arch=x86_64");
    assert!(sources.body.starts_with("# repo = baseos-source-9 arch = source error: "), "{}", sources.body);
}

#[test]
fn a_client_can_be_redirected_and_told_the_time() {
    let server = Server::start("");
    let got = server.get_as(client_of("JP", 4), &format!("{FEDORA}&redirect=1"));
    assert_eq!((got.status, got.body.as_str()), (302, ""));
    assert_eq!(got.field("location"), Some("https://jp.ember.example/ember/9.8/BaseOS/x86_64/os/"));
    let got = server.get_as(client_of("JP", 4), "/mirrorlist?path=ember/9/BaseOS/x86_64/os/a/b.rpm&redirect=1");
    assert_eq!(got.field("location"), Some("https://jp.ember.example/ember/9.8/BaseOS/x86_64/os/a/b.rpm"));
    let got = server.get_as(client_of("JP", 4), "/mirrorlist?repo=nothing&arch=x&redirect=1");
    assert_eq!(got.status, 200);
    let got = server.get_as(client_of("DE", 4), &format!("{FEDORA}&time"));
    assert_eq!(got.lines()[1], "# database creation time: 0", "nobody verified anything");
}

#[test]
fn only_trusted_addresses_speak_for_others() {
    let target = format!("{FEDORA}&ip={}", client_of("JP", 4));
    let server = Server::start("ip_allow = ['198.51.100.0/26']");
    assert_eq!(hosts(&server.get_as(client_of("DE", 4), &target))[0], "jp");
    assert_eq!(hosts(&server.get_as(client_of("US-TX", 4), &target))[0], "tx");
    assert_eq!(hosts(&Server::start("").get_as(client_of("DE", 4), &target))[0], "de");
    let got = server.get_as(client_of("DE", 4), &format!("{FEDORA}&ip=nonsense"));
    assert_eq!(hosts(&got)[0], "de");
    let other = server.get_as(client_of("DE", 4), &format!("{FEDORA}&ip=%3A%3Affff%3A{}", client_of("JP", 4)));
    assert_eq!(hosts(&other)[0], "jp", "IPv4 in IPv6 is IPv4");
}

#[test]
fn filters_are_alike_in_all_dialects() {
    let server = Server::start("lines_max = 20");
    for (endpoint, comment) in [("/?release=9&repo=baseos&arch=x86_64", 0), (FEDORA, 1)] {
        let ask = |client: &str, more: &str| server.get_as(client, &format!("{endpoint}{more}"));
        let de = client_of("DE", 4);
        let https = ask(de, "&protocol=https");
        assert!(!hosts(&https).contains(&"at") && https.lines()[comment..].iter().all(|url| url.starts_with("https:")));
        assert_eq!(hosts(&ask(de, "&protocol=http")), ["de", "at"]);
        assert_eq!(hosts(&ask(de, "&country=jp,de")), ["jp", "de"]);
        assert_eq!(hosts(&ask(de, "&limit=2")), ["de", "at"]);
        let without = ask(de, "&exclude=at.ember.example,FR,us");
        assert_eq!(hosts(&without), ["de", "qc", "jp", "any"], "{}", without.body);
        let by_asn = ask(de, "&exclude=AS64500");
        assert_eq!(hosts(&by_asn), hosts(&ask(de, "&exclude=DE.ember.example")), "the mirror of that network");
        assert!(hosts(&ask(de, "&family=6&limit=3")).contains(&"fr"));
        assert!(!hosts(&ask(de, "&family=6")).contains(&"at"));
        let any = ask(de, "&family=any");
        assert!(hosts(&any).contains(&"fr") && hosts(&any).contains(&"at"));
        // What leaves nothing is dropped, the rest stays.
        let dropped = ask(de, "&protocol=https&country=nz");
        let told = "# no mirror is left with all filters; dropped: country";
        assert_eq!(dropped.lines()[comment], told, "{}", dropped.body);
        assert_eq!(hosts(&dropped), hosts(&https));
        let dropped = ask(de, "&protocol=rsync&family=7&exclude=de&country=de");
        let told = "# no mirror is left with all filters; dropped: protocol family country";
        assert_eq!(dropped.lines()[comment], told, "{}", dropped.body);
        // Nobody is in Austria over IPv6: its continent, and it is told.
        let widened = ask(client_of("DE", 6), "&country=at");
        assert_eq!(widened.lines()[comment], "# no mirror is left with all filters; dropped: country");
        assert!(hosts(&widened).iter().all(|host| ["de", "fr", "own"].contains(host)), "{}", widened.body);
        // An empty filter is none.
        assert_eq!(ask(de, "&protocol=&country=&exclude=&limit=&family=").body, ask(de, "").body);
    }
}

#[test]
fn json_is_stable() {
    let server = Server::start("");
    let get = |target: &str| {
        let got = server.get_as(client_of("JP", 4), target);
        assert_eq!((got.status, got.field("content-type")), (200, Some("application/json")));
        got.body
    };
    let url = "https://jp.ember.example/ember/9.8/BaseOS/x86_64/os/";
    assert_eq!(
        get("/?release=9&repo=baseos&arch=x86_64&limit=1&format=json"),
        format!("[\n{{\"url\":\"{url}\"}}\n]\n")
    );
    assert_eq!(
        get("/mirrorlist?repo=baseos-9&arch=x86_64&limit=1&country=nz&format=json"),
        format!("[\n{{\"url\":\"{url}\",\"dropped\":[\"country\"]}}\n]\n")
    );
    assert_eq!(get("/?release=9&repo=nothing&arch=x86_64&format=json"), "[\n]\n");
    assert_eq!(
        get("/?release=9&repo=baseos&arch=x86_64&limit=1&format=json-full"),
        format!(
            "{{\"outcome\":\"listed\",\"generation\":0,\"verified_at\":null,\"release\":\"9.8\",\"arch\":\"x86_64\",\
             \"repo\":\"baseos\",\"place\":\"JP\",\"comment\":null,\"dropped\":[],\"mirrors\":[\n\
             {{\"url\":\"{url}\",\"country\":\"JP\",\
             \"protocol\":\"https\",\"preference\":100,\"reason\":\"place\"}}\n]}}\n"
        )
    );
    assert_eq!(
        get("/metalink?repo=baseos-9&arch=x86_64&limit=1&format=json-full"),
        format!(
            "{{\"outcome\":\"listed\",\"generation\":0,\"verified_at\":null,\"release\":\"9.8\",\"arch\":\"x86_64\",\
             \"repo\":\"baseos\",\"place\":\"JP\",\"comment\":null,\"dropped\":[],\"mirrors\":[\n\
             {{\"url\":\"{url}\",\"country\":\"JP\",\
             \"protocol\":\"https\",\"preference\":100,\"reason\":\"country\"}}\n]}}\n"
        )
    );
    assert_eq!(
        get("/?arch=x86_64&format=json-full"),
        "{\"outcome\":\"no_repo\",\"generation\":0,\"verified_at\":null,\"release\":null,\"arch\":null,\"repo\":null,\
         \"place\":null,\"comment\":null,\"dropped\":[],\"mirrors\":[\n]}\n"
    );
}

#[test]
fn without_verdicts_a_metalink_has_nothing_to_verify_by() {
    let server = Server::start("");
    let got = server.get_as(client_of("JP", 4), "/metalink?release=9&repo=baseos&arch=x86_64&protocol=https&limit=1");
    assert_eq!((got.status, got.field("content-type")), (200, Some("application/metalink+xml")));
    assert!(got.body.contains("<file name=\"repomd.xml\">\n   <resources maxconnections=\"1\">\n    <url"));
    assert!(!got.body.contains("verification"));
    let got = server.get_as(client_of("JP", 4), "/metalink?repo=nothing&arch=x86_64");
    assert_eq!(got.body, expected("metalink-unknown.xml", &got));
    for file in ["repodata/primary.xml.gz", "Packages/a.rpm", "repodata/repomd.xmlx"] {
        let target = format!("/metalink?path=ember/9/BaseOS/x86_64/os/{file}");
        let got = server.get_as(client_of("JP", 4), &target);
        assert!(got.body.contains("<!-- error: invalid path\n-->"), "{}", got.body);
    }
}

/// What a crawl might have found: two mirrors and a global one have what the master has, one is behind.
fn write_verdicts(folder: &Path) {
    let mut state = State::open(folder).unwrap();
    let key = RepoKey { release: "9.8".into(), arch: "x86_64".into(), repo: "baseos".into() };
    let repo = state.repo(&key).unwrap();
    let shown = |number: u8, age_days: u64| Shown {
        sha256: [number; 32],
        sha512: [0x10 + number; 64],
        bytes: 4000 + u64::from(number),
        timestamp: 1_790_000_000 + 100 * u64::from(number),
        first_seen: NOW - 86_400 * (age_days + 1),
        last_seen: NOW - 86_400 * age_days,
    };
    let truth = Truth { shown: vec![shown(3, 0), shown(2, 1), shown(1, 4)], answered: NOW, changed: NOW - 3600 };
    let mut observations = Vec::new();
    for (name, protocol, finding, number) in [
        ("de.ember.example", Protocol::Https, Finding::Same, 3),
        ("at.ember.example", Protocol::Http, Finding::Same, 3),
        ("any.ember.example", Protocol::Https, Finding::Same, 3),
        ("jp.ember.example", Protocol::Https, Finding::Behind, 2),
        ("tx.ember.example", Protocol::Https, Finding::Missing, 0),
    ] {
        let mirror = state.mirror(name).unwrap();
        let evidence = Evidence {
            at: NOW,
            address: None,
            status: Some(200),
            bytes: 4000,
            sha256: Some([number; 32]),
            millis: 5,
            note: String::new(),
        };
        let subject = Subject { mirror, repo, family: Family::Ipv4, protocol };
        observations.push(Observation { subject, finding, evidence });
    }
    let learned = Learned { truths: vec![(repo, &truth)], ..Learned::default() };
    state.keep(&learned, &observations, &Damping::default()).unwrap();
}

#[test]
fn metalinks_are_exact_until_the_repo_is_expired() {
    let folder = tempfile::tempdir().unwrap();
    stage::write_embers(folder.path());
    let (lists, state) = (folder.path().join("lists"), folder.path().join("state"));
    write_verdicts(&state);
    let server = Server::start_in(folder, "state = 'state'");
    let de = client_of("DE", 4);
    for target in [
        "/metalink?release=9&arch=x86_64&repo=baseos",
        "/metalink?repo=baseos-9&arch=x86_64",
        "/x/metalink?path=ember/9.8/BaseOS/x86_64/os",
        "/metalink?path=ember/9.8/BaseOS/x86_64/os/repodata/repomd.xml",
    ] {
        let got = server.get_as(de, target);
        assert_eq!((got.status, got.field("content-type")), (200, Some("application/metalink+xml")), "{target}");
        assert_eq!(got.body, expected("metalink-de-ipv4.xml", &got), "{target}");
    }
    let want = |target: &str, accept: &str| {
        let fields = format!("X-Forwarded-For: {de}\r\n{accept}");
        let got = server.connect().get(target, &fields);
        (got.field("content-type").unwrap().to_owned(), got.body)
    };
    let four = ("application/metalink4+xml".to_owned(), {
        let got = server.get_as(de, "/metalink4?repo=baseos-9&arch=x86_64");
        expected("metalink4-de-ipv4.xml", &got)
    });
    assert_eq!(want("/metalink4?repo=baseos-9&arch=x86_64", ""), four);
    let target = "/metalink?release=9&arch=x86_64&repo=baseos";
    assert_eq!(want(target, "Accept: */*, Application/Metalink4+XML;q=0.5\r\n"), four);
    assert_ne!(want(target, "Accept: application/metalink4+xml;q=0, */*\r\n"), four);
    let text = server.get_as(de, &format!("{FEDORA}&time=1"));
    assert_eq!(text.lines()[1], format!("# database creation time: {NOW}"));

    let expire = |more: &[&str]| {
        let mut command = program();
        command.args(["expire"]).args(more).arg("--state").arg(&state).arg("--lists").arg(&lists);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    for nothing in [&["crb"][..], &["baseos", "--release", "8"], &["baseos", "--arch", "aarch64"]] {
        let (code, _, stderr) = expire(nothing);
        assert!(code == 1 && stderr.contains("knows such a repo"), "{stderr}");
    }
    let (code, stdout, stderr) = expire(&["BaseOS", "--release", "9", "--arch", "x86_64"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.starts_with("expired 9.8/x86_64/baseos\npublished generation 2"), "{stdout}");
    let got = server.get_as(de, target);
    assert_eq!(got.body, expected("metalink-de-ipv4.xml", &got), "a running server waits for HUP");
    server.reload("done");
    let got = server.get_as(de, target);
    assert_eq!(got.body, expected("metalink-de-ipv4-expired.xml", &got));
    let list = server.get_as(de, "/?release=9&arch=x86_64&repo=baseos");
    assert_eq!(hosts(&list), ["de", "at", "any"], "a mirror that is behind is gone");
    let (_, stdout, _) = expire(&["baseos"]);
    assert!(stdout.contains("generation 2 names nothing of it already"), "{stdout}");
}
