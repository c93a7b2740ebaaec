//! `mirrorlistd crawl`: look at every mirror, keep what was found, publish what follows.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::failure::Failure;
use crate::config::Config;
use crate::crawl::{Progress, Report, Stage};
use crate::daemon::cycle::{self, Outcome};
use crate::net::Prefixes;
use crate::verdicts::Finding;

/// Look at every mirror over IPv4 and IPv6, keep what was found, and publish a snapshot of what follows.
///
/// On a terminal a bar shows how far it is; else each change of a mirror is a line. Exit codes: 0 done, also when there
/// was nothing new to publish; 3 the guard refused, another crawler is at work, or nothing could be heard.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the inventory, in place of the configuration's [default: the shipped one].
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    /// State folder, in place of the configuration's.
    #[arg(long, value_name = "DIR", required_unless_present = "config")]
    state: Option<PathBuf>,
    /// Threads, in place of the configuration's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    threads: Option<u16>,
    /// Internal network that may be dialled, in place of the configuration's; may be repeated.
    #[arg(long, value_name = "PREFIX")]
    internal: Vec<String>,
    /// PEM file with roots besides those of the web, in place of the configuration's.
    #[arg(long, value_name = "FILE")]
    roots: Option<PathBuf>,
    /// Publish what the guard refuses.
    #[arg(long)]
    force: bool,
}

/// Crawls and publishes.
pub fn run(args: &Args) -> Result<(), Failure> {
    let config = config(args)?;
    let bar = io::stderr().is_terminal().then(bar);
    let mut report = |problem: &crate::inventory::Problem| eprintln!("{problem}");
    let cycle = cycle::run(&config, args.force, &mut report, &mut |progress| {
        if let Some(bar) = &bar {
            show(bar, progress);
        }
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let cycle = cycle?;
    for line in &cycle.changes {
        println!("{line}");
    }
    print!("{}", table(&cycle.report));
    match cycle.outcome {
        Outcome::Published(generation) => println!("published generation {generation}"),
        Outcome::Unchanged(generation) => println!("generation {generation} is what follows already"),
        Outcome::Refused(reasons) => {
            reasons.iter().for_each(|reason| println!("refused {}: {reason}", reason.name()));
            return Err(Failure::Guard(format!(
                "the guard refuses ({} reasons, the first: {}); what is published stays; --force publishes in spite",
                reasons.len(),
                reasons[0]
            )));
        }
        Outcome::Inconclusive(reasons) => {
            return Err(Failure::Guard(format!(
                "nothing was changed, because the crawl says nothing: {}",
                reasons.join("; ")
            )));
        }
    }
    Ok(())
}

fn config(args: &Args) -> Result<Config, Failure> {
    let mut config = match &args.config {
        Some(path) => Config::read(path).map_err(Failure::input)?,
        None => Config::shipped(),
    };
    config.lists = args.lists.clone().or(config.lists);
    config.state = args.state.clone().or(config.state);
    config.crawl.roots = args.roots.clone().or(config.crawl.roots);
    if let Some(threads) = args.threads {
        config.crawl.threads = usize::from(threads);
    }
    if !args.internal.is_empty() {
        config.crawl.internal = Prefixes::parse(&args.internal).map_err(Failure::input)?;
    }
    Ok(config)
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    // The template is a constant; should it ever be wrong, the plain bar does.
    let template = "{msg:8} {wide_bar} {prefix}";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(progress.total);
    bar.set_position(progress.done);
    bar.set_message(match progress.stage {
        Stage::Masters => "masters",
        Stage::Mirrors => "mirrors",
        Stage::Closing => "closing",
    });
    bar.set_prefix(counts(progress));
}

/// What stands behind the bar. All of it keeps its width for the stage, so that the bar's end stays where it is.
fn counts(progress: &Progress) -> String {
    let Progress { done, total, good, bad, .. } = progress;
    let width = total.to_string().len();
    let left = progress.left().map_or_else(|| "-".to_owned(), time);
    let rate = progress.rate();
    format!("{done:>width$}/{total}  {good:>width$} good  {bad:>width$} bad  {rate:>5.0}/s  {left:>7} left")
}

fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// What was found, and what it cost.
fn table(report: &Report) -> String {
    let mut text = String::new();
    for finding in Finding::all() {
        let count = report.findings[finding as usize];
        if count > 0 {
            text.push_str(&format!("{count:>9}  {:16}  {}\n", finding.name(), finding.explain()));
        }
    }
    text.push_str(&format!(
        "{} mirrors, {} repos, {} images: {} changed, {} without an answer of their master\n\
         {} requests, {} bytes, {} s\n",
        report.mirrors.len(),
        report.repos.keys().filter(|key| !key.is_image()).count(),
        report.repos.keys().filter(|key| key.image().is_some_and(|[_, _, file]| !file.is_empty())).count(),
        report.changed.len(),
        report.without_master.len(),
        report.requests,
        report.bytes,
        report.seconds
    ));
    for reason in cycle::inconclusive(report) {
        text.push_str(&format!("not believed: {reason}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_bar_keeps_its_width() {
        let counts = |done, good, seconds| {
            let (bad, took) = (done - good, Duration::from_secs(seconds));
            counts(&Progress { stage: Stage::Mirrors, done, total: 24_000, good, bad, requests: done, bytes: 0, took })
        };
        assert_eq!(counts(0, 0, 0), "    0/24000      0 good      0 bad      0/s        - left");
        assert_eq!(counts(98, 60, 2), "   98/24000     60 good     38 bad     49/s     8:07 left");
        assert_eq!(counts(100, 60, 60), "  100/24000     60 good     40 bad      2/s  3:59:00 left");
        assert_eq!(counts(24_000, 23_000, 60), "24000/24000  23000 good   1000 bad    400/s     0:00 left");
    }
}
