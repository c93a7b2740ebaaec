//! HTTP caching as pure functions: RFC 9110 and 9111, and RFC 5861, 8246 and 9213.
//!
//! - `control`       `Control`, what Cache-Control and its like say; `targeted` reads CDN-Cache-Control
//! - `freshness`     `Response` and `Policy`: how long a response is fresh, how old it is
//! - `storing`       which responses are stored, and which of their fields
//! - `variant`       `Variant`, for which requests a response was chosen
//! - `decision`      `Decision`, what to do with a request and a stored response
//! - `validation`    asking whether a stored response still holds, and what the answer changes
//! - `precondition`  conditional requests of clients, answered from the cache
//! - `range`         requests for ranges, answered from a whole body
//! - `invalidation`  what an unsafe request makes useless; `location` resolves references
//! - `date`          dates in fields
//!
//! Not here: where responses are kept (`store`), sockets, clocks (times are handed in, milliseconds since 1970).

mod control;
mod date;
mod decision;
mod etag;
mod freshness;
mod invalidation;
mod location;
mod precondition;
mod range;
mod storing;
mod targeted;
mod validation;
mod variant;

pub use control::Control;
pub use decision::{Decision, decide, may_serve_after_error};
pub use freshness::{Policy, Response};
pub use invalidation::invalidated;
pub use precondition::{Outcome, not_modified_fields, precondition};
pub use range::{Multipart, Part, RANGE_COUNT_MAX, Segment, Selection, select};
pub use storing::{Unstorable, forwarded_fields, is_hop_by_hop, storable, storable_fields};
pub use validation::{HeadEffect, confirms, freshened, head_effect, unconditional_fields, validating_fields};
pub use variant::Variant;
