//! `Repos` and `Route`: what a path such as `/REPO/RELEASEVER/ARCH/PATH` means. No I/O here.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::know::{Knowledge, Nothing};
use super::mirrors::Mirrors;
use crate::cache::store::Key;
use crate::config::{ProxyRepo, RepoSource};
use crate::upstream::literal;

/// Longest part of a path that is put into URLs of mirror lists, bytes.
const PART_BYTES_MAX: usize = 64;

/// Gives lists of this program, for repos of its inventory.
pub trait Lists: Send + Sync {
    /// Base URLs in order of preference; empty where it knows none.
    fn lists(&self, repo: &str, releasever: &str, arch: &str) -> Vec<String>;
}

/// One repo.
pub struct Repo {
    /// Its settings.
    pub settings: ProxyRepo,
    /// Its mirrors.
    pub mirrors: Mirrors,
    /// What is known of its files.
    pub knowledge: Box<dyn Knowledge>,
}

impl fmt::Debug for Repo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Repo({})", self.settings.name)
    }
}

/// All repos, by name.
#[derive(Default)]
pub struct Repos {
    by_name: BTreeMap<String, Arc<Repo>>,
}

/// How a file behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Names others and changes under its name (`repomd.xml`): asked for again after a while.
    Pointer(Duration),
    /// Does not change: packages, and metadata whose name has its checksum.
    Immutable,
}

/// A file of a repo.
#[derive(Clone, Debug)]
pub struct Route {
    /// The repo.
    pub repo: Arc<Repo>,
    /// `{releasever}`.
    pub releasever: Box<str>,
    /// `{arch}`.
    pub arch: Box<str>,
    /// What follows, without a slash before it.
    pub path: Box<str>,
}

/// What a path is.
pub enum Found {
    /// A file of a repo.
    Route(Route),
    /// Of a repo, but not one that can be: why.
    Bad(&'static str),
    /// None of a repo.
    NotRepo,
}

impl Repos {
    /// The repos of a configuration. Of `old` ones with the same settings everything that was learnt is kept.
    pub fn new(settings: &[ProxyRepo], lists: Option<&Arc<dyn Lists>>, old: Option<&Repos>) -> Repos {
        let mut by_name = BTreeMap::new();
        for repo in settings {
            let kept = old.and_then(|old| old.by_name.get(&repo.name)).filter(|old| old.settings.source == repo.source);
            let made = match kept {
                Some(kept) if kept.settings.pointer == repo.pointer => Arc::clone(kept),
                _ => {
                    let mirrors = Mirrors::new(repo.source.clone(), lists.cloned());
                    Arc::new(Repo { settings: repo.clone(), mirrors, knowledge: Box::new(Nothing) })
                }
            };
            by_name.insert(repo.name.clone(), made);
        }
        Repos { by_name }
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Repo>> {
        self.by_name.values()
    }

    /// What a path (percent-encoded, without a query) is.
    pub fn find(&self, path: &[u8]) -> Found {
        let Some(rest) = path.strip_prefix(b"/").and_then(|path| str::from_utf8(path).ok()) else {
            return Found::NotRepo;
        };
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let Some(repo) = self.by_name.get(name) else { return Found::NotRepo };
        let mut parts = rest.splitn(3, '/');
        let (Some(releasever), Some(arch), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            return Found::Bad("a file of a repo is at /REPO/RELEASEVER/ARCH/PATH");
        };
        if !is_part(releasever) || !is_part(arch) {
            return Found::Bad("release and architecture are letters, digits and -._+~");
        }
        match clean(path) {
            Some(path) => Found::Route(Route {
                repo: Arc::clone(repo),
                releasever: releasever.into(),
                arch: arch.into(),
                path: path.into(),
            }),
            None => Found::Bad("the path leads out of the repo, or to a folder"),
        }
    }
}

/// What may be put into a URL of a mirror list.
fn is_part(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+~".contains(&byte);
    !part.is_empty() && part.len() <= PART_BYTES_MAX && !part.starts_with('.') && part.bytes().all(is_plain)
}

/// The path in the one spelling that names it here: escapes of plain letters undone, empty parts and `.` left out;
/// `None` where it leads out (`..`), or to a folder, of which mirrors have different lists.
fn clean(path: &str) -> Option<String> {
    let bytes = path.as_bytes();
    let mut plain = String::with_capacity(path.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes.get(at + 1..at + 3).and_then(|digits| str::from_utf8(digits).ok());
        match (bytes[at], escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
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
            (b'%', None) => return None,
            (byte, _) => {
                plain.push(char::from(byte));
                at += 1;
            }
        }
    }
    let parts: Vec<&str> = plain.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let is_file = !plain.is_empty() && !plain.ends_with('/') && !parts.is_empty();
    (is_file && parts.iter().all(|part| *part != "..")).then(|| parts.join("/"))
}

impl Route {
    /// What the store calls it.
    pub fn key(&self) -> Option<Key> {
        Key::new(&format!("repo:{}/{}/{}/{}", self.repo.settings.name, self.releasever, self.arch, self.path))
    }

