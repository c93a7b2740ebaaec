//! How much of anything a peer may send. Declared together, so that they can be compared.

/// Longest request head, bytes, from the request line to the empty line. RFC 9112 (section 3) asks for request lines
/// of 8,000 bytes; dnf sends about 250 bytes in all.
pub const HEAD_BYTES_MAX: usize = 8192;

/// Most field lines in a request head. dnf sends 6; browsers about 20. Picked by feel.
pub const FIELD_COUNT_MAX: usize = 64;

/// Longest request body that is read (and thrown away), bytes. Our requests have none: this only keeps connections of
/// odd clients alive. Picked by feel.
pub const BODY_BYTES_MAX: u64 = 64 * 1024;

/// Most bytes of chunk extensions in one body. Nobody is known to send any. Picked by feel.
pub const CHUNK_EXTENSION_BYTES_MAX: u16 = 1024;

/// Most bytes of trailers after one chunked body. Picked by feel.
pub const TRAILER_BYTES_MAX: u16 = 4096;

/// Unsent output, bytes, beyond which a connection takes no further pipelined request. 16 answers of 700 bytes are
/// 11 kB; what one answer adds on top is the answerer's to bound.
pub const OUTPUT_BYTES_PAUSE: usize = 32 * 1024;

const _: () = assert!(HEAD_BYTES_MAX <= u16::MAX as usize);
