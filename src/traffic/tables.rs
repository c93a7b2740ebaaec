//! `Tables`: requests for lists, counted by what they ask for, by whom and when. Memory is bounded, whatever is asked.

use std::collections::HashMap;

use super::line::Line;
use crate::answer::{Query, System};
use crate::calendar;
use crate::place::Code;

/// Different values that one table tells apart. Clients choose what they ask for: what comes when it is full is counted
/// as other.
pub const KEYS_MAX: usize = 10_000;

/// By what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The repo, as it was asked for.
    Repo,
    /// The release, as it was asked for.
    Release,
    /// The architecture, as it was asked for.
    Arch,
    /// The country of the client.
    Country,
    /// Name and version of the client's system, as libdnf tells them.
    System,
    /// How long the client has been there: 1 to 4, told once a week.
    Countme,
    /// The hour of the day, UTC.
    Hour,
    /// The day, UTC.
    Day,
    /// The status of the answer.
    Status,
}

impl Dimension {
    /// All, in the order of reports.
    pub const ALL: [Dimension; 9] = [
        Dimension::Repo,
        Dimension::Release,
        Dimension::Arch,
        Dimension::Country,
        Dimension::System,
        Dimension::Countme,
        Dimension::Hour,
        Dimension::Day,
        Dimension::Status,
    ];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Dimension::Repo => "repo",
            Dimension::Release => "release",
            Dimension::Arch => "arch",
            Dimension::Country => "country",
            Dimension::System => "system",
            Dimension::Countme => "countme",
            Dimension::Hour => "hour",
            Dimension::Day => "day",
            Dimension::Status => "status",
        }
    }

    /// The dimension with this name.
    pub fn named(name: &str) -> Option<Dimension> {
        Dimension::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether its values have an order of their own, in which tables have them, else the most frequent is first.
    pub fn is_ordered(self) -> bool {
        matches!(self, Dimension::Countme | Dimension::Hour | Dimension::Day)
    }
}

/// What was counted by one dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// By what.
    pub dimension: Dimension,
    /// Values, without control characters, and how many requests had each.
    pub rows: Vec<(String, u64)>,
    /// Requests with further values.
    pub other: u64,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Lines that were looked at.
    pub lines: u64,
    /// Lines that are none of an access log.
    pub broken: u64,
    /// Requests for lists: what all tables count.
    pub lists: u64,
    /// Other requests.
    pub others: u64,
    /// Time of the first and of the last request, seconds since 1970.
    pub span: Option<(u64, u64)>,
    counts: Vec<(Dimension, Counts)>,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    by_value: HashMap<Vec<u8>, u64>,
    other: u64,
}

impl Counts {
    fn add(&mut self, value: &[u8]) {
        let is_full = self.by_value.len() >= KEYS_MAX;
        match self.by_value.get_mut(value) {
            Some(count) => *count += 1,
            None if is_full => self.other += 1,
            None => drop(self.by_value.insert(value.to_owned(), 1)),
        }
    }
}

impl Tables {
    /// Tables by these dimensions, each once.
    pub fn new(dimensions: &[Dimension]) -> Tables {
        let mut counts: Vec<(Dimension, Counts)> = Vec::new();
        for &dimension in dimensions {
            if !counts.iter().any(|(known, _)| *known == dimension) {
                counts.push((dimension, Counts::default()));
            }
        }
        Tables { counts, ..Tables::default() }
    }

    /// Counts a line that is too long to be one.
    pub fn add_broken(&mut self) {
        self.lines += 1;
        self.broken += 1;
    }

