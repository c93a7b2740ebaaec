//! What came out of a simulation, as text, CSV or JSON.

use std::fmt::Write;
use std::sync::Arc;

use serde_json::json;

use super::super::csv;
use super::super::failure::Failure;
use crate::answer::Atlas;
use crate::traffic::{Limits, Load, MirrorLoad, Move, Warning, moves};

/// Shares of first places below this are never too much, as a part of 1.
pub const SHARE_MIN: f64 = 0.001;
/// Widest column of names. Longer ones stand out.
const NAME_WIDTH_MAX: usize = 28;

/// What was asked.
pub struct Asked {
    /// Requests.
    pub requests: u64,
    /// Lines of logs that are no request for a list.
    pub passed_over: u64,
    /// Requests of a day, where somebody knows.
    pub requests_per_day: Option<f64>,
}

/// What a snapshot answers.
pub struct Side {
    /// The snapshot.
    pub atlas: Arc<Atlas>,
    /// What was counted.
    pub load: Load,
    /// What follows for each mirror.
    pub mirrors: Vec<MirrorLoad>,
}

/// A table of mirrors, and warnings.
pub fn text(side: &Side, asked: &Asked, limits: &Limits, row_count_max: usize) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_head("snapshot", side, &mut out);
    let _ = write_asked(asked, limits, &mut out);
    let _ = write_mirrors(side, row_count_max, &mut out);
    let _ = write_warnings(side, limits, &mut out);
    out
}

fn write_head(label: &str, side: &Side, out: &mut String) -> std::fmt::Result {
    let Load { listed, without_mirror, unknown, .. } = side.load;
    let view = side.atlas.view();
    write!(out, "{label:9} generation {}, ", side.atlas.generation())?;
    writeln!(out, "{} mirrors, {} repos", view.mirror_count(), view.repo_count())?;
    writeln!(out, "          {listed} lists, {without_mirror} without a mirror, {unknown} for unknown repos")
}

fn write_asked(asked: &Asked, limits: &Limits, out: &mut String) -> std::fmt::Result {
    write!(out, "asked     {} requests", asked.requests)?;
    match asked.passed_over {
        0 => writeln!(out)?,
        count => writeln!(out, "; {count} lines were passed over")?,
    }
    match asked.requests_per_day {
        Some(rate) => writeln!(out, "assumed   {rate:.0} requests a day, {} MB after each", limits.mb_per_request),
        None => writeln!(out, "assumed   nothing of how much is asked: --requests-per-day tells"),
    }
}

fn name_width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(str::len).max().unwrap_or(0).clamp("mirror".len(), NAME_WIDTH_MAX)
}

fn write_mirrors(side: &Side, row_count_max: usize, out: &mut String) -> std::fmt::Result {
    let (shown, rest) = side.mirrors.split_at(side.mirrors.len().min(row_count_max));
    let width = name_width(shown.iter().map(|mirror| mirror.mirror.as_str()));
    writeln!(out)?;
    writeln!(
        out,
        "  {:width$} {:6} {:>7} {:>7} {:>7} {:>7} {:>9}",
        "mirror", "place", "Mb/s", "weight", "first", "named", "carries"
    )?;
    for mirror in shown {
        let mark = if mirror.warning.is_some() { '!' } else { ' ' };
        let place = mirror.place.as_deref().unwrap_or("-");
        let weight = mirror.weight_mbps.map_or_else(|| "-".to_owned(), |weight| weight.to_string());
        let carries = mirror.load_mbps.map_or_else(|| "-".to_owned(), |load| format!("{load:.1}"));
        writeln!(
            out,
            "{mark} {:width$} {place:6} {weight:>7} {:>7} {:>7} {:>7} {carries:>9}",
            mirror.mirror,
            percent(mirror.weight_share),
            percent(mirror.first_share),
            percent(mirror.named_share),
        )?;
    }
    if !rest.is_empty() {
        let first: f64 = rest.iter().map(|mirror| mirror.first_share).sum();
        writeln!(out, "  and {} more, first in {}", rest.len(), percent(first).trim_start())?;
    }
    Ok(())
}

fn write_warnings(side: &Side, limits: &Limits, out: &mut String) -> std::fmt::Result {
    let warned = side.mirrors.iter().filter_map(|mirror| Some((mirror, mirror.warning?)));
    for (position, (mirror, warning)) in warned.enumerate() {
        if position == 0 {
            writeln!(out)?;
        }
        writeln!(out, "! {}: {}", mirror.mirror, sentence(mirror, warning, limits))?;
    }
    Ok(())
}

fn sentence(mirror: &MirrorLoad, warning: Warning, limits: &Limits) -> String {
    let weight = mirror.weight_mbps.unwrap_or_default();
    match warning {
        Warning::Bandwidth => {
            let (load, part) = (mirror.load_mbps.unwrap_or_default(), limits.load_max * 100.0);
            format!("would carry {load:.1} Mb/s on average, more than {part:.0} % of its {weight} Mb/s")
        }
        Warning::Share => {
            let [first, share] = [mirror.first_share, mirror.weight_share].map(percent);
            format!("first in {} of lists with {} of the weight", first.trim_start(), share.trim_start())
        }
    }
}

fn percent(part: f64) -> String {
    format!("{:.2} %", part * 100.0)
}

