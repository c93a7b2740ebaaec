//! The front page: the repos with their state, for people and for programs, and a `.repo` file for each.
//!
//! - `facts`    `Facts`: what is told
//! - `figures`  sizes and times as people read them
//!
//! Lives here: how it is written, as HTML (by the template beside this file, which escapes all that is put into it), as
//! JSON and as `.repo` files. Not here: heads of answers (`page`).

mod facts;
mod figures;

use std::fmt;
use std::sync::LazyLock;

use askama::Template;
use sha2::{Digest, Sha256};

pub use facts::Facts;
use figures::{Count, Size};

/// The one stylesheet.
const STYLE: &str = include_str!("templates/style.css");

/// Content-Security-Policy of the page: nothing but its stylesheet.
pub static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = base64(&Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

#[derive(Template)]
#[template(path = "front.html", config = "src/proxy/front/askama.toml")]
struct Page<'f> {
    facts: &'f Facts,
    host: &'f str,
}

/// Appends the page; `host` is what clients call us.
pub fn html(facts: &Facts, host: &str, out: &mut Vec<u8>) {
    // Writing into a vector cannot fail, and nothing that the template names does.
    let _ = Page { facts, host }.render_into(&mut Text(out));
}

/// Appends the same for programs.
pub fn json(facts: &Facts, out: &mut Vec<u8>) {
    // Writing into a vector cannot fail, and all keys are texts.
    let _ = serde_json::to_writer(&mut *out, facts);
    out.push(b'\n');
}

/// What a client's file in `/etc/yum.repos.d` says of a repo.
pub fn repo_file(name: &str, host: &str) -> String {
    format!("[{name}]\nname={name}\nbaseurl=http://{host}/{name}/$releasever/$basearch/\nenabled=1\ngpgcheck=1\n")
}

/// A vector of bytes as a place for text.
struct Text<'o>(&'o mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::facts::{Cache, MirrorFacts, RepoFacts, ShelfFacts};
    use super::*;

    fn facts() -> Facts {
        let mirror = MirrorFacts {
            url: "http://m.example/<script>/".into(),
            served: 7,
            failed: 2,
            wrong: 1,
            avoided: true,
            bytes_per_second: Some(3 << 20),
        };
        let shelf = ShelfFacts {
            release: "9".into(),
            arch: "x86_64".into(),
            generation: Some("0123456789ab".into()),
            generations: 3,
            made: Some(1_795_305_600),
            shown: Some(1_795_305_600),
            confirmed_seconds_ago: Some(61),
            packages: Some(1234),
            package_bytes: Some(5 << 30),
        };
        let repo = RepoFacts {
            name: "ember".into(),
            answers: 4,
            hits: 3,
            body_bytes: 4096,
            hit_bytes: 3072,
            releases: vec![shelf],
            mirrors: vec![mirror],
        };
        let cache = Cache { objects: 5, bytes: 2048, bytes_max: 1 << 30, evicted: 0, coming: 1 };
        Facts { name: "proxy.example".into(), offline: true, cache, repos: vec![repo] }
    }

    #[test]
    fn the_page_tells_and_escapes() {
        let mut page = Vec::new();
        html(&facts(), "h&\"o", &mut page);
        let page = String::from_utf8(page).unwrap();
        for told in
            ["proxy.example", "ember", "0123456789ab", "1,234", "5.0 GiB", "75 %", "3.0 MiB", "avoided", "offline"]
        {
            assert!(page.contains(told), "{told}: {page}");
        }
        assert!(!page.contains("<script") && page.contains("&#60;script&#62;"), "{page}");
        assert!(page.contains("http://h&#38;&#34;o/ember/$releasever/$basearch/"), "{page}");
        assert!(page.contains("href=\"/ember.repo\""), "{page}");
    }

    #[test]
    fn an_empty_proxy_has_a_page() {
        let mut page = Vec::new();
        html(&Facts { repos: Vec::new(), offline: false, ..facts() }, "h", &mut page);
        assert!(String::from_utf8(page).unwrap().contains("No repo is configured"));
    }

    #[test]
    fn programs_get_the_same() {
        let mut text = Vec::new();
        json(&facts(), &mut text);
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["repos"][0]["releases"][0]["generation"], "0123456789ab");
        assert_eq!(value["repos"][0]["mirrors"][0]["bytes_per_second"], 3 << 20);
        assert_eq!((&value["repos"][0]["hits"], &value["cache"]["bytes_max"]), (&3.into(), &(1 << 30).into()));
    }

    #[test]
    fn the_policy_names_the_stylesheet() {
        // RFC 4648, section 10.
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert!(POLICY.contains("style-src 'sha256-") && !POLICY.contains("inline"));
    }
}
