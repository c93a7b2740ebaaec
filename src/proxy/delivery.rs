//! `Delivery`: an answer that is under way, without its socket.
//!
//! Lives here: what is waited for, the head once it is known, which bytes come next. Not here: what to look up and
//! fetch (`answerer`), the bytes of a body (`body`), sockets (`reactor`).

use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use super::answerer::Answerer;
use super::asked::{Asked, Part};
use super::body::{Body, Next, Source};
use super::fetch::Failure;
use super::fill::response_of;
use super::head::{self, Framing};
use super::pipe::{PipeHead, Reader, Stage};
use super::watch::Watch;
use crate::cache::semantics::{Outcome, Segment, Selection, not_modified_fields, precondition, select};
use crate::cache::store::{Entry, Filling, Head, Progress};
use crate::http::After;
use crate::reactor::{FileRange, Handle, Place};

/// How often an answer is looked up again, because what came was for others.
const LOOKUPS_MAX: u8 = 4;
/// Bytes taken from a pipe at a time.
const PIPE_BYTES: usize = 64 * 1024;

/// What comes next of an answer.
pub enum Step {
    /// What was appended.
    Send,
    /// What was appended, and bytes of a file.
    SendFile(FileRange),
    /// Nothing for now.
    Later,
    /// What was appended was the last.
    Over(After),
    /// It cannot be finished.
    Abort,
    /// A tunnel begins, to this server.
    Tunnel(TcpStream),
}

/// What is waited for, or sent.
pub enum State {
    /// An object that is coming.
    Filling(Waiting),
    /// An answer that is passed on.
    Pipe(Piped),
    /// A body whose head is out.
    Body(Body),
    /// A connection for a tunnel.
    Meeting(Arc<Meeting>),
    /// What a look-up said: an answer of our own.
    Refused(u16, String),
    /// An object that is there.
    Entry(Arc<Entry>, Part),
    /// One that is coming, whose head is there and is for us.
    Coming(Arc<Filling>, Arc<Watch>, Part),
}

/// Waiting for an object that is coming.
pub struct Waiting {
    /// The object.
    pub filling: Arc<Filling>,
    /// How to hear of it.
    pub watch: Arc<Watch>,
    /// What is not to be shared comes here, for who caused it to be fetched.
    pub leader: Option<Reader>,
    /// What is there already.
    pub stale: Option<Arc<Entry>>,
    /// How the cache took part, if it comes.
    pub part: Part,
}

/// An answer that is passed on.
pub struct Piped {
    reader: Reader,
    /// None while there is no head.
    framing: Option<Framing>,
}

impl Piped {
    /// An answer that comes there.
    pub fn new(reader: Reader) -> Piped {
        Piped { reader, framing: None }
    }
}

/// Where a thread leaves the connection it made.
#[derive(Default)]
pub struct Meeting {
    state: Mutex<MeetingState>,
}

#[derive(Default)]
struct MeetingState {
    made: Option<Result<TcpStream, Failure>>,
    waiting: Option<(Handle, Place)>,
}

impl Meeting {
    /// Leaves a connection, or why there is none.
    pub fn leave(&self, made: Result<TcpStream, Failure>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.made = Some(made);
        let waiting = state.waiting.take();
        drop(state);
        if let Some((handle, place)) = waiting {
            // A loop that cannot be woken has ended, and its connections with it.
            let _ = handle.wake_connections([place]);
        }
    }

    fn take(&self, handle: &Handle, place: Place) -> Option<Result<TcpStream, Failure>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.made.is_none() {
            state.waiting = Some((handle.clone(), place));
        }
        state.made.take()
    }
}

/// An answer that is under way.
pub struct Delivery {
    /// What it answers.
    pub asked: Asked,
    state: State,
    lookup_count: u8,
    /// The fields as the origin sent them, for who caused it to be fetched.
    passed: Option<PipeHead>,
    /// What the store does not take of the body, for the same.
    rest: Option<Reader>,
    /// Some of it is out: no other answer can be given.
    is_begun: bool,
}

impl Delivery {
    /// The answer to `asked`, in that state.
    pub fn new(asked: Asked, state: State) -> Delivery {
        Delivery { asked, state, lookup_count: 1, passed: None, rest: None, is_begun: false }
    }

