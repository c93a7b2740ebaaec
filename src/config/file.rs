//! `Config`: the configuration file.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use serde::Deserialize;

use super::pages::{Pages, WrittenPages};
use super::proxy::{self, Proxy};
use crate::net::Prefixes;
use crate::reactor::Limits;

/// Longest configuration file, bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Port of the listeners when none is configured.
const DEFAULT_PORT: u16 = 8080;
/// Most mirrors a list may be configured to have.
const LINES_MAX: usize = 64;

/// The configuration, checked and with its defaults.
#[derive(Debug)]
pub struct Config {
    /// Addresses to listen on; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Addresses to listen on for a proxy that opens each connection with a PROXY protocol header.
    pub listen_proxied: Vec<SocketAddr>,
    /// Workers, each with an event loop of its own; none: as many as there are processors.
    pub workers: Option<usize>,
    /// Folder of the inventory; none: the shipped one.
    pub lists: Option<PathBuf>,
    /// Folder of published snapshots; none: they live no longer than the program.
    pub state: Option<PathBuf>,
    /// Whether to build snapshots from `lists`; else those that others publish into `state` are served.
    pub build: bool,
    /// GeoIP databases or one compiled table; none: the table in the program.
    pub geoip: Vec<PathBuf>,
    /// ASN databases, text files or one compiled table; none: nobody's autonomous system is known.
    pub asn: Vec<PathBuf>,
    /// Most mirrors in a list.
    pub lines_max: usize,
    /// Most mirrors in a metalink, and in any answer of the Fedora dialect.
    pub fedora_lines_max: usize,
    /// With fewer mirrors than this, an answer of the Fedora dialect goes beyond the client's continent.
    pub fedora_lines_min: usize,
    /// Whether the Fedora dialect answers with 404 when a repo is not known.
    pub strict_status: bool,
    /// Clients that may ask for others, with `ip=`.
    pub ip_allow: Prefixes,
    /// Access log: a file, `-` for standard output; none: no log.
    pub access_log: Option<PathBuf>,
    /// Peers whose `X-Forwarded-For` and PROXY headers are believed.
    pub trusted_proxies: Prefixes,
    /// Clients that may read `/metrics`.
    pub metrics_allow: Prefixes,
    /// Clients that may have any answer explained.
    pub explain_allow: Prefixes,
    /// Whether every client may have its own answer explained.
    pub explain_self: bool,
    /// How much of everything peers may take.
    pub limits: Limits,
    /// The crawler.
    pub crawl: Crawl,
    /// Pages and redirects for images.
    pub pages: Pages,
    /// The proxy; none: the file has no such table.
    pub proxy: Option<Proxy>,
}

/// How mirrors are looked at, and what may follow from it.
#[derive(Clone, Debug)]
pub struct Crawl {
    /// Whether `serve` crawls.
    pub enabled: bool,
    /// From the end of one crawl to the beginning of the next.
    pub interval: Duration,
    /// Threads.
    pub threads: usize,
    /// What operators of mirrors find in the User-Agent: a URL or an address.
    pub contact: Option<String>,
    /// Internal networks that may be dialled.
    pub internal: Prefixes,
    /// PEM file with roots besides those of the web.
    pub roots: Option<PathBuf>,
    /// Failures among the last `window` looks after which a mirror leaves the lists.
    pub leave_after: u8,
    /// Looks that are remembered.
    pub window: u8,
    /// Good looks in a row after which a mirror comes back.
    pub return_after: u8,
    /// How long a mirror that is behind may stay in lists, seconds.
    pub behind_seconds_max: u64,
    /// Good mirrors that a repo has to have over a family, or it keeps those it had.
    pub mirrors_min: usize,
    /// Repos with mirrors that have to be left.
    pub repos_min: usize,
    /// Mirrors of each tree, those that were good longest, that must not fail together with the master; 0: none.
    pub canaries: usize,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{path}: cannot read the configuration: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It is too long for a configuration.
    #[error("{path}: {bytes} bytes are too many for a configuration (at most {CONFIG_BYTES_MAX}); is it another file?")]
    Long {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// A line that is no TOML or no setting.
    #[error("{path}:{line}: {what}; see docs/operating.md for the settings")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A setting with a value that makes no sense.
    #[error("{path}: {key}: {what}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The setting.
        key: &'static str,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    listen: Vec<SocketAddr>,
    listen_proxied: Vec<SocketAddr>,
    workers: Option<usize>,
    lists: Option<PathBuf>,
    state: Option<PathBuf>,
    build: bool,
    geoip: Vec<PathBuf>,
    asn: Vec<PathBuf>,
    lines_max: usize,
    fedora_lines_max: usize,
    fedora_lines_min: usize,
    strict_status: bool,
    ip_allow: Vec<String>,
    access_log: Option<PathBuf>,
    trusted_proxies: Vec<String>,
    metrics_allow: Vec<String>,
    explain_allow: Vec<String>,
    explain_self: bool,
    connections_max: usize,
    idle_seconds: u64,
    head_seconds: u64,
    write_stall_seconds: u64,
    drain_seconds: u64,
    crawl: WrittenCrawl,
    pages: WrittenPages,
    proxy: Option<proxy::Written>,
}

/// The table `[crawl]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenCrawl {
    enabled: bool,
    interval_seconds: u64,
    threads: usize,
    contact: Option<String>,
    internal: Vec<String>,
    roots: Option<PathBuf>,
    leave_after: u8,
    window: u8,
    return_after: u8,
    behind_seconds_max: u64,
    mirrors_min: usize,
    repos_min: usize,
    canaries: usize,
}

