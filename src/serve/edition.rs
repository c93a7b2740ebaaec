//! `Edition`: what workers answer from.

use std::sync::Arc;

use crate::answer::Atlas;
use crate::net::Prefixes;

/// Settings that a reload may change.
#[derive(Debug, Default)]
pub struct Settings {
    /// Most mirrors in a list.
    pub lines_max: usize,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Prefixes,
    /// Clients that may read `/metrics`.
    pub metrics_allow: Prefixes,
}

/// All that an answer depends on, frozen.
pub struct Edition {
    /// Settings.
    pub settings: Settings,
    /// Knowledge.
    pub atlas: Arc<Atlas>,
}

/// The edition in use.
pub type Live = crate::worker::Live<Edition>;
