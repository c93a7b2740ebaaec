//! Images: pages for people, redirects for scripts, and the same facts as JSON and Metalink.
//!
//! - `path`       the path of a request, taken apart
//! - `parameters` what follows its `?`; `value` is what one of them says
//! - `form`       in which form a client wants its answer
//! - `catalogue`  the branches, releases, kinds and architectures that there are
//! - `selection`  the mirrors one client is shown
//! - `site`       what operators give the pages: title, logo, links, footer
//! - `scene`      all that an answer tells of
//! - `page`       HTML, by templates
//! - `metalink`   Metalinks
//! - `json`       the facts for programs
//! - `figures`    sizes and times
//! - `base64`     bytes in base 64
//!
//! Lives here: what is answered when. Not here: heads of answers, hosts and prefixes (`serve`).

mod base64;
mod catalogue;
mod figures;
mod form;
mod json;
mod metalink;
mod page;
mod parameters;
mod path;
mod scene;
mod selection;
mod site;
mod value;

use std::fmt;
use std::net::IpAddr;

use base64::{Base64, from_hex};
pub use catalogue::Catalogue;
use form::Form;
pub use form::Wishes;
use parameters::Parameters;
pub use path::{PATH_BYTES_MAX, Room};
use path::{Steps, is_file_name};
use scene::{Geo, Level, METALINK_SUFFIX, Place, Scene, Wanted};
pub use selection::LINKS_MAX;
use selection::{Link, Selection};
pub use site::{Logo, Picture, Site, SiteLink};

use super::atlas::Atlas;
use super::locate::Whereabouts;
use crate::http::Status;
use crate::snapshot::{DigestKind, File, FolderIndex};
use crate::turn;

/// Mirrors that a redirect names: the one it leads to, and five more.
const REDIRECT_LINKS_MAX: usize = 6;
/// Most bytes of a path that a page repeats.
const ECHO_BYTES_MAX: usize = 200;

/// A request, as far as it matters here.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// What stands before every path of ours; may be empty.
    pub prefix: &'a str,
    /// The path behind the prefix.
    pub path: &'a [u8],
    /// What follows the `?`.
    pub query: &'a [u8],
    /// What the client has said of itself.
    pub wishes: Wishes,
    /// The client.
    pub client: IpAddr,
    /// The time.
    pub unix_seconds: u64,
}

/// What a request for images is answered with. Each is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What there is to choose from, as a page or as JSON.
    Catalogue,
    /// A page of a folder.
    Folder,
    /// A page of a file.
    File,
    /// A page of all mirrors.
    Mirrors,
    /// To the first mirror.
    Redirect,
    /// Facts as JSON.
    Json,
    /// A Metalink.
    Metalink,
    /// No mirror has it, and the tree has no last resort.
    Exhausted,
    /// There is nothing at this path.
    NotFound,
}

impl Outcome {
    /// All, in the order of counters.
    pub const ALL: [Outcome; 9] = [
        Outcome::Catalogue,
        Outcome::Folder,
        Outcome::File,
        Outcome::Mirrors,
        Outcome::Redirect,
        Outcome::Json,
        Outcome::Metalink,
        Outcome::Exhausted,
        Outcome::NotFound,
    ];

    /// As counters label it.
    pub fn label(self) -> &'static str {
        match self {
            Outcome::Catalogue => "catalogue",
            Outcome::Folder => "folder",
            Outcome::File => "file",
            Outcome::Mirrors => "mirrors",
            Outcome::Redirect => "redirect",
            Outcome::Json => "json",
            Outcome::Metalink => "metalink",
            Outcome::Exhausted => "exhausted",
            Outcome::NotFound => "not_found",
        }
    }

    /// The status of the answer.
    pub fn status(self) -> Status {
        match self {
            Outcome::Redirect => Status::Found,
            Outcome::Exhausted => Status::ServiceUnavailable,
            Outcome::NotFound => Status::NotFound,
            _ => Status::Ok,
        }
    }
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// A page.
    Html,
    /// A line of text.
    Text,
    /// A JSON object.
    Json,
    /// A Metalink 4.
    Metalink,
}

/// What is told of.
#[allow(clippy::large_enum_variant, reason = "it is on the stack of one answer; a box would be an allocation")]
enum Subject<'a> {
    Level(Level<'a>),
    Place(Place<'a>, Selection<'a>),
    Missing(&'a str),
}

/// An answer before it is written.
pub struct Answer<'a> {
    /// What it is.
    pub outcome: Outcome,
    /// How its body is written.
    pub media: Media,
    scene: Scene<'a>,
    subject: Subject<'a>,
}

