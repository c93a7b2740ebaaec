//! The part of `Builder` that adds folders of images and their files.
//!
//! Lives here: what it takes of a folder, and the order in which folders, files and names of folders are laid out.
//! Not here: who finds them again (`images`), which folders and files there are (`plan`).

use std::collections::BTreeSet;

use zerocopy::little_endian::{U32, U64};

use super::builder::{Builder, CarriedEntry, Full, Texts};
use super::format::*;

/// A folder of images, as `Builder::folder` takes it.
pub struct FolderEntry<'a> {
    /// Branch it is published in: the first part of its address.
    pub branch: &'a str,
    /// Its release.
    pub release: &'a str,
    /// Other names of the release.
    pub aliases: &'a [String],
    /// `isos` or `images`.
    pub kind: &'a str,
    /// Its architecture.
    pub arch: &'a str,
    /// Title of the distribution, for people.
    pub title: &'a str,
    /// Name of its checksum file; none when nobody has seen one.
    pub checksum_file: Option<&'a str>,
    /// Name of a torrent in it that is for more than one file.
    pub torrent: Option<&'a str>,
    /// Whether verdicts say who has it; else it is the operators' word.
    pub is_verified: bool,
    /// Where it lies (its suffix has a final slash), and who has all of it.
    pub carried: CarriedEntry<'a>,
    /// Its files, in any order; none when nobody has seen a checksum file.
    pub files: &'a [FileEntry<'a>],
}

/// An image, as `Builder::folder` takes it.
pub struct FileEntry<'a> {
    /// Its name in the folder.
    pub name: &'a str,
    /// Its length, bytes; 0 when nobody says.
    pub size_bytes: u64,
    /// When the master's was changed, seconds since 1970.
    pub modified_at: Option<u64>,
    /// Its digest, in hexadecimal and lower case.
    pub digest: Option<(DigestKind, &'a str)>,
    /// Name of its torrent in the folder.
    pub torrent: Option<&'a str>,
    /// Where it lies (the folder's suffix, then its name), and who has it.
    pub carried: CarriedEntry<'a>,
}

/// Folders that were added.
#[derive(Default)]
pub(super) struct ImageTable {
    folders: Vec<Added>,
    known: BTreeSet<[String; 4]>,
}

/// A folder, and what is not in its record yet.
struct Added {
    names: [String; 4],
    aliases: Vec<String>,
    record: FolderRecord,
    files: Vec<FileRecord>,
}

/// The sections.
pub(super) struct Sections {
    pub folders: Vec<FolderRecord>,
    pub files: Vec<FileRecord>,
    pub keys: Vec<FolderKeyRecord>,
}

impl Builder {
    /// Adds a folder of images under its release and all aliases. Which number it has follows from its names, not from
    /// the order in which folders are added.
    pub fn folder(&mut self, entry: &FolderEntry<'_>) -> Result<(), Full> {
        let names = [entry.branch, entry.release, entry.kind, entry.arch].map(str::to_owned);
        for release in std::iter::once(entry.release).chain(entry.aliases.iter().map(String::as_str)) {
            let names = with_release(&names, release);
            if !self.images.known.insert(names.clone()) {
                return Err(Full::Images { name: names.join("/") });
            }
        }
        let mut in_order: Vec<&FileEntry<'_>> = entry.files.iter().collect();
        in_order.sort_by_key(|file| file.name);
        if let Some(twice) = in_order.windows(2).find(|two| two[0].name == two[1].name) {
            return Err(Full::Images { name: format!("{}/{}", names.join("/"), twice[0].name) });
        }
        let files = in_order.into_iter().map(|file| self.file(file)).collect();
        let record = FolderRecord {
            branch: self.texts.add(entry.branch),
            release: self.texts.add(entry.release),
            kind: self.texts.add(entry.kind),
            arch: self.texts.add(entry.arch),
            title: self.texts.add(entry.title),
            checksum_file: self.texts.add(entry.checksum_file.unwrap_or_default()),
            torrent: self.texts.add(entry.torrent.unwrap_or_default()),
            is_verified: U32::new(u32::from(entry.is_verified)),
            file_start: U32::new(0),
            file_count: U32::new(entry.files.len() as u32),
            carried: self.carried(&entry.carried),
        };
        self.images.folders.push(Added { names, aliases: entry.aliases.to_vec(), record, files });
        Ok(())
    }

    fn file(&mut self, entry: &FileEntry<'_>) -> FileRecord {
        let (kind, digest) = entry.digest.map_or((0, ""), |(kind, digest)| (kind.number(), digest));
        FileRecord {
            name: self.texts.add(entry.name),
            size_bytes: U64::new(entry.size_bytes),
            modified_at: U64::new(entry.modified_at.unwrap_or_default()),
            digest: self.texts.add(digest),
            digest_kind: U32::new(kind),
            torrent: self.texts.add(entry.torrent.unwrap_or_default()),
            carried: self.carried(&entry.carried),
        }
    }
}

impl ImageTable {
    /// The sections: folders by their names, each with its files behind those of the folder before.
    pub(super) fn laid_out(mut self, texts: &mut Texts) -> Sections {
        self.folders.sort_by(|a, b| a.names.cmp(&b.names));
        let mut sections = Sections { folders: Vec::new(), files: Vec::new(), keys: Vec::new() };
        let mut keys = Vec::new();
        for added in self.folders {
            let folder = sections.folders.len() as u32;
            let file_start = U32::new(sections.files.len() as u32);
            sections.folders.push(FolderRecord { file_start, ..added.record });
            sections.files.extend(added.files);
            keys.extend(added.aliases.iter().map(|alias| (with_release(&added.names, alias), folder)));
            keys.push((added.names, folder));
        }
        keys.sort();
        let key = |(names, folder): ([String; 4], u32)| FolderKeyRecord {
            names: names.each_ref().map(|name| texts.add(name)),
            folder: U32::new(folder),
        };
        sections.keys = keys.into_iter().map(key).collect();
        sections
    }
}

fn with_release(names: &[String; 4], release: &str) -> [String; 4] {
    let [branch, _, kind, arch] = names;
    [branch.clone(), release.to_owned(), kind.clone(), arch.clone()]
}
