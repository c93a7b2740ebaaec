//! `Status`: the status codes answered here.

/// A status code this server answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
#[allow(missing_docs, reason = "the names are the documented reason phrases of RFC 9110, section 15")]
pub enum Status {
    Ok = 200,
    NoContent = 204,
    PartialContent = 206,
    MovedPermanently = 301,
    Found = 302,
    NotModified = 304,
    BadRequest = 400,
    Forbidden = 403,
    NotFound = 404,
    MethodNotAllowed = 405,
    RequestTimeout = 408,
    PreconditionFailed = 412,
    ContentTooLarge = 413,
    UriTooLong = 414,
    RangeNotSatisfiable = 416,
    ExpectationFailed = 417,
    RequestHeaderFieldsTooLarge = 431,
    InternalServerError = 500,
    NotImplemented = 501,
    BadGateway = 502,
    ServiceUnavailable = 503,
    GatewayTimeout = 504,
    HttpVersionNotSupported = 505,
}

impl Status {
    /// The number, such as 404.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// What every answer with this status begins with, up to where the date goes.
    pub(super) fn opening(self) -> &'static [u8] {
        match self {
            Status::Ok => b"HTTP/1.1 200 OK\r\nDate: ",
            Status::NoContent => b"HTTP/1.1 204 No Content\r\nDate: ",
            Status::PartialContent => b"HTTP/1.1 206 Partial Content\r\nDate: ",
            Status::MovedPermanently => b"HTTP/1.1 301 Moved Permanently\r\nDate: ",
            Status::Found => b"HTTP/1.1 302 Found\r\nDate: ",
            Status::NotModified => b"HTTP/1.1 304 Not Modified\r\nDate: ",
            Status::BadRequest => b"HTTP/1.1 400 Bad Request\r\nDate: ",
            Status::Forbidden => b"HTTP/1.1 403 Forbidden\r\nDate: ",
            Status::NotFound => b"HTTP/1.1 404 Not Found\r\nDate: ",
            Status::MethodNotAllowed => b"HTTP/1.1 405 Method Not Allowed\r\nDate: ",
            Status::RequestTimeout => b"HTTP/1.1 408 Request Timeout\r\nDate: ",
            Status::PreconditionFailed => b"HTTP/1.1 412 Precondition Failed\r\nDate: ",
            Status::ContentTooLarge => b"HTTP/1.1 413 Content Too Large\r\nDate: ",
            Status::UriTooLong => b"HTTP/1.1 414 URI Too Long\r\nDate: ",
            Status::RangeNotSatisfiable => b"HTTP/1.1 416 Range Not Satisfiable\r\nDate: ",
            Status::ExpectationFailed => b"HTTP/1.1 417 Expectation Failed\r\nDate: ",
            Status::RequestHeaderFieldsTooLarge => b"HTTP/1.1 431 Request Header Fields Too Large\r\nDate: ",
            Status::InternalServerError => b"HTTP/1.1 500 Internal Server Error\r\nDate: ",
            Status::NotImplemented => b"HTTP/1.1 501 Not Implemented\r\nDate: ",
            Status::BadGateway => b"HTTP/1.1 502 Bad Gateway\r\nDate: ",
            Status::ServiceUnavailable => b"HTTP/1.1 503 Service Unavailable\r\nDate: ",
            Status::GatewayTimeout => b"HTTP/1.1 504 Gateway Timeout\r\nDate: ",
            Status::HttpVersionNotSupported => b"HTTP/1.1 505 HTTP Version Not Supported\r\nDate: ",
        }
    }

    /// Whether an answer with this status has no body and no `Content-Length` (RFC 9110, sections 8.6, 15.3.5, 15.4.5).
    pub fn is_bodiless(self) -> bool {
        matches!(self, Status::NoContent | Status::NotModified)
    }
}
