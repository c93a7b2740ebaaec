//! What does a whole request cost, from its bytes to the answer's, without sockets?
//!
//! `cargo bench --bench request` prints nanoseconds per request for the head that dnf sends, with the shipped lists and
//! the access log on, one at a time and 16 at a time.
//!
//! `cargo bench --bench request -- COUNT` makes so many requests and prints nothing, for valgrind: the difference of
//! two runs' instructions over the difference of their counts is what a request takes (`bench/README.md` says how).

mod dice;
mod stopwatch;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use mirrorlistd::config::Config;
use mirrorlistd::daemon::{Sources, Tolerance};
use mirrorlistd::http::Conn;
use mirrorlistd::serve::{Answerer, Live, Shared};
use mirrorlistd::worker::{Clock, LogWriter};

use dice::Dice;
use stopwatch::Rounds;

/// What dnf 4 sends.
const REQUEST: &str = "GET /?release=9&arch=x86_64&repo=baseos HTTP/1.1\r\n\
    Host: mirrorlist.example.org\r\n\
    User-Agent: libdnf (AlmaLinux Linux 9.8; generic; Linux.x86_64)\r\n\
    Accept: */*\r\n\
    Cache-Control: no-cache\r\n\
    Pragma: no-cache\r\n\r\n";

const CLIENT_COUNT: usize = 1 << 16;
/// Some hour.
const NOW: Duration = Duration::from_secs(1_795_000_000);

fn main() {
    let mut config = Config::shipped();
    config.lists = Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/lists")));
    let edition = Sources::default().edition(&config, Tolerance::Refuse, &mut |_| ()).expect("shipped lists");
    let (writer, mut logs) = LogWriter::start(Path::new("/dev/null"), 1).expect("log");
    let shared = Arc::new(Shared::new(Live::new(edition), 1, writer.lines_lost()));
    let mut answerer = Answerer::new(shared, 0, Clock::new(UNIX_EPOCH + NOW), logs.pop());
    let mut dice = Dice(0x6d69_7272_6f72);
    let peers: Vec<IpAddr> = (0..CLIENT_COUNT).map(|_| dice.ipv4()).collect();

    // Cargo adds `--bench`.
    match std::env::args().find_map(|argument| argument.parse().ok()) {
        Some(count) => serve(&mut answerer, &peers, 1, count),
        None => {
            for pipelined in [1, 16] {
                let rounds =
                    Rounds::time(&peers, |peers| serve(&mut answerer, peers, pipelined, peers.len() / pipelined));
                rounds.print(&format!("request of {} bytes, {pipelined} at a time", REQUEST.len()));
            }
        }
    }
    answerer.finish();
    drop(answerer);
    writer.finish();
}

/// Has `count` reads of `pipelined` requests each answered, each read from another client.
fn serve(answerer: &mut Answerer, peers: &[IpAddr], pipelined: usize, count: usize) {
    let input = REQUEST.repeat(pipelined);
    let mut conn = Conn::new();
    let mut out = Vec::with_capacity(64 << 10);
    for &peer in peers.iter().cycle().take(count) {
        out.clear();
        answerer.set_peer(peer);
        let received = conn.receive(input.as_bytes(), &mut out, answerer);
        assert_eq!((received.answer_count, received.consumed_bytes), (pipelined, input.len()));
    }
}
