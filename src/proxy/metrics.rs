//! What the proxy tells of itself at `/metrics`.
//!
//! Not here: the format, and what is told of every event loop (`worker`).

use super::asked::Part;
use super::counters::Counters;
use super::edition::Edition;
use super::worker::Shared;
use crate::http::Refusal;
use crate::worker::{Text, connections};

/// Appends the text.
pub fn write(shared: &Shared, edition: &Edition, unix_seconds: u64, out: &mut Vec<u8>) {
    let mut page = Text::new(out);
    let sum = |pick: &dyn Fn(&Counters) -> u64| shared.counters.iter().map(|block| pick(block)).sum::<u64>();
    page.family("mirrorlistd_proxy_answers", "counter", "Answers, by how the cache took part.");
    for part in Part::ALL {
        let value = sum(&|block| block.answers[part as usize].get());
        page.sample("mirrorlistd_proxy_answers_total", &[("cache", part.label())], value);
    }
    page.family("mirrorlistd_proxy_body_bytes", "counter", "Bytes of bodies of answers, by how the cache took part.");
    for part in Part::ALL {
        let value = sum(&|block| block.body_bytes[part as usize].get());
        page.sample("mirrorlistd_proxy_body_bytes_total", &[("cache", part.label())], value);
    }
    page.family("mirrorlistd_refusals", "counter", "Requests refused, by reason.");
    for refusal in Refusal::all() {
        let value = sum(&|block| block.refusals[refusal as usize].get());
        page.sample("mirrorlistd_refusals_total", &[("reason", refusal.name())], value);
    }
    let fills = &shared.fills;
    let (tunnels, tunnel_bytes) = shared.tunnels.totals();
    for (name, help, value) in [
        ("mirrorlistd_proxy_answers_broken", "Answers that broke off.", sum(&|block| block.broken.get())),
        ("mirrorlistd_proxy_purged", "Objects removed by PURGE.", sum(&|block| block.purged.get())),
        ("mirrorlistd_proxy_fills", "Objects asked for, to be stored.", fills.fills.get()),
        ("mirrorlistd_proxy_fills_refreshed", "Of these, still the same.", fills.refreshed.get()),
        ("mirrorlistd_proxy_fills_failed", "Of these, failed.", fills.failed_fills.get()),
        ("mirrorlistd_proxy_fills_not_stored", "Of these, served and not stored.", fills.not_stored.get()),
        ("mirrorlistd_proxy_failovers", "Bodies gone on with after they broke off.", fills.failovers.get()),
        ("mirrorlistd_proxy_wrong_bodies", "Bodies that were not what they should be.", fills.wrong_bodies.get()),
        ("mirrorlistd_proxy_passes", "Requests passed on, around the cache.", fills.passes.get()),
        ("mirrorlistd_proxy_fetched_bytes", "Bytes of bodies from other servers.", fills.fetched_bytes.get()),
        ("mirrorlistd_proxy_tunnels_opened", "Tunnels.", tunnels),
        ("mirrorlistd_proxy_tunnel_bytes", "Bytes through tunnels that are over.", tunnel_bytes),
        (
            "mirrorlistd_access_log_lines_dropped",
            "Lines of the access log dropped because its disk was too slow.",
            sum(&|block| block.log_lines_dropped.get()),
        ),
        ("mirrorlistd_access_log_lines_lost", "Lines of the access log not written.", shared.log_lines_lost.get()),
    ] {
        page.counter(name, help, value);
    }
    gauges(&mut page, shared, unix_seconds);
    repos(&mut page, edition);
    mirrors(&mut page, edition);
    connections(&mut page, shared.counters.iter().map(|block| &block.event_loop));
    page.end();
}

fn gauges(page: &mut Text<'_>, shared: &Shared, unix_seconds: u64) {
    let usage = shared.store.usage();
    let (busy, waiting) = shared.crew.load();
    for (name, help, value) in [
        ("mirrorlistd_cache_objects", "Objects in the cache.", usage.object_count),
        ("mirrorlistd_cache_bytes", "Bytes of their files.", usage.object_bytes),
        ("mirrorlistd_cache_reserved_bytes", "Bytes reserved for what is coming.", usage.reserved_bytes),
        ("mirrorlistd_cache_fillings", "Objects that are coming.", usage.filling_count),
        ("mirrorlistd_proxy_tunnels", "Tunnels open now.", shared.tunnels.count() as u64),
        ("mirrorlistd_proxy_fetches", "Threads that fetch.", busy as u64),
        ("mirrorlistd_proxy_fetches_waiting", "Fetches that wait for a thread.", waiting as u64),
        ("mirrorlistd_workers", "Event loops.", shared.counters.len() as u64),
        (
            "mirrorlistd_uptime_seconds",
            "Time since the program started.",
            unix_seconds.saturating_sub(shared.started_unix_seconds),
        ),
    ] {
        page.family(name, "gauge", help);
        page.sample(name, &[], value);
    }
    page.counter("mirrorlistd_cache_evicted", "Objects evicted.", usage.evicted_count);
}

/// Names of repos are the operator's.
fn repos(page: &mut Text<'_>, edition: &Edition) {
    let repos = || edition.repos.iter().map(|repo| (&repo.settings.name, repo.counts.sums()));
    page.family("mirrorlistd_proxy_repo_answers", "counter", "Answers by repo, and whether the cache had them.");
    for (name, sums) in repos() {
        for (word, value) in [("hit", sums.hits), ("miss", sums.answers - sums.hits)] {
            page.sample("mirrorlistd_proxy_repo_answers_total", &[("repo", name), ("cache", word)], value);
        }
    }
    page.family("mirrorlistd_proxy_repo_bytes", "counter", "Bytes of their bodies; hits are bytes saved.");
    for (name, sums) in repos() {
        for (word, value) in [("hit", sums.hit_bytes), ("miss", sums.body_bytes - sums.hit_bytes)] {
            page.sample("mirrorlistd_proxy_repo_bytes_total", &[("repo", name), ("cache", word)], value);
        }
    }
    page.family("mirrorlistd_proxy_repo_confirmed_seconds", "gauge", "Time since a mirror had what is shown.");
    let now_ms = super::fetch::unix_ms();
    for repo in edition.repos.iter() {
        let shelves = repo.shelves.all();
        let confirmed = shelves.iter().map(|(_, shelf)| shelf.confirmed_at_ms()).filter(|ms| *ms > 0).min();
        if let Some(ms) = confirmed {
            let seconds = now_ms.saturating_sub(ms) / 1000;
            page.sample("mirrorlistd_proxy_repo_confirmed_seconds", &[("repo", &repo.settings.name)], seconds);
        }
    }
}

/// Mirrors are the operator's, or of lists the operator named.
fn mirrors(page: &mut Text<'_>, edition: &Edition) {
    page.family("mirrorlistd_proxy_mirror_files", "counter", "Files by repo, mirror and what came of trying.");
    for repo in edition.repos.iter() {
        for told in repo.mirrors.standings() {
            let (base, good) = (&told.base, told.served);
            for (result, value) in [("served", good), ("failed", told.failed - told.wrong), ("wrong", told.wrong)] {
                let labels = [("repo", &repo.settings.name[..]), ("mirror", base), ("result", result)];
                page.sample("mirrorlistd_proxy_mirror_files_total", &labels, value);
            }
        }
    }
}
