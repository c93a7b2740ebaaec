//! `Refusal`: every reason for not answering a request, each one status, one name and one sentence.

use super::status::Status;

/// Why a request was refused. After any of them the connection is closed: what follows in its input cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "`explain` says what each means")]
pub enum Refusal {
    RequestLine,
    BareLf,
    VersionMissing,
    VersionInvalid,
    VersionUnsupported,
    MethodUnknown,
    TargetInvalid,
    TargetTooLong,
    HeadTooLong,
    HeadMalformed,
    FieldsTooMany,
    FieldFolded,
    FieldName,
    FieldValue,
    HostMissing,
    HostRepeated,
    HostInvalid,
    LengthInvalid,
    LengthRepeated,
    LengthWithCoding,
    CodingInOldVersion,
    CodingNotChunked,
    CodingUnknown,
    ExpectationUnknown,
    BodyTooLong,
    ChunkInvalid,
    TrailerInvalid,
    HeadTimedOut,
    BodyTimedOut,
    ProxyHeader,
}

/// One line per refusal, in the order of the enum: status, name, sentence.
const TABLE: [(Refusal, Status, &str, &str); Refusal::COUNT] = {
    use Refusal::*;
    [
        (RequestLine, Status::BadRequest, "request_line", "the request line is not METHOD SP target SP version"),
        (BareLf, Status::BadRequest, "bare_lf", "a line ends in LF without CR"),
        (VersionMissing, Status::BadRequest, "version_missing", "the request line names no HTTP version"),
        (VersionInvalid, Status::BadRequest, "version_invalid", "the HTTP version is malformed"),
        (VersionUnsupported, Status::HttpVersionNotSupported, "version_unsupported", "only HTTP/1.x is spoken here"),
        (MethodUnknown, Status::NotImplemented, "method_unknown", "the method is not known"),
        (TargetInvalid, Status::BadRequest, "target_invalid", "the request target is malformed"),
        (TargetTooLong, Status::UriTooLong, "target_too_long", "the request line is too long"),
        (HeadTooLong, Status::RequestHeaderFieldsTooLarge, "head_too_long", "the request head is too long"),
        (HeadMalformed, Status::BadRequest, "head_malformed", "the request head is malformed"),
        (FieldsTooMany, Status::RequestHeaderFieldsTooLarge, "fields_too_many", "the request has too many fields"),
        (FieldFolded, Status::BadRequest, "field_folded", "a field line begins with white space"),
        (FieldName, Status::BadRequest, "field_name", "a field name is malformed"),
        (FieldValue, Status::BadRequest, "field_value", "a field value has control characters"),
        (HostMissing, Status::BadRequest, "host_missing", "the Host field is missing"),
        (HostRepeated, Status::BadRequest, "host_repeated", "there is more than one Host field"),
        (HostInvalid, Status::BadRequest, "host_invalid", "the Host field is malformed"),
        (LengthInvalid, Status::BadRequest, "length_invalid", "Content-Length is not a number"),
        (LengthRepeated, Status::BadRequest, "length_repeated", "there is more than one Content-Length"),
        (LengthWithCoding, Status::BadRequest, "length_with_coding", "Content-Length beside Transfer-Encoding"),
        (CodingInOldVersion, Status::BadRequest, "coding_in_old_version", "Transfer-Encoding in HTTP/1.0"),
        (CodingNotChunked, Status::BadRequest, "coding_not_chunked", "the last transfer coding is not one chunked"),
        (CodingUnknown, Status::NotImplemented, "coding_unknown", "a transfer coding is not known"),
        (ExpectationUnknown, Status::ExpectationFailed, "expectation_unknown", "the expectation is not known"),
        (BodyTooLong, Status::ContentTooLarge, "body_too_long", "the request body is too long"),
        (ChunkInvalid, Status::BadRequest, "chunk_invalid", "the chunked body is malformed"),
        (TrailerInvalid, Status::BadRequest, "trailer_invalid", "the trailers are malformed or too long"),
        (HeadTimedOut, Status::RequestTimeout, "head_timed_out", "the request head took too long"),
        (BodyTimedOut, Status::RequestTimeout, "body_timed_out", "the request body took too long"),
        (ProxyHeader, Status::BadRequest, "proxy_header", "no PROXY protocol header came before the request"),
    ]
};

const _: () = {
    let mut index = 0;
    while index < Refusal::COUNT {
        assert!(TABLE[index].0 as usize == index);
        index += 1;
    }
};

impl Refusal {
    /// How many there are: the size of an array of counters, indexed by `refusal as usize`.
    pub const COUNT: usize = Refusal::ProxyHeader as usize + 1;

    /// All, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Refusal> {
        TABLE.iter().map(|line| line.0)
    }

    /// The status it is answered with.
    pub fn status(self) -> Status {
        TABLE[self as usize].1
    }

    /// A short name for counters and logs, such as `bare_lf`.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].2
    }

    /// What is wrong, for people. It is also the body of the answer.
    pub fn explain(self) -> &'static str {
        TABLE[self as usize].3
    }
}
