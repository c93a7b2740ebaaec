//! How long does a request take from its bytes to the answer's, without sockets and without a lookup?
//!
//! `cargo bench --bench parse`. Nanoseconds per request of this machine, median over rounds: to compare two states of
//! the code one after the other, not to quote.

mod stopwatch;

use std::hint::black_box;

use mirrorlistd::http::{After, Answer, Conn, Date, Parsed, Refusal, Reply, Request, Response, Slots, Status, parse};

use stopwatch::Rounds;

/// What dnf 4 sends (libdnf's field order), about 250 bytes.
const REQUEST: &str = "GET /?release=9-stream&arch=x86_64&repo=BaseOS&infra=stock HTTP/1.1\r\n\
    Host: mirrorlist.example.org\r\n\
    User-Agent: libdnf (CentOS Stream 9; generic; Linux.x86_64)\r\n\
    Accept: */*\r\n\
    Cache-Control: no-cache\r\n\
    Pragma: no-cache\r\n\
    X-Padding: as-others\r\n\r\n";

const DATE: &Date = b"Sun, 06 Nov 1994 08:49:37 GMT";
const BODY: &[u8] = &[b'x'; 700];
const REQUEST_COUNT: usize = 1 << 18;

struct Constant;

impl Answer for Constant {
    fn answer(&mut self, request: &Request<'_>, out: &mut Vec<u8>) -> After {
        black_box(request.query());
        write_answer(Reply::to(request), out);
        After::Next
    }

    fn refused(&mut self, refusal: Refusal, _line: &[u8], _out: &mut Vec<u8>) {
        panic!("the request is good, but: {}", refusal.explain());
    }
}

fn write_answer(reply: Reply, out: &mut Vec<u8>) {
    Response::begin(out, reply, Status::Ok, DATE).lines("Content-Type: text/plain; charset=utf-8\r\n").finish(BODY);
}

/// Prints the median time per request of `round`, which does as many as it is told.
fn measure(question: &str, mut round: impl FnMut(usize)) {
    Rounds::time(&[(); REQUEST_COUNT], |requests| round(requests.len())).print(question);
}

fn reply() -> Reply {
    match parse(REQUEST.as_bytes(), 0, &mut Slots::new()) {
        Parsed::Whole(request, _) => Reply::to(&request),
        other => panic!("the request is good, but: {other:?}"),
    }
}

fn main() {
    println!("request {} bytes, body {} bytes", REQUEST.len(), BODY.len());
    measure("httparse alone", |count| {
        for _ in 0..count {
            let mut fields = [const { std::mem::MaybeUninit::uninit() }; 64];
            let mut request = httparse::Request::new(&mut []);
            let parsed = request.parse_with_uninit_headers(black_box(REQUEST.as_bytes()), &mut fields);
            black_box(parsed.is_ok());
        }
    });
    measure("parse and validate", |count| {
        for _ in 0..count {
            let mut slots = Slots::new();
            black_box(matches!(parse(black_box(REQUEST.as_bytes()), 0, &mut slots), Parsed::Whole(..)));
        }
    });
    let mut out = Vec::with_capacity(64 * 1024);
    let reply = reply();
    measure("write head and body", |count| {
        for _ in 0..count {
            out.clear();
            write_answer(black_box(reply), &mut out);
            black_box(out.len());
        }
    });
    for pipelined in [1, 16] {
        let input = REQUEST.repeat(pipelined);
        let mut conn = Conn::new();
        measure(&format!("receive and answer, {pipelined} at a time"), |count| {
            for _ in 0..count / pipelined {
                out.clear();
                let received = conn.receive(black_box(input.as_bytes()), &mut out, &mut Constant);
                assert_eq!(received.answer_count, pipelined);
            }
        });
    }
}
