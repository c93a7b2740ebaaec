//! `Knowledge`: what is known of a repo's file before it is fetched, and who learns from what was.

use std::sync::Arc;

use super::route::Route;
use crate::cache::store::{Entry, Sha256};

/// What a file has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its length, bytes.
    pub body_bytes: Option<u64>,
    /// Its digest.
    pub sha256: Option<Sha256>,
}

/// What is known of a repo's files. Asked and told in the thread that fetches.
pub trait Knowledge: Send + Sync {
    /// What a file has to be; nothing where nothing is known.
    fn expected(&self, route: &Route) -> Expected;

    /// A file was stored.
    fn arrived(&self, route: &Route, entry: &Arc<Entry>);
}

/// Knows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Knowledge for Nothing {
    fn expected(&self, _: &Route) -> Expected {
        Expected::default()
    }

    fn arrived(&self, _: &Route, _: &Arc<Entry>) {}
}