    /// Takes the answer as far as it can go now.
    pub fn go_on(&mut self, place: Place, out: &mut Vec<u8>, answerer: &mut Answerer) -> Step {
        loop {
            let state = std::mem::replace(&mut self.state, State::Refused(500, String::new()));
            match state {
                State::Filling(waiting) => {
                    if let Some(step) = self.wait(waiting, place, out, answerer) {
                        return step;
                    }
                }
                State::Pipe(piped) => {
                    if let Some(step) = self.pass(piped, place, out, answerer) {
                        return step;
                    }
                }
                State::Body(mut body) => {
                    let next = body.next(place, out, answerer.handle());
                    self.asked.record.body_bytes = body.out_bytes;
                    self.state = State::Body(body);
                    return match next {
                        Next::Send => Step::Send,
                        Next::SendFile(range) => Step::SendFile(range),
                        Next::Later => Step::Later,
                        Next::Over(after) => Step::Over(answerer.after(after)),
                        Next::Abort => Step::Abort,
                    };
                }
                State::Meeting(meeting) => match meeting.take(answerer.handle(), place) {
                    None => {
                        self.state = State::Meeting(meeting);
                        return Step::Later;
                    }
                    Some(Ok(stream)) => return Step::Tunnel(stream),
                    Some(Err(failure)) => self.state = State::Refused(failure.status(), failure.to_string()),
                },
                State::Refused(status, why) => {
                    if self.is_begun {
                        return Step::Abort;
                    }
                    answerer.refuse(&mut self.asked, status, &why, out);
                    return Step::Over(answerer.after(After::Next));
                }
                State::Entry(entry, part) => {
                    let (head, total) = (&entry.metadata().head, Some(entry.body_bytes()));
                    if let Some(step) = self.begin(head, total, Source::Entry(Arc::clone(&entry)), part, out, answerer)
                    {
                        return step;
                    }
                }
                State::Coming(filling, watch, part) => {
                    let source = Source::Filling(Arc::clone(&filling), watch);
                    // The head is there: whoever put it into this state has seen it.
                    let Some(head) = filling.head() else { return Step::Abort };
                    if let Some(step) = self.begin(head, filling.body_bytes(), source, part, out, answerer) {
                        return step;
                    }
                }
            }
        }
    }

    /// So many bytes of the file went out.
    pub fn sent(&mut self, bytes: u64) {
        if let State::Body(body) = &mut self.state {
            body.sent(bytes);
            self.asked.record.body_bytes = body.out_bytes;
        }
    }

    /// Nothing came for too long. Whether something can still be said.
    pub fn can_refuse(&self) -> bool {
        !self.is_begun
    }

    fn wait(&mut self, waiting: Waiting, place: Place, out: &mut Vec<u8>, answerer: &mut Answerer) -> Option<Step> {
        waiting.watch.add(place);
        if let Some(leader) = &waiting.leader {
            // Also has us woken when there are interim answers.
            leader.stage(answerer.handle(), place);
            if self.write_interim(leader, out) {
                self.state = State::Filling(waiting);
                return Some(Step::Send);
            }
        }
        let progress = waiting.filling.progress();
        match progress {
            Progress::Waiting => {
                self.state = State::Filling(waiting);
                Some(Step::Later)
            }
            Progress::Streaming | Progress::Complete => {
                self.take_filling(waiting, progress, answerer);
                None
            }
            Progress::Declined => {
                self.state = match waiting.leader {
                    Some(reader) => State::Pipe(Piped::new(reader)),
                    None => answerer.pass(&mut self.asked),
                };
                None
            }
            Progress::Failed => {
                let words = waiting.filling.failure();
                let words = words.as_deref().unwrap_or("502 it failed");
                let (status, why) = words.split_once(' ').unwrap_or(("502", words));
                let status = status.parse().unwrap_or(502);
                // It may have failed for the cache alone, before we looked: then the rest comes through the pipe.
                let goes_on = waiting.leader.as_ref().is_some_and(|leader| {
                    !matches!(leader.stage(answerer.handle(), place), Stage::Failed(..) | Stage::Declined)
                });
                if goes_on && waiting.filling.file().is_some() {
                    self.take_filling(waiting, Progress::Streaming, answerer);
                    return None;
                }
                self.state = match waiting.stale {
                    Some(stale) if answerer.may_serve_stale(&self.asked, &stale, status) => {
                        State::Entry(stale, Part::Stale)
                    }
                    _ => State::Refused(status, why.to_owned()),
                };
                None
            }
        }
    }

    /// Passes interim answers on to clients that know them (RFC 9110, section 15.2). Whether there were any.
    fn write_interim(&self, reader: &Reader, out: &mut Vec<u8>) -> bool {
        let interim = reader.take_interim();
        for (status, fields) in interim.iter().filter(|_| self.asked.takes_chunks) {
            head::begin(out, *status);
            out.extend_from_slice(fields.lines());
            out.extend_from_slice(b"\r\n");
        }
        !out.is_empty()
    }

