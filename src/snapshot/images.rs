//! Folders of images and their files: the part of `View` that finds them.
//!
//! Lives here: finding a folder by its names and a file in it (no allocation, no lock), what is known of them, and the
//! part of `check` that walks them. Not here: who has them (`serving`), pages about them (`answer`).

use super::check::{CheckError, expect};
use super::format::*;
use super::view::{Carried, View};

/// A folder of images.
#[derive(Clone, Copy, Debug)]
pub struct Folder<'a> {
    /// Branch it is published in.
    pub branch: &'a str,
    /// Its release, not an alias.
    pub release: &'a str,
    /// `isos` or `images`.
    pub kind: &'a str,
    /// Its architecture.
    pub arch: &'a str,
    /// Title of the distribution, for people.
    pub title: &'a str,
    /// Name of the checksum file in it; none when nobody has seen one, and then no files are known.
    pub checksum_file: Option<&'a str>,
    /// Name of a torrent in it that is for more than one file.
    pub torrent: Option<&'a str>,
    /// Whether verdicts say who has it and its files; else it is the operators' word.
    pub is_verified: bool,
    /// Number of its files.
    pub file_count: usize,
    /// For the walk of lists: mirrors that have all of it, and an index page.
    pub carried: Carried<'a>,
}

/// An image.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name in the folder.
    pub name: &'a str,
    /// Its length, bytes; 0 when nobody says, as in lists of another crawler.
    pub size_bytes: u64,
    /// When the master's was changed, seconds since 1970.
    pub modified_at: Option<u64>,
    /// Its digest, from the master's checksum file.
    pub digest: Option<Digest<'a>>,
    /// Name of its torrent in the folder.
    pub torrent: Option<&'a str>,
    /// For the walk of lists: mirrors that have it.
    pub carried: Carried<'a>,
}

impl File<'_> {
    /// Its length in bytes, when somebody says.
    pub fn size(&self) -> Option<u64> {
        (self.size_bytes > 0).then_some(self.size_bytes)
    }
}

/// The digest of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest<'a> {
    /// How it was made.
    pub kind: DigestKind,
    /// It, in hexadecimal and lower case.
    pub digits: &'a str,
}

impl<B: AsRef<[u8]>> View<B> {
    /// Number of folders of images.
    pub fn folder_count(&self) -> usize {
        self.records::<FolderRecord>(Section::Folders).len()
    }

    /// Number of images.
    pub fn file_count(&self) -> usize {
        self.records::<FileRecord>(Section::Files).len()
    }

    /// All folders of images, rising by branch, release, kind and architecture as bytes.
    pub fn image_folders(&self) -> impl Iterator<Item = (FolderIndex, Folder<'_>)> {
        (0..self.folder_count() as u32).filter_map(|at| Some((FolderIndex(at), self.folder(FolderIndex(at))?)))
    }

    /// The folder that clients mean by a branch, a release (or alias of one), a kind (`isos`, `images`) and an
    /// architecture.
    pub fn find_images(&self, branch: &[u8], release: &[u8], kind: &[u8], arch: &[u8]) -> Option<FolderIndex> {
        let keys = self.records::<FolderKeyRecord>(Section::FolderKeys);
        let wanted = [branch, release, kind, arch];
        let found = keys.binary_search_by(|key| key.names.map(|name| self.text(name)).cmp(&wanted)).ok()?;
        Some(FolderIndex(keys.get(found)?.folder.get()))
    }

