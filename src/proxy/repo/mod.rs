//! Repos by stable URLs: `/REPO/RELEASEVER/ARCH/PATH`, and `/REPO@VIEW/…` for one generation.
//!
//! - `route`     `Repos` and `Route`: what such a path means
//! - `mirrors`   `Mirrors`: a repo's mirrors in order; `standing`, what is remembered of them
//! - `fill`      `RepoFill`: the thread's job that brings a file into the store, from as many mirrors as it takes
//! - `expected`  `Expected`: what a file has to be
//! - `repomd`    the same for `repomd.xml`, which is shown when what it names is here
//! - `gather`    `Gather`: brings what a `repomd.xml` names
//! - `shelves`   `Shelves`: what is known of a repo's files
//! - `verified`  `Verified`: a body that is compared with its checksum on its way around the cache
//! - `archive`   generations in the store: kept, found again at the start, thrown away
//!
//! Not here: the web at large (`fill`, `pass`), answering (`delivery`), what a generation is (`shelf`).

mod archive;
mod expected;
mod fill;
mod gather;
mod mirrors;
mod repomd;
mod route;
mod shelves;
mod standing;
mod verified;

pub use archive::restore;
pub use fill::{Means, REPO, RepoFill, expected};
pub use mirrors::{Candidate, own_fields};
pub use route::{Class, Found, Lists, Repo, Repos, Route, Stand, named_addresses, url_address};
pub use shelves::Shelves;
pub use standing::{Outcome, Told};
pub use verified::Verified;
