//! Whole conversations with a `Conn`: what is answered, what is refused, and that the cuts of the input do not matter.

use proptest::prelude::*;

use super::super::limits::{FIELD_COUNT_MAX, HEAD_BYTES_MAX};
use super::super::method::Method;
use super::super::response::{self, Date, Reply, Response};
use super::super::status::Status;
use super::*;

const DATE: &Date = b"Sun, 06 Nov 1994 08:49:37 GMT";

/// Tells what it was asked.
#[derive(Default)]
struct Teller {
    told: Vec<String>,
    refusals: Vec<Refusal>,
}

impl Answer for Teller {
    fn answer(&mut self, request: &Request<'_>, out: &mut Vec<u8>) -> After {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let query = request.query().map_or(String::new(), |query| format!("?{}", text(query)));
        let host = request.authority().map_or(String::new(), text);
        let told = format!("{} {host} {}{query}", request.method().name(), text(request.path()));
        match request.method() {
            Method::Get | Method::Head => {
                Response::begin(out, Reply::to(request), Status::Ok, DATE).finish(told.as_bytes());
            }
            _ => {
                response::method_not_allowed(out, Reply::to(request), DATE, "GET, HEAD");
            }
        }
        self.told.push(told);
        After::Next
    }

    fn refused(&mut self, refusal: Refusal, _line: &[u8], out: &mut Vec<u8>) {
        self.refusals.push(refusal);
        response::refuse(out, refusal, DATE);
    }
}

/// What a conversation came to.
#[derive(Debug, PartialEq)]
struct Outcome {
    told: Vec<String>,
    refusals: Vec<Refusal>,
    output: String,
    phase: Phase,
}

/// Plays the loop: keeps what was not consumed, presents it again, sends when there is output.
fn play<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let (mut conn, mut teller) = (Conn::new(), Teller::default());
    let (mut kept, mut out, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    for piece in pieces {
        kept.extend_from_slice(piece);
        loop {
            let received = conn.receive(&kept, &mut out, &mut teller);
            kept.drain(..received.consumed_bytes);
            assert!(out.len() < OUTPUT_BYTES_PAUSE + 2 * HEAD_BYTES_MAX, "unbounded output");
            sent.append(&mut out);
            if !received.has_paused {
                break;
            }
        }
        assert!(kept.len() <= HEAD_BYTES_MAX, "unbounded input");
    }
    let output = String::from_utf8_lossy(&sent).into_owned();
    Outcome { told: teller.told, refusals: teller.refusals, output, phase: conn.phase() }
}

/// The outcome of an input in one piece, after checking that it is the same in pieces of any size.
fn whole(input: &[u8]) -> Outcome {
    let outcome = play([input]);
    for size in (1..=input.len()).filter(|size| *size < 64 || size.is_multiple_of(97)) {
        assert_eq!(play(input.chunks(size)), outcome, "pieces of {size} of {:?}", String::from_utf8_lossy(input));
    }
    outcome
}

fn told(input: &str) -> Vec<String> {
    let outcome = whole(input.as_bytes());
    assert_eq!(outcome.refusals, [], "{input:?}");
    outcome.told
}

