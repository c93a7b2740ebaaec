//! `Scene`: everything that a page, a JSON object or a Metalink tells of, found and decided, before it is written.
//!
//! Lives here: what is asked for (`Subject`), and the pieces of text that several forms share. Not here: the finding
//! (`mod`), the forms (one file each).

use std::fmt;
use std::net::IpAddr;

use super::catalogue::{Branch, Catalogue, Kind, Release};
use super::figures::{Grouped, Minute, Size};
use super::parameters::Parameters;
use super::selection::{Link, Selection};
use super::site::Site;
use crate::answer::atlas::Atlas;
use crate::answer::locate::{Reason, Whereabouts};
use crate::calendar::Moment;
use crate::net::Family;
use crate::place::Code;
use crate::snapshot::{Carried, File, Folder, FolderIndex};

/// What is behind the name of a file when its Metalink is wanted.
pub const METALINK_SUFFIX: &str = ".meta4";

/// A file that was asked for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is known of it; nothing of those that lie beside images, and of all when nobody has looked.
    pub known: Option<File<'a>>,
}

/// A folder, and maybe a file in it.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Its number.
    pub index: FolderIndex,
    /// The folder.
    pub folder: Folder<'a>,
    /// The file.
    pub file: Option<Wanted<'a>>,
}

/// What there is to choose from: all, or what is below a branch, a release, a kind.
#[derive(Clone, Copy, Default)]
pub struct Level<'a> {
    /// The branch.
    pub branch: Option<&'a Branch>,
    /// The release.
    pub release: Option<&'a Release>,
    /// The kind.
    pub kind: Option<&'a str>,
}

impl<'a> Level<'a> {
    /// The branches of this level.
    pub fn branches(&self, catalogue: &'a Catalogue) -> impl Iterator<Item = &'a Branch> {
        let only = self.branch.map(|branch| &branch.name);
        catalogue.branches.iter().filter(move |branch| only.is_none_or(|only| *only == branch.name))
    }

    /// The releases of this level in a branch.
    pub fn releases(&self, branch: &'a Branch) -> impl Iterator<Item = &'a Release> {
        let only = self.release.map(|release| &release.name);
        branch.releases.iter().filter(move |release| only.is_none_or(|only| *only == release.name))
    }

    /// The kinds of this level in a release.
    pub fn kinds(&self, release: &'a Release) -> impl Iterator<Item = &'a Kind> {
        let only = self.kind;
        release.kinds.iter().filter(move |kind| only.is_none_or(|only| only == kind.name))
    }
}

/// All that an answer tells of.
pub struct Scene<'a> {
    /// What is known.
    pub atlas: &'a Atlas,
    /// What operators give.
    pub site: &'a Site,
    /// What stands before every path of ours; may be empty.
    pub prefix: &'a str,
    /// What follows the `?`.
    pub parameters: Parameters,
    /// The client.
    pub client: IpAddr,
    /// Where it is.
    pub whereabouts: Whereabouts,
    /// Its turn.
    pub turn: usize,
}

impl<'a> Scene<'a> {
    /// Family of the client's address.
    pub fn family(&self) -> Family {
        Family::of(self.client)
    }

    /// A path of ours, with the place that was asked for carried on.
    pub fn href<const DEPTH: usize>(&self, steps: &[&'a str; DEPTH]) -> Href<'a> {
        let mut href = Href { prefix: self.prefix, steps: [""; 5], place: self.parameters.place(), all: 0, suffix: "" };
        for (slot, step) in href.steps.iter_mut().zip(steps) {
            *slot = step;
        }
        href
    }

    /// The images that there are.
    pub fn catalogue(&self) -> &'a Catalogue {
        self.atlas.catalogue()
    }

    /// The path of a folder or a file.
    pub fn own_href(&self, at: &Place<'a>) -> Href<'a> {
        let Folder { branch, release, kind, arch, .. } = at.folder;
        self.href(&[branch, release, kind, arch, at.file.map_or("", |file| file.name)])
    }

    /// Page `number` of all mirrors.
    pub fn all_href(&self, at: &Place<'a>, number: usize) -> Href<'a> {
        Href { all: number, ..self.own_href(at) }
    }

    /// The URL of what was asked for at a mirror.
    pub fn url(&self, at: &Place<'a>, link: &Link<'a>) -> Url<'a> {
        match at.file {
            Some(Wanted { known: Some(file), .. }) => Url::of(link, &file.carried, ""),
            Some(Wanted { name, known: None }) => Url::of(link, &at.folder.carried, name),
            None => Url::of(link, &at.folder.carried, ""),
        }
    }

    /// Another file of the same folder, at the first mirror.
    pub fn beside(&self, at: &Place<'a>, selection: &Selection<'a>, name: &'a str) -> Option<Url<'a>> {
        selection.links().first().map(|link| Url::of(link, &at.folder.carried, name))
    }

    /// The torrent that has what was asked for.
    pub fn torrent(&self, at: &Place<'a>) -> Option<&'a str> {
        at.file.and_then(|file| file.known?.torrent).or(at.folder.torrent)
    }

    /// When the mirrors were looked at; none when nobody has.
    pub fn verified_at(&self, at: &Place<'a>) -> Option<u64> {
        self.atlas.view().verified_at().filter(|_| at.folder.is_verified)
    }

    /// The place of the snapshot that the client is taken to be at; none when nothing is known of it.
    pub fn place(&self) -> Option<Code> {
        self.atlas.view().place_code(self.whereabouts.place)
    }

    /// What people call a place.
    pub fn place_name(&self, code: &Code) -> PlaceName<'a> {
        PlaceName { code: *code, atlas: self.atlas }
    }

    /// The country of the client.
    pub fn region(&self) -> Option<PlaceName<'a>> {
        self.place().map(|code| self.place_name(&code.country()))
    }

    /// Where a mirror is, as far as it is not said already by the heading it is under.
    pub fn where_it_is(&self, link: &Link<'a>) -> Option<PlaceName<'a>> {
        let code = link.place?;
        let is_said = self.place().map(Code::country) == Some(code);
        (!is_said).then(|| self.place_name(&code))
    }

    /// Why the client is taken to be where it is.
    pub fn reason(&self) -> &'static str {
        match self.whereabouts.reason {
            Reason::Asked => "as you asked",
            Reason::Told(_) => "told by the operators of this server",
            Reason::Geo(_) => "by your address",
            Reason::Unknown => "nothing is known of your address",
        }
    }

    /// Name of the network, or the autonomous system, that the client belongs to.
    pub fn group(&self) -> Option<&'a str> {
        let view = self.atlas.view();
        let group = self.whereabouts.groups(view).next()?;
        view.group(group).map(|(name, _)| name)
    }
}

/// What templates write; they hand over whatever it is by reference.
impl<'a> Scene<'a> {
    /// What a kind is called.
    pub fn kind_title<'k>(&self, kind: &'k str) -> &'k str {
        match kind {
            "isos" => "ISO images",
            "images" => "Disk images",
            other => other,
        }
    }

    /// A length in units that people compare by.
    pub fn size(&self, bytes: &u64) -> Size {
        Size(*bytes)
    }

    /// A number with its digits in groups.
    pub fn grouped(&self, number: &u64) -> Grouped {
        Grouped(*number)
    }

    /// A time for people.
    pub fn minute(&self, unix_seconds: &u64) -> Minute {
        Minute(*unix_seconds)
    }

    /// A time for programs.
    pub fn second(&self, unix_seconds: &u64) -> Moment {
        Moment(*unix_seconds)
    }
}

/// A country as links name it: ISO 3166-1 in lower case.
#[derive(Clone, Copy)]
pub struct Geo(pub Code);

impl fmt::Display for Geo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.to_bytes();
        bytes[..2].iter().try_for_each(|byte| fmt::Write::write_char(out, char::from(byte.to_ascii_lowercase())))
    }
}

