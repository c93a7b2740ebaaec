//! Repos, and that no two of them answer to one request.

use std::collections::HashMap;
use std::ops::Range;

use super::case::{Case, Ledger};
use super::distribution::Owners;
use crate::inventory::entry::{Entries, Found, RepoEntry};
use crate::inventory::form;
use crate::inventory::model::{Distribution, Origin, Repo};

/// What a client asks for: release or alias, architecture, repo.
type Key = (String, String, String);

/// Adds the repos to their distributions.
pub fn add_repos(entries: &Entries, distributions: &mut [Distribution], ledger: &mut Ledger) {
    let owners = Owners::new(entries, distributions);
    let mut taken = HashMap::new();
    for found in &entries.repos {
        let entry = &found.entry;
        let mut case = Case::new(ledger, found, "repo", entry.name.as_ref());
        let Some(owner) = owners.owner(&mut case, found, &entry.distribution) else { continue };
        let Some(repo) = repo(entry, &distributions[owner], distributions, &mut case) else { continue };
        let repo = without_taken(repo, found, &distributions[owner], &mut taken, &mut case);
        distributions[owner].repos.extend(repo);
    }
}

/// A repo of the distribution `owner`.
fn repo(entry: &RepoEntry, owner: &Distribution, distributions: &[Distribution], case: &mut Case) -> Option<Repo> {
    let name = case.formed(&entry.name, form::name)?.to_ascii_lowercase();
    let path = case.formed(&entry.path, form::repo_path)?;
    let tree = match &entry.tree {
        Some(tree) => Some(case.is_tree(tree, distributions).then(|| tree.as_ref().clone())?),
        None => None,
    };
    let arches = match &entry.arches {
        Some(list) => Some(case.some_arches(list)?),
        None => None,
    };
    let releases = case.releases(entry.releases.as_ref(), owner)?;
    let own_name = entry.fedora_name.as_ref().map(|text| case.formed(text, form::repo_name_pattern));
    let fedora_name = own_name.unwrap_or_else(|| owner.fedora_name.clone());
    Some(Repo { name, path, tree, releases, arches, fedora_name })
}

/// `repo` without the releases for which another repo has a key of it already; none when no release is left.
fn without_taken(
    mut repo: Repo,
    found: &Found<RepoEntry>,
    owner: &Distribution,
    taken: &mut HashMap<Key, Origin>,
    case: &mut Case,
) -> Option<Repo> {
    let mut free = Vec::with_capacity(repo.releases.len());
    for name in repo.releases.drain(..) {
        let Some(release) = owner.releases.iter().find(|release| release.name == name) else { continue };
        let arches = repo.arches.as_ref().unwrap_or(&release.arches);
        let mut keys = Vec::with_capacity(arches.len() * (1 + release.aliases.len()));
        for label in std::iter::once(&release.name).chain(&release.aliases) {
            keys.extend(arches.iter().map(|arch| (label.clone(), arch.clone(), repo.name.clone())));
        }
        match keys.iter().find_map(|key| taken.get_key_value(key)) {
            None => {
                taken.extend(keys.into_iter().map(|key| (key, found.origin())));
                free.push(name);
            }
            Some(((label, arch, _), first)) => {
                let place = format!("{}:{}", first.file.display(), first.line);
                let why = format!("release `{label}` for `{arch}` has a repo of this name already, at {place}");
                case.report(
                    span_of_release(&found.entry, &name),
                    why,
                    "rename the repo, or take the release from one of them",
                );
            }
        }
    }
    repo.releases = free;
    (!repo.releases.is_empty()).then_some(repo)
}

/// Where `entry` names the release; where it names itself when it has all releases by default.
fn span_of_release(entry: &RepoEntry, release: &str) -> Range<usize> {
    let mut releases = entry.releases.iter().flat_map(|list| list.as_ref());
    releases.find(|text| text.as_ref() == release).unwrap_or(&entry.name).span()
}

#[cfg(test)]
mod tests {
    use super::super::ground::{problems, reading};

    #[test]
    fn a_repo_is_in_lower_case_and_in_every_release() {
        let repo = reading("").inventory.distributions.remove(0).repos.remove(0);
        assert_eq!((repo.name.as_str(), repo.path.as_str()), ("baseos", "BaseOS/{arch}/os"));
        assert_eq!((repo.releases, repo.arches, repo.tree), (vec!["9.8".to_owned()], None, None));
    }

    #[test]
    fn a_broken_repo_is_left_out() {
        let repo = |more: &str| format!("[[repo]]\ndistribution = \"alma\"\nname = \"crb\"\n{more}\n");
        for (more, want) in [
            ("", "a.toml:1: repo: missing field `path`; add it"),
            ("path = \"a//b\"", "a.toml:4: repo `crb`: `a//b` has an empty part, `.` or `..`; write the plain path"),
            (
                "path = \"a\"\ntree = \"x\"",
                "a.toml:5: repo `crb`: there is no tree `x`; name one that a valid `[[tree]]` defines",
            ),
            (
                "path = \"a\"\narches = []",
                "a.toml:5: repo `crb`: it has no valid architecture; write `arches = [\"x86_64\"]` or delete the line",
            ),
            (
                "path = \"a\"\nreleases = []",
                "a.toml:1: repo `crb`: no valid release has it; add a `[[release]]` of AlmaLinux",
            ),
        ] {
            assert_eq!(problems(&repo(more)), [want]);
            assert_eq!(reading(&repo(more)).inventory.distributions[0].repos.len(), 1);
        }
    }

    #[test]
    fn an_unknown_release_costs_itself() {
        let text = "[[repo]]\ndistribution = \"alma\"\nname = \"crb\"\npath = \"c\"\nreleases = [\n\"9.8\",\n\"9\"]\n";
        assert_eq!(
            problems(text),
            ["a.toml:7: repo `crb`: AlmaLinux has no release `9`; write the `name` of a valid `[[release]]`"]
        );
        assert_eq!(reading(text).inventory.distributions[0].repos[1].releases, ["9.8"]);
    }

    #[test]
    fn no_two_repos_answer_to_one_request() {
        let text = r#"
[[distribution]]
name = "rocky"
[[tree]]
name = "rocky"
[[release]]
name = "9.6"
aliases = ["9"]
arches = ["aarch64"]
[[release]]
name = "10"
arches = ["aarch64"]
[[repo]]
name = "baseos"
path = "b"
[[repo]]
name = "BASEOS"
path = "b"
releases = [
  "10",
]
[[repo]]
name = "baseos"
path = "b"
arches = ["ppc64le"]
"#;
        assert_eq!(
            problems(text),
            [
                "a.toml:14: repo `baseos`: release `9` for `aarch64` has a repo of this name already, at 0.toml:11; \
                 rename the repo, or take the release from one of them",
                "a.toml:20: repo `BASEOS`: release `10` for `aarch64` has a repo of this name already, at a.toml:13; \
                 rename the repo, or take the release from one of them",
            ]
        );
        let repos = &reading(text).inventory.distributions[1].repos;
        assert_eq!(repos.len(), 2);
        assert_eq!((repos[0].releases.len(), repos[1].releases.len()), (1, 2));
    }
}
