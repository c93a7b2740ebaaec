//! Repos by their single names: `baseos-9-stream` and an architecture, or a path below a tree.
//!
//! Lives here: the table for them, both sides of it. Clients of the Fedora dialect ask by such names.
//! Not here: which names a repo has (`plan`), the table of (release, architecture, repo) (`view`).

use std::collections::HashMap;

use super::format::{RepoIndex, Section};
use super::view::{KEY_BYTES_MAX, PATH_KEY_BYTES_MAX, View};

/// The names of a snapshot that is being built: `name NUL arch`, or `NUL path`, each once.
#[derive(Default)]
pub(super) struct Names {
    known: HashMap<Vec<u8>, u32>,
    order: Vec<Vec<u8>>,
}

impl Names {
    /// Gives a repo a name. The first repo of a name keeps it.
    pub fn add(&mut self, key: Vec<u8>, repo: RepoIndex) {
        if !self.known.contains_key(&key) {
            self.known.insert(key.clone(), repo.0);
            self.order.push(key);
        }
    }

    /// All, in the order in which they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], u32)> {
        self.order.iter().map(|key| (key.as_slice(), self.known.get(key).copied().unwrap_or_default()))
    }
}

impl<B: AsRef<[u8]>> View<B> {
    /// The repo that has a name (in any case) for an architecture.
    pub fn find_named(&self, name: &[u8], arch: &[u8]) -> Option<RepoIndex> {
        if name.is_empty() || arch.is_empty() {
            return None;
        }
        let mut buffer = [0; KEY_BYTES_MAX];
        let length = name.len() + 1 + arch.len();
        let key = buffer.get_mut(..length)?;
        key[..name.len()].copy_from_slice(name);
        key[..name.len()].make_ascii_lowercase();
        key[name.len() + 1..].copy_from_slice(arch);
        self.probe(Section::Names, key)
    }

    /// The repo whose directory is at a path: tree, release's directory and repo's path, without slashes at its ends.
    pub fn find_path(&self, path: &[u8]) -> Option<RepoIndex> {
        let mut buffer = [0; PATH_KEY_BYTES_MAX];
        buffer.get_mut(1..=path.len())?.copy_from_slice(path);
        self.probe(Section::Names, &buffer[..=path.len()])
    }

    /// All names with their architectures, without paths, in rising order.
    pub fn names(&self) -> Vec<(&str, &str)> {
        let keys = self.keys_of(Section::Names).filter_map(|(key, _)| key.split_once('\0'));
        let mut names: Vec<_> = keys.filter(|(name, _)| !name.is_empty()).collect();
        names.sort_unstable();
        names
    }
}