impl Default for WrittenCrawl {
    fn default() -> WrittenCrawl {
        WrittenCrawl {
            enabled: false,
            interval_seconds: 3600,
            threads: 184,
            contact: None,
            internal: Vec::new(),
            roots: None,
            leave_after: 1,
            window: 1,
            return_after: 1,
            behind_seconds_max: 86_400,
            mirrors_min: 6,
            repos_min: 20,
            canaries: 3,
        }
    }
}

impl Default for Written {
    fn default() -> Written {
        Written {
            listen: vec![
                SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT)),
                SocketAddr::from((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT)),
            ],
            listen_proxied: Vec::new(),
            workers: None,
            lists: None,
            state: None,
            build: true,
            geoip: Vec::new(),
            asn: Vec::new(),
            lines_max: 10,
            fedora_lines_max: 20,
            fedora_lines_min: 5,
            strict_status: false,
            ip_allow: Vec::new(),
            access_log: None,
            trusted_proxies: Vec::new(),
            metrics_allow: loopback(),
            explain_allow: loopback(),
            explain_self: false,
            connections_max: 100_000,
            idle_seconds: 60,
            head_seconds: 10,
            write_stall_seconds: 30,
            drain_seconds: 10,
            crawl: WrittenCrawl::default(),
            pages: WrittenPages::default(),
            proxy: None,
        }
    }
}

fn loopback() -> Vec<String> {
    vec!["127.0.0.0/8".to_owned(), "::1".to_owned()]
}

impl Config {
    /// The defaults: all that is needed to answer from the shipped lists.
    pub fn shipped() -> Config {
        match check(Path::new("defaults"), Written::default()) {
            Ok(config) => config,
            // The test below holds the defaults against the same checks.
            Err(error) => unreachable!("{error}"),
        }
    }

    /// Reads a file. Relative paths in it are taken from the file's folder.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let failed = |source| ConfigError::Read { path: path.to_owned(), source };
        let bytes = fs::metadata(path).map_err(failed)?.len();
        if bytes > CONFIG_BYTES_MAX {
            return Err(ConfigError::Long { path: path.to_owned(), bytes });
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        Config::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
        let written = toml::from_str(text).map_err(|error| ConfigError::Line {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1),
            what: error.message().to_owned(),
        })?;
        check(path, written)
    }
}

