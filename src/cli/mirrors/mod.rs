//! `mirrorlistd mirrors`: what the crawler knows of mirrors, and why one is in or out of the lists.
//!
//! - `report`     what is told, as it stands in the JSON
//! - `text`       the same for people, in a form one can mail to a mirror's operator
//! - `nearest`    names that somebody may have meant

mod nearest;
mod report;
mod text;

use std::io::{self, Write};
use std::path::PathBuf;

use super::failure::Failure;
use crate::verdicts::{MirrorId, RepoId, RepoKey, State};
use nearest::nearest;
use report::{MirrorReport, Report};

/// Tell what the crawler knows of all mirrors, or of one with the evidence for it.
///
/// Works beside a running crawler. Exit code 1 when there is no such mirror or repo.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of a mirror, as the inventory has it [default: all].
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// State folder.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// One repo only: `9.8/x86_64/baseos`; one image: `9.8/x86_64/BRANCH/KIND/FILE`; its folder: without FILE.
    #[arg(long, value_name = "RELEASE/ARCH/REPO", value_parser = repo_key)]
    repo: Option<RepoKey>,
}

/// How to tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Tells.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut out = String::new();
    let state = State::read(&args.state)?;
    match &args.name {
        None => {
            let report = Report::of(&state, repo(&state, args.repo.as_ref())?)?;
            match args.format {
                Format::Text => text::report(&report, &mut out),
                Format::Json => json(&report, &mut out)?,
            }
        }
        Some(name) => {
            let mirror = mirror(&state, name)?;
            let report = MirrorReport::of(&state, name, mirror, repo(&state, args.repo.as_ref())?)?;
            match args.format {
                Format::Text => text::mirror(&report, &mut out),
                Format::Json => json(&report, &mut out)?,
            }
        }
    }
    match io::stdout().lock().write_all(out.as_bytes()) {
        // Whoever pipes into `head` has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::System(format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

fn json(report: &impl serde::Serialize, out: &mut String) -> Result<(), Failure> {
    *out = serde_json::to_string_pretty(report).map_err(|error| Failure::System(error.to_string()))?;
    out.push('\n');
    Ok(())
}

fn repo_key(text: &str) -> Result<RepoKey, String> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts[..] {
        [release, arch, repo] if parts.iter().all(|part| !part.is_empty()) => {
            Ok(RepoKey { release: release.to_owned(), arch: arch.to_owned(), repo: repo.to_owned() })
        }
        // The name of a file that is left out means the folder.
        [release, arch, branch, kind, file] if parts[..4].iter().all(|part| !part.is_empty()) => {
            Ok(RepoKey::of_folder(branch, release, kind, arch).of_image(file))
        }
        _ => Err("expected RELEASE/ARCH/REPO, such as 9.8/x86_64/baseos".to_owned()),
    }
}

fn mirror(state: &State, name: &str) -> Result<MirrorId, Failure> {
    let mirrors = state.mirrors()?;
    mirrors.get(name).copied().ok_or_else(|| unknown("mirror", name, mirrors.keys().cloned()))
}

fn repo(state: &State, key: Option<&RepoKey>) -> Result<Option<RepoId>, Failure> {
    let Some(key) = key else { return Ok(None) };
    let repos = state.repos()?;
    let found = repos.get(key).copied();
    found.map(Some).ok_or_else(|| unknown("repo", &key.to_string(), repos.keys().map(RepoKey::to_string)))
}

fn unknown(what: &str, name: &str, names: impl Iterator<Item = String>) -> Failure {
    let near = nearest(name, names.collect());
    let hint = match &near[..] {
        [] => "none has been crawled yet".to_owned(),
        near => format!("the nearest are {}", near.join(", ")),
    };
    Failure::Input(format!("no {what} `{}` in the state; {hint}", name.escape_debug()))
}

#[cfg(test)]
mod tests;
