//! The entries of the files as TOML spells them: one struct per `[[name]]`.
//!
//! Lives here: which fields there are, their types and which may be absent. `docs/inventory.md` tells operators the
//! same. Not here: what their values may be and which entries they name (`check`).

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use toml::Spanned;

use super::block::Block;
use super::problem::{Problem, Problems, quoted};
use super::{Continent, Kind, Origin, Status};
use crate::net::{Family, Protocol};
use crate::place::Code;

/// The names of the tables there are.
pub(super) const KINDS: [&str; 12] = [
    "distribution",
    "tree",
    "release",
    "repo",
    "images",
    "repo_alias",
    "mirror",
    "cloud",
    "cloud_region",
    "country",
    "nearby",
    "network",
];

/// A text and where it stands.
pub(super) type Text = Spanned<String>;

/// Every kind of entry takes three fields more, for people: they are checked for their type and not kept.
macro_rules! entry {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
            #[serde(rename = "origin")]
            _origin: Option<String>,
            #[serde(rename = "date")]
            _date: Option<Date>,
            #[serde(rename = "comment")]
            _comment: Option<String>,
        }
    };
}

entry!(
    /// `[[distribution]]`
    DistributionEntry {
        name: Text,
        title: Option<Text>,
        protocols: Option<Spanned<Vec<Protocol>>>,
        fedora_name: Option<Text>,
    }
);

entry!(
    /// `[[tree]]`
    TreeEntry {
        distribution: Option<Text>,
        name: Text,
        last_resort: Option<Text>,
    }
);

entry!(
    /// `[[release]]`
    ReleaseEntry {
        distribution: Option<Text>,
        name: Text,
        #[serde(default)]
        aliases: Vec<Text>,
        dir: Option<Text>,
        tree: Option<Text>,
        arches: Spanned<Vec<Text>>,
        #[serde(default)]
        vault: Vec<Text>,
        sunset: Option<Text>,
    }
);

entry!(
    /// `[[repo]]`
    RepoEntry {
        distribution: Option<Text>,
        name: Text,
        path: Text,
        tree: Option<Text>,
        releases: Option<Spanned<Vec<Text>>>,
        arches: Option<Spanned<Vec<Text>>>,
        fedora_name: Option<Text>,
    }
);

entry!(
    /// `[[repo_alias]]`
    RepoAliasEntry {
        distribution: Option<Text>,
        from: Text,
        to: Text,
    }
);

entry!(
    /// `[[images]]`
    ImagesEntry {
        distribution: Option<Text>,
        kind: Text,
        branch: Option<Text>,
        path: Text,
        tree: Option<Text>,
        releases: Option<Spanned<Vec<Text>>>,
        arches: Option<Spanned<Vec<Text>>>,
        checksum_files: Option<Spanned<Vec<Text>>>,
        #[serde(default)]
        exclude: Vec<Text>,
    }
);

entry!(
    /// `[[mirror]]`
    MirrorEntry {
        name: Text,
        #[serde(default)]
        base: BTreeMap<Text, BTreeMap<Text, Text>>,
        country: Option<Spanned<Code>>,
        subdivision: Option<Text>,
        bandwidth_mbps: Option<Spanned<u32>>,
        tier: Option<Spanned<u8>>,
        #[serde(default)]
        status: Status,
        #[serde(default)]
        kind: Kind,
        listed: Option<bool>,
        #[serde(default)]
        exclusive: bool,
        #[serde(default)]
        networks: Vec<Text>,
        #[serde(default)]
        networks_any_size: bool,
        #[serde(default)]
        asns: Vec<Spanned<u32>>,
        #[serde(default)]
        cloud_regions: Vec<Text>,
        families: Option<Spanned<Vec<Family>>>,
        crawled: Option<Spanned<bool>>,
    }
);

entry!(
    /// `[[cloud]]`
    CloudEntry {
        name: Text,
        title: Option<Text>,
        #[serde(default)]
        base: BTreeMap<Text, Vec<Text>>,
    }
);

entry!(
    /// `[[cloud_region]]`
    CloudRegionEntry {
        cloud: Text,
        name: Text,
        #[serde(default)]
        base: BTreeMap<Text, Vec<Text>>,
        prefixes: Text,
    }
);

entry!(
    /// `[[country]]`
    CountryEntry {
        code: Spanned<Code>,
        name: Text,
        continent: Continent,
        latitude: Spanned<f64>,
        longitude: Spanned<f64>,
        #[serde(default)]
        aliases: Vec<Text>,
        #[serde(default)]
        subdivisions: BTreeMap<Text, Text>,
    }
);

entry!(
    /// `[[nearby]]`
    NearbyEntry {
        country: Spanned<Code>,
        countries: Vec<Spanned<Code>>,
    }
);

