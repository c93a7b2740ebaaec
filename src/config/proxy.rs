//! `Proxy`: the tables `[proxy]` and `[[proxy.repo]]` of the configuration.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::net::Prefixes;

/// Port of the listeners when none is configured: Squid's.
const DEFAULT_PORT: u16 = 3128;
/// Longest name of a proxy or a repo, bytes.
const NAME_BYTES_MAX: usize = 64;
/// Most base URLs of one repo.
const BASE_URLS_MAX: usize = 256;

/// The proxy's settings, checked and with their defaults.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Addresses to listen on; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// What the proxy calls itself, in `Via` and `X-Cache`; none: the host's name.
    pub name: Option<String>,
    /// Folder of the cache.
    pub cache_dir: PathBuf,
    /// All objects together, bytes.
    pub cache_bytes_max: u64,
    /// One object, bytes.
    pub object_bytes_max: u64,
    /// Clients that are served.
    pub allow_clients: Prefixes,
    /// Clients that may remove objects.
    pub allow_purge: Prefixes,
    /// Internal networks that may be connected to.
    pub allow_internal_targets: Prefixes,
    /// Ports that may be tunnelled to.
    pub connect_ports: Vec<u16>,
    /// Nothing is fetched: what is cached is served, whatever its age.
    pub offline: bool,
    /// Where requests go that name neither another server nor a repo; none: nowhere.
    pub origin: Option<String>,
    /// Access log: a file, `-` for standard output; none: no log.
    pub access_log: Option<PathBuf>,
    /// How its lines look.
    pub access_log_format: LogFormat,
    /// PEM file with roots besides those of the web.
    pub roots: Option<PathBuf>,
    /// Fetches at a time.
    pub fetches_max: usize,
    /// Tunnels at a time.
    pub tunnels_max: usize,
    /// Longest request body, bytes.
    pub request_bytes_max: u64,
    /// How long a server that sends nothing is waited for.
    pub stall: Duration,
    /// The repos.
    pub repos: Vec<ProxyRepo>,
}

impl Proxy {
    /// The defaults.
    pub fn shipped() -> Proxy {
        match check(Written::default(), Path::new("")) {
            Ok(proxy) => proxy,
            // The test below holds the defaults against the same checks.
            Err((key, what)) => unreachable!("{key}: {what}"),
        }
    }
}

/// How lines of the proxy's access log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Squid's native format.
    #[default]
    Squid,
    /// As web servers write them.
    Combined,
}

/// A repo that clients find at `/NAME/RELEASEVER/ARCH/…`.
#[derive(Clone, Debug)]
pub struct ProxyRepo {
    /// The first part of its path.
    pub name: String,
    /// Where its mirrors come from.
    pub source: RepoSource,
    /// For how long `repomd.xml` and its like are not asked for again.
    pub pointer: Duration,
    /// So many mirrors have to say that a file is not there; all, where there are fewer.
    pub missing_mirrors: usize,
    /// Generations that are kept, with the one that is shown.
    pub generations_max: usize,
    /// For how long one is kept after it was shown last.
    pub generations_keep: Duration,
}

/// Where a repo's mirrors come from. In URLs `{releasever}` and `{arch}`, or `$releasever` and `$basearch`, stand for
/// those of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepoSource {
    /// A list of URLs at this URL.
    Mirrorlist(String),
    /// A metalink at this URL.
    Metalink(String),
    /// These.
    BaseUrls(Vec<String>),
    /// The lists of this program: it is a repo of the inventory.
    Snapshot,
}

/// The table `[proxy]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    listen: Vec<SocketAddr>,
    name: Option<String>,
    cache_dir: PathBuf,
    cache_bytes_max: u64,
    object_bytes_max: u64,
    allow_clients: Vec<String>,
    allow_purge: Vec<String>,
    allow_internal_targets: Internal,
    connect_ports: Vec<u16>,
    offline: bool,
    origin: Option<String>,
    access_log: Option<PathBuf>,
    access_log_format: LogFormat,
    roots: Option<PathBuf>,
    fetches_max: usize,
    tunnels_max: usize,
    request_bytes_max: u64,
    stall_seconds: u64,
    repo: Vec<WrittenRepo>,
}

/// All or none, or some networks.
#[derive(Deserialize)]
#[serde(untagged)]
enum Internal {
    All(bool),
    Some(Vec<String>),
}

/// The table `[[proxy.repo]]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRepo {
    name: String,
    #[serde(alias = "mirrorurl")]
    mirrorlist: Option<String>,
    metalink: Option<String>,
    baseurl: Option<BaseUrls>,
    #[serde(default)]
    snapshot: bool,
    #[serde(default = "pointer_seconds")]
    pointer_seconds: u64,
    #[serde(default = "missing_mirrors")]
    missing_mirrors: u64,
    #[serde(default = "generations_max")]
    generations_max: u64,
    #[serde(default = "generations_days")]
    generations_days: u64,
}

