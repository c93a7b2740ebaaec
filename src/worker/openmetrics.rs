//! What is told of event loops, as OpenMetrics text.
//!
//! Every label has a fixed set of values, or one that the operator named; no address and no
//! name from a request is a label. Not here: the form
//! (`text`), what else a page tells (whoever counts it).

use super::counts::{Count, LoopCounts};
use super::text::Text;
use crate::reactor::{AcceptError, CloseReason};

/// Field lines of the answer.
pub const CONTENT_TYPE: &str = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";

/// What event loops counted, added up.
pub fn connections<'a>(page: &mut Text<'_>, loops: impl Iterator<Item = &'a LoopCounts> + Clone) {
    let sum = |pick: &dyn Fn(&LoopCounts) -> u64| loops.clone().map(pick).sum::<u64>();
    let of_loop = |pick: fn(&LoopCounts) -> &Count| sum(&|counts| pick(counts).get());
    let accepted = of_loop(|counts| &counts.accepted);
    page.counter("mirrorlistd_connections_accepted", "Connections accepted.", accepted);
    let refused = of_loop(|counts| &counts.refused);
    page.counter("mirrorlistd_connections_refused", "Connections dropped because there were too many.", refused);
    page.counter("mirrorlistd_read_bytes", "Bytes read.", of_loop(|counts| &counts.read_bytes));
    page.counter("mirrorlistd_written_bytes", "Bytes handed to the kernel.", of_loop(|counts| &counts.written_bytes));
    page.family("mirrorlistd_connections_open", "gauge", "Connections open now.");
    page.sample("mirrorlistd_connections_open", &[], sum(&|counts| counts.open.get()));
    page.family("mirrorlistd_connections_closed", "counter", "Connections closed, by reason.");
    for reason in CloseReason::ALL {
        let value = sum(&|counts| counts.closed[reason as usize].get());
        page.sample("mirrorlistd_connections_closed_total", &[("reason", reason.name())], value);
    }
    page.family("mirrorlistd_accept_errors", "counter", "Connections that could not be accepted, by error.");
    for error in AcceptError::ALL {
        let value = sum(&|counts| counts.accept_errors[error as usize].get());
        page.sample("mirrorlistd_accept_errors_total", &[("error", error.name())], value);
    }
}
