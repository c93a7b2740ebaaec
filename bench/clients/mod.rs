//! What clients ask: request targets in the shares of a population like AlmaLinux's.
//!
//! The shares are rounded and by feel, in the proportions that public counts of such populations show: nearly all on
//! x86_64, two majors with most of the clients, three repos that everybody has. Of the repos behind them the k-th is
//! asked for 1/k times as often. COMPAT.md's figure for releases that do not exist is 5 to 9 %.

use crate::dice::Dice;

/// Releases and how many of a hundred clients ask for each; the last four do not exist.
const RELEASES: [(&str, f64); 11] = [
    ("9", 44.0),
    ("8", 32.0),
    ("10", 10.0),
    ("9.8", 3.0),
    ("8.10", 2.0),
    ("9.6", 1.0),
    ("10-kitten", 1.0),
    ("9-stream", 2.0),
    ("7", 1.5),
    ("8.11", 0.5),
    ("$releasever", 0.5),
];
const ARCHES: [(&str, f64); 5] =
    [("x86_64", 92.0), ("aarch64", 6.0), ("ppc64le", 1.0), ("s390x", 0.6), ("x86_64_v2", 0.4)];
/// Every client has the first three and asks for each as often; the others by Zipf.
const REPOS: [&str; 11] =
    ["baseos", "appstream", "extras", "crb", "highavailability", "plus", "synergy", "nfv", "rt", "devel", "sap"];
/// One in a hundred lacks a parameter.
const MISSING_SHARE: f64 = 0.01;

/// What stands behind the `?` of `count` requests.
pub fn queries(dice: &mut Dice, count: usize) -> Vec<String> {
    (0..count).map(|_| query(dice)).collect()
}

fn query(dice: &mut Dice) -> String {
    let release = choose(dice, &RELEASES);
    let arch = choose(dice, &ARCHES);
    // Old releases and odd architectures have but the first repos.
    let is_usual = release.len() <= 2 && arch == "x86_64";
    let repo_count = if is_usual { REPOS.len() } else { 2 };
    let weights: Vec<f64> = (1..=repo_count).map(|rank| 1.0 / rank.saturating_sub(2).max(1) as f64).collect();
    let repo = match REPOS[dice.weighted(&weights)] {
        // Two repos were renamed after 8.
        "crb" if release == "8" => "powertools",
        "highavailability" if release == "8" => "ha",
        repo => repo,
    };
    let mut parameters = [format!("release={release}"), format!("arch={arch}"), format!("repo={repo}")].to_vec();
    if dice.share() < MISSING_SHARE {
        parameters.remove(dice.below(3));
    }
    if dice.below(7) == 0 {
        parameters.push(format!("countme={}", 1 + dice.below(4)));
    }
    parameters.join("&")
}

fn choose(dice: &mut Dice, shares: &[(&'static str, f64)]) -> &'static str {
    let weights: Vec<f64> = shares.iter().map(|(_, share)| *share).collect();
    shares[dice.weighted(&weights)].0
}

/// The URL templates that repositories of CentOS's time name, with their variables filled in as a client would; nothing
/// when the table is not there.
pub fn templates() -> Option<Vec<String>> {
    let shared = std::env::var_os("MIRRORLISTD_SHARED")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").into(), std::path::PathBuf::from);
    let table = std::fs::read_to_string(shared.join("data/client-requests/mirrorlist-urls.tsv")).ok()?;
    let targets =
        table.lines().skip(1).filter_map(|line| line.split('\t').next()?.split_once('?')).flat_map(|(_, query)| {
            ["8", "9", "10"].into_iter().flat_map(move |release| {
                ["x86_64", "aarch64"].into_iter().map(move |arch| {
                    let filled = query.replace("$releasever", release).replace("$stream", &format!("{release}-stream"));
                    // dnf leaves `$infra` as it is where nobody has set it.
                    filled.replace("$nfvsigdist", release).replace("$basearch", arch)
                })
            })
        });
    Some(targets.collect())
}