/// Answers a request. `room` takes what is percent-decoded.
pub fn answer<'a>(atlas: &'a Atlas, site: &'a Site, ask: &Ask<'a>, room: &'a mut Room) -> Answer<'a> {
    let parameters = Parameters::parse(ask.query);
    let view = atlas.view();
    let scene = Scene {
        atlas,
        site,
        prefix: ask.prefix,
        parameters,
        client: ask.client,
        whereabouts: Whereabouts::find(atlas, ask.client, parameters.cc.bytes()),
        turn: turn::of_client(ask.client, ask.unix_seconds, view.turn_count()),
    };
    match find(atlas, ask.path, room) {
        Some(Found::Level(level)) => {
            let media = match form(ask, &parameters, false) {
                Form::Json => Media::Json,
                _ => Media::Html,
            };
            Answer { outcome: Outcome::Catalogue, media, scene, subject: Subject::Level(level) }
        }
        Some(Found::Place(place, is_metalink)) => {
            let offers_metalink = place.file.is_some_and(|file| file.known.is_some());
            let form = if is_metalink { Form::Metalink } else { form(ask, &parameters, offers_metalink) };
            of_place(scene, place, form)
        }
        None => {
            let path = std::str::from_utf8(&ask.path[..ask.path.len().min(ECHO_BYTES_MAX)]).unwrap_or_default();
            let media = match form(ask, &parameters, false) {
                Form::Json => Media::Json,
                _ if ask.wishes.is_browser() => Media::Html,
                _ => Media::Text,
            };
            Answer { outcome: Outcome::NotFound, media, scene, subject: Subject::Missing(path) }
        }
    }
}

/// The form of an answer: parameters come before what the client says it takes.
fn form(ask: &Ask<'_>, parameters: &Parameters, offers_metalink: bool) -> Form {
    match parameters {
        Parameters { json: true, .. } => Form::Json,
        Parameters { debug: true, .. } | Parameters { all: Some(_), .. } => Form::Page,
        _ => ask.wishes.form(offers_metalink),
    }
}

fn of_place<'a>(scene: Scene<'a>, place: Place<'a>, form: Form) -> Answer<'a> {
    let carried = match place.file {
        Some(Wanted { known: Some(file), .. }) => file.carried,
        _ => place.folder.carried,
    };
    let count_max = if form == Form::Redirect { REDIRECT_LINKS_MAX } else { LINKS_MAX };
    let Scene { whereabouts, turn, .. } = &scene;
    let view = scene.atlas.view();
    let selection = Selection::choose(view, &carried, scene.family(), whereabouts, *turn, count_max);
    let is_exhausted = selection.links().is_empty();
    let (outcome, media) = match form {
        Form::Redirect | Form::Metalink if is_exhausted => (Outcome::Exhausted, Media::Text),
        Form::Redirect => (Outcome::Redirect, Media::Text),
        Form::Metalink => (Outcome::Metalink, Media::Metalink),
        Form::Json => (Outcome::Json, Media::Json),
        Form::Page if scene.parameters.all.is_some() => (Outcome::Mirrors, Media::Html),
        Form::Page if place.file.is_some() => (Outcome::File, Media::Html),
        Form::Page => (Outcome::Folder, Media::Html),
    };
    Answer { outcome, media, scene, subject: Subject::Place(place, selection) }
}

/// What is at a path.
#[allow(clippy::large_enum_variant, reason = "it is on the stack of one answer; a box would be an allocation")]
enum Found<'a> {
    Level(Level<'a>),
    /// A folder or a file, and whether its Metalink was asked for.
    Place(Place<'a>, bool),
}

fn find<'a>(atlas: &'a Atlas, path: &'a [u8], room: &'a mut Room) -> Option<Found<'a>> {
    let view = atlas.view();
    let steps = Steps::parse(path, room)?;
    let (names, file) = match *steps.parts() {
        [] => return Some(Found::Level(Level::default())),
        [branch] => {
            let branch = atlas.catalogue().branch(branch)?;
            return Some(Found::Level(Level { branch: Some(branch), ..Level::default() }));
        }
        [branch, release] | [branch, release, _] => {
            let branch = atlas.catalogue().branch(branch)?;
            let release = branch.release(view, release)?;
            let kind = match *steps.parts() {
                [_, _, kind] => Some(release.kinds.iter().find(|known| known.name.as_bytes() == kind)?.name.as_str()),
                _ => None,
            };
            return Some(Found::Level(Level { branch: Some(branch), release: Some(release), kind }));
        }
        [branch, release, kind, arch] => ([branch, release, kind, arch], None),
        [branch, release, kind, arch, file] => ([branch, release, kind, arch], Some(file)),
        _ => return None,
    };
    let index = view.find_images(names[0], names[1], names[2], names[3])?;
    let folder = view.folder(index)?;
    let place = |file| Found::Place(Place { index, folder, file }, false);
    let Some(name) = file else { return Some(place(None)) };
    if let Some(known) = view.file(index, name) {
        return Some(place(Some(Wanted { name: known.name, known: Some(known) })));
    }
    if let Some(known) = name.strip_suffix(METALINK_SUFFIX.as_bytes()).and_then(|name| view.file(index, name)) {
        let file = Some(Wanted { name: known.name, known: Some(known) });
        return Some(Found::Place(Place { index, folder, file }, true));
    }
    let is_beside = folder.file_count == 0 || lies_beside(atlas, index, name);
    let name = std::str::from_utf8(name).ok().filter(|name| is_beside && is_file_name(name.as_bytes()))?;
    Some(place(Some(Wanted { name, known: None })))
}