    /// An object has come so far that its head is there.
    fn take_filling(&mut self, waiting: Waiting, progress: Progress, answerer: &mut Answerer) {
        let entry = (progress == Progress::Complete).then(|| waiting.filling.entry()).flatten();
        let head = entry.as_ref().map(|entry| &entry.metadata().head).or(waiting.filling.head());
        let is_for_us = head.is_some_and(|head| head.variant.matches(self.asked.fields.fields()));
        if !is_for_us {
            self.lookup_count += 1;
            self.state = match self.lookup_count > LOOKUPS_MAX {
                true => answerer.pass(&mut self.asked),
                false => answerer.look_up(&mut self.asked),
            };
            return;
        }
        // What must be validated before it is used again is for who caused it to be fetched alone.
        let is_shared = waiting.part != Part::Joined || head.is_some_and(|head| answerer.may_share(&self.asked, head));
        if !is_shared && waiting.stale.is_none() {
            self.state = answerer.pass(&mut self.asked);
            return;
        }
        let is_refreshed = entry.is_some() && waiting.stale.is_some() && waiting.filling.file().is_none();
        self.state = match entry {
            Some(entry) => State::Entry(entry, if is_refreshed { Part::Revalidated } else { waiting.part }),
            None => State::Coming(waiting.filling, waiting.watch, waiting.part),
        };
        // Fields that are not kept are for who caused it to be fetched all the same; and so are bytes.
        self.passed = waiting.leader.as_ref().and_then(Reader::take_head).filter(|_| !is_refreshed);
        self.rest = waiting.leader;
    }

