//! A server that does no work: the floor that the cost of a real one is measured against.
//!
//! Lives here: one thread, one epoll instance, one fixed answer for every `\r\n\r\n` that comes in, so only the system
//! calls remain that no HTTP server on this kernel can do without. Not here: HTTP. It reads no method, no header and no
//! body, knows no time-out, and is fit for loopback measurements alone.
//!
//! Usage: `null-server [--close] PORT BODY_FILE`. Port 0 takes a free one; the address is printed as
//! `listening on http://127.0.0.1:PORT`. With `--close` every connection gets one answer and is closed: the listener
//! then has `TCP_DEFER_ACCEPT` and a connection is read right after it is accepted, so a request usually takes four
//! system calls (accept4, read, write, close) and never meets epoll.

// The house keeps unsafe code in `src/sys`. This program is measured against it and must not share its code, so it
// calls the kernel itself.
#![allow(unsafe_code)]

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, Protocol, Socket, Type};

/// Bytes asked of the kernel at once. A shorter read means that the socket was empty, see epoll(7), question 9.
const READ_BYTES_MAX: usize = 16 * 1024;
/// Answers sent with one write at most: the copies of the answer that are laid out in memory.
const ANSWER_COPIES: usize = 64;
/// Events taken from epoll at once.
const EVENTS_MAX: usize = 256;
/// Largest body, bytes: keeps `ANSWER_COPIES` of it in a sensible amount of memory.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Connections the kernel may hold for us before they are accepted.
const BACKLOG: i32 = 4096;
/// What ends a request head.
const HEAD_END: [u8; 4] = *b"\r\n\r\n";

/// What is known of a connection between two events; the slot's index is the descriptor.
#[derive(Clone, Copy, Default)]
struct Conn {
    /// The last three bytes read, for a head's end that was cut.
    tail: [u8; 3],
    /// Answers not yet written in full.
    owed_count: u32,
    /// Bytes of the first of them that are written.
    sent_bytes: usize,
}

/// What became of a connection after its socket was served.
#[derive(PartialEq)]
enum Outcome {
    /// It waits for the peer.
    Open,
    /// The peer left, or it had its only answer.
    Closed,
}

/// The fixed answer, laid out `ANSWER_COPIES` times so that pipelined requests are answered by one write.
struct Answer {
    copies: Vec<u8>,
    bytes: usize,
}

impl Answer {
    fn new(body: &[u8], close: bool) -> Answer {
        let connection = if close { "Connection: close\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n\
             Content-Length: {}\r\n{connection}\r\n",
            body.len()
        );
        let answer = [head.as_bytes(), body].concat();
        Answer { copies: answer.repeat(ANSWER_COPIES), bytes: answer.len() }
    }
}

/// How many heads end in `bytes`, given the three bytes that came before them. A position is compared without regard to
/// its neighbours, which lets the compiler compare sixteen at a time.
fn count_head_ends(tail: &mut [u8; 3], bytes: &[u8]) -> u32 {
    let mut count = 0;
    if *tail != [0; 3] {
        let mut joint = [0; 6];
        let seam = bytes.len().min(3);
        joint[..3].copy_from_slice(tail);
        joint[3..3 + seam].copy_from_slice(&bytes[..seam]);
        count += joint[..3 + seam].windows(4).filter(|window| *window == HEAD_END).count() as u32;
    }
    let starts = bytes.len().saturating_sub(3);
    // A byte counts up to 255 positions without overflow; wider sums would halve the lanes.
    for start in (0..starts).step_by(255) {
        let end = (start + 255).min(starts);
        let (a, b) = (&bytes[start..end], &bytes[start + 1..end + 1]);
        let (c, d) = (&bytes[start + 2..end + 2], &bytes[start + 3..end + 3]);
        let lanes = a.iter().zip(b).zip(c.iter().zip(d));
        count += u32::from(
            lanes
                .map(|((a, b), (c, d))| u8::from((*a == b'\r') & (*b == b'\n') & (*c == b'\r') & (*d == b'\n')))
                .sum::<u8>(),
        );
    }
    // Whoever ends a read with a head's end, as nearly every client does, has nothing to carry over.
    if bytes.ends_with(&HEAD_END) {
        *tail = [0; 3];
    } else {
        let kept = bytes.len().min(3);
        tail.rotate_left(kept);
        tail[3 - kept..].copy_from_slice(&bytes[bytes.len() - kept..]);
    }
    count
}

fn accept(listener: RawFd) -> Option<RawFd> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: both address pointers may be null, see accept(2); nothing of ours is handed to the kernel.
    let fd = unsafe { libc::accept4(listener, std::ptr::null_mut(), std::ptr::null_mut(), flags) };
    (fd >= 0).then_some(fd)
}

fn read(fd: RawFd, buffer: &mut [u8; READ_BYTES_MAX]) -> isize {
    // SAFETY: the kernel writes at most `READ_BYTES_MAX` bytes into the array, which outlives the call.
    unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), READ_BYTES_MAX) }
}

fn write(fd: RawFd, bytes: &[u8]) -> isize {
    // SAFETY: the kernel reads `bytes.len()` bytes from a live slice.
    unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) }
}

fn close(fd: RawFd) {
    // SAFETY: the descriptor came from `accept` and its slot is not used again until `accept` returns it anew.
    unsafe { libc::close(fd) };
}

fn watch(epoll: RawFd, fd: RawFd, events: i32) -> Result<()> {
    let mut event = libc::epoll_event { events: events as u32, u64: fd as u64 };
    // SAFETY: `event` is a live value that the kernel only reads.
    match unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event) } {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}

fn would_block() -> bool {
    Error::last_os_error().kind() == ErrorKind::WouldBlock
}

