//! The counters as OpenMetrics text.
//!
//! Format: OpenMetrics 1.0.0. Every label has a fixed set of values; no address and no name from a request is a label.

use std::io::Write;

use super::counters::{Count, Counters, LoopCounts, Page, Vitals};
use super::edition::Edition;
use super::worker::Shared;
use crate::answer::Outcome;
use crate::http::Refusal;
use crate::net::Family;
use crate::reactor::{AcceptError, CloseReason};

/// Field lines of the answer.
pub const CONTENT_TYPE: &str = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";

/// Appends the text.
pub fn write(shared: &Shared, edition: &Edition, unix_seconds: u64, out: &mut Vec<u8>) {
    let mut page = Text { out };
    let sum = |pick: &dyn Fn(&Counters) -> u64| shared.counters.iter().map(|block| pick(block)).sum::<u64>();

    page.family("mirrorlistd_answers", "counter", "Answers to mirrorlist requests.");
    for family in Family::ALL {
        for outcome in Outcome::ALL {
            let value = sum(&|block| block.answers[family as usize][outcome as usize].get());
            let labels = format!("outcome=\"{}\",family=\"{family}\"", outcome.label());
            page.labelled("mirrorlistd_answers_total", &labels, value);
        }
    }
    page.family("mirrorlistd_pages", "counter", "Answers to other requests.");
    for kind in Page::ALL {
        let value = sum(&|block| block.pages[kind as usize].get());
        page.labelled("mirrorlistd_pages_total", &format!("page=\"{}\"", kind.label()), value);
    }
    page.family("mirrorlistd_refusals", "counter", "Requests refused, by reason.");
    for refusal in Refusal::all() {
        let value = sum(&|block| block.refusals[refusal as usize].get());
        page.labelled("mirrorlistd_refusals_total", &format!("reason=\"{}\"", refusal.name()), value);
    }
    page.counter("mirrorlistd_answer_bytes", "Bytes of answers.", sum(&|block| block.answer_bytes.get()));
    page.counter(
        "mirrorlistd_access_log_lines_dropped",
        "Lines of the access log dropped because its disk was too slow.",
        sum(&|block| block.log_lines_dropped.get()),
    );
    page.counter(
        "mirrorlistd_access_log_lines_lost",
        "Lines of the access log that could not be written.",
        shared.log_lines_lost.get(),
    );
    connections(&mut page, &sum);

    let vitals = &shared.vitals;
    page.family("mirrorlistd_reloads", "counter", "Reloads of configuration, lists, GeoIP table and snapshot.");
    page.labelled("mirrorlistd_reloads_total", "result=\"done\"", vitals.reloads_done.get());
    page.labelled("mirrorlistd_reloads_total", "result=\"failed\"", vitals.reloads_failed.get());
    page.gauge(
        "mirrorlistd_inventory_problems",
        "Lines of the inventory that were skipped.",
        &vitals.inventory_problems,
    );
    crawls(&mut page, vitals, unix_seconds);
    let view = edition.atlas.view();
    for (name, help, value) in [
        ("mirrorlistd_snapshot_generation", "Number of the snapshot in use.", edition.atlas.generation().0),
        ("mirrorlistd_snapshot_bytes", "Length of the snapshot in use.", view.bytes().len() as u64),
        ("mirrorlistd_snapshot_mirrors", "Mirrors in the snapshot in use.", view.mirror_count() as u64),
        ("mirrorlistd_snapshot_repos", "Repos in the snapshot in use.", view.repo_count() as u64),
        ("mirrorlistd_workers", "Event loops.", shared.counters.len() as u64),
    ] {
        page.family(name, "gauge", help);
        page.labelled(name, "", value);
    }
    let age = |since: &Count| unix_seconds.saturating_sub(since.get());
    page.family("mirrorlistd_edition_age_seconds", "gauge", "Time since the last change of what is answered from.");
    page.labelled("mirrorlistd_edition_age_seconds", "", age(&vitals.changed_unix_seconds));
    page.family("mirrorlistd_uptime_seconds", "gauge", "Time since the program started.");
    page.labelled("mirrorlistd_uptime_seconds", "", age(&vitals.started_unix_seconds));
    page.out.extend_from_slice(b"# EOF\n");
}

