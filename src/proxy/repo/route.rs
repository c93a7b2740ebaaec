//! `Repos` and `Route`: what a path such as `/REPO/RELEASEVER/ARCH/PATH` means. No I/O here.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::mirrors::Mirrors;
use super::shelves::Shelves;
use crate::cache::store::Key;
use crate::config::{ProxyRepo, RepoSource};
use crate::proxy::counters::RepoCounts;
use crate::repodata::spelled;
use crate::shelf::{Generation, Known, Shelf, View};
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
    pub mirrors: Arc<Mirrors>,
    /// What is known of its files.
    pub shelves: Arc<Shelves>,
    /// What is counted of its answers.
    pub counts: Arc<RepoCounts>,
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

/// The file that names all others.
pub const REPOMD: &str = "repodata/repomd.xml";
/// Files beside it that belong to it and that it does not name: its signature, and the key for that.
const BESIDE: [&str; 2] = ["repodata/repomd.xml.asc", "repodata/repomd.xml.key"];

/// How a file behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Names others and changes under its name (`repomd.xml`): asked for again after a while.
    Pointer(Duration),
    /// Does not change: its checksum is known, or in its name.
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
    /// Which object that is.
    pub stand: Stand,
}

/// Which object a path stands for.
#[derive(Clone, Debug)]
pub enum Stand {
    /// Whatever mirrors have there.
    Path,
    /// The file with this checksum.
    Known(Known),
    /// What belongs to one generation and is not named in it: its `repomd.xml`, and what is beside that.
    Of(Arc<Generation>),
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
            let settings = repo.clone();
            let made = match kept {
                Some(kept) => Repo {
                    settings,
                    mirrors: Arc::clone(&kept.mirrors),
                    shelves: Arc::clone(&kept.shelves),
                    counts: Arc::clone(&kept.counts),
                },
                None => {
                    let mirrors = Arc::new(Mirrors::new(repo.source.clone(), lists.cloned()));
                    Repo { settings, mirrors, shelves: Arc::default(), counts: Arc::default() }
                }
            };
            by_name.insert(repo.name.clone(), Arc::new(made));
        }
        Repos { by_name }
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Repo>> {
        self.by_name.values()
    }

    /// The repo whose `.repo` file has this path.
    pub fn of_repo_file(&self, path: &[u8]) -> Option<&Arc<Repo>> {
        let name = str::from_utf8(path).ok()?.strip_prefix('/')?.strip_suffix(".repo")?;
        self.by_name.get(name)
    }

    /// What a path (percent-encoded, without a query) is.
    pub fn find(&self, path: &[u8]) -> Found {
        let Some(rest) = path.strip_prefix(b"/").and_then(|path| str::from_utf8(path).ok()) else {
            return Found::NotRepo;
        };
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let (name, view) = name.split_once('@').map_or((name, None), |(name, view)| (name, Some(view)));
        let Some(repo) = self.by_name.get(name) else { return Found::NotRepo };
        let mut parts = rest.splitn(3, '/');
        let (Some(releasever), Some(arch), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            return Found::Bad("a file of a repo is at /REPO/RELEASEVER/ARCH/PATH");
        };
        if !is_part(releasever) || !is_part(arch) {
            return Found::Bad("release and architecture are letters, digits and -._+~");
        }
        let Some(path) = spelled(path) else { return Found::Bad("the path leads out of the repo, or to a folder") };
        let shelf = repo.shelves.find(releasever, arch);
        let stand = match (view, &shelf) {
            (None, None) => Stand::Path,
            (None, Some(shelf)) => stand_now(shelf, &path),
            (Some(view), shelf) => {
                let Some(view) = View::parse(view) else {
                    return Found::Bad("a view is REPO@ID, with at least 8 digits, or REPO@YYYY-MM-DD");
                };
                match shelf.as_ref().and_then(|shelf| shelf.seen(&view)) {
                    Some(generation) => stand_then(&generation, &path),
                    None => return Found::Bad("this generation of the repo is not kept here"),
                }
            }
        };
        let (releasever, arch) = (releasever.into(), arch.into());
        Found::Route(Route { repo: Arc::clone(repo), releasever, arch, path: path.into(), stand })
    }
}

/// Which object a path is for who takes the repo as it is shown.
fn stand_now(shelf: &Shelf, path: &str) -> Stand {
    if path == REPOMD {
        return Stand::Path;
    }
    if let Some(known) = shelf.known(path) {
        if let Some(kind) = shelf.current().as_ref().and_then(|current| current.kind(path)) {
            shelf.want(kind);
        }
        return Stand::Known(known);
    }
    if !BESIDE.contains(&path) {
        return Stand::Path;
    }
    shelf.want(path);
    shelf.current().map_or(Stand::Path, Stand::Of)
}

/// Which object it is for who named a generation. What that does not know is what mirrors have now.
fn stand_then(generation: &Arc<Generation>, path: &str) -> Stand {
    match generation.known(path) {
        _ if path == REPOMD || BESIDE.contains(&path) => Stand::Of(Arc::clone(generation)),
        Some(known) => Stand::Known(known),
        None => Stand::Path,
    }
}

/// What may be put into a URL of a mirror list.
fn is_part(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+~".contains(&byte);
    !part.is_empty() && part.len() <= PART_BYTES_MAX && !part.starts_with('.') && part.bytes().all(is_plain)
}

impl Route {
    /// What the store calls it. A file of which the checksum is known is another object for each checksum.
    pub fn key(&self) -> Option<Key> {
        let path = format!("repo:{}/{}/{}/{}", self.repo.settings.name, self.releasever, self.arch, self.path);
        // No path holds a blank.
        match &self.stand {
            Stand::Path => Key::new(&path),
            Stand::Known(known) => Key::new(&format!("{path} {}", known.digest)),
            Stand::Of(generation) => Key::new(&format!("{path} @{}", generation.id())),
        }
    }

    /// How it behaves. A package of which no metadata tell may be rebuilt in place.
    pub fn class(&self) -> Class {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        match self.stand {
            Stand::Path if !has_checksum(name) => Class::Pointer(self.repo.settings.pointer),
            _ => Class::Immutable,
        }
    }

    /// Another file of the same repo, release and architecture.
    pub fn beside(&self, path: &str, stand: Stand) -> Route {
        Route { path: path.into(), stand, ..self.clone() }
    }

    /// Whether it is the `repomd.xml` that clients are shown.
    pub fn is_shown_repomd(&self) -> bool {
        &*self.path == REPOMD && matches!(self.stand, Stand::Path)
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
            missing_mirrors: 3,
            generations_max: 5,
            generations_keep: Duration::from_secs(86_400),
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
        for none in ["/", "/other/9/x86_64/a", "/other@2026-11-21/9/x86_64/a", "/emberx/9/x86_64/a", "*", ""] {
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
        assert_eq!(class(&format!("repodata/{digest}-primary.xml.gz")), Class::Immutable);
        for pointer in
            ["repodata/repomd.xml", "repodata/repomd.xml.asc", "repodata/primary.xml.gz", "Packages/a/a-1.rpm"]
        {
            assert_eq!(class(pointer), Class::Pointer(Duration::from_secs(60)), "{pointer}");
        }
    }
}
