//! Appending to answers without allocation: digests, and texts that are not ours. Not here: numbers (`decimal`).

/// Longest text of a client's that is repeated to it, bytes.
const ECHO_BYTES_MAX: usize = 256;

/// Appends bytes in lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
}

/// Appends a client's own words: what could be in a name or a path as it is, `?` for all else, so that it can neither
/// end a line nor a comment nor begin a tag.
pub fn echo(text: &[u8], out: &mut Vec<u8>) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~/-".contains(&byte);
    let text = &text[..text.len().min(ECHO_BYTES_MAX)];
    out.extend(text.iter().map(|&byte| if fits(byte) { byte } else { b'?' }));
}

/// Appends a text of XML: as content or as the value of an attribute.
pub fn xml(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&apos;"),
            // XML 1.0 has no place for other control characters, not even as references.
            0..=8 | 11 | 12 | 14..=31 => out.push(b'?'),
            byte => out.push(byte),
        }
    }
}

/// Makes what was appended since `start` fit into an XML comment: two hyphens would end it.
pub fn fit_comment(out: &mut [u8], start: usize) {
    let text = out.get_mut(start..).unwrap_or_default();
    for at in 1..text.len() {
        if text[at] == b'-' && text[at - 1] == b'-' {
            text[at] = b'_';
        }
    }
    if let Some(last) = text.last_mut().filter(|last| **last == b'-') {
        *last = b'_';
    }
}

/// Appends a text of JSON, without its quotes. Bytes that are no UTF-8 become `?`.
pub fn json(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                0..=31 => {
                    out.extend_from_slice(b"\\u00");
                    hexadecimal(&[byte], out);
                }
                byte => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.push(b'?');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(
            written(|out| xml(b"<a href=\"x\">'&\0</a>", out)),
            "&lt;a href=&quot;x&quot;&gt;&apos;&amp;?&lt;/a&gt;"
        );
        assert_eq!(written(|out| json(b"a\"b\\c\n\x01\xffz", out)), "a\\\"b\\\\c\\u000a\\u0001?z");
        assert_eq!(written(|out| echo(b"epel-9\r\n<b>--&\xff", out)), "epel-9???b?--??");
        assert_eq!(written(|out| hexadecimal(&[0, 0xaf, 255], out)), "00afff");
        let mut out = b"<!-- a---b-".to_vec();
        fit_comment(&mut out, 5);
        assert_eq!(out, b"<!-- a-_-b_");
    }

    proptest! {
        #[test]
        fn json_is_read_back(text in "\\PC*|[\\x00-\\x7f]*") {
            let written = written(|out| json(text.as_bytes(), out));
            prop_assert_eq!(serde_json::from_str::<String>(&format!("\"{written}\"")).unwrap(), text);
        }

        #[test]
        fn comments_hold_nothing_that_ends_them(text in "[-a>!]{0,20}") {
            let mut out = text.into_bytes();
            fit_comment(&mut out, 0);
            let text = String::from_utf8(out).unwrap();
            prop_assert!(!text.contains("--") && !text.ends_with('-'));
        }
    }
}
