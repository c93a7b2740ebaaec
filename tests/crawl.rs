//! The crawler over real sockets: whole passes over small servers on loopback, each of which does one thing wrong.
//!
//! Not here: what a pass does in every world (`src/crawl/tests/simulator.rs`, without sockets), and passes over nginx
//! (`e2e`).

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mirrorlistd::crawl::{Ask, Dialer, End, Fetch, Got, Method, Options, Patience, Recorder, Targets, Threads, run};
use mirrorlistd::inventory::read_text;
use mirrorlistd::net::{Family, Prefixes};
use mirrorlistd::upstream::Allowed;
use mirrorlistd::verdicts::{
    Catalog, Change, Finding, Learned, MirrorId, Observation, RepoId, RepoKey, StateError, Subject, Truth, Verdict,
};

/// Impatient, so that tests are short.
const PATIENCE: Patience = Patience {
    resolve: Duration::from_secs(5),
    connect: Duration::from_secs(5),
    head: Duration::from_secs(2),
    whole: Duration::from_secs(20),
    grace: Duration::from_secs(1),
    least_rate: 1000,
};

fn metadata(time: u64) -> Vec<u8> {
    let file = "<location href='repodata/primary.xml.gz'/><size>7</size>";
    format!("<?xml version='1.0'?><repomd><data type='primary'>{file}<timestamp>{time}</timestamp></data></repomd>")
        .into_bytes()
}

/// A request: method, path, head.
struct Request {
    method: String,
    path: String,
    head: String,
}

/// What a server does with a request; whether the connection goes on.
type Behaviour = dyn Fn(&Request, &mut TcpStream) -> bool + Send + Sync;

struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

/// A server whose threads end with the test's process.
fn serve(behaviour: impl Fn(&Request, &mut TcpStream) -> bool + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (connections, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (count, seen) = (Arc::clone(&connections), Arc::clone(&heads));
    let behaviour: Arc<Behaviour> = Arc::new(behaviour);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let (behaviour, seen) = (Arc::clone(&behaviour), Arc::clone(&seen));
            thread::spawn(move || converse(stream, &*behaviour, &seen));
        }
    });
    Server { address, connections, heads }
}

fn converse(mut stream: TcpStream, behaviour: &Behaviour, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        seen.lock().unwrap().push(head.clone());
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        if !behaviour(&Request { method, path, head }, &mut stream) {
            return;
        }
    }
}

fn answer(stream: &mut TcpStream, request: &Request, status: &str, headers: &str, body: &[u8]) -> bool {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    let body = if request.method == "HEAD" { &[] } else { body };
    stream.write_all(&[head.as_bytes(), body].concat()).is_ok()
}

/// What a good mirror answers.
fn good(request: &Request, stream: &mut TcpStream, time: u64) -> bool {
    match request.path.rsplit('/').next().unwrap() {
        "repomd.xml" => answer(stream, request, "200 OK", "", &metadata(time)),
        "primary.xml.gz" => answer(stream, request, "200 OK", "", b"1234567"),
        _ => answer(stream, request, "404 Not Found", "", b"no"),
    }
}

fn get(fetch: &dyn Fetch, url: String) -> Got {
    fetch.fetch(&Ask {
        line: 1,
        method: Method::Get,
        url,
        family: Family::Ipv4,
        body_bytes_max: 1 << 20,
        patience: PATIENCE,
    })
}

fn dialer() -> Dialer {
    let internal = Prefixes::parse(&["127.0.0.0/8".into()]).unwrap();
    let roots = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crawl/authority.pem"));
    Dialer::new(Some("https://mirrors.example/crawler"), Allowed::new(internal), Some(&roots)).unwrap()
}

/// Remembers for a test.
#[derive(Default)]
struct Memory {
    mirrors: Vec<String>,
    repos: Vec<RepoKey>,
    truths: HashMap<RepoId, Truth>,
    seen: Vec<Observation>,
}

impl Memory {
    /// What was found of a mirror, in the order of its repos.
    fn found(&self, mirror: &str) -> Vec<Finding> {
        let id = self.mirrors.iter().position(|name| name == mirror).unwrap() as u32;
        let mut of_mirror: Vec<_> = self.seen.iter().filter(|seen| seen.subject.mirror.0 == id).collect();
        of_mirror.sort_by_key(|seen| (seen.subject.repo, seen.subject.protocol));
        of_mirror.iter().map(|seen| seen.finding).collect()
    }
}

fn number<T: PartialEq + Clone>(known: &mut Vec<T>, item: &T) -> u32 {
    let at = known.iter().position(|other| other == item).unwrap_or_else(|| {
        known.push(item.clone());
        known.len() - 1
    });
    at as u32
}

