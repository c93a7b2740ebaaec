//! `Pages`: the table `[pages]` of the configuration.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Most host names.
const HOSTS_MAX: usize = 64;
/// Most links in the head of pages: more do not fit beside each other.
const LINKS_MAX: usize = 12;
/// Longest title and longest text of a link, characters.
const TITLE_CHARS_MAX: usize = 80;
/// Longest text in the footer, characters.
const FOOTER_CHARS_MAX: usize = 1000;
/// Longest URL, host name or prefix, bytes.
const URL_BYTES_MAX: usize = 500;
/// Paths that are something else, whatever the prefix.
const OTHER_PATHS: [&str; 3] = ["/mirrorlist", "/metrics", "/healthz"];

/// Pages and redirects for images, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Whether there are any.
    pub enabled: bool,
    /// Host names in lower case, all of whose paths are of images.
    pub hosts: Vec<String>,
    /// What stands before paths of images on other hosts, without a final slash; may be empty.
    pub prefix: String,
    /// Name of the site.
    pub title: String,
    /// Picture that is served by this program.
    pub logo_file: Option<PathBuf>,
    /// Path of a picture that is served by another one under the same name.
    pub logo_url: Option<String>,
    /// Links in the head of each page: text and URL.
    pub links: Vec<(String, String)>,
    /// Text in the footer; may be empty.
    pub footer: String,
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenPages {
    enabled: bool,
    hosts: Vec<String>,
    prefix: String,
    title: String,
    logo_file: Option<PathBuf>,
    logo_url: Option<String>,
    links: Vec<WrittenLink>,
    footer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLink {
    text: String,
    url: String,
}

impl Default for WrittenPages {
    fn default() -> WrittenPages {
        WrittenPages {
            enabled: true,
            hosts: Vec::new(),
            prefix: String::new(),
            title: "Downloads".to_owned(),
            logo_file: None,
            logo_url: None,
            links: Vec::new(),
            footer: String::new(),
        }
    }
}

/// A setting, and what is wrong with it.
pub(super) type Wrong = (&'static str, String);

impl WrittenPages {
    /// Checks everything; relative paths start from `folder`.
    pub fn check(self, folder: &Path) -> Result<Pages, Wrong> {
        let few = |key, count: usize, count_max: usize| {
            if count <= count_max { Ok(()) } else { Err((key, format!("{count} are too many, at most {count_max}"))) }
        };
        few("pages.hosts", self.hosts.len(), HOSTS_MAX)?;
        few("pages.links", self.links.len(), LINKS_MAX)?;
        if self.logo_file.is_some() && self.logo_url.is_some() {
            return Err(("pages.logo_url", "and `logo_file` name a logo each; leave one of them out".to_owned()));
        }
        let links = self.links.into_iter().map(|link| {
            let text = text("pages.links", link.text, TITLE_CHARS_MAX)?;
            let url = url("pages.links", link.url, &["https://", "http://", "mailto:", "/"])?;
            if text.is_empty() { Err(("pages.links", format!("{url:?} has no text"))) } else { Ok((text, url)) }
        });
        let title = text("pages.title", self.title, TITLE_CHARS_MAX)?;
        if title.is_empty() {
            return Err(("pages.title", "is empty; leave the line out for the usual one".to_owned()));
        }
        Ok(Pages {
            enabled: self.enabled,
            hosts: self.hosts.into_iter().map(host).collect::<Result<_, _>>()?,
            prefix: prefix(self.prefix)?,
            title,
            logo_file: self.logo_file.map(|path| folder.join(path)),
            logo_url: self.logo_url.map(|path| url("pages.logo_url", path, &["/"])).transpose()?,
            links: links.collect::<Result<_, _>>()?,
            footer: text("pages.footer", self.footer, FOOTER_CHARS_MAX)?,
        })
    }
}

fn host(host: String) -> Result<String, Wrong> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let name = host.strip_suffix('.').unwrap_or(&host);
    if name.is_empty() || name.len() > URL_BYTES_MAX || !name.bytes().all(fits) {
        return Err(("pages.hosts", format!("{host:?} is no host name; write it without scheme and port")));
    }
    Ok(name.to_ascii_lowercase())
}

fn prefix(prefix: String) -> Result<String, Wrong> {
    let wrong = |what: &str| Err(("pages.prefix", format!("{prefix:?} {what}")));
    let path = prefix.strip_suffix('/').unwrap_or(&prefix);
    if path.is_empty() {
        return Ok(String::new());
    }
    let fits = |step: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !step.is_empty() && step != "." && step != ".." && step.bytes().all(plain)
    };
    let is_path = path.strip_prefix('/').is_some_and(|steps| steps.split('/').all(fits));
    if !is_path || path.len() > URL_BYTES_MAX {
        return wrong("is no prefix; write one like `/isos`, of letters, digits and `-._~`");
    }
    if OTHER_PATHS.contains(&path) {
        return wrong("is the path of something else; take another one");
    }
    Ok(path.to_owned())
}

