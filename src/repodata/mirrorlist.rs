//! A list of mirrors as text: one URL per line.

/// Longest line that may be a mirror, bytes.
const LINE_BYTES_MAX: usize = 1024;

/// The base URLs in a list, in its order, at most `mirrors_max`. Lines that are no http:// or https:// URL are passed
/// over: comments, errors, other protocols. Each ends in a slash.
pub fn mirrors_of(text: &str, mirrors_max: usize) -> Vec<String> {
    let mut mirrors: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| is_base_url(line)) {
        let slash = if line.ends_with('/') { "" } else { "/" };
        let url = format!("{line}{slash}");
        if mirrors.len() >= mirrors_max {
            break;
        }
        if !mirrors.contains(&url) {
            mirrors.push(url);
        }
    }
    mirrors
}

/// Whether a text is a http:// or https:// URL with a host, without white space, query or fragment.
pub(super) fn is_base_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && text.len() <= LINE_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\' | b'"' | b'<' | b'>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_and_the_rest_is_passed_over() {
        let text = "# repo = x\r\nhttp://a.example/os/\r\n  https://b.example/os \n\nftp://c.example/\nrsync://d/\n\
                    http://\nhttp:///x\nhttp://a.example/os\nError: no such repo\nhttp://e.example/a b/\n\
                    http://f/?x=1\nhttp://g/";
        assert_eq!(mirrors_of(text, 9), ["http://a.example/os/", "https://b.example/os/", "http://g/"]);
        assert_eq!(mirrors_of(text, 2).len(), 2);
        assert!(mirrors_of("", 9).is_empty());
        assert!(mirrors_of(&format!("http://{}/", "a".repeat(2000)), 9).is_empty());
    }
}
