//! `Targets`: what an inventory gives to look at.
//!
//! Lives here: repos with the file that tells their state, folders of images, the images in them once they are known,
//! and doors: a mirror's base URL for one tree and protocol. Mirrors that are not to be crawled have none, and releases
//! with a vault no repos and images: nothing depends on them.
//! Not here: which of them are looked at in a run (`schedule`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::classify::Pointer;
use super::pass::Recorder;
use crate::inventory::{Images, Inventory, Mirror, Release, Repo as Entry, Status};
use crate::net::{Family, Protocol};
use crate::verdicts::{Catalog, MirrorId, RepoId, RepoKey, StateError};

/// A repo; a folder of images or an image, which are looked at in the same way.
#[derive(Clone, Debug)]
pub struct Repo {
    /// Its number in the state.
    pub id: RepoId,
    /// Its names.
    pub key: RepoKey,
    /// The tree that carries it.
    pub tree: String,
    /// Path below the tree's base URL, with a final slash.
    pub dir: String,
    /// What kind of file tells its state.
    pub pointer: Pointer,
    /// That file's path below `dir`.
    pub file: String,
}

/// What is particular of a folder of images.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// Names that the checksum file may have, in the order of trying.
    pub checksum_files: Vec<String>,
    /// Files that it lists and that are no images: names, in which `*` stands for any text.
    pub exclude: Vec<String>,
    /// Names of its images; empty while they are not known.
    pub names: BTreeSet<String>,
}

/// A mirror's base URL for one tree and one protocol.
#[derive(Clone, Debug)]
pub struct Door {
    /// Name of the mirror; of a last resort, its host.
    pub name: String,
    /// The mirror's number in the state; none for a last resort, of which nothing is kept.
    pub mirror: Option<MirrorId>,
    /// The tree.
    pub tree: String,
    /// The protocol, never rsync.
    pub protocol: Protocol,
    /// Base URL with a final slash.
    pub base: String,
    /// Host of the URL in lower case, without its port.
    pub host: String,
    /// Host and port, without a port that is the protocol's own.
    pub authority: String,
    /// Families that it can be reached over.
    pub families: Vec<Family>,
    /// Whether it is a source of truth; then it is in no list, and nothing but its truth is kept.
    pub master: bool,
}

/// What an inventory gives to look at.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// All repos, folders of images, and images behind them.
    pub repos: Vec<Repo>,
    /// Folders of images by their index among the repos.
    pub folders: BTreeMap<u32, Folder>,
    /// All doors: of active mirrors that are crawled, and of masters.
    pub doors: Vec<Door>,
}

impl Targets {
    /// The targets of an inventory, with their numbers in the state.
    pub fn of(inventory: &Inventory, recorder: &mut dyn Recorder) -> Result<Targets, StateError> {
        let mut targets = Targets::default();
        for distribution in &inventory.distributions {
            for repo in &distribution.repos {
                let has_it = |release: &&Release| repo.releases.contains(&release.name) && release.vault.is_empty();
                for release in distribution.releases.iter().filter(has_it) {
                    for arch in repo.arches.as_ref().unwrap_or(&release.arches) {
                        let key =
                            RepoKey { release: release.name.clone(), arch: arch.clone(), repo: repo.name.clone() };
                        let id = recorder.repo(&key)?;
                        targets.repos.push(target(id, key, release, repo));
                    }
                }
            }
        }
        for of in inventory.distributions.iter().flat_map(|distribution| distribution.image_folders()) {
            let key = RepoKey::of_folder(of.branch, &of.release.name, &of.images.kind, of.arch);
            let Images { checksum_files, exclude, .. } = of.images;
            let (checksum_files, exclude) = (checksum_files.clone(), exclude.clone());
            targets.folders.insert(targets.repos.len() as u32, Folder { checksum_files, exclude, ..Folder::default() });
            targets.repos.push(Repo {
                id: recorder.repo(&key)?,
                key,
                tree: of.tree.to_owned(),
                dir: of.dir(),
                pointer: Pointer::Index,
                file: String::new(),
            });
        }
        for mirror in &inventory.mirrors {
            if matches!(mirror.status, Status::Active | Status::Master) && mirror.crawled {
                let id = recorder.mirror(&mirror.name)?;
                targets.add_mirror(mirror, id);
            }
        }
        targets.add_last_resorts(inventory);
        Ok(targets)
    }

    /// Adds the images of a folder, behind all others.
    pub fn add_images(
        &mut self,
        folder: u32,
        catalog: &Catalog,
        recorder: &mut dyn Recorder,
    ) -> Result<(), StateError> {
        let Repo { key, tree, dir, .. } = self.repos[folder as usize].clone();
        for name in catalog.images.keys() {
            let key = key.of_image(name);
            let (id, tree, dir) = (recorder.repo(&key)?, tree.clone(), dir.clone());
            self.repos.push(Repo { id, key, tree, dir, pointer: Pointer::Image, file: name.clone() });
        }
        if let Some(folder) = self.folders.get_mut(&folder) {
            folder.names = catalog.images.keys().cloned().collect();
        }
        Ok(())
    }

