//! The nouns of an inventory, checked and with their defaults filled in.
//!
//! Lives here: plain data. Names refer to each other (`Mirror::base` to trees, `Repo::releases` to releases);
//! whoever holds an `Inventory` may rely on it that every such name is defined once and every URL, prefix and place is
//! well formed. Not here: the files (`files`), their grammar (`entry`), or the rules (`check`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use ip_network::IpNetwork;

use crate::net::{Family, Protocol};
use crate::place::Code;

/// Everything under one `lists/` folder. Each vector is in the order of the files' names and lines.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Distributions, with their trees, releases and repos.
    pub distributions: Vec<Distribution>,
    /// Hosts that carry one or more trees.
    pub mirrors: Vec<Mirror>,
    /// Cloud providers with their address ranges.
    pub clouds: Vec<Cloud>,
    /// Countries of the world.
    pub countries: Vec<Country>,
    /// Client networks whose place we know better than any database.
    pub networks: Vec<NetworkPlace>,
}

/// A distribution: one project's trees, releases and repos.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// Short name, unique: `almalinux`.
    pub name: String,
    /// Name for people: `AlmaLinux`.
    pub title: String,
    /// Protocols of list URLs, the preferred one first. Never empty.
    pub protocols: Vec<Protocol>,
    /// Trees in file order.
    pub trees: Vec<Tree>,
    /// Releases in file order.
    pub releases: Vec<Release>,
    /// Repos in file order.
    pub repos: Vec<Repo>,
    /// Folders of images in file order.
    pub images: Vec<Images>,
    /// Further single names of repos: from the name that clients ask for to one that `Repo::names` gives.
    pub repo_aliases: Vec<RepoAlias>,
    /// Pattern of single names of its repos (`Repo::fedora_name`).
    pub fedora_name: Option<String>,
}

/// A further single name of a repo, in the Fedora dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoAlias {
    /// What clients ask for, in lower case.
    pub from: String,
    /// The single name it stands for.
    pub to: String,
}

/// A directory tree that mirrors carry as a whole: the main one, the vault, an alternative branch.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Unique over all distributions: `almalinux`, `almalinux-vault`.
    pub name: String,
    /// Base URL (with a final slash) that answers name when no mirror is left; never verified, never ranked.
    pub last_resort: Option<String>,
}

/// One release of a distribution.
#[derive(Clone, Debug)]
pub struct Release {
    /// What clients ask for: `9.8`. Unique within the distribution.
    pub name: String,
    /// Other names that clients may ask for: `9`.
    pub aliases: Vec<String>,
    /// Directory below the tree's base URL, without slashes at its ends: `9.8`.
    pub dir: String,
    /// Tree that carries the release.
    pub tree: String,
    /// Architectures of its repos, unless a repo says otherwise.
    pub arches: Vec<String>,
    /// Base URLs (with a final slash) that answers name in place of all mirrors, in this order; for a release that has
    /// come to its end. Empty for others.
    pub vault: Vec<String>,
    /// One line that is said in every answer about it.
    pub sunset: Option<String>,
}

/// A repository: the same path in one or more releases.
#[derive(Clone, Debug)]
pub struct Repo {
    /// What clients ask for, in lower case: `baseos`.
    pub name: String,
    /// Path below the release's directory, without slashes at its ends; `{arch}` stands for the architecture.
    pub path: String,
    /// Tree that carries it, where that is not the release's.
    pub tree: Option<String>,
    /// Releases (by `Release::name`) that have it. Never empty.
    pub releases: Vec<String>,
    /// Architectures that it has, where they are not the release's.
    pub arches: Option<Vec<String>>,
    /// Pattern of its single names in the Fedora dialect: `{repo}-{release}`. None: it has none.
    pub fedora_name: Option<String>,
}

impl Repo {
    /// Its single names in the Fedora dialect for a release, in lower case: one for the release's name and each alias,
    /// each once.
    pub fn names(&self, release: &Release) -> Vec<String> {
        let mut names = Vec::new();
        for label in std::iter::once(&release.name).chain(&release.aliases) {
            let Some(pattern) = &self.fedora_name else { break };
            let name = pattern.replace("{repo}", &self.name).replace("{release}", label).to_ascii_lowercase();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Folders of images: the same path in one or more releases, a folder for each architecture.
#[derive(Clone, Debug)]
pub struct Images {
    /// `isos` or `images`, as clients ask for it.
    pub kind: String,
    /// First part of what clients ask for; none for the name of the tree.
    pub branch: Option<String>,
    /// Path below the release's directory, without slashes at its ends; `{arch}` stands for the architecture.
    pub path: String,
    /// Tree that carries them, where that is not the release's.
    pub tree: Option<String>,
    /// Releases (by `Release::name`) that have them. Never empty.
    pub releases: Vec<String>,
    /// Architectures that there are, where they are not the release's.
    pub arches: Option<Vec<String>>,
    /// Names that the master's checksum file may have, in the order of trying. Never empty.
    pub checksum_files: Vec<String>,
    /// Files that the checksum file lists and that are no images: names, in which `*` stands for any text.
    pub exclude: Vec<String>,
}

/// One folder of images, with whom it belongs to.
#[derive(Clone, Debug)]
pub struct ImageFolder<'a> {
    /// The distribution.
    pub distribution: &'a Distribution,
    /// The release.
    pub release: &'a Release,
    /// What the inventory says of it and its likes.
    pub images: &'a Images,
    /// Name of the tree that carries it.
    pub tree: &'a str,
    /// First part of what clients ask for.
    pub branch: &'a str,
    /// Its architecture.
    pub arch: &'a str,
}

impl ImageFolder<'_> {
    /// Path below the tree's base URL, with a final slash.
    pub fn dir(&self) -> String {
        format!("{}/{}/", self.release.dir, self.images.path.replace("{arch}", self.arch))
    }
}

impl Distribution {
    /// All its folders of images, in file order. Releases with a vault have none: nobody says what is there.
    pub fn image_folders(&self) -> impl Iterator<Item = ImageFolder<'_>> {
        self.images.iter().flat_map(move |images| {
            let has_them = |release: &&Release| images.releases.contains(&release.name) && release.vault.is_empty();
            let releases = self.releases.iter().filter(has_them);
            releases.flat_map(move |release| {
                let tree = images.tree.as_ref().unwrap_or(&release.tree).as_str();
                let branch = images.branch.as_deref().unwrap_or(tree);
                let arches = images.arches.as_ref().unwrap_or(&release.arches);
                arches.iter().map(move |arch| ImageFolder { distribution: self, release, images, tree, branch, arch })
            })
        })
    }
}