/// One, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum BaseUrls {
    One(String),
    Several(Vec<String>),
}

fn pointer_seconds() -> u64 {
    60
}

fn missing_mirrors() -> u64 {
    3
}

fn generations_max() -> u64 {
    5
}

fn generations_days() -> u64 {
    14
}

impl Default for Written {
    fn default() -> Written {
        let loopback = || vec!["127.0.0.0/8".to_owned(), "::1".to_owned()];
        Written {
            listen: vec![
                SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT)),
                SocketAddr::from((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT)),
            ],
            name: None,
            cache_dir: "/var/cache/mirrorlistd".into(),
            cache_bytes_max: 100 << 30,
            object_bytes_max: 16 << 30,
            allow_clients: loopback(),
            allow_purge: loopback(),
            allow_internal_targets: Internal::All(false),
            connect_ports: vec![443],
            offline: false,
            origin: None,
            access_log: None,
            access_log_format: LogFormat::Squid,
            roots: None,
            fetches_max: 256,
            tunnels_max: 1024,
            request_bytes_max: 64 << 20,
            stall_seconds: 10,
            repo: Vec::new(),
        }
    }
}

/// Why a setting cannot be used: which one, and what is wrong.
pub(super) type Fault = (&'static str, String);

/// Checks the table; relative paths are taken from `folder`.
pub(super) fn check(written: Written, folder: &Path) -> Result<Proxy, Fault> {
    let prefixes = |key, texts: &[String]| Prefixes::parse(texts).map_err(|error| (key, error.to_string()));
    let within = |key, value: u64, least: u64, most: u64| {
        let good = (least..=most).contains(&value);
        if good { Ok(value) } else { Err((key, format!("{value} is not between {least} and {most}"))) }
    };
    if written.listen.is_empty() {
        return Err(("proxy.listen", "names no address; leave the line out for port 3128 on all".to_owned()));
    }
    if let Some(name) = written.name.as_deref().filter(|name| !is_host_like(name)) {
        return Err(("proxy.name", format!("`{name}` is no host name")));
    }
    let everything = || vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()];
    let internal = match written.allow_internal_targets {
        Internal::All(all) => {
            if all {
                everything()
            } else {
                Vec::new()
            }
        }
        Internal::Some(networks) => networks,
    };
    if let Some(origin) = written.origin.as_deref().filter(|origin| !is_base_url(origin)) {
        return Err(("proxy.origin", format!("`{origin}` is no http:// or https:// URL")));
    }
    let cache_bytes_max = within("proxy.cache_bytes_max", written.cache_bytes_max, 1 << 20, 1 << 60)?;
    let mut repos: Vec<ProxyRepo> = Vec::new();
    for repo in written.repo {
        let repo = check_repo(repo)?;
        if repos.iter().any(|known| known.name == repo.name) {
            return Err(("proxy.repo.name", format!("`{}` is there twice", repo.name)));
        }
        repos.push(repo);
    }
    Ok(Proxy {
        listen: written.listen,
        name: written.name,
        cache_dir: folder.join(written.cache_dir),
        cache_bytes_max,
        object_bytes_max: within("proxy.object_bytes_max", written.object_bytes_max, 1, 1 << 60)?.min(cache_bytes_max),
        allow_clients: prefixes("proxy.allow_clients", &written.allow_clients)?,
        allow_purge: prefixes("proxy.allow_purge", &written.allow_purge)?,
        allow_internal_targets: prefixes("proxy.allow_internal_targets", &internal)?,
        connect_ports: written.connect_ports,
        offline: written.offline,
        origin: written.origin,
        access_log: written.access_log.map(|log| if log.as_os_str() == "-" { log } else { folder.join(log) }),
        access_log_format: written.access_log_format,
        roots: written.roots.map(|roots| folder.join(roots)),
        fetches_max: within("proxy.fetches_max", written.fetches_max as u64, 1, 4096)? as usize,
        tunnels_max: within("proxy.tunnels_max", written.tunnels_max as u64, 0, 1 << 20)? as usize,
        request_bytes_max: within("proxy.request_bytes_max", written.request_bytes_max, 0, 1 << 40)?,
        stall: Duration::from_secs(within("proxy.stall_seconds", written.stall_seconds, 1, 3600)?),
        repos,
    })
}

