//! `mirrorlistd clouds`: bring the address ranges of cloud providers up to date.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::failure::Failure;
use super::publish::write_by_rename;
use crate::calendar::{self, DAY_SECONDS};
use crate::daemon::{self, SourcesError};
use crate::import::Stamp;
use crate::import::cloud_update::{self, Policy};
use crate::import::clouds::{FILE_BYTES_MAX, Provider};

/// Longest time to connect to a provider.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest time for a whole file. Azure's 4 MB take it on a line of 300 kbit/s.
const FETCH_TIME_MAX: Duration = Duration::from_secs(120);
/// Redirects followed; the providers' addresses need none today.
const REDIRECTS_MAX: u32 = 3;

/// Where providers publish their ranges, as their own documentation names it (read in November 2026):
/// <https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-ranges.html>,
/// <https://cloud.google.com/compute/docs/faq#find_ip_range>,
/// <https://docs.oracle.com/en-us/iaas/Content/General/Concepts/addressranges.htm>. Azure names a new file each week on
/// <https://www.microsoft.com/en-us/download/details.aspx?id=56519>, so that its address has to be given.
fn published_at(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::Aws => Some("https://ip-ranges.amazonaws.com/ip-ranges.json"),
        Provider::Azure => None,
        Provider::Gcp => Some("https://www.gstatic.com/ipranges/cloud.json"),
        Provider::Oracle => Some("https://docs.oracle.com/en-us/iaas/tools/public_ip_ranges.json"),
    }
}

/// Bring the address ranges of cloud providers up to date.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Fetch what providers publish and write it into the lists.
    Update(UpdateArgs),
}

/// Fetch what providers publish and write it into the lists.
///
/// A file that is no such file (an error page, a truncated one), or that has lost more than a third of its prefixes, is
/// refused: the list stays as it is (exit code 3). Proxies are taken from the environment (https_proxy, no_proxy).
#[derive(Debug, clap::Args)]
pub struct UpdateArgs {
    /// Providers [default: aws, gcp and oracle, and azure when its address is given].
    #[arg(value_name = "aws|gcp|azure|oracle", value_parser = provider)]
    providers: Vec<Provider>,
    /// Folder of the inventory; files go into `clouds` below it [default: the shipped one].
    #[arg(long, value_name = "DIR")]
    lists: Option<PathBuf>,
    /// Address of a provider's file, in place of the known one. Azure has none that stays: take the link to
    /// `ServiceTags_Public_….json` from the download page 56519.
    #[arg(long, value_name = "NAME=URL", value_parser = address)]
    url: Vec<(Provider, String)>,
    /// Regions to leave out, `*` for any characters: `GLOBAL`, `cn-*`, `us-gov-*`, `gcp/global`; may be repeated.
    #[arg(long, value_name = "PATTERN")]
    skip_region: Vec<String>,
    /// Take a file that has lost more than a third of its prefixes.
    #[arg(long)]
    force: bool,
}

fn provider(text: &str) -> Result<Provider, String> {
    let found = Provider::ALL.into_iter().find(|one| one.name() == text);
    found.ok_or_else(|| "one of aws, gcp, azure, oracle".to_owned())
}

fn address(text: &str) -> Result<(Provider, String), String> {
    let (name, url) = text.split_once('=').ok_or("NAME=URL, as in azure=https://…")?;
    match url.starts_with("https://") || url.starts_with("http://") {
        true => Ok((provider(name)?, url.to_owned())),
        false => Err("an address begins with https:// or http://".to_owned()),
    }
}

/// Updates, one provider after the other: one that fails leaves the others alone.
pub fn run(command: Command) -> Result<(), Failure> {
    let Command::Update(args) = command;
    let lists = args.lists.clone().or_else(daemon::shipped_lists).ok_or(SourcesError::NoLists)?;
    let given = |provider| args.url.iter().rev().find(|(of, _)| *of == provider).map(|(_, url)| url.as_str());
    let url_of = |provider| given(provider).or(published_at(provider));
    let mut providers = args.providers.clone();
    if providers.is_empty() {
        providers.extend(Provider::ALL.into_iter().filter(|&provider| url_of(provider).is_some()));
    }
    let policy = Policy { skipped_regions: args.skip_region.clone() };
    let agent = agent();
    let mut worst = Ok(());
    for provider in providers {
        let updated = match url_of(provider) {
            Some(url) => update(&agent, provider, url, &lists, &policy, args.force),
            None => Err(Failure::Input(format!(
                "{}: its address changes every week; give --url {0}=URL, with the link on \
                 https://www.microsoft.com/en-us/download/details.aspx?id=56519",
                provider.name()
            ))),
        };
        if let Err(failure) = updated {
            eprintln!("{failure}");
            worst = match (worst, failure) {
                // A refusal wants somebody's eyes more than a network that is away.
                (Err(Failure::Guard(first)), _) => Err(Failure::Guard(first)),
                (_, Failure::Guard(text)) => Err(Failure::Guard(text)),
                (Err(first), _) => Err(first),
                (Ok(()), failure) => Err(failure),
            };
        }
    }
    worst
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIME_MAX))
        .timeout_global(Some(FETCH_TIME_MAX))
        .max_redirects(REDIRECTS_MAX)
        .user_agent(concat!("mirrorlistd/", env!("CARGO_PKG_VERSION"), " (clouds update)"))
        .build();
    config.into()
}

fn update(
    agent: &ureq::Agent,
    provider: Provider,
    url: &str,
    lists: &Path,
    policy: &Policy,
    force: bool,
) -> Result<(), Failure> {
    let name = provider.name();
    let bytes = agent
        .get(url)
        .call()
        .and_then(|mut answer| answer.body_mut().with_config().limit(FILE_BYTES_MAX as u64).read_to_vec())
        .map_err(|error| Failure::System(format!("{name}: cannot fetch {url}: {error}; the list stays as it is")))?;
    let path = lists.join("clouds").join(format!("{name}.toml"));
    let present = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::reading(&path, &error)),
    };
    let stamp = Stamp { origin: format!("{url} ({})", provider.title()), date: date(SystemTime::now()) };
    let update =
        cloud_update::update(provider, &bytes, present.as_deref(), policy, force, &stamp).map_err(|error| {
            Failure::Guard(format!("{name}: refused what {url} gave, the list stays as it is: {error}"))
        })?;
    for note in &update.notes {
        eprintln!("{note}");
    }
    let [before, after] = update.prefix_counts;
    if update.is_same {
        println!("{name}: {after} prefixes, none differs; {} stays as it is", path.display());
        return Ok(());
    }
    fs::create_dir_all(lists.join("clouds")).map_err(|error| Failure::writing(&path, &error))?;
    write_by_rename(&path, update.text.as_bytes())?;
    println!("{name}: {after} prefixes ({before} before), wrote {}", path.display());
    Ok(())
}

/// `2026-11-22`, in UTC.
fn date(now: SystemTime) -> String {
    let days = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / DAY_SECONDS;
    let (year, month, day) = calendar::date(days);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_lists_have_them() {
        assert_eq!(date(UNIX_EPOCH + Duration::from_secs(784_111_777)), "1994-11-06");
    }

    #[test]
    fn only_azure_has_no_lasting_address() {
        let without: Vec<_> = Provider::ALL.into_iter().filter(|&one| published_at(one).is_none()).collect();
        assert_eq!(without, [Provider::Azure]);
        assert!(address("aws=ftp://x/").is_err() && address("aws").is_err() && address("x=http://x/").is_err());
        assert_eq!(address("gcp=http://x/?a=b"), Ok((Provider::Gcp, "http://x/?a=b".to_owned())));
    }
}
