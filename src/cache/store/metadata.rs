//! `Metadata`: what is known of an object besides its body.

use crate::cache::semantics::{Response, Variant};
use crate::http::FieldBlock;

/// Longest `tag`, bytes.
pub const TAG_BYTES_MAX: usize = 256;
/// Longest `head.fields`, bytes. Most have 300 to 900.
pub const FIELDS_BYTES_MAX: usize = 64 * 1024;

/// A SHA-256.
pub type Sha256 = [u8; 32];

/// The head of a stored response and the times of its exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The fields, without those that are not stored (`semantics::storable_fields`).
    pub fields: FieldBlock,
    /// When the request was sent that brought it or confirmed it last, milliseconds since 1970.
    pub requested_at_ms: u64,
    /// When the head of its response had come, milliseconds since 1970.
    pub responded_at_ms: u64,
    /// For which requests it was chosen: by the Vary field. `Variant::default()` where nothing was.
    pub variant: Variant,
}

impl Head {
    /// As `semantics` looks at it.
    pub fn response(&self) -> Response<'_> {
        Response {
            status: self.status,
            fields: self.fields.fields(),
            requested_at_ms: self.requested_at_ms,
            responded_at_ms: self.responded_at_ms,
        }
    }
}

/// What the owner of an object keeps with it; nothing to the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// Which kind of object.
    pub class: u8,
    /// Where it belongs: a repo and its generation, say. At most `TAG_BYTES_MAX` bytes.
    pub tag: String,
}

/// What is known of an object besides its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is asked for by.
    pub key: String,
    /// Head and times.
    pub head: Head,
    /// The owner's.
    pub label: Label,
    /// Length of the body, bytes.
    pub body_bytes: u64,
    /// Checksum of the body (XXH3, 64 bits): finds damage, not malice.
    pub body_xxh3: u64,
    /// SHA-256 of the body, when it was compared with one.
    pub body_sha256: Option<Sha256>,
}
