//! Pages for people: HTML, by the templates beside this file.
//!
//! Lives here: what each template is given. Templates escape all that is put into them, but for our own stylesheet.
//! They are written straight into an answer. Not here: what is told (`scene`), what is answered when (`mod`).

use std::fmt;

use askama::Template;

use super::path::is_file_name;
use super::scene::{Level, Place, Scene, Wanted};
use super::selection::{Link, Selection, Zone};
use super::site::STYLE;
use crate::answer::list::Supply;
use crate::snapshot::{File, Folder};

/// What there is, or what is not there.
#[derive(Template)]
#[template(path = "catalogue.html", config = "src/answer/images/askama.toml")]
struct CataloguePage<'p, 'a> {
    scene: &'p Scene<'a>,
    level: &'p Level<'a>,
    /// The path at which nothing is.
    missing: Option<&'p str>,
}

/// A folder.
#[derive(Template)]
#[template(path = "folder.html", config = "src/answer/images/askama.toml")]
struct FolderPage<'p, 'a, Files: Iterator<Item = File<'a>> + Clone> {
    scene: &'p Scene<'a>,
    at: &'p Place<'a>,
    folder: Folder<'a>,
    files: Files,
    selection: &'p Selection<'a>,
    region_name: &'p dyn fmt::Display,
}

/// A file.
#[derive(Template)]
#[template(path = "file.html", config = "src/answer/images/askama.toml")]
struct FilePage<'p, 'a> {
    scene: &'p Scene<'a>,
    at: &'p Place<'a>,
    folder: Folder<'a>,
    file: Wanted<'a>,
    selection: &'p Selection<'a>,
    region_name: &'p dyn fmt::Display,
}

/// A page of all mirrors.
#[derive(Template)]
#[template(path = "all.html", config = "src/answer/images/askama.toml")]
struct AllPage<'p, 'a, Links: Iterator<Item = Link<'a>> + Clone> {
    scene: &'p Scene<'a>,
    at: &'p Place<'a>,
    folder: Folder<'a>,
    /// What the mirrors have.
    subject: &'p dyn fmt::Display,
    links: Links,
    number: usize,
    has_more: bool,
}

/// Appends the page of what there is below a level.
pub fn catalogue<'a>(scene: &Scene<'a>, level: &Level<'a>, missing: Option<&str>, out: &mut Vec<u8>) {
    render(&CataloguePage { scene, level, missing }, out);
}

/// Appends the page of a folder or of a file.
pub fn place<'a>(scene: &Scene<'a>, at: &Place<'a>, selection: &Selection<'a>, out: &mut Vec<u8>) {
    let region = scene.region();
    let region_name: &dyn fmt::Display = match &region {
        Some(name) => name,
        None => &"",
    };
    let folder = at.folder;
    match at.file {
        Some(file) => render(&FilePage { scene, at, folder, file, selection, region_name }, out),
        None => {
            let files = scene.atlas.view().files(at.index).filter(|file| is_file_name(file.name.as_bytes()));
            render(&FolderPage { scene, at, folder, files, selection, region_name }, out);
        }
    }
}

/// Appends page `number` of all mirrors.
pub fn all<'a>(
    scene: &Scene<'a>,
    at: &Place<'a>,
    links: impl Iterator<Item = Link<'a>> + Clone,
    number: usize,
    has_more: bool,
    out: &mut Vec<u8>,
) {
    let folder = at.folder;
    let whole =
        format_args!("{} {} for {}, {}", folder.title, folder.release, folder.arch, scene.kind_title(folder.kind));
    let subject: &dyn fmt::Display = match &at.file {
        Some(file) => &file.name,
        None => &whole,
    };
    render(&AllPage { scene, at, folder, subject, links, number, has_more }, out);
}

fn render(template: &impl Template, out: &mut Vec<u8>) {
    // Writing into a vector cannot fail, and nothing that the templates name does.
    let _ = template.render_into(&mut Text(out));
}

/// A vector of bytes as a place for text.
struct Text<'o>(&'o mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
