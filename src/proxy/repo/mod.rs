//! Repos by stable URLs: `/REPO/RELEASEVER/ARCH/PATH`.
//!
//! - `route`    `Repos` and `Route`: what such a path means
//! - `mirrors`  `Mirrors`: a repo's mirrors in order, and what is remembered of them
//! - `lists`    mirrorlists and metalinks
//! - `fill`     `RepoFill`: the thread's job that brings a file into the store, from as many mirrors as it takes
//! - `know`     `Knowledge`: what is known of a file before it is fetched
//!
//! Not here: the web at large (`fill`, `pass`), answering (`delivery`).

mod fill;
mod know;
mod lists;
mod mirrors;
mod route;

pub use fill::{REPO, RepoFill};
pub use know::{Expected, Knowledge, Nothing};
pub use mirrors::{Candidate, Outcome, own_fields};
pub use route::{Class, Found, Lists, Repo, Repos, Route, named_addresses, url_address};