entry!(
    /// `[[network]]`
    NetworkEntry {
        prefixes: Vec<Text>,
        place: Spanned<Code>,
    }
);

/// A TOML date or a text.
#[derive(Debug)]
struct Date;

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Date, D::Error> {
        match toml::Value::deserialize(source)? {
            toml::Value::Datetime(_) | toml::Value::String(_) => Ok(Date),
            other => Err(D::Error::custom(format!("a {} is no date, expected a date or a text", other.type_str()))),
        }
    }
}

/// An entry and where it stands.
#[derive(Debug)]
pub(super) struct Found<E> {
    /// The entry.
    pub entry: E,
    /// Its text.
    pub block: Rc<Block>,
    /// Its header within the text.
    pub header: Range<usize>,
}

impl<E> Found<E> {
    /// Where the entry stands.
    pub fn origin(&self) -> Origin {
        Origin { file: self.block.file.to_path_buf(), line: self.block.line_at(self.header.start) }
    }
}

/// The well-formed entries of all files, each vector in the order of files and lines.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub distributions: Vec<Found<DistributionEntry>>,
    pub trees: Vec<Found<TreeEntry>>,
    pub releases: Vec<Found<ReleaseEntry>>,
    pub repos: Vec<Found<RepoEntry>>,
    pub images: Vec<Found<ImagesEntry>>,
    pub repo_aliases: Vec<Found<RepoAliasEntry>>,
    pub mirrors: Vec<Found<MirrorEntry>>,
    pub clouds: Vec<Found<CloudEntry>>,
    pub cloud_regions: Vec<Found<CloudRegionEntry>>,
    pub countries: Vec<Found<CountryEntry>>,
    pub nearby: Vec<Found<NearbyEntry>>,
    pub networks: Vec<Found<NetworkEntry>>,
}

/// What a block may hold. One entry by custom; indented headers may bring more.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tables {
    distribution: Vec<Spanned<DistributionEntry>>,
    tree: Vec<Spanned<TreeEntry>>,
    release: Vec<Spanned<ReleaseEntry>>,
    repo: Vec<Spanned<RepoEntry>>,
    images: Vec<Spanned<ImagesEntry>>,
    repo_alias: Vec<Spanned<RepoAliasEntry>>,
    mirror: Vec<Spanned<MirrorEntry>>,
    cloud: Vec<Spanned<CloudEntry>>,
    cloud_region: Vec<Spanned<CloudRegionEntry>>,
    country: Vec<Spanned<CountryEntry>>,
    nearby: Vec<Spanned<NearbyEntry>>,
    network: Vec<Spanned<NetworkEntry>>,
}

impl Entries {
    /// Adds what `block` holds; the problem when it is not well formed.
    pub fn add(&mut self, block: Block, problems: &mut Problems) {
        let tables: Tables = match toml::from_str(&block.text) {
            Ok(tables) => tables,
            Err(error) => return problems.push(malformed(&block, &error)),
        };
        let block = Rc::new(block);
        extend(&mut self.distributions, tables.distribution, &block);
        extend(&mut self.trees, tables.tree, &block);
        extend(&mut self.releases, tables.release, &block);
        extend(&mut self.repos, tables.repo, &block);
        extend(&mut self.images, tables.images, &block);
        extend(&mut self.repo_aliases, tables.repo_alias, &block);
        extend(&mut self.mirrors, tables.mirror, &block);
        extend(&mut self.clouds, tables.cloud, &block);
        extend(&mut self.cloud_regions, tables.cloud_region, &block);
        extend(&mut self.countries, tables.country, &block);
        extend(&mut self.nearby, tables.nearby, &block);
        extend(&mut self.networks, tables.network, &block);
    }
}

fn extend<E>(all: &mut Vec<Found<E>>, entries: Vec<Spanned<E>>, block: &Rc<Block>) {
    all.extend(entries.into_iter().map(|entry| {
        let header = entry.span();
        Found { entry: entry.into_inner(), block: block.clone(), header }
    }));
}

/// The problem of a block that is no TOML, or TOML of another shape than ours.
fn malformed(block: &Block, error: &toml::de::Error) -> Problem {
    let kind = block.kind();
    let single_brackets = KINDS.contains(&kind) && !block.text.starts_with("[[");
    let message = error.message();
    let (why, fix) = if single_brackets {
        ("its header has single brackets".to_owned(), format!("write `[[{kind}]]`"))
    } else if let Some((why, expected)) = message.split_once(", expected ") {
        (why.to_owned(), format!("expected {expected}"))
    } else if let Some((why, fix)) = message.split_once(": write ") {
        (why.to_owned(), format!("write {fix}"))
    } else if message.starts_with("missing field") {
        (message.to_owned(), "add it".to_owned())
    } else if message == "duplicate key" {
        ("this key stands twice".to_owned(), "keep one".to_owned())
    } else {
        (message.to_owned(), format!("see the table of `{kind}` in docs/inventory.md"))
    };
    let start = error.span().map_or(0, |span| span.start);
    let line = if single_brackets { block.line } else { block.line_at(start) };
    Problem { file: block.file.to_path_buf(), line, what: kind.to_owned(), why: one_line(&why), fix: one_line(&fix) }
}

