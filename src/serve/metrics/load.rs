//! What was asked for, by whom, and who carries it: families whose labels are names.
//!
//! Their sets are bounded: names of repos, countries and mirrors come from snapshots, those of systems from a table of
//! a fixed size (`systems`); what is beyond is `other`.

use crate::place::Code;
use crate::serve::ledger::{Sums, Total};
use crate::serve::systems::{SYSTEM_COUNT, SystemSlot, Systems};
use crate::serve::worker::Shared;
use crate::worker::Text;

/// Stands for all that found no room among the labels.
const OTHER: &str = "other";

/// Appends the families.
pub fn write(page: &mut Text<'_>, shared: &Shared) {
    let sums = shared.ledger.sums();
    repos(page, &sums);
    page.family("mirrorlistd_country_answers", "counter", "Lists, by the country that they were made for.");
    for Total { name, count } in &sums.countries {
        let label = match name {
            Some(code) => code.as_ref().map_or_else(|| "unknown".to_owned(), Code::to_string),
            None => OTHER.to_owned(),
        };
        page.sample("mirrorlistd_country_answers_total", &[("country", &label)], *count);
    }
    page.family("mirrorlistd_mirror_first", "counter", "Lists, by the mirror that they name first.");
    for Total { name, count } in &sums.leaders {
        let label = name.as_deref().unwrap_or(OTHER);
        page.sample("mirrorlistd_mirror_first_total", &[("mirror", label)], *count);
    }
    systems(page, shared);
    page.family("mirrorlistd_countme", "counter", "Weekly counted clients, by how long they have been there.");
    for (position, bucket) in ["1", "2", "3", "4"].into_iter().enumerate() {
        let value = shared.counters.iter().map(|block| block.countme[position].get()).sum();
        page.sample("mirrorlistd_countme_total", &[("bucket", bucket)], value);
    }
}

fn repos(page: &mut Text<'_>, sums: &Sums) {
    page.family("mirrorlistd_repo_answers", "counter", "Lists, by repo.");
    for Total { name, count } in &sums.repos {
        let [release, arch, repo] = match name {
            Some(name) => name.each_ref().map(String::as_str),
            None => [OTHER; 3],
        };
        let labels = [("release", release), ("arch", arch), ("repo", repo)];
        page.sample("mirrorlistd_repo_answers_total", &labels, *count);
    }
}

fn systems(page: &mut Text<'_>, shared: &Shared) {
    page.family("mirrorlistd_system_answers", "counter", "Lists, by the system that libdnf tells of.");
    let sum = |slot: SystemSlot| shared.counters.iter().map(|block| block.systems[slot.position()].get()).sum::<u64>();
    let known = (0..SYSTEM_COUNT).filter_map(|position| {
        let (slot, system) = shared.systems.get(position)?;
        Some((system.name().to_owned(), system.version().to_owned(), sum(slot)))
    });
    let mut known: Vec<_> = known.collect();
    known.sort();
    for (name, version, count) in &known {
        page.sample("mirrorlistd_system_answers_total", &[("name", name), ("version", version)], *count);
    }
    for (name, slot) in [(OTHER, Systems::OTHER), ("none", Systems::NONE)] {
        page.sample("mirrorlistd_system_answers_total", &[("name", name), ("version", "")], sum(slot));
    }
}
