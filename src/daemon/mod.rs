//! The running program: threads, signals, reloads.
//!
//! - `sources`   `Sources`: from a configuration to what workers answer from
//! - `geo`       the GeoIP table: the one in the program, a compiled one, or databases to compile
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
mod proxy;
mod publication;
mod run;
mod sources;

pub use geo::{GeoCache, GeoError};
pub use proxy::ProxyError;
pub use publication::Publication;
pub use run::{Origin, RunError, run, run_proxy};
pub use sources::{Sources, SourcesError, Tolerance, shipped_lists};
