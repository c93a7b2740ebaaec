//! The loop over real sockets of the loopback, with a service that speaks in lines.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::Events;
use socket2::{Domain, Socket, Type};

use super::*;

mod answers;

/// Nothing here takes that long: only for failing instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pauses beyond that much output.
const OUTPUT_BYTES_PAUSE: usize = 16 * 1024;

/// What the service saw.
#[derive(Debug, PartialEq)]
enum Seen {
    Closed(CloseReason),
    /// The first part of a line came.
    Half,
    Turn(Box<Counters>),
}

/// Sends lines back. `big N` gives N bytes, `quit` asks for the end, `bad` is refused.
struct Lines {
    seen: Sender<Seen>,
    tells_turns: bool,
    is_stopping: bool,
}

impl Service for Lines {
    type Session = ();

    fn open(&mut self, _: SocketAddr, _: usize, _: Instant) {}

    fn receive(&mut self, (): &mut (), bytes: &[u8], out: &mut Vec<u8>, _: Instant) -> Received {
        let mut consumed_bytes = 0;
        let mut wait = None;
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if line.last() != Some(&b'\n') || wait.is_some() || out.len() >= OUTPUT_BYTES_PAUSE {
                break;
            }
            consumed_bytes += line.len();
            match line.strip_prefix(b"big ") {
                Some(count) => {
                    let count: usize = std::str::from_utf8(count).unwrap().trim().parse().unwrap();
                    out.resize(out.len() + count, b'x');
                    out.push(b'\n');
                }
                None => out.extend_from_slice(line),
            }
            wait = match line {
                b"quit\n" => Some(Wait::Close),
                b"bad\n" => Some(Wait::Linger),
                _ => self.is_stopping.then_some(Wait::Linger),
            };
        }
        let has_rest = consumed_bytes < bytes.len();
        if has_rest && wait.is_none() {
            // Nobody listens any more once a test is over.
            let _ = self.seen.send(Seen::Half);
        }
        Received {
            consumed_bytes,
            wait: wait.unwrap_or(if has_rest { Wait::Head } else { Wait::Idle }),
            is_new_wait: consumed_bytes > 0,
            has_paused: has_rest && out.len() >= OUTPUT_BYTES_PAUSE,
        }
    }

    fn timed_out(&mut self, (): &mut (), bytes: &[u8], out: &mut Vec<u8>, _: Instant) {
        out.extend_from_slice(b"late: ");
        out.extend_from_slice(bytes);
    }

    fn closed(&mut self, (): (), reason: CloseReason) {
        let _ = self.seen.send(Seen::Closed(reason));
    }

    fn turn(&mut self, _: Instant, counters: &Counters) -> Option<Instant> {
        if self.tells_turns {
            let _ = self.seen.send(Seen::Turn(Box::new(*counters)));
        }
        None
    }

    fn stopping(&mut self) {
        self.is_stopping = true;
    }
}

/// A loop in a thread of its own.
struct Server {
    address: SocketAddr,
    handle: Handle,
    seen: Receiver<Seen>,
    thread: Option<JoinHandle<Counters>>,
}

fn lines() -> (Lines, Receiver<Seen>) {
    let (seen, receiver) = channel();
    (Lines { seen, tells_turns: false, is_stopping: false }, receiver)
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = crate::sys::listen("127.0.0.1:0".parse().unwrap(), Duration::ZERO).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn reactor(limits: Limits) -> (Reactor<Lines>, SocketAddr) {
    let (listener, address) = listener();
    (Reactor::new(vec![listener], limits).unwrap(), address)
}

impl Server {
    fn start(limits: Limits) -> Server {
        Server::start_telling(limits, false)
    }

    fn start_telling(limits: Limits, tells_turns: bool) -> Server {
        let (mut reactor, address) = reactor(limits);
        let (mut service, seen) = lines();
        service.tells_turns = tells_turns;
        let handle = reactor.handle();
        let thread = std::thread::spawn(move || {
            reactor.run(&mut service).unwrap();
            *reactor.counters()
        });
        Server { address, handle, seen, thread: Some(thread) }
    }

    fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// The reason for which the next connection was closed.
    fn closed(&self) -> CloseReason {
        loop {
            if let Seen::Closed(reason) = self.seen.recv_timeout(PATIENCE).unwrap() {
                return reason;
            }
        }
    }

    /// Waits until the loop has a part of a line: that connection is not idle then.
    fn half(&self) {
        while self.seen.recv_timeout(PATIENCE).unwrap() != Seen::Half {}
    }

    /// The counters at the first turn at which they are so.
    fn turn(&self, is_so: impl Fn(&Counters) -> bool) -> Counters {
        loop {
            match self.seen.recv_timeout(PATIENCE).unwrap() {
                Seen::Turn(counters) if is_so(&counters) => return *counters,
                _ => {}
            }
        }
    }

    fn stop(mut self) -> Counters {
        self.handle.stop().unwrap();
        self.thread.take().unwrap().join().unwrap()
    }
}

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: SocketAddr) -> Client {
        Client::new(TcpStream::connect(address).unwrap())
    }

    fn new(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    fn send(&self, text: &str) {
        self.stream.get_ref().write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line
    }

    fn ask(&mut self, text: &str) {
        self.send(text);
        assert_eq!(self.line(), text);
    }

    /// What comes until the end, which must not be a reset.
    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).unwrap();
        rest
    }
}

