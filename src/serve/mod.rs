//! Serving: the workers and what they share.
//!
//! - `worker`    `Worker`: one event loop with its connections
//! - `answerer`  `Answerer`: routes a request to its answer, counts it, logs it
//! - `route`     `Route`: which path on which host is what
//! - `mirrors`   `Answerer`'s part for mirrors: lists, metalinks and explanations
//! - `images`    `Answerer`'s part for images: heads of pages, redirects, JSON and Metalinks
//! - `edition`   `Edition`: the settings and the atlas in use, changed over between turns
//! - `counters`  `Counters`: one block per worker, one writer each
//! - `ledger`    `Tally`: counts by the numbers of one snapshot, and where they come together by name
//! - `systems`   `Systems`: clients' systems, each with a number
//! - `metrics`   the counters as OpenMetrics text
//!
//! Not here: what is answered (`answer`), sockets (`reactor`), clock, log and PROXY headers (`worker`), who makes an
//! edition (`daemon`).

mod answerer;
mod counters;
mod edition;
mod images;
mod ledger;
mod metrics;
mod mirrors;
mod route;
mod systems;
mod worker;

pub use answerer::Answerer;
pub use counters::{Counters, Vitals};
pub use edition::{Edition, Live, Pages, Settings};
pub use worker::{Shared, Worker};
