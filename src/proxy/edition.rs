//! `Edition`: the settings and repos that answers depend on, and how to reach other servers. Changed over by a reload.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::fetch::{Fetcher, FetcherError, Patience};
use super::repo::{Lists, Repos, named_addresses, url_address};
use crate::cache::semantics::Policy;
use crate::config;
use crate::net::Prefixes;

/// How long an origin that a client named may take for its first word.
const WEB_HEAD: Duration = Duration::from_secs(60);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// All that an answer depends on, frozen.
pub struct Edition {
    /// Settings.
    pub settings: config::Proxy,
    /// Clients that may read `/metrics`.
    pub metrics_allow: Prefixes,
    /// What the proxy calls itself.
    pub name: String,
    /// `name:port`, of the first listener.
    pub name_and_port: String,
    /// The repos.
    pub repos: Repos,
    /// Other servers.
    pub fetcher: Arc<Fetcher>,
    /// What the operator decides about caching.
    pub policy: Policy,
    /// How long servers may take that clients name.
    pub web_patience: Patience,
    /// How long mirrors may take.
    pub mirror_patience: Patience,
    /// Authorities that are our own: the name, with ports or without, and the addresses listened on.
    own: Vec<String>,
}

impl Edition {
    /// Of these settings, listening on `addresses`. What `old` has learnt of repos that are still the same is kept.
    pub fn new(
        settings: config::Proxy,
        metrics_allow: Prefixes,
        addresses: &[SocketAddr],
        lists: Option<&Arc<dyn Lists>>,
        old: Option<&Edition>,
    ) -> Result<Edition, FetcherError> {
        let mut named = named_addresses(&settings.repos);
        named.extend(settings.origin.as_deref().and_then(url_address));
        let fetcher = Arc::new(Fetcher::new(&settings.allow_internal_targets, named, settings.roots.as_deref())?);
        let name = settings.name.clone().unwrap_or_else(host_name);
        let ports = addresses.iter().map(SocketAddr::port);
        let mut own: Vec<String> = ports.map(|port| format!("{name}:{port}").to_ascii_lowercase()).collect();
        let name_and_port = own.first().cloned().unwrap_or_else(|| name.clone());
        own.push(name.to_ascii_lowercase());
        own.extend(addresses.iter().map(SocketAddr::to_string));
        let repos = Repos::new(&settings.repos, lists, old.map(|old| &old.repos));
        let stall = settings.stall;
        Ok(Edition {
            metrics_allow,
            name_and_port,
            repos,
            fetcher,
            policy: Policy::default(),
            web_patience: Patience { connect: CONNECT, head: WEB_HEAD, stall: WEB_HEAD.max(stall) },
            mirror_patience: Patience { connect: CONNECT.min(stall), head: stall, stall },
            own,
            name,
            settings,
        })
    }

    /// Whether an authority (`host[:port]`) is our own.
    pub fn is_own(&self, authority: &[u8]) -> bool {
        self.own.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(authority))
    }
}

/// The name of this host, as the kernel has it.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let good = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    let name: String = name.trim().chars().filter(good).take(64).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}
