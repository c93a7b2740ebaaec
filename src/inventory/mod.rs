//! The inventory: what operators told us, in TOML files under `lists/`.
//!
//! - `model`   the nouns: mirror, distribution, release, repo, cloud, country, network
//!
//! Not here: what was found out by looking (`verdicts`), what follows from it (`plan`).

mod model;

pub use model::*;
