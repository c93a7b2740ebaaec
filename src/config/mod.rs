//! The configuration file: TOML, every key optional, unknown keys refused.
//!
//! - `file`   `Config`: the file's shape, its defaults, its errors
//! - `pages`  `Pages`: its table of pages for images
//! - `proxy`  `Proxy`: its tables for the proxy
//!
//! Not here: mirrors and repos (`inventory`), what a setting does (whoever takes it).

mod file;
mod pages;
mod proxy;

pub use file::{Config, ConfigError, Crawl};
pub use pages::Pages;
pub use proxy::{LogFormat, Proxy, ProxyRepo, RepoSource};
