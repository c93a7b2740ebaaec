//! Where an address is: a compiled table from address to place, and how such tables are made.
//!
//! - `table`     `Table`, the frozen table as a worker uses it, straight from mapped bytes
//! - `check`     what is wrong with a table, found by walking all of it
//! - `format`    the byte layout, which `table`, `check` and `build` share
//! - `build`     `Builder`: ranges in, the bytes of a table out
//! - `country`   which texts of a database name a country
//! - `mmdb`      tables out of City and Country databases in MaxMind's format
//! - `tor`       tables out of Tor's `geoip` and `geoip6` text files
//!
//! Not here: the places' names and neighbours (`inventory`), cloud and private networks.

mod build;
mod check;
mod country;
mod format;
pub mod mmdb;
mod table;
pub mod tor;

pub use build::{BuildError, Builder, RangeError};
pub use check::CheckError;
pub use format::Section;
pub use table::{OpenError, PlaceIndex, Table};