fn crawls(page: &mut Text<'_>, vitals: &Vitals, unix_seconds: u64) {
    page.family("mirrorlistd_crawls", "counter", "Crawls, by what they came to.");
    for (result, count) in [
        ("published", &vitals.crawls_published),
        ("unchanged", &vitals.crawls_unchanged),
        ("refused", &vitals.crawls_refused),
        ("inconclusive", &vitals.crawls_inconclusive),
        ("failed", &vitals.crawls_failed),
    ] {
        page.labelled("mirrorlistd_crawls_total", &format!("result=\"{result}\""), count.get());
    }
    page.counter("mirrorlistd_crawl_requests", "Requests of crawls.", vitals.crawl_requests.get());
    page.counter("mirrorlistd_crawl_bytes", "Bytes read by crawls.", vitals.crawl_bytes.get());
    page.gauge(
        "mirrorlistd_masters_silent",
        "Repos whose master did not answer in the last crawl.",
        &vitals.masters_silent,
    );
    page.gauge(
        "mirrorlistd_masters_away",
        "Repos whose master never answered, or not for so long that what is remembered of it is old.",
        &vitals.masters_away,
    );
    let crawled = vitals.crawled_unix_seconds.get();
    if crawled > 0 {
        page.family("mirrorlistd_crawl_age_seconds", "gauge", "Time since the end of the last crawl.");
        page.labelled("mirrorlistd_crawl_age_seconds", "", unix_seconds.saturating_sub(crawled));
    }
}

/// Adds up what is picked from each worker's block.
type Sum<'a> = dyn Fn(&dyn Fn(&Counters) -> u64) -> u64 + 'a;

fn connections(page: &mut Text<'_>, sum: &Sum<'_>) {
    let of_loop = |pick: fn(&LoopCounts) -> &Count| sum(&|block| pick(&block.event_loop).get());
    let accepted = of_loop(|counts| &counts.accepted);
    page.counter("mirrorlistd_connections_accepted", "Connections accepted.", accepted);
    let refused = of_loop(|counts| &counts.refused);
    page.counter("mirrorlistd_connections_refused", "Connections dropped because there were too many.", refused);
    page.counter("mirrorlistd_read_bytes", "Bytes read.", of_loop(|counts| &counts.read_bytes));
    page.counter("mirrorlistd_written_bytes", "Bytes handed to the kernel.", of_loop(|counts| &counts.written_bytes));
    page.family("mirrorlistd_connections_open", "gauge", "Connections open now.");
    page.labelled("mirrorlistd_connections_open", "", sum(&|block| block.event_loop.open.get()));
    page.family("mirrorlistd_connections_closed", "counter", "Connections closed, by reason.");
    for reason in CloseReason::ALL {
        let value = sum(&|block| block.event_loop.closed[reason as usize].get());
        page.labelled("mirrorlistd_connections_closed_total", &format!("reason=\"{}\"", reason.name()), value);
    }
    page.family("mirrorlistd_accept_errors", "counter", "Connections that could not be accepted, by error.");
    for error in AcceptError::ALL {
        let value = sum(&|block| block.event_loop.accept_errors[error as usize].get());
        page.labelled("mirrorlistd_accept_errors_total", &format!("error=\"{}\"", error.name()), value);
    }
}

/// The text while it grows. Writing into a vector cannot fail.
struct Text<'a> {
    out: &'a mut Vec<u8>,
}

impl Text<'_> {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.out, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    fn labelled(&mut self, name: &str, labels: &str, value: u64) {
        let _ = match labels {
            "" => writeln!(self.out, "{name} {value}"),
            _ => writeln!(self.out, "{name}{{{labels}}} {value}"),
        };
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.labelled(&format!("{name}_total"), "", value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: &Count) {
        self.family(name, "gauge", help);
        self.labelled(name, "", value.get());
    }
}
