//! What an unsafe request makes useless: RFC 9111, section 4.4.

use super::location;
use crate::http::{Fields, Method};

/// The URLs of which nothing stored may be used any more, after a request to `target` (an absolute URL) had a response.
/// `method` is `None` when it is one not known here, which has to be taken for unsafe. None at all after safe methods
/// and errors; else the target, and what Location and Content-Location name at the same origin.
pub fn invalidated(method: Option<Method>, target: &str, status: u16, response: Fields<'_>) -> Vec<String> {
    let is_safe =
        matches!(method, Some(Method::Get | Method::Head | Method::Options | Method::Trace | Method::Connect));
    if is_safe || !(200..400).contains(&status) {
        return Vec::new();
    }
    let mut urls = vec![target.to_string()];
    for name in ["location", "content-location"] {
        let reference = response.only(name).and_then(|value| str::from_utf8(value).ok());
        let url = reference.and_then(|reference| location::resolve(target, reference));
        if let Some(url) = url.filter(|url| location::is_same_origin(url, target) && !urls.contains(url)) {
            urls.push(url);
        }
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldBlock;

    #[test]
    fn unsafe_methods_that_succeed_rfc9111_4_4() {
        let mut block = FieldBlock::new();
        for (name, value) in [("Location", "y"), ("Content-Location", "http://a/z")] {
            assert!(block.push(name.as_bytes(), value.as_bytes()));
        }
        let of = |method, status| invalidated(method, "http://a/x", status, block.fields());
        for method in [Some(Method::Post), Some(Method::Put), Some(Method::Delete), Some(Method::Patch), None] {
            assert_eq!(of(method, 200), ["http://a/x", "http://a/y", "http://a/z"]);
            assert_eq!(of(method, 303).len(), 3);
            assert!(of(method, 404).is_empty() && of(method, 500).is_empty());
        }
        for method in [Method::Get, Method::Head, Method::Options, Method::Trace] {
            assert!(of(Some(method), 200).is_empty());
        }
    }

    #[test]
    fn others_hosts_are_not_ours_to_invalidate_rfc9111_4_4() {
        let mut block = FieldBlock::new();
        assert!(block.push(b"Location", b"http://b/x") && block.push(b"Content-Location", b"https://a/x"));
        assert_eq!(invalidated(None, "http://a/x", 200, block.fields()), ["http://a/x"]);
    }
}
