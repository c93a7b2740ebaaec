//! Traffic: what clients asked, or might ask, and what follows from it for mirrors.
//!
//! - `source`      `Source`: lines of a file or a pipe, plain or compressed
//! - `line`        `Line`: a line of an access log, taken apart
//! - `tables`      `Tables`: requests counted by repo, country, system and so on
//! - `population`  `Population`: clients that are made up, in the shares of countries
//! - `load`        `Load`: how often answers name each mirror, and what that means for it
//!
//! No address is kept: one is looked at to find its country or its answer, and forgotten with its line.
//! Not here: writing the log (`worker`), printing (`cli`).

mod line;
mod load;
mod population;
mod source;
mod tables;

pub use line::Line;
pub use load::{Limits, Load, MirrorLoad, Move, Warning, moves};
pub use population::{Population, PopulationError};
pub use source::{LINE_BYTES_MAX, Next, Source, SourceError};
pub use tables::{Dimension, KEYS_MAX, Table, Tables};
