//! Files read with a limit, and why one could not be imported.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why an import ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file or folder that the importer cannot do without could not be read.
    #[error("{}: cannot be read: {source}; give the folder or file as its publisher lays it out", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than any honest one.
    #[error("{}: larger than {bytes_max} bytes; this is not the file it should be", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        bytes_max: usize,
    },
    /// The content is not in the format it should be in.
    #[error("{file}: {reason}")]
    Format {
        /// The file, or what stands for it.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder holds more files than any honest one.
    #[error("{}: more than {count_max} files; this is not the folder it should be", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// The limit.
        count_max: usize,
    },
}

impl ImportError {
    /// A format error in `file`.
    pub(super) fn format(file: &str, reason: impl Into<String>) -> ImportError {
        ImportError::Format { file: file.to_owned(), reason: reason.into() }
    }

    /// Whether this only says that the file is not there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, ImportError::Read { source, .. }
            if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
    }
}

/// The whole file, when it is a regular one of at most `bytes_max` bytes.
pub(super) fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, ImportError> {
    let failed = |source| ImportError::Read { path: path.to_owned(), source };
    // Asked before opening: opening a named pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() > bytes_max {
        true => Err(ImportError::TooLarge { path: path.to_owned(), bytes_max }),
        false => Ok(bytes),
    }
}

/// Like `read`, for a file of UTF-8 text.
pub(super) fn read_text(path: &Path, bytes_max: usize) -> Result<String, ImportError> {
    String::from_utf8(read(path, bytes_max)?)
        .map_err(|error| ImportError::format(&path.display().to_string(), format!("not UTF-8: {error}")))
}

/// Names of the files in a folder, sorted; those that are not UTF-8 in replacement characters.
pub(super) fn names(folder: &Path, count_max: usize) -> Result<Vec<String>, ImportError> {
    let failed = |source| ImportError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
        if names.len() > count_max {
            return Err(ImportError::TooMany { path: folder.to_owned(), count_max });
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(matches!(read(&path, 4), Err(ImportError::TooLarge { bytes_max: 4, .. })));
        assert!(read(&folder.path().join("none"), 5).unwrap_err().is_missing());
        assert!(matches!(read(folder.path(), 5), Err(ImportError::Read { .. })));
    }

    #[test]
    fn names_come_sorted_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "a"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(names(folder.path(), 2).unwrap(), ["a", "b"]);
        assert!(matches!(names(folder.path(), 1), Err(ImportError::TooMany { count_max: 1, .. })));
    }
}
