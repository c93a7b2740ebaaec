//! `Body`: the bytes of an answer's body, from an object that is there or one that is coming.
//!
//! Lives here: which bytes come next and how they are framed. Large pieces are sent from the file, small ones copied.
//! Not here: heads (`delivery`), sockets (`reactor`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::head::Framing;
use super::pipe::{Reader, Stage};
use super::watch::Watch;
use crate::cache::semantics::{Part, Segment};
use crate::cache::store::{Entry, Filling, Progress};
use crate::http::After;
use crate::reactor::{FileRange, Handle, Place};

/// Pieces up to that length are copied behind the head, so that one write sends both.
const COPY_BYTES_MAX: u64 = 32 * 1024;
/// Most output that is made at a time.
const OUTPUT_BYTES: usize = 64 * 1024;
/// Most bytes of one chunk of a body whose length is not known.
const CHUNK_BYTES_MAX: u64 = 1 << 20;
/// A part that begins so far behind what has come is fetched by itself.
const FAR_BYTES: u64 = 1 << 20;

/// Where bytes come from.
pub enum Source {
    /// An object that is there.
    Entry(Arc<Entry>),
    /// One that is coming.
    Filling(Arc<Filling>, Arc<Watch>),
}

/// What can be read of a source.
struct Available<'a> {
    file: &'a Arc<File>,
    body_offset: u64,
    /// So much of the body is there.
    bytes: u64,
    progress: Progress,
}

impl Source {
    fn available(&self) -> Option<Available<'_>> {
        match self {
            Source::Entry(entry) => Some(Available {
                file: entry.file(),
                body_offset: entry.body_offset(),
                bytes: entry.body_bytes(),
                progress: Progress::Complete,
            }),
            Source::Filling(filling, _) => {
                // In this order: what is complete shows all its bytes.
                let progress = filling.progress();
                let (file, body_offset) = filling.file()?;
                Some(Available { file, body_offset, bytes: filling.visible_bytes(), progress })
            }
        }
    }
}

/// What comes next.
pub enum Next {
    /// What was appended.
    Send,
    /// What was appended, and then these.
    SendFile(FileRange),
    /// Nothing for now.
    Later,
    /// What was appended was the last.
    Over(After),
    /// It cannot be finished.
    Abort,
}

/// The bytes of a body.
pub struct Body {
    source: Source,
    segments: Vec<Segment>,
    text: Vec<u8>,
    framing: Framing,
    /// The segment at hand, and how much of it is out.
    at: usize,
    done_bytes: u64,
    /// What is left of a chunk whose head is out, and whether its end is still to come.
    chunk_left_bytes: u64,
    owes_chunk_end: bool,
    /// Bytes of the far part, from elsewhere, until the object has come so far.
    pub detour: Option<Reader>,
    /// What the store did not take, once the object has failed.
    pub rest: Option<Reader>,
    /// What goes out now comes from the detour.
    is_detour_begun: bool,
    /// Bytes that went out.
    pub out_bytes: u64,
}

impl Body {
    /// These segments; none when the length is not known: then all there will be.
    pub fn new(source: Source, segments: Vec<Segment>, text: Vec<u8>, framing: Framing) -> Body {
        let is_endless = matches!(framing, Framing::Chunks | Framing::Close);
        let all = Segment::Body(Part { offset_bytes: 0, length_bytes: u64::MAX });
        Body {
            source,
            segments: if is_endless { vec![all] } else { segments },
            text,
            framing,
            at: 0,
            done_bytes: 0,
            chunk_left_bytes: 0,
            owes_chunk_end: false,
            detour: None,
            rest: None,
            is_detour_begun: false,
            out_bytes: 0,
        }
    }

    /// All of a body of that length.
    pub fn whole(body_bytes: u64) -> Vec<Segment> {
        match body_bytes {
            0 => Vec::new(),
            length_bytes => vec![Segment::Body(Part { offset_bytes: 0, length_bytes })],
        }
    }

    /// The one part that is asked for, if it is far behind what has come.
    pub fn far_part(&self) -> Option<Part> {
        let (Source::Filling(filling, _), [Segment::Body(part)]) = (&self.source, self.segments.as_slice()) else {
            return None;
        };
        (part.offset_bytes > filling.visible_bytes() + FAR_BYTES).then_some(*part)
    }

    /// What comes next.
    pub fn next(&mut self, place: Place, out: &mut Vec<u8>, handle: &Handle) -> Next {
        if self.owes_chunk_end && self.chunk_left_bytes == 0 {
            out.extend_from_slice(b"\r\n");
            self.owes_chunk_end = false;
        }
        loop {
            match self.segments.get(self.at) {
                None => return self.end(out),
                Some(Segment::Text { start, end }) => {
                    out.extend_from_slice(&self.text[*start..*end]);
                    self.out_bytes += (end - start) as u64;
                    self.at += 1;
                }
                Some(Segment::Body(part)) if self.done_bytes == part.length_bytes => {
                    self.at += 1;
                    self.done_bytes = 0;
                }
                Some(Segment::Body(part)) => {
                    let part = *part;
                    if let Some(next) = self.piece(part, place, out, handle) {
                        return next;
                    }
                }
            }
            if out.len() >= OUTPUT_BYTES {
                return Next::Send;
            }
        }
    }