#[test]
fn many_are_served_and_counted() {
    let server = Server::start(Limits::default());
    let mut clients: Vec<Client> = (0..100).map(|_| server.connect()).collect();
    for round in 0..20 {
        clients.iter().enumerate().for_each(|(index, client)| client.send(&format!("{round} of {index}\n")));
        for (index, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.line(), format!("{round} of {index}\n"));
        }
    }
    drop(clients);
    (0..100).for_each(|_| assert_eq!(server.closed(), CloseReason::PeerClosed));
    let counters = server.stop();
    assert_eq!((counters.accepted, counters.open_count, counters.registered), (100, 0, 100));
    assert_eq!(counters.closed[CloseReason::PeerClosed as usize], 100);
    assert_eq!(counters.written_bytes, counters.read_bytes);
}

#[test]
fn cuts_do_not_matter() {
    let server = Server::start(Limits::default());
    let text: String = (0..60).map(|number| format!("line {number}\n")).collect();
    for size in [1, 2, 3, 7, 50, text.len()] {
        let mut client = server.connect();
        text.as_bytes().chunks(size).for_each(|piece| client.stream.get_mut().write_all(piece).unwrap());
        client.send("quit\n");
        assert_eq!(client.rest(), format!("{text}quit\n"), "pieces of {size}");
        assert_eq!(server.closed(), CloseReason::Asked);
    }
    assert_eq!(server.stop().closed[CloseReason::Asked as usize], 6);
}

#[test]
fn who_says_close_at_once_is_never_watched() {
    let (mut reactor, address) = reactor(Limits::default());
    let (mut service, _seen) = lines();
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(address)).collect();
    clients.iter().for_each(|client| client.send("quit\n"));
    reactor.handle().stop().unwrap();
    reactor.run(&mut service).unwrap();
    clients.iter_mut().for_each(|client| assert_eq!(client.rest(), "quit\n"));
    let counters = reactor.counters();
    assert_eq!((counters.accepted, counters.registered, counters.reads, counters.writes), (20, 0, 20, 20));
}

#[test]
fn a_slow_reader_gets_everything_and_delays_nobody() {
    let server = Server::start(Limits::default());
    let mut slow = server.connect();
    let bytes = 12_000_000;
    // More requests than one read or one pause takes, behind output that no socket buffer takes.
    let more: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
    slow.send(&format!("big {bytes}\n"));
    let mut other = server.connect();
    other.ask("hello\n");
    let writer = slow.stream.get_ref().try_clone().unwrap();
    let sent = format!("{more}quit\n");
    let sending = std::thread::spawn(move || (&writer).write_all(sent.as_bytes()).unwrap());
    other.ask("hello again\n");
    let line = slow.line();
    assert_eq!((line.len(), line.trim_matches('x')), (bytes + 1, "\n"));
    assert!(slow.rest() == format!("{more}quit\n"), "lines are lost");
    sending.join().unwrap();
    assert_eq!(server.closed(), CloseReason::Asked);
    server.stop();
}

