//! `Request`: a request head that was parsed and found valid by RFC 9110 and RFC 9112.

use std::mem::MaybeUninit;

use httparse::{EMPTY_HEADER, Header, Status as Progress};

use super::fields::Fields;
use super::limits::{FIELD_COUNT_MAX, HEAD_BYTES_MAX};
use super::lines;
use super::method::Method;
use super::refusal::Refusal;
use super::target::{self, Target};

/// The versions of HTTP spoken here. A client of HTTP/1.2 and later is a client of HTTP/1.1 to us (RFC 9110, 2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0: no persistence unless asked for, no chunks.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// How the end of a request's body is found: RFC 9112, section 6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes follow the head, at least one.
    Length(u64),
    /// Chunks follow the head.
    Chunked,
}

/// A valid request head, borrowed from the input.
#[derive(Debug)]
pub struct Request<'a> {
    method: Method,
    version: Version,
    framing: Framing,
    is_persistent: bool,
    asks_to_close: bool,
    expects_continue: bool,
    line: &'a [u8],
    raw_target: &'a [u8],
    target: Target<'a>,
    host: Option<&'a [u8]>,
    fields: &'a [Header<'a>],
}

impl<'a> Request<'a> {
    /// The method, which need not be one that is allowed.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The method as it was sent.
    pub fn method_token(&self) -> &'a [u8] {
        self.line.split(|&byte| byte == b' ').next().unwrap_or_default()
    }

    /// The version of the client.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The path, still percent-encoded, without the query: never empty, except for CONNECT; `*` for OPTIONS of the
    /// whole server.
    pub fn path(&self) -> &'a [u8] {
        self.target.path
    }

    /// The query, still percent-encoded, without its `?`.
    pub fn query(&self) -> Option<&'a [u8]> {
        self.target.query
    }

    /// The `host[:port]` asked for: of an absolute target, else of the Host field. `None` only in HTTP/1.0.
    pub fn authority(&self) -> Option<&'a [u8]> {
        self.target.authority.or(self.host)
    }

    /// Whether the target was absolute (`GET http://host/path`), as clients send it to a proxy.
    pub fn is_absolute(&self) -> bool {
        self.target.authority.is_some() && self.method != Method::Connect
    }

    /// The target as it was sent, for logs.
    pub fn raw_target(&self) -> &'a [u8] {
        self.raw_target
    }

    /// The request line as it was sent, without its line end, for logs.
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    /// The value of the first field of that name, without the white space around it. Case does not count.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers(name).next()
    }

    /// The values of all fields of that name, in order.
    pub fn headers(&self, name: &str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// Every field, in order: name as sent, value without the white space around it.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.fields.iter().map(|field| (field.name, field.value))
    }

    /// A view of the fields that does not depend on the request.
    pub fn field_lines(&self) -> Fields<'a> {
        Fields::parsed(self.fields)
    }

    /// How the body is framed.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the client wants to go on with this connection.
    pub fn is_persistent(&self) -> bool {
        self.is_persistent
    }

    /// Whether the client waits for a word before it sends its body.
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Whether closing right after the answer is what the client asked for.
    pub(super) fn asks_to_close(&self) -> bool {
        self.asks_to_close
    }

    /// The answer must be the last, although the client did not ask for that.
    pub(super) fn must_close(&mut self) {
        self.is_persistent = false;
        self.asks_to_close = false;
    }
}

/// Where the fields of one request are kept while it is answered: room on the caller's stack.
#[derive(Debug)]
pub struct Slots<'a> {
    fields: [MaybeUninit<Header<'a>>; FIELD_COUNT_MAX],
    /// Only for HTTP/1.2 to 1.9, whose request line `httparse` does not take.
    newer: Option<[Header<'a>; FIELD_COUNT_MAX]>,
}

impl Slots<'_> {
    /// Room for `FIELD_COUNT_MAX` fields; nothing is initialized yet, so it costs nothing.
    pub fn new() -> Self {
        Slots { fields: [const { MaybeUninit::uninit() }; FIELD_COUNT_MAX], newer: None }
    }
}

impl Default for Slots<'_> {
    fn default() -> Self {
        Slots::new()
    }
}

/// What came of looking for a request head.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// A valid head, and its length in bytes.
    Whole(Request<'a>, usize),
    /// Nothing is wrong so far, and the head is not over.
    Partial,
    /// It is not valid, or too long.
    Refused(Refusal),
}