    /// A folder of images.
    pub fn folder(&self, index: FolderIndex) -> Option<Folder<'_>> {
        let record = self.records::<FolderRecord>(Section::Folders).get(index.0 as usize)?;
        Some(Folder {
            branch: self.name(record.branch),
            release: self.name(record.release),
            kind: self.name(record.kind),
            arch: self.name(record.arch),
            title: self.name(record.title),
            checksum_file: self.some_name(record.checksum_file),
            torrent: self.some_name(record.torrent),
            is_verified: record.is_verified.get() == 1,
            file_count: record.file_count.get() as usize,
            carried: self.carried(&record.carried),
        })
    }

    /// Other names of a folder's release, rising.
    pub fn folder_aliases(&self, index: FolderIndex) -> impl Iterator<Item = &str> {
        let own = self.folder(index).map_or("", |folder| folder.release);
        let keys = self.records::<FolderKeyRecord>(Section::FolderKeys).iter();
        keys.filter(move |key| key.folder.get() == index.0)
            .map(|key| self.name(key.names[1]))
            .filter(move |&release| release != own)
    }

    /// The images of a folder, rising by name.
    pub fn files(&self, index: FolderIndex) -> impl Iterator<Item = File<'_>> + Clone {
        self.file_records(index).iter().map(|record| self.file_of(record))
    }

    /// An image of a folder by its name.
    pub fn file(&self, index: FolderIndex, name: &[u8]) -> Option<File<'_>> {
        let records = self.file_records(index);
        let found = records.binary_search_by(|record| self.text(record.name).cmp(name)).ok()?;
        records.get(found).map(|record| self.file_of(record))
    }

    fn file_records(&self, index: FolderIndex) -> &[FileRecord] {
        let folder = self.records::<FolderRecord>(Section::Folders).get(index.0 as usize);
        let range = folder.map_or(0..0, |folder| {
            let start = folder.file_start.get() as usize;
            start..start + folder.file_count.get() as usize
        });
        self.records::<FileRecord>(Section::Files).get(range).unwrap_or_default()
    }

    fn file_of<'a>(&'a self, record: &'a FileRecord) -> File<'a> {
        let kind = DigestKind::from_number(record.digest_kind.get());
        File {
            name: self.name(record.name),
            size_bytes: record.size_bytes.get(),
            modified_at: Some(record.modified_at.get()).filter(|&at| at != 0),
            digest: kind.map(|kind| Digest { kind, digits: self.name(record.digest) }),
            torrent: self.some_name(record.torrent),
            carried: self.carried(&record.carried),
        }
    }

    fn some_name(&self, text: Text) -> Option<&str> {
        Some(self.name(text)).filter(|name| !name.is_empty())
    }

    pub(super) fn check_images(&self) -> Result<(), CheckError> {
        let folders = self.records::<FolderRecord>(Section::Folders);
        let names = |folder: &FolderRecord| {
            [folder.branch, folder.release, folder.kind, folder.arch].map(|name| self.text(name))
        };
        expect(folders.is_sorted_by(|a, b| names(a) < names(b)), Section::Folders, 0, "not in rising order")?;
        let mut file_count = 0;
        for (record, folder) in folders.iter().enumerate() {
            let fail = |sound, what| expect(sound, Section::Folders, record, what);
            let texts = [folder.branch, folder.release, folder.kind, folder.arch, folder.title];
            fail(texts.iter().all(|&text| self.is_text(text)), "bad text")?;
            fail([folder.checksum_file, folder.torrent].iter().all(|&name| self.is_file_name(name)), "bad file name")?;
            self.check_carried(&folder.carried, Section::Folders, record)?;
            fail(self.text(folder.carried.suffix).ends_with(b"/"), "suffix without a final slash")?;
            fail(folder.file_start.get() as usize == file_count, "its files do not follow those of the one before")?;
            fail(folder.is_verified.get() < 2, "neither verified nor unverified")?;
            let files = self.file_records(FolderIndex(record as u32));
            fail(files.len() == folder.file_count.get() as usize, "files out of range")?;
            self.check_files(files, file_count, folder)?;
            file_count += files.len();
            let [branch, release, kind, arch] = names(folder);
            let found = self.find_images(branch, release, kind, arch);
            fail(found == Some(FolderIndex(record as u32)), "cannot be found by its names")?;
        }
        expect(file_count == self.file_count(), Section::Files, file_count, "belongs to no folder")?;
        self.check_folder_keys(folders)
    }

    fn check_files(&self, files: &[FileRecord], first: usize, folder: &FolderRecord) -> Result<(), CheckError> {
        let rising = files.is_sorted_by(|a, b| self.text(a.name) < self.text(b.name));
        expect(rising, Section::Files, first, "not in rising order")?;
        for (record, file) in files.iter().enumerate() {
            let fail = |sound, what| expect(sound, Section::Files, first + record, what);
            fail(file.name.length_bytes.get() > 0 && self.is_file_name(file.name), "bad file name")?;
            fail(self.is_file_name(file.torrent), "bad name of a torrent")?;
            self.check_carried(&file.carried, Section::Files, first + record)?;
            let own = self.text(file.carried.suffix).strip_prefix(self.text(folder.carried.suffix));
            let lies_there = own == Some(self.text(file.name)) && file.carried.tree.get() == folder.carried.tree.get();
            fail(lies_there, "does not lie in its folder")?;
            let digest = self.text(file.digest);
            let sound = match DigestKind::from_number(file.digest_kind.get()) {
                Some(kind) => digest.len() == kind.digit_count() && digest.iter().all(is_lower_hex),
                None => file.digest_kind.get() == 0 && digest.is_empty(),
            };
            fail(sound, "bad digest")?;
        }
        Ok(())
    }

    fn check_folder_keys(&self, folders: &[FolderRecord]) -> Result<(), CheckError> {
        let keys = self.records::<FolderKeyRecord>(Section::FolderKeys);
        let texts = |key: &FolderKeyRecord| key.names.map(|name| self.text(name));
        expect(keys.is_sorted_by(|a, b| texts(a) < texts(b)), Section::FolderKeys, 0, "not in rising order")?;
        for (record, key) in keys.iter().enumerate() {
            let fail = |sound, what| expect(sound, Section::FolderKeys, record, what);
            let plain = |text: &Text| text.length_bytes.get() > 0 && self.is_text(*text);
            fail(key.names.iter().all(plain), "bad text")?;
            let folder = folders.get(key.folder.get() as usize);
            let [branch, _, kind, arch] = texts(key);
            let same = |folder: &FolderRecord| {
                [folder.branch, folder.kind, folder.arch].map(|name| self.text(name)) == [branch, kind, arch]
            };
            fail(folder.is_some_and(same), "no such folder")?;
        }
        Ok(())
    }

    /// Whether a text is absent or a name in a folder.
    fn is_file_name(&self, text: Text) -> bool {
        self.is_text(text) && !self.text(text).contains(&b'/')
    }
}

fn is_lower_hex(digit: &u8) -> bool {
    digit.is_ascii_hexdigit() && !digit.is_ascii_uppercase()
}
