//! The configuration file: TOML, every key optional, unknown keys refused.
//!
//! - `file`   `Config`: the file's shape, its defaults, its errors
//!
//! Not here: mirrors and repos (`inventory`), what a setting does (whoever takes it).

mod file;

pub use file::{Config, ConfigError, Crawl};
