//! Bad input over real sockets: each malformed request has its answer, and the server goes on.
//!
//! Not here: every cut of every message (`src/http`), which needs no socket.

mod stage;

use stage::{Client, Server, client_of, until};

const GOOD: &str = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";

/// Sends `input` on a connection of its own: it is answered with `status`, said to be the last, and closed.
fn refused(server: &Server, input: &[u8], status: u16) {
    let shown = String::from_utf8_lossy(&input[..input.len().min(120)]).into_owned();
    let mut connection = server.connect();
    connection.send(input);
    let answer = connection.answer();
    assert_eq!((answer.status, answer.field("connection")), (status, Some("close")), "{shown:?}: {answer:?}");
    assert!(answer.body.ends_with('\n') && answer.body.len() > 10, "{shown:?} is told why: {answer:?}");
    connection.finish_sending();
    assert_eq!(connection.rest(), "", "{shown:?}: nothing after a refusal");
    assert_eq!(server.connect().get("/healthz", "").body, "ok\n", "the server goes on after {shown:?}");
}

#[test]
fn malformed_request_lines() {
    let server = Server::start("");
    for (line, status) in [
        ("GET", 400),
        ("GET /", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET /  HTTP/1.1", 400),
        (" GET / HTTP/1.1", 400),
        ("GET\t/\tHTTP/1.1", 400),
        ("G(T / HTTP/1.1", 400),
        ("GET / HTTP/1", 400),
        ("GET / http/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
        ("GET / HTTP/0.9", 400),
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/3.0", 505),
        ("GET x HTTP/1.1", 400),
        ("GET * HTTP/1.1", 400),
        ("GET http:/// HTTP/1.1", 400),
        ("GET http://u:p@h/ HTTP/1.1", 400),
        ("GET ftp://h/ HTTP/1.1", 400),
        ("GET /a#b HTTP/1.1", 400),
        ("GET /\u{e4} HTTP/1.1", 400),
        ("GET /\0 HTTP/1.1", 400),
        ("GET /\x7f HTTP/1.1", 400),
        ("get / HTTP/1.1", 501),
        ("BREW / HTTP/1.1", 501),
        ("\x16\x03\x01\x02\0\x01\0\x01\u{fc}", 400),
    ] {
        refused(&server, format!("{line}\r\nHost: h\r\n\r\n").as_bytes(), status);
    }
    refused(&server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
}

#[test]
fn malformed_fields() {
    let server = Server::start("");
    for (fields, status) in [
        ("", 400),
        ("X: y\r\n", 400),
        ("Host: h\r\nHost: h\r\n", 400),
        ("Host: h\r\nhost: i\r\n", 400),
        ("Host:\r\n", 400),
        ("Host: a b\r\n", 400),
        ("Host: a/b\r\n", 400),
        ("Host: u@h\r\n", 400),
        ("Host: h:port\r\n", 400),
        ("Host: h:65536\r\n", 400),
        ("Host: [::1\r\n", 400),
        ("Host: h\r\nX : y\r\n", 400),
        ("Host: h\r\nX\r\n", 400),
        ("Host: h\r\n: y\r\n", 400),
        ("Host: h\r\nX: y\r\n folded\r\n", 400),
        ("Host: h\r\nX: y\r\n\tfolded\r\n", 400),
        (" Host: h\r\n", 400),
        ("Host: h\r\nX: a\0b\r\n", 400),
        ("Host: h\r\nX: a\rb\r\n", 400),
        ("Host: h\r\nX: a\x08b\r\n", 400),
        ("Host: h\nX: y\r\n", 400),
        ("Host: h\r\nX: y\n", 400),
        ("Host: h\r\nExpect: 200-ok\r\n", 417),
        ("Host: h\r\nExpect: 100-continue, more\r\n", 417),
    ] {
        refused(&server, format!("GET / HTTP/1.1\r\n{fields}\r\n").as_bytes(), status);
    }
    refused(&server, b"GET / HTTP/1.1\nHost: h\n\n", 400);
    refused(&server, b"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400);
}

#[test]
fn ambiguous_bodies_are_refused_and_nothing_is_smuggled() {
    let server = Server::start("");
    let hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";
    for (fields, body, status) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "0\r\n\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", "hello", 400),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", "hello", 400),
        ("Content-Length: 5, 5\r\n", "hello", 400),
        ("Content-Length: +5\r\n", "hello", 400),
        ("Content-Length: -1\r\n", "", 400),
        ("Content-Length: 0x5\r\n", "hello", 400),
        ("Content-Length: 5 5\r\n", "hello", 400),
        ("Content-Length:\r\n", "", 400),
        ("Content-Length: 99999999999999999999\r\n", "", 400),
        ("Content-Length: 65537\r\n", "", 413),
        ("Transfer-Encoding: identity\r\n", "", 400),
        ("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 400),
        ("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n", 400),
        ("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n", 400),
        ("Transfer-Encoding:\r\n", "0\r\n\r\n", 400),
        ("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n", 501),
        ("Transfer-Encoding : chunked\r\n", "0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", "x\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", "-1\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", "5\nhello\n0\n\n", 400),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", "5;\0\r\nhello\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n", 413),
        ("Transfer-Encoding: chunked\r\n", "10001\r\n", 413),
        ("Transfer-Encoding: chunked\r\n", "0\r\nA : b\r\n\r\n", 400),
    ] {
        let input = format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n{body}{hidden}");
        refused(&server, input.as_bytes(), status);
    }
    refused(&server, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    assert_eq!(server.metric("mirrorlistd_pages_total{page=\"not_found\"}"), 0, "no hidden request was answered");
}

#[test]
fn sound_bodies_are_skipped() {
    let server = Server::start("");
    let mut connection = server.connect();
    for body in [
        "Content-Length: 5\r\n\r\nGET /",
        "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nGET /\r\n0\r\nT: x\r\n\r\n",
        "Content-Length: 0\r\n\r\n",
        "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    ] {
        connection.send(format!("POST / HTTP/1.1\r\nHost: h\r\n{body}{GOOD}"));
        assert_eq!((connection.answer().status, connection.answer().status), (405, 200), "{body:?}");
    }
    let whole = "x".repeat(64 << 10);
    connection.send(format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{whole}{GOOD}", whole.len()));
    assert_eq!((connection.answer().status, connection.answer().status), (405, 200));
    // Whoever asks first is told at once, and the connection ends, for the body may be on its way.
    connection.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let answer = connection.answer();
    assert_eq!((answer.status, answer.field("connection")), (405, Some("close")));
    connection.finish_sending();
    assert_eq!(connection.rest(), "");
}

#[test]
fn heads_have_limits() {
    let server = Server::start("");
    let head = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    // Just below each limit: answered. On and above it: refused.
    let bare_bytes = head("/", "X: \r\n").len();
    let fits = "x".repeat(8192 - bare_bytes);
    assert_eq!(server.connect().get("/healthz", &"X: y\r\n".repeat(63)).status, 200, "64 fields with Host");
    let mut connection = server.connect();
    connection.send(head("/", &format!("X: {fits}\r\n")));
    assert_eq!(connection.answer().status, 200, "a head of 8192 bytes");
    refused(&server, head("/", &format!("X: {fits}x\r\n")).as_bytes(), 431);
    refused(&server, head("/", &"X: y\r\n".repeat(64)).as_bytes(), 431);
    refused(&server, head("/", &format!("X: {}\r\n", "x".repeat(100_000))).as_bytes(), 431);
    refused(&server, head(&format!("/{}", "x".repeat(9000)), "").as_bytes(), 414);
    refused(&server, format!("GET /{}", "x".repeat(9000)).as_bytes(), 414);
    let mut connection = server.connect();
    connection.send(head(&format!("/{}", "x".repeat(8000)), ""));
    assert_eq!(connection.answer().status, 404, "a line of 8,000 bytes is read");
}

#[test]
fn pipelined_requests_are_answered_in_order_however_they_are_cut() {
    let server = Server::start("");
    let client = client_of("DE", 4);
    let target = |number: usize| match number % 4 {
        0 => "/?release=9&arch=x86_64&repo=baseos".to_owned(),
        1 => format!("/nothing-{number}"),
        2 => "/?arch=x86_64&release=9".to_owned(),
        _ => "/healthz".to_owned(),
    };
    let requests: String = (0..100)
        .map(|number| format!("GET {} HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {client}\r\n\r\n", target(number)))
        .collect();
    let expected: Vec<_> = (0..100).map(|number| server.get_as(client, &target(number)).timeless()).collect();
    for size in [requests.len(), 1000, 77, 1] {
        let mut connection = server.connect();
        for piece in requests.as_bytes().chunks(size) {
            connection.send(piece);
        }
        for (number, expected) in expected.iter().enumerate() {
            assert_eq!(connection.answer().timeless(), *expected, "request {number} in pieces of {size}");
        }
        connection.finish_sending();
        assert!(connection.is_closed(), "no more answers than requests");
    }
}

#[test]
fn what_follows_a_refusal_is_not_answered() {
    let server = Server::start("");
    let mut connection = server.connect();
    connection.send(format!("{GOOD}{GOOD}GET / HTTP/1.1\r\n\r\n{GOOD}"));
    assert_eq!([(); 3].map(|()| connection.answer().status), [200, 200, 400]);
    connection.finish_sending();
    assert!(connection.is_closed());
}

#[test]
fn connections_persist_as_versions_and_clients_want() {
    let server = Server::start("");
    let ask = |request: &str| {
        let mut connection = server.connect();
        connection.send(request);
        let answer = connection.answer();
        let goes_on = answer.field("connection") != Some("close");
        if goes_on {
            connection.send(GOOD);
            assert_eq!(connection.answer().status, 200, "it goes on after {request:?}");
        } else {
            assert!(connection.is_closed(), "it ends after {request:?}");
        }
        (answer.status, answer.field("connection").map(str::to_owned), goes_on)
    };
    let close = Some("close".to_owned());
    assert_eq!(ask(GOOD), (200, None, true));
    assert_eq!(ask("GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"), (200, None, true));
    assert_eq!(ask("GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), (200, close.clone(), false));
    assert_eq!(ask("GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: x, CLOSE\r\n\r\n"), (200, close.clone(), false));
    assert_eq!(ask("GET /healthz HTTP/1.0\r\n\r\n"), (200, close.clone(), false));
    let kept = Some("keep-alive".to_owned());
    assert_eq!(ask("GET /healthz HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), (200, kept, true));
    assert_eq!(ask("GET /healthz HTTP/1.2\r\nHost: h\r\n\r\n"), (200, None, true), "later minors are HTTP/1.1 to us");
    assert_eq!(ask("\r\nGET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), (200, None, true), "one empty line is passed over");
    assert_eq!(ask("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"), (404, close, false));
}

#[test]
fn all_forms_of_a_target_are_understood() {
    let server = Server::start("");
    for (line, status) in [
        ("GET http://other.example/healthz HTTP/1.1", 200),
        ("GET HTTPS://other.example:8443/healthz HTTP/1.1", 200),
        ("GET http://other.example HTTP/1.1", 200),
        ("GET http://other.example?arch=x HTTP/1.1", 200),
        ("OPTIONS * HTTP/1.1", 405),
        ("OPTIONS http://other.example HTTP/1.1", 405),
    ] {
        let mut connection = server.connect();
        connection.send(format!("{line}\r\nHost: [::1]:80\r\n\r\n"));
        assert_eq!(connection.answer().status, status, "{line}");
    }
}

#[test]
fn slow_requests_are_told_so() {
    let server = Server::start("head_seconds = 1");
    let mut connection = server.connect();
    connection.send("GET / HTTP/1.1\r\nHost: h");
    let answer = connection.answer();
    assert_eq!((answer.status, answer.field("connection")), (408, Some("close")));
    connection.finish_sending();
    assert!(connection.is_closed());
    // A byte now and then gains no time, and does no good.
    let mut connection = server.connect();
    connection.send(GOOD);
    assert_eq!(connection.answer().status, 200);
    let before = server.metric("mirrorlistd_refusals_total{reason=\"head_timed_out\"}");
    connection.send("GET /healthz HTTP/1.1\r\nHost: h\r\n");
    let mut drops = 0..1000;
    until("the refusal of a head that drips", || {
        if drops.next().is_some() {
            connection.try_send("X");
        }
        server.metric("mirrorlistd_refusals_total{reason=\"head_timed_out\"}") == before + 1
    });
}

#[test]
fn idle_connections_are_closed_without_a_word() {
    let server = Server::start("idle_seconds = 1");
    let mut fresh = server.connect();
    let mut used = server.connect();
    used.send(GOOD);
    assert_eq!(used.answer().status, 200);
    assert_eq!(used.rest(), "");
    assert_eq!(fresh.rest(), "");
    assert_eq!(server.connect().get("/healthz", "").status, 200);
}

#[test]
fn clients_may_leave_at_any_moment() {
    let server = Server::start("");
    for length in 0..GOOD.len() {
        let mut connection = server.connect();
        connection.send(&GOOD[..length]);
        drop(connection);
    }
    // One that says it will send no more is still answered.
    let mut connection = server.connect();
    connection.send(GOOD);
    connection.finish_sending();
    assert_eq!(connection.answer().status, 200);
    assert!(connection.is_closed());
    // One that never reads is no harm to others.
    let mut deaf = Client::connect(server.address());
    deaf.send(GOOD.repeat(500));
    assert_eq!(server.connect().get("/healthz", "").status, 200);
    until("the connections that were dropped to be forgotten", || server.metric("mirrorlistd_connections_open") <= 2);
}
