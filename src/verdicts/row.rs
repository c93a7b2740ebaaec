//! Rows of the state as nouns, and back.
//!
//! Lives here: the order of columns, and what a value that makes no sense is refused with (as an error of SQLite's
//! wrapper, which `state` turns into "damaged"). Not here: the tables (`schema`).

use std::net::IpAddr;

use rusqlite::types::Type;
use rusqlite::{Error, Row, Statement, params};

use super::finding::Finding;
use super::subject::{MirrorId, RepoId, Subject};
use super::verdict::{Evidence, Standing, Verdict};
use crate::net::{Family, Protocol};

/// Columns of `verdicts`; the first of them are those of `history`.
pub(super) const COLUMNS: &str = "mirror, repo, family, protocol, standing, finding, at, address, status, bytes, \
                                  sha256, millis, note, since, looks, look_count, behind_since";
/// Columns of `history`.
pub(super) const LOOK_COLUMNS: &str =
    "mirror, repo, family, protocol, standing, finding, at, address, status, bytes, sha256, millis, note";

/// A number as SQLite keeps it, which has one bit less.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number that cannot be negative.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64, Error> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| Error::IntegralValueOutOfRange(column, value))
}

/// A text that is one of our names.
pub(super) fn named<T>(row: &Row<'_>, column: usize, named: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
    let text = row.get_ref(column)?.as_str()?;
    named(text).ok_or_else(|| {
        Error::FromSqlConversionFailure(column, Type::Text, format!("unknown name `{}`", text.escape_debug()).into())
    })
}

/// A text that is one of our names, or nothing.
pub(super) fn named_or_none<T>(
    row: &Row<'_>,
    column: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Error> {
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(None),
        Some(_) => named(row, column, parse).map(Some),
    }
}

/// Family as its number: 4 or 6.
pub(super) fn family_number(family: Family) -> u8 {
    match family {
        Family::Ipv4 => 4,
        Family::Ipv6 => 6,
    }
}

/// The family in a column.
pub(super) fn family(row: &Row<'_>, column: usize) -> Result<Family, Error> {
    match row.get(column)? {
        4_i64 => Ok(Family::Ipv4),
        6 => Ok(Family::Ipv6),
        other => Err(Error::IntegralValueOutOfRange(column, other)),
    }
}

/// The subject in the first four columns.
pub(super) fn subject(row: &Row<'_>) -> Result<Subject, Error> {
    Ok(Subject {
        mirror: MirrorId(row.get(0)?),
        repo: RepoId(row.get(1)?),
        family: family(row, 2)?,
        protocol: named(row, 3, |name| Protocol::ALL.into_iter().find(|protocol| protocol.name() == name))?,
    })
}

/// Standing, finding and evidence in the columns after the subject.
pub(super) fn look(row: &Row<'_>) -> Result<(Standing, Finding, Evidence), Error> {
    let evidence = Evidence {
        at: unsigned(row, 6)?,
        address: named_or_none(row, 7, |text| text.parse::<IpAddr>().ok())?,
        status: row.get(8)?,
        bytes: unsigned(row, 9)?,
        sha256: row.get(10)?,
        millis: row.get(11)?,
        note: row.get(12)?,
    };
    Ok((named(row, 4, Standing::named)?, named(row, 5, Finding::named)?, evidence))
}

/// The verdict in a row of `verdicts`.
pub(super) fn verdict(row: &Row<'_>) -> Result<Verdict, Error> {
    let (standing, finding, evidence) = look(row)?;
    Ok(Verdict {
        standing,
        finding,
        evidence,
        since: unsigned(row, 13)?,
        looks: row.get(14)?,
        look_count: row.get(15)?,
        behind_since: unsigned(row, 16)?,
    })
}

/// Writes a verdict with `write`, which takes the columns of `verdicts`, and when it has changed with `keep`, which
/// takes those of `history`.
pub(super) fn put(
    subject: Subject,
    verdict: &Verdict,
    write: &mut Statement<'_>,
    keep: Option<&mut Statement<'_>>,
) -> Result<(), Error> {
    let Subject { mirror, repo, family, protocol } = subject;
    let Evidence { at, address, status, bytes, sha256, millis, note } = &verdict.evidence;
    let address = address.map(|address| address.to_string());
    let (family, at, bytes) = (family_number(family), number(*at), number(*bytes));
    let (standing, finding, protocol) = (verdict.standing.name(), verdict.finding.name(), protocol.name());
    let (since, behind_since) = (number(verdict.since), number(verdict.behind_since));
    write.execute(params![
        mirror.0,
        repo.0,
        family,
        protocol,
        standing,
        finding,
        at,
        address,
        status,
        bytes,
        sha256,
        millis,
        note,
        since,
        verdict.looks,
        verdict.look_count,
        behind_since,
    ])?;
    if let Some(keep) = keep {
        keep.execute(params![
            mirror.0, repo.0, family, protocol, standing, finding, at, address, status, bytes, sha256, millis, note,
        ])?;
    }
    Ok(())
}
