//! `Subject`: which mirror, repo, family and protocol a verdict is about.

use std::fmt;

use crate::net::{Family, Protocol};

/// A repo by its names: release (not an alias), architecture, name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoKey {
    /// Release, not an alias: `9.8`.
    pub release: String,
    /// Architecture: `x86_64`.
    pub arch: String,
    /// Name: `baseos`.
    pub repo: String,
}

impl fmt::Display for RepoKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}/{}", self.release, self.arch, self.repo)
    }
}

/// Number of a mirror in the state, for as long as the state lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MirrorId(pub u32);

/// Number of a repo in the state, for as long as the state lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoId(pub u32);

/// What a verdict is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The mirror.
    pub mirror: MirrorId,
    /// The repo.
    pub repo: RepoId,
    /// The family it was reached over.
    pub family: Family,
    /// The protocol.
    pub protocol: Protocol,
}
