//! The explanation as lines, for a terminal of 80 columns.

use std::fmt::{self, Write};

use super::candidate::{Candidate, Fault, Reason};
use super::{CANDIDATES_MAX, Client, Explanation, Walk};
use crate::turn::TURN_SECONDS;

/// Columns of a terminal that everybody has.
const COLUMNS: usize = 80;
/// How far in faults are.
const INDENT: usize = 10;
/// Widest column of names. Longer ones stand out.
const NAME_WIDTH_MAX: usize = 30;

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = &self.snapshot;
        writeln!(out, "snapshot    generation {}, {}", snapshot.generation, snapshot.evidence)?;
        if let (Some(verified_at), Some(age)) = (&snapshot.verified_at, snapshot.age_seconds) {
            writeln!(out, "verified    {verified_at}, {} minutes before", age / 60)?;
        }
        match &self.repo {
            Some(repo) => {
                writeln!(out, "repo        {} of release {} for {}", repo.name, repo.release, repo.arch)?;
                writeln!(out, "path        {} in tree {}", repo.path, repo.tree)?;
                if let Some(comment) = &repo.comment {
                    writeln!(out, "comment     {comment}")?;
                }
            }
            None => writeln!(out, "repo        none: {}", self.outcome)?,
        }
        client(&self.client, out)?;
        self.lists.iter().try_for_each(|walk| list(walk, out))?;
        if !self.dropped.is_empty() {
            writeln!(out, "dropped     {}: nothing is left with all filters", self.dropped.join(" "))?;
        }
        if self.left_out > 0 {
            writeln!(out, "            and {} more: {CANDIDATES_MAX} are told at most", self.left_out)?;
        }
        if self.repo.is_none() {
            return Ok(());
        }
        match self.outcome {
            "last_resort" => writeln!(out, "instead     no mirror is left: the tree's last resort")?,
            "other_family" => writeln!(out, "instead     no mirror is left for this family: those for the other one")?,
            "empty" => writeln!(out, "instead     no mirror is left for either family, and there is no last resort")?,
            _ => {}
        }
        writeln!(out, "answer      {} of at most {}:", self.answer.len(), self.answer_max)?;
        self.answer.iter().try_for_each(|url| writeln!(out, "  {url}"))
    }
}

fn client(client: &Client, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(out, "client      {} ({})", client.address, client.family)?;
    match &client.network {
        Some(network) => writeln!(out, "network     {network}")?,
        None => writeln!(out, "network     none that the inventory names")?,
    }
    for group in &client.groups {
        let then = if group.is_alone { "its mirrors alone" } else { "its mirrors before what comes next" };
        writeln!(out, "group       {}; {then}", group.name)?;
    }
    if let Some(asn) = client.asn {
        writeln!(out, "system      AS{asn}")?;
    }
    writeln!(out, "place       {}, {}", client.place, client.place_why)?;
    writeln!(out, "geoip       {}", client.geoip)?;
    let network = if client.family == "ipv4" { "/24" } else { "/48" };
    let Client { turn, turn_count, .. } = client;
    writeln!(out, "turn        {turn} of {turn_count}, for all of its {network} and {} minutes", TURN_SECONDS / 60)
}

fn list(walk: &Walk, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(out, "list        of {} over {}, in the order of the turn:", walk.of, walk.family)?;
    let names = walk.candidates.iter().map(|candidate| candidate.mirror.len());
    let width = names.max().unwrap_or(0).min(NAME_WIDTH_MAX);
    for candidate in &walk.candidates {
        let mark = candidate.position.map_or_else(|| " out".to_owned(), |position| format!("{position:2} in"));
        let place = candidate.place.as_deref().unwrap_or("global");
        let Candidate { mirror, weight_mbps, .. } = candidate;
        write!(out, "  {mark:5} {mirror:width$} {place:6} {weight_mbps:>6} Mb/s  ")?;
        why(candidate, out)?;
    }
    if walk.candidates.is_empty() {
        writeln!(out, "  (empty)")?;
    }
    Ok(())
}

fn why(candidate: &Candidate, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let text = match candidate.reason {
        Reason::Good => "good",
        Reason::Spare => "to spare",
        Reason::Full => "good, list full",
        Reason::PassedOver => "good, passed over",
        Reason::Enough => "spare, not needed",
        Reason::Repeated => "named above",
        Reason::Fault => candidate.faults.first().map_or("bad", |fault| fault.finding),
        Reason::LeftAlone => "left alone, elsewhere:",
        Reason::NoTree => "without the tree",
        Reason::NotSeen => "never seen",
        Reason::NotNamed => "not for this family",
    };
    writeln!(out, "{text}")?;
    faults(&candidate.faults).iter().try_for_each(|fault| writeln!(out, "{:INDENT$}{fault}", ""))
}

/// What was seen, by protocol; once where it was the same by all.
fn faults(faults: &[Fault]) -> Vec<String> {
    let is_same = |fault: &Fault| faults.iter().all(|one| (one.finding, &one.since) == (fault.finding, &fault.since));
    let told = |fault: &Fault, protocol: &str| {
        let since = fault.since.get(..13).map_or_else(String::new, |hour| hour.replace('T', " "));
        let what = format!("{protocol}{} since {since}h:", fault.finding);
        let is_short = INDENT + what.len() + 1 + fault.meaning.len() <= COLUMNS;
        let gap = if is_short { " ".to_owned() } else { format!("\n{:1$}", "", INDENT + 2) };
        what + &gap + fault.meaning
    };
    match faults {
        [first, ..] if is_same(first) => vec![told(first, "")],
        _ => faults.iter().map(|fault| told(fault, &format!("{} ", fault.protocol))).collect(),
    }
}

impl Explanation {
    /// As text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(text, "{self}");
        text
    }
}
