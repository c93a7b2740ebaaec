//! The Fedora dialect: `GET …/mirrorlist?repo=&arch=` or `?path=`, and the same for `…/metalink`.
//!
//! Lives here: which repo is meant, the comment line, and the texts of errors. What they say is what clients and people
//! know from the original; the status is another (`reply`).

use super::atlas::Atlas;
use super::list::{List, Why};
use super::outcome::Outcome;
use super::query::Query;
use super::write::echo;
use crate::decimal;
use crate::snapshot::{CountryCode, RepoIndex, View};
use crate::sys::Map;

/// The architecture of repos that have sources.
const SOURCE_ARCH: &[u8] = b"source";
/// What the original's paths begin with; it may be left out.
const PATH_ROOT: &[u8] = b"pub/";
/// Parts at the end of a path that may be a file's, below the directory of a repo.
const PATH_REST_PARTS_MAX: usize = 8;

/// What a query of this dialect means.
#[derive(Clone, Copy, Debug)]
pub struct Meant<'q> {
    /// The repo.
    pub repo: RepoIndex,
    /// What follows the repo's directory: empty, or a path without slashes at its ends.
    pub rest: &'q [u8],
}

/// Whether a query without `release` has all that this dialect needs.
pub fn is_spoken(query: &Query<'_>) -> bool {
    let given = |value: Option<&[u8]>| value.is_some_and(|value| !value.is_empty());
    given(query.path) || given(query.repo) && given(query.arch)
}

/// What is meant, or why that cannot be said.
pub fn find<'q>(atlas: &Atlas, query: &Query<'q>) -> Result<Meant<'q>, Outcome> {
    if let Some(path) = query.path.filter(|path| !path.is_empty()) {
        return at_path(atlas.view(), path).ok_or(Outcome::Unknown);
    }
    let (Some(repo), Some(_)) = (query.repo, query.arch) else { return Err(Outcome::NoRepo) };
    let found = atlas.view().find_named(repo, arch(query));
    found.map(|repo| Meant { repo, rest: b"" }).ok_or(Outcome::Unknown)
}

/// The architecture that is meant: that of sources when the repo's name says so.
fn arch<'q>(query: &Query<'q>) -> &'q [u8] {
    let repo = query.repo.unwrap_or_default();
    match repo.windows(SOURCE_ARCH.len()).any(|part| part.eq_ignore_ascii_case(SOURCE_ARCH)) {
        true => SOURCE_ARCH,
        false => query.arch.unwrap_or_default(),
    }
}

/// The path of a repo, or of something below one.
fn at_path<'q>(view: &View<Map>, path: &'q [u8]) -> Option<Meant<'q>> {
    let path = trimmed(path);
    let path = path.strip_prefix(PATH_ROOT).unwrap_or(path);
    let mut end = path.len();
    for _ in 0..=PATH_REST_PARTS_MAX {
        if let Some(repo) = view.find_path(&path[..end]) {
            let rest = trimmed(&path[end..]);
            return is_plain(rest).then_some(Meant { repo, rest });
        }
        end = path[..end].iter().rposition(|&byte| byte == b'/')?;
    }
    None
}

fn trimmed(mut path: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] | [rest @ .., b'/'] = path {
        path = rest;
    }
    path
}

/// Whether a path can go behind a URL as it is, and leads to nowhere else.
fn is_plain(path: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"._+~:@,=/-".contains(byte);
    path.iter().all(fits) && !path.split(|&byte| byte == b'/').any(|part| part == b"..")
}

/// Appends the beginning of the comment line: what was asked for.
pub fn write_subject(query: &Query<'_>, out: &mut Vec<u8>) {
    match query.path.filter(|path| !path.is_empty()) {
        Some(path) => {
            out.extend_from_slice(b"# path = ");
            echo(trimmed(path), out);
        }
        None => {
            out.extend_from_slice(b"# repo = ");
            echo(query.repo.unwrap_or_default(), out);
            out.extend_from_slice(b" arch = ");
            echo(arch(query), out);
        }
    }
    out.push(b' ');
}

/// Appends the comment line: what was asked for, and the countries in the order of their first mirrors. `verified_at`:
/// when the mirrors were looked at, for those who ask.
pub fn write_comment(view: &View<Map>, query: &Query<'_>, list: &List, out: &mut Vec<u8>) {
    write_subject(query, out);
    let said = |pick: &super::list::Pick| -> Option<Option<CountryCode>> {
        match pick.why {
            Why::Network | Why::LastResort => None,
            Why::Elsewhere => Some(None),
            _ => Some(pick.mirror.and_then(|mirror| view.country(mirror))),
        }
    };
    for (at, pick) in list.picks().iter().enumerate() {
        let Some(country) = said(pick) else { continue };
        if list.picks()[..at].iter().any(|before| said(before) == Some(country)) {
            continue;
        }
        out.extend_from_slice(b"country = ");
        out.extend_from_slice(country.as_ref().map_or(&b"global"[..], |code| code));
        out.push(b' ');
    }
    out.push(b'\n');
    if query.time.is_some() {
        out.extend_from_slice(b"# database creation time: ");
        decimal::write(view.verified_at().unwrap_or_default(), out);
        out.push(b'\n');
    }
}

/// Appends the text that stands for an outcome without a list.
pub fn write_error(atlas: &Atlas, query: &Query<'_>, outcome: Outcome, out: &mut Vec<u8>) {
    if outcome != Outcome::Unknown {
        out.extend_from_slice(b"# either path=, or repo= and arch= must be specified\n");
        return;
    }
    if query.path.is_some_and(|path| !path.is_empty()) {
        out.extend_from_slice(b"error: invalid path\n");
        return;
    }
    write_subject(query, out);
    out.extend_from_slice(b"error: invalid repo or arch\n# following repositories are available:\n");
    out.extend_from_slice(atlas.known_names());
}