/// Looks for a request head at the beginning of `bytes`, the first `searched_bytes` of which were `Partial` before.
///
/// Whatever the cuts, the same bytes give the same outcome: only whole lines count, and the first fault wins.
pub fn parse<'a>(bytes: &'a [u8], searched_bytes: usize, slots: &'a mut Slots<'a>) -> Parsed<'a> {
    let window = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    match window.first() {
        None => return Parsed::Partial,
        // A TLS greeting, say, has no line end worth waiting for.
        Some(&byte) if !lines::is_token_byte(byte) => return Parsed::Refused(Refusal::RequestLine),
        Some(_) => {}
    }
    // `httparse` begins from the start every time, so it is only asked when another line has ended.
    if searched_bytes > 0 && !window[searched_bytes.min(window.len())..].contains(&b'\n') {
        return partial(window);
    }
    let mut head = httparse::Request::new(&mut []);
    match head.parse_with_uninit_headers(window, &mut slots.fields) {
        Ok(Progress::Complete(head_bytes)) if !lines::has_bare_lf(&window[..head_bytes]) => {
            let (Some(method), Some(target), Some(minor)) = (head.method, head.path, head.version) else {
                return Parsed::Refused(Refusal::HeadMalformed);
            };
            let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
            let line = &window[..method.len() + target.len() + " HTTP/1.1".len() + 1];
            let fields: &'a [Header<'a>] = head.headers;
            match validate(line, method.as_bytes(), target.as_bytes(), version, fields) {
                Ok(request) => Parsed::Whole(request, head_bytes),
                Err(refusal) => Parsed::Refused(refusal),
            }
        }
        Ok(_) => examine(window).map_or_else(|| partial(window), Parsed::Refused),
        Err(error) => match examine(window) {
            Some(refusal) => Parsed::Refused(refusal),
            None if error == httparse::Error::Version => parse_newer(window, &mut slots.newer),
            // The fault is in the line that is not over: it is found when it is.
            None => partial(window),
        },
    }
}

fn examine(window: &[u8]) -> Option<Refusal> {
    let end = window.iter().rposition(|&byte| byte == b'\n')? + 1;
    lines::examine(&window[..end])
}

fn partial<'a>(window: &[u8]) -> Parsed<'a> {
    if window.len() < HEAD_BYTES_MAX {
        Parsed::Partial
    } else if window.contains(&b'\n') {
        Parsed::Refused(Refusal::HeadTooLong)
    } else {
        Parsed::Refused(Refusal::TargetTooLong)
    }
}

/// A head of HTTP/1.2 to 1.9 in which `lines::examine` found nothing wrong.
fn parse_newer<'a>(window: &'a [u8], slots: &'a mut Option<[Header<'a>; FIELD_COUNT_MAX]>) -> Parsed<'a> {
    let Some(line_end) = window.iter().position(|&byte| byte == b'\n') else { return partial(window) };
    let line = &window[..line_end - 1];
    let mut parts = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target)) = (parts.next(), parts.next()) else {
        return Parsed::Refused(Refusal::RequestLine);
    };
    let slots = slots.insert([EMPTY_HEADER; FIELD_COUNT_MAX]);
    match httparse::parse_headers(&window[line_end + 1..], slots) {
        Ok(Progress::Complete((fields_bytes, fields))) => {
            match validate(line, method, target, Version::Http11, fields) {
                Ok(request) => Parsed::Whole(request, line_end + 1 + fields_bytes),
                Err(refusal) => Parsed::Refused(refusal),
            }
        }
        Ok(Progress::Partial) | Err(_) => partial(window),
    }
}

/// What the fields say about the message itself, collected in one walk.
#[derive(Default)]
struct Control<'a> {
    host: Option<&'a [u8]>,
    has_second_host: bool,
    length: Option<&'a [u8]>,
    has_second_length: bool,
    has_coding: bool,
    is_chunked_last: bool,
    /// Something follows a chunked coding.
    has_inner_chunked: bool,
    has_other_coding: bool,
    closes: bool,
    keeps_alive: bool,
    expects_continue: bool,
    has_other_expectation: bool,
}

