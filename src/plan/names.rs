//! What clients of the Fedora dialect call a repo: its single names, aliases of these, and its paths.

use crate::inventory::{Distribution, Release, Repo};
use crate::snapshot::{Builder, RepoIndex};

/// Gives a repo of the snapshot all of its names and paths.
///
/// A path begins with the tree's name and goes on with the release's directory, or an alias of the release where that
/// is in its place: mirrors have links by these names.
pub fn add(
    builder: &mut Builder,
    index: RepoIndex,
    of: (&Distribution, &Release, &Repo),
    (tree, arch, suffix): (&str, &str, &str),
) {
    let (distribution, release, repo) = of;
    for name in repo.names(release) {
        builder.name(index, &name, arch);
        for alias in distribution.repo_aliases.iter().filter(|alias| alias.to == name) {
            builder.name(index, &alias.from, arch);
        }
    }
    let suffix = suffix.trim_end_matches('/');
    builder.path(index, &format!("{tree}/{suffix}"));
    if release.dir == release.name
        && let Some(rest) = suffix.strip_prefix(&release.dir)
    {
        for alias in &release.aliases {
            builder.path(index, &format!("{tree}/{alias}{rest}"));
        }
    }
}
