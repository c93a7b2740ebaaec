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
