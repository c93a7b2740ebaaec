//! What is told of mirrors, for people: to be read on a terminal, or mailed to a mirror's operator as it is.

use std::fmt::Write;

use super::report::{Look, Master, MirrorReport, RepoReport, Report, RunReport, Standings, VerdictReport};
use crate::calendar::moment;

/// A table of all mirrors.
pub fn report(report: &Report, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write_report(report, out);
}

/// One mirror with all evidence.
pub fn mirror(report: &MirrorReport, out: &mut String) {
    let _ = write_mirror(report, out);
}

fn write_report(report: &Report, out: &mut String) -> std::fmt::Result {
    if let Some(run) = &report.last_run {
        write_run(run, out)?;
    }
    let width = report.mirrors.iter().map(|line| line.name.len()).max().unwrap_or(0).max("mirror".len());
    writeln!(out, "{:width$}  ----- ipv4 -----  ----- ipv6 -----", "")?;
    writeln!(out, "{:width$}    in  late   out    in  late   out  {:20}  worst", "mirror", "looked at")?;
    for line in &report.mirrors {
        let [ipv4, ipv6] = [line.ipv4, line.ipv6].map(columns);
        let looked_at = line.looked_at.map_or_else(|| "never".to_owned(), moment);
        write!(out, "{:width$}  {ipv4}  {ipv6}  {looked_at}", line.name)?;
        match &line.worst {
            Some(worst) => writeln!(out, "  {} ({}): {}", worst.finding, worst.count, worst.meaning)?,
            None => writeln!(out)?,
        }
    }
    writeln!(out, "{} mirrors", report.mirrors.len())
}

fn columns(standings: Standings) -> String {
    format!("{:4}  {:4}  {:4}", standings.good, standings.late, standings.out)
}

fn write_run(run: &RunReport, out: &mut String) -> std::fmt::Result {
    write!(out, "last crawl: began {}", moment(run.started))?;
    match (run.ended, run.outcome) {
        (Some(ended), Some(outcome)) => write!(out, ", ended {}: {outcome}", moment(ended))?,
        _ => write!(out, ", not ended: it is under way, or was killed")?,
    }
    match run.note.as_str() {
        "" => writeln!(out)?,
        note => writeln!(out, " ({note})")?,
    }
    writeln!(out)
}

fn write_mirror(report: &MirrorReport, out: &mut String) -> std::fmt::Result {
    let line = &report.line;
    writeln!(out, "mirror     {}", line.name)?;
    writeln!(out, "looked at  {}", line.looked_at.map_or_else(|| "never".to_owned(), moment))?;
    for (family, Standings { good, late, out: away }) in [("ipv4", line.ipv4), ("ipv6", line.ipv6)] {
        writeln!(out, "{family}       {good} in the lists, {late} late, {away} out")?;
    }
    for (label, found) in std::iter::once("found").chain(std::iter::repeat("")).zip(&report.findings) {
        writeln!(out, "{label:9} {:5} {:17} {}", found.count, found.finding, found.meaning)?;
    }
    for repo in &report.repos {
        writeln!(out)?;
        write_repo(repo, out)?;
    }
    Ok(())
}

fn write_repo(repo: &RepoReport, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{}/{}/{}", repo.release, repo.arch, repo.repo)?;
    match &repo.master {
        Some(Master { sha256, bytes, timestamp, since, .. }) => {
            let digest = sha256.as_ref().map_or_else(String::new, |sha256| format!(", sha256 {sha256}"));
            write!(out, "  the master has {bytes} bytes{digest}, since {}", moment(*since))?;
            // An ostree summary has none.
            match timestamp {
                0 => writeln!(out)?,
                timestamp => writeln!(out, ", timestamp {timestamp}")?,
            }
        }
        None => writeln!(out, "  the master has never answered")?,
    }
    repo.verdicts.iter().try_for_each(|verdict| write_verdict(verdict, out))
}

fn write_verdict(verdict: &VerdictReport, out: &mut String) -> std::fmt::Result {
    let VerdictReport { family, protocol, standing, since, look, .. } = verdict;
    write!(out, "  {family} {protocol:5}  {standing:4} since {}", moment(*since))?;
    if let Some(since) = verdict.behind_since {
        write!(out, ", behind since {}", moment(since))?;
    }
    writeln!(out, "; {}: {}", look.finding, look.meaning)?;
    writeln!(out, "    {}", seen(look))?;
    // The newest entry is what has just been told, unless it has been looked at again since.
    for past in verdict.history.iter().filter(|past| past.look.at != look.at) {
        writeln!(out, "    {:4} from {}: {}", past.standing, seen(&past.look), past.look.finding)?;
    }
    Ok(())
}

/// When and what was seen: all that the operator of the mirror needs to find it in the logs.
fn seen(look: &Look) -> String {
    let mut parts = Vec::new();
    parts.extend(look.status.map(|status| format!("status {status}")));
    parts.push(format!("{} bytes in {} ms", look.bytes, look.millis));
    parts.extend(look.address.map(|address| format!("from {address}")));
    parts.extend(look.sha256.as_ref().map(|sha256| format!("sha256 {sha256}")));
    parts.extend(Some(look.note.clone()).filter(|note| !note.is_empty()));
    format!("{} {}", moment(look.at), parts.join(", "))
}
