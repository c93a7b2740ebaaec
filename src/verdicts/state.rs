//! `State`: verdicts, truths and their history in SQLite.

use std::collections::HashMap;
use std::path::Path;

use super::subject::{MirrorId, RepoId, RepoKey, Subject};
use super::truth::Truth;
use super::verdict::{Damping, Observation, Verdict};

/// Name of the file in the folder.
const FILE: &str = "verdicts.sqlite";

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {}

/// What is known, in a file. One process at a time may write.
pub struct State {}

impl State {
    /// Opens (or makes) the state in `folder`, taking the lock that keeps a second crawler out.
    pub fn open(folder: &Path) -> Result<State, StateError> {
        let _ = folder;
        todo!()
    }

    /// Whether anybody has ever opened a state in `folder`. Makes nothing.
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// Opens the state in `folder` for reading only, beside a crawler.
    pub fn read(folder: &Path) -> Result<State, StateError> {
        let _ = folder;
        todo!()
    }

    /// Number of a mirror; it is given one when it is new.
    pub fn mirror(&mut self, name: &str) -> Result<MirrorId, StateError> {
        let _ = name;
        todo!()
    }

    /// Number of a repo; it is given one when it is new.
    pub fn repo(&mut self, key: &RepoKey) -> Result<RepoId, StateError> {
        let _ = key;
        todo!()
    }

    /// All mirrors by name.
    pub fn mirrors(&self) -> Result<HashMap<String, MirrorId>, StateError> {
        todo!()
    }

    /// All repos by key.
    pub fn repos(&self) -> Result<HashMap<RepoKey, RepoId>, StateError> {
        todo!()
    }

    /// What masters have shown.
    pub fn truths(&self) -> Result<HashMap<RepoId, Truth>, StateError> {
        todo!()
    }

    /// Keeps what a master has shown.
    pub fn set_truth(&mut self, repo: RepoId, truth: &Truth) -> Result<(), StateError> {
        let _ = (repo, truth);
        todo!()
    }

    /// All verdicts.
    pub fn verdicts(&self) -> Result<HashMap<Subject, Verdict>, StateError> {
        todo!()
    }

    /// Keeps observations: verdicts are changed by them, and changes go into the history. One transaction.
    pub fn observe(&mut self, observations: &[Observation], damping: &Damping) -> Result<(), StateError> {
        let _ = (observations, damping);
        todo!()
    }
}
