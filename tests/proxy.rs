//! The proxy as its clients see it: the built program between plain sockets.
//!
//! Not here: who and what is believed (`proxy_trust`), rules of caching and the store (their own tests).

mod stage;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;

use stage::{Client, Origin, Proxy, Seen, answer, content, gate, get_bytes, serve_file, until};

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
    let (head, body) = get_bytes(&proxy, &url, "");
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
        let (head, body) = get_bytes(&proxy, "/r/9/x86_64/p.rpm", "");
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{way}: {head}");
        assert!(body == file, "{way}: {} bytes", body.len());
        assert_eq!(bad.seen()[0].target(), "/a/p.rpm");
        assert_eq!(second.seen()[0].target(), "/b/9/x86_64/p.rpm");
        assert_eq!(second.seen()[0].range_start(), Some(500_000), "{way}");
        let last_range = third.seen().first().and_then(Seen::range_start);
        assert_eq!(last_range, (way == "cut twice").then_some(600_000), "{way}");
        let (head, body) = get_bytes(&proxy, "/r/9/x86_64/p.rpm", "");
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
    let (head, body) = get_bytes(&proxy, &url, "Range: bytes=7000000-7000999\r\n");
    assert!(head.starts_with("http/1.1 206 ") && head.contains("\r\ncontent-range: bytes 7000000-7000999/8000000\r\n"));
    assert!(body == file[7_000_000..7_001_000]);
    let (_, body) = get_bytes(&proxy, &url, "Range: bytes=10-19\r\n");
    assert!(body == file[10..20]);
    open.send(()).unwrap();
    assert!(get_bytes(&proxy, &url, "").1 == file);
    let (head, body) = get_bytes(&proxy, &url, "Range: bytes=0-4,7999990-, -5\r\n");
    assert!(
        head.starts_with("http/1.1 206 ") && head.contains("\r\ncontent-type: multipart/byteranges; boundary="),
        "{head}"
    );
    assert!(
        body.windows(5).any(|bytes| bytes == &file[..5]) && body.windows(10).any(|bytes| bytes == &file[7_999_990..])
    );
    let (head, _) = get_bytes(&proxy, &url, "Range: bytes=8000000-\r\n");
    assert!(head.starts_with("http/1.1 416 ") && head.contains("\r\ncontent-range: bytes */8000000\r\n"), "{head}");
    let (head, body) = get_bytes(&proxy, &url, "Range: bytes=0-4\r\nIf-Range: \"two\"\r\n");
    assert!(head.starts_with("http/1.1 200 ") && body == file, "{head}");
    let (head, body) = get_bytes(&proxy, &url, "If-None-Match: \"one\"\r\n");
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
        let (head, body) = get_bytes(&proxy, &origin.url("/length"), "");
        assert!(head.contains("\r\nx-cache: miss from") && body == file, "{round}: {head}");
        let (head, body) = get_bytes(&proxy, &origin.url("/chunks"), "");
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
        let download = scope.spawn(|| get_bytes(&proxy, "/old/9/x86_64/p.rpm", "").1);
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
    assert!(get_bytes(&proxy, "/r/9/x86_64/whole.rpm", "").1 == file);
    let mut half = TcpStream::connect(proxy.address).unwrap();
    write!(half, "GET /r/9/x86_64/half.rpm HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut some = vec![0; 500_000];
    half.read_exact(&mut some).unwrap();
    until("the first file in the cache", || proxy.metric("mirrorlistd_cache_objects") == 1);
    let folder = proxy.kill();
    drop(open);
    let proxy = Proxy::start_in(folder, &repo);
    let (head, body) = get_bytes(&proxy, "/r/9/x86_64/whole.rpm", "");
    assert!(head.contains("\r\nx-cache: hit from") && body == file, "{head}");
    let (head, body) = get_bytes(&proxy, "/r/9/x86_64/half.rpm", "");
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
    assert!(get_bytes(&proxy, &url, "").1 == file);
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
