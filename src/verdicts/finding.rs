//! `Finding`: what one look at a mirror found.

/// What one look found. Each has a name for logs and counters and a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "`explain` says what each means")]
pub enum Finding {
    Same,
    Behind,
    Newer,
    Different,
    Missing,
    Forbidden,
    Redirected,
    ServerError,
    OtherStatus,
    NotMetadata,
    Empty,
    Truncated,
    TooLong,
    Encoded,
    Inconsistent,
    NotResolved,
    InternalAddress,
    Refused,
    Unreachable,
    TimedOut,
    TooSlow,
    Reset,
    Certificate,
    Tls,
    BadHttp,
    Discarded,
}

/// What a finding means for what is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The mirror has what the master has.
    Good,
    /// It has what the master had a while ago: usable for some time, never preferred.
    Behind,
    /// It answers, but not with that.
    Bad,
    /// It cannot be talked to: it is left alone for the rest of the run.
    Silent,
    /// Nobody looked: nothing changes.
    Unknown,
}

/// One line per finding, in the order of the enum: class, name, sentence.
const TABLE: [(Finding, Class, &str, &str); Finding::COUNT] = {
    use Class::*;
    use Finding::*;
    [
        (Same, Good, "same", "the same metadata as the master's"),
        (Finding::Behind, Class::Behind, "behind", "metadata that the master had before"),
        (Newer, Bad, "newer", "metadata newer than the master's"),
        (Different, Bad, "different", "metadata that the master never had"),
        (Missing, Bad, "missing", "no such file (404 or 410)"),
        (Forbidden, Bad, "forbidden", "not allowed (401 or 403)"),
        (Redirected, Bad, "redirected", "a redirect, which is not followed"),
        (ServerError, Bad, "server_error", "an error of the mirror's server (5xx)"),
        (OtherStatus, Bad, "other_status", "a status that is no answer"),
        (NotMetadata, Bad, "not_metadata", "a page in place of the file: an error page or a captive portal"),
        (Empty, Bad, "empty", "an empty file"),
        (Truncated, Bad, "truncated", "a file that ends too early"),
        (TooLong, Bad, "too_long", "more bytes than the file can have"),
        (Encoded, Bad, "encoded", "a content coding that was not asked for"),
        (Inconsistent, Bad, "inconsistent", "metadata naming files that are not there or have another size"),
        (NotResolved, Silent, "not_resolved", "the host name has no address in this family"),
        (InternalAddress, Silent, "internal_address", "an internal address that the inventory does not name"),
        (Refused, Silent, "refused", "the connection was refused"),
        (Unreachable, Silent, "unreachable", "no route to the host"),
        (TimedOut, Silent, "timed_out", "no answer in time"),
        (TooSlow, Silent, "too_slow", "an answer below the least rate"),
        (Reset, Silent, "reset", "the connection was cut"),
        (Certificate, Silent, "certificate", "a certificate that is not valid for the host"),
        (Tls, Silent, "tls", "the TLS handshake failed"),
        (BadHttp, Silent, "bad_http", "an answer that is no HTTP"),
        (Discarded, Unknown, "discarded", "left alone in this run after earlier failures"),
    ]
};

const _: () = {
    let mut index = 0;
    while index < Finding::COUNT {
        assert!(TABLE[index].0 as usize == index);
        index += 1;
    }
};

impl Finding {
    /// How many there are: the size of an array of counters, indexed by `finding as usize`.
    pub const COUNT: usize = Finding::Discarded as usize + 1;

    /// All, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Finding> {
        TABLE.iter().map(|line| line.0)
    }

    /// The finding with this number, which is the one that snapshots hold: new ones come behind the last.
    pub fn numbered(number: u8) -> Option<Finding> {
        TABLE.get(usize::from(number)).map(|line| line.0)
    }

    /// What it means for what is done next.
    pub fn class(self) -> Class {
        TABLE[self as usize].1
    }

    /// A short name for logs, counters and the state: `timed_out`.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].2
    }

    /// The finding with this name.
    pub fn named(name: &str) -> Option<Finding> {
        TABLE.iter().find(|line| line.2 == name).map(|line| line.0)
    }

    /// A sentence for people.
    pub fn explain(self) -> &'static str {
        TABLE[self as usize].3
    }
}
