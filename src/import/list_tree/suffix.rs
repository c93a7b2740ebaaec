//! What the URLs of one repo share at their end.

use std::collections::BTreeMap;

/// What `urls` end with, from the release's directory on, with a final slash. Mostly that is `RELEASE/PATH/`; where no
/// URL ends so, the release is an alias: then what stands in front of `/PATH/` most often is the directory. Where no
/// URL ends with the path either, the longest end that all share; and `RELEASE/PATH/` where they share none.
pub(super) fn shared<'a>(release: &str, path: &str, urls: impl Iterator<Item = &'a String> + Clone) -> String {
    let plain = format!("{release}/{path}/");
    if urls.clone().any(|url| base(url, &plain).is_some()) {
        return plain;
    }
    let path_end = format!("/{path}/");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for url in urls.clone() {
        let before = url_path(url).and_then(|path| path.strip_suffix(path_end.as_str()));
        let directory = before.and_then(|before| before.rsplit('/').next());
        if let Some(directory) = directory.filter(|directory| !directory.is_empty()) {
            *counts.entry(directory).or_default() += 1;
        }
    }
    // Of two that are as frequent the first in order, so that the same files give the same tree.
    if let Some((directory, _)) = counts.into_iter().rev().max_by_key(|&(_, count)| count) {
        return format!("{directory}{path_end}");
    }
    let mut shared: Option<Vec<&str>> = None;
    for url in urls {
        let segments: Vec<&str> = url_path(url).unwrap_or_default().split('/').skip(1).collect();
        let end = shared.get_or_insert_with(|| segments.clone());
        let count = end.iter().rev().zip(segments.iter().rev()).take_while(|(one, other)| one == other).count();
        end.drain(..end.len() - count);
    }
    // The last segment is the empty one after the final slash.
    match shared {
        Some(end) if end.len() > 1 => end.join("/"),
        _ => plain,
    }
}

/// A URL without `suffix`: with a final slash, and never without a host.
pub(super) fn base<'a>(url: &'a str, suffix: &str) -> Option<&'a str> {
    let base = url.strip_suffix(suffix)?;
    (base.ends_with('/') && url_path(base).is_some()).then_some(base)
}

/// The path of a URL that has a host, with its first slash.
fn url_path(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let slash = rest.find('/')?;
    (slash > 0).then(|| &rest[slash..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared_by(urls: &[&str]) -> String {
        let urls: Vec<String> = urls.iter().map(|&url| url.to_owned()).collect();
        shared("7", "os/x86_64", urls.iter())
    }

    #[test]
    fn the_suffix_is_what_urls_share() {
        assert_eq!(shared_by(&[]), "7/os/x86_64/");
        assert_eq!(shared_by(&["http://a.example/c/7/os/x86_64/"]), "7/os/x86_64/");
        let alias = ["http://a.example/c/7.9/os/x86_64/", "http://b.example/7.9/os/x86_64/", "http://c.example/x/"];
        assert_eq!(shared_by(&alias), "7.9/os/x86_64/");
        let moved = ["http://a.example/c/7.9/x86_64/os/", "http://b.example/d/7.9/x86_64/os/"];
        assert_eq!(shared_by(&moved), "7.9/x86_64/os/");
        assert_eq!(shared_by(&["http://a.example/x/", "http://b.example/y/"]), "7/os/x86_64/");
        assert_eq!(shared_by(&["http://os/x86_64/", "no url"]), "7/os/x86_64/");
    }

    #[test]
    fn a_base_has_a_host_and_a_final_slash() {
        assert_eq!(base("http://a.example/c/7/os/", "7/os/"), Some("http://a.example/c/"));
        assert_eq!(base("http://a.example/7/os/", "7/os/"), Some("http://a.example/"));
        assert_eq!(base("http://a.example/c7/os/", "7/os/"), None);
        assert_eq!(base("http://7/os/", "7/os/"), None);
        assert_eq!(base("http:///7/os/", "7/os/"), None);
        assert_eq!(base("http://a.example/8/os/", "7/os/"), None);
    }
}