impl Recorder for Memory {
    fn catalogs(&self) -> Result<HashMap<RepoId, Catalog>, StateError> {
        Ok(HashMap::new())
    }

    fn mirror(&mut self, name: &str) -> Result<MirrorId, StateError> {
        Ok(MirrorId(number(&mut self.mirrors, &name.to_owned())))
    }

    fn repo(&mut self, key: &RepoKey) -> Result<RepoId, StateError> {
        Ok(RepoId(number(&mut self.repos, key)))
    }

    fn truths(&self) -> Result<HashMap<RepoId, Truth>, StateError> {
        Ok(self.truths.clone())
    }

    fn verdicts(&self) -> Result<HashMap<Subject, Verdict>, StateError> {
        Ok(HashMap::new())
    }

    fn keep(&mut self, learned: &Learned<'_>, observations: &[Observation]) -> Result<Vec<Change>, StateError> {
        self.truths.extend(learned.truths.iter().map(|(repo, truth)| (*repo, (*truth).clone())));
        self.seen.extend_from_slice(observations);
        Ok(Vec::new())
    }
}

/// An inventory of two repos, a master and mirrors.
fn inventory(master: &str, mirrors: &[(&str, String)]) -> String {
    let mut text = String::from(
        "[[distribution]]\nname = 'd'\ntitle = 'D'\n[[tree]]\nname = 't'\n[[release]]\nname = '9'\n\
         arches = ['x86_64']\n[[repo]]\nname = 'one'\npath = 'one/{arch}'\n\
         [[repo]]\nname = 'two'\npath = 'two/{arch}'\n",
    );
    let mut add = |name: &str, status: &str, url: &str| {
        let protocol = url.split(':').next().unwrap();
        text += &format!(
            "[[mirror]]\nname = '{name}'\nbase.t.{protocol} = '{url}'\nstatus = '{status}'\nfamilies = ['ipv4']\n"
        );
    };
    add("master.example", "master", master);
    mirrors.iter().for_each(|(name, url)| add(name, "active", url));
    text
}

fn pass(memory: &mut Memory, fetch: &dyn Fetch, text: &str) -> mirrorlistd::crawl::Report {
    let reading = read_text(&[(PathBuf::from("test.toml"), text.to_owned())]);
    assert!(reading.problems.is_empty(), "{:?}", reading.problems);
    let targets = Targets::of(&reading.inventory, memory).unwrap();
    let options = Options { patience: PATIENCE, master_patience: PATIENCE, ..Options::default() };
    memory.seen.clear();
    run(&targets, memory, &mut Threads::new(fetch, 32), &options, &mut |_| {}).unwrap()
}

fn url(server: &Server) -> String {
    format!("http://{}/", server.address)
}