    /// Whether this is an image or a folder of images.
    pub fn is_image(&self, repo: u32) -> bool {
        self.repos.get(repo as usize).is_some_and(|repo| matches!(repo.pointer, Pointer::Index | Pointer::Image))
    }

    fn add_mirror(&mut self, mirror: &Mirror, id: MirrorId) {
        for (tree, urls) in &mirror.base {
            for (&protocol, base) in urls.iter().filter(|(protocol, _)| **protocol != Protocol::Rsync) {
                let Some((host, authority)) = host_of(base, protocol) else { continue };
                self.doors.push(Door {
                    name: mirror.name.clone(),
                    mirror: Some(id),
                    tree: tree.clone(),
                    protocol,
                    base: base.clone(),
                    host,
                    authority,
                    families: mirror.families.clone(),
                    master: mirror.status == Status::Master,
                });
            }
        }
    }

    /// A tree without a master has its last resort for one.
    fn add_last_resorts(&mut self, inventory: &Inventory) {
        for tree in inventory.distributions.iter().flat_map(|distribution| &distribution.trees) {
            let has_master = self.doors.iter().any(|door| door.master && door.tree == tree.name);
            let Some(base) = tree.last_resort.as_ref().filter(|_| !has_master) else { continue };
            let protocol = if base.starts_with("https:") { Protocol::Https } else { Protocol::Http };
            let Some((host, authority)) = host_of(base, protocol) else { continue };
            self.doors.push(Door {
                name: host.clone(),
                mirror: None,
                tree: tree.name.clone(),
                protocol,
                base: base.clone(),
                host,
                authority,
                families: Family::ALL.to_vec(),
                master: true,
            });
        }
    }

    /// URL of a repo's folder behind a door, with a final slash.
    pub fn dir_url(&self, door: u32, repo: u32) -> String {
        format!("{}{}", self.doors[door as usize].base, self.repos[repo as usize].dir)
    }

    /// URL of the file that tells a repo's state, behind a door.
    pub fn url(&self, door: u32, repo: u32) -> String {
        format!("{}{}", self.dir_url(door, repo), self.repos[repo as usize].file)
    }

    /// For each repo, what its master can be asked through, the best first: https before http, then in the order of
    /// families.
    pub fn masters(&self) -> Vec<Vec<(u32, Family)>> {
        let mut by_tree: HashMap<&str, Vec<(u32, Family)>> = HashMap::new();
        for protocol in [Protocol::Https, Protocol::Http] {
            for (at, door) in self.doors.iter().enumerate().filter(|(_, door)| door.master && door.protocol == protocol)
            {
                let ways = door.families.iter().map(|&family| (at as u32, family));
                by_tree.entry(&door.tree).or_default().extend(ways);
            }
        }
        self.repos.iter().map(|repo| by_tree.get(repo.tree.as_str()).cloned().unwrap_or_default()).collect()
    }
}

fn target(id: RepoId, key: RepoKey, release: &Release, repo: &Entry) -> Repo {
    let path = repo.path.replace("{arch}", &key.arch);
    let parts = [release.dir.as_str(), &path].into_iter().filter(|part| !part.is_empty());
    let dir: String = parts.flat_map(|part| [part, "/"]).collect();
    // Inventories have no word for ostree repos: by custom they lie under `atomic` or `ostree`, in a folder `repo`.
    let ostree = path.split('/').any(|part| matches!(part, "atomic" | "ostree"));
    let (pointer, file) = match (ostree, path.ends_with("/repo")) {
        (true, true) => (Pointer::Summary, "summary"),
        (true, false) => (Pointer::Summary, "repo/summary"),
        (false, _) => (Pointer::RepoMd, "repodata/repomd.xml"),
    };
    let file = file.to_owned();
    Repo { id, key, tree: repo.tree.clone().unwrap_or_else(|| release.tree.clone()), dir, pointer, file }
}

/// Host and authority (see `Door`) of a base URL.
fn host_of(base: &str, protocol: Protocol) -> Option<(String, String)> {
    let (_, rest) = base.split_once("://")?;
    let authority = rest.split('/').next()?.rsplit('@').next()?.to_ascii_lowercase();
    let own_port = if protocol == Protocol::Https { ":443" } else { ":80" };
    let authority = authority.strip_suffix(own_port).unwrap_or(&authority).to_owned();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host.to_owned(),
        _ => authority.clone(),
    };
    (!host.is_empty()).then_some((host, authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_urls() {
        let cases = [
            ("http://A.example/x/", Protocol::Http, "a.example", "a.example"),
            ("http://a.example:80/", Protocol::Http, "a.example", "a.example"),
            ("https://a.example:443/", Protocol::Https, "a.example", "a.example"),
            ("https://a.example:8443/", Protocol::Https, "a.example", "a.example:8443"),
            ("http://[2001:db8::1]/", Protocol::Http, "[2001:db8::1]", "[2001:db8::1]"),
            ("http://[2001:db8::1]:81/", Protocol::Http, "[2001:db8::1]", "[2001:db8::1]:81"),
        ];
        for (base, protocol, host, authority) in cases {
            assert_eq!(host_of(base, protocol), Some((host.to_owned(), authority.to_owned())), "{base}");
        }
        assert_eq!(host_of("http:///", Protocol::Http), None);
    }
}
