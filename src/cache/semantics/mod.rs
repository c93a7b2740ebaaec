//! HTTP caching as pure functions: RFC 9110 and 9111, and RFC 5861 and 8246.
//!
//! - `variant`  `Variant`, for which requests a response was chosen
//!
//! Not here: where responses are kept (`store`), sockets, clocks (times are handed in).

mod variant;

pub use variant::Variant;
