//! Serving: the workers and what they share.
//!
//! - `worker`    `Worker`: one event loop with its connections
//! - `answerer`  `Answerer`: routes a request to its answer, counts it, logs it
//! - `edition`   `Edition`: the settings and the atlas in use, changed over between turns
//! - `counters`  `Counters`: one block per worker, one writer each
//! - `metrics`   the counters as OpenMetrics text
//!
//! Not here: what is answered (`answer`), sockets (`reactor`), clock, log and PROXY headers (`worker`), who makes an
//! edition (`daemon`).

mod answerer;
mod counters;
mod edition;
mod metrics;
mod worker;

pub use answerer::Answerer;
pub use counters::{Counters, Vitals};
pub use edition::{Edition, Live, Settings};
pub use worker::{Shared, Worker};
