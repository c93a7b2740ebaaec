//! The access log: workers fill buffers with lines, a thread writes them.
//!
//! Lives here: the combined format, safe spelling of what strangers sent, the bounded channel between, reopening. A
//! worker never waits for a disk: when the thread is too far behind, lines are dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select_biased};

use super::counts::Count;
use crate::decimal;

/// A buffer is handed over when it has this many bytes, or a second after its first line.
const BUFFER_BYTES_FULL: usize = 32 << 10;
/// Longest line, bytes: a head of 8 KiB with every byte escaped, and the rest. A buffer has room for one beyond full.
const LINE_BYTES_MAX: usize = 33 << 10;
/// Buffers that may wait for the thread. Picked by feel: a stalled disk costs 2 MB before lines are dropped.
const BUFFERS_WAITING_MAX: usize = 64;

/// Why there is no access log.
#[derive(Debug, thiserror::Error)]
#[error("{path}: cannot write the access log: {source}; check `access_log` and the folder's permissions")]
pub struct LogError {
    path: PathBuf,
    source: io::Error,
}

/// What becomes a line of the log.
pub trait Entry {
    /// Appends the line, with its end.
    fn write(&self, out: &mut Vec<u8>);
}

/// What a line in combined format tells of a request.
pub struct Line<'a> {
    /// The client.
    pub client: IpAddr,
    /// The time, with its brackets.
    pub time: &'a [u8],
    /// The request line.
    pub request: &'a [u8],
    /// The status.
    pub status: u16,
    /// Bytes of the body.
    pub body_bytes: usize,
    /// The `Referer`; empty for none.
    pub referer: &'a [u8],
    /// The `User-Agent`; empty for none.
    pub user_agent: &'a [u8],
}

/// A worker's end of the access log.
pub struct AccessLog {
    buffer: Vec<u8>,
    line_count: u64,
    first_unix_seconds: u64,
    full: Sender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
}

impl AccessLog {
    /// Adds a line. Gives the number of lines that had to be dropped.
    pub fn add(&mut self, line: &impl Entry, unix_seconds: u64) -> u64 {
        if self.line_count == 0 {
            self.first_unix_seconds = unix_seconds;
        }
        self.line_count += 1;
        line.write(&mut self.buffer);
        if self.buffer.len() >= BUFFER_BYTES_FULL { self.hand_over() } else { 0 }
    }

    /// Hands over what is older than a second; called once per turn. Gives the number of lines that had to be dropped.
    pub fn turn(&mut self, unix_seconds: u64) -> u64 {
        if self.line_count > 0 && unix_seconds != self.first_unix_seconds { self.hand_over() } else { 0 }
    }

    /// Whether lines wait to be handed over.
    pub fn is_waiting(&self) -> bool {
        self.line_count > 0
    }

    /// Hands over what there is. Gives the number of lines that had to be dropped.
    pub fn hand_over(&mut self) -> u64 {
        let line_count = std::mem::take(&mut self.line_count);
        // There are more empty buffers than the channel takes, so one is nearly always there; when none is, all of them
        // wait to be written, and the lines of this one are dropped.
        let Ok(next) = self.empty.try_recv() else {
            self.buffer.clear();
            return line_count;
        };
        match self.full.try_send(std::mem::replace(&mut self.buffer, next)) {
            Ok(()) => 0,
            Err(TrySendError::Full(mut buffer) | TrySendError::Disconnected(mut buffer)) => {
                buffer.clear();
                self.buffer = buffer;
                line_count
            }
        }
    }
}

impl Entry for Line<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        write_address(self.client, out);
        out.extend_from_slice(b" - - ");
        out.extend_from_slice(self.time);
        out.extend_from_slice(b" \"");
        write_escaped(self.request, out);
        out.extend_from_slice(b"\" ");
        decimal::write(u64::from(self.status), out);
        out.push(b' ');
        decimal::write(self.body_bytes as u64, out);
        for field in [self.referer, self.user_agent] {
            out.extend_from_slice(b" \"");
            write_escaped(if field.is_empty() { b"-" } else { field }, out);
            out.push(b'"');
        }
        out.push(b'\n');
    }
}

