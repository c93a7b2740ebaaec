//! `Pipe`: an answer on its way from a thread to one connection, in bounded memory.
//!
//! The thread waits while the connection is slow; a connection that is gone ends the thread's work.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::http::FieldBlock;
use crate::reactor::{Handle, Place};

/// Bytes that may be under way. Picked by feel.
const BYTES_MAX: usize = 256 * 1024;

/// The head of an answer that is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipeHead {
    /// The status code.
    pub status: u16,
    /// Its fields, without those that frame it.
    pub fields: FieldBlock,
    /// Length of the body, bytes, when it is known.
    pub body_bytes: Option<u64>,
}

/// How far a pipe is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No head yet.
    Waiting,
    /// The head is there, the body comes.
    Streaming,
    /// All of it was put in.
    Complete,
    /// Whoever asked shall ask for something else: what came is not for him.
    Declined,
    /// It failed: the status for the client, and why.
    Failed(u16, String),
}

#[derive(Debug)]
struct State {
    stage: Stage,
    head: Option<PipeHead>,
    bytes: VecDeque<u8>,
    /// Interim heads: status and fields.
    interim: Vec<(u16, FieldBlock)>,
    /// Who waits for more.
    waiting: Option<(Handle, Place)>,
    is_reader_gone: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    room: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes who waits for that.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let waiting = state.waiting.take();
        drop(state);
        if let Some((handle, place)) = waiting {
            // A loop that cannot be woken has ended, and its connections with it.
            let _ = handle.wake_connections([place]);
        }
    }
}

/// Makes a pipe.
pub fn pipe() -> (Writer, Reader) {
    let state = State {
        stage: Stage::Waiting,
        head: None,
        bytes: VecDeque::new(),
        interim: Vec::new(),
        waiting: None,
        is_reader_gone: false,
    };
    let shared = Arc::new(Shared { state: Mutex::new(state), room: Condvar::new() });
    (Writer { shared: Arc::clone(&shared), is_ended: false }, Reader { shared })
}

/// The thread's end. Dropped before its end, the answer has failed.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    is_ended: bool,
}

/// Tells the connection of interim answers. They come before anything else.
#[derive(Clone, Debug)]
pub struct Hints {
    shared: Arc<Shared>,
}

impl Hints {
    /// An interim answer.
    pub fn tell(&self, status: u16, fields: FieldBlock) {
        self.shared.change(|state| state.interim.push((status, fields)));
    }
}

/// The connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl Writer {
    /// To tell of interim answers.
    pub fn hints(&self) -> Hints {
        Hints { shared: Arc::clone(&self.shared) }
    }

    /// The head, before anything else.
    pub fn open(&mut self, head: PipeHead) {
        self.shared.change(|state| {
            state.head = Some(head);
            state.stage = Stage::Streaming;
        });
    }

    /// The next bytes of the body; waits for room.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut state = self.shared.state();
            while state.bytes.len() >= BYTES_MAX && !state.is_reader_gone {
                state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.is_reader_gone {
                return Err(Gone);
            }
            let taken = rest.len().min(BYTES_MAX - state.bytes.len());
            drop(state);
            // There is one writer: room does not shrink.
            self.shared.change(|state| state.bytes.extend(&rest[..taken]));
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// The body is whole.
    pub fn complete(mut self) {
        self.end(Stage::Complete);
    }

    /// What came is not for whoever asked.
    pub fn decline(mut self) {
        self.end(Stage::Declined);
    }

    /// Nothing comes, or nothing more.
    pub fn fail(mut self, status: u16, why: String) {
        self.end(Stage::Failed(status, why));
    }

    fn end(&mut self, stage: Stage) {
        self.is_ended = true;
        self.shared.change(|state| state.stage = stage);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_ended {
            self.end(Stage::Failed(503, "too many requests are under way".to_owned()));
        }
    }
}

/// The connection's end.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    /// How far it is. While it is `Waiting`, `place` is woken when that changes.
    pub fn stage(&self, handle: &Handle, place: Place) -> Stage {
        let mut state = self.shared.state();
        if state.stage == Stage::Waiting {
            state.waiting = Some((handle.clone(), place));
        }
        state.stage.clone()
    }

    /// Interim answers since the last time.
    pub fn take_interim(&self) -> Vec<(u16, FieldBlock)> {
        std::mem::take(&mut self.shared.state().interim)
    }

    /// The head, from `Streaming` on.
    pub fn take_head(&self) -> Option<PipeHead> {
        self.shared.state().head.take()
    }

    /// Appends what is there to `out`, at most `bytes_max`. Gives how many bytes that were, and the stage. When nothing
    /// is there and more may come, `place` is woken then.
    pub fn read(&self, bytes_max: usize, out: &mut Vec<u8>, handle: &Handle, place: Place) -> (usize, Stage) {
        let mut state = self.shared.state();
        let taken = state.bytes.len().min(bytes_max);
        let (front, back) = state.bytes.as_slices();
        let from_front = taken.min(front.len());
        out.extend_from_slice(&front[..from_front]);
        out.extend_from_slice(&back[..taken - from_front]);
        state.bytes.drain(..taken);
        if taken == 0 && state.stage == Stage::Streaming {
            state.waiting = Some((handle.clone(), place));
        }
        // Whoever reads the last bytes of an ended pipe asks once more.
        let stage = if state.bytes.is_empty() { state.stage.clone() } else { Stage::Streaming };
        drop(state);
        self.shared.room.notify_one();
        (taken, stage)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.is_reader_gone = true;
        state.bytes = VecDeque::new();
        state.waiting = None;
        drop(state);
        self.shared.room.notify_one();
    }
}