/// Whether a folder with known files has this one beside them: its checksum file, a torrent.
fn lies_beside(atlas: &Atlas, index: FolderIndex, name: &[u8]) -> bool {
    let is_it = |known: Option<&str>| known.is_some_and(|known| known.as_bytes() == name);
    let view = atlas.view();
    let of_file = |file: File<'_>| is_it(file.torrent);
    view.folder(index).is_some_and(|folder| is_it(folder.checksum_file) || is_it(folder.torrent))
        || name.ends_with(b".torrent") && view.files(index).any(of_file)
}

impl<'a> Answer<'a> {
    /// Where a redirect leads.
    pub fn location(&self) -> Option<impl fmt::Display> {
        let (place, links) = self.redirect()?;
        links.first().map(|link| self.scene.url(place, link))
    }

    /// The mirrors beside the one that a redirect leads to, each as the value of a Link field (RFC 6249, section 3).
    pub fn duplicates(&self) -> impl Iterator<Item = impl fmt::Display> {
        let (place, links) = self.redirect().unzip();
        let others = links.and_then(|links| links.get(1..)).unwrap_or_default();
        let pairs = others.iter().enumerate().filter_map(move |(at, link)| place.map(|place| (at, link, place)));
        pairs.map(|(at, link, place)| Duplicate { url: self.scene.url(place, link), link, priority: at + 2 })
    }

    /// The Metalink of the file that a redirect leads to.
    pub fn description(&self) -> Option<impl fmt::Display> {
        let (place, _) = self.redirect()?;
        place.file?.known?;
        Some(Description(self.scene.own_href(place)))
    }

    /// The digest of the file that a redirect leads to, as the value of a Digest field (RFC 6249, section 6).
    pub fn digest(&self) -> Option<impl fmt::Display> {
        let (place, _) = self.redirect()?;
        let digest = place.file?.known?.digest?;
        let name = match digest.kind {
            DigestKind::Sha256 => "SHA-256",
            DigestKind::Sha512 => "SHA-512",
            _ => return None,
        };
        Some(FileDigest { name, value: Base64(from_hex(digest.digits)) })
    }

    fn redirect(&self) -> Option<(&Place<'a>, &[Link<'a>])> {
        match &self.subject {
            Subject::Place(place, selection) if self.outcome == Outcome::Redirect => Some((place, selection.links())),
            _ => None,
        }
    }

    /// Appends the body.
    pub fn write(&self, out: &mut Vec<u8>) {
        let scene = &self.scene;
        match (&self.subject, self.outcome, self.media) {
            (Subject::Level(level), _, Media::Json) => json::catalogue(scene, level, out),
            (Subject::Level(level), _, _) => page::catalogue(scene, level, None, out),
            (Subject::Missing(path), _, Media::Html) => page::catalogue(scene, &Level::default(), Some(path), out),
            (Subject::Missing(path), _, Media::Json) => json::missing(path, out),
            (Subject::Missing(_), _, _) => out.extend_from_slice(b"there is nothing at this path\n"),
            (Subject::Place(..), Outcome::Redirect, _) => {}
            (Subject::Place(..), Outcome::Exhausted, _) => out.extend_from_slice(b"no mirror has it now\n"),
            (Subject::Place(place, selection), Outcome::Json, _) => json::place(scene, place, selection, out),
            (Subject::Place(place, selection), Outcome::Metalink, _) => {
                if let Some(Wanted { known: Some(known), .. }) = place.file {
                    metalink::write(scene, place, known, selection, out);
                }
            }
            (Subject::Place(place, _), Outcome::Mirrors, _) => self.write_all(place, out),
            (Subject::Place(place, selection), _, _) => page::place(scene, place, selection, out),
        }
    }

    fn write_all(&self, place: &Place<'a>, out: &mut Vec<u8>) {
        let Scene { whereabouts, turn, .. } = &self.scene;
        let carried = match place.file {
            Some(Wanted { known: Some(file), .. }) => file.carried,
            _ => place.folder.carried,
        };
        let number = self.scene.parameters.all.unwrap_or(1);
        let view = self.scene.atlas.view();
        let (links, has_more) = selection::all(view, &carried, self.scene.family(), whereabouts, *turn, number);
        page::all(&self.scene, place, links, number, has_more, out);
    }
}

/// A further mirror, as the value of a Link field.
struct Duplicate<'l, 'a> {
    url: scene::Url<'a>,
    link: &'l Link<'a>,
    priority: usize,
}

impl fmt::Display for Duplicate<'_, '_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<{}>; rel=duplicate; pri={}", self.url, self.priority)?;
        self.link.place.map_or(Ok(()), |code| write!(out, "; geo={}", Geo(code)))
    }
}

/// A digest, as the value of a Digest field.
struct FileDigest<Value> {
    name: &'static str,
    value: Value,
}

impl<Value: fmt::Display> fmt::Display for FileDigest<Value> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}={}", self.name, self.value)
    }
}

/// A Metalink, as the value of a Link field.
struct Description<'a>(scene::Href<'a>);

impl fmt::Display for Description<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<{}>; rel=describedby; type=\"application/metalink4+xml\"", self.0.metalink())
    }
}
