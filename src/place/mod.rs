//! Places: where a client or a mirror is.
//!
//! - `code`   `Code`, the name of a country or of a country's subdivision
//!
//! Not here: which mirrors serve a place (`plan`), which addresses are there (`geoip`).

mod code;

pub use code::{Code, CodeError};
