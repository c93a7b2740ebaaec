//! The operating system: the only folder with `unsafe`, one block per call, each with its proof.
//!
//! - `map`      bytes in memory that never change: a mapped file, or pages of our own
//! - `socket`   sockets that listen
//! - `file`     files on their way into sockets, and without a name
//! - `heap`     free memory, back to the system
//! - `space`    space on a disk, reserved
//! - `descriptors`   how many descriptors the process may have
//! - `priority` who gets a processor first

#![allow(unsafe_code)]

mod descriptors;
mod file;
mod heap;
mod map;
mod priority;
mod socket;
mod space;

pub use descriptors::raise_descriptor_limit;
pub use file::{send_file, unnamed_file};
pub use heap::give_back_free_memory;
pub use map::Map;
pub use priority::yield_to_others;
pub use socket::{LISTEN_BACKLOG, ListenError, listen};
pub use space::reserve_space;
