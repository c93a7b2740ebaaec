//! Why a connection ended, and why one could not be accepted.

use std::io;

/// Why a connection was closed. Each has one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "`explain` says what each means")]
pub enum CloseReason {
    PeerClosed,
    PeerClosedMidway,
    PeerReset,
    Asked,
    Ended,
    IdleTimedOut,
    HeadTimedOut,
    BodyTimedOut,
    AnswerTimedOut,
    WriteTimedOut,
    Shed,
    Stopped,
    NotConsumed,
    NotRegistered,
    AnswerBroken,
    Detached,
}

impl CloseReason {
    /// How many there are: the size of an array of counters, indexed by `reason as usize`.
    pub const COUNT: usize = Self::ALL.len();

    /// All, in the order of their numbers.
    pub const ALL: [CloseReason; 16] = [
        CloseReason::PeerClosed,
        CloseReason::PeerClosedMidway,
        CloseReason::PeerReset,
        CloseReason::Asked,
        CloseReason::Ended,
        CloseReason::IdleTimedOut,
        CloseReason::HeadTimedOut,
        CloseReason::BodyTimedOut,
        CloseReason::AnswerTimedOut,
        CloseReason::WriteTimedOut,
        CloseReason::Shed,
        CloseReason::Stopped,
        CloseReason::NotConsumed,
        CloseReason::NotRegistered,
        CloseReason::AnswerBroken,
        CloseReason::Detached,
    ];

    /// A short name for counters and logs.
    pub fn name(self) -> &'static str {
        match self {
            CloseReason::PeerClosed => "peer_closed",
            CloseReason::PeerClosedMidway => "peer_closed_midway",
            CloseReason::PeerReset => "peer_reset",
            CloseReason::Asked => "asked",
            CloseReason::Ended => "ended",
            CloseReason::IdleTimedOut => "idle_timed_out",
            CloseReason::HeadTimedOut => "head_timed_out",
            CloseReason::BodyTimedOut => "body_timed_out",
            CloseReason::AnswerTimedOut => "answer_timed_out",
            CloseReason::WriteTimedOut => "write_timed_out",
            CloseReason::Shed => "shed",
            CloseReason::Stopped => "stopped",
            CloseReason::NotConsumed => "not_consumed",
            CloseReason::NotRegistered => "not_registered",
            CloseReason::AnswerBroken => "answer_broken",
            CloseReason::Detached => "detached",
        }
    }

    /// What happened, for people.
    pub fn explain(self) -> &'static str {
        match self {
            CloseReason::PeerClosed => "the peer closed it between messages",
            CloseReason::PeerClosedMidway => "the peer closed it in the middle of a message",
            CloseReason::PeerReset => "the peer reset it, or the network did",
            CloseReason::Asked => "the peer asked for an end, and got its answer before",
            CloseReason::Ended => "the service ended it with its last answer",
            CloseReason::IdleTimedOut => "no message came for too long",
            CloseReason::HeadTimedOut => "the head of a message took too long",
            CloseReason::BodyTimedOut => "the body of a message took too long",
            CloseReason::AnswerTimedOut => "nothing more of an answer came for too long",
            CloseReason::WriteTimedOut => "the peer did not read for too long",
            CloseReason::Shed => "it was idle, and room was needed for another",
            CloseReason::Stopped => "the server stops",
            CloseReason::NotConsumed => "the service left a full buffer unread",
            CloseReason::NotRegistered => "the kernel would not watch it",
            CloseReason::AnswerBroken => "the answer could not be finished",
            CloseReason::Detached => "it left the loop, as a tunnel",
        }
    }
}

/// Why a connection could not be accepted: accept(2). Each has one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AcceptError {
    /// The peer was gone before it was accepted.
    Aborted,
    /// A signal came.
    Interrupted,
    /// Errors of the network, which Linux hands through accept, and of protocol and firewall.
    Network,
    /// The process has all the descriptors it may have.
    ProcessDescriptors,
    /// The system has all the descriptors it can have.
    SystemDescriptors,
    /// The kernel has no memory for it.
    Memory,
    /// Anything else: a fault of ours.
    Other,
}

impl AcceptError {
    /// How many there are: the size of an array of counters, indexed by `error as usize`.
    pub const COUNT: usize = Self::ALL.len();

    /// All, in the order of their numbers.
    pub const ALL: [AcceptError; 7] = [
        AcceptError::Aborted,
        AcceptError::Interrupted,
        AcceptError::Network,
        AcceptError::ProcessDescriptors,
        AcceptError::SystemDescriptors,
        AcceptError::Memory,
        AcceptError::Other,
    ];

    /// A short name for counters and logs.
    pub fn name(self) -> &'static str {
        match self {
            AcceptError::Aborted => "aborted",
            AcceptError::Interrupted => "interrupted",
            AcceptError::Network => "network",
            AcceptError::ProcessDescriptors => "process_descriptors",
            AcceptError::SystemDescriptors => "system_descriptors",
            AcceptError::Memory => "memory",
            AcceptError::Other => "other",
        }
    }

    pub(super) fn of(error: &io::Error) -> AcceptError {
        match error.raw_os_error() {
            Some(libc::ECONNABORTED) => AcceptError::Aborted,
            Some(libc::EINTR) => AcceptError::Interrupted,
            Some(
                libc::EPROTO
                | libc::EPERM
                | libc::ENOPROTOOPT
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::ENONET
                | libc::EOPNOTSUPP
                | libc::ETIMEDOUT,
            ) => AcceptError::Network,
            Some(libc::EMFILE) => AcceptError::ProcessDescriptors,
            Some(libc::ENFILE) => AcceptError::SystemDescriptors,
            Some(libc::ENOBUFS | libc::ENOMEM) => AcceptError::Memory,
            _ => AcceptError::Other,
        }
    }

    /// Whether the next connection may be accepted at once.
    pub(super) fn is_transient(self) -> bool {
        matches!(self, AcceptError::Aborted | AcceptError::Interrupted | AcceptError::Network)
    }

    /// Whether closing a connection may help.
    pub(super) fn is_exhaustion(self) -> bool {
        matches!(self, AcceptError::ProcessDescriptors | AcceptError::SystemDescriptors | AcceptError::Memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_listed_by_number() {
        assert!(CloseReason::ALL.iter().enumerate().all(|(number, reason)| *reason as usize == number));
        assert!(AcceptError::ALL.iter().enumerate().all(|(number, error)| *error as usize == number));
    }
}
