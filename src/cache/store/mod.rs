//! Objects in files, found through an index in memory.
//!
//! - `store`     `Store`, the door: look up, fill, remove
//! - `key`       `Key`, what an object is asked for by
//! - `metadata`  `Metadata`, what is known of an object besides its body
//! - `entry`     `Entry`, an object that is whole, opened for reading
//! - `filling`   `Filling`, an object that is coming, as all who wait for it see it
//! - `draft`     `Draft`, the same as its writer sees it
//! - `catalogue` `Catalogue`, a look at the files of a store that may be in use
//! - `shared`    what a store and its drafts have in common
//! - `index`     which objects there are, and who has to go first
//! - `layout`    how an object lies in its file; `reader` reads that
//! - `scan`      what is done at the start: lock, clean up, fill the index
//! - `uses`      how often objects were used, over an orderly end
//! - `disk`      what is done to files at all
//!
//! Not here: what may be stored and when it may be used (`semantics`), fetching.

mod catalogue;
mod disk;
mod draft;
mod entry;
mod filling;
mod index;
mod key;
mod layout;
mod metadata;
mod reader;
mod scan;
mod shared;
#[allow(clippy::module_inception, reason = "the room is named for what is in its middle")]
mod store;
mod uses;

pub use catalogue::{Catalogue, Listed};
pub use draft::{Draft, HELD_BACK_BYTES};
pub use entry::Entry;
pub use filling::{Filling, Progress, Wake};
pub use key::{KEY_BYTES_MAX, Key};
pub use metadata::{FIELDS_BYTES_MAX, Head, Label, Metadata, Sha256, TAG_BYTES_MAX};
pub use store::{Absence, Limits, Lookup, Refill, Store, StoreError, Usage};

#[cfg(test)]
mod tests;
