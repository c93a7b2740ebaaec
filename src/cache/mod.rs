//! The cache: what was fetched, on the disk, and when it may be used.
//!
//! - `semantics`  HTTP caching as pure functions: RFC 9110, 9111, 5861, 8246 and 9213
//! - `store`      objects in files, found through an index in memory
//!
//! Not here: fetching and answering, and what a repo's files mean.

pub mod semantics;
pub mod store;
