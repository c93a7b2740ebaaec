//! `Tunnels`: connections that were handed over after CONNECT, each tied to one of another server.
//!
//! One thread with a poll of its own has all of them: a tunnel costs two sockets and two buffers, no thread. The event
//! loops of the workers stay as they are: one socket per connection. What goes through is nobody's business here.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use super::asked::Record;
use crate::reactor::Detached;

/// Bytes that may be under way in one direction.
const BUFFER_BYTES: usize = 16 * 1024;
/// A tunnel in which nothing moves for so long is closed. TLS connections that wait for the next request are the rule.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// A tunnel of which one side has ended, and in which nothing moves for so long, is closed.
const HALF_CLOSED_MAX: Duration = Duration::from_secs(60);
/// How often is looked for those.
const LOOK: Duration = Duration::from_secs(5);
/// Steps of one tunnel before others have their turn.
const STEPS_MAX: usize = 16;
const WAKER: Token = Token(usize::MAX);

/// What a tunnel needs besides the client's connection.
pub struct Passage {
    /// The server's side.
    pub server: StdStream,
    /// What goes to the client first: the answer to CONNECT.
    pub to_client: Vec<u8>,
    /// For the log.
    pub record: Record,
}

/// All tunnels. Clones are the same.
#[derive(Clone)]
pub struct Tunnels {
    shared: Arc<Shared>,
    passages: Sender<(Passage, Detached)>,
}

struct Shared {
    waker: Waker,
    shall_stop: AtomicBool,
    count: AtomicUsize,
    bytes: AtomicU64,
    total: AtomicU64,
}

impl Tunnels {
    /// Starts the thread; `done` is told of each tunnel that is over.
    pub fn start(done: impl FnMut(Record) + Send + 'static) -> io::Result<Tunnels> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (passages, taken) = unbounded();
        let shared = Arc::new(Shared {
            waker,
            shall_stop: AtomicBool::new(false),
            count: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            total: AtomicU64::new(0),
        });
        let ours = Arc::clone(&shared);
        thread::Builder::new().name("tunnels".into()).spawn(move || {
            let mut tunnels =
                Loop { poll, shared: ours, taken, table: HashMap::new(), next: 0, ready: Vec::new(), done };
            if let Err(error) = tunnels.run() {
                eprintln!("tunnels state=failed error=\"{error}\"");
            }
        })?;
        Ok(Tunnels { shared, passages })
    }

    /// Tunnels now.
    pub fn count(&self) -> usize {
        self.shared.count.load(Ordering::Relaxed)
    }

    /// Tunnels so far, and bytes that went through, both directions together.
    pub fn totals(&self) -> (u64, u64) {
        (self.shared.total.load(Ordering::Relaxed), self.shared.bytes.load(Ordering::Relaxed))
    }

    /// Ties a client's connection to a server's.
    pub fn add(&self, passage: Passage, client: Detached) {
        // A socket that blocks would stop all tunnels.
        if passage.server.set_nonblocking(true).is_err() {
            return;
        }
        self.shared.count.fetch_add(1, Ordering::Relaxed);
        self.shared.total.fetch_add(1, Ordering::Relaxed);
        // When the thread has failed, both sockets close.
        let _ = self.passages.send((passage, client));
        let _ = self.shared.waker.wake();
    }

    /// Closes all tunnels.
    pub fn stop(&self) {
        self.shared.shall_stop.store(true, Ordering::Release);
        let _ = self.shared.waker.wake();
    }
}

/// One direction.
struct Flow {
    buffer: Vec<u8>,
    start: usize,
    /// No more comes.
    is_read_over: bool,
    /// All was passed on, the end too.
    is_over: bool,
    bytes: u64,
}

/// What moving bytes came to.
#[derive(PartialEq, Eq)]
enum Moved {
    Some,
    Nothing,
}

impl Flow {
    fn new(first: Vec<u8>) -> Flow {
        Flow { buffer: first, start: 0, is_read_over: false, is_over: false, bytes: 0 }
    }

    /// Writes what is there, or else reads.
    fn step(&mut self, from: &mut TcpStream, to: &mut TcpStream) -> io::Result<Moved> {
        if self.is_over {
            return Ok(Moved::Nothing);
        }
        if self.start < self.buffer.len() {
            return match to.write(&self.buffer[self.start..]) {
                Ok(bytes) => {
                    self.start += bytes;
                    self.bytes += bytes as u64;
                    if self.start == self.buffer.len() {
                        self.buffer.clear();
                        self.start = 0;
                    }
                    Ok(Moved::Some)
                }
                Err(error) => waits(error),
            };
        }
        if self.is_read_over {
            self.is_over = true;
            self.buffer = Vec::new();
            // Where the other side is gone already, there is nobody to be told.
            let _ = to.shutdown(Shutdown::Write);
            return Ok(Moved::Some);
        }
        self.buffer.resize(BUFFER_BYTES, 0);
        let read = from.read(&mut self.buffer);
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => {
                self.is_read_over = true;
                Ok(Moved::Some)
            }
            Ok(_) => Ok(Moved::Some),
            Err(error) => {
                // An idle tunnel holds no buffer.
                self.buffer = Vec::new();
                waits(error)
            }
        }
    }
}

fn waits(error: io::Error) -> io::Result<Moved> {
    match error.kind() {
        ErrorKind::WouldBlock => Ok(Moved::Nothing),
        ErrorKind::Interrupted => Ok(Moved::Some),
        _ => Err(error),
    }
}

struct Tunnel {
    client: TcpStream,
    server: TcpStream,
    up: Flow,
    down: Flow,
    moved_at: Instant,
    record: Record,
}