    fn pass(&mut self, mut piped: Piped, place: Place, out: &mut Vec<u8>, answerer: &mut Answerer) -> Option<Step> {
        let Some(framing) = piped.framing else {
            if self.write_interim(&piped.reader, out) {
                self.state = State::Pipe(piped);
                return Some(Step::Send);
            }
            match piped.reader.stage(answerer.handle(), place) {
                Stage::Waiting => {
                    self.state = State::Pipe(piped);
                    return Some(Step::Later);
                }
                Stage::Declined => {
                    self.state = answerer.pass(&mut self.asked);
                    return None;
                }
                Stage::Failed(status, why) => {
                    self.state = State::Refused(status, why);
                    return None;
                }
                Stage::Streaming | Stage::Complete => {}
            }
            let Some(pipe_head) = piped.reader.take_head() else {
                self.state = State::Refused(502, "there was no head".to_owned());
                return None;
            };
            let framing = self.begin_passed(&pipe_head, out, answerer);
            let has_body = !self.asked.reply.is_head() && framing != Framing::Nothing;
            if !has_body {
                return Some(Step::Over(answerer.after(After::Next)));
            }
            piped.framing = Some(framing);
            self.state = State::Pipe(piped);
            return Some(Step::Send);
        };
        let start = out.len();
        let room = "ffffffff\r\n".len();
        if framing == Framing::Chunks {
            out.resize(start + room, b' ');
        }
        let (bytes, stage) = piped.reader.read(PIPE_BYTES, out, answerer.handle(), place);
        self.asked.record.body_bytes += bytes as u64;
        if framing == Framing::Chunks {
            match bytes {
                0 => out.truncate(start),
                _ => {
                    // Leading zeros are fine (RFC 9112, section 7.1).
                    out[start..start + room].copy_from_slice(format!("{bytes:08x}\r\n").as_bytes());
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
        let is_complete = stage == Stage::Complete;
        if is_complete && framing == Framing::Chunks {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        let after = if framing == Framing::Close { After::Close } else { After::Next };
        match stage {
            Stage::Complete => return Some(Step::Over(answerer.after(after))),
            Stage::Streaming | Stage::Waiting if bytes > 0 => {}
            Stage::Streaming | Stage::Waiting => {
                self.state = State::Pipe(piped);
                return Some(Step::Later);
            }
            // What came before is sent; the client sees that something is missing.
            Stage::Declined | Stage::Failed(..) if bytes == 0 => return Some(Step::Abort),
            Stage::Declined | Stage::Failed(..) => {}
        }
        self.state = State::Pipe(piped);
        Some(Step::Send)
    }

    /// Writes the head of an answer that is passed on.
    fn begin_passed(&mut self, passed: &PipeHead, out: &mut Vec<u8>, answerer: &mut Answerer) -> Framing {
        self.is_begun = true;
        let record = &mut self.asked.record;
        record.status = passed.status;
        if record.part == Part::None {
            record.part = Part::Pass;
        }
        let is_bodiless = matches!(passed.status, 204 | 304) || passed.status < 200;
        let framing = match passed.body_bytes {
            _ if is_bodiless => Framing::Nothing,
            Some(bytes) => Framing::Length(bytes),
            // The length of a body that is not there is nobody's business.
            None if self.asked.reply.is_head() => Framing::Nothing,
            None if self.asked.takes_chunks => Framing::Chunks,
            None => Framing::Close,
        };
        head::begin(out, passed.status);
        head::fields(out, passed.fields.fields(), &[]);
        answerer.own_fields(&self.asked, passed.fields.fields(), out);
        head::end(out, answerer.reply(self.asked.reply), framing);
        framing
    }

    /// Writes the head of an answer from an object, and finds out which bytes follow. None: go on with the state.
    fn begin(
        &mut self,
        stored: &Head,
        total: Option<u64>,
        source: Source,
        part: Part,
        out: &mut Vec<u8>,
        answerer: &mut Answerer,
    ) -> Option<Step> {
        let passed = self.passed.take();
        let mut response = response_of(stored);
        if let Some(passed) = &passed {
            response.fields = passed.fields.fields();
        }
        if let Some(mirror) = stored.fields.fields().first("x-mirror").and_then(|mirror| str::from_utf8(mirror).ok()) {
            self.asked.record.server = mirror.into();
        }
        let request = self.asked.fields.fields();
        self.asked.record.part = part;
        if precondition(request, &response) == Outcome::NotModified {
            self.open(304, out);
            head::fields(out, not_modified_fields(response.fields).fields(), &["age"]);
            return Some(self.end_head(&response, Framing::Nothing, out, answerer));
        }
        let boundary = xxhash_rust::xxh3::xxh3_128(stored.fields.lines());
        let selection = match total {
            Some(total) => select(self.asked.method, request, &response, total, boundary),
            None => Selection::Whole,
        };
        let (status, framing, segments, text) = match (selection, total) {
            (Selection::Unsatisfiable, _) => {
                self.open(416, out);
                head::field(out, b"Content-Range", format!("bytes */{}", total.unwrap_or_default()).as_bytes());
                return Some(self.end_head(&response, Framing::Length(0), out, answerer));
            }
            (Selection::Whole, None) if self.asked.takes_chunks => {
                (stored.status, Framing::Chunks, Vec::new(), Vec::new())
            }
            (Selection::Whole, None) => (stored.status, Framing::Close, Vec::new(), Vec::new()),
            (Selection::Whole, Some(total)) => {
                let is_bodiless = matches!(stored.status, 204 | 304);
                let framing = if is_bodiless { Framing::Nothing } else { Framing::Length(total) };
                (stored.status, framing, Body::whole(total), Vec::new())
            }
            (Selection::Part(part), _) => {
                (206, Framing::Length(part.length_bytes), vec![Segment::Body(part)], Vec::new())
            }
            (Selection::Multipart(parts), _) => {
                self.open(206, out);
                head::fields(out, response.fields, &["age", "content-type"]);
                head::field(out, b"Content-Type", parts.content_type.as_bytes());
                let framing = Framing::Length(parts.content_bytes);
                let step = self.end_head(&response, framing, out, answerer);
                return self.follow(step, Body::new(source, parts.segments, parts.text, framing));
            }
        };
        self.open(status, out);
        head::fields(out, response.fields, &["age"]);
        if let (206, [Segment::Body(part)], Some(total)) = (status, segments.as_slice(), total) {
            head::field(out, b"Content-Range", part.content_range(total).as_bytes());
        }
        let step = self.end_head(&response, framing, out, answerer);
        if framing == Framing::Nothing {
            return Some(step);
        }
        let mut body = Body::new(source, segments, text, framing);
        if !self.asked.reply.is_head()
            && let (206, Some(total)) = (status, total)
            && let Some(part) = body.far_part()
        {
            body.detour = answerer.detour(&self.asked, stored, part, total);
        }
        self.follow(step, body)
    }

    /// The body follows, unless only the head was asked for.
    fn follow(&mut self, step: Step, mut body: Body) -> Option<Step> {
        if self.asked.reply.is_head() {
            return Some(step);
        }
        body.rest = self.rest.take();
        self.state = State::Body(body);
        None
    }

    fn open(&mut self, status: u16, out: &mut Vec<u8>) {
        self.is_begun = true;
        self.asked.record.status = status;
        head::begin(out, status);
    }

    fn end_head(
        &mut self,
        response: &crate::cache::semantics::Response<'_>,
        framing: Framing,
        out: &mut Vec<u8>,
        answerer: &mut Answerer,
    ) -> Step {
        answerer.age(&self.asked, response, out);
        answerer.own_fields(&self.asked, response.fields, out);
        head::end(out, answerer.reply(self.asked.reply), framing);
        let after = if framing == Framing::Close { After::Close } else { After::Next };
        Step::Over(answerer.after(after))
    }
}