#[test]
fn half_closed_peers_are_answered() {
    let server = Server::start(Limits::default());
    for (text, answer, reason) in
        [("hello\n", "hello\n", CloseReason::PeerClosed), ("hello\nhal", "hello\n", CloseReason::PeerClosedMidway)]
    {
        let mut client = server.connect();
        client.send(text);
        client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.rest(), answer);
        assert_eq!(server.closed(), reason);
    }
    server.stop();
}

#[test]
fn the_last_word_is_read_before_the_reset() {
    let server = Server::start(Limits::default());
    let mut client = server.connect();
    client.send("bad\n");
    // The server does not want these, yet they must not cost the client its answer.
    client.send(&"garbage\n".repeat(20_000));
    assert_eq!(client.rest(), "bad\n");
    drop(client);
    assert_eq!(server.closed(), CloseReason::Ended);

    let client = server.connect();
    client.send("bad\n");
    let endless = "garbage\n".repeat(10_000);
    while client.stream.get_ref().write_all(endless.as_bytes()).is_ok() {}
    assert_eq!(server.closed(), CloseReason::Ended);
    server.stop();
}

#[test]
fn every_wait_has_its_limit() {
    let short = Duration::from_millis(40);
    let long = Duration::from_secs(100);
    let none = Limits { idle: long, head: long, body: long, write: long, linger: long, ..Limits::default() };

    let server = Server::start(Limits { idle: short, ..none });
    let mut client = server.connect();
    client.ask("hello\n");
    assert_eq!(client.rest(), "");
    assert_eq!(server.closed(), CloseReason::IdleTimedOut);
    server.stop();

    let server = Server::start(Limits { head: short, linger: short, ..none });
    let mut client = server.connect();
    client.send("hello\nhal");
    assert_eq!(client.rest(), "hello\nlate: hal");
    assert_eq!(server.closed(), CloseReason::HeadTimedOut);
    server.stop();

    let server = Server::start(Limits { write: short, ..none });
    let client = server.connect();
    client.send("big 20000000\n");
    assert_eq!(server.closed(), CloseReason::WriteTimedOut);
    server.stop();

    let server = Server::start(Limits { linger: short, ..none });
    let mut client = server.connect();
    client.send("bad\n");
    assert_eq!(client.rest(), "bad\n");
    assert_eq!(server.closed(), CloseReason::Ended);
    server.stop();
}

#[test]
fn stopping_finishes_what_is_in_flight() {
    let server = Server::start(Limits::default());
    let (mut idle, mut half, mut slow) = (server.connect(), server.connect(), server.connect());
    idle.ask("hello\n");
    half.ask("hello\n");
    half.send("hal");
    slow.send("big 9000000\n");
    // Whatever a client sent before is read before it: the loop takes connections in order of their events.
    idle.ask("again\n");
    server.handle.stop().unwrap();
    assert_eq!(idle.rest(), "");
    half.send("f\n");
    assert_eq!(half.rest(), "half\n");
    assert_eq!(slow.line().len(), 9_000_001);
    assert_eq!(slow.rest(), "");
    assert!(TcpStream::connect(server.address).is_err());
    drop((idle, half, slow));
    let counters = server.stop();
    assert_eq!((counters.open_count, counters.accepted), (0, 3));
}

#[test]
fn stopping_has_a_deadline() {
    let server = Server::start(Limits { stop: Duration::from_millis(60), ..Limits::default() });
    let mut half = server.connect();
    half.ask("hello\n");
    half.send("hal");
    let counters = server.stop();
    assert_eq!(counters.closed[CloseReason::Stopped as usize], 1);
}

#[test]
fn stopping_serves_what_waits_to_be_accepted() {
    let (mut reactor, address) = reactor(Limits::default());
    let (mut service, _seen) = lines();
    let mut clients: Vec<Client> = (0..100).map(|_| Client::connect(address)).collect();
    clients.iter().for_each(|client| client.send("hello\n"));
    reactor.handle().stop().unwrap();
    let thread = std::thread::spawn(move || reactor.run(&mut service).map(|()| reactor.counters().accepted));
    for mut client in clients.drain(..) {
        assert_eq!(client.rest(), "hello\n");
    }
    assert_eq!(thread.join().unwrap().unwrap(), 100);
}

