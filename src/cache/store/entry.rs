//! `Entry`: an object that is whole, opened for reading.

use std::fs::File;
use std::sync::Arc;

use super::key::ObjectId;
use super::layout::{Shape, Slot};
use super::metadata::Metadata;
use crate::cache::semantics::Response;

/// An object that is whole, opened for reading. The file stays readable for as long as somebody holds it, also when the
/// object is evicted, replaced or removed meanwhile. Nothing in it ever changes: an update makes a new entry.
#[derive(Debug)]
pub struct Entry {
    pub(super) id: ObjectId,
    pub(super) stamp: u64,
    pub(super) file: Arc<File>,
    pub(super) shape: Shape,
    pub(super) slot: Slot,
    pub(super) metadata: Metadata,
}

impl Entry {
    /// What is known of it.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Its head, as `semantics` looks at it.
    pub fn response(&self) -> Response<'_> {
        self.metadata.head.response()
    }

    /// The file the body is in: read it with offsets (sendfile, pread), its position belongs to nobody. Do not write.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Where in the file the body begins, bytes: a multiple of 4,096.
    pub fn body_offset(&self) -> u64 {
        self.shape.body_offset
    }

    /// Length of the body, bytes.
    pub fn body_bytes(&self) -> u64 {
        self.metadata.body_bytes
    }
}
