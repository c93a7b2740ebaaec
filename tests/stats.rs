//! `mirrorlistd stats` on logs that the server itself wrote, and on damaged ones.
//!
//! Not here: how lines are taken apart (`src/traffic`).

mod stage;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use stage::{Client, Server, client_of, program, until};

fn run(folder: &Path, arguments: &[&str], input: Option<&[u8]>) -> (i32, String, String) {
    let mut command = program();
    command.arg("stats").args(arguments).current_dir(folder);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let Some(input) = input {
        child.stdin.take().unwrap().write_all(input).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `table value requests` of CSV.
fn rows(csv: &str, table: &str) -> Vec<String> {
    let prefix = format!("{table},");
    csv.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
}

#[test]
fn what_the_server_logs_is_counted() {
    let server = Server::start("access_log = 'access.log'");
    let dnf = |system: &str| format!("User-Agent: libdnf ({system}; generic; Linux.x86_64)\r\n");
    for (place, target, system) in [
        ("DE", "/?release=9&arch=x86_64&repo=baseos", "AlmaLinux 9.8"),
        ("DE", "/?release=9&arch=x86_64&repo=BaseOS&countme=1", "AlmaLinux 9.8"),
        ("US-TX", "/mirrorlist?release=9&arch=aarch64&repo=appstream&countme=4", "AlmaLinux 9.7"),
        ("nowhere", "/?release=77&arch=x86_64&repo=baseos", "Rocky Linux 9"),
        ("DE", "/healthz", "AlmaLinux 9.8"),
    ] {
        let fields = format!("X-Forwarded-For: {}\r\n{}", client_of(place, 4), dnf(system));
        let answer = server.connect().get(target, &fields);
        assert_eq!(answer.status, 200);
    }
    // A request that is none: its line has no request line.
    let mut client = Client::connect(server.address());
    client.send("\u{1}\r\n\r\n");
    client.rest();
    let log = server.folder.path().join("access.log");
    until("six lines", || fs::read_to_string(&log).unwrap_or_default().lines().count() == 6);
    let (code, csv, error) =
        run(server.folder.path(), &["access.log", "--format", "csv", "--config", "config.toml"], None);
    assert_eq!((code, error.as_str()), (0, ""));
    for (table, expected) in [
        ("repo", &["baseos,3", "appstream,1"][..]),
        ("release", &["9,3", "77,1"]),
        ("arch", &["x86_64,3", "aarch64,1"]),
        ("country", &["DE,2", "US,1", "unknown,1"]),
        ("system", &["AlmaLinux 9.8,2", "AlmaLinux 9.7,1", "Rocky Linux 9,1"]),
        ("countme", &["1,1", "4,1"]),
        ("status", &["200,4"]),
    ] {
        assert_eq!(rows(&csv, table), expected, "{table}: {csv}");
    }
    for place in ["DE", "US-TX", "nowhere"] {
        assert!(!csv.contains(client_of(place, 4)), "no address is printed");
    }
    let (_, json, _) = run(server.folder.path(), &["access.log", "--format", "json", "--by", "repo,arch"], None);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["lines"], &json["lists"], &json["by"]["repo"]["rows"][0]["requests"]),
        (&6.into(), &4.into(), &3.into())
    );
    assert_eq!(json["by"].as_object().unwrap().len(), 2);
    let (_, text, _) = run(server.folder.path(), &["access.log", "--by", "repo"], None);
    for line in
        ["requests  4 for lists, ", "repo             requests    share", "baseos                  3   75.0 %  ###"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

const LINE: &str =
    "192.0.2.1 - - [22/Nov/2026:05:04:03 +0000] \"GET /?release=9&arch=x86_64&repo=baseos HTTP/1.1\" 200 7";

#[test]
fn broken_lines_and_files_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let plain = format!("{LINE}\nnonsense\n\n{}\n{LINE} \"-\" \"-\"\n\u{1b}[2J{LINE}\n", "x".repeat(100_000));
    write("plain.log", plain.as_bytes());
    write("packed.log.gz", &gzip(plain.as_bytes()));
    let expected = "lines     6, 4 of them broken\nrequests  2 for lists, 0 others\n";
    for file in ["plain.log", "packed.log.gz"] {
        let (code, text, _) = run(folder.path(), &[file], None);
        assert_eq!(code, 0);
        assert!(text.starts_with(expected), "{text}");
    }
    for input in [plain.as_bytes().to_vec(), gzip(plain.as_bytes())] {
        let (code, text, _) = run(folder.path(), &["-"], Some(&input));
        assert!(code == 0 && text.starts_with(expected), "{code} {text}");
    }
    // A file that is still being written is told of, and so are those that are not there; what was read counts.
    let long = format!("{LINE}\n").repeat(5000);
    let packed = gzip(long.as_bytes());
    write("cut.log.gz", &packed[..packed.len() - 9]);
    let (code, text, error) = run(folder.path(), &["cut.log.gz", "nowhere.log", "plain.log"], None);
    assert_eq!(code, 1);
    assert!(
        error.contains("cut.log.gz: cannot read on after ") && error.contains("nowhere.log: cannot open it"),
        "{error}"
    );
    assert!(text.starts_with("lines     5006, 4 of them broken\n"), "{text}");
    assert_eq!(run(folder.path(), &["plain.log", "--by", "address"], None).0, 2);
    assert_eq!(run(folder.path(), &[], None).0, 2);
}

#[test]
fn what_clients_ask_for_cannot_speak_to_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let odd = LINE.replace("baseos", "%1b[2J%22,%0a");
    fs::write(folder.path().join("odd.log"), odd + "\n").unwrap();
    let (_, text, _) = run(folder.path(), &["odd.log"], None);
    assert!(!text.contains('\u{1b}') && text.contains("\\u{1b}[2j\",\\n"), "{text}");
    let (_, csv, _) = run(folder.path(), &["odd.log", "--format", "csv"], None);
    assert_eq!(rows(&csv, "repo"), ["\"\\u{1b}[2j\"\",\\n\",1"]);
}