/// What became of a tunnel's turn.
enum Turn {
    /// It waits for events.
    Waits,
    /// It has more to do.
    Goes,
    Over,
}

impl Tunnel {
    fn turn(&mut self, now: Instant) -> Turn {
        for _ in 0..STEPS_MAX {
            let up = self.up.step(&mut self.client, &mut self.server);
            let down = self.down.step(&mut self.server, &mut self.client);
            let (Ok(up), Ok(down)) = (up, down) else { return Turn::Over };
            if self.up.is_over && self.down.is_over {
                return Turn::Over;
            }
            if up == Moved::Nothing && down == Moved::Nothing {
                return Turn::Waits;
            }
            self.moved_at = now;
        }
        Turn::Goes
    }

    fn has_expired(&self, now: Instant) -> bool {
        let is_half_closed = self.up.is_over || self.down.is_over;
        now.duration_since(self.moved_at) > if is_half_closed { HALF_CLOSED_MAX } else { IDLE_MAX }
    }
}

struct Loop<D> {
    poll: Poll,
    shared: Arc<Shared>,
    taken: Receiver<(Passage, Detached)>,
    table: HashMap<usize, Tunnel>,
    /// Numbers are never used twice: no event is taken for another tunnel's.
    next: usize,
    ready: Vec<usize>,
    done: D,
}

impl<D: FnMut(Record)> Loop<D> {
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        let mut looked_at = Instant::now();
        loop {
            let wait = if self.ready.is_empty() { LOOK } else { Duration::ZERO };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => events.clear(),
                result => result?,
            }
            if self.shared.shall_stop.load(Ordering::Acquire) {
                let numbers: Vec<usize> = self.table.keys().copied().collect();
                numbers.into_iter().for_each(|number| self.end(number));
                return Ok(());
            }
            let now = Instant::now();
            let mut ready = std::mem::take(&mut self.ready);
            ready.extend(events.iter().filter(|event| event.token() != WAKER).map(|event| event.token().0 / 2));
            while let Ok((passage, client)) = self.taken.try_recv() {
                ready.extend(self.open(passage, client, now));
            }
            ready.sort_unstable();
            ready.dedup();
            for number in ready {
                let Some(tunnel) = self.table.get_mut(&number) else { continue };
                match tunnel.turn(now) {
                    Turn::Waits => {}
                    Turn::Goes => self.ready.push(number),
                    Turn::Over => self.end(number),
                }
            }
            if now.duration_since(looked_at) >= LOOK {
                looked_at = now;
                let expired =
                    self.table.iter().filter(|(_, tunnel)| tunnel.has_expired(now)).map(|(number, _)| *number);
                expired.collect::<Vec<_>>().into_iter().for_each(|number| self.end(number));
            }
        }
    }

    fn open(&mut self, passage: Passage, client: Detached, now: Instant) -> Option<usize> {
        let number = self.next;
        self.next += 1;
        let unread = client.unread;
        let (mut client, mut server) = (TcpStream::from_std(client.stream), TcpStream::from_std(passage.server));
        let both = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        let watched = registry.register(&mut client, Token(2 * number), both);
        let watched = watched.and_then(|()| registry.register(&mut server, Token(2 * number + 1), both));
        let tunnel = Tunnel {
            client,
            server,
            up: Flow::new(unread),
            down: Flow::new(passage.to_client),
            moved_at: now,
            record: passage.record,
        };
        self.table.insert(number, tunnel);
        if watched.is_err() {
            self.end(number);
            return None;
        }
        Some(number)
    }

    fn end(&mut self, number: usize) {
        let Some(mut tunnel) = self.table.remove(&number) else { return };
        self.shared.count.fetch_sub(1, Ordering::Relaxed);
        self.shared.bytes.fetch_add(tunnel.up.bytes + tunnel.down.bytes, Ordering::Relaxed);
        tunnel.record.body_bytes = tunnel.down.bytes;
        (self.done)(tunnel.record);
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::mpsc::channel;

    use super::*;

    fn pair() -> (StdStream, StdStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let outside = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let (inside, _) = listener.accept().unwrap();
        inside.set_nonblocking(true).unwrap();
        (outside, inside)
    }

    #[test]
    fn bytes_pass_both_ways_and_so_do_ends() {
        let (tell, told) = channel();
        let tunnels = Tunnels::start(move |record| {
            let _ = tell.send(record.body_bytes);
        });
        let tunnels = tunnels.unwrap();
        let (mut client, client_side) = pair();
        let (mut server, server_side) = pair();
        let record = Record::new(Instant::now(), "192.0.2.1".parse().unwrap());
        let passage = Passage { server: server_side, to_client: b"hello ".to_vec(), record };
        tunnels.add(passage, Detached { stream: client_side, unread: b"early ".to_vec() });
        let upload: Vec<u8> = (0..1_000_000u32).map(|at| at as u8).collect();
        let sent = upload.clone();
        let sender = thread::spawn(move || {
            client.write_all(&sent).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let mut got = Vec::new();
            client.read_to_end(&mut got).unwrap();
            got
        });
        let mut got = Vec::new();
        server.read_to_end(&mut got).unwrap();
        assert!(got.strip_prefix(b"early ").unwrap() == upload);
        server.write_all(b"world").unwrap();
        drop(server);
        assert_eq!(sender.join().unwrap(), b"hello world");
        assert_eq!(told.recv().unwrap(), 11);
        assert_eq!((tunnels.count(), tunnels.totals().0), (0, 1));
        tunnels.stop();
    }
}
