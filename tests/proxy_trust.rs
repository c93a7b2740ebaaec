//! Whom the proxy serves, what it believes of clients and of other servers, and what it refuses.
//!
//! Not here: what it does for those it serves (`proxy`), HTTP as such (`http`).

mod stage;

use std::io::Write;

use stage::{Origin, Proxy, answer, gate, get_bytes, until};

#[test]
fn what_must_be_validated_is_shared_with_nobody() {
    let (open, wait) = gate();
    let origin = Origin::start(move |request, stream| {
        let head = "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nETag: \"a\"\r\nContent-Length: 200000\r\n\r\n";
        let first = if request.target() == "/one" { 100_000 } else { 200_000 };
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&vec![b'x'; first]));
        if first < 200_000 {
            // The first one waits in the middle, the second does not.
            wait.lock().unwrap().recv_timeout(std::time::Duration::from_secs(60)).ok();
        }
        sent.and_then(|()| stream.write_all(&vec![b'x'; 200_000 - first])).is_ok()
    });
    let proxy = Proxy::start("");
    let mut first = proxy.connect();
    first.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/one")));
    until("the first request", || origin.seen().len() == 1);
    let mut second = proxy.connect();
    second.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/one")));
    until("a request for the second client, too", || origin.seen().len() == 2);
    open.send(()).unwrap();
    open.send(()).unwrap();
    assert_eq!((first.answer().body.len(), second.answer().body.len()), (200_000, 200_000));
}

