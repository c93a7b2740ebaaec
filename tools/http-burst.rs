//! An exact number of requests, or exact seconds of them, and a count of everything that went wrong.
//!
//! Lives here: blocking HTTP/1.1 connections, a thread each, with keep-alive, pipelining or a connection per request;
//! every answer is read to its last byte and judged. Not here: load that saturates a server (wrk does that, `bench/`).
//!
//! Usage: `http-burst [OPTIONS] http://ADDR:PORT/TARGET`
//!   `--requests N`      stop after N requests in all (default 1000)
//!   `--seconds S`       stop after S seconds instead
//!   `--connections C`   connections at a time (default 1)
//!   `--pipeline D`      requests sent at once on a connection (default 1)
//!   `--close`           a connection for every request
//!   `--pause-ms M`      wait between a connection's requests
//!   `--header 'N: V'`   a further request header, repeatable
//!
//! Prints one line of `key=value` and exits 1 when anything is wrong:
//!   `requests`   sent        `answers`    read whole, with status 200 and a body
//!   `refused`    connections that could not be opened
//!   `closed`     connections that ended while an answer was due, or that a keep-alive client found closed
//!   `malformed`  answers without a readable status and Content-Length, or with bytes after the last one due
//!   `status`     answers with another status than 200     `empty` answers without a body
//!   `p50_us`, `p99_us`, `max_us`   from the batch's write (with `--close`, from connect) to its last answer

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// An answer's head and body may not be larger; the longest list is a few kilobytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// A server that says nothing for so long counts as one that closed the connection.
const SILENCE_MAX: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Plan {
    address: SocketAddr,
    request: Vec<u8>,
    request_count: Option<u64>,
    duration: Option<Duration>,
    connection_count: usize,
    pipeline_depth: u64,
    close: bool,
    pause: Duration,
}

/// Why an answer did not come.
#[derive(Debug, PartialEq)]
enum Fault {
    Closed,
    Malformed,
}

#[derive(Default)]
struct Tally {
    requests: u64,
    answers: u64,
    refused: u64,
    closed: u64,
    malformed: u64,
    status: u64,
    empty: u64,
    latencies_us: Vec<u32>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.requests += other.requests;
        self.answers += other.answers;
        self.refused += other.refused;
        self.closed += other.closed;
        self.malformed += other.malformed;
        self.status += other.status;
        self.empty += other.empty;
        self.latencies_us.extend(other.latencies_us);
    }

    fn fault_count(&self) -> u64 {
        self.refused + self.closed + self.malformed + self.status + self.empty
    }

    fn latency_us(&self, share: f64) -> u32 {
        let index = (self.latencies_us.len() as f64 * share) as usize;
        self.latencies_us.get(index.min(self.latencies_us.len().saturating_sub(1))).copied().unwrap_or(0)
    }

    fn judge(&mut self, answer: Answer) {
        match answer {
            Answer { status: 200, body_bytes: 0 } => self.empty += 1,
            Answer { status: 200, .. } => self.answers += 1,
            Answer { .. } => self.status += 1,
        }
    }
}

#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    body_bytes: usize,
}

/// Takes one whole answer off the front of `input`; none while bytes are missing.
fn take_answer(input: &mut Vec<u8>) -> Result<Option<Answer>, Fault> {
    let Some(head_end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if input.len() > ANSWER_BYTES_MAX { Err(Fault::Malformed) } else { Ok(None) };
    };
    let head = std::str::from_utf8(&input[..head_end]).map_err(|_| Fault::Malformed)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok());
    let (Some(status), Some(body_bytes)) = (status, length) else { return Err(Fault::Malformed) };
    if body_bytes > ANSWER_BYTES_MAX {
        return Err(Fault::Malformed);
    }
    let whole = head_end + 4 + body_bytes;
    if input.len() < whole {
        return Ok(None);
    }
    input.drain(..whole);
    Ok(Some(Answer { status, body_bytes }))
}

fn connect(plan: &Plan) -> Option<TcpStream> {
    let stream = TcpStream::connect(plan.address).ok()?;
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(SILENCE_MAX)).ok()?;
    Some(stream)
}

/// Sends `count` requests at once and reads as many answers.
fn exchange(stream: &mut TcpStream, plan: &Plan, count: u64, tally: &mut Tally) -> Result<(), Fault> {
    tally.requests += count;
    stream.write_all(&plan.request.repeat(count as usize)).map_err(|_| Fault::Closed)?;
    let mut input = Vec::new();
    let mut chunk = [0; 64 * 1024];
    let mut due = count;
    while due > 0 {
        match stream.read(&mut chunk) {
            Ok(bytes) if bytes > 0 => input.extend_from_slice(&chunk[..bytes]),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            _ => return Err(Fault::Closed),
        }
        while let Some(answer) = take_answer(&mut input)? {
            tally.judge(answer);
            due = due.checked_sub(1).ok_or(Fault::Malformed)?;
        }
    }
    if input.is_empty() { Ok(()) } else { Err(Fault::Malformed) }
}

/// Whether a keep-alive server closed the connection, or sent something, while nothing was due.
fn ended_early(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).is_err()
        || !matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// One connection's share of the plan; `taken` counts the requests of all.
