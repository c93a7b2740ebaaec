//! The server's side of HTTP/1.1 without any I/O: bytes in, requests and answers, bytes out.
//!
//! - `conn`       `Conn`, one connection's state, and `Answer`, who gives the answers
//! - `request`    `Request`, a request head that was parsed and found valid
//! - `fields`     `Fields`, the field lines of a message, and `FieldBlock`, field lines of our own
//! - `lines`      what is wrong with a head, line by line, once something is
//! - `target`     request targets and `host[:port]`
//! - `method`     the methods of HTTP
//! - `body`       `Body`, the framing of a message body
//! - `response`   `Response`, answers written straight into the output
//! - `status`     the status codes answered here
//! - `refusal`    `Refusal`, every reason for not answering a request
//! - `limits`     how much of anything a peer may send
//!
//! Not here: sockets and polling (`reactor`), what is answered (`answer`), clocks (a date is handed in).

mod body;
mod conn;
mod fields;
mod limits;
mod lines;
mod method;
mod refusal;
mod request;
mod response;
mod status;
mod target;

pub use body::{Body, BodyError, Fed};
pub use conn::{After, Answer, Conn, Phase, Received};
pub use fields::{FieldBlock, FieldIter, Fields, Members};
pub use limits::{
    BODY_BYTES_MAX, CHUNK_EXTENSION_BYTES_MAX, FIELD_COUNT_MAX, HEAD_BYTES_MAX, OUTPUT_BYTES_PAUSE, TRAILER_BYTES_MAX,
};
pub use method::Method;
pub use refusal::Refusal;
pub use request::{Framing, Parsed, Request, Slots, Version, parse};
pub use response::{BodyWriter, Date, Reply, Response, error, method_not_allowed, refuse};
pub use status::Status;
