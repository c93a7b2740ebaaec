//! Counters as OpenMetrics text: the format, and what is told of event loops.
//!
//! Format: OpenMetrics 1.0.0. Every label has a fixed set of values, or one that the operator named; no address and no
//! name from a request is a label. Not here: what else a page tells (whoever counts it).

use std::io::Write;

use super::counts::{Count, LoopCounts};
use crate::reactor::{AcceptError, CloseReason};

/// Field lines of the answer.
pub const CONTENT_TYPE: &str = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";

/// The text while it grows. Writing into a vector cannot fail.
pub struct Text<'a> {
    /// Where it grows.
    pub out: &'a mut Vec<u8>,
}

impl Text<'_> {
    /// Begins a family of metrics: `kind` is `counter` or `gauge`.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.out, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    /// A sample; no labels when they are empty.
    pub fn labelled(&mut self, name: &str, labels: &str, value: u64) {
        let _ = match labels {
            "" => writeln!(self.out, "{name} {value}"),
            _ => writeln!(self.out, "{name}{{{labels}}} {value}"),
        };
    }

    /// A family that is one counter.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.labelled(&format!("{name}_total"), "", value);
    }

    /// A family that is one gauge.
    pub fn gauge(&mut self, name: &str, help: &str, value: &Count) {
        self.family(name, "gauge", help);
        self.labelled(name, "", value.get());
    }
}

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
    page.labelled("mirrorlistd_connections_open", "", sum(&|counts| counts.open.get()));
    page.family("mirrorlistd_connections_closed", "counter", "Connections closed, by reason.");
    for reason in CloseReason::ALL {
        let value = sum(&|counts| counts.closed[reason as usize].get());
        page.labelled("mirrorlistd_connections_closed_total", &format!("reason=\"{}\"", reason.name()), value);
    }
    page.family("mirrorlistd_accept_errors", "counter", "Connections that could not be accepted, by error.");
    for error in AcceptError::ALL {
        let value = sum(&|counts| counts.accept_errors[error as usize].get());
        page.labelled("mirrorlistd_accept_errors_total", &format!("error=\"{}\"", error.name()), value);
    }
}