    fn end(&self, out: &mut Vec<u8>) -> Next {
        if self.framing == Framing::Chunks {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        Next::Over(if self.framing == Framing::Close { After::Close } else { After::Next })
    }

    /// The next piece of a part. None: go on.
    fn piece(&mut self, part: Part, place: Place, out: &mut Vec<u8>, handle: &Handle) -> Option<Next> {
        let at = part.offset_bytes + self.done_bytes;
        let left = part.length_bytes - self.done_bytes;
        if let Source::Filling(_, watch) = &self.source {
            // Before looking, so that no step is missed. Once is enough for as long as there are bytes.
            let is_behind = self.source.available().is_none_or(|available| available.bytes <= at);
            if is_behind {
                watch.add(place);
            }
        }
        let Some(available) = self.source.available() else { return Some(Next::Abort) };
        if available.bytes > at {
            let bytes = left.min(available.bytes - at);
            let range = FileRange {
                file: Arc::clone(available.file),
                offset_bytes: available.body_offset + at,
                length_bytes: bytes,
            };
            self.detour = None;
            return self.send(range, out);
        }
        let progress = available.progress;
        if let Some(next) = self.detour(left, place, out, handle) {
            return Some(next);
        }
        match progress {
            // Its length was not known; now it is.
            Progress::Complete if self.framing != Framing::Nothing && part.length_bytes == u64::MAX => {
                self.at += 1;
                self.done_bytes = 0;
                None
            }
            Progress::Failed => self.rest(left, part.length_bytes == u64::MAX, place, out, handle),
            Progress::Complete | Progress::Declined => Some(Next::Abort),
            Progress::Waiting | Progress::Streaming if out.is_empty() => Some(Next::Later),
            Progress::Waiting | Progress::Streaming => Some(Next::Send),
        }
    }

    fn send(&mut self, mut range: FileRange, out: &mut Vec<u8>) -> Option<Next> {
        if self.framing == Framing::Chunks {
            match self.chunk_left_bytes {
                0 => {
                    range.length_bytes = range.length_bytes.min(CHUNK_BYTES_MAX);
                    out.extend_from_slice(format!("{:x}\r\n", range.length_bytes).as_bytes());
                    self.chunk_left_bytes = range.length_bytes;
                    self.owes_chunk_end = true;
                }
                left => range.length_bytes = range.length_bytes.min(left),
            }
        }
        if range.length_bytes > COPY_BYTES_MAX {
            return Some(Next::SendFile(range));
        }
        let start = out.len();
        out.resize(start + range.length_bytes as usize, 0);
        if range.file.read_exact_at(&mut out[start..], range.offset_bytes).is_err() {
            out.truncate(start);
            return Some(Next::Abort);
        }
        self.sent(range.length_bytes);
        if self.owes_chunk_end && self.chunk_left_bytes == 0 {
            out.extend_from_slice(b"\r\n");
            self.owes_chunk_end = false;
        }
        None
    }

    /// So many bytes of the part at hand are out.
    pub fn sent(&mut self, bytes: u64) {
        self.done_bytes += bytes;
        self.out_bytes += bytes;
        self.chunk_left_bytes = self.chunk_left_bytes.saturating_sub(bytes);
    }

    /// What follows where the store has failed. None: that was all.
    fn rest(&mut self, left: u64, is_endless: bool, place: Place, out: &mut Vec<u8>, handle: &Handle) -> Option<Next> {
        let Some(reader) = &self.rest else { return Some(Next::Abort) };
        let room = left.min(OUTPUT_BYTES as u64) as usize;
        let mut bytes = Vec::new();
        let (count, stage) = reader.read(room, &mut bytes, handle, place);
        if count > 0 {
            let is_chunk = self.framing == Framing::Chunks;
            if is_chunk {
                out.extend_from_slice(format!("{count:x}\r\n").as_bytes());
            }
            out.extend_from_slice(&bytes);
            if is_chunk {
                out.extend_from_slice(b"\r\n");
            }
            self.sent(count as u64);
            return Some(Next::Send);
        }
        match stage {
            Stage::Complete if is_endless => {
                self.at += 1;
                self.done_bytes = 0;
                None
            }
            Stage::Waiting | Stage::Streaming if out.is_empty() => Some(Next::Later),
            Stage::Waiting | Stage::Streaming => Some(Next::Send),
            Stage::Complete | Stage::Declined | Stage::Failed(..) => Some(Next::Abort),
        }
    }

    /// The next bytes from elsewhere. None: there are none to be had there.
    fn detour(&mut self, left: u64, place: Place, out: &mut Vec<u8>, handle: &Handle) -> Option<Next> {
        let reader = self.detour.as_ref()?;
        if !self.is_detour_begun {
            match reader.stage(handle, place) {
                Stage::Waiting if out.is_empty() => return Some(Next::Later),
                Stage::Waiting => return Some(Next::Send),
                Stage::Streaming | Stage::Complete => self.is_detour_begun = true,
                Stage::Declined | Stage::Failed(..) => {
                    self.detour = None;
                    return None;
                }
            }
        }
        let room = left.min(OUTPUT_BYTES as u64) as usize;
        let (bytes, stage) = reader.read(room, out, handle, place);
        self.sent(bytes as u64);
        match (bytes, stage) {
            (1.., _) => Some(Next::Send),
            (0, Stage::Streaming | Stage::Waiting) if out.is_empty() => Some(Next::Later),
            (0, Stage::Streaming | Stage::Waiting) => Some(Next::Send),
            // It broke off: the rest comes with the object.
            (0, _) => {
                self.detour = None;
                None
            }
        }
    }
}
