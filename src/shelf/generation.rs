//! `Generation`: what one `repomd.xml` stands for.

use std::collections::HashMap;
use std::fmt;

use super::table::{Known, PACKAGES_MAX, Table, TableBuilder};
use crate::repodata::{
    Digest, DigestKind, Entry, Fault, PrimaryFault, RepoMd, Unpacked, read_packages, spelled, stays_below,
};

/// Digits of a checksum that name a generation.
const ID_DIGITS: usize = 12;
/// Most bytes a list of packages may unpack to. Fedora's largest has some 200 MB.
const PRIMARY_BYTES_MAX: u64 = 4 << 30;

/// What one `repomd.xml` stands for: what it says of metadata, and what the list of packages that it names says of
/// packages.
pub struct Generation {
    sha256: [u8; 32],
    id: String,
    /// Revision and time, to tell older from newer.
    revision: String,
    latest: u64,
    files: HashMap<String, File>,
    packages: Option<Table>,
    /// Since when clients see it, milliseconds since 1970.
    visible_at_ms: u64,
}

/// A file that the `repomd.xml` names.
#[derive(Clone, Debug)]
struct File {
    kind: Box<str>,
    known: Known,
    open_bytes: Option<u64>,
}

impl Generation {
    /// Of the bytes of a `repomd.xml`. Nothing is known of packages yet, and nobody sees it.
    pub fn read(body: &[u8]) -> Result<Generation, Fault> {
        let read = RepoMd::parse(body)?;
        let sha256 = Digest::of(DigestKind::Sha256, body);
        let file = |entry: Entry| {
            let known = Known { bytes: entry.size, digest: entry.digest()? };
            let path = spelled(&entry.location).filter(|_| stays_below(&entry.location))?;
            Some((path, File { kind: entry.kind.into(), known, open_bytes: entry.open_size }))
        };
        let digits = sha256.to_string();
        Ok(Generation {
            id: digits.trim_start_matches("sha256:").to_owned(),
            sha256: sha256.as_sha256().unwrap_or_default(),
            revision: read.revision,
            latest: read.latest,
            files: read.entries.into_iter().filter_map(file).collect(),
            packages: None,
            visible_at_ms: 0,
        })
    }

    /// The SHA-256 of its `repomd.xml`.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// What names it: the first digits of its checksum.
    pub fn id(&self) -> &str {
        &self.id[..ID_DIGITS]
    }

    /// Whether it is named by these digits, at least as many as `View` asks for.
    pub fn is_named(&self, digits: &str) -> bool {
        self.id.starts_with(digits)
    }

    /// Since when clients see it, milliseconds since 1970.
    pub fn visible_at_ms(&self) -> u64 {
        self.visible_at_ms
    }

    /// Its latest time, seconds since 1970.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// Clients see it from then on, with these packages.
    pub fn shown(self, packages: Option<Table>, visible_at_ms: u64) -> Generation {
        Generation { packages, visible_at_ms, ..self }
    }

    /// What is known of the file with this path, in its one spelling.
    pub fn known(&self, path: &str) -> Option<Known> {
        match self.files.get(path) {
            Some(file) => Some(file.known),
            None => self.packages.as_ref()?.find(path),
        }
    }

    /// What kind of metadata a path is: `primary`, `filelists_zck`.
    pub fn kind(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| &*file.kind)
    }

    /// Path of the metadata of a kind.
    pub fn path_of(&self, kind: &str) -> Option<&str> {
        self.files.iter().find(|(_, file)| &*file.kind == kind).map(|(path, _)| path.as_str())
    }

    /// Paths of all metadata that can be verified, in no order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Its packages, when its list of them could be read.
    pub fn packages(&self) -> Option<&Table> {
        self.packages.as_ref()
    }

    /// Reads the list of packages; also how many of them nobody can verify.
    pub fn read_primary(&self, primary: impl std::io::Read) -> Result<(Table, usize), PrimaryFault> {
        let open_bytes = self.files.values().find(|file| &*file.kind == "primary").and_then(|file| file.open_bytes);
        let limit = open_bytes.unwrap_or(PRIMARY_BYTES_MAX).min(PRIMARY_BYTES_MAX);
        let unpacked = Unpacked::new(primary, limit).map_err(quick_xml::Error::from)?;
        let mut builder = TableBuilder::default();
        let mut unspelled = 0;
        let unpacked = std::io::BufReader::with_capacity(64 * 1024, unpacked);
        let left_out = read_packages(unpacked, PACKAGES_MAX, &mut |package| match spelled(package.location) {
            Some(path) => builder.add(&path, Known { bytes: package.bytes, digest: package.digest }),
            None => unspelled += 1,
        })?;
        Ok((builder.finish(), left_out + unspelled))
    }

    /// Whether it was made before the other one: by the times in it, and where these agree by a revision that is a
    /// number. Of two that cannot be told apart neither is older.
    pub fn is_older_than(&self, other: &Generation) -> bool {
        let revision = |generation: &Generation| generation.revision.parse::<u64>().ok();
        match (revision(self), revision(other)) {
            _ if self.latest != other.latest => self.latest < other.latest,
            (Some(ours), Some(theirs)) => ours < theirs,
            _ => false,
        }
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packages = self.packages.as_ref().map(Table::count);
        write!(out, "Generation({}, {} files, {packages:?} packages)", self.id(), self.files.len())
    }
}
