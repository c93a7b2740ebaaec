//! `Response`: an answer, written straight into the connection's output.
//!
//! Head and body are adjacent there, so one write sends both. The body is written after the head and its length is put
//! in afterwards: nobody has to know it before.

use std::fmt;
use std::io::Write;

use super::method::Method;
use super::refusal::Refusal;
use super::request::{Request, Version};
use super::status::Status;
use crate::decimal::Decimal;

/// The time as HTTP writes it (`Sun, 06 Nov 1994 08:49:37 GMT`): RFC 9110, section 5.6.7. Whoever owns the clock makes
/// it anew each second.
pub type Date = [u8; 29];

/// What a request asks of the shape of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    without_body: bool,
    connection: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    /// HTTP/1.1 goes on unless told otherwise.
    Silent,
    /// HTTP/1.0 goes on only when told so.
    KeepAlive,
    Close,
}

impl Reply {
    /// As the request wants it.
    pub fn to(request: &Request<'_>) -> Reply {
        let connection = match (request.is_persistent(), request.version()) {
            (false, _) => Connection::Close,
            (true, Version::Http10) => Connection::KeepAlive,
            (true, Version::Http11) => Connection::Silent,
        };
        Reply { without_body: request.method() == Method::Head, connection }
    }

    /// Whether the answer has no body, because only its head was asked for.
    pub fn is_head(self) -> bool {
        self.without_body
    }

    /// The field line that says whether the connection goes on; empty where that goes without saying.
    pub fn connection_line(self) -> &'static [u8] {
        match self.connection {
            Connection::Silent => b"",
            Connection::KeepAlive => b"Connection: keep-alive\r\n",
            Connection::Close => b"Connection: close\r\n",
        }
    }

    /// The last answer of its connection.
    pub fn closing(self) -> Reply {
        Reply { connection: Connection::Close, ..self }
    }
}

/// An answer whose head is being written.
#[derive(Debug)]
#[must_use = "an answer ends with its body"]
pub struct Response<'o> {
    out: &'o mut Vec<u8>,
    status: Status,
    reply: Reply,
}

/// The place of the number in `Content-Length: 000\r\n\r\n`: most lists have 100 to 999 bytes, so that the body seldom
/// has to be moved.
const LENGTH_PLACEHOLDER: &[u8] = b"Content-Length: 000\r\n\r\n";

impl<'o> Response<'o> {
    /// Begins an answer at the end of `out`.
    pub fn begin(out: &'o mut Vec<u8>, reply: Reply, status: Status, date: &Date) -> Response<'o> {
        out.extend_from_slice(status.opening());
        out.extend_from_slice(date);
        out.extend_from_slice(match reply.connection {
            Connection::Silent => b"\r\n".as_slice(),
            Connection::KeepAlive => b"\r\nConnection: keep-alive\r\n",
            Connection::Close => b"\r\nConnection: close\r\n",
        });
        Response { out, status, reply }
    }

    /// Adds a field. Control characters in the value, which could end the line, become `?`.
    pub fn field(self, name: &str, value: &[u8]) -> Response<'o> {
        self.written(name, |out| out.extend_from_slice(value))
    }

    /// Adds a field whose value is shown in place.
    pub fn field_of(self, name: &str, value: impl fmt::Display) -> Response<'o> {
        // Writing into a vector cannot fail.
        self.written(name, |out| drop(write!(out, "{value}")))
    }

    /// Adds a field whose value is appended by `write`; control characters in it become `?`.
    pub fn written(self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Response<'o> {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        let start = self.out.len();
        write(self.out);
        for byte in &mut self.out[start..] {
            if byte.is_ascii_control() {
                *byte = b'?';
            }
        }
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Adds field lines that were composed before, each with its CRLF.
    pub fn lines(self, lines: &'static str) -> Response<'o> {
        self.out.extend_from_slice(lines.as_bytes());
        self
    }

    /// Ends the head; the body is written into what this returns.
    pub fn body(self) -> BodyWriter<'o> {
        let ending = if self.status.is_bodiless() { b"\r\n".as_slice() } else { LENGTH_PLACEHOLDER };
        self.out.extend_from_slice(ending);
        let start = self.out.len();
        BodyWriter { out: self.out, start, status: self.status, reply: self.reply }
    }

    /// Ends the head and writes the whole body. Returns the length of the body as sent.
    pub fn finish(self, body: &[u8]) -> usize {
        let body_writer = self.body();
        body_writer.out.extend_from_slice(body);
        body_writer.finish()
    }
}