/// Whether a mirror takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In use.
    #[default]
    Active,
    /// Switched off by the operators, for a while.
    Disabled,
    /// Gone for good; kept for the record.
    Dead,
    /// The source of truth that others are compared with. Never in a list.
    Master,
}

/// Whose server a mirror is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A public mirror that syncs from the project.
    #[default]
    Direct,
    /// A public mirror that syncs from another mirror.
    Indirect,
    /// The project's own server: last in every list.
    Own,
}

/// A host that carries one or more trees.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// Unique; by custom its host name.
    pub name: String,
    /// Base URLs: tree → protocol → URL with a final slash. Never empty.
    pub base: BTreeMap<String, BTreeMap<Protocol, String>>,
    /// Country or subdivision; none for an anycast or global mirror that belongs to no country.
    pub place: Option<Code>,
    /// Weight among mirrors of one rank, megabits per second. At least 1.
    pub bandwidth_mbps: u32,
    /// 1 for mirrors that may serve other countries, more for those that only serve their own.
    pub tier: u8,
    /// Whether it takes part.
    pub status: Status,
    /// Whose server it is.
    pub kind: Kind,
    /// Whether public lists may name it. A mirror that is not listed still serves its networks and cloud regions.
    pub listed: bool,
    /// Clients in its networks and autonomous systems get this mirror alone.
    pub exclusive: bool,
    /// Client networks that it serves first.
    pub networks: Vec<IpNetwork>,
    /// Autonomous systems whose clients it serves first.
    pub asns: Vec<u32>,
    /// Cloud regions that it serves: provider, and region (none for all of the provider's).
    pub cloud_regions: Vec<(String, Option<String>)>,
    /// Address families it can be reached over. Never empty.
    pub families: Vec<Family>,
    /// Whether the crawler looks at it. For one that it cannot reach from where it stands the operators' word counts:
    /// it is good for all that its trees hold.
    pub crawled: bool,
    /// Where the entry stands.
    pub origin: Origin,
}

/// A cloud provider.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Short name, unique: `aws`.
    pub name: String,
    /// Base URLs for the provider's clients: tree → URLs with a final slash, in the order of answers.
    pub base: BTreeMap<String, Vec<String>>,
    /// Regions in file order.
    pub regions: Vec<CloudRegion>,
}

/// A region of a cloud provider.
#[derive(Clone, Debug)]
pub struct CloudRegion {
    /// The provider's name for it: `eu-central-1`. Unique within the provider.
    pub name: String,
    /// Base URLs for the region's clients, before those of the provider.
    pub base: BTreeMap<String, Vec<String>>,
    /// Address ranges, IPv4 and IPv6.
    pub prefixes: Vec<IpNetwork>,
}

/// A continent, for the phases of a list that reach beyond nearby countries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
pub enum Continent {
    /// Africa.
    #[serde(rename = "africa")]
    Africa,
    /// Antarctica.
    #[serde(rename = "antarctica")]
    Antarctica,
    /// Asia.
    #[serde(rename = "asia")]
    Asia,
    /// Europe.
    #[serde(rename = "europe")]
    Europe,
    /// North America, with Central America and the Caribbean.
    #[serde(rename = "north-america")]
    NorthAmerica,
    /// Oceania.
    #[serde(rename = "oceania")]
    Oceania,
    /// South America.
    #[serde(rename = "south-america")]
    SouthAmerica,
}

/// A country.
#[derive(Clone, Debug)]
pub struct Country {
    /// ISO 3166-1 alpha-2. Unique.
    pub code: Code,
    /// Name for people.
    pub name: String,
    /// Continent.
    pub continent: Continent,
    /// Centroid, degrees north.
    pub latitude: f64,
    /// Centroid, degrees east.
    pub longitude: f64,
    /// Other names and codes found in the wild (`UK`), for importers.
    pub aliases: Vec<String>,
    /// Subdivisions that clients and mirrors are told apart by: code → name (`US-TX` → `Texas`).
    pub subdivisions: BTreeMap<Code, String>,
    /// Nearby countries in order, in place of the computed ones.
    pub nearby: Option<Vec<Code>>,
}

/// Client networks whose place an operator knows better than any database.
#[derive(Clone, Debug)]
pub struct NetworkPlace {
    /// The networks.
    pub prefixes: Vec<IpNetwork>,
    /// Where their clients are.
    pub place: Code,
}

/// Where an entry stands in the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// Line of the entry's header, from 1.
    pub line: usize,
}
