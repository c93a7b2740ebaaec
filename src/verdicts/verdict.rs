//! `Verdict`: what is held of a subject after several looks, and how one look changes it.

use std::net::IpAddr;

use super::finding::{Class, Finding};
use super::subject::Subject;
use super::truth::Digest;

/// What can be shown for a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// When, seconds since 1970.
    pub at: u64,
    /// Address that was connected to.
    pub address: Option<IpAddr>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Bytes of the body that were read.
    pub bytes: u64,
    /// SHA-256 of the body, when it was read whole.
    pub sha256: Option<Digest>,
    /// Time from the first packet to the last byte, milliseconds.
    pub millis: u32,
    /// What else there is to say: a redirect's target, the certificate's fault, the file that is missing. At most 200
    /// bytes, no control characters.
    pub note: String,
}

/// What one look at a subject found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Of what.
    pub subject: Subject,
    /// What.
    pub finding: Finding,
    /// Shown by.
    pub evidence: Evidence,
}

/// Whether lists may name a mirror for a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// In the lists.
    In,
    /// In the lists while nothing better is there: it is behind, but not for too long.
    Late,
    /// Out of the lists.
    Out,
}

/// How many looks it takes to leave the lists, and to come back. 1 and 1: every look decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damping {
    /// Failures among the last `window` looks after which a mirror leaves.
    pub leave_after: u8,
    /// Looks that are remembered, at most 16.
    pub window: u8,
    /// Good looks in a row after which it comes back.
    pub return_after: u8,
    /// How long a mirror that is behind may stay, seconds since it was first seen behind.
    pub behind_seconds_max: u64,
}

impl Default for Damping {
    /// The original's rule (every look decides), and a day for mirrors that are behind.
    fn default() -> Damping {
        Damping { leave_after: 1, window: 1, return_after: 1, behind_seconds_max: 86_400 }
    }
}

/// What is held of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether lists may name it.
    pub standing: Standing,
    /// Since when it stands so, seconds since 1970.
    pub since: u64,
    /// What the last look found.
    pub finding: Finding,
    /// Shown by.
    pub evidence: Evidence,
    /// The last looks, newest in the lowest bit: 1 for good or behind, 0 for a failure.
    pub looks: u16,
    /// How many of them there were, at most 16.
    pub look_count: u8,
    /// Since when it is behind, seconds since 1970; 0 when it is not.
    pub behind_since: u64,
}

impl Verdict {
    /// The verdict after another look; `before`: none when nobody had looked. A finding of class `Unknown` changes nothing.
    pub fn after(before: Option<&Verdict>, observation: &Observation, damping: &Damping) -> Option<Verdict> {
        let _ = (before, observation, damping, Class::Unknown);
        todo!("written by the room's owner")
    }
}
