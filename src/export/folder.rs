//! `Folder`: files of an export written into a folder, and those of an earlier export removed.
//!
//! Each file is written by rename, and only when its content differs, so that a reader sees a whole file at every
//! moment and the time of a file tells when it changed. What an export wrote is kept in a manifest: files that are not
//! in it are never written over and never removed. The manifest is written before the first file and after the last, so
//! that nothing is forgotten when the program ends in between.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Name of the manifest: a path per line.
const MANIFEST: &str = ".mirrorlistd-export";
/// Longest manifest, bytes: a million paths of about 100 bytes.
const MANIFEST_BYTES_MAX: u64 = 128 << 20;

/// Why an export could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refused.
    #[error("{path}: cannot {doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A folder with files of somebody else.
    #[error("{path}: not empty, and no export wrote it; give an empty folder, or move what is in it away")]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// A file of somebody else where one of ours belongs.
    #[error("{path}: is there already, and no export wrote it; move it away")]
    InTheWay {
        /// The file.
        path: PathBuf,
    },
    /// A manifest that no export wrote.
    #[error("{path}:{line}: no path that an export writes; move the folder away and export anew")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// What an export did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files that are new or differ.
    pub changed_count: usize,
    /// Files that are the same.
    pub same_count: usize,
    /// Files that were removed.
    pub removed_count: usize,
}

/// A folder while an export is written into it.
pub struct Folder {
    path: PathBuf,
    before: BTreeSet<String>,
    now: BTreeSet<String>,
    written: Written,
}

impl Folder {
    /// Opens a folder (made when it is not there), with the paths of all files that will be written: they go into the
    /// manifest before any of them is there.
    pub fn open(path: &Path, files: BTreeSet<String>) -> Result<Folder, FolderError> {
        fs::create_dir_all(path).map_err(|source| system("make the folder", path, source))?;
        let before = manifest(path)?;
        let folder = Folder { path: path.to_owned(), before, now: files, written: Written::default() };
        for file in folder.now.difference(&folder.before) {
            let path = folder.path.join(file);
            if fs::symlink_metadata(&path).is_ok() {
                return Err(FolderError::InTheWay { path });
            }
        }
        folder.write_manifest(&folder.before | &folder.now)?;
        Ok(folder)
    }

    /// Writes one of the files that `open` was told of.
    pub fn write(&mut self, file: &str, content: &[u8]) -> Result<(), FolderError> {
        debug_assert!(self.now.contains(file), "{file} was not announced");
        let path = self.path.join(file);
        if fs::read(&path).is_ok_and(|old| old == content) {
            self.written.same_count += 1;
            return Ok(());
        }
        self.written.changed_count += 1;
        replace(&path, content)
    }

    /// Removes what an earlier export wrote and this one did not, and folders that are left empty.
    pub fn finish(mut self) -> Result<Written, FolderError> {
        for file in self.before.difference(&self.now) {
            let path = self.path.join(file);
            match fs::remove_file(&path) {
                Ok(()) => self.written.removed_count += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(system("remove", &path, source)),
            }
            let parents = Path::new(file).ancestors().skip(1).take_while(|parent| *parent != Path::new(""));
            for parent in parents {
                // One that is not empty stays, and so do all above it.
                if fs::remove_dir(self.path.join(parent)).is_err() {
                    break;
                }
            }
        }
        self.write_manifest(self.now.clone())?;
        Ok(self.written)
    }

    fn write_manifest(&self, files: BTreeSet<String>) -> Result<(), FolderError> {
        let text: String = files.into_iter().flat_map(|file| [file, "\n".to_owned()]).collect();
        replace(&self.path.join(MANIFEST), text.as_bytes())
    }
}

/// What earlier exports wrote.
fn manifest(folder: &Path) -> Result<BTreeSet<String>, FolderError> {
    let path = folder.join(MANIFEST);
    let mut text = String::new();
    let read = fs::File::open(&path).and_then(|file| file.take(MANIFEST_BYTES_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut entries = fs::read_dir(folder).map_err(|source| system("list", folder, source))?;
            return match entries.next() {
                None => Ok(BTreeSet::new()),
                Some(_) => Err(FolderError::Foreign { path: folder.to_owned() }),
            };
        }
        Err(source) => return Err(system("read", &path, source)),
    }
    let lines = text.lines().enumerate().map(|(index, line)| match is_ours(line) {
        true => Ok(line.to_owned()),
        false => Err(FolderError::Manifest { path: path.clone(), line: index + 1 }),
    });
    lines.collect()
}