/// A path of ours. All that is in it needs no percent-encoding: names of the inventory, files that may be asked for.
#[derive(Clone, Copy)]
pub struct Href<'a> {
    prefix: &'a str,
    steps: [&'a str; 5],
    place: Option<Code>,
    all: usize,
    suffix: &'static str,
}

impl<'a> Href<'a> {
    /// The same path for the Metalink of its file.
    pub fn metalink(self) -> Href<'a> {
        Href { suffix: METALINK_SUFFIX, ..self }
    }
}

impl fmt::Display for Href<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/", self.prefix)?;
        for (depth, step) in self.steps.iter().enumerate().filter(|(_, step)| !step.is_empty()) {
            // The last step is a file, all others are folders.
            write!(out, "{step}{}", if depth < 4 { "/" } else { "" })?;
        }
        out.write_str(self.suffix)?;
        match (self.place, self.all) {
            (None, 0) => Ok(()),
            (Some(place), 0) => write!(out, "?cc={place}"),
            (None, all) => write!(out, "?all={all}"),
            (Some(place), all) => write!(out, "?cc={place}&all={all}"),
        }
    }
}

/// The URL of something at a mirror.
#[derive(Clone, Copy)]
pub struct Url<'a> {
    base: &'a str,
    suffix: &'a str,
    name: &'a str,
}

impl<'a> Url<'a> {
    /// What is carried, and maybe a file in it.
    pub fn of(link: &Link<'a>, carried: &Carried<'a>, name: &'a str) -> Url<'a> {
        Url { base: link.base, suffix: std::str::from_utf8(carried.suffix).unwrap_or_default(), name }
    }

    /// Its parts, which follow each other.
    pub fn parts(self) -> [&'a [u8]; 3] {
        [self.base, self.suffix, self.name].map(str::as_bytes)
    }
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        [self.base, self.suffix, self.name].iter().try_for_each(|part| out.write_str(part))
    }
}

/// What people call a place: `Texas, United States`.
#[derive(Clone, Copy)]
pub struct PlaceName<'a> {
    code: Code,
    atlas: &'a Atlas,
}

impl fmt::Display for PlaceName<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |out: &mut fmt::Formatter<'_>, code: Code| match self.atlas.view().place_name(code) {
            Some(name) => out.write_str(name),
            None => code.fmt(out),
        };
        one(out, self.code)?;
        if self.code.is_subdivision() {
            out.write_str(", ")?;
            one(out, self.code.country())?;
        }
        Ok(())
    }
}
