//! `Counters`: what a worker counts. One block per worker, so that each counter has one writer.

use crate::answer::centos::Outcome;
use crate::http::Refusal;
use crate::net::Family;
use crate::worker::{Count, LoopCounts};

/// Answers that are not lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// `/healthz`.
    Health,
    /// `/metrics`.
    Metrics,
    /// `/metrics`, asked for by somebody who may not.
    Forbidden,
    /// A path that does not exist.
    NotFound,
    /// A method that is not allowed.
    MethodNotAllowed,
}

impl Page {
    /// All, in the order of counters.
    pub const ALL: [Page; 5] = [Page::Health, Page::Metrics, Page::Forbidden, Page::NotFound, Page::MethodNotAllowed];

    /// As counters label it.
    pub fn label(self) -> &'static str {
        match self {
            Page::Health => "healthz",
            Page::Metrics => "metrics",
            Page::Forbidden => "forbidden",
            Page::NotFound => "not_found",
            Page::MethodNotAllowed => "method_not_allowed",
        }
    }
}

/// What one worker counts. On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Mirrorlist answers, by family and outcome.
    pub answers: [[Count; Outcome::ALL.len()]; 2],
    /// Other answers.
    pub pages: [Count; Page::ALL.len()],
    /// Refused requests, by reason.
    pub refusals: [Count; Refusal::COUNT],
    /// Bytes of answers, heads and bodies.
    pub answer_bytes: Count,
    /// What the event loop counts.
    pub event_loop: LoopCounts,
    /// Lines of the access log that were dropped.
    pub log_lines_dropped: Count,
}

impl Counters {
    /// Counts a mirrorlist answer.
    pub fn answered(&self, family: Family, outcome: Outcome) {
        self.answers[family as usize][outcome as usize].add(1);
    }
}

/// What the program as a whole counts and tells: written by the thread that reloads, read by whoever asks.
#[derive(Debug, Default)]
pub struct Vitals {
    /// Start of the program, seconds since 1970.
    pub started_unix_seconds: Count,
    /// Reloads that took effect.
    pub reloads_done: Count,
    /// Reloads that left the old state in place.
    pub reloads_failed: Count,
    /// Last change of the edition in use, seconds since 1970.
    pub changed_unix_seconds: Count,
    /// Lines of the inventory that were skipped.
    pub inventory_problems: Count,
    /// Crawls that published a snapshot.
    pub crawls_published: Count,
    /// Crawls after which there was nothing new to publish.
    pub crawls_unchanged: Count,
    /// Crawls whose publication the guard refused.
    pub crawls_refused: Count,
    /// Crawls that said nothing, because we could not hear.
    pub crawls_inconclusive: Count,
    /// Crawls that could not be made.
    pub crawls_failed: Count,
    /// End of the last crawl that was made, seconds since 1970; 0 when there was none.
    pub crawled_unix_seconds: Count,
    /// Requests of crawls.
    pub crawl_requests: Count,
    /// Bytes read by crawls.
    pub crawl_bytes: Count,
    /// Repos whose master did not answer in the last crawl.
    pub masters_silent: Count,
    /// Of these, repos whose master is away for so long that what is remembered of it is old.
    pub masters_away: Count,
}
