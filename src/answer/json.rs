//! JSON: an array for libzypp, and a full form for whoever wants to know more. Both are stable (`docs/dialects.md`).

use super::filter::Kinds;
use super::list::Why;
use super::outcome::Outcome;
use super::write::json;
use crate::decimal;
use crate::place::Code;
use crate::snapshot::{CountryCode, RepoName};

/// A mirror as JSON tells it.
pub struct Entry<'a> {
    /// Its URL, in parts that follow each other.
    pub url: [&'a [u8]; 3],
    /// Its country.
    pub country: Option<CountryCode>,
    /// The protocol of its URL.
    pub protocol: &'static str,
    /// Why it was chosen.
    pub why: Why,
}

/// What the full form tells beside mirrors.
pub struct About<'a> {
    /// What it came to.
    pub outcome: Outcome,
    /// Number of the snapshot.
    pub generation: u64,
    /// When mirrors were verified, seconds since 1970.
    pub verified_at: Option<u64>,
    /// The repo, when it is known.
    pub repo: Option<RepoName<'a>>,
    /// The place that the client was answered for.
    pub place: Option<Code>,
    /// Filters that were dropped.
    pub dropped: Kinds,
    /// What is said of the repo.
    pub comment: Option<&'a [u8]>,
}

/// Preference of the first mirror; it falls by 1 and never below 1, as in metalinks.
const PREFERENCE_MAX: u64 = 100;

/// Appends `[{"url": …}, …]`. Dropped filters are told in the first object.
pub fn write_array<'a>(dropped: Kinds, entries: impl Iterator<Item = Entry<'a>>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, entry) in entries.enumerate() {
        out.extend_from_slice(if at == 0 { b"\n{" } else { b",\n{" });
        write_url(&entry, out);
        if at == 0 && !dropped.is_empty() {
            out.push(b',');
            write_dropped(dropped, out);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"\n]\n");
}

/// Appends the full form.
pub fn write_full<'a>(about: &About<'_>, entries: impl Iterator<Item = Entry<'a>>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"outcome\":\"");
    out.extend_from_slice(about.outcome.label().as_bytes());
    out.extend_from_slice(b"\",\"generation\":");
    decimal::write(about.generation, out);
    out.extend_from_slice(b",\"verified_at\":");
    match about.verified_at {
        Some(seconds) => decimal::write(seconds, out),
        None => out.extend_from_slice(b"null"),
    }
    let names = about.repo.map(|repo| [repo.release, repo.arch, repo.name]);
    for (key, value) in ["release", "arch", "repo"].iter().zip(names.map_or([None; 3], |names| names.map(Some))) {
        write_member(key, value.map(str::as_bytes), out);
    }
    let place = about.place.map(Code::to_bytes);
    let place = place.as_ref().map(|bytes| &bytes[..bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len())]);
    write_member("place", place, out);
    write_member("comment", about.comment, out);
    out.push(b',');
    write_dropped(about.dropped, out);
    out.extend_from_slice(b",\"mirrors\":[");
    let preferences = (1..=PREFERENCE_MAX).rev().chain(std::iter::repeat(1));
    for (at, (entry, preference)) in entries.zip(preferences).enumerate() {
        out.extend_from_slice(if at == 0 { b"\n{" } else { b",\n{" });
        write_url(&entry, out);
        write_member("country", entry.country.as_ref().map(|code| &code[..]), out);
        write_member("protocol", Some(entry.protocol.as_bytes()), out);
        out.extend_from_slice(b",\"preference\":");
        decimal::write(preference, out);
        write_member("reason", Some(reason(entry.why).as_bytes()), out);
        out.push(b'}');
    }
    out.extend_from_slice(b"\n]}\n");
}

/// The stable word for a reason.
fn reason(why: Why) -> &'static str {
    match why {
        Why::Network => "network",
        Why::System => "system",
        Why::Place => "place",
        Why::Country => "country",
        Why::Continent => "continent",
        Why::Elsewhere => "elsewhere",
        Why::Spare => "spare",
        Why::LastResort => "last_resort",
    }
}

fn write_url(entry: &Entry<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"url\":\"");
    entry.url.iter().for_each(|part| json(part, out));
    out.push(b'"');
}

fn write_member(key: &str, value: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    match value {
        Some(value) => {
            out.push(b'"');
            json(value, out);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

fn write_dropped(dropped: Kinds, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"dropped\":[");
    for (at, kind) in dropped.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(kind.name().as_bytes());
        out.push(b'"');
    }
    out.push(b']');
}
