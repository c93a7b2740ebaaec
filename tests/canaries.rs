//! Passes over mirrors on loopback whose master and oldest good mirrors fail together: what was found is kept, and not
//! published until somebody wants it or all is well again.
//!
//! Not here: who is a canary (`crawl::canaries`).

mod stage;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use mirrorlistd::config::Config;
use mirrorlistd::daemon::cycle::{self, Outcome};
use mirrorlistd::daemon::{Sources, SourcesError, Tolerance};
use mirrorlistd::plan::guard::Refusal;
use mirrorlistd::snapshot::{Generation, Store};
use mirrorlistd::verdicts::State;

/// A host that answers every request with its metadata, or with a status alone.
#[derive(Clone)]
struct Host {
    address: SocketAddr,
    status: Arc<Mutex<u16>>,
}

const METADATA: &str = "<repomd><revision>1790000000</revision><data type='primary'>\
    <location href='repodata/primary.xml'/><timestamp>1790000000</timestamp><size>9</size></data></repomd>";

impl Host {
    fn start() -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = Host { address: listener.local_addr().unwrap(), status: Arc::new(Mutex::new(200)) };
        let serving = host.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, host) = (stream.unwrap(), serving.clone());
                thread::spawn(move || host.serve(stream));
            }
        });
        host
    }

    fn serve(&self, stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut stream = stream;
        while let Some(Ok(request)) = lines.next() {
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let status = *self.status.lock().unwrap();
            let body = if request.contains("repomd.xml") { METADATA } else { "123456789" };
            let length = body.len();
            let sent = if request.starts_with("HEAD") || status != 200 { "" } else { body };
            let length = if status == 200 { length } else { 0 };
            let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\n\r\n");
            // A client that has seen enough hangs up; that is for it to say.
            if stream.write_all(format!("{head}{sent}").as_bytes()).is_err() {
                return;
            }
        }
    }

    fn set(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }
}

fn write_lists(folder: &Path, master: &Host, mirrors: &[Host]) {
    let mut text = String::from(
        "[[distribution]]\nname = 'd'\n[[tree]]\nname = 't'\n[[release]]\nname = '9'\narches = ['x86_64']\n\
         [[repo]]\nname = 'os'\npath = 'os'\n",
    );
    let mut add = |name: String, host: &Host, status: &str| {
        text += &format!(
            "[[mirror]]\nname = '{name}'\nbase.t.http = 'http://{}/'\nstatus = '{status}'\nfamilies = ['ipv4']\n",
            host.address
        );
    };
    add("master".to_owned(), master, "master");
    mirrors.iter().enumerate().for_each(|(at, host)| add(format!("m{at}"), host, "active"));
    fs::create_dir_all(folder.join("lists")).unwrap();
    fs::write(folder.join("lists/all.toml"), text).unwrap();
}

fn cycle(config: &Config, force: bool) -> Outcome {
    cycle::run(config, force, &mut |problem| panic!("{problem}"), &mut |_| ()).unwrap().outcome
}

#[test]
fn failed_canaries_stop_the_publication() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("c.toml"), "lists = 'lists'\nstate = 'state'\n[crawl]\nthreads = 4\n").unwrap();
    let config = Config::read(&path.join("c.toml")).unwrap();
    let (master, mirrors): (Host, Vec<Host>) = (Host::start(), (0..5).map(|_| Host::start()).collect());
    write_lists(path, &master, &mirrors[..3]);
    assert!(matches!(cycle(&config, false), Outcome::Published(Generation(1))));
    // Two mirrors more, which have not been good for as long.
    write_lists(path, &master, &mirrors);
    assert!(matches!(cycle(&config, false), Outcome::Published(Generation(2))));

    master.set(500);
    mirrors[..3].iter().for_each(|mirror| mirror.set(404));
    let Outcome::Refused(refusals) = cycle(&config, false) else { panic!("it was not refused") };
    let expected = "tree t: the master (server_error), m0 (missing), m1 (missing), m2 (missing)";
    assert_eq!(refusals, [Refusal::Canary { what: expected.to_owned() }]);
    let store = Store::new(&path.join("state"));
    assert_eq!(store.current(), Generation(2));
    let state = State::read(&path.join("state")).unwrap();
    assert_eq!(state.doubt().unwrap().as_deref(), Some(expected));
    drop(state);

    // Whoever plans from what was found is told the same.
    let planned = Command::new(env!("CARGO_BIN_EXE_mirrorlistd"))
        .args(["plan", "--quiet", "--lists", "lists", "--state", "state"])
        .current_dir(path)
        .output()
        .unwrap();
    let text = String::from_utf8(planned.stdout).unwrap();
    assert!(planned.status.code() == Some(3) && text.contains(&format!("us who are wrong: {expected}")), "{text}");
    let edition = |sources: &mut Sources| sources.edition(&config, Tolerance::Refuse, &mut |_| ());
    assert!(matches!(edition(&mut Sources::default()), Err(SourcesError::Refused { .. })));

    assert!(matches!(cycle(&config, true), Outcome::Published(Generation(3))), "somebody wants it in spite");
    let served = edition(&mut Sources::default()).unwrap().atlas.generation();
    assert_eq!(served, Generation(3), "what is in use already is not refused");

    master.set(200);
    mirrors.iter().for_each(|mirror| mirror.set(200));
    assert!(matches!(cycle(&config, false), Outcome::Published(_)));
    assert_eq!(State::read(&path.join("state")).unwrap().doubt().unwrap(), None);
}

#[test]
fn a_mirror_that_is_not_crawled_is_good_by_the_operators_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("c.toml"), "lists = 'lists'\nstate = 'state'\n[crawl]\nthreads = 4\n").unwrap();
    let config = Config::read(&path.join("c.toml")).unwrap();
    let (master, mirrors): (Host, Vec<Host>) = (Host::start(), (0..2).map(|_| Host::start()).collect());
    write_lists(path, &master, &mirrors);
    // Nobody is behind that address; only that host's own network could know.
    let more = "[[mirror]]\nname = 'inside'\nbase.t.http = 'http://inside.invalid/'\nlisted = false\n\
                networks = ['192.0.2.0/24']\ncrawled = false\n";
    let text = fs::read_to_string(path.join("lists/all.toml")).unwrap();
    fs::write(path.join("lists/all.toml"), format!("{text}{more}")).unwrap();
    let made = cycle::run(&config, false, &mut |problem| panic!("{problem}"), &mut |_| ()).unwrap();
    assert!(matches!(made.outcome, Outcome::Published(Generation(1))));
    let asked: HashMap<_, _> = made.report.mirrors.into_iter().collect();
    assert!(asked.contains_key("m0") && !asked.contains_key("inside"));
    let edition = Sources::default().edition(&config, Tolerance::Refuse, &mut |_| ()).unwrap();
    let query = mirrorlistd::answer::Query::of("9", "x86_64", "os", "");
    let first = |client: &str| {
        let text = stage::listing(&edition.atlas, query, client.parse().unwrap(), 0, 10);
        text.lines().next().unwrap().to_owned()
    };
    assert_eq!(first("192.0.2.7"), "http://inside.invalid/9/os/");
    assert!(first("198.51.100.7").starts_with("http://127.0.0.1:"));
}
