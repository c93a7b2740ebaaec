//! `Limits`: what a connection may take.

use std::time::Duration;

/// What one loop allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time. One more, and the one that is idle for longest has to go.
    pub connections_max: usize,
    /// Between messages.
    pub idle: Duration,
    /// From the first byte of a head to its last.
    pub head: Duration,
    /// From the end of a head to the end of its body.
    pub body: Duration,
    /// Without anything new of an answer that is under way, from the service.
    pub answer: Duration,
    /// Without any of the output being taken by the peer.
    pub write: Duration,
    /// For the peer to close after our last word.
    pub linger: Duration,
    /// For everything that is in flight when the loop is told to stop.
    pub stop: Duration,
}

impl Default for Limits {
    /// Picked by feel, near to what nginx and HAProxy do; `head` is what the project promises.
    fn default() -> Self {
        Limits {
            connections_max: 16 * 1024,
            idle: Duration::from_secs(60),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            answer: Duration::from_secs(300),
            write: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            stop: Duration::from_secs(10),
        }
    }
}

impl Limits {
    pub(super) fn duration_ms(&self, limit: Limit) -> u64 {
        let duration = match limit {
            Limit::Idle => self.idle,
            Limit::Head => self.head,
            Limit::Body => self.body,
            Limit::Answer => self.answer,
            Limit::Write => self.write,
            Limit::Linger => self.linger,
        };
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Which limit a waiting connection is under: always exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Limit {
    /// `Limits::idle`.
    Idle,
    /// `Limits::head`.
    Head,
    /// `Limits::body`.
    Body,
    /// `Limits::answer`.
    Answer,
    /// `Limits::write`.
    Write,
    /// `Limits::linger`.
    Linger,
}

impl Limit {
    pub(super) const COUNT: usize = Self::ALL.len();

    pub(super) const ALL: [Limit; 6] =
        [Limit::Idle, Limit::Head, Limit::Body, Limit::Answer, Limit::Write, Limit::Linger];
}