    /// How it behaves.
    pub fn class(&self) -> Class {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let is_package = [".rpm", ".drpm", ".srpm"].iter().any(|ending| name.ends_with(ending));
        if is_package || has_checksum(name) { Class::Immutable } else { Class::Pointer(self.repo.settings.pointer) }
    }
}

/// Whether a name begins with a checksum, as that of a metadata file does: `3f1e…-primary.xml.gz`.
fn has_checksum(name: &str) -> bool {
    let digits = name.split('-').next().unwrap_or_default();
    matches!(digits.len(), 32 | 40 | 56 | 64 | 96 | 128) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The addresses that the configuration's own URLs name: those the operator has thereby allowed.
pub fn named_addresses(settings: &[ProxyRepo]) -> Vec<IpAddr> {
    let urls = settings.iter().flat_map(|repo| match &repo.source {
        RepoSource::Mirrorlist(url) | RepoSource::Metalink(url) => std::slice::from_ref(url),
        RepoSource::BaseUrls(urls) => urls.as_slice(),
        RepoSource::Snapshot => &[],
    });
    urls.filter_map(|url| url_address(url)).collect()
}

/// The address that the host of a URL is; none for a name.
pub fn url_address(url: &str) -> Option<IpAddr> {
    let authority = url.split_once("://")?.1.split(['/', '?']).next()?;
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => authority.split(':').next()?,
    };
    literal(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repos() -> Repos {
        let settings = ProxyRepo {
            name: "ember".into(),
            source: RepoSource::BaseUrls(vec!["http://10.0.0.7:81/x/{releasever}".into(), "http://[fd00::1]/".into()]),
            pointer: Duration::from_secs(60),
        };
        assert_eq!(named_addresses(std::slice::from_ref(&settings)).len(), 2);
        Repos::new(&[settings], None, None)
    }

    #[test]
    fn paths_have_one_spelling() {
        let repos = repos();
        let find = |path: &str| match repos.find(path.as_bytes()) {
            Found::Route(route) => route.key().unwrap().text().to_owned(),
            Found::Bad(_) => "bad".to_owned(),
            Found::NotRepo => "none".to_owned(),
        };
        assert_eq!(find("/ember/9/x86_64/repodata/repomd.xml"), "repo:ember/9/x86_64/repodata/repomd.xml");
        assert_eq!(find("/ember/9/x86_64//repodata/./rep%6Fmd.xml"), "repo:ember/9/x86_64/repodata/repomd.xml");
        assert_eq!(find("/ember/9/x86_64/a%2Bb%2b.rpm"), "repo:ember/9/x86_64/a+b+.rpm");
        assert_eq!(find("/ember/9/x86_64/a%c3%a4"), "repo:ember/9/x86_64/a%C3%A4");
        for bad in [
            "/ember",
            "/ember/",
            "/ember/9",
            "/ember/9/x86_64",
            "/ember/9/x86_64/",
            "/ember/9/x86_64/a/",
            "/ember/9//a",
            "/ember/../x86_64/a",
            "/ember/9/x86_64/../a",
            "/ember/9/x86_64/%2e%2e/a",
            "/ember/9/x86_64/a%2f..%2fb",
            "/ember/9/x86_64/%zz",
            "/ember/9/x86_64/%0a",
            "/ember/9%20/x86_64/a",
            "/ember/9/x86_64/%",
        ] {
            assert_eq!(find(bad), "bad", "{bad}");
        }
        for none in ["/", "/other/9/x86_64/a", "/emberx/9/x86_64/a", "*", ""] {
            assert_eq!(find(none), "none", "{none}");
        }
    }

    #[test]
    fn pointers_are_told_from_what_never_changes() {
        let repos = repos();
        let class = |path: &str| match repos.find(format!("/ember/9/x86_64/{path}").as_bytes()) {
            Found::Route(route) => route.class(),
            _ => unreachable!("{path}"),
        };
        let digest = "0123456789abcdef".repeat(4);
        assert_eq!(class("Packages/a/a-1.rpm"), Class::Immutable);
        assert_eq!(class(&format!("repodata/{digest}-primary.xml.gz")), Class::Immutable);
        for pointer in ["repodata/repomd.xml", "repodata/repomd.xml.asc", "repodata/primary.xml.gz", "index.html"] {
            assert_eq!(class(pointer), Class::Pointer(Duration::from_secs(60)), "{pointer}");
        }
    }
}
