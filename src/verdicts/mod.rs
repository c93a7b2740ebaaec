//! Verdicts: what was found out about mirrors by looking.
//!
//! - `subject`    `Subject`: which mirror, repo, family and protocol a verdict is about
//! - `finding`    `Finding`: what one look found, each with a name and a sentence
//! - `verdict`    `Verdict`: what is held of a subject after several looks, and how one look changes it
//! - `truth`      `Truth`: the generations of a repo that its master has shown
//! - `catalog`    `Catalog`: the images of a folder, as its master has them
//! - `state`      `State`: all of it in SQLite
//! - `expiry`     what operators declared old
//! - `history`    `Past`: what was held before, and for how long that is kept
//! - `run`        `Run`: one crawl, and what it came to
//! - `schema`     the tables
//! - `row`        rows as nouns, and back
//!
//! Not here: how one looks (`crawl`), what follows for lists (`plan`).

mod catalog;
mod expiry;
mod finding;
mod history;
mod row;
mod run;
mod schema;
mod state;
mod subject;
mod truth;
mod verdict;

pub use catalog::{Catalog, Original};
pub use finding::{Class, Finding};
pub use history::{Keep, Past};
pub use run::{Run, RunCounts, RunId, RunOutcome};
pub use state::{Change, Learned, State, StateError, Tally};
pub use subject::{MirrorId, RepoId, RepoKey, Subject};
pub use truth::{Digest, Showing, Shown, Truth};
pub use verdict::{Damping, Evidence, Observation, Standing, Verdict};
