//! `Pool`: buffers for those connections that need one for a while.

/// Most buffers kept for later, and the largest kept.
const KEPT_COUNT_MAX: usize = 32;
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// Empty buffers with room in them.
#[derive(Debug)]
pub(super) struct Pool {
    kept: Vec<Vec<u8>>,
}

impl Pool {
    pub fn new() -> Pool {
        Pool { kept: Vec::with_capacity(KEPT_COUNT_MAX) }
    }

    /// Makes `buffer` hold exactly `bytes`; one without room takes a buffer of the pool first.
    pub fn fill(&mut self, buffer: &mut Vec<u8>, bytes: &[u8]) {
        if buffer.capacity() == 0 {
            *buffer = self.kept.pop().unwrap_or_default();
        }
        buffer.clear();
        buffer.extend_from_slice(bytes);
    }

    /// Takes the buffer's room back: afterwards it has none.
    pub fn take_back(&mut self, buffer: &mut Vec<u8>) {
        let mut buffer = std::mem::take(buffer);
        if (1..=KEPT_BYTES_MAX).contains(&buffer.capacity()) && self.kept.len() < KEPT_COUNT_MAX {
            buffer.clear();
            self.kept.push(buffer);
        }
    }
}
