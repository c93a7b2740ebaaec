//! The configuration file: TOML, every key optional, unknown keys refused.
//!
//! - `file`   `Config`: the file's shape, its defaults, its errors
//! - `proxy`  `Proxy`: its tables for the proxy
//!
//! Not here: mirrors and repos (`inventory`), what a setting does (whoever takes it).

mod file;
mod proxy;

pub use file::{Config, ConfigError, Crawl};
pub use proxy::{LogFormat, Proxy, ProxyRepo, RepoSource};
