//! The running program: threads, signals, reloads.
//!
//! - `sources`   `Sources`: from a configuration to what workers answer from
//! - `geo`       tables of places and autonomous systems: in the program, compiled, or databases to compile
//! - `pages`     what operators give the pages for images: reads the logo
//! - `publication`  what is to be published, and what the guard says of it
//! - `cycle`     a pass over all mirrors, and the publication that follows from it
//! - `crawler`   one cycle after the other, beside the workers
//! - `proxy`     the proxy's threads
//! - `run`       start, serve, reload on HUP, drain on TERM
//!
//! Not here: what a worker does (`serve`), what the lists are (`plan`).

mod crawler;
pub mod cycle;
mod geo;
mod pages;
mod proxy;
mod publication;
mod run;
mod sources;

pub use geo::{GeoCache, GeoError, compile_asns};
pub use proxy::ProxyError;
pub use publication::Publication;
pub use run::{Origin, RunError, run, run_proxy};
pub use sources::{Sources, SourcesError, Tolerance, rules, shipped_lists};
