//! `Conn`: one server-side HTTP/1.1 connection, without its socket.
//!
//! Lives here: framing, persistence, the order of pipelined answers, what is waited for.
//! Not here: sockets, buffers and clocks (the loop's), what to answer (`Answer`).

use super::body::{Body, BodyError};
use super::limits::{BODY_BYTES_MAX, OUTPUT_BYTES_PAUSE};
use super::method::Method;
use super::refusal::Refusal;
use super::request::{Framing, Parsed, Request, Slots, parse};

/// Whether a connection goes on after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Another request may follow, if the client wants one.
    Next,
    /// The answer said `Connection: close`.
    Close,
    /// The answer is not over: no further request is taken before `Conn::answered`.
    Later,
}

/// Who gives the answers. It cannot fail: an error is an answer, too.
pub trait Answer {
    /// Appends the answer to a request. Its methods, target and fields are valid; whether they are allowed and known is
    /// the answerer's to judge. Called when the request's body, if any, has come and is well-formed.
    fn answer(&mut self, request: &Request<'_>, out: &mut Vec<u8>) -> After;

    /// Whether a method that `Method` does not know is the answerer's to judge; else it is refused.
    fn takes_other_methods(&self) -> bool {
        false
    }

    /// Longest body of this request that is read, bytes.
    fn body_bytes_max(&self, request: &Request<'_>) -> u64 {
        let _ = request;
        BODY_BYTES_MAX
    }

    /// Whether a client that waits for a word before it sends its body shall send it: then it is told so. Else the
    /// request is answered at once.
    fn invites_body(&self, request: &Request<'_>) -> bool {
        let _ = request;
        false
    }

    /// A piece of a request's content, in order, before `answer` is called for it. Thrown away unless somebody wants
    /// it.
    fn content(&mut self, data: &[u8]) {
        let _ = data;
    }

    /// Appends the answer to a request that is not to be trusted (see `response::refuse`): the last of its connection.
    /// `line` is the request line as far as it came, for the log; it may hold any byte.
    fn refused(&mut self, refusal: Refusal, line: &[u8], out: &mut Vec<u8>);
}

/// What a connection waits for, and so which time limit it is under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A request: nothing of one has come.
    Idle,
    /// The rest of a request head.
    Head,
    /// The rest of a request body.
    Body,
    /// The rest of an answer.
    Answering,
    /// Nothing: the last answer was given, and the client asked for that.
    Closing,
    /// Nothing: the last answer was given, and the client may not know yet. Whatever it still sends is to be thrown
    /// away for a while, so that the kernel does not reset the connection before the answer was read (RFC 9112, 9.6).
    Lingering,
}

/// What one `receive` came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// How many of the bytes are done with. The others are to be presented again, more behind them.
    pub consumed_bytes: usize,
    /// How many requests were answered or refused: the wait that follows is a new one when there were any.
    pub answer_count: usize,
    /// Whether it stopped because of the output: the rest may hold whole requests.
    pub has_paused: bool,
}

/// The state of one connection. It holds no buffer, unless a request has a body that has not come yet.
#[derive(Debug)]
pub struct Conn {
    state: State,
}

#[derive(Debug)]
enum State {
    Head {
        /// How many bytes of the unfinished head were looked at before. 0: none has come.
        searched_bytes: u16,
        /// An empty line before the request was passed over; there shall be only one.
        skipped_line: bool,
    },
    Body(Box<Upload>),
    /// An answer is under way; what follows it.
    Answering {
        is_persistent: bool,
        asks_to_close: bool,
    },
    Closing,
    Lingering,
}

/// A request that is answered when its body has come.
#[derive(Debug)]
struct Upload {
    /// Its head, to be parsed again then: requests with a body are odd here, and everybody else shall stay small.
    head: Box<[u8]>,
    body: Body,
}

const _: () = assert!(size_of::<Conn>() <= 16);

impl State {
    const NEW: State = State::Head { searched_bytes: 0, skipped_line: false };
}

impl Default for Conn {
    fn default() -> Self {
        Conn::new()
    }
}

impl Conn {
    /// A connection on which nothing has come.
    pub fn new() -> Conn {
        Conn { state: State::NEW }
    }

