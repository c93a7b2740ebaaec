//! The CentOS mirrorlist dialect: `GET /?release=&arch=&repo=[&cc=]`, one line of text per mirror.
//!
//! Lives here: the order in which parameters are missed, and the lines that stand for it. Every answer has status 200:
//! dnf repeats a list request that was answered with an error twelve times.

use super::atlas::Atlas;
use super::outcome::Outcome;
use super::query::Query;
use crate::snapshot::RepoIndex;

/// The repo that a query names, or what it lacks.
pub fn find(atlas: &Atlas, query: &Query<'_>) -> Result<RepoIndex, Outcome> {
    let given = |value: Option<_>, lacking| value.filter(|value: &&[u8]| !value.is_empty()).ok_or(lacking);
    let arch = given(query.arch, Outcome::NoArch)?;
    let repo = given(query.repo, Outcome::NoRepo)?;
    let release = given(query.release, Outcome::NoRelease)?;
    atlas.view().find(release, arch, repo).ok_or(Outcome::Unknown)
}

/// The line that stands for an outcome without a list.
pub fn line(outcome: Outcome) -> &'static [u8] {
    match outcome {
        Outcome::Listed | Outcome::LastResort | Outcome::OtherFamily | Outcome::Empty => b"",
        Outcome::NoArch => b"arch not specified\n",
        Outcome::NoRepo => b"repo not specified\n",
        Outcome::NoRelease => b"release not specified\n",
        Outcome::Unknown => b"Invalid release/repo/arch combination\n",
    }
}
