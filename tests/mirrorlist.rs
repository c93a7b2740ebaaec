//! The CentOS mirrorlist dialect as clients see it: the running program, the small inventory, answers byte for byte.
//!
//! What is expected stands in `tests/answers/`, written by hand from the rules. Not here: bad HTTP (`http`).

mod stage;

use std::collections::BTreeSet;

use mirrorlistd::turn;
use stage::{Answer, Client, Server, client_of, get};

/// The usual request.
const BASEOS: &str = "/?release=9&arch=x86_64&repo=baseos";

/// A file of `tests/answers/`.
fn expected(name: &str) -> String {
    let path = format!("{}/tests/answers/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Answers whose order the hour decides, in one order.
fn sorted(answer: &Answer) -> Vec<&str> {
    let mut lines = answer.lines();
    lines.sort_unstable();
    lines
}

fn set(name: &str) -> Vec<String> {
    let mut lines: Vec<String> = expected(name).lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn each_client_gets_its_list() {
    let server = Server::start("");
    for (place, family, answer) in [
        ("DE", 4, "de-ipv4"),
        ("DE", 6, "de-ipv6"),
        ("AT", 4, "at-ipv4"),
        ("FR", 4, "fr-ipv4"),
        ("JP", 4, "jp-ipv4"),
        ("US-TX", 4, "us-tx-ipv4"),
        ("US-TX", 6, "us-tx-ipv6"),
        ("CA-QC", 4, "ca-qc-ipv4"),
        ("CA-QC", 6, "ca-qc-ipv6"),
        // No mirror is in Ontario: the list of the country.
        ("CA-ON", 4, "ca-on-ipv4"),
        // No mirror is in New Zealand: those nearby.
        ("NZ", 4, "nz-ipv4"),
        // A network of a mirror: that one first.
        ("campus", 4, "campus-ipv4"),
        // A network of an exclusive mirror: that one alone.
        ("lab", 4, "lab-ipv4"),
        // The table has it in Germany, the operator knows better.
        ("told", 4, "us-tx-ipv4"),
        ("nimbus east", 4, "nimbus-east-ipv4"),
        ("nimbus east", 6, "nimbus-east-ipv6"),
        ("nimbus west", 4, "nimbus-west-ipv4"),
    ] {
        // Twice: a warm answer is the cold one, with subdivision and cloud.
        for round in ["cold", "warm"] {
            let got = server.get_as(client_of(place, family), BASEOS);
            assert_eq!(
                (got.status, got.body.as_str()),
                (200, expected(answer).as_str()),
                "{place} IPv{family}, {round}"
            );
        }
    }
}

#[test]
fn a_list_is_plain_text() {
    let server = Server::start("");
    let answer = server.get_as(client_of("DE", 4), BASEOS);
    assert_eq!(answer.field("content-type"), Some("text/plain"));
    assert_eq!(answer.field("content-length"), Some(answer.body.len().to_string().as_str()));
    assert_eq!(answer.field("cache-control"), Some("no-store"), "no cache may hand it to another client");
    assert_eq!(answer.field("date").map(str::len), Some(29));
    assert_eq!(answer.field("content-encoding"), None);
    let body = &answer.body;
    assert!(body.ends_with("/\n") && !body.contains('\r') && !body.contains("\n\n"), "{body:?}");
    for line in answer.lines() {
        assert!(line.starts_with("https://") || line.starts_with("http://"), "{line}");
        assert!(line.ends_with('/') && !line[8..].contains("//") && !line.contains("metalink"), "{line}");
    }
}

#[test]
fn all_spellings_of_a_request_mean_the_same() {
    let server = Server::start("");
    let client = client_of("DE", 4);
    let answer = expected("de-ipv4");
    let mut connection = server.connect();
    for target in [
        "/?release=9&arch=x86_64&repo=baseos",
        "/mirrorlist?release=9&arch=x86_64&repo=baseos",
        "http://mirrors.example/?release=9&arch=x86_64&repo=baseos",
        // The exact release, as good as its alias.
        "/?release=9.8&arch=x86_64&repo=baseos",
        // zypper sorts.
        "/?arch=x86_64&release=9&repo=baseos",
        "/?repo=baseos&arch=x86_64&release=9",
        "/?release=9&arch=x86_64&repo=BaseOS",
        "/?release=%39&arch=x86%5F64&repo=%62ase%4FS",
        "/?release=9&arch=x86_64&repo=baseos&infra=$infra",
        "/?release=9&arch=x86_64&repo=baseos&infra=stock&content=centos&countme=3",
        "/?countme=1&release=9&x=y&arch=x86_64&&repo=baseos&",
        "/?release=9&arch=x86_64&repo=baseos&cc=",
    ] {
        let got = connection.get(target, &format!("X-Forwarded-For: {client}\r\n"));
        assert_eq!((got.status, got.body.as_str()), (200, answer.as_str()), "{target}");
    }
    let old = expected("de-ipv4-old-release");
    for release in ["7", "7.9.2009"] {
        let got = server.get_as(client, &format!("/?release={release}&arch=x86_64&repo=os"));
        assert_eq!(got.body, old, "release {release}");
    }
}

#[test]
fn what_lacks_is_told_in_this_order() {
    let server = Server::start("");
    for (query, answer) in [
        ("", "arch-missing"),
        ("?", "arch-missing"),
        ("?repo=baseos", "arch-missing"),
        ("?release=9", "arch-missing"),
        ("?release=9&repo=baseos", "arch-missing"),
        ("?release=9&repo=baseos&arch=", "arch-missing"),
        ("?arch=x86_64", "repo-missing"),
        ("?arch=x86_64&release=9", "repo-missing"),
        ("?arch=x86_64&repo=baseos", "release-missing"),
        ("?arch=x86_64&repo=nonsense", "release-missing"),
        ("?arch=x86_64&repo=nonsense&release=9", "unknown"),
        ("?arch=x86_64&repo=baseos&release=8", "unknown"),
        ("?arch=x86_64&repo=baseos&release=9.9", "unknown"),
        ("?arch=s390x&repo=baseos&release=9", "unknown"),
        ("?arch=X86_64&repo=baseos&release=9", "unknown"),
        ("?arch=x86_64&repo=baseos%00&release=9", "unknown"),
        ("?arch=x86_64&repo=baseos&release=9%000", "unknown"),
        ("?arch=x86_64%00baseos&repo=x&release=9", "unknown"),
        ("?arch=x86_64&repo=os&release=9", "unknown"),
        ("?arch=x86_64&repo=../../etc&release=9", "unknown"),
    ] {
        for path in ["/", "/mirrorlist"] {
            // There a repo and an architecture without a release are another dialect's.
            if path == "/mirrorlist" && answer == "release-missing" {
                continue;
            }
            let got = get(server.address(), &format!("{path}{query}"));
            assert_eq!((got.status, got.field("content-type")), (200, Some("text/plain")), "{path}{query}");
            assert_eq!(got.body, expected(answer), "{path}{query}");
        }
    }
    let long = format!("/?release=9&arch=x86_64&repo={}", "x".repeat(4000));
    assert_eq!(get(server.address(), &long).body, expected("unknown"));
}

#[test]
fn cc_asks_for_another_place() {
    let server = Server::start("");
    let ask = |client: &str, cc: &str| server.get_as(client, &format!("{BASEOS}&cc={cc}"));
    for cc in ["us-TX", "US-TX", "us-tx", "uS-tX", "US%2DTX"] {
        assert_eq!(ask(client_of("DE", 4), cc).body, expected("us-tx-ipv4"), "{cc}");
        assert_eq!(ask(client_of("DE", 6), cc).body, expected("us-tx-ipv6"), "{cc}");
    }
    for cc in ["jp", "JP", "Jp", "jp-13"] {
        assert_eq!(ask(client_of("US-TX", 4), cc).body, expected("jp-ipv4"), "{cc}");
    }
    assert_eq!(ask(client_of("DE", 4), "ca-on").body, expected("ca-on-ipv4"));
    // What is no place is answered from the fallback: with a list, of all mirrors.
    for cc in ["zz", "nonsense", "%00", "us_TX%0d%0a", "x".repeat(500).as_str()] {
        let got = ask(client_of("DE", 4), cc);
        assert_eq!(sorted(&got), set("de-ipv4"), "{cc}");
    }
}

#[test]
fn the_cloud_comes_before_all_else() {
    let server = Server::start("");
    for cc in ["", "&cc=jp", "&cc=us-TX"] {
        let got = server.get_as(client_of("nimbus east", 4), &format!("{BASEOS}{cc}"));
        assert_eq!(got.body, expected("nimbus-east-ipv4"), "the order of the configuration, whatever `{cc}`");
    }
    // The cloud has nothing of that tree: the client is answered as any other.
    let got = server.get_as(client_of("nimbus east", 4), "/?release=6&arch=i386&repo=os");
    assert_eq!(got.body, expected("vault"));
}

#[test]
fn a_known_repo_has_always_a_url() {
    let server = Server::start("");
    for place in ["DE", "US-NV", "CH", "nowhere", "campus", "lab"] {
        let got = server.get_as(client_of(place, 4), "/?release=6.10&arch=i386&repo=os");
        assert_eq!((got.status, got.body), (200, expected("vault")), "no mirror has it: the last resort");
    }
    for (place, family, all) in [("CH", 4, "de-ipv4"), ("nowhere", 4, "de-ipv4"), ("nowhere", 6, "de-ipv6")] {
        let got = server.get_as(client_of(place, family), BASEOS);
        assert_eq!(sorted(&got), set(all), "{place}: the fallback");
        assert!(got.body.lines().last().unwrap().contains("//own."), "the project's own server is the last");
    }
    // The mirrors of a whole country are of one rank when nothing is known of the client's subdivision, or none is
    // there.
    for place in ["US", "US-NV"] {
        let got = server.get_as(client_of(place, 4), BASEOS);
        let lines = got.lines();
        let first: BTreeSet<&str> = lines[..2].iter().copied().collect();
        let tx_and_us = expected("us-tx-ipv4");
        assert_eq!(first, tx_and_us.lines().take(2).collect(), "{place}");
        assert_eq!(lines[2..], tx_and_us.lines().skip(2).collect::<Vec<_>>(), "{place}");
    }
}

#[test]
fn lists_are_as_long_as_configured() {
    let server = Server::start("lines_max = 3");
    let got = server.get_as(client_of("DE", 4), BASEOS);
    assert_eq!(got.lines(), expected("de-ipv4").lines().take(3).collect::<Vec<_>>());
    // Ten by default, of twelve.
    let folder = tempfile::tempdir().unwrap();
    stage::write_embers(folder.path());
    let many: String = (0..12)
        .map(|number| {
            let url = format!("https://m{number}.example/");
            format!("[[mirror]]\nname = \"m{number}.example\"\nbase.ember.https = \"{url}\"\ncountry = \"NZ\"\n")
        })
        .collect();
    std::fs::write(folder.path().join("lists/many.toml"), many).unwrap();
    let server = Server::start_in(folder, "");
    let got = server.get_as(client_of("NZ", 4), BASEOS);
    let different: BTreeSet<&str> = got.lines().into_iter().collect();
    assert_eq!((got.lines().len(), different.len()), (10, 10), "{}", got.body);
    assert!(got.lines().iter().all(|line| line.starts_with("https://m")), "{}", got.body);
}

#[test]
fn head_is_get_without_a_body() {
    let server = Server::start("");
    let mut connection = server.connect();
    for target in [BASEOS, "/", "/mirrorlist?arch=x86_64&repo=q&release=9", "/nowhere", "/healthz"] {
        let with = connection.get(target, "").timeless();
        connection.send(format!("HEAD {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let without = connection.answer_of("HEAD").timeless();
        assert_eq!((with.status, &with.fields), (without.status, &without.fields), "{target}");
        assert!(!with.body.is_empty());
    }
}

#[test]
fn other_methods_and_paths_are_refused() {
    let server = Server::start("");
    let mut connection = server.connect();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        connection.send(format!("{method} {BASEOS} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{{}}"));
        let answer = connection.answer();
        assert_eq!((answer.status, answer.field("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    for path in ["/x", "/mirrorlist/", "/mirrorlists", "//", "/index.html", "/../etc/passwd", "/%2e%2e/x", "/?/../x/.."]
    {
        let status = connection.get(path, "").status;
        assert_eq!(status, if path.starts_with("/?") { 200 } else { 404 }, "{path}");
    }
}

#[test]
fn a_forwarded_address_counts_from_trusted_peers_alone() {
    let server = Server::start("");
    let (de, tx) = (client_of("DE", 4), client_of("US-TX", 4));
    let ask = |fields: &str| server.connect().get(BASEOS, fields).body;
    assert_eq!(ask(&format!("X-Forwarded-For: {de}\r\n")), expected("de-ipv4"));
    assert_eq!(ask(&format!("x-forwarded-for:{tx}\r\n")), expected("us-tx-ipv4"));
    // The hop next to us that is not trusted: what comes before it anybody can write.
    assert_eq!(ask(&format!("X-Forwarded-For: {tx}, {de}\r\n")), expected("de-ipv4"));
    assert_eq!(ask(&format!("X-Forwarded-For: {tx}\r\nX-Forwarded-For: {de}, 127.0.0.9\r\n")), expected("de-ipv4"));
    assert_eq!(ask("X-Forwarded-For: [2001:db8:7a::7]:443\r\n"), expected("us-tx-ipv6"));
    assert_eq!(ask(&format!("X-Forwarded-For: ::ffff:{tx}\r\n")), expected("us-tx-ipv4"), "IPv4 in IPv6 is IPv4");
    // Malformed: the peer counts, who is nowhere.
    for malformed in ["", "unknown", "1.2.3", &format!("{tx};"), &format!("{tx}, x"), &format!("{de},")] {
        let body = ask(&format!("X-Forwarded-For: {malformed}\r\n"));
        let mut lines: Vec<&str> = body.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, set("de-ipv4"), "`{malformed}` is answered from the fallback");
        assert!(body.lines().last().unwrap().contains("//own."), "`{malformed}`: {body}");
    }
    let suspicious = Server::start("trusted_proxies = ['10.0.0.0/8']\nlines_max = 64");
    let got = suspicious.get_as(client_of("lab", 4), BASEOS);
    assert_eq!(sorted(&got), set("de-ipv4"), "a stranger is not believed");
}

#[test]
fn a_proxy_protocol_header_names_the_client() {
    let server = Server::start("listen_proxied = ['127.0.0.1:0']");
    let proxied = server.addresses[1];
    let request = format!("GET {BASEOS} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let ask = |header: &[u8]| {
        let mut connection = Client::connect(proxied);
        connection.send([header, request.as_bytes()].concat());
        connection.answer()
    };
    let tx = client_of("US-TX", 4);
    assert_eq!(ask(format!("PROXY TCP4 {tx} 203.0.113.1 56324 80\r\n").as_bytes()).body, expected("us-tx-ipv4"));
    let six = client_of("US-TX", 6);
    assert_eq!(ask(format!("PROXY TCP6 {six} 2001:db8::1 1 80\r\n").as_bytes()).body, expected("us-tx-ipv6"));
    let version_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x46\xcb\0\x71\x01\xdc\x04\0\x50";
    assert_eq!(ask(version_2).body, expected("us-tx-ipv4"));
    // The proxy speaks for itself, as in a health check.
    for own in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let answer = ask(own);
        assert_eq!(sorted(&answer), set("de-ipv4"));
    }
    // In single bytes, and with a second request on the connection.
    let mut connection = Client::connect(proxied);
    let header = format!("PROXY TCP4 {tx} 203.0.113.1 56324 80\r\nGET {BASEOS} HTTP/1.1\r\nHost: h\r\n\r\n");
    for byte in header.bytes() {
        connection.send([byte]);
    }
    assert_eq!(connection.answer().body, expected("us-tx-ipv4"));
    assert_eq!(connection.get(BASEOS, "").body, expected("us-tx-ipv4"));
    // Without a header, and with a malformed one: refused, and the server goes on.
    for bad in ["PROXY TCP4 nobody 1.2.3.4 1 2\r\n", "PROXY\r\n", "PROXY TCP9 1.2.3.4 1.2.3.4 1 2\r\n"] {
        let answer = ask(bad.as_bytes());
        assert_eq!((answer.status, answer.field("connection")), (400, Some("close")), "{bad:?}");
    }
    // On the plain listener such a header is just a bad request.
    let mut connection = server.connect();
    connection.send(header.as_bytes());
    assert_eq!(connection.answer().status, 400);
    // Nobody but a trusted proxy may name a client.
    let suspicious = Server::start("listen_proxied = ['127.0.0.1:0']\ntrusted_proxies = []");
    let mut connection = Client::connect(suspicious.addresses[1]);
    connection.send(header.as_bytes());
    assert_eq!(sorted(&connection.answer()), set("de-ipv4"));
}

#[test]
fn all_repos_of_a_client_agree_on_the_order() {
    let server = Server::start("");
    let hosts = |target: &str, client: &str| -> Vec<String> {
        let body = server.get_as(client, target).body;
        body.lines().map(|line| line.split('/').nth(2).unwrap().to_owned()).collect()
    };
    // The fallback's order differs from client to client, so these are no accidents of the inventory.
    for number in 0..20 {
        let client = format!("100.64.{number}.9");
        let neighbour = format!("100.64.{number}.200");
        let baseos = hosts(BASEOS, &client);
        for other in [
            "/?release=9&arch=x86_64&repo=appstream",
            "/?release=9&arch=aarch64&repo=baseos",
            "/?release=7&arch=x86_64&repo=os",
        ] {
            // The hour may end between two requests; then the first one is asked again.
            let agrees = hosts(other, &client) == baseos || hosts(other, &client) == hosts(BASEOS, &client);
            assert!(agrees, "{client}: {other}");
        }
        let agrees = hosts(BASEOS, &neighbour) == baseos || hosts(BASEOS, &neighbour) == hosts(BASEOS, &client);
        assert!(agrees, "{neighbour} is in the network of {client}");
    }
}

#[test]
fn the_order_follows_network_and_hour() {
    let client = "100.64.9.9".parse().unwrap();
    let other = "100.64.10.9".parse().unwrap();
    let turns = |client| (0..48).map(|hour| turn::of_client(client, hour * 3600, 64)).collect::<Vec<_>>();
    assert!(turns(client).iter().collect::<BTreeSet<_>>().len() > 20, "the hours rotate");
    assert_ne!(turns(client), turns(other), "networks differ");
    // As the program tells it: within an hour one order, over a day several leaders. In the United States as a whole
    // the mirrors of Texas lead as well as those of no state.
    let folder = tempfile::tempdir().unwrap();
    stage::write_embers(folder.path());
    std::fs::write(folder.path().join("c.toml"), "lists = 'lists'\ngeoip = ['geo.table']\n").unwrap();
    let answer = |client: &str, second: u64| {
        let lookup = stage::program()
            .args(["lookup", "--ip", client, "--release", "9", "--arch", "x86_64", "--repo", "baseos", "--config"])
            .arg(folder.path().join("c.toml"))
            .args(["--at", &second.to_string()])
            .output()
            .unwrap();
        let text = String::from_utf8(lookup.stdout).unwrap();
        text[text.find("\nanswer ").unwrap()..].to_owned()
    };
    assert_eq!(answer("100.64.9.9", 7200), answer("100.64.9.9", 10_799));
    for (client, leader_count_min) in [("100.64.9.9", 3), (client_of("US", 4), 2)] {
        let leader = |hour: u64| answer(client, hour * 3600).lines().nth(2).unwrap().to_owned();
        let leaders: BTreeSet<String> = (0..24).map(leader).collect();
        assert!(leaders.len() >= leader_count_min, "{client}: {leaders:?}");
    }
}
