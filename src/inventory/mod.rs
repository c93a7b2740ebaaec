//! The inventory: what operators told us, in TOML files under `lists/`.
//!
//! - `model`   the nouns: mirror, distribution, release, repo, cloud, country, network
//! - `world`   the countries, by any name, with their neighbours
//!
//! Not here: what was found out by looking (`verdicts`), what follows from it (`plan`).

mod model;
mod world;

pub use model::*;
pub use world::World;
