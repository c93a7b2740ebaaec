//! The only floor that may be unsafe: what the system offers and the standard library does not.
//!
//! - `socket`   sockets that listen
#![allow(unsafe_code)]

mod socket;

pub use socket::{LISTEN_BACKLOG, ListenError, listen};
