//! From entries to an inventory: the rules, and the defaults.
//!
//! - `case`           one entry under examination, and the rules that all kinds share
//! - `country`        countries, their neighbours, and networks with a place
//! - `distribution`   distributions, trees, releases
//! - `repo`           repos, and that no two answer to one request
//! - `images`         folders of images, and that no two answer to one request
//! - `repo_alias`     single names of repos, and further ones
//! - `cloud`          clouds and their regions
//! - `mirror`         mirrors
//!
//! What breaks a rule is told and left out; the smallest part is, that leaves the entry meaning what it meant.
//! Not here: the shapes of entries (`entry`) and of values (`form`).

mod case;
mod cloud;
mod country;
mod distribution;
mod images;
mod mirror;
mod repo;
mod repo_alias;

use super::entry::Entries;
use super::model::Inventory;
use super::problem::Problems;

pub use case::PREFIX_COUNT_MAX;
pub use mirror::MIRROR_COUNT_MAX;

use case::Ledger;

/// The inventory that `entries` make, kinds that others refer to first. Adds to `problems`.
pub(super) fn check(entries: &Entries, problems: &mut Problems) -> Inventory {
    let mut ledger = Ledger::new(problems);
    let countries = country::countries(entries, &mut ledger);
    let mut distributions = distribution::distributions(entries, &mut ledger);
    repo::add_repos(entries, &mut distributions, &mut ledger);
    images::add_images(entries, &mut distributions, &mut ledger);
    repo_alias::add_repo_aliases(entries, &mut distributions, &mut ledger);
    let clouds = cloud::clouds(entries, &distributions, &mut ledger);
    let mirrors = mirror::mirrors(entries, &distributions, &clouds, &countries, &mut ledger);
    let networks = country::networks(entries, &countries, &mut ledger);
    Inventory { distributions, mirrors, clouds, countries, networks }
}

#[cfg(test)]
mod ground {
    //! A small good inventory for the tests of the rules to build on.

    use crate::inventory::{Reading, read_text};

    const GROUND: &str = r#"
[[distribution]]
name = "alma"
title = "AlmaLinux"
[[tree]]
name = "alma"
[[release]]
name = "9.8"
aliases = ["9"]
arches = ["x86_64", "aarch64"]
[[repo]]
name = "BaseOS"
path = "BaseOS/{arch}/os"
[[cloud]]
name = "aws"
[[cloud_region]]
cloud = "aws"
name = "us-east-1"
prefixes = "3.4.0.0/16"
[[country]]
code = "DE"
name = "Germany"
continent = "europe"
latitude = 51
longitude = 10
[[country]]
code = "US"
name = "United States"
continent = "north-america"
latitude = 39.8
longitude = -98.6
subdivisions = { TX = "Texas" }
"#;

    /// What `text`, in the file `a.toml`, adds to the ground.
    pub fn reading(text: &str) -> Reading {
        read_text(&[("0.toml".into(), GROUND.to_owned()), ("a.toml".into(), text.to_owned())])
    }

    /// The problems that `text` causes.
    pub fn problems(text: &str) -> Vec<String> {
        reading(text).problems.iter().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn the_ground_is_good() {
        assert!(problems("").is_empty());
    }
}
