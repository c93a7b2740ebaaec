//! Verdicts: what was found out about mirrors by looking.
//!
//! - `subject`    `Subject`: which mirror, repo, family and protocol a verdict is about
//! - `finding`    `Finding`: what one look found, each with a name and a sentence
//! - `verdict`    `Verdict`: what is held of a subject after several looks, and how one look changes it
//! - `truth`      `Truth`: the generations of a repo that its master has shown
//! - `state`      `State`: all of it in SQLite, with its history
//!
//! Not here: how one looks (`crawl`), what follows for lists (`plan`).

mod finding;
mod state;
mod subject;
mod truth;
mod verdict;

pub use finding::{Class, Finding};
pub use state::{State, StateError};
pub use subject::{MirrorId, RepoId, RepoKey, Subject};
pub use truth::{Digest, Shown, Truth};
pub use verdict::{Damping, Evidence, Observation, Standing, Verdict};