/// A message of the TOML reader, which may quote any amount of a file.
fn one_line(message: &str) -> String {
    const MESSAGE_CHARS_MAX: usize = 400;
    if message.chars().count() <= MESSAGE_CHARS_MAX && !message.contains(char::is_control) {
        message.to_owned()
    } else {
        quoted(message)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let (mut problems, mut entries) = (Problems::default(), Entries::default());
        for block in Block::split(Path::new("a.toml"), text.as_bytes(), &mut problems) {
            entries.add(block, &mut problems);
        }
        problems.into_sorted().iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_malformed_entry_is_told_by_the_line_at_fault() {
        for (text, want) in [
            (
                "# x\n[[nearby]]\n\ncountri = \"DE\"",
                "a.toml:4: nearby: unknown field `countri`; \
                 expected one of `country`, `countries`, `origin`, `date`, `comment`",
            ),
            ("[[nearby]]\ncountry = \"DE\"\n", "a.toml:1: nearby: missing field `countries`; add it"),
            (
                "[[nearby]]\ncountry = \"DEU\"\ncountries = []",
                "a.toml:2: nearby: `DEU` is no place; write a country like `DE` or a subdivision like `US-TX`",
            ),
            (
                "[[mirror]]\nname = \"m\"\nfamilies = [\n\"ipv4\",\n\"ipv5\"]",
                "a.toml:5: mirror: unknown variant `ipv5`; expected `ipv4` or `ipv6`",
            ),
            (
                "[[mirror]]\nname = \"m\"\n\nbandwidth_mbps = \"fast\"",
                "a.toml:4: mirror: invalid type: string \"fast\"; expected u32",
            ),
            (
                "[[mirror]]\nname = \"m\"\nbase.a = \"http://m/\"",
                "a.toml:3: mirror: invalid type: string \"http://m/\"; expected a map",
            ),
            ("[[mirror]]\nname = \"m\"\nname = \"m\"", "a.toml:3: mirror: this key stands twice; keep one"),
            ("[[mirror]]\nname = \"m\n", "a.toml:2: mirror: invalid basic string; expected `\"`"),
            ("[[mirror]]\nasns = [\n1,\n\n", "a.toml:3: mirror: unclosed array; expected `]`"),
            ("[[mirror]\nname = 1", "a.toml:1: mirror: unclosed array table; expected `]`"),
            ("[mirror]\nname = 1", "a.toml:1: mirror: its header has single brackets; write `[[mirror]]`"),
            ("[[mirror]]\ndate = true", "a.toml:2: mirror: a boolean is no date; expected a date or a text"),
            ("[[mirror]]\n[mirror.x]\ny = 1", ""),
            ("[[mirrors]]\nname = \"m\"", ""),
            ("x = 1\n", ""),
        ] {
            let told = problems(text);
            assert_eq!(told.len(), 1, "{told:?}");
            if !want.is_empty() {
                assert_eq!(told, [want]);
            }
        }
        assert!(
            problems("x = 1\n")[0].starts_with("a.toml:1: file: unknown field `x`; expected one of `distribution`, ")
        );
        assert!(
            problems("\n[[mirrors]]\n")[0].starts_with("a.toml:2: mirrors: unknown field `mirrors`; expected one of ")
        );
        assert!(
            problems("[[mirror]]\n[mirror.x]\ny = 1")[0].starts_with("a.toml:2: mirror: unknown field `x`; expected")
        );
    }

    #[test]
    fn a_problem_never_quotes_a_page() {
        let told = problems(&format!("[[mirror]]\n{} = 1", "x".repeat(100_000)));
        assert!(told[0].chars().count() < 1000, "{}", told[0].len());
    }

    #[test]
    fn an_indented_header_begins_an_entry_too() {
        let text = "[[nearby]]\ncountry = \"DE\"\ncountries = []\n  [[nearby]]\n  country = \"AT\"\n  countries = []\n";
        let (mut problems, mut entries) = (Problems::default(), Entries::default());
        for block in Block::split(Path::new("a.toml"), text.as_bytes(), &mut problems) {
            entries.add(block, &mut problems);
        }
        let lines: Vec<usize> = entries.nearby.iter().map(|found| found.origin().line).collect();
        assert_eq!(lines, [1, 4]);
        assert!(problems.into_sorted().is_empty());
    }
}