/// The one refusal an input comes to, though a good request follows.
fn refusal(input: &str) -> Option<Refusal> {
    let outcome = whole(format!("{input}GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
    assert!(outcome.refusals.len() <= 1, "{input:?}: {:?}", outcome.refusals);
    if outcome.refusals.is_empty() {
        return None;
    }
    assert_eq!(outcome.phase, Phase::Lingering, "{input:?}");
    assert!(!outcome.output.contains("/smuggled"), "{input:?}");
    assert!(outcome.output.contains("\r\nConnection: close\r\n"), "{input:?}");
    outcome.refusals.first().copied()
}

fn with_fields(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\n{fields}\r\n")
}

#[test]
fn requests_are_answered_in_order() {
    let input = "GET /?release=9&arch=x&repo=r HTTP/1.1\r\nHost: mirrors.example\r\nAccept: */*\r\n\r\n\
        HEAD /b HTTP/1.1\r\nhOST:\tmirrors.example:80 \r\n\r\n\r\n\
        GET http://other.example:8080?c HTTP/1.1\r\nHost: h\r\n\r\n\
        OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n";
    let expected = [
        "GET mirrors.example /?release=9&arch=x&repo=r",
        "HEAD mirrors.example:80 /b",
        "GET other.example:8080 /?c",
        "OPTIONS h *",
    ];
    assert_eq!(told(input), expected);
    let outcome = whole(input.as_bytes());
    assert_eq!(outcome.output.matches("HTTP/1.1 200 OK\r\n").count(), 3);
    assert_eq!(outcome.output.matches("\r\nAllow: GET, HEAD\r\n").count(), 1);
    assert_eq!(outcome.phase, Phase::Idle);
}

#[test]
fn versions_decide_on_persistence() {
    for (line, fields, phase) in [
        ("GET / HTTP/1.1", "Host: h\r\n", Phase::Idle),
        ("GET / HTTP/1.1", "Host: h\r\nConnection: upgrade, Close\r\n", Phase::Closing),
        ("GET / HTTP/1.1", "Connection: keep-alive\r\nHost: h\r\nConnection: close\r\n", Phase::Closing),
        ("GET / HTTP/1.0", "", Phase::Closing),
        ("GET / HTTP/1.0", "Connection: Keep-Alive\r\n", Phase::Idle),
        ("GET / HTTP/1.0", "Connection: Keep-Alive, close\r\n", Phase::Closing),
        ("GET / HTTP/1.2", "Host: h\r\nA: b\r\n", Phase::Idle),
        ("CONNECT h:443 HTTP/1.1", "Host: h:443\r\n", Phase::Lingering),
    ] {
        let outcome = whole(format!("{line}\r\n{fields}\r\n").as_bytes());
        assert_eq!((outcome.told.len(), outcome.phase), (1, phase), "{line} {fields}");
        assert_eq!(outcome.output.contains("Connection: close"), phase != Phase::Idle, "{line} {fields}");
        let keep = phase == Phase::Idle && line.ends_with("1.0");
        assert_eq!(outcome.output.contains("Connection: keep-alive"), keep, "{line} {fields}");
    }
}

#[test]
fn bodies_are_read_before_the_answer() {
    let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for head in ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n"]
    {
        let post = format!("POST / HTTP/1.1\r\nHost: h\r\n{head}");
        assert_eq!(told(&format!("{post}{get}")), ["POST h /", "GET h /"]);
        assert_eq!(told(&post[..post.len() - 1]), Vec::<String>::new());
    }
    assert_eq!(
        told(&with_fields("Host: h\r\nTransfer-Encoding: , Chunked ,\r\n").replace("\r\n\r\n", "\r\n\r\n0\r\n\r\n")),
        ["GET h /"]
    );
    assert_eq!(told(&with_fields("Host: h\r\nContent-Length: 000\r\n")), ["GET h /"]);
    let long = format!("Host: h\r\nContent-Length: {}\r\n", BODY_BYTES_MAX + 1);
    assert_eq!(refusal(&with_fields(&long)), Some(Refusal::BodyTooLong));
    let chunked = with_fields("Host: h\r\nTransfer-Encoding: chunked\r\n");
    assert_eq!(refusal(&format!("{chunked}10001\r\n")), Some(Refusal::BodyTooLong));
    for bad in ["5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "0\r\n\r ", "0x5\r\nhello\r\n0\r\n\r\n", "\r\n"] {
        let refusal = refusal(&format!("{chunked}{bad}"));
        assert!(matches!(refusal, Some(Refusal::ChunkInvalid | Refusal::TrailerInvalid)), "{bad:?}: {refusal:?}");
    }
}

#[test]
fn who_expects_a_word_gets_the_last_one() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n";
    for input in [head.to_owned(), format!("{head}hello")] {
        let outcome = whole(input.as_bytes());
        assert_eq!((outcome.told.len(), outcome.phase), (1, Phase::Lingering));
        assert!(outcome.output.starts_with("HTTP/1.1 405 ") && outcome.output.contains("Connection: close"));
    }
    assert_eq!(refusal(&with_fields("Host: h\r\nExpect: tea\r\n")), Some(Refusal::ExpectationUnknown));
    assert_eq!(told("GET / HTTP/1.0\r\nExpect: tea\r\n\r\n").len(), 1);
    assert_eq!(told(&with_fields("Host: h\r\nExpect: 100-continue\r\n")).len(), 1);
}

#[test]
fn every_fault_has_its_refusal() {
    let host = "Host: h\r\n";
    let many = format!("{host}{}", "A: b\r\n".repeat(FIELD_COUNT_MAX));
    let long_field = format!("{host}A: {}\r\n", "b".repeat(HEAD_BYTES_MAX));
    let long_target = format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(HEAD_BYTES_MAX));
    for (input, expected) in [
        ("GET / HTTP/1.1\nHost: h\n\n", Refusal::BareLf),
        ("GET / HTTP/1.1\r\nHost: h\n\r\n", Refusal::BareLf),
        ("GET / HTTP/1.1\r\nHost: h\r\n\n", Refusal::BareLf),
        ("\n", Refusal::RequestLine),
        ("\r\n\r\n", Refusal::RequestLine),
        ("\rGET / HTTP/1.1\r\n", Refusal::RequestLine),
        (" GET / HTTP/1.1\r\n", Refusal::RequestLine),
        ("\x16\x03\x01\x02\0", Refusal::RequestLine),
        ("GET  / HTTP/1.1\r\n", Refusal::RequestLine),
        ("G\"T / HTTP/1.1\r\n", Refusal::RequestLine),
        ("GET\t/ HTTP/1.1\r\n", Refusal::RequestLine),
        ("GET /\r\n", Refusal::VersionMissing),
        ("GET\r\n", Refusal::RequestLine),
        ("GET / HTTP/1.1 \r\n", Refusal::VersionInvalid),
        ("GET /  HTTP/1.1\r\n", Refusal::VersionInvalid),
        ("GET / http/1.1\r\n", Refusal::VersionInvalid),
        ("GET / HTTP/0.9\r\n", Refusal::VersionInvalid),
        ("GET / HTTP/1.10\r\n", Refusal::VersionInvalid),
        ("GET / HTTP/1\r\n", Refusal::VersionInvalid),
        ("GET / FTP/1.1\r\n", Refusal::VersionInvalid),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refusal::VersionUnsupported),
        ("GET / HTTP/3.0\r\n\r\n", Refusal::VersionUnsupported),
        ("get / HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::MethodUnknown),
        ("BREW / HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::MethodUnknown),
        ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::TargetInvalid),
        ("GET a HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::TargetInvalid),
        ("GET /# HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::TargetInvalid),
        ("GET /é HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::TargetInvalid),
        ("GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::TargetInvalid),
        ("CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n", Refusal::TargetInvalid),
        (&with_fields(""), Refusal::HostMissing),
        ("GET http://h/ HTTP/1.1\r\n\r\n", Refusal::HostMissing),
        (&with_fields("Host: h\r\nHost: h\r\n"), Refusal::HostRepeated),
        ("GET / HTTP/1.0\r\nHost: h\r\nhost: h\r\n\r\n", Refusal::HostRepeated),
        (&with_fields("Host:\r\n"), Refusal::HostInvalid),
        (&with_fields("Host: a b\r\n"), Refusal::HostInvalid),
        (&with_fields("Host: a, b\r\n"), Refusal::HostInvalid),
        (&with_fields("Host: h/path\r\n"), Refusal::HostInvalid),
        (&with_fields("Host: h:port\r\n"), Refusal::HostInvalid),
        (&with_fields(" Host: h\r\n"), Refusal::FieldFolded),
        (&with_fields("Host: h\r\nA: b\r\n c\r\n"), Refusal::FieldFolded),
        (&with_fields("Host: h\r\nA: b\r\n\tc\r\n"), Refusal::FieldFolded),
        (&with_fields("Host : h\r\n"), Refusal::FieldName),
        (&with_fields("Host\t: h\r\n"), Refusal::FieldName),
        (&with_fields("Host: h\r\n: b\r\n"), Refusal::FieldName),
        (&with_fields("Host: h\r\nA\r\n"), Refusal::FieldName),
        (&with_fields("Host: h\r\nA b: c\r\n"), Refusal::FieldName),
        (&with_fields("Host: h\r\nA\0: c\r\n"), Refusal::FieldName),
        (&with_fields("Host: h\r\nA: b\0c\r\n"), Refusal::FieldValue),
        (&with_fields("Host: h\r\nA: b\rc\r\n"), Refusal::FieldValue),
        (&with_fields("Host: h\r\nA: \x0bb\r\n"), Refusal::FieldValue),
        (&with_fields(&many), Refusal::FieldsTooMany),
        (&with_fields(&long_field), Refusal::HeadTooLong),
        (&long_target, Refusal::TargetTooLong),
    ] {
        assert_eq!(refusal(input), Some(expected), "{input:?}");
    }
    assert_eq!(told(&with_fields(&many.replacen("A: b\r\n", "", 1))).len(), 1);
}

#[test]
fn nothing_is_smuggled() {
    for (fields, expected) in [
        ("Content-Length: +5\r\n", Refusal::LengthInvalid),
        ("Content-Length: -0\r\n", Refusal::LengthInvalid),
        ("Content-Length: 5 5\r\n", Refusal::LengthInvalid),
        ("Content-Length: 5, 5\r\n", Refusal::LengthInvalid),
        ("Content-Length: 0x5\r\n", Refusal::LengthInvalid),
        ("Content-Length:\r\n", Refusal::LengthInvalid),
        ("Content-Length: 18446744073709551616\r\n", Refusal::LengthInvalid),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Refusal::LengthRepeated),
        ("Content-Length: 5\r\ncontent-length: 6\r\n", Refusal::LengthRepeated),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Refusal::LengthWithCoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Refusal::LengthWithCoding),
        ("Transfer-Encoding: xchunked\r\n", Refusal::CodingNotChunked),
        ("Transfer-Encoding: chunked, identity\r\n", Refusal::CodingNotChunked),
        ("Transfer-Encoding: chunked, chunked\r\n", Refusal::CodingNotChunked),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", Refusal::CodingNotChunked),
        ("Transfer-Encoding: identity\r\n", Refusal::CodingNotChunked),
        ("Transfer-Encoding:\r\n", Refusal::CodingNotChunked),
        ("Transfer-Encoding: \"chunked\"\r\n", Refusal::CodingNotChunked),
        ("Transfer-Encoding: chunked;q=1\r\n", Refusal::CodingNotChunked),
        ("Transfer-Encoding: gzip, chunked\r\n", Refusal::CodingUnknown),
        ("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", Refusal::CodingUnknown),
        ("Transfer-Encoding : chunked\r\n", Refusal::FieldName),
        ("Transfer-Encoding\t: chunked\r\n", Refusal::FieldName),
        ("X: y\r\n Transfer-Encoding: chunked\r\n", Refusal::FieldFolded),
        ("Transfer-Encoding:\x0bchunked\r\n", Refusal::FieldValue),
        ("Transfer-Encoding: chunked\0\r\n", Refusal::FieldValue),
        ("X: y\rTransfer-Encoding: chunked\r\n", Refusal::FieldValue),
        ("X: y\nTransfer-Encoding: chunked\r\n", Refusal::BareLf),
    ] {
        assert_eq!(refusal(&with_fields(&format!("Host: h\r\n{fields}"))), Some(expected), "{fields:?}");
    }
    let old = "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(refusal(old), Some(Refusal::CodingInOldVersion));
}

#[test]
fn time_limits_refuse_what_was_begun() {
    for (input, expected) in [
        ("", None),
        ("\r\n", None),
        ("G", Some(Refusal::HeadTimedOut)),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell", Some(Refusal::BodyTimedOut)),
        ("GET / HTTP/1.0\r\n\r\n", None),
    ] {
        let (mut conn, mut teller, mut out) = (Conn::new(), Teller::default(), Vec::new());
        let received = conn.receive(input.as_bytes(), &mut out, &mut teller);
        out.clear();
        conn.timed_out(&input.as_bytes()[received.consumed_bytes..], &mut out, &mut teller);
        assert_eq!(teller.refusals.first().copied(), expected, "{input:?}");
        assert_eq!(out.starts_with(b"HTTP/1.1 408 "), expected.is_some(), "{input:?}");
        assert!(matches!(conn.phase(), Phase::Closing | Phase::Lingering));
    }
}

#[test]
fn output_pauses_and_goes_on() {
    let one = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let (mut conn, mut teller, mut out) = (Conn::new(), Teller::default(), Vec::new());
    let input = one.repeat(1000);
    let received = conn.receive(input.as_bytes(), &mut out, &mut teller);
    assert!(received.consumed_bytes < input.len() && received.answer_count < 1000);
    assert_eq!(received.consumed_bytes, received.answer_count * one.len());
    assert!((OUTPUT_BYTES_PAUSE..OUTPUT_BYTES_PAUSE + 200).contains(&out.len()));
    assert_eq!(told(&input).len(), 1000);
}

/// Pieces of good and bad requests: storms made of them get further than storms of any bytes.
const PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /a?b HTTP/1.1\r\n",
    "HEAD http://h/ HTTP/1.0\r\n",
    "GET / HTTP/1.3\r\n",
    "PRI * HTTP/2.0\r\n",
    "Host: h\r\n",
    "Host: h\r\n\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 12\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Expect: 100-continue\r\n",
    " folded\r\n",
    "\r\n",
    "\n",
    "\r",
    "0\r\n\r\n",
    "3\r\nabc\r\n",
    "f;x=y\r\n",
    "A: b\r\n",
    "A:\0\r\n",
    "GET",
    " ",
    "abc",
    ":",
    "\u{e9}",
    "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
];

fn check_storm(input: &[u8], cuts: &[usize]) {
    let outcome = play([input]);
    let mut pieces = Vec::new();
    let mut rest = input;
    for cut in cuts {
        let (piece, tail) = rest.split_at(*cut.min(&rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    assert_eq!(play(pieces), outcome);
    assert_eq!(play(input.chunks(1)), outcome);
    assert!(outcome.refusals.is_empty() || outcome.phase == Phase::Lingering);
    assert_eq!(outcome.output.matches("HTTP/1.1 ").count(), outcome.told.len() + outcome.refusals.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn storms_of_pieces(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 1..24),
        cuts in prop::collection::vec(0usize..40, 0..24),
    ) {
        check_storm(pieces.concat().as_bytes(), &cuts);
    }

    #[test]
    fn storms_of_bytes(
        input in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(0usize..40, 0..24),
    ) {
        check_storm(&input, &cuts);
    }

    #[test]
    fn one_byte_changed(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cuts in prop::collection::vec(0usize..40, 0..9),
    ) {
        let mut input = b"POST /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;x\r\nabc\r\n0\r\nT: v\r\n\r\n\
            GET http://h:80/c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.0\r\n\r\n".to_vec();
        let at = at.index(input.len());
        input[at] = byte;
        check_storm(&input, &cuts);
    }
}
