//! `Update`: a cloud provider's new address ranges held against those in the lists.
//!
//! Lives here: which regions are taken, what is refused, and the text of the new file. Not here: fetching.

use std::path::Path;

use ip_network::IpNetwork;

use super::clouds::{self, Provider, Regions};
use super::{ImportError, Note, Stamp};
use crate::inventory;
use crate::net::Family;

/// Regions that are left out: by name, `*` for any characters, with the provider in front (`aws/cn-*`) or for all.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The patterns.
    pub skipped_regions: Vec<String>,
}

impl Policy {
    fn skips(&self, provider: Provider, region: &str) -> bool {
        let whole = format!("{}/{region}", provider.name());
        self.skipped_regions.iter().any(|pattern| match pattern.contains('/') {
            true => matches(pattern, &whole),
            false => matches(pattern, region),
        })
    }
}

/// Whether `text` has the form of `pattern`, in which `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place is as good as any: what follows is free to be longer.
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(end)
}

/// Why new ranges are refused.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// They are not what the provider publishes.
    #[error("{0}")]
    Import(#[from] ImportError),
    /// The policy leaves nothing.
    #[error("{}: every region is left out; take back a --skip-region", provider.name())]
    Nothing {
        /// Whose.
        provider: Provider,
    },
    /// More than a third of the prefixes would be gone.
    #[error(
        "{} ranges: {after} {family} prefixes, the lists have {before}: more than a third is gone; look whether \
         that is so, \
         then give --force", provider.name()
    )]
    Shrunk {
        /// Whose.
        provider: Provider,
        /// Of which family.
        family: Family,
        /// Prefixes in the lists.
        before: usize,
        /// New ones.
        after: usize,
    },
}

/// New address ranges that may replace those in the lists.
#[derive(Debug)]
pub struct Update {
    /// The whole text of `NAME.toml`.
    pub text: String,
    /// Whether they are those in the lists already: then the file can stay as it is.
    pub is_same: bool,
    /// Prefixes in the lists and new ones.
    pub prefix_counts: [usize; 2],
    /// What was odd in the provider's file.
    pub notes: Vec<Note>,
}

/// Makes the new file of a provider from what it publishes. `present`: text of the file in the lists, when there is
/// one. With `force` it may shrink.
pub fn update(
    provider: Provider,
    bytes: &[u8],
    present: Option<&str>,
    policy: &Policy,
    force: bool,
    stamp: &Stamp,
) -> Result<Update, UpdateError> {
    let (mut new, notes) = clouds::read(provider, bytes)?;
    new.retain(|region, _| !policy.skips(provider, region));
    if new.is_empty() {
        return Err(UpdateError::Nothing { provider });
    }
    let whole = present.map(|text| regions(provider, text)).unwrap_or_default();
    let mut kept = whole.clone();
    kept.retain(|region, _| !policy.skips(provider, region));
    for family in Family::ALL {
        let [before, after] = [&kept, &new].map(|regions| count(regions, Some(family)));
        if after * 3 < before * 2 && !force {
            return Err(UpdateError::Shrunk { provider, family, before, after });
        }
    }
    Ok(Update {
        text: clouds::text(provider, &new, stamp),
        is_same: whole == new,
        prefix_counts: [&whole, &new].map(|regions| count(regions, None)),
        notes,
    })
}

/// The provider's regions in a file of the lists. What the file says wrong is not there; `check` tells of it.
fn regions(provider: Provider, text: &str) -> Regions {
    let files = [(Path::new("present.toml").to_owned(), text.to_owned())];
    let clouds = inventory::read_text(&files).inventory.clouds;
    let of_provider = clouds.into_iter().filter(|cloud| cloud.name == provider.name());
    of_provider
        .flat_map(|cloud| cloud.regions)
        .map(|region| (region.name, super::aggregate(&region.prefixes)))
        .collect()
}

fn count(regions: &Regions, family: Option<Family>) -> usize {
    let is_of = |prefix: &&IpNetwork| match family {
        Some(Family::Ipv4) => prefix.is_ipv4(),
        Some(Family::Ipv6) => prefix.is_ipv6(),
        None => true,
    };
    regions.values().flatten().filter(is_of).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp { origin: "the provider".into(), date: "2026-01-02".into() }
    }

    /// AWS's file with `count` IPv4 prefixes in one region and one IPv6 prefix in China.
    fn file(count: usize) -> Vec<u8> {
        let prefixes =
            (0..count).map(|at| format!(r#"{{"ip_prefix": "192.0.{}.0/24", "region": "eu-west-1"}}"#, at * 2));
        let prefixes: Vec<String> = prefixes.collect();
        let china = r#"{"ipv6_prefix": "2001:db8::/35", "region": "cn-north-1"}"#;
        format!(r#"{{"prefixes": [{}], "ipv6_prefixes": [{china}]}}"#, prefixes.join(", ")).into_bytes()
    }

    fn updated(count: usize, present: Option<&str>, skipped: &[&str], force: bool) -> Result<Update, UpdateError> {
        let policy = Policy { skipped_regions: skipped.iter().map(|one| (*one).to_owned()).collect() };
        update(Provider::Aws, &file(count), present, &policy, force, &stamp())
    }

    #[test]
    fn new_ranges_replace_old_ones() {
        let first = updated(9, None, &[], false).unwrap();
        assert_eq!((first.is_same, first.prefix_counts), (false, [0, 10]));
        assert!(updated(9, Some(&first.text), &[], false).unwrap().is_same);
        let second = updated(6, Some(&first.text), &[], false).unwrap();
        assert_eq!((second.is_same, second.prefix_counts), (false, [10, 7]));
    }

    #[test]
    fn a_file_that_shrank_by_more_than_a_third_is_refused() {
        let first = updated(9, None, &[], false).unwrap().text;
        let error = updated(5, Some(&first), &[], false).unwrap_err().to_string();
        assert!(error.contains("aws ranges: 5 ipv4 prefixes, the lists have 9"), "{error}");
        assert!(updated(5, Some(&first), &[], true).is_ok());
        let no_six = String::from_utf8(file(9)).unwrap().replace("2001:db8::/35", "2001:db8::/3x");
        let refused = update(Provider::Aws, no_six.as_bytes(), Some(&first), &Policy::default(), false, &stamp());
        assert!(matches!(refused, Err(UpdateError::Shrunk { family: Family::Ipv6, after: 0, .. })));
        assert!(update(Provider::Aws, b"<html>", Some(&first), &Policy::default(), true, &stamp()).is_err());
    }

    #[test]
    fn regions_are_left_out_by_policy() {
        let whole = updated(9, None, &[], false).unwrap().text;
        for pattern in ["cn-*", "aws/cn-*", "*north*", "cn-north-1"] {
            let without = updated(9, Some(&whole), &[pattern], false).unwrap();
            assert_eq!(without.prefix_counts, [10, 9], "{pattern}: what the policy takes out did not shrink");
            assert!(!without.text.contains("cn-north-1"));
        }
        for pattern in ["gcp/cn-*", "cn", "north-1", "cn-*-2", "*cn-north-1*x"] {
            assert_eq!(updated(9, None, &[pattern], false).unwrap().prefix_counts, [0, 10], "{pattern}");
        }
        assert!(matches!(updated(9, None, &["*"], false), Err(UpdateError::Nothing { .. })));
    }
}
