//! What the network calls things: families, protocols, clients, prefixes.
//!
//! - `family`     IPv4 or IPv6
//! - `protocol`   http, https or rsync

mod family;
mod protocol;

pub use family::Family;
pub use protocol::Protocol;
