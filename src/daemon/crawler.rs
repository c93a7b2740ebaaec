//! The crawler beside the workers: a thread that makes one cycle after the other.
//!
//! It publishes, and then sends the program a HUP as anybody would: the way of a snapshot to the workers is one.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use signal_hook::consts::SIGHUP;
use signal_hook::low_level;

use super::cycle::{self, Outcome};
use super::run::Origin;
use crate::plan::guard::Refusal;
use crate::serve::Shared;
use crate::sys;

/// After a cycle that failed, the next one begins no later than so.
const RETRY: Duration = Duration::from_secs(300);

/// Starts the thread. It ends with the program: what it is killed in the middle of is whole on the disk, or not there.
pub fn start(origin: &Origin, shared: Arc<Shared>) -> std::io::Result<()> {
    let origin = origin.clone();
    thread::Builder::new().name("crawler".to_owned()).spawn(move || {
        // Whoever is served must not wait for those who look at mirrors.
        sys::yield_to_others();
        loop {
            // A fault of ours in one cycle must not end all crawling; what it had not finished is not kept.
            let made = panic::catch_unwind(AssertUnwindSafe(|| cycle(&origin, &shared)));
            thread::sleep(made.unwrap_or_else(|_| {
                shared.vitals.crawls_failed.add(1);
                eprintln!("crawl state=failed error=\"a fault in the program, told above\"");
                RETRY
            }));
        }
    })?;
    Ok(())
}

/// Makes one cycle of the configuration as it is now; returns how long to wait for the next.
fn cycle(origin: &Origin, shared: &Shared) -> Duration {
    let vitals = &shared.vitals;
    let config = match origin.config() {
        Ok(config) => config,
        Err(error) => {
            vitals.crawls_failed.add(1);
            eprintln!("crawl state=failed error=\"{error}\"");
            return RETRY;
        }
    };
    let made = cycle::run(&config, false, &mut |problem| eprintln!("{problem}"), &mut |_| ());
    let Ok(cycle) = made.inspect_err(|error| eprintln!("crawl state=failed error=\"{error}\"")) else {
        vitals.crawls_failed.add(1);
        return config.crawl.interval.min(RETRY);
    };
    let report = &cycle.report;
    vitals.crawl_requests.add(report.requests);
    vitals.crawl_bytes.add(report.bytes);
    vitals.masters_silent.set(report.without_master.len() as u64);
    vitals.masters_away.set(u64::from(report.truths_old) + u64::from(report.truths_missing));
    for line in &cycle.changes {
        eprintln!("{line}");
    }
    match &cycle.outcome {
        Outcome::Published(generation) => {
            vitals.crawls_published.add(1);
            eprintln!("crawl state=published generation={generation} seconds={}", report.seconds);
            if let Err(error) = low_level::raise(SIGHUP) {
                eprintln!("crawl state=not_taken error=\"{error}\" note=\"send HUP to the server\"");
            }
        }
        Outcome::Unchanged(_) => vitals.crawls_unchanged.add(1),
        Outcome::Refused(reasons) => {
            vitals.crawls_refused.add(1);
            for (count, name) in vitals.publications_refused.iter().zip(Refusal::NAMES) {
                count.add(u64::from(reasons.iter().any(|reason| reason.name() == name)));
            }
            for reason in reasons {
                let name = reason.name();
                eprintln!("crawl state=refused by={name} note=\"what is published stays\" reason=\"{reason}\"");
            }
        }
        Outcome::Inconclusive(reasons) => {
            vitals.crawls_inconclusive.add(1);
            eprintln!("crawl state=inconclusive note=\"nothing was changed\" reason=\"{}\"", reasons.join("; "));
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    vitals.crawled_unix_seconds.set(now.as_secs());
    config.crawl.interval
}
