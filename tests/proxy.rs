//! The proxy as its clients see it: the built program between plain sockets.
//!
//! Not here: HTTP as such (`http`), rules of caching and the store (their own tests).

mod stage;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use stage::{Client, Origin, Proxy, Seen, answer, until};

/// Content that differs everywhere.
fn content(bytes: usize) -> Vec<u8> {
    (0..bytes as u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).take(bytes).collect()
}

/// A GET whose answer may hold any byte.
fn get(proxy: &Proxy, target: &str, fields: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(proxy.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n").unwrap();
    let mut all = Vec::new();
    // A connection that is reset gives what had come.
    let _ = stream.read_to_end(&mut all);
    let at = all.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {all:?}")) + 4;
    let body = all.split_off(at);
    (String::from_utf8(all).unwrap().to_ascii_lowercase(), body)
}

/// A range of a file, or all of it, as a good mirror gives it.
fn serve_file(request: &Seen, stream: &mut TcpStream, file: &[u8]) -> bool {
    let fields = "Last-Modified: Sun, 01 Nov 2026 10:00:00 GMT\r\nETag: \"one\"\r\nCache-Control: max-age=600\r\n";
    match request.range_start() {
        None => answer(stream, "200 OK", fields, file),
        Some(start) => {
            let last = request.field("range").unwrap().rsplit('-').next().unwrap().parse().unwrap_or(file.len() - 1);
            let range = format!("{fields}Content-Range: bytes {start}-{last}/{}\r\n", file.len());
            answer(stream, "206 Partial Content", &range, &file[start..=last])
        }
    }
}

fn gate() -> (Sender<()>, Mutex<Receiver<()>>) {
    let (open, wait) = channel();
    (open, Mutex::new(wait))
}

#[test]
fn many_clients_cause_one_fetch() {
    let file = content(3_000_000);
    let (open, wait) = gate();
    let ours = file.clone();
    let origin = Origin::start(move |_, stream| {
        let head = format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: {}\r\n\r\n", ours.len());
        let (first, second) = ours.split_at(1_000_000);
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(first));
        // The rest comes when all clients have had the first part of it.
        wait.lock().unwrap().recv().unwrap();
        sent.and_then(|()| stream.write_all(second)).is_ok()
    });
    let proxy = Proxy::start("");
    let url = origin.url("/file");
    let (tell, told) = channel();
    thread::scope(|scope| {
        for _ in 0..200 {
            let (tell, url, file, address) = (tell.clone(), &url, &file, proxy.address);
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
                write!(stream, "GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
                let mut got = vec![0; 100_000];
                stream.read_exact(&mut got).unwrap();
                tell.send(()).unwrap();
                stream.read_to_end(&mut got).unwrap();
                let at = got.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
                assert!(&got[at..] == file.as_slice(), "{} bytes", got.len() - at);
            });
        }
        // Every client, the last one too, has some of it while the rest is not there.
        for _ in 0..200 {
            told.recv().unwrap();
        }
        open.send(()).unwrap();
    });
    assert_eq!(origin.seen().len(), 1);
    let (head, body) = get(&proxy, &url, "");
    assert!(head.contains("\r\nx-cache: hit from proxy.test\r\n") && head.contains("\r\nage: "), "{head}");
    assert!(body == file);
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn a_mirror_that_breaks_off_is_continued_by_the_next() {
    let file = content(1_000_000);
    for way in ["cut", "reset with no range", "cut twice"] {
        let half = file.clone();
        let bad = Origin::start(move |_, stream| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", half.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&half[..500_000]));
            false
        });
        let other = file.clone();
        let second = Origin::start(move |request, stream| match (way, request.range_start()) {
            ("cut twice", Some(start)) => {
                let range = format!("Content-Range: bytes {start}-{}/{}\r\n", other.len() - 1, other.len());
                let head = format!("HTTP/1.1 206 x\r\nContent-Length: {}\r\n{range}\r\n", other.len() - start);
                let _ =
                    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&other[start..start + 100_000]));
                false
            }
            ("reset with no range", _) => answer(stream, "200 OK", "", &other),
            _ => serve_file(request, stream, &other),
        });
        let whole = file.clone();
        let third = Origin::start(move |request, stream| serve_file(request, stream, &whole));
        let proxy = Proxy::start(&format!(
            "[[proxy.repo]]\nname = 'r'\nbaseurl = ['{}', '{}', '{}']",
            bad.url("/a/"),
            second.url("/b/{releasever}/$basearch"),
            third.url("/c/")
        ));
        let (head, body) = get(&proxy, "/r/9/x86_64/p.rpm", "");
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{way}: {head}");
        assert!(body == file, "{way}: {} bytes", body.len());
        assert_eq!(bad.seen()[0].target(), "/a/p.rpm");
        assert_eq!(second.seen()[0].target(), "/b/9/x86_64/p.rpm");
        assert_eq!(second.seen()[0].range_start(), Some(500_000), "{way}");
        let last_range = third.seen().first().and_then(Seen::range_start);
        assert_eq!(last_range, (way == "cut twice").then_some(600_000), "{way}");
        let (head, body) = get(&proxy, "/r/9/x86_64/p.rpm", "");
        assert!(head.contains("\r\nx-cache: hit from") && body == file, "{way}: {head}");
        assert!(proxy.metric("mirrorlistd_proxy_failovers_total") >= 1);
    }
}

