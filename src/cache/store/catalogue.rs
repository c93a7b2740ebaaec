//! `Catalogue`: a look at the files of a store that may be in use: nothing is locked and nothing is changed.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::System;
use super::metadata::Metadata;
use super::reader;
use super::scan;
use super::shared::system;
use super::store::StoreError;

/// The files of a store.
#[derive(Debug)]
pub struct Catalogue {
    folder: PathBuf,
}

/// One of them.
#[derive(Debug)]
pub struct Listed {
    /// Where it is.
    pub path: PathBuf,
    /// Its length, bytes, in whole blocks.
    pub file_bytes: u64,
    /// What is known of it.
    pub metadata: Metadata,
    file: File,
    body_offset: u64,
}

impl Catalogue {
    /// Of the store in a folder.
    pub fn of(folder: &Path) -> Catalogue {
        Catalogue { folder: folder.to_owned() }
    }

    /// Hands every object to `each`, or the path of a file that should be one and is damaged, in the order of their
    /// names, for as long as that says true. What goes away meanwhile is passed over.
    pub fn for_each(&self, each: &mut dyn FnMut(Result<Listed, PathBuf>) -> bool) -> Result<(), StoreError> {
        let mut objects = scan::objects(&System, &self.folder)?;
        objects.sort_unstable();
        for (_, path) in objects {
            let found = match File::open(&path).and_then(|file| reader::examine(&System, file)) {
                Ok(Some(found)) => Ok(Listed {
                    file_bytes: found.file_bytes(),
                    body_offset: found.shape.body_offset,
                    path,
                    metadata: found.metadata,
                    file: found.file,
                }),
                Ok(None) => Err(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(system("read", &path, source)),
            };
            if !each(found) {
                break;
            }
        }
        Ok(())
    }
}

impl Listed {
    /// Reads its body and holds it against its checksums.
    pub fn is_body_right(&self) -> Result<bool, StoreError> {
        reader::is_body_right(&System, &self.file, self.body_offset, &self.metadata)
            .map_err(|source| system("read", &self.path, source))
    }
}
