//! Answers that take more than one turn: files, waiting for another thread, connections that leave the loop.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{PATIENCE, listener};
use crate::reactor::{
    CloseReason, Counters, Detached, FileRange, Handle, Limits, Place, Reactor, Received, Service, Step, Wait,
};

/// What the service tells.
#[derive(Debug)]
enum Seen {
    Later(Place),
    Detached(Detached),
    Closed(CloseReason),
}

/// Each byte that comes is a request: `f` for a file and its end, `w` for waiting until it is woken twice, `d` for
/// leaving, `b` for an answer that breaks off.
struct Answers {
    file: Arc<File>,
    file_bytes: u64,
    seen: Sender<Seen>,
}

#[derive(Default)]
struct Session {
    request: u8,
    sent_bytes: u64,
    has_begun: bool,
    ask_count: u32,
}

impl Service for Answers {
    type Session = Session;

    fn open(&mut self, _: SocketAddr, _: usize, _: Instant) -> Session {
        Session::default()
    }

    fn receive(&mut self, session: &mut Session, bytes: &[u8], _: &mut Vec<u8>, _: Instant) -> Received {
        *session = Session { request: bytes[0], ..Session::default() };
        Received { consumed_bytes: 1, wait: Wait::Answer, is_new_wait: true, has_paused: false }
    }

    fn go_on(&mut self, session: &mut Session, place: Place, out: &mut Vec<u8>, _: Instant) -> Step {
        session.ask_count += 1;
        if !std::mem::replace(&mut session.has_begun, true) {
            out.push(b'<');
        }
        match session.request {
            b'f' if session.sent_bytes < self.file_bytes => Step::SendFile(FileRange {
                file: Arc::clone(&self.file),
                offset_bytes: session.sent_bytes,
                length_bytes: self.file_bytes - session.sent_bytes,
            }),
            b'w' if session.ask_count == 1 => Step::Send,
            b'w' if session.ask_count < 4 => {
                let _ = self.seen.send(Seen::Later(place));
                Step::Later
            }
            b'd' => Step::Detach,
            b'b' if session.ask_count == 1 => Step::Send,
            b'b' => Step::Abort,
            b'l' => Step::Later,
            _ => {
                out.push(b'>');
                Step::Over(Wait::Idle)
            }
        }
    }

    fn sent(&mut self, session: &mut Session, bytes: u64) {
        session.sent_bytes += bytes;
    }

    fn detached(&mut self, _: Session, connection: Detached) {
        let _ = self.seen.send(Seen::Detached(connection));
    }

    fn timed_out(&mut self, _: &mut Session, _: &[u8], out: &mut Vec<u8>, _: Instant) {
        out.extend_from_slice(b"late");
    }

    fn closed(&mut self, _: Session, reason: CloseReason) {
        let _ = self.seen.send(Seen::Closed(reason));
    }

    fn turn(&mut self, _: Instant, _: &Counters) -> Option<Instant> {
        None
    }

    fn stopping(&mut self) {}
}

struct Stage {
    address: SocketAddr,
    handle: Handle,
    seen: Receiver<Seen>,
    content: Vec<u8>,
    thread: JoinHandle<Counters>,
}

fn stage(limits: Limits) -> Stage {
    let content: Vec<u8> = (0..5_000_000u32).flat_map(u32::to_le_bytes).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    let (listener, address) = listener();
    let mut reactor = Reactor::new(vec![listener], limits).unwrap();
    let (tell, seen) = channel();
    let mut service = Answers { file: Arc::new(file), file_bytes: content.len() as u64, seen: tell };
    let handle = reactor.handle();
    let thread = std::thread::spawn(move || {
        reactor.run(&mut service).unwrap();
        *reactor.counters()
    });
    Stage { address, handle, seen, content, thread }
}

impl Stage {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn read(&self, stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
        let mut got = vec![0; bytes];
        stream.read_exact(&mut got).unwrap();
        got
    }

    fn expect_file(&self, stream: &mut TcpStream) {
        let got = self.read(stream, self.content.len() + 2);
        assert!(got[0] == b'<' && got[got.len() - 1] == b'>' && got[1..got.len() - 1] == self.content);
    }

    fn stop(self) -> Counters {
        self.handle.stop().unwrap();
        self.thread.join().unwrap()
    }
}

#[test]
fn files_go_out_whole_and_requests_wait_their_turn() {
    let stage = stage(Limits::default());
    let mut slow = stage.connect();
    slow.write_all(b"fxf").unwrap();
    // The slow one reads nothing yet, and holds nobody up.
    let mut quick = stage.connect();
    quick.write_all(b"f").unwrap();
    stage.expect_file(&mut quick);
    stage.expect_file(&mut slow);
    assert_eq!(stage.read(&mut slow, 2), b"<>");
    stage.expect_file(&mut slow);
    let counters = stage.stop();
    assert!(counters.written_bytes > 60_000_000);
}

#[test]
fn who_waits_is_woken_and_nobody_else() {
    let stage = stage(Limits::default());
    let mut client = stage.connect();
    client.write_all(b"wx").unwrap();
    assert_eq!(stage.read(&mut client, 1), b"<");
    for _ in 0..2 {
        let Seen::Later(place) = stage.seen.recv_timeout(PATIENCE).unwrap() else { panic!("it does not wait") };
        stage.handle.wake_connections([place, place]).unwrap();
    }
    assert_eq!(stage.read(&mut client, 3), b"><>");
    drop(client);
    assert!(matches!(stage.seen.recv_timeout(PATIENCE).unwrap(), Seen::Closed(CloseReason::PeerClosed)));
    stage.stop();
}

#[test]
fn a_connection_leaves_with_what_was_not_read() {
    let stage = stage(Limits::default());
    let mut client = stage.connect();
    client.write_all(b"drest").unwrap();
    let Seen::Detached(mut detached) = stage.seen.recv_timeout(PATIENCE).unwrap() else { panic!("it stays") };
    detached.stream.set_nonblocking(false).unwrap();
    let mut unread = detached.unread;
    while unread.len() < 4 {
        unread.extend(stage.read(&mut detached.stream, 1));
    }
    assert_eq!(unread, b"rest");
    detached.stream.write_all(b"hello").unwrap();
    assert_eq!(stage.read(&mut client, 5), b"hello");
    let counters = stage.stop();
    assert_eq!(counters.closed[CloseReason::Detached as usize], 1);
}

#[test]
fn answers_that_cannot_be_finished_break_off() {
    let stage = self::stage(Limits::default());
    let mut client = stage.connect();
    client.write_all(b"b").unwrap();
    let mut got = Vec::new();
    // Whether the end comes as a reset depends on what was read before.
    let _ = client.read_to_end(&mut got);
    assert_eq!(got, b"<");
    assert!(matches!(stage.seen.recv_timeout(PATIENCE).unwrap(), Seen::Closed(CloseReason::AnswerBroken)));
    stage.stop();
    let stage = self::stage(Limits { answer: Duration::from_millis(1), ..Limits::default() });
    let mut client = stage.connect();
    client.write_all(b"l").unwrap();
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert!(got.ends_with(b"late"));
    stage.stop();
}
