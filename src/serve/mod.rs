//! Serving: the workers and what they share.
//!
//! - `worker`    `Worker`: one event loop with its connections
//! - `answerer`  `Answerer`: routes a request to its answer, counts it, logs it
//! - `route`     `Route`: which path on which host is what
//! - `images`    `Answerer`'s part for images: heads of pages, redirects, JSON and Metalinks
//! - `edition`   `Live`: the settings and the atlas in use, changed over between turns
//! - `clock`     `Clock`: the time of a turn, in the spellings that answers and logs need
//! - `counters`  `Counters`: one block per worker, one writer each
//! - `ledger`    `Tally`: counts by the numbers of one snapshot, and where they come together by name
//! - `systems`   `Systems`: clients' systems, each with a number
//! - `metrics`   the counters as OpenMetrics text
//! - `proxied`   the header with which a proxy opens a connection
//! - `log`       the access log: lines by workers, files by a thread of its own
//!
//! Not here: what is answered (`answer`), sockets (`reactor`), who makes an edition (`daemon`).

mod answerer;
mod clock;
mod counters;
mod edition;
mod images;
mod ledger;
mod log;
mod metrics;
mod mirrors;
mod proxied;
mod route;
mod systems;
mod worker;

pub use answerer::Answerer;
pub use clock::Clock;
pub use counters::{Count, Counters, Vitals};
pub use edition::{Edition, Live, Pages, Settings};
pub use log::{AccessLog, LogError, LogWriter};
pub use worker::{Listener, Shared, Worker};
