//! Paths below a repo's folder, in the one spelling that names a file.

/// Whether a path that metadata name leads nowhere but below the repo's folder, in any reading of URLs.
pub fn stays_below(location: &str) -> bool {
    !location.is_empty()
        && !location.starts_with('/')
        && location.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\' | b':'))
        && location.split('/').all(|part| part != "..")
}

/// A path (of a URL, without its query) in the one spelling that names it here: escapes of plain letters undone, empty
/// parts and `.` left out; `None` where it leads out (`..`), or to a folder, of which mirrors have different lists.
pub fn spelled(path: &str) -> Option<String> {
    let bytes = path.as_bytes();
    let mut plain = String::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            // What is not ASCII has to be escaped in a URL.
            if !byte.is_ascii_graphic() {
                return None;
            }
            plain.push(char::from(byte));
            at += 1;
            continue;
        }
        let nibble = |at: usize| bytes.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let byte = (nibble(at + 1)? << 4 | nibble(at + 2)?) as u8;
        // Whether mirrors take these for what they are is not known: an escaped slash may be one.
        if matches!(byte, 0..0x20 | b'/' | b'\\' | 0x7f) {
            return None;
        }
        match byte.is_ascii_alphanumeric() || b"-._~+".contains(&byte) {
            true => plain.push(char::from(byte)),
            false => plain.push_str(&format!("%{byte:02X}")),
        }
        at += 3;
    }
    let parts: Vec<&str> = plain.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let is_file = !plain.ends_with('/') && !parts.is_empty();
    (is_file && parts.iter().all(|part| *part != "..")).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_spelling() {
        for (path, one) in [
            ("repodata/repomd.xml", "repodata/repomd.xml"),
            ("/repodata//./rep%6Fmd.xml", "repodata/repomd.xml"),
            ("a%2Bb%2b.rpm", "a+b+.rpm"),
            ("a%c3%a4", "a%C3%A4"),
            ("a^b~c", "a^b~c"),
            ("a%5Eb%7ec", "a%5Eb~c"),
        ] {
            assert_eq!(spelled(path).as_deref(), Some(one), "{path}");
            assert_eq!(spelled(one).as_deref(), Some(one), "spelling is done once");
        }
        for bad in [
            "",
            "/",
            "a/",
            ".",
            "..",
            "../a",
            "a/../b",
            "%2e%2e/a",
            "a%2f..%2fb",
            "a%5cb",
            "%zz",
            "%0a",
            "%",
            "%4",
            "%+1",
            "ä",
            "a b",
        ] {
            assert_eq!(spelled(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_not_below() {
        assert!(stays_below("repodata/a-1+b~c.rpm"));
        for bad in ["", "/a", "../a", "a/../b", "http://a/b", "a?b", "a#b", "a\\b", "a b", "ä"] {
            assert!(!stays_below(bad), "{bad}");
        }
    }
}
