//! Where an address is, and whose: compiled tables from address to place or autonomous system, and how they are made.
//!
//! - `table`     `Table`, the frozen table as a worker uses it, straight from mapped bytes
//! - `check`     what is wrong with a table, found by walking all of it
//! - `format`    the byte layout, which `table`, `check` and `build` share
//! - `build`     `Builder`: ranges in, the bytes of a table out
//! - `label`     `Label`: what a table may say of an address
//! - `country`   which texts of a database name a country
//! - `mmdb`      tables out of City, Country and ASN databases in MaxMind's format
//! - `origins`   tables of autonomous systems out of text files
//! - `tor`       tables out of Tor's `geoip` and `geoip6` text files
//!
//! Not here: the places' names and neighbours (`inventory`), cloud and private networks.

mod build;
mod check;
mod country;
mod format;
mod label;
pub mod mmdb;
pub mod origins;
mod table;
pub mod tor;

pub use build::{BuildError, Builder, RangeError};
pub use check::CheckError;
pub use format::Section;
pub use label::Label;
pub use table::{LabelIndex, OpenError, Table};