/// What is not plain ASCII becomes `\xHH`, so that a line stays a line and a quoted field ends where it ends.
pub fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') & (*byte != b'"') & (*byte != b'\\');
    // Folded without a branch, so that the compiler makes vector instructions of it.
    if text.iter().fold(true, |plain, byte| plain & is_plain(byte)) {
        out.extend_from_slice(text);
        return;
    }
    for byte in text {
        if is_plain(byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(&[b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

/// The decimal digits of every octet with a dot behind them, and how many digits there are.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut table = [([b'.'; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let count = 1 + (octet >= 10) as usize + (octet >= 100) as usize;
        let mut rest = octet;
        let mut at = count;
        while at > 0 {
            at -= 1;
            table[octet].0[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        table[octet].1 = count as u8;
        octet += 1;
    }
    table
};

/// An address.
pub fn write_address(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            // Whole words into room for all, and what is too much is overwritten or left out.
            let mut text = [0; 20];
            let mut length = 0;
            for octet in address.octets() {
                let (digits, count) = OCTETS[usize::from(octet)];
                text[length..length + 4].copy_from_slice(&digits);
                length += usize::from(count) + 1;
            }
            out.extend_from_slice(&text[..length - 1]);
        }
        // A vector takes all that is written to it.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

/// The thread that writes.
pub struct LogWriter {
    thread: Option<thread::JoinHandle<()>>,
    reopen: Sender<()>,
    lines_lost: Arc<Count>,
}

impl LogWriter {
    /// Opens the log and starts the thread; gives each of `worker_count` workers its end.
    pub fn start(path: &Path, worker_count: usize) -> Result<(LogWriter, Vec<AccessLog>), LogError> {
        let target = Target::open(path).map_err(|source| LogError { path: path.to_owned(), source })?;
        let (full, to_write) = bounded::<Vec<u8>>(BUFFERS_WAITING_MAX);
        let (written, empty) = bounded(BUFFERS_WAITING_MAX + worker_count);
        let (reopen, to_reopen) = bounded(1);
        let buffer = || Vec::with_capacity(BUFFER_BYTES_FULL + LINE_BYTES_MAX);
        for _ in 0..BUFFERS_WAITING_MAX {
            // There is room for all of them, and one more for each worker's own.
            let _ = written.try_send(buffer());
        }
        let logs = (0..worker_count).map(|_| AccessLog {
            buffer: buffer(),
            line_count: 0,
            first_unix_seconds: 0,
            full: full.clone(),
            empty: empty.clone(),
        });
        let logs = logs.collect();
        let name = thread::Builder::new().name("access-log".to_owned());
        let lines_lost = Arc::<Count>::default();
        let losses = Arc::clone(&lines_lost);
        let thread = name.spawn(move || write_all(target, &to_write, &written, &to_reopen, &losses));
        let thread = thread.map_err(|source| LogError { path: path.to_owned(), source })?;
        Ok((LogWriter { thread: Some(thread), reopen, lines_lost }, logs))
    }

    /// Lines that could not be written: the disk was full, say. Counted by the thread.
    pub fn lines_lost(&self) -> Arc<Count> {
        Arc::clone(&self.lines_lost)
    }

    /// Closes the file and opens it again by its name, after a rotation.
    pub fn reopen(&self) {
        // When one such request is already waiting, it serves this one as well.
        let _ = self.reopen.try_send(());
    }

    /// Waits until all is written. The workers must have dropped their ends.
    pub fn finish(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was printed already, and there is nothing left to be saved.
            let _ = thread.join();
        }
    }
}

/// Where lines go.
enum Target {
    File(PathBuf, File),
    Stdout,
}

impl Target {
    fn open(path: &Path) -> io::Result<Target> {
        if path.as_os_str() == "-" {
            return Ok(Target::Stdout);
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Target::File(path.to_owned(), file))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Target::File(_, file) => file.write_all(lines),
            Target::Stdout => io::stdout().lock().write_all(lines),
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Target::File(path, _) = self {
            *self = Target::open(&path.clone())?;
        }
        Ok(())
    }
}

/// The thread: writes buffers in the order they come, gives them back, reopens when told to.
fn write_all(
    mut target: Target,
    full: &Receiver<Vec<u8>>,
    empty: &Sender<Vec<u8>>,
    reopen: &Receiver<()>,
    lines_lost: &Count,
) {
    let mut failing = false;
    let mut report = |result: io::Result<()>, doing: &str| match (result, failing) {
        (Err(error), false) => {
            eprintln!("access_log state=failing doing={doing} error=\"{error}\"");
            failing = true;
        }
        (Ok(()), true) => {
            eprintln!("access_log state=ok doing={doing}");
            failing = false;
        }
        _ => {}
    };
    loop {
        select_biased! {
            recv(full) -> buffer => {
                let Ok(mut buffer) = buffer else { return };
                let result = target.write(&buffer);
                if result.is_err() {
                    lines_lost.add(buffer.iter().filter(|&&byte| byte == b'\n').count() as u64);
                }
                report(result, "write");
                buffer.clear();
                // There is room for every buffer there is.
                let _ = empty.try_send(buffer);
            }
            recv(reopen) -> told => {
                if told.is_ok() {
                    report(target.reopen(), "reopen");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(request: &[u8], client: &str) -> String {
        let line = Line {
            client: client.parse().unwrap(),
            time: b"[22/Nov/2026:05:04:03 +0000]",
            request,
            status: 200,
            body_bytes: 710,
            referer: b"",
            user_agent: b"libdnf (AlmaLinux 9.8; generic; Linux.x86_64)",
        };
        let mut out = Vec::new();
        line.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_in_combined_format() {
        assert_eq!(
            line(b"GET /?repo=x HTTP/1.1", "192.0.2.10"),
            "192.0.2.10 - - [22/Nov/2026:05:04:03 +0000] \"GET /?repo=x HTTP/1.1\" 200 710 \"-\" \
             \"libdnf (AlmaLinux 9.8; generic; Linux.x86_64)\"\n"
        );
        for client in ["2001:db8::1", "0.9.10.99", "100.255.1.0"] {
            assert!(line(b"x", client).starts_with(&format!("{client} - - [")));
        }
    }

    #[test]
    fn nobody_can_forge_a_line() {
        let forged = line(b"GET /\"\n1.2.3.4 - \x1b[2J\xff\\", "192.0.2.1");
        assert!(forged.contains("\"GET /\\x22\\x0a1.2.3.4 - \\x1b[2J\\xff\\x5c\""), "{forged}");
        assert_eq!(forged.matches('\n').count(), 1);
    }

    #[test]
    fn lines_reach_the_file_and_follow_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let (writer, mut logs) = LogWriter::start(&path, 2).unwrap();
        let some = Line {
            client: "192.0.2.1".parse().unwrap(),
            time: b"[]",
            request: &[b'x'; 1000],
            status: 200,
            body_bytes: 1,
            referer: b"",
            user_agent: b"",
        };
        let mut dropped = 0;
        for second in 0..1000 {
            dropped += logs[0].add(&some, second);
            dropped += logs[1].add(&some, second);
            dropped += logs[0].turn(second);
        }
        dropped += logs[0].hand_over() + logs[1].hand_over();
        drop(logs);
        writer.reopen();
        writer.finish();
        let written = std::fs::read_to_string(&path).unwrap().lines().count() as u64;
        assert_eq!(written + dropped, 2000, "each line is written or counted");
    }
}
