//! What is wrong with a request head, line by line, so that the answer does not depend on how its bytes were cut.
//!
//! Only heads that are broken, or not yet whole, come here; whole good ones are `httparse`'s alone.

use super::limits::FIELD_COUNT_MAX;
use super::refusal::Refusal;
use super::target::is_target_byte;

/// The first thing wrong in the lines of a head, up to its empty line. `lines` ends at a line end.
pub(super) fn examine(lines: &[u8]) -> Option<Refusal> {
    for (index, line) in lines.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let Some(line) = line.strip_suffix(b"\r\n") else { return Some(Refusal::BareLf) };
        let checked = match index {
            0 => check_request_line(line),
            _ if line.is_empty() => return None,
            _ if index > FIELD_COUNT_MAX => Err(Refusal::FieldsTooMany),
            _ => check_field_line(line),
        };
        if let Err(refusal) = checked {
            return Some(refusal);
        }
    }
    None
}

fn check_request_line(line: &[u8]) -> Result<(), Refusal> {
    let mut parts = line.splitn(3, |&byte| byte == b' ');
    let method = parts.next().unwrap_or_default();
    if method.is_empty() || !method.iter().all(|&byte| is_token_byte(byte)) {
        return Err(Refusal::RequestLine);
    }
    let target = parts.next().filter(|target| !target.is_empty()).ok_or(Refusal::RequestLine)?;
    if !target.iter().all(|&byte| is_target_byte(byte)) {
        return Err(Refusal::TargetInvalid);
    }
    match parts.next().ok_or(Refusal::VersionMissing)? {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if minor.is_ascii_digit() => match major {
            b'1' => Ok(()),
            b'2'..=b'9' => Err(Refusal::VersionUnsupported),
            _ => Err(Refusal::VersionInvalid),
        },
        _ => Err(Refusal::VersionInvalid),
    }
}

/// One field line (or trailer line) without its line end: RFC 9112, section 5.
fn check_field_line(line: &[u8]) -> Result<(), Refusal> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Refusal::FieldFolded);
    }
    let colon = line.iter().position(|&byte| !is_token_byte(byte)).ok_or(Refusal::FieldName)?;
    if colon == 0 || line[colon] != b':' {
        return Err(Refusal::FieldName);
    }
    if line[colon + 1..].iter().all(|&byte| is_value_byte(byte)) { Ok(()) } else { Err(Refusal::FieldValue) }
}

/// RFC 9110, section 5.6.2.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110, section 5.5: visible characters, white space and opaque bytes; no controls.
pub(super) fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Whether a line ends in LF without CR.
pub(super) fn has_bare_lf(bytes: &[u8]) -> bool {
    let Some((first, after)) = bytes.split_first() else { return false };
    // Pairs folded without a branch, so that the compiler makes vector instructions of it.
    let pairs = bytes[..after.len()].iter().zip(after);
    *first == b'\n'
        || pairs.fold(0, |found, (&before, &byte)| found | u8::from((byte == b'\n') & (before != b'\r'))) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_line_ends_are_found_wherever_they_are() {
        for length in 1..70 {
            let mut bytes = vec![b'a'; length];
            assert!(!has_bare_lf(&bytes));
            for at in 0..length {
                bytes[at] = b'\n';
                assert!(has_bare_lf(&bytes), "LF at {at} of {length}");
                if at > 0 {
                    bytes[at - 1] = b'\r';
                    assert!(!has_bare_lf(&bytes), "CRLF at {at} of {length}");
                    bytes[at - 1] = b'a';
                }
                bytes[at] = b'a';
            }
        }
        assert!(!has_bare_lf(b""));
    }
}