#[test]
fn a_file_is_missing_when_mirrors_agree() {
    let missing = || Origin::start(|_, stream| answer(stream, "404 Not Found", "", b"no"));
    let has_one = Origin::start(|request, stream| match request.target() {
        "/z.rpm" => answer(stream, "200 OK", "", b"z"),
        _ => answer(stream, "404 Not Found", "", b"no"),
    });
    let (one, two) = (missing(), missing());
    let proxy = Proxy::start(&format!(
        "[[proxy.repo]]\nname = 'r'\nbaseurl = ['http://127.0.0.1:1/', '{}', '{}', '{}']",
        one.url("/"),
        two.url("/"),
        has_one.url("/")
    ));
    let found = proxy.get("/r/9/x86_64/z.rpm", "");
    assert_eq!((found.status, found.body.as_str()), (200, "z"));
    assert_eq!(found.field("x-mirror"), Some(has_one.address.to_string().as_str()));
    for _ in 0..3 {
        assert_eq!(proxy.get("/r/9/x86_64/none.rpm", "").status, 404);
    }
    let asked = has_one.seen().iter().filter(|request| request.target() == "/none.rpm").count();
    assert_eq!(asked, 1, "it is remembered that nobody has it");
    for target in ["/r/9/x86_64/../../x", "/r/9/x86_64/", "/r/9", "/other/9/x86_64/a"] {
        assert_eq!(proxy.get(target, "").status, 404, "{target}");
    }
}

#[test]
fn pointers_are_served_stale_when_no_mirror_answers() {
    const REPOMD: &str = "<repomd><data type='x'><location href='repodata/x.xml'/></data></repomd>";
    let is_up = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let up = std::sync::Arc::clone(&is_up);
    let mirror = Origin::start(move |_, stream| match up.load(std::sync::atomic::Ordering::SeqCst) {
        true => answer(stream, "200 OK", "Cache-Control: no-store\r\nSet-Cookie: a=b\r\n", REPOMD.as_bytes()),
        false => false,
    });
    let repo = format!("[[proxy.repo]]\nname = 'r'\nbaseurl = '{}'\npointer_seconds = 1", mirror.url("/"));
    let proxy = Proxy::start(&repo);
    let first = proxy.get("/r/9/x86_64/repodata/repomd.xml", "");
    assert_eq!((first.status, first.field("set-cookie")), (200, None));
    is_up.store(false, std::sync::atomic::Ordering::SeqCst);
    until("a look at the mirror, and the old file all the same", || {
        let answer = proxy.get("/r/9/x86_64/repodata/repomd.xml", "Cache-Control: no-cache\r\n");
        assert_eq!((answer.status, answer.body.as_str()), (200, REPOMD));
        mirror.seen().len() > 1
    });
}

#[test]
fn ranges_are_answered_from_what_is_there_and_from_what_is_coming() {
    let file = content(8_000_000);
    let (open, wait) = gate();
    let ours = file.clone();
    let origin = Origin::start(move |request, stream| {
        if request.range_start().is_some() {
            return serve_file(request, stream, &ours);
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nCache-Control: max-age=600\r\nContent-Length: {}\r\n\r\n",
            ours.len()
        );
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&ours[..100_000]));
        wait.lock().unwrap().recv().unwrap();
        sent.and_then(|()| stream.write_all(&ours[100_000..])).is_ok()
    });
    let proxy = Proxy::start("");
    let url = origin.url("/file");
    // The file stops after its first part: only a request of its own can bring this.
    let (head, body) = get(&proxy, &url, "Range: bytes=7000000-7000999\r\n");
    assert!(head.starts_with("http/1.1 206 ") && head.contains("\r\ncontent-range: bytes 7000000-7000999/8000000\r\n"));
    assert!(body == file[7_000_000..7_001_000]);
    let (_, body) = get(&proxy, &url, "Range: bytes=10-19\r\n");
    assert!(body == file[10..20]);
    open.send(()).unwrap();
    assert!(get(&proxy, &url, "").1 == file);
    let (head, body) = get(&proxy, &url, "Range: bytes=0-4,7999990-, -5\r\n");
    assert!(
        head.starts_with("http/1.1 206 ") && head.contains("\r\ncontent-type: multipart/byteranges; boundary="),
        "{head}"
    );
    assert!(
        body.windows(5).any(|bytes| bytes == &file[..5]) && body.windows(10).any(|bytes| bytes == &file[7_999_990..])
    );
    let (head, _) = get(&proxy, &url, "Range: bytes=8000000-\r\n");
    assert!(head.starts_with("http/1.1 416 ") && head.contains("\r\ncontent-range: bytes */8000000\r\n"), "{head}");
    let (head, body) = get(&proxy, &url, "Range: bytes=0-4\r\nIf-Range: \"two\"\r\n");
    assert!(head.starts_with("http/1.1 200 ") && body == file, "{head}");
    let (head, body) = get(&proxy, &url, "If-None-Match: \"one\"\r\n");
    assert!(head.starts_with("http/1.1 304 ") && body.is_empty(), "{head}");
    assert_eq!(origin.seen().len(), 2);
}

