//! The operating system: the only folder with `unsafe`, one block per call, each with its proof.
//!
//! - `map`   a file as bytes in memory

#![allow(unsafe_code)]

mod map;

pub use map::Map;