    /// What is waited for.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Head { searched_bytes: 0, .. } => Phase::Idle,
            State::Head { .. } => Phase::Head,
            State::Body(_) => Phase::Body,
            State::Answering { .. } => Phase::Answering,
            State::Closing => Phase::Closing,
            State::Lingering => Phase::Lingering,
        }
    }

    /// Takes what has come. `bytes` are all that were not consumed before, and what came since behind them; the answers
    /// are appended to `out`, in order. Stops early when `out` holds `OUTPUT_BYTES_PAUSE`: call again with the rest
    /// once it was sent, even if nothing new came.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>, answers: &mut impl Answer) -> Received {
        let mut received = Received::default();
        loop {
            let rest = &bytes[received.consumed_bytes..];
            if rest.is_empty() {
                return received;
            }
            if out.len() >= OUTPUT_BYTES_PAUSE {
                received.has_paused = true;
                return received;
            }
            let consumed_bytes = match &mut self.state {
                State::Head { .. } => self.receive_head(rest, out, answers, &mut received.answer_count),
                State::Body(_) => self.receive_body(rest, out, answers, &mut received.answer_count),
                State::Answering { .. } => 0,
                State::Closing | State::Lingering => rest.len(),
            };
            if consumed_bytes == 0 {
                return received;
            }
            received.consumed_bytes += consumed_bytes;
        }
    }

    /// The answer that was `After::Later` is over; `after` says what follows.
    pub fn answered(&mut self, after: After) {
        if let State::Answering { is_persistent, asks_to_close } = self.state {
            self.state = match after {
                After::Next if is_persistent => State::NEW,
                _ if asks_to_close => State::Closing,
                _ => State::Lingering,
            };
        }
    }

    /// The time limit of the phase has passed. A request that was begun is refused; an idle connection just closes.
    /// `bytes` are those not consumed before.
    pub fn timed_out(&mut self, bytes: &[u8], out: &mut Vec<u8>, answers: &mut impl Answer) {
        match std::mem::replace(&mut self.state, State::Lingering) {
            State::Head { searched_bytes: 1.., .. } => answers.refused(Refusal::HeadTimedOut, first_line(bytes), out),
            State::Body(upload) => answers.refused(Refusal::BodyTimedOut, first_line(&upload.head), out),
            State::Head { .. } | State::Answering { .. } | State::Closing | State::Lingering => {}
        }
    }

    /// Returns the number of bytes consumed; 0 when more have to come.
    fn receive_head(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        answers: &mut impl Answer,
        answer_count: &mut usize,
    ) -> usize {
        let State::Head { searched_bytes, skipped_line } = &mut self.state else { return 0 };
        if !*skipped_line && bytes[0] == b'\r' {
            // RFC 9112, section 2.2: one empty line before the request is to be passed over.
            match bytes.get(1) {
                None => {
                    *searched_bytes = 1;
                    return 0;
                }
                Some(b'\n') => {
                    *searched_bytes = 0;
                    *skipped_line = true;
                    return 2;
                }
                Some(_) => {}
            }
        }
        let mut slots = Slots::new();
        match parse(bytes, usize::from(*searched_bytes), &mut slots) {
            Parsed::Whole(mut request, head_bytes) => {
                if request.method() == Method::Other && !answers.takes_other_methods() {
                    self.refuse(Refusal::MethodUnknown, bytes, out, answers);
                    *answer_count += 1;
                    return bytes.len();
                }
                let body = match request.framing() {
                    Framing::None => None,
                    Framing::Length(length) => Some(Body::with_length(length, answers.body_bytes_max(&request))),
                    Framing::Chunked => Some(Ok(Body::chunked(answers.body_bytes_max(&request)))),
                };
                let is_invited = request.expects_continue() && body.is_some() && answers.invites_body(&request);
                match body {
                    // The client waits for a word, and the answer is one that makes its body needless
                    // (RFC 9110, section 10.1.1). It may have sent the body all the same: so this is the last answer.
                    Some(_) if request.expects_continue() && !is_invited => {
                        request.must_close();
                        self.answer(&request, out, answers);
                        *answer_count += 1;
                    }
                    None => {
                        self.answer(&request, out, answers);
                        *answer_count += 1;
                    }
                    Some(Ok(body)) => {
                        if is_invited {
                            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                        }
                        self.state = State::Body(Box::new(Upload { head: bytes[..head_bytes].into(), body }))
                    }
                    Some(Err(error)) => {
                        self.refuse(refusal_of(error), bytes, out, answers);
                        *answer_count += 1;
                    }
                }
                head_bytes
            }
            Parsed::Partial => {
                // Heads are shorter than that: checked beside HEAD_BYTES_MAX.
                *searched_bytes = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
                0
            }
            Parsed::Refused(refusal) => {
                self.refuse(refusal, bytes, out, answers);
                *answer_count += 1;
                bytes.len()
            }
        }
    }

    fn receive_body(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        answers: &mut impl Answer,
        answer_count: &mut usize,
    ) -> usize {
        let State::Body(upload) = &mut self.state else { return 0 };
        let consumed_bytes = match upload.body.feed(bytes) {
            Ok(fed) => {
                if !fed.data.is_empty() {
                    answers.content(fed.data);
                }
                fed.consumed_bytes
            }
            Err(error) => {
                let head = std::mem::take(&mut upload.head);
                self.refuse(refusal_of(error), &head, out, answers);
                *answer_count += 1;
                return bytes.len();
            }
        };
        if upload.body.is_over() {
            let head = std::mem::take(&mut upload.head);
            *answer_count += 1;
            match parse(&head, 0, &mut Slots::new()) {
                Parsed::Whole(request, _) => self.answer(&request, out, answers),
                // It was whole before; should that ever be wrong, the connection must not be trusted.
                Parsed::Partial | Parsed::Refused(_) => self.refuse(Refusal::HeadMalformed, &head, out, answers),
            }
        }
        consumed_bytes
    }

    fn answer(&mut self, request: &Request<'_>, out: &mut Vec<u8>, answers: &mut impl Answer) {
        let after = answers.answer(request, out);
        self.state = match after {
            After::Later => {
                State::Answering { is_persistent: request.is_persistent(), asks_to_close: request.asks_to_close() }
            }
            After::Next if request.is_persistent() => State::NEW,
            // Whoever expected a word, or wants a tunnel, may be sending already.
            After::Next | After::Close if request.asks_to_close() => State::Closing,
            After::Next | After::Close => State::Lingering,
        };
    }

    fn refuse(&mut self, refusal: Refusal, head: &[u8], out: &mut Vec<u8>, answers: &mut impl Answer) {
        answers.refused(refusal, first_line(head), out);
        self.state = State::Lingering;
    }
}

fn refusal_of(error: BodyError) -> Refusal {
    match error {
        BodyError::TooLong => Refusal::BodyTooLong,
        BodyError::Chunk => Refusal::ChunkInvalid,
        BodyError::Trailer => Refusal::TrailerInvalid,
    }
}

/// The first line without its end, as far as it came.
fn first_line(bytes: &[u8]) -> &[u8] {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