/// Whether an export could have written a file of this path. What is not is not touched, whatever a manifest says.
fn is_ours(path: &str) -> bool {
    let is_image_list = |rest: &str| {
        let parts: Vec<&str> = rest.split('/').collect();
        matches!(parts[..], [_, _, "isos" | "images", _, file] if file.contains('.'))
    };
    let is_list = |rest: &str| {
        rest.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
            && (rest.contains("/mirrorlists/mirrorlist.") || is_image_list(rest))
    };
    let list = path.strip_prefix("ipv4/").or(path.strip_prefix("ipv6/"));
    list.is_some_and(is_list) || ["repos.json", "clouds_subnets.json"].contains(&path)
}

fn replace(path: &Path, content: &[u8]) -> Result<(), FolderError> {
    // The name begins with a dot and belongs to no list: an importer and a frontend pass it over.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = path.with_file_name(format!(".{}.unfinished", name.trim_start_matches('.')));
    let parent = path.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(parent)
        .and_then(|()| fs::write(&unfinished, content))
        .and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|source| {
        // What is left of it is of no use to anybody; when it cannot be removed the next export overwrites it.
        let _ = fs::remove_file(&unfinished);
        system("write", path, source)
    })
}

fn system(doing: &'static str, path: &Path, source: io::Error) -> FolderError {
    FolderError::System { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ipv4/b/7/os/x86_64/mirrorlists/mirrorlist.de";
    const B: &str = "ipv4/b/8/os/x86_64/mirrorlists/mirrorlist.de";

    fn export(folder: &Path, files: &[(&str, &str)]) -> Result<Written, FolderError> {
        let names = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        let mut open = Folder::open(folder, names)?;
        for (name, content) in files {
            open.write(name, content.as_bytes())?;
        }
        open.finish()
    }

    #[test]
    fn only_what_an_export_wrote_is_removed() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("tree");
        let first = export(&folder, &[(A, "one"), (B, "two"), ("repos.json", "{}")]).unwrap();
        assert_eq!(first, Written { changed_count: 3, same_count: 0, removed_count: 0 });
        fs::write(folder.join("ipv4/b/8/os/README"), "not ours").unwrap();
        let second = export(&folder, &[(A, "one"), ("repos.json", "{ }")]).unwrap();
        assert_eq!(second, Written { changed_count: 1, same_count: 1, removed_count: 1 });
        assert!(!folder.join("ipv4/b/8/os/x86_64").exists(), "empty folders go");
        assert_eq!(fs::read_to_string(folder.join("ipv4/b/8/os/README")).unwrap(), "not ours");
        assert_eq!(fs::read_to_string(folder.join(A)).unwrap(), "one");
    }

    #[test]
    fn files_of_others_are_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("other"), "").unwrap();
        assert!(matches!(export(folder.path(), &[(A, "")]), Err(FolderError::Foreign { .. })));
        fs::remove_file(folder.path().join("other")).unwrap();
        export(folder.path(), &[(A, "")]).unwrap();
        fs::create_dir_all(folder.path().join(B).parent().unwrap()).unwrap();
        fs::write(folder.path().join(B), "theirs").unwrap();
        assert!(matches!(export(folder.path(), &[(A, "2"), (B, "ours")]), Err(FolderError::InTheWay { .. })));
        assert_eq!(fs::read_to_string(folder.path().join(B)).unwrap(), "theirs");
        assert_eq!(fs::read_to_string(folder.path().join(A)).unwrap(), "", "nothing was begun");
    }

    #[test]
    fn a_forged_manifest_removes_nothing() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("tree");
        export(&folder, &[(A, "")]).unwrap();
        fs::write(outer.path().join("precious"), "").unwrap();
        for line in ["../precious", "/etc/passwd", "ipv4/../../precious", "ipv4/./x", "notes", ""] {
            fs::write(folder.join(MANIFEST), format!("{A}\n{line}\n")).unwrap();
            let error = export(&folder, &[(A, "")]).unwrap_err();
            assert!(matches!(error, FolderError::Manifest { line: 2, .. }), "{line}: {error}");
        }
        assert!(outer.path().join("precious").exists());
    }

    #[test]
    fn an_export_that_was_cut_short_is_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        export(folder.path(), &[(A, "1")]).unwrap();
        let mut cut = Folder::open(folder.path(), [B.to_owned()].into()).unwrap();
        cut.write(B, b"2").unwrap();
        drop(cut);
        let whole = export(folder.path(), &[("repos.json", "{}")]).unwrap();
        assert_eq!(whole.removed_count, 2, "both the old file and the one of the cut export");
    }
}
