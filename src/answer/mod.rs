//! Answers: pure functions from a query and a client to bytes. No clock, no file, no lock, no allocation.
//!
//! - `query`    the parameters of a request
//! - `locate`   where a client is, and whose
//! - `list`     the mirrors it gets
//! - `centos`   the CentOS mirrorlist dialect
//! - `explain`  the same, step by step, for people
//! - `images`   pages, redirects, JSON and Metalinks for people and scripts that want an image
//! - `atlas`    all that is known: snapshot, GeoIP table, client networks

mod atlas;
pub mod centos;
mod explain;
pub mod images;
mod list;
mod locate;
mod query;

pub use atlas::{Atlas, GeoBytes};
pub use explain::{explain, time};
pub use list::{LINES_MAX, List, Supply};
pub use locate::{Reason, Whereabouts};
pub use query::{PARAMETERS_MAX, Query, VALUE_BYTES_MAX, Value};