    /// Counts a line. `country`: finds the country of an address.
    pub fn add(&mut self, text: &[u8], country: &dyn Fn(std::net::IpAddr) -> Option<Code>) {
        self.lines += 1;
        let Some(line) = Line::parse(text) else {
            self.broken += 1;
            return;
        };
        let (first, last) = self.span.unwrap_or((line.unix_seconds, line.unix_seconds));
        self.span = Some((first.min(line.unix_seconds), last.max(line.unix_seconds)));
        if !line.is_for_list() {
            self.others += 1;
            return;
        }
        self.lists += 1;
        let mut decoded = Vec::new();
        let query = Query::parse(line.query.unwrap_or_default(), &mut decoded);
        for (dimension, counts) in &mut self.counts {
            match dimension {
                Dimension::Repo => counts.add(&query.repo.unwrap_or_default().to_ascii_lowercase()),
                Dimension::Release => counts.add(query.release.unwrap_or_default()),
                Dimension::Arch => counts.add(query.arch.unwrap_or_default()),
                Dimension::Country => match country(line.client) {
                    Some(code) => counts.add(code.country().to_string().as_bytes()),
                    None => counts.add(b"unknown"),
                },
                Dimension::System => match System::of(line.user_agent) {
                    Some(System { name, version: "" }) => counts.add(name.as_bytes()),
                    Some(System { name, version }) => counts.add(format!("{name} {version}").as_bytes()),
                    None => counts.add(b"(not libdnf)"),
                },
                Dimension::Countme if query.countme_bucket() > 0 => counts.add(&[b'0' + query.countme_bucket()]),
                Dimension::Countme => {}
                Dimension::Hour => {
                    let hour = line.unix_seconds / 3600 % 24;
                    counts.add(format!("{hour:02}").as_bytes());
                }
                Dimension::Day => {
                    let (year, month, day) = calendar::date(line.unix_seconds / calendar::DAY_SECONDS);
                    counts.add(format!("{year:04}-{month:02}-{day:02}").as_bytes());
                }
                Dimension::Status => counts.add(line.status.to_string().as_bytes()),
            }
        }
    }

    /// What was counted, in the order of the dimensions.
    pub fn finish(&self) -> Vec<Table> {
        let table = |(dimension, counts): &(Dimension, Counts)| {
            let mut rows: Vec<(String, u64)> =
                counts.by_value.iter().map(|(value, &count)| (shown(value), count)).collect();
            rows.sort_by(|a, b| match dimension.is_ordered() {
                true => a.0.cmp(&b.0),
                false => b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)),
            });
            Table { dimension: *dimension, rows, other: counts.other }
        };
        self.counts.iter().map(table).collect()
    }
}

/// A value fit to be shown: clients choose them.
fn shown(value: &[u8]) -> String {
    match value {
        b"" => "(none)".to_owned(),
        b"\0" => "(too long)".to_owned(),
        _ => String::from_utf8_lossy(value)
            .chars()
            .flat_map(|letter| {
                let escaped = letter.is_control().then(|| letter.escape_default());
                let plain = (!letter.is_control()).then_some(letter);
                escaped.into_iter().flatten().chain(plain)
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u64, query: &str, user_agent: &str) -> String {
        let time = format!("22/Nov/2026:05:04:{second:02} +0000");
        format!("192.0.2.1 - - [{time}] \"GET /?{query} HTTP/1.1\" 200 7 \"-\" \"{user_agent}\"")
    }

    fn rows(tables: &Tables) -> Vec<(&'static str, Vec<(String, u64)>)> {
        tables.finish().into_iter().map(|table| (table.dimension.name(), table.rows)).collect()
    }

    fn some(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
        pairs.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect()
    }

    #[test]
    fn each_request_is_in_each_table_once() {
        let mut tables =
            Tables::new(&[Dimension::Repo, Dimension::System, Dimension::Countme, Dimension::Hour, Dimension::Repo]);
        let german = |_| "DE".parse().ok();
        let dnf = "libdnf (AlmaLinux 9.8; generic; Linux.x86_64)";
        for text in [
            line(1, "release=9&arch=x86_64&repo=BaseOS", dnf),
            line(2, "release=9&arch=x86_64&repo=baseos&countme=2", dnf),
            line(3, "release=9&arch=x86_64&repo=extras%1b[2J", "curl/8"),
            line(4, "x=1", ""),
            "broken".to_owned(),
            line(5, "", ""),
        ] {
            tables.add(text.as_bytes(), &german);
        }
        tables.add_broken();
        assert_eq!((tables.lines, tables.broken, tables.lists, tables.others), (7, 2, 4, 1));
        let (first, last) = tables.span.unwrap();
        assert_eq!(last - first, 4);
        let expected = [
            ("repo", some(&[("baseos", 2), ("(none)", 1), ("extras\\u{1b}[2j", 1)])),
            ("system", some(&[("(not libdnf)", 2), ("AlmaLinux 9.8", 2)])),
            ("countme", some(&[("2", 1)])),
            ("hour", some(&[("05", 4)])),
        ];
        assert_eq!(rows(&tables), expected);
    }

    #[test]
    fn memory_is_bounded() {
        let mut tables = Tables::new(&[Dimension::Repo]);
        for number in 0..KEYS_MAX as u64 + 7 {
            tables.add(line(0, &format!("repo=r{number}"), "").as_bytes(), &|_| None);
        }
        let table = tables.finish().remove(0);
        assert_eq!((table.rows.len(), table.other), (KEYS_MAX, 7));
    }
}