/// An answer whose body is being written.
#[derive(Debug)]
#[must_use = "an answer without `finish` has no length"]
pub struct BodyWriter<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    status: Status,
    reply: Reply,
}

impl BodyWriter<'_> {
    /// The end of this is the end of the body. Only append.
    pub fn out(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Puts in the length and, for HEAD, takes the body away. Returns the length of the body as sent.
    pub fn finish(self) -> usize {
        let BodyWriter { out, start, status, reply } = self;
        let length = out.len().saturating_sub(start);
        if status.is_bodiless() {
            out.truncate(start);
            return 0;
        }
        if reply.without_body {
            out.truncate(start);
        }
        let digits_start = start - b"000\r\n\r\n".len();
        let length_text = Decimal::of(length as u64);
        let digits = length_text.as_bytes();
        if let [hundreds, tens, ones] = *digits {
            out[digits_start..digits_start + 3].copy_from_slice(&[hundreds, tens, ones]);
        } else {
            out.splice(digits_start..digits_start + 3, digits.iter().copied());
        }
        if reply.without_body { 0 } else { length }
    }
}

/// A short answer in plain text, for errors. Returns the length of the body as sent.
pub fn error(out: &mut Vec<u8>, reply: Reply, status: Status, date: &Date, text: &str) -> usize {
    let mut body =
        Response::begin(out, reply, status, date).lines("Content-Type: text/plain; charset=utf-8\r\n").body();
    body.out().extend_from_slice(text.as_bytes());
    body.out().push(b'\n');
    body.finish()
}

/// 405 with the methods that are allowed, such as `GET, HEAD`. Returns the length of the body as sent.
pub fn method_not_allowed(out: &mut Vec<u8>, reply: Reply, date: &Date, allow: &str) -> usize {
    Response::begin(out, reply, Status::MethodNotAllowed, date)
        .field("Allow", allow.as_bytes())
        .lines("Content-Type: text/plain; charset=utf-8\r\n")
        .finish(b"this method is not allowed here\n")
}

/// The answer to a refused request: the last of its connection. Returns the length of the body as sent.
pub fn refuse(out: &mut Vec<u8>, refusal: Refusal, date: &Date) -> usize {
    let reply = Reply { without_body: false, connection: Connection::Close };
    error(out, reply, refusal.status(), date, refusal.explain())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &Date = b"Sun, 06 Nov 1994 08:49:37 GMT";
    const PLAIN: Reply = Reply { without_body: false, connection: Connection::Silent };
    const HEAD: Reply = Reply { without_body: true, connection: Connection::KeepAlive };

    #[test]
    fn lengths_are_right_whatever_their_digits() {
        for length in [0, 1, 9, 10, 99, 100, 999, 1000, 12345] {
            for reply in [PLAIN, HEAD] {
                let mut out = b"before".to_vec();
                let sent = Response::begin(&mut out, reply, Status::Ok, DATE).finish(&vec![b'x'; length]);
                let body = if reply == HEAD { 0 } else { length };
                assert_eq!(sent, body);
                let connection = if reply == HEAD { "Connection: keep-alive\r\n" } else { "" };
                let expected = format!(
                    "beforeHTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                     {connection}Content-Length: {length}\r\n\r\n{}",
                    "x".repeat(body)
                );
                assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }

    #[test]
    fn bodiless_answers_have_neither_length_nor_body() {
        let mut out = Vec::new();
        Response::begin(&mut out, PLAIN.closing(), Status::NoContent, DATE).field("Allow", b"GET").finish(b"gone");
        let expected =
            "HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\nAllow: GET\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_value_cannot_end_its_line() {
        let mut out = Vec::new();
        Response::begin(&mut out, PLAIN, Status::Found, DATE)
            .field("Location", b"/a\r\nSet-Cookie: b\0\x7f")
            .field_of("Link", format_args!("<{}>", "a\r\n\r\nb"))
            .finish(b"");
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\r\nLocation: /a??Set-Cookie: b??\r\nLink: <a????b>\r\n"), "{text}");
    }

    #[test]
    fn refusals_say_why_and_close() {
        for refusal in Refusal::all() {
            let mut out = Vec::new();
            refuse(&mut out, refusal, DATE);
            let text = String::from_utf8(out).unwrap();
            assert!(text.starts_with(&format!("HTTP/1.1 {} ", refusal.status().code())), "{text}");
            assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
            assert!(text.ends_with(&format!("\r\n\r\n{}\n", refusal.explain())), "{text}");
        }
    }
}
