//! Lists of mirrors as other servers give them: text with one URL per line, and metalinks.

use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

/// Longest list, bytes.
pub const LIST_BYTES_MAX: usize = 1 << 20;
/// Most mirrors that are taken of one list.
const MIRRORS_MAX: usize = 256;

/// The base URLs of a list in text, in its order. Lines that are none are left out.
pub fn of_text(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| is_base(line)).map(with_slash).take(MIRRORS_MAX).collect()
}

/// The base URLs of a metalink, most preferred first: those of the repo whose `repomd.xml` it is about.
pub fn of_metalink(text: &str) -> Vec<String> {
    let mut reader = Reader::from_str(text);
    let mut found: Vec<(u32, String)> = Vec::new();
    let mut preference = None;
    let mut url = String::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) if start.local_name().as_ref() == "url" => {
                let value = |name: &str| {
                    let attribute = start.try_get_attribute(name).ok().flatten()?;
                    attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
                };
                preference = Some(value("preference").and_then(|text| text.parse().ok()).unwrap_or(0));
                url.clear();
            }
            Ok(Event::Text(text)) if preference.is_some() => url.push_str(&text),
            Ok(Event::GeneralRef(name)) if preference.is_some() && name.as_ref() == "amp" => url.push('&'),
            Ok(Event::End(end)) if end.local_name().as_ref() == "url" => {
                let base = url.trim().strip_suffix("repodata/repomd.xml").filter(|base| is_base(base));
                if let (Some(preference), Some(base)) = (preference.take(), base) {
                    found.push((preference, with_slash(base)));
                }
            }
            // What came before a fault counts: it was said.
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
        if found.len() >= MIRRORS_MAX {
            break;
        }
    }
    // Stable: those that are as good as each other stay in their order.
    found.sort_by_key(|(preference, _)| std::cmp::Reverse(*preference));
    found.into_iter().map(|(_, base)| base).collect()
}

fn is_base(url: &str) -> bool {
    (url.starts_with("http://") || url.starts_with("https://")) && url.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A base URL with its slash.
pub fn with_slash(url: &str) -> String {
    if url.ends_with('/') { url.to_owned() } else { format!("{url}/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_their_order() {
        let text = "# repo = x\nhttp://a.example/x/\r\n\nhttps://b.example/y\nftp://c.example/\nnonsense\n";
        assert_eq!(of_text(text), ["http://a.example/x/", "https://b.example/y/"]);
    }

    #[test]
    fn metalinks_are_read_by_preference() {
        let text = r#"<?xml version="1.0"?><metalink xmlns="http://www.metalinker.org/"><files><file name="repomd.xml">
            <resources maxconnections="1">
            <url protocol="http" preference="90">http://b.example/x/repodata/repomd.xml</url>
            <url protocol="https" preference="100"> https://a.example/x?a=1&amp;b=/repodata/repomd.xml </url>
            <url protocol="rsync" preference="99">rsync://a.example/x/repodata/repomd.xml</url>
            <url protocol="http">http://c.example/x/repodata/repomd.xml</url>
            <url protocol="http" preference="90">http://d.example/other</url>
            </resources></file></files></metalink>"#;
        assert_eq!(of_metalink(text), ["https://a.example/x?a=1&b=/", "http://b.example/x/", "http://c.example/x/"]);
        assert!(of_metalink("<metalink><url preference='1'>http://a/repodata/repomd.xml").is_empty());
    }
}
