//! The inventory: what operators told us, in TOML files under `lists/`.
//!
//! - `model`     the nouns: mirror, distribution, release, repo, cloud, country, network
//! - `world`     the countries, by any name, with their neighbours
//! - `reading`   from a folder or texts to an inventory and its problems, in these steps:
//! - `files`     which files there are, and their bytes
//! - `block`     a file cut into entries
//! - `entry`     what fields an entry has
//! - `form`      what a name, URL, path or network looks like
//! - `check`     what entries must agree on, and the model made of them
//! - `problem`   what is wrong, told by file and line
//!
//! Not here: what was found out by looking (`verdicts`), what follows from it (`plan`).

mod block;
mod check;
mod entry;
mod files;
mod form;
mod model;
mod problem;
mod reading;
mod world;

pub use check::{MIRROR_COUNT_MAX, PREFIX_COUNT_MAX};
pub use files::{FILE_BYTES_MAX, FILE_COUNT_MAX, ReadError};
pub use form::{MIRROR_NAME_BYTES_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX, TITLE_BYTES_MAX, URL_BYTES_MAX};
pub use model::*;
pub use problem::{PROBLEMS_MAX, Problem};
pub use reading::{Reading, fingerprint, read, read_text};
pub use world::World;
