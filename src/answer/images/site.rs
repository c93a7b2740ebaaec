//! `Site`: what operators give the pages: a title, a logo, links, a footer; and what follows from it for every page.
//!
//! Frozen with each reload. Not here: where these come from (`config`), who reads the logo's file (`daemon`).

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use super::base64::Base64;

/// Where our own logo and that of operators is served, below the prefix. No branch is called `-`.
const LOGO_PATH: &str = "/-/logo-";
/// The stylesheet of all pages.
pub const STYLE: &str = include_str!("templates/style.css");
/// The logo of those who configure none.
const OWN_LOGO: &str = include_str!("templates/logo.svg");

/// A kind of picture that browsers show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Scalable Vector Graphics.
    Svg,
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl Picture {
    /// The kind of these bytes: by how they begin, not by what a file is called.
    pub fn of(bytes: &[u8]) -> Option<Picture> {
        let text = bytes.trim_ascii_start();
        let has_svg = || bytes.windows(4).any(|part| part == b"<svg");
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Picture::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Picture::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Picture::Webp),
            _ if text.starts_with(b"<") && has_svg() => Some(Picture::Svg),
            _ => None,
        }
    }

    /// The Content-Type line of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Picture::Svg => "Content-Type: image/svg+xml\r\n",
            Picture::Png => "Content-Type: image/png\r\n",
            Picture::Jpeg => "Content-Type: image/jpeg\r\n",
            Picture::Webp => "Content-Type: image/webp\r\n",
        }
    }
}

/// A picture that the server itself hands out.
#[derive(Clone, Debug)]
pub struct Logo {
    picture: Picture,
    bytes: Vec<u8>,
    /// Path below the prefix. It names the content, so that it may be kept for ever.
    path: String,
}

impl Logo {
    /// A logo of these bytes; none when they are no picture.
    pub fn new(bytes: Vec<u8>) -> Option<Logo> {
        let picture = Picture::of(&bytes)?;
        Some(Logo { picture, path: format!("{LOGO_PATH}{:016x}", xxh3_64(&bytes)), bytes })
    }

    /// Its kind.
    pub fn picture(&self) -> Picture {
        self.picture
    }

    /// It.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A link in the head of each page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteLink {
    /// What it says.
    pub text: String,
    /// Where it leads.
    pub url: String,
}

/// What operators give the pages.
#[derive(Clone, Debug)]
pub struct Site {
    /// Name of the site.
    pub title: String,
    /// Links in the head of each page.
    pub links: Vec<SiteLink>,
    /// Text in the footer; may be empty.
    pub footer: String,
    /// Path of a logo that somebody else serves under the same name, in place of `logo`.
    logo_url: Option<String>,
    logo: Logo,
    policy: String,
}

impl Site {
    /// A site with our own logo.
    pub fn new(title: String, links: Vec<SiteLink>, footer: String) -> Site {
        let bytes = OWN_LOGO.as_bytes().to_vec();
        let path = format!("{LOGO_PATH}{:016x}", xxh3_64(&bytes));
        let logo = Logo { picture: Picture::Svg, bytes, path };
        Site { title, links, footer, logo_url: None, logo, policy: policy() }
    }

    /// The same with another logo, served by us.
    pub fn with_logo(self, logo: Logo) -> Site {
        Site { logo, ..self }
    }

    /// The same with a logo that somebody else serves.
    pub fn with_logo_url(self, url: String) -> Site {
        Site { logo_url: Some(url), ..self }
    }

    /// Content-Security-Policy of every page.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// The logo, when this is its path below the prefix.
    pub fn logo_at(&self, path: &[u8]) -> Option<&Logo> {
        (self.logo_url.is_none() && self.logo.path.as_bytes() == path).then_some(&self.logo)
    }

    /// Where the logo is, as a prefix and a path.
    pub(super) fn logo_href<'a>(&'a self, prefix: &'a str) -> [&'a str; 2] {
        match &self.logo_url {
            Some(url) => ["", url],
            None => [prefix, &self.logo.path],
        }
    }
}

/// Nothing but the one stylesheet, pictures of our own and the form that asks for another country.
fn policy() -> String {
    let style = Base64(Sha256::digest(STYLE.as_bytes()).into_iter());
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_bytes() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some(Picture::Png)),
            (b"\xff\xd8\xff\xe0..", Some(Picture::Jpeg)),
            (b"RIFF....WEBPVP8 ", Some(Picture::Webp)),
            (b"\n<?xml version=\"1.0\"?><svg></svg>", Some(Picture::Svg)),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Some(Picture::Svg)),
            (b"<!doctype html><p>no", None),
            (b"GIF89a", None),
            (b"", None),
        ] {
            assert_eq!(Picture::of(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn our_own_logo_is_a_picture_and_the_style_ends_no_element() {
        assert!(Logo::new(OWN_LOGO.as_bytes().to_vec()).is_some());
        assert!(!STYLE.contains("</") && !STYLE.contains("{{") && !STYLE.contains("url("), "it is put in as it is");
    }
}