#[test]
fn what_the_cache_cannot_take_is_served_all_the_same() {
    let file = content(5_000_000);
    let ours = file.clone();
    let origin = Origin::start(move |request, stream| {
        if request.target() == "/length" {
            return answer(stream, "200 OK", "Cache-Control: max-age=600\r\n", &ours);
        }
        // Nobody can know how much comes.
        let mut sent =
            stream.write_all(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nTransfer-Encoding: chunked\r\n\r\n");
        for chunk in ours.chunks(100_000) {
            let framed = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
            sent = sent.and_then(|()| stream.write_all(&framed));
        }
        sent.and_then(|()| stream.write_all(b"0\r\n\r\n")).is_ok()
    });
    let proxy = Proxy::start("cache_bytes_max = 2000000");
    for round in 0..2 {
        let (head, body) = get(&proxy, &origin.url("/length"), "");
        assert!(head.contains("\r\nx-cache: miss from") && body == file, "{round}: {head}");
        let (head, body) = get(&proxy, &origin.url("/chunks"), "");
        assert!(head.contains("\r\ntransfer-encoding: chunked\r\n"), "{round}: {head}");
        let (mut rest, mut joined) = (body.as_slice(), Vec::new());
        loop {
            let end = rest.windows(2).position(|bytes| bytes == b"\r\n").expect("a chunk's length");
            let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
            joined.extend_from_slice(&rest[end + 2..end + 2 + length]);
            rest = &rest[end + 4 + length..];
            if length == 0 {
                break;
            }
        }
        assert!(joined == file && rest.is_empty(), "{round}: {} bytes", joined.len());
    }
    assert_eq!(proxy.metric("mirrorlistd_cache_objects"), 0);
    assert_eq!(proxy.metric("mirrorlistd_cache_reserved_bytes"), 0);
}

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
fn tunnels_carry_bytes_both_ways() {
    let origin = Origin::start(|request, stream| {
        let echoed = format!("{}|", request.target());
        stream.write_all(echoed.as_bytes()).is_ok()
    });
    let proxy = Proxy::start(&format!("connect_ports = [{}]\naccess_log = 'log'", origin.address.port()));
    let mut client = proxy.connect();
    // The first bytes come with the request, before there is a tunnel.
    client.send(format!("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\nGET /one HTTP/1.1\r\n\r\n", origin.address));
    assert_eq!(client.answer_of("HEAD").status, 200);
    client.send("GET /two HTTP/1.1\r\n\r\n");
    client.finish_sending();
    assert_eq!(client.rest(), "/one|/two|");
    until("the tunnel's line in the log", || {
        let log = std::fs::read_to_string(proxy.folder.path().join("log")).unwrap_or_default();
        log.contains("TCP_TUNNEL/200 ") && log.contains(&format!("CONNECT {} ", origin.address))
    });
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
    let (_, body) = get(&proxy, &origin.url("/chunk"), "");
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
fn interim_answers_are_passed_on() {
    let origin = Origin::start(|_, stream| {
        let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\nX: 1\r\n\r\n";
        stream.write_all(early).is_ok() && answer(stream, "200 OK", "Cache-Control: max-age=60\r\n", b"late")
    });
    let proxy = Proxy::start("");
    let mut client = proxy.connect();
    client.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")));
    let early = client.answer_of("HEAD");
    assert_eq!((early.status, early.field("link"), early.field("x")), (103, Some("</a>"), None));
    let late = client.answer();
    assert_eq!((late.status, late.field("link"), late.body.as_str()), (200, None, "late"));
    assert_eq!(client.get(&origin.url("/"), "").field("link"), None, "nor is it kept");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::start(|request, stream| {
        let body = request.target().repeat(10_000);
        answer(stream, "200 OK", "Cache-Control: max-age=600\r\n", body.as_bytes())
    });
    let proxy = Proxy::start("");
    let mut client = proxy.connect();
    let paths = ["/first", "/second", "/first", "/third"];
    for path in paths {
        client.send(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url(path)));
    }
    for path in paths {
        assert_eq!(client.answer().body, path.repeat(10_000));
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

#[test]
fn a_reload_drops_no_transfer() {
    let file = content(4_000_000);
    let (open, wait) = gate();
    let ours = file.clone();
    let origin = Origin::start(move |request, stream| {
        if request.target() == "/new" {
            return answer(stream, "200 OK", "", b"new");
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", ours.len());
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&ours[..2_000_000]));
        wait.lock().unwrap().recv().unwrap();
        sent.and_then(|()| stream.write_all(&ours[2_000_000..])).is_ok()
    });
    let repo = |name: &str| format!("[[proxy.repo]]\nname = '{name}'\nbaseurl = '{}'", origin.url("/"));
    let proxy = Proxy::start(&repo("old"));
    assert_eq!(proxy.get("/new/9/x86_64/new", "").status, 404);
    thread::scope(|scope| {
        let download = scope.spawn(|| get(&proxy, "/old/9/x86_64/p.rpm", "").1);
        until("the download", || origin.seen().len() == 1);
        proxy.configure(&repo("new"));
        proxy.signal("HUP");
        until("the new repo", || proxy.get("/new/9/x86_64/new", "").status == 200);
        assert_eq!(proxy.get("/old/9/x86_64/p.rpm", "").status, 404);
        open.send(()).unwrap();
        assert!(download.join().unwrap() == file);
    });
    proxy.configure("listen = []");
    proxy.signal("HUP");
    until("a refused reload", || proxy.stderr().contains("reload state=failed"));
    assert_eq!(proxy.get("/new/9/x86_64/new", "").status, 200);
}

#[test]
fn a_kill_in_a_fill_leaves_no_wrong_byte() {
    let file = content(2_000_000);
    let (open, wait) = gate();
    let ours = file.clone();
    let origin = Origin::start(move |request, stream| {
        if request.target() == "/whole.rpm" {
            return serve_file(request, stream, &ours);
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", ours.len());
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&ours[..1_000_000]));
        let _ = wait.lock().unwrap().recv();
        sent.and_then(|()| stream.write_all(&ours[1_000_000..])).is_ok()
    });
    let repo = format!("[[proxy.repo]]\nname = 'r'\nbaseurl = '{}'", origin.url("/"));
    let proxy = Proxy::start(&repo);
    assert!(get(&proxy, "/r/9/x86_64/whole.rpm", "").1 == file);
    let mut half = TcpStream::connect(proxy.address).unwrap();
    write!(half, "GET /r/9/x86_64/half.rpm HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut some = vec![0; 500_000];
    half.read_exact(&mut some).unwrap();
    until("the first file in the cache", || proxy.metric("mirrorlistd_cache_objects") == 1);
    let folder = proxy.kill();
    drop(open);
    let proxy = Proxy::start_in(folder, &repo);
    let (head, body) = get(&proxy, "/r/9/x86_64/whole.rpm", "");
    assert!(head.contains("\r\nx-cache: hit from") && body == file, "{head}");
    let (head, body) = get(&proxy, "/r/9/x86_64/half.rpm", "");
    assert!(head.contains("\r\nx-cache: miss from") && body == file, "{head}");
}

#[test]
fn a_slow_client_holds_nobody_up() {
    let file = content(20_000_000);
    let ours = file.clone();
    let origin = Origin::start(move |request, stream| serve_file(request, stream, &ours));
    let proxy = Proxy::start("");
    let url = origin.url("/file");
    let mut slow = TcpStream::connect(proxy.address).unwrap();
    write!(slow, "GET {url} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    until("the request of the slow client", || origin.seen().len() == 1);
    // It reads nothing; others get all of it, and so does it in the end.
    assert!(get(&proxy, &url, "").1 == file);
    drop(Client::connect(proxy.address));
    let mut all = vec![0; file.len()];
    slow.read_exact(&mut all).unwrap();
    let at = all.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    assert!(all[at..] == file[..file.len() - at]);
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn an_unsafe_method_makes_what_is_stored_useless() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let origin = Origin::start(move |_, stream| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        answer(stream, "200 OK", "Cache-Control: max-age=600\r\n", number.to_string().as_bytes())
    });
    let proxy = Proxy::start("");
    let url = origin.url("/x");
    assert_eq!([proxy.get(&url, "").body, proxy.get(&url, "").body], ["0", "0"]);
    let mut client = proxy.connect();
    client.send(format!("M-SEARCH {url} HTTP/1.1\r\nHost: x\r\n\r\nDELETE {url} HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_eq!([client.answer().body, client.answer().body], ["1", "2"]);
    assert_eq!(proxy.get(&url, "").body, "3");
}