fn text(key: &'static str, text: String, chars_max: usize) -> Result<String, Wrong> {
    let text = text.trim();
    let count = text.chars().count();
    if count > chars_max {
        return Err((key, format!("{count} characters are too many, at most {chars_max}")));
    }
    if text.contains(char::is_control) {
        return Err((key, "has control characters, such as line ends; leave them out".to_owned()));
    }
    Ok(text.to_owned())
}

fn url(key: &'static str, url: String, beginnings: &[&str]) -> Result<String, Wrong> {
    let begins = beginnings.iter().any(|beginning| url.starts_with(beginning));
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\`".contains(&byte));
    if !begins || url.starts_with("//") || !is_plain || url.len() > URL_BYTES_MAX {
        return Err((key, format!("{url:?} is no URL that begins with {}", beginnings.join(" or "))));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Pages, Wrong> {
        toml::from_str::<WrittenPages>(text).unwrap().check(Path::new("/etc/m"))
    }

    #[test]
    fn everything_can_be_said() {
        let pages = check(
            "hosts = ['ISOs.example.org', 'isos.example.net.']\nprefix = '/pub/isos/'\ntitle = ' Ember '\n\
             logo_file = 'logo.svg'\nlinks = [{ text = 'Home', url = 'https://example.org/?a=b&c=d' }]\nfooter = 'Bye'",
        )
        .unwrap();
        assert_eq!(pages.hosts, ["isos.example.org", "isos.example.net"]);
        assert_eq!((pages.prefix.as_str(), pages.title.as_str(), pages.footer.as_str()), ("/pub/isos", "Ember", "Bye"));
        assert_eq!(pages.logo_file, Some("/etc/m/logo.svg".into()));
        assert_eq!(pages.links, [("Home".to_owned(), "https://example.org/?a=b&c=d".to_owned())]);
        let usual = check("").unwrap();
        assert!(usual.enabled && usual.hosts.is_empty() && usual.prefix.is_empty() && usual.title == "Downloads");
        assert_eq!(check("prefix = '/'").unwrap().prefix, "");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, key) in [
            ("hosts = ['http://a']", "pages.hosts"),
            ("hosts = ['a:80']", "pages.hosts"),
            ("hosts = ['']", "pages.hosts"),
            ("prefix = 'isos'", "pages.prefix"),
            ("prefix = '//isos'", "pages.prefix"),
            ("prefix = '/a/../b'", "pages.prefix"),
            ("prefix = '/a b'", "pages.prefix"),
            ("prefix = '/metrics/'", "pages.prefix"),
            ("title = ''", "pages.title"),
            ("title = \"a\\nb\"", "pages.title"),
            ("links = [{ text = 'x', url = 'javascript:alert(1)' }]", "pages.links"),
            ("links = [{ text = 'x', url = '//other.example/' }]", "pages.links"),
            ("links = [{ text = '', url = '/x' }]", "pages.links"),
            ("logo_url = 'https://other.example/logo.png'", "pages.logo_url"),
            ("logo_url = '/l.png'\nlogo_file = 'l.png'", "pages.logo_url"),
        ] {
            assert_eq!(check(text).unwrap_err().0, key, "{text}");
        }
        assert!(check(&format!("footer = '{}'", "x".repeat(1001))).is_err());
        assert!(check(&format!("hosts = [{}]", "'a',".repeat(65))).is_err());
    }
}
