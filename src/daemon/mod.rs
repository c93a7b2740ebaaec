//! The running program: threads, signals, reloads.
//!
//! - `sources`   `Sources`: from a configuration to what workers answer from
//! - `geo`       the GeoIP table: the one in the program, a compiled one, or databases to compile
//! - `run`       start, serve, reload on HUP, drain on TERM
//!
//! Not here: what a worker does (`serve`), what the lists are (`plan`).

mod geo;
mod run;
mod sources;

pub use geo::{GeoCache, GeoError};
pub use run::{Origin, RunError, run};
pub use sources::{Sources, SourcesError, Tolerance, shipped_lists};
