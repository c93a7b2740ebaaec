//! Objects in files, found through an index in memory.
//!
//! - `store`     `Store`, the door: look up, fill, remove
//! - `key`       `Key`, what an object is asked for by
//! - `metadata`  `Metadata`, what is known of an object besides its body
//! - `entry`     `Entry`, an object that is whole, opened for reading
//! - `filling`   `Filling`, an object that is coming, as all who wait for it see it
//! - `draft`     `Draft`, the same as its writer sees it
//!
//! Not here: what may be stored and when it may be used (`semantics`), fetching.

mod draft;
mod entry;
mod filling;
mod key;
mod metadata;
#[allow(clippy::module_inception, reason = "the room is named for what is in its middle")]
mod store;

pub use draft::{Draft, HELD_BACK_BYTES};
pub use entry::Entry;
pub use filling::{Filling, Progress, Wake};
pub use key::{KEY_BYTES_MAX, Key};
pub use metadata::{FIELDS_BYTES_MAX, Head, Label, Metadata, Sha256, TAG_BYTES_MAX};
pub use store::{Absence, Limits, Lookup, Refill, Store, StoreError, Usage};
