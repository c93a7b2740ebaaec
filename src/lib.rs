//! mirrorlistd, by floors. A module names only modules of floors below its own; siblings do not know each other.
//! `tests/layers.rs` keeps it so.

pub mod geoip;
pub mod inventory;
pub mod net;
pub mod place;
