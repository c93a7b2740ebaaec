//! What every worker has, whatever it answers.
//!
//! - `clock`        `Clock`: the time of a turn, in the spellings that answers and logs need
//! - `counts`       `Count`, a number with one writer; `LoopCounts`, what an event loop counts
//! - `listener`     `Listener`: a socket that listens, and how connections on it begin
//! - `live`         `Live`: what all workers answer from, changed over between two turns
//! - `log`          the access log: lines by workers, files by a thread of its own
//! - `openmetrics`  what event loops counted, as text
//! - `proxied`      the header with which a proxy opens a connection
//! - `text`         `Text`: OpenMetrics text while it grows
//! - `wait`         what a connection waits for
//!
//! Not here: what is answered and counted (`serve`, `proxy`), the event loop (`reactor`).

mod clock;
mod counts;
mod listener;
mod live;
mod log;
mod openmetrics;
mod proxied;
mod text;
mod wait;

pub use clock::Clock;
pub use counts::{Count, LoopCounts};
pub use listener::Listener;
pub use live::Live;
pub use log::{AccessLog, Entry, Line, LogError, LogWriter, write_address, write_escaped};
pub use openmetrics::{CONTENT_TYPE, connections};
pub use proxied::{Opening, opening};
pub use text::{Labels, Text};
pub use wait::{LOG_WAIT, wait};
