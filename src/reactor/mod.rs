//! The event loop of one worker: sockets, buffers and time limits, without any knowledge of what the bytes mean.
//!
//! - `event_loop`   `Reactor`, the loop: poll, serve, accept, expire
//! - `connection`   its part that reads, sends and ends
//! - `answer`       its part for answers that take more than one turn
//! - `accept`       its part that accepts, refuses and sheds
//! - `service`      `Service`, what the loop asks about each connection's bytes
//! - `table`        `Table`, the connections by number and in the order of their waiting
//! - `pool`         `Pool`, buffers for those connections that need one for a while
//! - `limits`       `Limits`, what a connection may take, and `Limit`, what it is waiting for
//! - `reason`       `CloseReason` and `AcceptError`
//! - `counters`     `Counters`, what happened so far
//! - `handle`       `Handle`, how other threads wake and stop the loop
//!
//! Not here: HTTP (`http`), making sockets (`sys`).
//!
//! mio is edge-triggered: what was left undone is not told again. So a connection with work left is on the ready list,
//! and each gets one read per turn.

mod accept;
mod answer;
mod connection;
mod counters;
mod event_loop;
mod handle;
mod limits;
mod pool;
mod reason;
mod service;
mod table;

#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use event_loop::{READ_BYTES_MAX, Reactor};
pub use handle::Handle;
pub use limits::{Limit, Limits};
pub use reason::{AcceptError, CloseReason};
pub use service::{Detached, FileRange, Place, Received, Service, Step, Wait};
