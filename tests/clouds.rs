//! `mirrorlistd clouds update` against a provider on loopback.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

/// Serves each answer to one connection, in order; gives the address.
fn provider(answers: Vec<(&'static str, String)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap() == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            let length = body.len();
            // A client that has seen enough hangs up; that is for it to say.
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    format!("http://{address}/ranges.json")
}

fn ranges(count: usize) -> String {
    let prefixes = (0..count).map(|at| format!(r#"{{"ipv4Prefix": "192.0.{}.0/24", "scope": "us-east1"}}"#, at * 2));
    let global = r#"{"ipv6Prefix": "2001:db8::/44", "scope": "global"}"#.to_owned();
    format!(r#"{{"prefixes": [{}]}}"#, prefixes.chain([global]).collect::<Vec<_>>().join(", "))
}

fn update(lists: &std::path::Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorlistd"));
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    let output = command.args(["clouds", "update", "--lists"]).arg(lists).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn ranges_come_into_the_lists_and_bad_ones_do_not() {
    let lists = tempfile::tempdir().unwrap();
    let file = lists.path().join("clouds/gcp.toml");
    let url = provider(vec![
        ("200 OK", ranges(9)),
        ("200 OK", ranges(9)),
        ("200 OK", "<!DOCTYPE html><title>Sorry</title>".to_owned()),
        ("503 Service Unavailable", "away".to_owned()),
        ("200 OK", ranges(5)),
        ("200 OK", ranges(5)),
        ("200 OK", ranges(5)),
    ]);
    let url = format!("gcp={url}");
    let expect = |arguments: &[&str], code: i32, told: &str| {
        let (got, text) = update(lists.path(), &[&["gcp", "--url", &url], arguments].concat());
        assert!(got == code && text.contains(told), "{got}: {text}");
        std::fs::read_to_string(&file).unwrap()
    };
    let first = expect(&[], 0, "gcp: 10 prefixes (0 before), wrote ");
    assert!(
        first.contains("[[cloud_region]]\ncloud = \"gcp\"\nname = \"us-east1\"") && first.contains("192.0.16.0/24")
    );
    assert_eq!(expect(&[], 0, "none differs"), first);
    assert_eq!(expect(&[], 3, "this is an HTML page"), first);
    assert_eq!(expect(&[], 4, "cannot fetch"), first);
    assert_eq!(expect(&[], 3, "more than a third is gone"), first);
    let forced = expect(&["--force"], 0, "gcp: 6 prefixes (10 before)");
    assert!(forced.contains("name = \"global\""));
    let without = expect(&["--skip-region", "global"], 0, "gcp: 5 prefixes (6 before)");
    assert!(!without.contains("name = \"global\""));
}

#[test]
fn azure_needs_its_address() {
    let lists = tempfile::tempdir().unwrap();
    let (code, text) = update(lists.path(), &["azure"]);
    assert!(code == 1 && text.contains("give --url azure=URL"), "{code}: {text}");
    let (code, _) = update(lists.path(), &["--url", "azure=gopher://x/"]);
    assert_eq!(code, 2);
}
