//! No allocation per request, once a worker is warm: counted by the allocator itself, with the shipped lists and the
//! access log on.
//!
//! Requests with a body are the one exception (their head is kept until the body has come), and are not sent here. Nor
//! is `/metrics`, which is for operators.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use mirrorlistd::config::Config;
use mirrorlistd::daemon::{Sources, Tolerance};
use mirrorlistd::http::Conn;
use mirrorlistd::net::Prefixes;
use mirrorlistd::reactor::Limits;
use mirrorlistd::serve::{Answerer, Edition, Live, Shared, Worker};
use mirrorlistd::worker::{AccessLog, Clock, Listener, LogWriter};

/// Counts the allocations of threads that ask for it, each test by itself.
struct Counting;

static COUNTS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

thread_local! {
    /// Which of `COUNTS` this thread adds to.
    static COUNTED: Cell<Option<usize>> = const { Cell::new(None) };
}

fn count() {
    // A thread that ends has no such variable any more, and is not measured any more either.
    if let Ok(Some(counter)) = COUNTED.try_with(Cell::get) {
        COUNTS[counter].fetch_add(1, Ordering::SeqCst);
    }
}

fn counted(counter: usize) -> u64 {
    COUNTS[counter].load(Ordering::SeqCst)
}

// SAFETY: every call is handed on to the system's allocator as it came; counting does not allocate.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of the same function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of the same function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, bytes: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of the same function.
        unsafe { System.realloc(bytes, layout, new_size) }
    }

    unsafe fn dealloc(&self, bytes: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of the same function.
        unsafe { System.dealloc(bytes, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What comes before the empty line of a request, and whether the connection goes on after it.
const HEADS: &[(&str, bool)] = &[
    ("GET /?release=9&arch=x86_64&repo=baseos HTTP/1.1\r\nHost: h\r\nUser-Agent: libdnf (AlmaLinux 9.8)\r\n", true),
    ("GET /mirrorlist?arch=aarch64&release=10&repo=AppStream&infra=$infra&countme=2 HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /?release=9&arch=x86_64&repo=baseos HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 2001:638:a::1\r\n", true),
    ("GET /?release=9&arch=x86_64&repo=baseos HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 3.248.0.9, 10.0.0.1\r\n", true),
    ("GET /?release=9&arch=x86_64&repo=baseos HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: garbage\r\n", true),
    ("GET /?release=9&arch=x86_64&repo=baseos&cc=us-TX HTTP/1.1\r\nHost: h\r\nReferer: \"\u{e4}\\\r\n", true),
    ("GET /?release=9&arch=x86_64&repo=%62aseos&cc=zz HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /?release=77&arch=x86_64&repo=nothing HTTP/1.1\r\nHost: h\r\n", true),
    ("GET / HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /?arch=x86_64 HTTP/1.1\r\nHost: h\r\n", true),
    ("GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: Mozilla\r\nAccept: text/html,*/*;q=0.8\r\n", true),
    ("GET /almalinux/9/isos/ HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n", true),
    ("GET /almalinux/9/isos/x86_64/?cc=de&debug=1 HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n", true),
    ("GET /almalinux/9/isos/x86_64/x.iso?cc=us-tx HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n", true),
    ("GET /almalinux/9/isos/x86%5F64/x.iso HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8.5.0\r\n", true),
    ("GET /almalinux/9/isos/x86_64/?format=json HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /almalinux/9/isos/x86_64/?all=1 HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /almalinux/77/isos/x86_64/ HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n", true),
    ("HEAD /?release=9&arch=x86_64&repo=baseos HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /?release=9&arch=x86_64&repo=baseos&protocol=https&country=de,fr&limit=3 HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /?release=9&arch=x86_64&repo=baseos&exclude=a.example,AS64500,us&family=any HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /?release=9&arch=x86_64&repo=baseos&protocol=rsync&country=aq&family=6 HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /?release=9&arch=x86_64&repo=baseos&format=json HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /?release=9&arch=x86_64&repo=nothing&format=json-full HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /x/mirrorlist?repo=almalinux-baseos-9&arch=x86_64&time=1 HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /mirrorlist?repo=almalinux-baseos-9&arch=x86_64&country=de,global HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /mirrorlist?repo=almalinux-baseos-9&arch=x86_64&redirect=1 HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /mirrorlist?path=almalinux/9/BaseOS/x86_64/os/a.rpm&netblock=0 HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /mirrorlist?repo=nothing&arch=x86_64&ip=192.0.2.1 HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /metalink?release=9&arch=x86_64&repo=baseos HTTP/1.1\r\nHost: h\r\nAccept: text/xml, */*\r\n", true),
    ("GET /metalink?repo=almalinux-baseos-9&arch=x86_64&format=json-full HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /metalink?repo=no-%2d%2d%3e&arch=x86_64 HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /metalink4?path=almalinux/9/BaseOS/x86_64/os HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /metalink4?path=almalinux/9/BaseOS/x86_64/os/b HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n", true),
    ("GET /nowhere HTTP/1.1\r\nHost: h\r\n", true),
    ("DELETE / HTTP/1.1\r\nHost: h\r\n", true),
    ("GET /?release=9&arch=x86_64&repo=baseos HTTP/1.0\r\n", false),
    ("GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n", false),
    ("GET /healthz HTTP/1.1\r\n", false),
    ("GET /healthz HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n", false),
    ("GET /healthz HTTP/3.0\r\nHost: h\r\n", false),
    ("BREW / HTTP/1.1\r\nHost: h\r\n", false),
];

/// The shipped lists, with an access log in `folder`. Clients on this machine and in Europe's registry are in the
/// autonomous system of a shipped mirror.
fn stage(folder: &Path) -> (Arc<Shared>, LogWriter, AccessLog) {
    let mut config = Config::shipped();
    config.lists = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("lists"));
    config.trusted_proxies = Prefixes::parse(&["127.0.0.0/8".to_owned(), "10.0.0.0/8".to_owned()]).unwrap();
    let systems = folder.join("systems.txt");
    std::fs::write(&systems, "127.0.0.0/8 59105\n193.0.0.0/21 59105\n").unwrap();
    config.asn = vec![systems];
    let edition: Edition =
        Sources::default().edition(&config, Tolerance::Refuse, &mut |problem| panic!("{problem}")).unwrap();
    let peer = "127.0.0.1".parse().unwrap();
    assert!(edition.atlas.asn_group(peer).is_some(), "the way of autonomous systems is taken");
    let (writer, mut logs) = LogWriter::start(&folder.join("access.log"), 1).unwrap();
    let shared = Shared::new(Live::new(edition), 1, writer.lines_lost());
    (Arc::new(shared), writer, logs.remove(0))
}

#[test]
fn an_answer_allocates_nothing() {
    const COUNTER: usize = 0;
    let folder = tempfile::tempdir().unwrap();
    let (shared, writer, log) = stage(folder.path());
    let mut answerer = Answerer::new(Arc::clone(&shared), 0, Clock::new(SystemTime::now()), Some(log));
    let peer: IpAddr = "127.0.0.1".parse().unwrap();
    let mut out = Vec::with_capacity(256 << 10);
    let mut now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let requests: Vec<String> = HEADS.iter().map(|(head, _)| format!("{head}\r\n")).collect();
    let pipelined: String =
        HEADS.iter().filter(|(_, goes_on)| *goes_on).map(|(head, _)| format!("{head}\r\n")).collect();
    let mut answer_count = 0;
    let mut round = |answerer: &mut Answerer| {
        // Another second, and now and then another hour: the clock and the turns of mirrors are part of it.
        now += Duration::from_secs(601);
        answerer.turn(now);
        answerer.set_peer(peer);
        for request in requests.iter().map(String::as_bytes) {
            out.clear();
            answer_count += Conn::new().receive(request, &mut out, answerer).answer_count;
            // Cut in the middle, and byte by byte at the end.
            let mut conn = Conn::new();
            let mut consumed_bytes = 0;
            out.clear();
            for end in (request.len() / 2..request.len() / 2 + 1).chain(request.len() - 5..=request.len()) {
                consumed_bytes += conn.receive(&request[consumed_bytes..end], &mut out, answerer).consumed_bytes;
            }
            assert!(!out.is_empty());
        }
        out.clear();
        answer_count += Conn::new().receive(pipelined.as_bytes(), &mut out, answerer).answer_count;
    };
    (0..3).for_each(|_| round(&mut answerer));
    COUNTED.set(Some(COUNTER));
    let before = counted(COUNTER);
    (0..200).for_each(|_| round(&mut answerer));
    let allocated = counted(COUNTER) - before;
    COUNTED.set(None);
    assert!(answer_count > 200 * HEADS.len(), "{answer_count} answers");
    assert_eq!(allocated, 0, "allocations in {answer_count} answers");
    let listed = shared.counters[0]
        .answers
        .iter()
        .flatten()
        .flatten()
        .map(|count| count.get())
        .filter(|&count| count > 0)
        .count();
    assert!(listed >= 5, "lists and refusals of both families were among them");
    answerer.finish();
    drop(answerer);
    writer.finish();
    assert!(std::fs::metadata(folder.path().join("access.log")).unwrap().len() > 100_000, "the log was written");
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Gets a worker to make as many buffers as it will need at a time, and as large: eight clients with half a long head.
fn crowd(address: SocketAddr) {
    let mut clients: Vec<TcpStream> = (0..8).map(|_| connect(address)).collect();
    let head = format!("GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: {}", "x".repeat(8000));
    for client in &mut clients {
        client.write_all(head.as_bytes()).unwrap();
    }
    // One loop serves in turns: once others were answered, all of these have been read.
    visit(address);
    for mut client in clients {
        client.write_all(b"\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("ok\n"), "{answer}");
    }
}

/// What clients do to a worker: each head on its own connection, then all that go on pipelined on one.
fn visit(address: SocketAddr) {
    let mut bytes = Vec::new();
    for (head, goes_on) in HEADS {
        let closes = if *goes_on { "Connection: close\r\n" } else { "" };
        let mut stream = connect(address);
        // In two pieces, the first of which is a whole request on its way to be one.
        let (first, rest) = head.as_bytes().split_at(head.len() / 2);
        stream.write_all(first).unwrap();
        stream.write_all(rest).unwrap();
        stream.write_all(closes.as_bytes()).unwrap();
        stream.write_all(b"\r\n").unwrap();
        bytes.clear();
        stream.read_to_end(&mut bytes).unwrap();
        assert!(bytes.starts_with(b"HTTP/1.1 "));
    }
    let mut stream = connect(address);
    let all: String = HEADS.iter().filter(|(_, goes_on)| *goes_on).map(|(head, _)| format!("{head}\r\n")).collect();
    stream.write_all(all.repeat(2).as_bytes()).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    bytes.clear();
    stream.read_to_end(&mut bytes).unwrap();
    assert!(bytes.ends_with(b"ok\n"));
}

#[test]
fn a_worker_allocates_nothing() {
    const COUNTER: usize = 1;
    let folder = tempfile::tempdir().unwrap();
    let (shared, writer, log) = stage(folder.path());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let listeners = vec![Listener { socket, is_proxied: false }];
    let worker = Worker::new(Arc::clone(&shared), 0, listeners, Some(log), Limits::default()).unwrap();
    let handle = worker.handle();
    let clients = thread::spawn(move || {
        crowd(address);
        (0..20).for_each(|_| visit(address));
        let before = counted(COUNTER);
        (0..100).for_each(|_| visit(address));
        let allocated = counted(COUNTER) - before;
        handle.stop().unwrap();
        allocated
    });
    COUNTED.set(Some(COUNTER));
    worker.run().unwrap();
    COUNTED.set(None);
    assert_eq!(clients.join().unwrap(), 0, "allocations in 100 visits");
    assert!(counted(COUNTER) > 0, "counting works: warming up takes some");
    writer.finish();
}
