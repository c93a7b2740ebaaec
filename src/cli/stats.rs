//! `mirrorlistd stats`: what an access log tells.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::bar::Bar;
use super::failure::Failure;
use super::{csv, logs};
use crate::calendar::moment;
use crate::config::Config;
use crate::daemon::GeoCache;
use crate::traffic::{Dimension, Table, Tables};

/// Lines between two looks at the progress.
const LINES_PER_LOOK: u64 = 2000;
/// Columns of a terminal that everybody has.
const COLUMNS: usize = 80;
/// Widest column of values; longer ones stand out.
const VALUE_WIDTH_MAX: usize = 36;

/// Count the requests for lists in access logs: by repo, release, architecture, country, system, hour and so on.
///
/// Reads combined format as `serve` writes it, and as nginx and Apache do, plain or compressed by gzip. Lines that are
/// broken are counted and passed over. A file that cannot be read on is told; what was read of it counts, and the exit
/// code is 1.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Access logs; `-` for standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Tables to make, several separated by commas [default: all].
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = dimension_parser())]
    by: Vec<Dimension>,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Rows of a table of text at most, the most frequent first. Hours and days are all there, and in CSV and JSON all
    /// rows are.
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    /// Configuration file, for its GeoIP database [default: the table in the program].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How to tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Tables for people.
    Text,
    /// One table: table, value, requests.
    Csv,
    /// For programs.
    Json,
}

fn dimension_parser() -> impl TypedValueParser<Value = Dimension> {
    PossibleValuesParser::new(Dimension::ALL.map(Dimension::name))
        // The parser lets no other names through.
        .map(|name| Dimension::named(&name).unwrap_or(Dimension::Repo))
}

/// Reads, counts and tells.
pub fn run(args: &Args) -> Result<(), Failure> {
    let config = args.config.as_deref().map(Config::read).transpose().map_err(Failure::input)?;
    let config = config.unwrap_or_else(Config::shipped);
    let geo = GeoCache::default().table(&config.geoip, config.state.as_deref(), &|_, _| None)?;
    let country = |address| geo.place(geo.lookup(address)?);
    let dimensions = if args.by.is_empty() { &Dimension::ALL[..] } else { &args.by };
    let mut tables = Tables::new(dimensions);
    let mut failures = Vec::new();
    {
        let bar = Bar::of_bytes("reading", logs::total_bytes(&args.files));
        let mut done_bytes = 0;
        for path in &args.files {
            let read = logs::read(path, |line| match line {
                Some((line, read_bytes)) => {
                    tables.add(line, &country);
                    if tables.lines.is_multiple_of(LINES_PER_LOOK) {
                        bar.set(done_bytes + read_bytes);
                    }
                }
                None => tables.add_broken(),
            });
            match read {
                Ok(read_bytes) => done_bytes += read_bytes,
                Err(error) => failures.push(error),
            }
        }
    }
    let text = match args.format {
        Format::Text => text(&tables, args.top),
        Format::Csv => sheet(&tables.finish()),
        Format::Json => json(&tables)?,
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever pipes into `head` has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::System(format!("cannot print: {error}")));
        }
        _ => {}
    }
    for failure in failures.iter().skip(1) {
        eprintln!("mirrorlistd: {failure}");
    }
    failures.first().map_or(Ok(()), |failure| Err(Failure::input(failure)))
}

fn text(tables: &Tables, row_count_max: usize) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "lines     {}, {} of them broken", tables.lines, tables.broken);
    let _ = writeln!(out, "requests  {} for lists, {} others", tables.lists, tables.others);
    if let Some((first, last)) = tables.span {
        let _ = writeln!(out, "time      {} to {}", moment(first), moment(last));
    }
    for table in tables.finish() {
        let _ = write_table(&table, row_count_max, &mut out);
    }
    out
}

fn write_table(table: &Table, row_count_max: usize, out: &mut String) -> std::fmt::Result {
    let Table { dimension, rows, other } = table;
    // Hours without the last of them would be no day.
    let row_count_max = if dimension.is_ordered() { rows.len() } else { row_count_max };
    let (shown, rest) = rows.split_at(rows.len().min(row_count_max));
    let further = rest.iter().map(|(_, count)| count).sum::<u64>() + other;
    let sum = rows.iter().map(|(_, count)| count).sum::<u64>() + other;
    let largest = shown.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let widths = shown.iter().map(|(value, _)| value.chars().count());
    let width = widths.max().unwrap_or(0).clamp("and 1234 more".len(), VALUE_WIDTH_MAX);
    writeln!(out, "\n{:width$}  {:>10}  {:>7}", dimension.name(), "requests", "share")?;
    let mut row = |value: &str, count: u64, bar: usize| {
        let percent = count as f64 * 100.0 / sum.max(1) as f64;
        let line = format!("{value:width$}  {count:>10}  {percent:>5.1} %  {}", "#".repeat(bar));
        writeln!(out, "{}", line.trim_end())
    };
    let room = COLUMNS - (width + 2 + 10 + 2 + 7 + 2);
    for (value, count) in shown {
        row(value, *count, (count * room as u64 / largest) as usize)?;
    }
    match (rest.len(), further) {
        (0, 0) => Ok(()),
        (0, _) => row("other", further, 0),
        (count, _) => row(&format!("and {count} more"), further, 0),
    }
}

fn sheet(tables: &[Table]) -> String {
    let mut out = String::new();
    csv::line(&mut out, ["table", "value", "requests"]);
    for table in tables {
        let name = table.dimension.name();
        for (value, count) in &table.rows {
            csv::line(&mut out, [name, value, &count.to_string()]);
        }
        if table.other > 0 {
            csv::line(&mut out, [name, "other", &table.other.to_string()]);
        }
    }
    out
}

fn json(tables: &Tables) -> Result<String, Failure> {
    let rows = |table: &Table| {
        let row = |(value, count): &(String, u64)| serde_json::json!({"value": value, "requests": count});
        serde_json::json!({"rows": table.rows.iter().map(row).collect::<Vec<_>>(), "other": table.other})
    };
    let by: serde_json::Map<String, serde_json::Value> =
        tables.finish().iter().map(|table| (table.dimension.name().to_owned(), rows(table))).collect();
    let whole = serde_json::json!({
        "lines": tables.lines,
        "broken": tables.broken,
        "lists": tables.lists,
        "others": tables.others,
        "first": tables.span.map(|(first, _)| moment(first)),
        "last": tables.span.map(|(_, last)| moment(last)),
        "by": by,
    });
    let text = serde_json::to_string_pretty(&whole).map_err(|error| Failure::System(error.to_string()))?;
    Ok(text + "\n")
}
