//! What is told of mirrors, for people: to be read on a terminal, or mailed to a mirror's operator as it is.

use std::fmt::Write;

use super::report::{Look, Master, MirrorReport, RepoReport, Report, RunReport, Standings, VerdictReport};

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

/// A time as text, UTC: `2026-11-22T06:11:03Z`.
fn moment(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March, so that a leap day is the last of its year, in eras of 400 years, which all have
    // 146,097 days. 1970-01-01 is day 719,468 since 0000-03-01.
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // From March on the months have 31, 30, 31, 30, 31 days, and again: 153 in five.
    let from_march = (5 * of_year + 2) / 153;
    let month_day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{month_day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// `httpdate` has the same calendar, spelt otherwise.
    fn moment_of_http_date(seconds: u64) -> String {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
        let month = MONTHS.find(&date[8..11]).unwrap() / 3 + 1;
        format!("{}-{month:02}-{}T{}Z", &date[12..16], &date[5..7], &date[17..25])
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(951_782_400), "2000-02-29T00:00:00Z");
        for day in 0..200 * 366 {
            let seconds = day * 86_400 + day * 7 % 86_400;
            assert_eq!(moment(seconds), moment_of_http_date(seconds));
        }
        assert!(moment(i64::MAX as u64).ends_with('Z'), "no time is too late");
        assert!(moment(u64::MAX).ends_with('Z'));
    }
}