#[test]
fn every_kind_of_bad_mirror_is_told_and_costs_no_more_than_its_cap() {
    let master_time = Arc::new(AtomicUsize::new(1000));
    let time = Arc::clone(&master_time);
    let master = serve(move |request, stream| good(request, stream, time.load(Ordering::SeqCst) as u64));
    let trap = serve(|_, _| false);
    let trap_url = url(&trap);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fine = serve(|request, stream| good(request, stream, 2000));
    let servers: Vec<(&str, Server, Finding)> = vec![
        ("stale", serve(|request, stream| good(request, stream, 1000)), Finding::Behind),
        ("newer", serve(|request, stream| good(request, stream, 3000)), Finding::Newer),
        ("other", serve(|request, stream| good(request, stream, 1500)), Finding::Different),
        ("page", serve(|r, s| answer(s, r, "200 OK", "", b"<html><body>Welcome</body></html>")), Finding::NotMetadata),
        ("empty", serve(|r, s| answer(s, r, "200 OK", "", b"")), Finding::Empty),
        ("missing", serve(|r, s| answer(s, r, "404 Not Found", "", b"no")), Finding::Missing),
        ("barred", serve(|r, s| answer(s, r, "403 Forbidden", "", b"no")), Finding::Forbidden),
        ("busy", serve(|r, s| answer(s, r, "503 Busy", "", b"no")), Finding::ServerError),
        (
            "moved",
            serve(move |r, s| answer(s, r, "302 Found", &format!("Location: {trap_url}x\r\n"), b"")),
            Finding::Redirected,
        ),
        (
            "gzip",
            serve(|r, s| answer(s, r, "200 OK", "Content-Encoding: gzip\r\n", b"\x1f\x8b\x08\0")),
            Finding::Encoded,
        ),
        (
            "cut",
            serve(|_, s| {
                drop(s.write_all(&[b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", &metadata(2000)[..]].concat()));
                false
            }),
            Finding::Truncated,
        ),
        ("short", serve(|r, s| answer(s, r, "200 OK", "", &metadata(2000)[..60])), Finding::Truncated),
        ("endless", serve(|_, s| endless(s, "HTTP/1.1 200 OK\r\n\r\n")), Finding::TooLong),
        (
            "announced",
            serve(|_, s| endless(s, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")),
            Finding::TooLong,
        ),
        ("head", serve(|_, s| endless(s, "HTTP/1.1 200 OK\r\nX: ")), Finding::BadHttp),
        ("garbage", serve(|_, s| s.write_all(b"220 ftp.example FTP server ready\r\n\r\n").is_ok()), Finding::BadHttp),
        (
            "stuck",
            serve(|_, _| {
                thread::sleep(Duration::from_secs(60));
                false
            }),
            Finding::TimedOut,
        ),
        ("drip", serve(|_, s| drip(s, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")), Finding::TooSlow),
        ("drop", serve(|_, s| drip(s, "HTTP/1.1 200 OK\r\nX: ")), Finding::TimedOut),
        (
            "reset",
            serve(|_, s| {
                reset(s);
                false
            }),
            Finding::Reset,
        ),
        (
            "lacking",
            serve(|r, s| match r.path.ends_with("repomd.xml") {
                true => good(r, s, 2000),
                false => answer(s, r, "404 Not Found", "", b""),
            }),
            Finding::Inconsistent,
        ),
        (
            "wrong-size",
            serve(|r, s| match r.path.ends_with("repomd.xml") {
                true => good(r, s, 2000),
                false => answer(s, r, "200 OK", "", b"12345"),
            }),
            Finding::Inconsistent,
        ),
        (
            "headless",
            serve(|r, s| match (r.method.as_str(), r.head.contains("bytes=0-0")) {
                ("HEAD", _) => answer(s, r, "405 Method Not Allowed", "", b""),
                (_, true) => answer(s, r, "206 Partial Content", "Content-Range: bytes 0-0/7\r\n", b"1"),
                _ => good(r, s, 2000),
            }),
            Finding::Same,
        ),
    ];
    let mut mirrors: Vec<(&str, String)> = servers.iter().map(|(name, server, _)| (*name, url(server))).collect();
    mirrors.extend([("fine", url(&fine)), ("closed", format!("http://{closed}/"))]);
    let text = inventory(&url(&master), &mirrors);
    let fetch = dialer();
    let mut memory = Memory::default();
    pass(&mut memory, &fetch, &text);
    master_time.store(2000, Ordering::SeqCst);
    let (fine_before, began) = (fine.connections.load(Ordering::SeqCst), Instant::now());
    let asked_before = fine.heads.lock().unwrap().len();
    let report = pass(&mut memory, &fetch, &text);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let mut wrong = Vec::new();
    for (name, finding) in servers
        .iter()
        .map(|(name, _, finding)| (*name, *finding))
        .chain([("fine", Finding::Same), ("closed", Finding::Refused)])
    {
        let found = memory.found(name);
        // One repo of a mirror is inspected, and after a lack the other one, too.
        if found.is_empty() || found.iter().any(|other| *other != finding) {
            let evidence = memory.seen.iter().filter(|seen| memory.mirrors[seen.subject.mirror.0 as usize] == name);
            wrong.push(format!("{name}: {found:?}, not {finding:?}: {:?}", evidence.collect::<Vec<_>>()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(trap.connections.load(Ordering::SeqCst), 0, "a redirect was followed");
    let asked = fine.heads.lock().unwrap()[asked_before..].iter().filter(|head| head.starts_with("GET ")).count();
    let connections = fine.connections.load(Ordering::SeqCst) - fine_before;
    // Two repos; it may be the good mirror that is asked once more, whether our own network still works.
    assert_eq!(connections - (asked - 2), 2, "one for the greeting, one for the rest");
    assert!((2..=3).contains(&asked), "{asked}");
    assert_eq!(report.changed.len(), 2);
    for head in fine.heads.lock().unwrap().iter().map(|head| head.to_ascii_lowercase()) {
        assert!(
            head.contains("user-agent: mirrorlistd/") && head.contains("(+https://mirrors.example/crawler)"),
            "{head}"
        );
        assert!(!head.contains("accept-encoding") && !head.contains("cookie"), "{head}");
    }
}

fn endless(stream: &mut TcpStream, head: &str) -> bool {
    let filler = vec![b'x'; 65_536];
    drop(stream.write_all(head.as_bytes()));
    while stream.write_all(&filler).is_ok() {}
    false
}

fn drip(stream: &mut TcpStream, head: &str) -> bool {
    drop(stream.write_all(head.as_bytes()));
    while stream.write_all(b"x").is_ok() {
        thread::sleep(Duration::from_millis(100));
    }
    false
}

fn reset(stream: &mut TcpStream) {
    // Closing with bytes unread, or with no time to linger, resets.
    let socket = socket2::SockRef::from(&*stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_name_that_leads_inside_is_not_dialled() {
    let server = serve(|request, stream| good(request, stream, 1));
    let public = Dialer::new(None, Allowed::default(), None).unwrap();
    let got = get(&public, format!("http://localhost:{}/repomd.xml", server.address.port()));
    let failure = got.result.unwrap_err();
    assert_eq!((failure.finding, failure.note.as_str()), (Finding::InternalAddress, "127.0.0.1"));
    assert_eq!((server.connections.load(Ordering::SeqCst), got.address), (0, None));
    // The operator wrote the address himself.
    let got = get(&public, format!("http://{}/repomd.xml", server.address));
    assert_eq!(got.result.unwrap().body, metadata(1));
    assert_eq!(got.address, Some(IpAddr::from([127, 0, 0, 1])));
}

#[test]
fn what_cannot_be_reached_over_a_family_is_not_resolved() {
    let got = dialer().fetch(&Ask {
        line: 1,
        method: Method::Get,
        url: "http://127.0.0.1:9/".into(),
        family: Family::Ipv6,
        body_bytes_max: 1,
        patience: PATIENCE,
    });
    assert_eq!(got.result.unwrap_err().finding, Finding::NotResolved);
    let nowhere = get(&dialer(), "http://no-such-host.invalid/".into());
    assert_eq!(nowhere.result.unwrap_err().finding, Finding::NotResolved);
}

#[test]
fn a_connection_that_was_closed_while_idle_is_made_anew() {
    // Answers once on each connection, and says nothing of closing it.
    let server = serve(|request, stream| {
        good(request, stream, 1);
        false
    });
    let fetch = dialer();
    for _ in 0..5 {
        let reply = get(&fetch, format!("{}repomd.xml", url(&server))).result.unwrap();
        assert_eq!((reply.status, reply.end), (200, End::Whole));
    }
    let server = serve(|request, stream| good(request, stream, 1));
    for _ in 0..5 {
        get(&fetch, format!("{}repomd.xml", url(&server))).result.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1, "kept alive");
}

/// A TLS server whose certificate is good for `localhost` and 127.0.0.1.
fn serve_tls() -> SocketAddr {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crawl"));
    let chain = vec![CertificateDer::from_pem_file(folder.join("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                let connection = rustls::ServerConnection::new(config).unwrap();
                let mut tls = rustls::StreamOwned::new(connection, stream);
                let mut bytes = [0; 4096];
                while tls.read(&mut bytes).is_ok_and(|count| count > 0) {
                    let body = metadata(7);
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    if tls.write_all(&[head.as_bytes(), &body].concat()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn certificates_are_a_finding_of_their_own() {
    let address = serve_tls();
    let port = address.port();
    let trusting = dialer();
    for _ in 0..3 {
        assert_eq!(get(&trusting, format!("https://localhost:{port}/x")).result.unwrap().body, metadata(7));
    }
    let by_number = get(&trusting, format!("https://127.0.0.1:{port}/x"));
    assert!(by_number.result.is_ok() && by_number.bytes > 1000, "the handshake counts");
    let internal = Allowed::new(Prefixes::parse(&["127.0.0.0/8".into()]).unwrap());
    let wary = Dialer::new(None, internal, None).unwrap();
    let unknown = get(&wary, format!("https://localhost:{port}/x")).result.unwrap_err();
    assert_eq!(unknown.finding, Finding::Certificate, "{unknown:?}");
    let other_name = get(&trusting, format!("https://127.0.0.2:{port}/x")).result.unwrap_err();
    // The server listens on one address only: another one is refused before any certificate is seen.
    assert_eq!(other_name.finding, Finding::Refused);
    let plain = serve(|request, stream| good(request, stream, 1));
    let no_tls = get(&trusting, format!("https://localhost:{}/x", plain.address.port())).result.unwrap_err();
    assert!(matches!(no_tls.finding, Finding::Tls | Finding::TimedOut), "{no_tls:?}");
    let silent = get(&trusting, format!("http://localhost:{port}/x")).result.unwrap_err();
    assert!(matches!(silent.finding, Finding::BadHttp | Finding::Reset), "{silent:?}");
}

#[test]
fn files_with_roots_are_checked() {
    let roots = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Dialer::new(None, Allowed::default(), Some(file.path())).err().map(|error| error.to_string())
    };
    let pem = include_str!("crawl/authority.pem");
    assert_eq!(roots(pem), None);
    assert!(roots("nothing").unwrap().contains("cannot read certificates"));
    assert!(roots("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap().contains("certificate 1"));
}
