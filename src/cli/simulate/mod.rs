//! `mirrorlistd simulate`: what answers would be, and so what mirrors would carry.
//!
//! - `report`   what came out, as text, CSV or JSON

mod report;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::bar::Bar;
use super::failure::Failure;
use super::{atlas, logs};
use crate::answer::{Ask, Atlas, Endpoint, Query};
use crate::calendar::DAY_SECONDS;
use crate::config::Config;
use crate::daemon::rules;
use crate::traffic::{Limits, Line, Load, Population};
use report::{Asked, Side};

/// Requests between two looks at the progress.
const ASKS_PER_LOOK: u64 = 2000;
/// Clients of a population when nobody says how many.
const CLIENT_COUNT: u32 = 10_000;
/// When clients that are made up ask: some midnight. Any other gives nearly the same.
const SOME_MIDNIGHT: u64 = 1_795_046_400;
/// A log of less than this says too little of a day, seconds.
const SPAN_SECONDS_MIN: u64 = 3600;

/// Predict each mirror's share of answers, from an access log or from clients that are made up, and warn where a mirror
/// would drown.
///
/// Every request is answered by the code that serves. With --compare, two snapshots are asked the same, and the biggest
/// movers are told. What is assumed of a mirror: whoever is named first is fetched from.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Access log whose requests are answered again, each at its time; may be repeated, `-` for standard input.
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
    /// So many client networks, made up in realistic shares of countries; each asks in each of 24 hours [default: 10000
    /// where there is no log].
    #[arg(long, value_name = "N", conflicts_with = "log", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    population: Option<u32>,
    /// Other clients for each number, and the same for the same.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// What all clients that are made up ask for, such as 9/x86_64/baseos [default: each for any repo].
    #[arg(long, value_name = "RELEASE/ARCH/REPO", conflicts_with = "log", value_parser = repo)]
    repo: Option<[String; 3]>,
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the inventory [default: the configuration's, else the shipped one].
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    /// Snapshot file to answer from, in place of lists.
    #[arg(long, value_name = "FILE", conflicts_with = "lists")]
    snapshot: Option<PathBuf>,
    /// Two snapshot files: how does the second one move the load?
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with_all = ["lists", "snapshot"])]
    compare: Vec<PathBuf>,
    /// Requests for lists in a day [default: the log's rate; unknown without a log].
    #[arg(long, value_name = "N", value_parser = positive)]
    requests_per_day: Option<f64>,
    /// What a client fetches after an answer, megabytes; by feel.
    #[arg(long, value_name = "MB", default_value_t = 1.0, value_parser = positive)]
    mb_per_request: f64,
    /// Warn of mirrors that would carry more than this part of their bandwidth, on average over the day.
    #[arg(long, value_name = "PART", default_value_t = 0.5, value_parser = positive)]
    load_max: f64,
    /// Where nobody knows how much is asked: warn of mirrors whose share of first places is more than so many times
    /// their share of the weight.
    #[arg(long, value_name = "TIMES", default_value_t = 20.0, value_parser = positive)]
    ratio_max: f64,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Rows of a table of text at most; CSV and JSON have all.
    #[arg(long, value_name = "N", default_value_t = 25)]
    top: usize,
}

/// How to tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table for people.
    Text,
    /// A line for each mirror.
    Csv,
    /// For programs.
    Json,
}

