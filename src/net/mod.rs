//! What the network calls things: families, protocols, prefixes, clients.
//!
//! - `asn`        the number of an autonomous system
//! - `family`     IPv4 or IPv6
//! - `protocol`   http, https or rsync
//! - `prefixes`   a set of networks
//! - `prefix_map` networks with values, asked by address
//! - `client`     the client behind proxies

mod asn;
mod client;
mod family;
mod prefix_map;
mod prefixes;
mod protocol;

pub use asn::Asn;
pub use client::client_address;
pub use family::Family;
pub use prefix_map::PrefixMap;
pub use prefixes::{PrefixError, Prefixes};
pub use protocol::Protocol;
