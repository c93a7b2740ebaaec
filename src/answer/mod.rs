//! Answers: pure functions from a query and a client to bytes. No clock, no file, no lock, and no allocation but for
//! explanations.
//!
//! - `agent`     what a User-Agent tells of a client's system
//! - `ask`       `Ask`: a request for mirrors: dialect and form, by its path and parameters
//! - `query`     the parameters of a request
//! - `filter`    what a client asks of mirrors
//! - `locate`    where a client is, and whose
//! - `list`      the mirrors it gets
//! - `walk`      from the lists of a snapshot to that list
//! - `terms`     what a request comes down to: all that decides its list
//! - `reply`     `Answer`: all of it brought together
//! - `outcome`   what it came to
//! - `centos`    the CentOS mirrorlist dialect
//! - `fedora`    the Fedora dialect
//! - `json`      the JSON forms
//! - `metalink`  Metalink 3.0 and Metalink 4
//! - `images`    pages, redirects, JSON and Metalinks for people and scripts that want an image
//! - `write`     digests and texts that are not ours
//! - `explain`   a list step by step, for people
//! - `atlas`     all that is known: snapshot, GeoIP table, client networks

mod agent;
mod ask;
mod atlas;
pub mod centos;
mod explain;
mod fedora;
mod filter;
pub mod images;
mod json;
mod list;
mod locate;
pub mod metalink;
mod outcome;
mod query;
mod reply;
mod terms;
mod walk;
mod write;

pub use agent::System;
pub use ask::{Ask, Dialect, Endpoint, Form, Rules};
pub use atlas::{Atlas, GeoBytes};
pub use explain::{Address, CANDIDATES_MAX, Explanation, Inquiry, explain, time};
pub use filter::{COUNTRIES_MAX, EXCLUSIONS_MAX, Filter, Kind, Kinds};
pub use list::{LINES_MAX, List, Order, Pick, Supply, Why, Wish};
pub use locate::{Reason, Whereabouts};
pub use outcome::Outcome;
pub use query::{PARAMETERS_MAX, Query};
pub use reply::Answer;
