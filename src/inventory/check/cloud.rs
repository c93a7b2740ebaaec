//! Clouds and their regions.

use std::collections::HashMap;

use super::case::{Case, Ledger};
use crate::inventory::entry::Entries;
use crate::inventory::form;
use crate::inventory::model::{Cloud, CloudRegion, Distribution};
use crate::inventory::problem::quoted;

/// The clouds, with their regions.
pub fn clouds(entries: &Entries, distributions: &[Distribution], ledger: &mut Ledger) -> Vec<Cloud> {
    let mut seen = HashMap::new();
    let mut clouds: Vec<Cloud> = Vec::with_capacity(entries.clouds.len());
    for found in &entries.clouds {
        let entry = &found.entry;
        let mut case = Case::new(ledger, found, "cloud", entry.name.as_ref());
        let Some(name) = case.formed(&entry.name, form::name) else { continue };
        if !case.is_first(&mut seen, name.clone(), &name, entry.name.span()) {
            continue;
        }
        // The title is for people who read the file; only its form is checked.
        let _ = entry.title.as_ref().and_then(|title| case.formed(title, form::title));
        clouds.push(Cloud { name, base: case.cloud_base(&entry.base, distributions), regions: Vec::new() });
    }
    let mut seen = HashMap::new();
    for found in &entries.cloud_regions {
        let entry = &found.entry;
        let mut case = Case::new(ledger, found, "cloud_region", entry.name.as_ref());
        let Some(cloud) = clouds.iter().position(|cloud| cloud.name == *entry.cloud.as_ref()) else {
            let why = format!("there is no cloud {}", quoted(entry.cloud.as_ref()));
            case.report(entry.cloud.span(), why, "name one that a valid `[[cloud]]` defines");
            continue;
        };
        let Some(name) = case.formed(&entry.name, form::name) else { continue };
        if !case.is_first(&mut seen, (cloud, name.clone()), &name, entry.name.span()) {
            continue;
        }
        let base = case.cloud_base(&entry.base, distributions);
        let prefixes = case.prefixes(&entry.prefixes);
        clouds[cloud].regions.push(CloudRegion { name, base, prefixes });
    }
    clouds
}

#[cfg(test)]
mod tests {
    use super::super::case::PREFIX_COUNT_MAX;
    use super::super::ground::{problems, reading};

    #[test]
    fn a_cloud_keeps_its_urls_in_order() {
        let text = r#"
[[cloud]]
name = "gcp"
title = "Google Cloud"
base.alma = ["http://b/x", "https://a/", "ftp://c/",
             "http://b/x/", "c.example/x"]
base.none = ["http://b/"]
"#;
        assert_eq!(
            problems(text),
            [
                "a.toml:5: cloud `gcp`: `ftp://c/` has another scheme; begin it with `http://` or `https://`",
                "a.toml:6: cloud `gcp`: `c.example/x` has another scheme; begin it with `http://` or `https://`",
                "a.toml:6: cloud `gcp`: `http://b/x/` stands twice; keep one",
                "a.toml:7: cloud `gcp`: there is no tree `none`; name one that a valid `[[tree]]` defines",
            ]
        );
        let gcp = &reading(text).inventory.clouds[1];
        assert_eq!(gcp.base["alma"], ["http://b/x/", "https://a/"]);
        assert_eq!(gcp.base.len(), 1);
    }

    #[test]
    fn a_bad_prefix_is_told_by_its_own_line() {
        let text = r#"
[[cloud_region]]
cloud = "aws"
name = "eu-west-1"
prefixes = """
3.248.0.0/13 3.4.12.4/32

  3.4.12.4/31	2a05:d018::/35 nonsense
3.4.12.5/31
"""
"#;
        assert_eq!(
            problems(text),
            [
                "a.toml:8: cloud_region `eu-west-1`: `nonsense` is no network; \
                 write an address and a length like `192.0.2.0/24` or `2001:db8::/32`",
                "a.toml:9: cloud_region `eu-west-1`: `3.4.12.5/31` has bits beyond its length; write `3.4.12.4/31`",
            ]
        );
        assert_eq!(reading(text).inventory.clouds[0].regions[1].prefixes.len(), 4);
        let escaped = text.replace("nonsense", "\\u006e");
        assert!(problems(&escaped)[0].starts_with("a.toml:5: cloud_region `eu-west-1`: `3.4.12.5/31` has"));
        assert!(problems(&escaped)[1].starts_with("a.toml:5: cloud_region `eu-west-1`: `n` is no network"));
    }

    #[test]
    fn names_are_unique_and_clouds_exist() {
        let text = r#"
[[cloud]]
name = "aws"
[[cloud_region]]
cloud = "aws"
name = "us-east-1"
prefixes = ""
[[cloud_region]]
cloud = "azure"
name = "us-east-1"
prefixes = ""
"#;
        assert_eq!(
            problems(text),
            [
                "a.toml:3: cloud `aws`: `aws` is already at 0.toml:14; rename or delete one",
                "a.toml:6: cloud_region `us-east-1`: `us-east-1` is already at 0.toml:16; rename or delete one",
                "a.toml:9: cloud_region `us-east-1`: there is no cloud `azure`; \
                 name one that a valid `[[cloud]]` defines",
            ]
        );
        let clouds = reading(text).inventory.clouds;
        assert_eq!((clouds.len(), clouds[0].regions.len(), clouds[0].regions[0].prefixes.len()), (1, 1, 1));
    }

    #[test]
    fn networks_beyond_the_limit_are_left_out() {
        let header = "[[cloud_region]]\ncloud = \"aws\"\nname = \"big\"\nprefixes = \"\"\"\n";
        let text = format!("{header}{}\"\"\"\n", "::/9\n".repeat(PREFIX_COUNT_MAX + 3));
        let reading = reading(&text);
        // The ground has one of them.
        assert_eq!(reading.inventory.clouds[0].regions[1].prefixes.len(), PREFIX_COUNT_MAX - 1);
        let told: Vec<String> = reading.problems.iter().map(|problem| problem.to_string()).collect();
        let line = 4 + PREFIX_COUNT_MAX;
        assert_eq!(
            told,
            [format!(
                "a.toml:{line}: cloud_region `big`: there are more than 1000000 networks; \
                 ::/9 and all after it are left out; merge neighbouring networks"
            )]
        );
    }
}