fn check(path: &Path, written: Written) -> Result<Config, ConfigError> {
    let wrong = |key, what: String| ConfigError::Value { path: path.to_owned(), key, what };
    let within = |key, value: u64, allowed: std::ops::RangeInclusive<u64>| {
        if allowed.contains(&value) {
            return Ok(value);
        }
        Err(wrong(key, format!("{value} is not between {} and {}", allowed.start(), allowed.end())))
    };
    let lines = |key, value: usize| within(key, value as u64, 1..=LINES_MAX as u64).map(|value| value as usize);
    let seconds = |key, value| within(key, value, 1..=3600).map(Duration::from_secs);
    let prefixes = |key, texts: &[String]| Prefixes::parse(texts).map_err(|error| wrong(key, error.to_string()));
    let folder = path.parent().unwrap_or(Path::new(""));
    let place = |written: PathBuf| folder.join(written);

    if let Some(workers) = written.workers {
        within("workers", workers as u64, 1..=1024)?;
    }
    if written.listen.is_empty() && written.listen_proxied.is_empty() {
        return Err(wrong("listen", "names no address; leave the line out for port 8080 on all".to_owned()));
    }
    if !written.build && written.state.is_none() {
        return Err(wrong(
            "build",
            "with `build = false`, `state` must name the folder of published snapshots".to_owned(),
        ));
    }
    let crawl = written.crawl;
    if crawl.enabled && written.state.is_none() {
        return Err(wrong("crawl.enabled", "a crawler needs `state`, the folder for what it finds".to_owned()));
    }
    let looks = |key, value: u8, max: u8| within(key, u64::from(value), 1..=u64::from(max)).map(|value| value as u8);
    let window = looks("crawl.window", crawl.window, 16)?;
    let crawl = Crawl {
        enabled: crawl.enabled,
        interval: Duration::from_secs(within("crawl.interval_seconds", crawl.interval_seconds, 1..=30 * 86_400)?),
        threads: within("crawl.threads", crawl.threads as u64, 1..=4096)? as usize,
        contact: crawl.contact,
        internal: prefixes("crawl.internal", &crawl.internal)?,
        roots: crawl.roots.map(place),
        leave_after: looks("crawl.leave_after", crawl.leave_after, window)?,
        window,
        return_after: looks("crawl.return_after", crawl.return_after, 16)?,
        behind_seconds_max: crawl.behind_seconds_max,
        mirrors_min: crawl.mirrors_min,
        repos_min: crawl.repos_min,
        canaries: within("crawl.canaries", crawl.canaries as u64, 0..=100)? as usize,
    };
    let proxy = written.proxy.map(|proxy| proxy::check(proxy, folder)).transpose();
    let proxy = proxy.map_err(|(key, what)| wrong(key, what))?;
    Ok(Config {
        crawl,
        pages: written.pages.check(folder).map_err(|(key, what)| wrong(key, what))?,
        proxy,
        listen: written.listen,
        listen_proxied: written.listen_proxied,
        workers: written.workers,
        lists: written.lists.map(place),
        state: written.state.map(place),
        build: written.build,
        geoip: written.geoip.into_iter().map(place).collect(),
        asn: written.asn.into_iter().map(place).collect(),
        lines_max: lines("lines_max", written.lines_max)?,
        fedora_lines_max: lines("fedora_lines_max", written.fedora_lines_max)?,
        fedora_lines_min: lines("fedora_lines_min", written.fedora_lines_min)?,
        strict_status: written.strict_status,
        ip_allow: prefixes("ip_allow", &written.ip_allow)?,
        access_log: written.access_log.map(|log| if log.as_os_str() == "-" { log } else { place(log) }),
        trusted_proxies: prefixes("trusted_proxies", &written.trusted_proxies)?,
        metrics_allow: prefixes("metrics_allow", &written.metrics_allow)?,
        explain_allow: prefixes("explain_allow", &written.explain_allow)?,
        explain_self: written.explain_self,
        limits: Limits {
            connections_max: within("connections_max", written.connections_max as u64, 1..=10_000_000)? as usize,
            idle: seconds("idle_seconds", written.idle_seconds)?,
            head: seconds("head_seconds", written.head_seconds)?,
            write: seconds("write_stall_seconds", written.write_stall_seconds)?,
            stop: seconds("drain_seconds", written.drain_seconds)?,
            ..Limits::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("/etc/mirrorlistd/m.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_sound() {
        let config = Config::shipped();
        assert_eq!(config.listen.len(), 2);
        assert!(config.metrics_allow.contains("127.0.0.1".parse().unwrap()));
        assert!(!config.metrics_allow.contains("192.0.2.1".parse().unwrap()));
        assert_eq!((config.lines_max, config.build), (10, true));
        assert!(parse("").is_ok());
    }

    #[test]
    fn paths_start_from_the_file() {
        let config =
            parse("lists = 'l'\nstate = '/var/lib/m'\naccess_log = '-'\ngeoip = ['c.mmdb']\nasn = ['a.txt']").unwrap();
        assert_eq!(config.lists, Some("/etc/mirrorlistd/l".into()));
        assert_eq!(config.state, Some("/var/lib/m".into()));
        assert_eq!(config.access_log, Some("-".into()));
        assert_eq!(config.geoip, [PathBuf::from("/etc/mirrorlistd/c.mmdb")]);
        assert_eq!(config.asn, [PathBuf::from("/etc/mirrorlistd/a.txt")]);
    }

    #[test]
    fn errors_name_file_line_and_remedy() {
        for (text, expected) in [
            ("workers = 2\nlistn = []", "/etc/mirrorlistd/m.toml:2: unknown field `listn`"),
            ("\n\nlisten = ['nowhere']", "/etc/mirrorlistd/m.toml:3: invalid socket address"),
            ("workers = ", "/etc/mirrorlistd/m.toml:1: "),
            ("workers = 0", "m.toml: workers: 0 is not between 1 and 1024"),
            ("listen = []", "m.toml: listen: names no address"),
            ("build = false", "`state` must name the folder"),
            ("trusted_proxies = ['10.0.0.1/8']", "m.toml: trusted_proxies: `10.0.0.1/8` is no network"),
            ("[crawl]\ncanaries = 101", "m.toml: crawl.canaries: 101 is not between 0 and 100"),
            ("idle_seconds = 0", "m.toml: idle_seconds: 0 is not between 1 and 3600"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