/// Asks, counts and tells.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut config = match &args.config {
        Some(path) => Config::read(path).map_err(Failure::input)?,
        None => Config::shipped(),
    };
    config.lists = args.lists.clone().or(config.lists);
    let rules = rules(&config);
    let atlases = atlases(args, config)?;
    let mut loads: Vec<Load> = atlases.iter().map(|atlas| Load::new(atlas.view())).collect();
    let mut ask = |ask: &Ask<'_>| {
        for (atlas, load) in atlases.iter().zip(&mut loads) {
            load.ask(atlas, ask, &rules);
        }
    };
    let asked = match args.log.is_empty() {
        true => {
            let count = args.population.unwrap_or(CLIENT_COUNT);
            let repo = args.repo.as_ref().map(|parts| parts.each_ref().map(String::as_str));
            let newest = &atlases[atlases.len() - 1];
            let population = Population::new(newest, count, args.seed, SOME_MIDNIGHT, repo).map_err(Failure::input)?;
            let bar = Bar::of_count("asking", population.ask_count());
            for (number, one) in (0..).zip(population.asks()) {
                ask(&one);
                if number % ASKS_PER_LOOK == 0 {
                    bar.set(number);
                }
            }
            Asked { requests: population.ask_count(), passed_over: 0, requests_per_day: args.requests_per_day }
        }
        false => from_logs(args, &mut ask)?,
    };
    let limits = Limits {
        requests_per_day: asked.requests_per_day,
        mb_per_request: args.mb_per_request,
        load_max: args.load_max,
        ratio_max: args.ratio_max,
        share_min: report::SHARE_MIN,
    };
    let sides: Vec<Side> = atlases
        .iter()
        .zip(loads)
        .map(|(atlas, load)| Side { mirrors: load.mirrors(atlas.view(), &limits), load, atlas: Arc::clone(atlas) })
        .collect();
    let text = match (&sides[..], args.format) {
        ([old, new], Format::Text) => report::comparison_text(old, new, &asked, &limits, args.top),
        ([old, new], Format::Csv) => report::comparison_csv(old, new),
        ([old, new], Format::Json) => report::comparison_json(old, new, &asked)?,
        (sides, Format::Text) => report::text(&sides[0], &asked, &limits, args.top),
        (sides, Format::Csv) => report::csv(&sides[0]),
        (sides, Format::Json) => report::json(&sides[0], &asked)?,
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever pipes into `head` has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::System(format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

/// What is asked: one atlas, or an old and a new one.
fn atlases(args: &Args, config: Config) -> Result<Vec<Arc<Atlas>>, Failure> {
    match &args.compare[..] {
        [old, new] => {
            let same = Config { geoip: config.geoip.clone(), ..Config::shipped() };
            Ok(vec![atlas::open(same, Some(old))?, atlas::open(config, Some(new))?])
        }
        _ => Ok(vec![atlas::open(config, args.snapshot.as_deref())?]),
    }
}

/// Answers the requests of logs again.
fn from_logs(args: &Args, ask: &mut dyn FnMut(&Ask<'_>)) -> Result<Asked, Failure> {
    let mut asked = Asked { requests: 0, passed_over: 0, requests_per_day: None };
    let mut span: Option<(u64, u64)> = None;
    let bar = Bar::of_bytes("asking", logs::total_bytes(&args.log));
    let mut done_bytes = 0;
    let mut decoded = Vec::new();
    for path in &args.log {
        done_bytes += logs::read(path, |line| {
            let Some((text, read_bytes)) = line else {
                asked.passed_over += 1;
                return;
            };
            match Line::parse(text).filter(Line::is_for_list) {
                Some(line) => {
                    let at = line.unix_seconds;
                    let (first, last) = span.unwrap_or((at, at));
                    span = Some((first.min(at), last.max(at)));
                    asked.requests += 1;
                    let query = Query::parse(line.query.unwrap_or_default(), &mut decoded);
                    let endpoint = Endpoint::of(line.path).unwrap_or(Endpoint::Root);
                    ask(&Ask { endpoint, query, accepts_metalink4: false, client: line.client, unix_seconds: at });
                }
                None => asked.passed_over += 1,
            }
            if (asked.requests + asked.passed_over).is_multiple_of(ASKS_PER_LOOK) {
                bar.set(done_bytes + read_bytes);
            }
        })
        .map_err(Failure::input)?;
    }
    let seconds = span.map_or(0, |(first, last)| last - first);
    let rate = (seconds >= SPAN_SECONDS_MIN).then(|| asked.requests as f64 * DAY_SECONDS as f64 / seconds as f64);
    asked.requests_per_day = args.requests_per_day.or(rate);
    Ok(asked)
}

fn repo(text: &str) -> Result<[String; 3], String> {
    let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
    let wrong = "expected RELEASE/ARCH/REPO, such as 9/x86_64/baseos";
    parts.try_into().map_err(|_| wrong.to_owned()).and_then(|parts: [String; 3]| {
        if parts.iter().any(String::is_empty) { Err(wrong.to_owned()) } else { Ok(parts) }
    })
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err("expected a number above 0".to_owned()) }
}