#[test]
fn room_is_made_by_closing_the_idlest() {
    let server = Server::start(Limits { connections_max: 3, ..Limits::default() });
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.ask("hello\n"));
    // The first is not the idlest any more.
    clients[0].ask("again\n");
    server.connect().ask("hello\n");
    assert_eq!(server.closed(), CloseReason::Shed);
    assert_eq!(clients[1].rest(), "");
    assert_eq!(server.closed(), CloseReason::PeerClosed);
    clients[0].ask("still here\n");
    clients[2].ask("still here\n");

    // None is idle: now the new one has to go.
    clients[1] = server.connect();
    clients[1].ask("hello\n");
    for client in &mut clients {
        client.send("hal");
        server.half();
    }
    let mut refused = server.connect();
    let mut byte = [0];
    match refused.stream.read(&mut byte) {
        Ok(read_bytes) => assert_eq!(read_bytes, 0, "a fourth was served, though three are busy"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    for client in &mut clients {
        client.send("f\n");
        assert_eq!(client.line(), "half\n");
    }
    assert_eq!(server.stop().refused, 1);
}

#[test]
fn idle_connections_hold_no_buffer() {
    let (mut reactor, address) = reactor(Limits::default());
    let (mut service, _seen) = lines();
    let mut events = Events::with_capacity(1024);
    let mut clients: Vec<Client> = (0..300).map(|_| Client::connect(address)).collect();
    // Cut in the middle, so that each has needed a buffer, and with output that needs another.
    for text in ["hal", "f\nbig 100\nhal", "f\n"] {
        clients.iter().for_each(|client| client.send(text));
        let awaited_bytes = reactor.counters.read_bytes + 300 * text.len() as u64;
        while reactor.counters.read_bytes < awaited_bytes {
            reactor.wait(&mut events, reactor.now()).unwrap();
            reactor.turn(&mut service, &events, reactor.now());
        }
    }
    for client in &mut clients {
        assert_eq!((client.line().len(), client.line().len(), client.line().len()), (5, 101, 5));
    }
    assert_eq!(reactor.table.waiting(Limit::Idle).count(), 300);
    for key in reactor.table.waiting(Limit::Idle).collect::<Vec<_>>() {
        assert_eq!(reactor.table.get_mut(key).unwrap().held_bytes(), 0);
    }
    // With nothing to do but wait for the idle limit, there is no turn.
    assert!(reactor.poll_timeout(reactor.now()).unwrap() > Duration::from_secs(30));
}

/// Runs the next test again, alone and with few descriptors.
#[test]
fn running_out_of_descriptors_is_survived() {
    let program = std::env::current_exe().unwrap();
    let script = "ulimit -n 48 && exec \"$0\" --exact --ignored --nocapture --test-threads=1 \
        reactor::tests::running_out_of_descriptors";
    let output = Command::new("sh").arg("-c").arg(script).arg(program).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "only with few descriptors, as `running_out_of_descriptors_is_survived` runs it"]
fn running_out_of_descriptors() {
    let server = Server::start_telling(Limits::default(), true);
    let mut idle = server.connect();
    idle.ask("hello\n");
    // The clients' descriptors; then none is left, save the one that the loop keeps.
    let sockets: Vec<Socket> = (0..3).map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()).collect();
    let mut fill = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        fill.push(file);
    }
    let mut clients = sockets.into_iter().map(|socket| {
        socket.connect(&server.address.into()).unwrap();
        Client::new(socket.into())
    });

    let mut first = clients.next().unwrap();
    first.ask("hello\n");
    assert_eq!(server.closed(), CloseReason::Shed);
    assert_eq!(idle.rest(), "");
    first.send("hal");
    server.half();
    // None is idle: this one gets the last descriptor.
    let mut second = clients.next().unwrap();
    second.send("hal");
    server.half();
    // Now one has to wait until there is room, and no event tells when. Meanwhile the loop does not spin.
    let mut third = clients.next().unwrap();
    third.send("hello\n");
    let failed = |counters: &Counters| counters.accept_errors[AcceptError::ProcessDescriptors as usize];
    let before = server.turn(|counters| failed(counters) >= 4);
    let after = server.turn(|counters| failed(counters) >= failed(&before) + 3);
    assert!(after.turns - before.turns <= 5, "{} turns for 3 trials", after.turns - before.turns);
    fill.pop();
    assert_eq!(third.line(), "hello\n");
    for client in [&mut first, &mut second] {
        client.send("f\n");
        assert_eq!(client.line(), "half\n");
    }
    server.stop();
}
