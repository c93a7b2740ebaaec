//! `Edition`: what workers answer from.

use std::sync::Arc;

use crate::answer::images::Site;
use crate::answer::{Atlas, Rules};
use crate::net::Prefixes;

/// Settings that a reload may change.
#[derive(Debug)]
pub struct Settings {
    /// What is allowed in answers.
    pub rules: Rules,
    /// Clients that may ask for others, with `ip=`.
    pub ip_allow: Prefixes,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Prefixes,
    /// Clients that may read `/metrics`.
    pub metrics_allow: Prefixes,
    /// Clients that may have any answer explained.
    pub explain_allow: Prefixes,
    /// Whether every client may have its own answer explained.
    pub explain_self: bool,
    /// Pages and redirects for images; none: there are none.
    pub pages: Option<Pages>,
}

/// Where requests for images are told from others, and what their pages look like.
#[derive(Debug)]
pub struct Pages {
    /// Host names in lower case, all of whose paths are of images.
    pub hosts: Vec<String>,
    /// What stands before paths of images on other hosts, without a final slash; may be empty.
    pub prefix: String,
    /// What operators give.
    pub site: Site,
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