/// A line for each mirror.
pub fn csv(side: &Side) -> String {
    let mut out = String::new();
    let head = [
        "mirror",
        "place",
        "weight_mbps",
        "weight_share",
        "first",
        "first_share",
        "named",
        "named_share",
        "load_mbps",
        "warning",
    ];
    csv::line(&mut out, head);
    for mirror in &side.mirrors {
        let fields = [
            mirror.mirror.clone(),
            mirror.place.clone().unwrap_or_default(),
            mirror.weight_mbps.map_or_else(String::new, |weight| weight.to_string()),
            format!("{:.6}", mirror.weight_share),
            mirror.first.to_string(),
            format!("{:.6}", mirror.first_share),
            mirror.named.to_string(),
            format!("{:.6}", mirror.named_share),
            mirror.load_mbps.map_or_else(String::new, |load| format!("{load:.3}")),
            mirror.warning.map_or("", warning_name).to_owned(),
        ];
        csv::line(&mut out, fields);
    }
    out
}

fn warning_name(warning: Warning) -> &'static str {
    match warning {
        Warning::Bandwidth => "bandwidth",
        Warning::Share => "share",
    }
}

/// The same for programs.
pub fn json(side: &Side, asked: &Asked) -> Result<String, Failure> {
    let whole = json!({
        "asked": asked_json(asked),
        "snapshot": side_json(side),
        "mirrors": side.mirrors.iter().map(mirror_json).collect::<Vec<_>>(),
    });
    pretty(&whole)
}

fn asked_json(asked: &Asked) -> serde_json::Value {
    let Asked { requests, passed_over, requests_per_day } = asked;
    json!({"requests": requests, "passed_over": passed_over, "requests_per_day": requests_per_day})
}

fn side_json(side: &Side) -> serde_json::Value {
    let Load { listed, without_mirror, unknown, .. } = side.load;
    let generation = side.atlas.generation().0;
    json!({"generation": generation, "listed": listed, "without_mirror": without_mirror, "unknown_repo": unknown})
}

fn mirror_json(mirror: &MirrorLoad) -> serde_json::Value {
    json!({
        "mirror": mirror.mirror,
        "place": mirror.place,
        "weight_mbps": mirror.weight_mbps,
        "weight_share": mirror.weight_share,
        "first": mirror.first,
        "first_share": mirror.first_share,
        "named": mirror.named,
        "named_share": mirror.named_share,
        "load_mbps": mirror.load_mbps,
        "warning": mirror.warning.map(warning_name),
    })
}

fn pretty(whole: &serde_json::Value) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(whole).map_err(|error| Failure::System(error.to_string()))?;
    Ok(text + "\n")
}

/// How the load moves, the biggest movers, and what to worry about afterwards.
pub fn comparison_text(old: &Side, new: &Side, asked: &Asked, limits: &Limits, row_count_max: usize) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_head("old", old, &mut out);
    let _ = write_head("new", new, &mut out);
    let _ = write_asked(asked, limits, &mut out);
    let _ = write_moves(&moves(&old.mirrors, &new.mirrors), row_count_max, &mut out);
    let _ = write_warnings(new, limits, &mut out);
    out
}

fn write_moves(moves: &[Move], row_count_max: usize, out: &mut String) -> std::fmt::Result {
    // What one loses another one gains.
    let moved: f64 = moves.iter().map(|one| one.change().abs()).sum::<f64>() / 2.0;
    writeln!(out, "moved     {} of first places, {} mirrors", percent(moved), moves.len())?;
    let (shown, rest) = moves.split_at(moves.len().min(row_count_max));
    if shown.is_empty() {
        return Ok(());
    }
    let width = name_width(shown.iter().map(|one| one.mirror.as_str()));
    writeln!(out, "\n  {:width$} {:>9} {:>9} {:>10}", "mirror", "before", "after", "change")?;
    for one in shown {
        let [before, after] = [one.before, one.after].map(|share| share.map_or_else(|| "-".to_owned(), percent));
        let change = format!("{:+.2} pp", one.change() * 100.0);
        writeln!(out, "  {:width$} {before:>9} {after:>9} {change:>10}", one.mirror)?;
    }
    if !rest.is_empty() {
        writeln!(out, "  and {} more", rest.len())?;
    }
    Ok(())
}

/// A line for each mirror that moves.
pub fn comparison_csv(old: &Side, new: &Side) -> String {
    let mut out = String::new();
    csv::line(&mut out, ["mirror", "before", "after", "change"]);
    for one in moves(&old.mirrors, &new.mirrors) {
        let [before, after] =
            [one.before, one.after].map(|share| share.map_or_else(String::new, |share| format!("{share:.6}")));
        csv::line(&mut out, [one.mirror.clone(), before, after, format!("{:.6}", one.change())]);
    }
    out
}

/// The same for programs.
pub fn comparison_json(old: &Side, new: &Side, asked: &Asked) -> Result<String, Failure> {
    let moved =
        |one: Move| json!({"mirror": one.mirror, "before": one.before, "after": one.after, "change": one.change()});
    let whole = json!({
        "asked": asked_json(asked),
        "old": side_json(old),
        "new": side_json(new),
        "moves": moves(&old.mirrors, &new.mirrors).into_iter().map(moved).collect::<Vec<_>>(),
        "warnings": new.mirrors.iter().filter(|mirror| mirror.warning.is_some()).map(mirror_json).collect::<Vec<_>>(),
    });
    pretty(&whole)
}
