//! Single names of repos in the Fedora dialect: that no two repos have one, and aliases of them.

use std::collections::HashMap;

use super::case::{Case, Ledger};
use super::distribution::Owners;
use crate::inventory::entry::Entries;
use crate::inventory::form;
use crate::inventory::model::{Distribution, Origin, RepoAlias};
use crate::inventory::problem::quoted;

/// Takes names away that another repo has already, and adds the aliases to their distributions.
pub fn add_repo_aliases(entries: &Entries, distributions: &mut [Distribution], ledger: &mut Ledger) {
    drop_taken(entries, distributions, ledger);
    let owners = Owners::new(entries, distributions);
    let mut seen: HashMap<String, Origin> = HashMap::new();
    for found in &entries.repo_aliases {
        let entry = &found.entry;
        let mut case = Case::new(ledger, found, "repo_alias", entry.from.as_ref());
        let Some(owner) = owners.owner(&mut case, found, &entry.distribution) else { continue };
        let Some(from) = case.formed(&entry.from, form::name) else { continue };
        let (from, to) = (from.to_ascii_lowercase(), entry.to.as_ref().to_ascii_lowercase());
        if distributions.iter().any(|distribution| has_name(distribution, &from)) {
            let why = format!("{} is the name of a repo", quoted(&from));
            case.report(entry.from.span(), why, "write a name that no repo has");
        } else if !has_name(&distributions[owner], &to) {
            let why = format!("{} has no repo {}", distributions[owner].title, quoted(&to));
            case.report(entry.to.span(), why, "write a name as `fedora_name` makes it");
        } else if case.is_first(&mut seen, from.clone(), &from, entry.from.span()) {
            distributions[owner].repo_aliases.push(RepoAlias { from, to });
        }
    }
}

/// Takes the single names from repos of which another one for the same architecture was there first.
fn drop_taken(entries: &Entries, distributions: &mut [Distribution], ledger: &mut Ledger) {
    let mut taken: HashMap<(String, String), (String, String)> = HashMap::new();
    for distribution in distributions {
        for repo in &mut distribution.repos {
            let mut own = Vec::new();
            for release in distribution.releases.iter().filter(|release| repo.releases.contains(&release.name)) {
                let arches = repo.arches.as_ref().unwrap_or(&release.arches);
                let names = repo.names(release);
                own.extend(names.iter().flat_map(|name| arches.iter().map(|arch| (name.clone(), arch.clone()))));
            }
            own.sort_unstable();
            let twice = own.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone());
            let other = own.iter().find_map(|key| Some((key.clone(), taken.get(key)?.clone())));
            let clash = twice.map(|key| (key, None)).or_else(|| other.map(|(key, first)| (key, Some(first))));
            let Some(((name, arch), first)) = clash else {
                let owner = (distribution.name.clone(), repo.name.clone());
                taken.extend(own.into_iter().map(|key| (key, owner.clone())));
                continue;
            };
            repo.fedora_name = None;
            let by_name = entries.repos.iter().find(|found| {
                found.entry.name.as_ref().eq_ignore_ascii_case(&repo.name)
                    && found.entry.path.as_ref().trim_matches('/') == repo.path
            });
            let Some(found) = by_name else { continue };
            let mut case = Case::new(ledger, found, "repo", found.entry.name.as_ref());
            let whose = match first {
                Some((distribution, repo)) => format!("repo `{repo}` of `{distribution}` has it"),
                None => "two of its releases have it".to_owned(),
            };
            let why = format!("its name {} for `{arch}` is not its own: {whose}", quoted(&name));
            case.report_all(why, "give `fedora_name` another pattern; it has no such name now");
        }
    }
}

fn has_name(distribution: &Distribution, name: &str) -> bool {
    let mut repos = distribution.repos.iter();
    repos.any(|repo| {
        let releases = distribution.releases.iter().filter(|release| repo.releases.contains(&release.name));
        releases.flat_map(|release| repo.names(release)).any(|one| one == name)
    })
}

#[cfg(test)]
mod tests {
    use super::super::ground::{problems, reading};

    const NAMED: &str = r#"
[[distribution]]
name = "rocky"
fedora_name = "{repo}-{release}"
[[tree]]
name = "rocky"
[[release]]
name = "8.6"
aliases = ["8"]
arches = ["aarch64"]
[[repo]]
name = "BaseOS"
path = "b"
[[repo]]
name = "crb"
path = "c"
fedora_name = "powertools-{release}"
"#;

    #[test]
    fn a_repo_has_a_name_for_each_release_and_alias() {
        let distribution = reading(NAMED).inventory.distributions.remove(1);
        let names: Vec<_> = distribution.repos.iter().map(|repo| repo.names(&distribution.releases[0])).collect();
        assert_eq!(names, [["baseos-8.6", "baseos-8"], ["powertools-8.6", "powertools-8"]]);
        assert!(reading("").inventory.distributions[0].repos[0].fedora_name.is_none());
    }

    #[test]
    fn an_alias_stands_for_a_name() {
        let text = format!("{NAMED}[[repo_alias]]\nfrom = \"Rocky-8\"\nto = \"BaseOS-8\"\n");
        let distribution = reading(&text).inventory.distributions.remove(1);
        let alias = &distribution.repo_aliases[0];
        assert_eq!((alias.from.as_str(), alias.to.as_str()), ("rocky-8", "baseos-8"));
        for (lines, why) in [
            ("from = \"a\"\nto = \"b\"", "rocky has no repo `b`; write a name as `fedora_name` makes it"),
            ("from = \"crb-x\"\nto = \"crb-8\"", "rocky has no repo `crb-8`; write a name as `fedora_name` makes it"),
            (
                "from = \"baseos-8\"\nto = \"baseos-8\"",
                "`baseos-8` is the name of a repo; write a name that no repo has",
            ),
            ("from = \"a b\"\nto = \"baseos-8\"", "`a b` is no name"),
        ] {
            let told = problems(&format!("{NAMED}[[repo_alias]]\n{lines}\n"));
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(why), "{told:?}");
        }
        let twice = "[[repo_alias]]\nfrom = \"a\"\nto = \"baseos-8\"\n".repeat(2);
        assert_eq!(problems(&format!("{NAMED}{twice}")).len(), 1);
    }

    #[test]
    fn a_name_belongs_to_one_repo() {
        let second = "[[repo]]\nname = \"x\"\npath = \"x\"\nfedora_name = \"baseos-8\"\n";
        let told = problems(&format!("{NAMED}{second}"));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("repo `x`: its name `baseos-8` for `aarch64` is not its own: repo `baseos` of `rocky`")
        );
        let told = problems(&NAMED.replace("{repo}-{release}", "{repo}-{arch}"));
        assert!(told[0].contains("`{repo}-{arch}` has a placeholder there is not"), "{told:?}");
    }
}
