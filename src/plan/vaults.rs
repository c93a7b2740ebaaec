//! `Vaults`: releases that have come to their end, all of whose clients are sent to the same URLs.
//!
//! Lives here: vault URLs as mirrors that only such releases name, and the lists of these: for every place and group
//! the same, in the order of the inventory. Not here: whether a mirror still has such a release. Nobody is asked.

use std::collections::{BTreeSet, HashMap};

use super::goods::RepoOf;
use super::{TURN_COUNT, Trees};
use crate::inventory::Inventory;
use crate::net::{Family, Protocol};
use crate::snapshot::{Builder, DirectoryId, MirrorIndex, SetId};

/// The vaults of all releases that have some, by distribution and release.
#[derive(Default)]
pub struct Vaults {
    by_release: HashMap<(String, String), Vec<(MirrorIndex, Protocol)>>,
}

/// Sets of mirrors, by family and protocol.
pub type Sets = [[SetId; Protocol::ALL.len()]; Family::ALL.len()];

impl Vaults {
    /// Adds the mirrors.
    pub fn add(builder: &mut Builder, inventory: &Inventory, trees: &Trees<'_>) -> Vaults {
        let mut vaults = Vaults::default();
        for distribution in &inventory.distributions {
            for release in distribution.releases.iter().filter(|release| !release.vault.is_empty()) {
                let repos = distribution.repos.iter().filter(|repo| repo.releases.contains(&release.name));
                let named: BTreeSet<&str> =
                    repos.map(|repo| repo.tree.as_ref().unwrap_or(&release.tree).as_str()).collect();
                let mut mirrors = Vec::new();
                for (url, number) in release.vault.iter().zip(1..) {
                    let name = format!("vault of {} {} #{number}", distribution.name, release.name);
                    let index = builder.mirror(&name, None, 1, 1);
                    let protocol = if url.starts_with("https:") { Protocol::Https } else { Protocol::Http };
                    for &tree in named.iter().filter_map(|name| trees.get(name)) {
                        builder.base(index, tree, protocol, url);
                    }
                    mirrors.push((index, protocol));
                }
                vaults.by_release.insert((distribution.name.clone(), release.name.clone()), mirrors);
            }
        }
        vaults
    }

    /// The lists and the good mirrors of a repo whose release has a vault; none for others. `row_count`: rows of a
    /// directory.
    pub fn lists(&self, builder: &mut Builder, of: &RepoOf<'_>, row_count: usize) -> Option<(DirectoryId, Sets)> {
        if of.release.vault.is_empty() {
            return None;
        }
        let mirrors = self.by_release.get(&(of.distribution.name.clone(), of.release.name.clone()))?;
        let list = builder.list(mirrors.iter().map(|(index, _)| *index).collect(), None);
        let row = builder.row(vec![list; TURN_COUNT]);
        let directory = builder.directory(vec![row; row_count]);
        let sets = Protocol::ALL
            .map(|protocol| builder.set(mirrors.iter().filter(|(_, own)| *own == protocol).map(|(index, _)| *index)));
        Some((directory, [sets; Family::ALL.len()]))
    }
}
