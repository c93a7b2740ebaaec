//! Answers: pure functions from a query and a client to bytes. No clock, no file, no lock, no allocation.
//!
//! - `query`    the parameters of a request
//! - `locate`   where a client is, and whose
//! - `list`     the mirrors it gets
//! - `centos`   the CentOS mirrorlist dialect
//! - `explain`  the same, step by step, for people
//! - `agent`    what a User-Agent tells of a client's system
//! - `atlas`    all that is known: snapshot, GeoIP table, client networks

mod agent;
mod atlas;
pub mod centos;
mod explain;
mod list;
mod locate;
mod query;

pub use agent::System;
pub use atlas::{Atlas, GeoBytes};
pub use explain::{Address, CANDIDATES_MAX, Explanation, Wish, explain, time};
pub use list::{LINES_MAX, List, Supply};
pub use locate::{Reason, Whereabouts};
pub use query::{PARAMETERS_MAX, Query, VALUE_BYTES_MAX, Value};