#[test]
fn only_allowed_clients_are_served_and_only_allowed_ones_purge() {
    let origin = Origin::start(|_, stream| answer(stream, "200 OK", "Cache-Control: max-age=600\r\n", b"hello"));
    let url = origin.url("/a/b");
    let purge = |proxy: &Proxy, target: &str| {
        let mut client = proxy.connect();
        client.send(format!("PURGE {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        client.answer()
    };
    let proxy = Proxy::start("allow_clients = ['192.0.2.0/24']");
    assert_eq!((proxy.get(&url, "").status, proxy.get("/", "").status), (403, 403));
    assert_eq!(purge(&proxy, &url).status, 404, "who may not be served may purge all the same");
    let proxy = Proxy::start("allow_purge = ['192.0.2.0/24']");
    assert_eq!(proxy.get(&url, "").status, 200);
    assert_eq!(purge(&proxy, &url).status, 403);
    assert_eq!(proxy.get(&url, "").field("x-cache"), Some("HIT from proxy.test"));
    let proxy = Proxy::start("");
    for path in ["/a/b", "/a/c", "/d"] {
        assert_eq!(proxy.get(&origin.url(path), "").status, 200);
    }
    let purged = purge(&proxy, &origin.url("/d"));
    assert_eq!((purged.status, purged.field("content-length")), (200, Some("0")));
    assert_eq!(purge(&proxy, &origin.url("/d")).status, 404);
    let purged = purge(&proxy, &origin.url("/a/*"));
    assert_eq!((purged.status, purged.field("x-purged")), (200, Some("2")));
    assert_eq!(proxy.get(&url, "").field("x-cache"), Some("MISS from proxy.test"));
}

#[test]
fn internal_targets_and_odd_ports_are_refused() {
    let origin = Origin::start(|_, stream| answer(stream, "200 OK", "", b"secret"));
    let proxy = Proxy::start("allow_internal_targets = false");
    let port = origin.address.port();
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"] {
        let answer = proxy.get(&format!("http://{host}:{port}/"), "");
        assert!(matches!(answer.status, 403 | 502), "{host}: {answer:?}");
        assert!(!answer.body.contains("secret"));
    }
    let connect = |proxy: &Proxy, target: &str| {
        let mut client = proxy.connect();
        client.send(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"));
        client.answer().status
    };
    assert_eq!(connect(&proxy, &format!("127.0.0.1:{port}")), 403, "the port");
    let proxy = Proxy::start(&format!("allow_internal_targets = false\nconnect_ports = [{port}]"));
    assert_eq!(connect(&proxy, &format!("127.0.0.1:{port}")), 403, "the address");
    assert!(origin.seen().is_empty());
}

#[test]
fn framing_of_clients_never_reaches_an_origin() {
    let origin = Origin::start(|_, stream| answer(stream, "200 OK", "", b"ok"));
    let proxy = Proxy::start("");
    let (url, host) = (origin.url("/p"), origin.address);
    for (bad, status) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
        ("Content-Length: +5\r\n\r\nhello", 400),
        ("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        ("X: a\r\n b\r\nContent-Length: 0\r\n\r\n", 400),
        ("X: a\0b\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\n\r\n5;\r\nhelloX0\r\n\r\n", 400),
    ] {
        let mut client = proxy.connect();
        client.send(format!("POST {url} HTTP/1.1\r\nHost: {host}\r\n{bad}GET {url}?smuggled HTTP/1.1\r\n\r\n"));
        assert_eq!(client.answer().status, status, "{bad:?}");
        assert!(client.is_closed(), "{bad:?}");
    }
    assert!(origin.seen().is_empty(), "{:?}", origin.seen());
    let mut client = proxy.connect();
    client.send(format!(
        "POST {url} HTTP/1.1\r\nHost: wrong.example\r\nConnection: x-hop\r\nX-Hop: 1\r\nTE: trailers\r\n\
         Proxy-Authorization: secret\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(client.answer_of("HEAD").status, 100);
    client.send("5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n");
    assert_eq!(client.answer().body, "ok");
    let seen = &origin.seen()[0];
    assert_eq!(seen.content, b"hello world");
    assert_eq!(seen.field("content-length"), Some("11"));
    assert_eq!(seen.field("host"), Some(host.to_string().as_str()), "that of the URL");
    assert_eq!(seen.field("via"), Some("1.1 proxy.test (mirrorlistd)"));
    for gone in
        ["transfer-encoding", "connection", "x-hop", "te", "proxy-authorization", "upgrade", "expect", "trailer"]
    {
        assert_eq!(seen.field(gone), None, "{gone}");
    }
}

#[test]
fn answers_that_cannot_be_trusted_are_not_passed_on() {
    let origin = Origin::start(|request, stream| {
        let bad = match request.target() {
            "/both" => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "/lengths" => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "/length" => "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello",
            "/coding" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "/old" => "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "/fold" => "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
            "/nul" => "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
            "/switch" => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
            "/nonsense" => "nonsense\r\n\r\n",
            "/chunk" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
            _ => {
                let fields = format!("X-Long: {}\r\n", "x".repeat(100_000));
                answer(stream, "200 OK", &fields, b"");
                return false;
            }
        };
        let _ = stream.write_all(bad.as_bytes());
        false
    });
    let proxy = Proxy::start("");
    for path in
        ["/both", "/lengths", "/length", "/coding", "/old", "/fold", "/nul", "/switch", "/nonsense", "/overflow"]
    {
        let answer = proxy.get(&origin.url(path), "");
        assert_eq!(answer.status, 502, "{path}");
        assert_eq!(answer.field("x"), None, "{path}");
    }
    // The head was good; what follows shows that something is missing.
    let (_, body) = get_bytes(&proxy, &origin.url("/chunk"), "");
    assert!(!body.ends_with(b"0\r\n\r\n"), "{body:?}");
    assert_eq!(proxy.get("/healthz", "").body, "ok\n");
}

#[test]
fn bytes_behind_an_answer_are_no_answer() {
    let origin = Origin::start(|request, stream| {
        let bytes: &[u8] = match request.target() {
            // Its body must not be taken for the next answer.
            "/204" => b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
            "/extra" => {
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
            }
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
        };
        stream.write_all(bytes).is_ok()
    });
    let proxy = Proxy::start("");
    for _ in 0..5 {
        assert_eq!(proxy.get(&origin.url("/204"), "").status, 204);
        assert_eq!(proxy.get(&origin.url("/good"), "").body, "good");
        assert_eq!(proxy.get(&origin.url("/extra"), "").body, "ok");
        assert_eq!(proxy.get(&origin.url("/good"), "").body, "good");
    }
}

#[test]
fn loops_and_own_names_are_seen() {
    let proxy = Proxy::start("");
    let answer = proxy.get("http://a.example/", "Via: 1.1 proxy.test (mirrorlistd)\r\n");
    assert_eq!(answer.status, 508);
    for own in ["proxy.test", &format!("proxy.test:{}", proxy.address.port()), &proxy.address.to_string()] {
        assert_eq!(proxy.get(&format!("http://{own}/healthz"), "").body, "ok\n", "{own}");
    }
    assert_eq!(proxy.get("https://a.example/", "").status, 501);
}