impl<'a> Control<'a> {
    fn collect(fields: &[Header<'a>]) -> Control<'a> {
        let mut control = Control::default();
        for field in fields {
            // By length first: most fields are none of these.
            match field.name.len() {
                4 if field.name.eq_ignore_ascii_case("host") => {
                    control.has_second_host |= control.host.replace(field.value).is_some();
                }
                6 if field.name.eq_ignore_ascii_case("expect") => {
                    for expectation in members(field.value) {
                        let known = expectation.eq_ignore_ascii_case(b"100-continue");
                        control.expects_continue |= known;
                        control.has_other_expectation |= !known;
                    }
                }
                10 if field.name.eq_ignore_ascii_case("connection") => {
                    for option in members(field.value) {
                        control.closes |= option.eq_ignore_ascii_case(b"close");
                        control.keeps_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                14 if field.name.eq_ignore_ascii_case("content-length") => {
                    control.has_second_length |= control.length.replace(field.value).is_some();
                }
                17 if field.name.eq_ignore_ascii_case("transfer-encoding") => {
                    control.has_coding = true;
                    for coding in members(field.value) {
                        control.has_inner_chunked |= control.is_chunked_last;
                        control.is_chunked_last = coding.eq_ignore_ascii_case(b"chunked");
                        control.has_other_coding |= !control.is_chunked_last;
                    }
                }
                _ => {}
            }
        }
        control
    }

    /// RFC 9112, sections 6.1 to 6.3, with every doubt refused rather than guessed at.
    fn framing(&self, version: Version) -> Result<Framing, Refusal> {
        if self.has_coding {
            if version == Version::Http10 {
                return Err(Refusal::CodingInOldVersion);
            }
            if self.length.is_some() {
                return Err(Refusal::LengthWithCoding);
            }
            if !self.is_chunked_last || self.has_inner_chunked {
                return Err(Refusal::CodingNotChunked);
            }
            if self.has_other_coding {
                return Err(Refusal::CodingUnknown);
            }
            return Ok(Framing::Chunked);
        }
        if self.has_second_length {
            return Err(Refusal::LengthRepeated);
        }
        let Some(digits) = self.length else { return Ok(Framing::None) };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::LengthInvalid);
        }
        let length =
            digits.iter().try_fold(0u64, |length, digit| length.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
        match length.ok_or(Refusal::LengthInvalid)? {
            0 => Ok(Framing::None),
            length => Ok(Framing::Length(length)),
        }
    }
}

/// The members of a comma-separated list; empty ones are left out (RFC 9110, section 5.6.1.2).
fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_space = |byte: &u8| *byte == b' ' || *byte == b'\t';
    value.split(|&byte| byte == b',').filter_map(move |member| {
        let start = member.iter().position(|byte| !is_space(byte))?;
        let end = member.iter().rposition(|byte| !is_space(byte))?;
        Some(&member[start..=end])
    })
}

fn validate<'a>(
    line: &'a [u8],
    method: &[u8],
    raw_target: &'a [u8],
    version: Version,
    fields: &'a [Header<'a>],
) -> Result<Request<'a>, Refusal> {
    // First the request line, because `lines` finds these first, too.
    if !raw_target.iter().fold(true, |good, &byte| good & target::is_target_byte(byte)) {
        return Err(Refusal::TargetInvalid);
    }
    let control = Control::collect(fields);
    let framing = control.framing(version)?;
    let method = Method::from_token(method);
    let target = Target::parse(Some(method), raw_target).ok_or(Refusal::TargetInvalid)?;
    match control.host {
        _ if control.has_second_host => return Err(Refusal::HostRepeated),
        Some(host) if !target::is_authority(host) => return Err(Refusal::HostInvalid),
        None if version == Version::Http11 => return Err(Refusal::HostMissing),
        _ => {}
    }
    // An expectation in HTTP/1.0 is to be ignored (RFC 9110, section 10.1.1).
    let heeds_expectations = version == Version::Http11;
    if heeds_expectations && control.has_other_expectation {
        return Err(Refusal::ExpectationUnknown);
    }
    let asks_to_close = control.closes || (version == Version::Http10 && !control.keeps_alive);
    // After CONNECT the client would send what is not HTTP.
    let is_persistent = !asks_to_close && method != Method::Connect;
    Ok(Request {
        method,
        version,
        framing,
        is_persistent,
        asks_to_close,
        expects_continue: heeds_expectations && control.expects_continue,
        line,
        raw_target,
        target,
        host: control.host,
        fields,
    })
}