fn run_connection(plan: &Plan, started: Instant, taken: &AtomicU64) -> Tally {
    let mut tally = Tally::default();
    let mut stream = None;
    loop {
        let count = match (plan.duration, plan.request_count) {
            (Some(duration), _) if started.elapsed() >= duration => break,
            (None, Some(limit)) => {
                let before = taken.fetch_add(plan.pipeline_depth, Ordering::Relaxed);
                plan.pipeline_depth.min(limit.saturating_sub(before))
            }
            _ => plan.pipeline_depth,
        };
        if count == 0 {
            break;
        }
        let sent = Instant::now();
        let Some(mut open) = stream.take().or_else(|| connect(plan)) else {
            tally.refused += 1;
            // A refusing server would otherwise be asked as fast as the machine can.
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        match exchange(&mut open, plan, count, &mut tally) {
            Ok(()) => {
                tally.latencies_us.push(sent.elapsed().as_micros().try_into().unwrap_or(u32::MAX));
                stream = (!plan.close).then_some(open);
            }
            Err(Fault::Closed) => tally.closed += 1,
            Err(Fault::Malformed) => tally.malformed += 1,
        }
        if !plan.pause.is_zero() {
            std::thread::sleep(plan.pause);
        }
    }
    tally.closed += u64::from(stream.as_ref().is_some_and(ended_early));
    tally
}

fn parse_arguments(mut arguments: impl Iterator<Item = String>) -> Option<Plan> {
    let mut plan = Plan {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        request: Vec::new(),
        request_count: Some(1000),
        duration: None,
        connection_count: 1,
        pipeline_depth: 1,
        close: false,
        pause: Duration::ZERO,
    };
    let mut headers = String::new();
    let mut url = None;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--requests" => plan.request_count = Some(arguments.next()?.parse().ok()?),
            "--seconds" => plan.duration = Some(Duration::try_from_secs_f64(arguments.next()?.parse().ok()?).ok()?),
            "--connections" => plan.connection_count = arguments.next()?.parse().ok()?,
            "--pipeline" => plan.pipeline_depth = arguments.next()?.parse().ok().filter(|depth| *depth > 0)?,
            "--pause-ms" => plan.pause = Duration::from_millis(arguments.next()?.parse().ok()?),
            "--close" => plan.close = true,
            "--header" => headers += &format!("{}\r\n", arguments.next()?),
            _ => url = Some(argument),
        }
    }
    let url = url?;
    let rest = url.strip_prefix("http://")?;
    let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    plan.address = authority.parse().ok()?;
    if plan.close {
        headers += "Connection: close\r\n";
        plan.pipeline_depth = 1;
    }
    let target = if target.is_empty() { "/" } else { target };
    plan.request = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nAccept: */*\r\n{headers}\r\n").into_bytes();
    Some(plan)
}

fn main() -> ExitCode {
    let Some(plan) = parse_arguments(std::env::args().skip(1)) else {
        eprintln!(
            "usage: http-burst [--requests N | --seconds S] [--connections C] [--pipeline D] [--close] [--pause-ms M] \
             [--header 'N: V'] http://ADDR:PORT/TARGET"
        );
        return ExitCode::from(2);
    };
    let (started, taken) = (Instant::now(), AtomicU64::new(0));
    let mut total = Tally::default();
    std::thread::scope(|scope| {
        let run = || run_connection(&plan, started, &taken);
        let threads: Vec<_> = (0..plan.connection_count).map(|_| scope.spawn(run)).collect();
        for thread in threads {
            total.add(thread.join().expect("a connection's thread returns its tally, it does not panic"));
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    total.latencies_us.sort_unstable();
    let Tally { requests, answers, refused, closed, malformed, status, empty, .. } = total;
    println!(
        "requests={requests} answers={answers} refused={refused} closed={closed} malformed={malformed} \
         status={status} empty={empty} seconds={seconds:.3} p50_us={} p99_us={} max_us={}",
        total.latency_us(0.5),
        total.latency_us(0.99),
        total.latency_us(1.0),
    );
    if total.fault_count() > 0 || answers != requests { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_only_when_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\n\r\nabcHTTP";
        for cut in 0..whole.len() - 4 {
            assert_eq!(take_answer(&mut whole[..cut].to_vec()), Ok(None), "cut at {cut}");
        }
        let mut input = whole.to_vec();
        assert_eq!(take_answer(&mut input), Ok(Some(Answer { status: 200, body_bytes: 3 })));
        assert_eq!(input, b"HTTP");
    }

    #[test]
    fn answers_that_cannot_be_framed_are_malformed() {
        for bad in ["HTTP/1.1 2\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n"] {
            assert_eq!(take_answer(&mut bad.as_bytes().to_vec()), Err(Fault::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn other_answers_than_200_with_a_body_are_faults() {
        let mut tally = Tally::default();
        tally.judge(Answer { status: 404, body_bytes: 9 });
        tally.judge(Answer { status: 200, body_bytes: 0 });
        tally.judge(Answer { status: 200, body_bytes: 9 });
        assert_eq!((tally.fault_count(), tally.answers), (2, 1));
    }
}