fn check_repo(written: WrittenRepo) -> Result<ProxyRepo, Fault> {
    let name = written.name;
    // A `@` would be the name of a view of the repo; a path of two parts would be another repo.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+~".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('.') || !name.bytes().all(is_plain) {
        return Err(("proxy.repo.name", format!("`{name}` is no name: letters, digits and -._+~, at most 64")));
    }
    let base_urls = match written.baseurl {
        None => Vec::new(),
        Some(BaseUrls::One(url)) => url.split_whitespace().map(str::to_owned).collect(),
        Some(BaseUrls::Several(urls)) => urls,
    };
    let urls = written.mirrorlist.iter().chain(&written.metalink).chain(&base_urls);
    if let Some(bad) = urls.into_iter().find(|url| !is_base_url(url)) {
        return Err(("proxy.repo", format!("{name}: `{bad}` is no http:// or https:// URL")));
    }
    if base_urls.len() > BASE_URLS_MAX {
        return Err(("proxy.repo.baseurl", format!("{name}: more than {BASE_URLS_MAX} URLs")));
    }
    let source = match (written.mirrorlist, written.metalink, base_urls, written.snapshot) {
        (Some(url), None, urls, false) if urls.is_empty() => RepoSource::Mirrorlist(url),
        (None, Some(url), urls, false) if urls.is_empty() => RepoSource::Metalink(url),
        (None, None, urls, false) if !urls.is_empty() => RepoSource::BaseUrls(urls),
        (None, None, urls, true) if urls.is_empty() => RepoSource::Snapshot,
        _ => {
            let what = format!("{name}: exactly one of mirrorlist, metalink, baseurl and snapshot is to be there");
            return Err(("proxy.repo", what));
        }
    };
    let within = |key, value: u64, least: u64, most: u64| match (least..=most).contains(&value) {
        true => Ok(value),
        false => Err((key, format!("{name}: {value} is not between {least} and {most}"))),
    };
    let pointer_seconds = within("proxy.repo.pointer_seconds", written.pointer_seconds, 1, 86_400)?;
    let missing_mirrors = within("proxy.repo.missing_mirrors", written.missing_mirrors, 1, 20)?;
    let generations_max = within("proxy.repo.generations_max", written.generations_max, 1, 100)?;
    let generations_days = within("proxy.repo.generations_days", written.generations_days, 0, 3650)?;
    Ok(ProxyRepo {
        source,
        pointer: Duration::from_secs(pointer_seconds),
        missing_mirrors: missing_mirrors as usize,
        generations_max: generations_max as usize,
        generations_keep: Duration::from_secs(generations_days * 86_400),
        name,
    })
}

fn is_host_like(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(good)
}

fn is_base_url(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && url.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Proxy, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        check(written, Path::new("/etc/m")).map_err(|(key, what)| format!("{key}: {what}"))
    }

    #[test]
    fn five_lines_are_enough() {
        let text = "listen = ['127.0.0.1:0']\ncache_dir = 'c'\n[[repo]]\nname = 'ember'\n\
                    mirrorurl = 'http://m.example/?repo=x&ver={releasever}&arch={arch}'";
        assert_eq!(Proxy::shipped().cache_dir, Path::new("/var/cache/mirrorlistd"));
        let proxy = parse(text).unwrap();
        assert_eq!(proxy.cache_dir, Path::new("/etc/m/c"));
        assert_eq!(proxy.repos[0].pointer, Duration::from_secs(60));
        assert!(matches!(&proxy.repos[0].source, RepoSource::Mirrorlist(url) if url.starts_with("http://m.example")));
        assert!(proxy.allow_clients.contains("127.0.0.1".parse().unwrap()));
        assert!(!proxy.allow_clients.contains("192.0.2.1".parse().unwrap()));
        assert!(!proxy.allow_internal_targets.contains("10.0.0.1".parse().unwrap()));
        assert_eq!(proxy.connect_ports, [443]);
    }

    #[test]
    fn internal_targets_are_all_or_some_or_none() {
        let allowed = |text: &str| {
            let proxy = parse(text).unwrap();
            ["10.0.0.1", "127.0.0.1", "::1"]
                .map(|address| proxy.allow_internal_targets.contains(address.parse().unwrap()))
        };
        assert_eq!(allowed("allow_internal_targets = true"), [true; 3]);
        assert_eq!(allowed("allow_internal_targets = false"), [false; 3]);
        assert_eq!(allowed("allow_internal_targets = ['127.0.0.0/8']"), [false, true, false]);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("listen = []", "proxy.listen: names no address"),
            ("cache_bytes_max = 5", "proxy.cache_bytes_max: 5 is not between"),
            ("allow_clients = ['x']", "proxy.allow_clients: `x`"),
            ("name = 'a b'", "proxy.name: `a b` is no host name"),
            ("origin = 'ftp://x'", "proxy.origin: `ftp://x`"),
            ("[[repo]]\nname = 'a/b'\nbaseurl = 'http://x/'", "proxy.repo.name: `a/b` is no name"),
            ("[[repo]]\nname = 'a'", "proxy.repo: a: exactly one of"),
            ("[[repo]]\nname = 'a'\nsnapshot = true\nbaseurl = 'http://x/'", "proxy.repo: a: exactly one of"),
            ("[[repo]]\nname = 'a'\nbaseurl = 'file:///x'", "proxy.repo: a: `file:///x` is no http"),
            (
                "[[repo]]\nname = 'a'\nsnapshot = true\n[[repo]]\nname = 'a'\nsnapshot = true",
                "proxy.repo.name: `a` is there twice",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
