//! Heads of answers that are passed on or served from the cache: written straight into the output.

use std::io::Write;

use ureq::http::StatusCode;

use crate::http::{Fields, Reply};

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Its length.
    Length(u64),
    /// Chunks.
    Chunks,
    /// The end of the connection.
    Close,
    /// There is none.
    Nothing,
}

/// The status line.
pub fn begin(out: &mut Vec<u8>, status: u16) {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown");
    // Writing into a vector cannot fail.
    let _ = write!(out, "HTTP/1.1 {status:03} {reason}\r\n");
}

/// Fields, but for those that are `left_out`.
pub fn fields(out: &mut Vec<u8>, fields: Fields<'_>, left_out: &[&str]) {
    for (name, value) in fields.iter() {
        if !left_out.iter().any(|left_out| left_out.as_bytes().eq_ignore_ascii_case(name)) {
            field(out, name, value);
        }
    }
}

/// One field.
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// What frames the answer, and the end of the head.
pub fn end(out: &mut Vec<u8>, reply: Reply, framing: Framing) {
    let reply = if framing == Framing::Close { reply.closing() } else { reply };
    out.extend_from_slice(reply.connection_line());
    match framing {
        Framing::Length(bytes) => drop(write!(out, "Content-Length: {bytes}\r\n")),
        Framing::Chunks => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::Close | Framing::Nothing => {}
    }
    out.extend_from_slice(b"\r\n");
}
