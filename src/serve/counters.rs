//! `Counters`: what a worker counts. One block per worker, so that each counter has one writer.

use super::systems::SystemSlot;
use crate::answer::{Dialect, Outcome, images};
use crate::http::Refusal;
use crate::net::Family;
use crate::plan::guard;
use crate::worker::{Count, LoopCounts};

/// Answers that are not lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// `/healthz`.
    Health,
    /// `/metrics`.
    Metrics,
    /// An explanation of an answer.
    Explained,
    /// `/metrics` or an explanation, asked for by somebody who may not.
    Forbidden,
    /// The logo of pages.
    Logo,
    /// An explanation for what is no address.
    BadAddress,
    /// A path that does not exist.
    NotFound,
    /// A method that is not allowed.
    MethodNotAllowed,
}

impl Page {
    /// All, in the order of counters.
    pub const ALL: [Page; 8] = [
        Page::Health,
        Page::Metrics,
        Page::Explained,
        Page::Forbidden,
        Page::Logo,
        Page::BadAddress,
        Page::NotFound,
        Page::MethodNotAllowed,
    ];

    /// As counters label it.
    pub fn label(self) -> &'static str {
        match self {
            Page::Health => "healthz",
            Page::Metrics => "metrics",
            Page::Explained => "explained",
            Page::Forbidden => "forbidden",
            Page::Logo => "logo",
            Page::BadAddress => "bad_address",
            Page::NotFound => "not_found",
            Page::MethodNotAllowed => "method_not_allowed",
        }
    }
}

/// What one worker counts. On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters {
    /// Mirrorlist answers, by dialect, family and outcome.
    pub answers: [[[Count; Outcome::ALL.len()]; 2]; Dialect::ALL.len()],
    /// Lists, by the system that libdnf tells of.
    pub systems: [Count; SystemSlot::COUNT],
    /// Lists with `countme`, by its value from 1.
    pub countme: [Count; 4],
    /// Answers about images, by outcome.
    pub images: [Count; images::Outcome::ALL.len()],
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

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            answers: Default::default(),
            systems: std::array::from_fn(|_| Count::default()),
            countme: Default::default(),
            images: Default::default(),
            pages: Default::default(),
            refusals: Default::default(),
            answer_bytes: Count::default(),
            event_loop: LoopCounts::default(),
            log_lines_dropped: Count::default(),
        }
    }
}

impl Counters {
    /// Counts a mirrorlist answer.
    pub fn answered(&self, dialect: Dialect, family: Family, outcome: Outcome) {
        self.answers[dialect as usize][family as usize][outcome as usize].add(1);
    }

    /// Counts who was given a list. `countme`: 1 to 4, another for a request without.
    pub fn listed_to(&self, system: SystemSlot, countme: u8) {
        self.systems[system.position()].add(1);
        if let Some(bucket) = usize::from(countme).checked_sub(1).and_then(|bucket| self.countme.get(bucket)) {
            bucket.add(1);
        }
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
    /// Of these, those that it refused for each of its reasons, in the order of `guard::Refusal::NAMES`.
    pub publications_refused: [Count; guard::Refusal::NAMES.len()],
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
