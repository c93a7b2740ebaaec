//! What the server tells of itself at `/metrics`.
//!
//! - `load`   families whose labels are names: repos, countries, mirrors, systems
//!
//! Every label has a bounded set of values, and no address is one. Not here: the form, and what is told of every event
//! loop (`worker`).

mod load;

use super::counters::{Counters, Page, Vitals};
use super::edition::Edition;
use super::worker::Shared;
use crate::answer::{Dialect, Outcome, images};
use crate::http::Refusal;
use crate::net::Family;
use crate::plan::guard;
use crate::worker::{Count, Text, connections};

/// Appends the text.
pub fn write(shared: &Shared, edition: &Edition, unix_seconds: u64, out: &mut Vec<u8>) {
    let mut page = Text::new(out);
    let sum = |pick: &dyn Fn(&Counters) -> u64| shared.counters.iter().map(|block| pick(block)).sum::<u64>();

    page.family("mirrorlistd_answers", "counter", "Answers to mirrorlist requests.");
    for dialect in Dialect::ALL {
        for family in Family::ALL {
            for outcome in Outcome::ALL {
                let value = sum(&|block| block.answers[dialect as usize][family as usize][outcome as usize].get());
                let labels = [("outcome", outcome.label()), ("family", family.name()), ("dialect", dialect.label())];
                page.sample("mirrorlistd_answers_total", &labels, value);
            }
        }
    }
    page.family("mirrorlistd_image_answers", "counter", "Answers to requests for images.");
    for outcome in images::Outcome::ALL {
        let value = sum(&|block| block.images[outcome as usize].get());
        page.sample("mirrorlistd_image_answers_total", &[("outcome", outcome.label())], value);
    }
    load::write(&mut page, shared);
    page.family("mirrorlistd_pages", "counter", "Answers to other requests.");
    for kind in Page::ALL {
        let value = sum(&|block| block.pages[kind as usize].get());
        page.sample("mirrorlistd_pages_total", &[("page", kind.label())], value);
    }
    page.family("mirrorlistd_refusals", "counter", "Requests refused, by reason.");
    for refusal in Refusal::all() {
        let value = sum(&|block| block.refusals[refusal as usize].get());
        page.sample("mirrorlistd_refusals_total", &[("reason", refusal.name())], value);
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
    connections(&mut page, shared.counters.iter().map(|block| &block.event_loop));

    let vitals = &shared.vitals;
    page.family("mirrorlistd_reloads", "counter", "Reloads of configuration, lists, GeoIP table and snapshot.");
    page.sample("mirrorlistd_reloads_total", &[("result", "done")], vitals.reloads_done.get());
    page.sample("mirrorlistd_reloads_total", &[("result", "failed")], vitals.reloads_failed.get());
    page.gauge(
        "mirrorlistd_inventory_problems",
        "Lines of the inventory that were skipped.",
        vitals.inventory_problems.get(),
    );
    crawls(&mut page, vitals, unix_seconds);
    let view = edition.atlas.view();
    for (name, help, value) in [
        ("mirrorlistd_snapshot_generation", "Number of the snapshot in use.", edition.atlas.generation().0),
        ("mirrorlistd_snapshot_bytes", "Length of the snapshot in use.", view.bytes().len() as u64),
        ("mirrorlistd_snapshot_mirrors", "Mirrors in the snapshot in use.", view.mirror_count() as u64),
        ("mirrorlistd_snapshot_repos", "Repos in the snapshot in use.", view.repo_count() as u64),
        (
            "mirrorlistd_snapshot_asns",
            "Autonomous systems that mirrors of the snapshot name.",
            view.asns().len() as u64,
        ),
        (
            "mirrorlistd_asns",
            "Autonomous systems in the table from addresses to them; 0 without a table.",
            edition.atlas.asn_table().map_or(0, |table| table.label_count() as u64),
        ),
        ("mirrorlistd_snapshot_images", "Images in the snapshot in use.", view.file_count() as u64),
        ("mirrorlistd_workers", "Event loops.", shared.counters.len() as u64),
    ] {
        page.family(name, "gauge", help);
        page.sample(name, &[], value);
    }
    let age = |since: &Count| unix_seconds.saturating_sub(since.get());
    page.family("mirrorlistd_edition_age_seconds", "gauge", "Time since the last change of what is answered from.");
    page.sample("mirrorlistd_edition_age_seconds", &[], age(&vitals.changed_unix_seconds));
    page.family("mirrorlistd_uptime_seconds", "gauge", "Time since the program started.");
    page.sample("mirrorlistd_uptime_seconds", &[], age(&vitals.started_unix_seconds));
    page.end();
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
        page.sample("mirrorlistd_crawls_total", &[("result", result)], count.get());
    }
    page.family(
        "mirrorlistd_publications_refused",
        "counter",
        "Crawls whose publication the guard refused, by reason.",
    );
    for (reason, count) in guard::Refusal::NAMES.iter().zip(&vitals.publications_refused) {
        page.sample("mirrorlistd_publications_refused_total", &[("reason", reason)], count.get());
    }
    page.counter("mirrorlistd_crawl_requests", "Requests of crawls.", vitals.crawl_requests.get());
    page.counter("mirrorlistd_crawl_bytes", "Bytes read by crawls.", vitals.crawl_bytes.get());
    page.gauge(
        "mirrorlistd_masters_silent",
        "Repos whose master did not answer in the last crawl.",
        vitals.masters_silent.get(),
    );
    page.gauge(
        "mirrorlistd_masters_away",
        "Repos whose master never answered, or not for so long that what is remembered of it is old.",
        vitals.masters_away.get(),
    );
    let crawled = vitals.crawled_unix_seconds.get();
    if crawled > 0 {
        page.family("mirrorlistd_crawl_age_seconds", "gauge", "Time since the end of the last crawl.");
        page.sample("mirrorlistd_crawl_age_seconds", &[], unix_seconds.saturating_sub(crawled));
    }
}