struct Server {
    epoll: RawFd,
    listener: Socket,
    close: bool,
    answer: Answer,
    conns: Vec<Conn>,
    buffer: [u8; READ_BYTES_MAX],
}

impl Server {
    fn bind(port: u16, close: bool, answer: Answer) -> Result<Server> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
        listener.set_reuse_address(true)?;
        // Accepted sockets inherit it: no answer waits for the acknowledgement of the one before.
        listener.set_tcp_nodelay(true)?;
        if close {
            defer_accept(&listener)?;
        }
        listener.bind(&SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).into())?;
        listener.listen(BACKLOG)?;
        // SAFETY: takes no pointer.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(Error::last_os_error());
        }
        // Level-triggered: one accept too few is no connection lost.
        watch(epoll, listener.as_raw_fd(), libc::EPOLLIN)?;
        Ok(Server { epoll, listener, close, answer, conns: Vec::new(), buffer: [0; READ_BYTES_MAX] })
    }

    fn run(&mut self) -> Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX];
        let listener = self.listener.as_raw_fd();
        loop {
            // SAFETY: the kernel fills at most `EVENTS_MAX` entries of the live array.
            let ready = unsafe { libc::epoll_wait(self.epoll, events.as_mut_ptr(), EVENTS_MAX as i32, -1) };
            if ready < 0 && Error::last_os_error().kind() != ErrorKind::Interrupted {
                return Err(Error::last_os_error());
            }
            for event in &events[..ready.max(0) as usize] {
                let fd = event.u64 as RawFd;
                if fd == listener {
                    self.accept_all()?;
                } else if self.serve(fd) == Outcome::Closed {
                    close(fd);
                }
            }
        }
    }

    fn accept_all(&mut self) -> Result<()> {
        while let Some(fd) = accept(self.listener.as_raw_fd()) {
            if self.conns.len() <= fd as usize {
                self.conns.resize(fd as usize + 1, Conn::default());
            }
            self.conns[fd as usize] = Conn::default();
            // A deferred connection has its request with it, so it is served before epoll hears of it.
            if self.close && self.serve(fd) == Outcome::Closed {
                close(fd);
                continue;
            }
            // Both directions once and for all: an edge comes only on a change, so a full socket costs no epoll_ctl.
            watch(self.epoll, fd, libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLET)?;
        }
        Ok(())
    }

    /// Reads until the socket is empty and writes until it is full or nothing is owed.
    fn serve(&mut self, fd: RawFd) -> Outcome {
        let conn = &mut self.conns[fd as usize];
        loop {
            if conn.owed_count > 0 {
                match flush(fd, conn, &self.answer) {
                    Some(true) if self.close => return Outcome::Closed,
                    Some(true) => {}
                    Some(false) => return Outcome::Open,
                    None => return Outcome::Closed,
                }
            }
            let count = read(fd, &mut self.buffer);
            if count <= 0 {
                return if count < 0 && would_block() { Outcome::Open } else { Outcome::Closed };
            }
            conn.owed_count += count_head_ends(&mut conn.tail, &self.buffer[..count as usize]);
            if (count as usize) < READ_BYTES_MAX {
                break;
            }
        }
        match conn.owed_count > 0 && flush(fd, conn, &self.answer) != Some(false) && self.close {
            true => Outcome::Closed,
            false => Outcome::Open,
        }
    }
}

/// Writes what is owed: true when nothing is left, false when the socket is full, none when the peer is gone (the next
/// read tells, too).
fn flush(fd: RawFd, conn: &mut Conn, answer: &Answer) -> Option<bool> {
    while conn.owed_count > 0 {
        let end = answer.bytes * (conn.owed_count as usize).min(ANSWER_COPIES);
        let written = write(fd, &answer.copies[conn.sent_bytes..end]);
        if written < 0 {
            return would_block().then_some(false);
        }
        let sent_bytes = conn.sent_bytes + written as usize;
        // The common case without a division: everything asked for was taken.
        if sent_bytes == end {
            conn.owed_count -= (conn.owed_count).min(ANSWER_COPIES as u32);
            conn.sent_bytes = 0;
            continue;
        }
        conn.owed_count -= (sent_bytes / answer.bytes) as u32;
        conn.sent_bytes = sent_bytes % answer.bytes;
        return Some(false);
    }
    Some(true)
}

fn defer_accept(listener: &Socket) -> Result<()> {
    let seconds: libc::c_int = 1;
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointer is to a live integer of the size that is given with it.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size,
        )
    };
    if result == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

fn main() -> Result<()> {
    let usage = || Error::other("usage: null-server [--close] PORT BODY_FILE");
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let close = arguments.first().is_some_and(|first| first == "--close");
    if close {
        arguments.remove(0);
    }
    let [port, body_file] = arguments.as_slice() else { return Err(usage()) };
    let body = std::fs::read(body_file)?;
    if body.len() > BODY_BYTES_MAX {
        return Err(Error::other(format!("{body_file}: over {BODY_BYTES_MAX} bytes; give a smaller body")));
    }
    let mut server = Server::bind(port.parse().map_err(|_| usage())?, close, Answer::new(&body, close))?;
    let address = server.listener.local_addr()?.as_socket().ok_or_else(usage)?;
    println!("listening on http://{address}");
    server.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_ends_are_counted_wherever_the_input_is_cut() {
        let input = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n\rGET /x HTTP/1.0\r\n\r\n".repeat(9);
        for size in 1..=input.len() {
            let mut tail = [0; 3];
            let count: u32 = input.chunks(size).map(|chunk| count_head_ends(&mut tail, chunk)).sum();
            assert_eq!(count, 27, "chunks of {size}");
        }
    }
}
