//! The GeoIP table: the one in the program, a compiled one, or databases that are compiled once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use xxhash_rust::xxh3::xxh3_64;

use crate::answer::GeoBytes;
use crate::geoip::{CheckError, OpenError, Table, mmdb};
use crate::place::Code;
use crate::sys::Map;

/// The table in the program. Data of the IPFire project, CC BY-SA 4.0: see `lists/geoip/README.md`.
static EMBEDDED: &[u8] = include_bytes!("../../lists/geoip/country.table");
/// What compiled tables are named in a state folder, before the key of their databases.
const CACHE_PREFIX: &str = "geoip-";
/// How a file begins that is a table already.
const TABLE_SUFFIX: &str = "table";

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// The system refused.
    #[error("{path}: cannot read the GeoIP database: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A table that is none.
    #[error("{path}: {source}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// A damaged table.
    #[error("{path}: {source}")]
    Check {
        /// Which file.
        path: PathBuf,
        /// What is damaged.
        source: CheckError,
    },
    /// Databases that cannot be compiled.
    #[error("{0}")]
    Compile(#[from] mmdb::CompileError),
}

/// The table in use, kept while its databases stay the same.
#[derive(Default)]
pub struct GeoCache {
    known: Option<(u64, Arc<Table<GeoBytes>>)>,
}

impl GeoCache {
    /// The table for these files (none: the one in the program). Databases are compiled only when they have changed;
    /// with a state folder the result is kept there for the next start. `resolve` names subdivisions of flat databases.
    pub fn table(
        &mut self,
        files: &[PathBuf],
        state: Option<&Path>,
        resolve: &dyn Fn(Code, &str) -> Option<Code>,
    ) -> Result<Arc<Table<GeoBytes>>, GeoError> {
        let key = key(files)?;
        if let Some((known, table)) = &self.known
            && *known == key
        {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(make(files, key, state, resolve)?);
        self.known = Some((key, Arc::clone(&table)));
        Ok(table)
    }
}

/// Changes whenever one of the files does: a hash of names, lengths and times of change.
pub fn key(files: &[PathBuf]) -> Result<u64, GeoError> {
    let mut described = Vec::new();
    for path in files {
        let metadata = fs::metadata(path).map_err(|source| GeoError::Read { path: path.clone(), source })?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let nanos = modified.unwrap_or_default().as_nanos();
        described.extend_from_slice(format!("{}\0{}\0{nanos}\0", path.display(), metadata.len()).as_bytes());
    }
    Ok(xxh3_64(&described))
}

fn make(
    files: &[PathBuf],
    key: u64,
    state: Option<&Path>,
    resolve: &dyn Fn(Code, &str) -> Option<Code>,
) -> Result<Table<GeoBytes>, GeoError> {
    match files {
        [] => open(Path::new("the table in the program"), GeoBytes::Embedded(EMBEDDED)),
        [one] if one.extension().is_some_and(|extension| extension == TABLE_SUFFIX) => open_file(one),
        _ => {
            let kept = state.map(|folder| folder.join(format!("{CACHE_PREFIX}{key:016x}.{TABLE_SUFFIX}")));
            // A kept table that is damaged is as good as none.
            if let Some(table) = kept.as_deref().and_then(|path| open_file(path).ok()) {
                return Ok(table);
            }
            let bytes = mmdb::compile(files, resolve)?;
            if let Some(path) = &kept {
                keep(path, &bytes);
            }
            let memory = Path::new("memory for the compiled GeoIP table");
            let map = Map::copy(&bytes).map_err(|source| GeoError::Read { path: memory.to_owned(), source })?;
            open(memory, GeoBytes::Mapped(map))
        }
    }
}

fn open_file(path: &Path) -> Result<Table<GeoBytes>, GeoError> {
    let map = Map::open(path).map_err(|source| GeoError::Read { path: path.to_owned(), source })?;
    open(path, GeoBytes::Mapped(map))
}

fn open(path: &Path, bytes: GeoBytes) -> Result<Table<GeoBytes>, GeoError> {
    let table = Table::open(bytes).map_err(|source| GeoError::Open { path: path.to_owned(), source })?;
    table.check().map_err(|source| GeoError::Check { path: path.to_owned(), source })?;
    Ok(table)
}

/// Keeps a compiled table for the next start, and forgets those of older databases. It can always be made again, so a
/// failure is only told.
fn keep(path: &Path, bytes: &[u8]) {
    let unfinished = path.with_extension("unfinished");
    if let Err(error) = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path)) {
        eprintln!("geoip state=not_kept file={} error=\"{error}\"", path.display());
        return;
    }
    let Some(entries) = path.parent().and_then(|folder| fs::read_dir(folder).ok()) else { return };
    for other in entries.flatten().map(|entry| entry.path()).filter(|other| other != path) {
        let name = other.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(CACHE_PREFIX) && name.ends_with(TABLE_SUFFIX) {
            // When it stays, it only takes room.
            let _ = fs::remove_file(&other);
        }
    }
}
