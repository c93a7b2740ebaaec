//! Tables of places and of autonomous systems: the one in the program, compiled ones, or databases that are compiled
//! once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use xxhash_rust::xxh3::xxh3_64;

use crate::answer::GeoBytes;
use crate::geoip::{CheckError, Label, OpenError, Table, mmdb, origins};
use crate::net::Asn;
use crate::place::Code;
use crate::sys::Map;

/// The table in the program. Data of the IPFire project, CC BY-SA 4.0: see `lists/geoip/README.md`.
static EMBEDDED: &[u8] = include_bytes!("../../lists/geoip/country.table");
/// What compiled tables of places are named in a state folder, before the key of their databases.
const GEO_PREFIX: &str = "geoip-";
/// The same of tables of autonomous systems.
const ASN_PREFIX: &str = "asn-";
/// How the name of a file ends that is a table already.
const TABLE_SUFFIX: &str = "table";
/// How the name of a database in MaxMind's format ends.
const MMDB_SUFFIX: &str = "mmdb";

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// The system refused.
    #[error("{path}: cannot read the database: {source}")]
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
    /// Text files that cannot be compiled.
    #[error("{0}")]
    CompileText(#[from] origins::CompileError),
    /// Databases and text files together.
    #[error("{path}: name either `.mmdb` databases or text files with a network and an AS number per line, not both")]
    Mixed {
        /// One of the databases.
        path: PathBuf,
    },
}

/// A table in use, kept while its databases stay the same.
struct Cached<L> {
    known: Option<(u64, Arc<Table<GeoBytes, L>>)>,
}

impl<L> Default for Cached<L> {
    fn default() -> Cached<L> {
        Cached { known: None }
    }
}

impl<L: Label> Cached<L> {
    /// The table with this key, made anew when it is another one than the last time.
    fn table(
        &mut self,
        key: u64,
        make: impl FnOnce() -> Result<Table<GeoBytes, L>, GeoError>,
    ) -> Result<Arc<Table<GeoBytes, L>>, GeoError> {
        if let Some((known, table)) = &self.known
            && *known == key
        {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(make()?);
        self.known = Some((key, Arc::clone(&table)));
        Ok(table)
    }
}

/// The tables in use, kept while their databases stay the same.
#[derive(Default)]
pub struct GeoCache {
    places: Cached<Code>,
    systems: Cached<Asn>,
}

impl GeoCache {
    /// The table of places for these files (none: the one in the program). Databases are compiled only when they have
    /// changed; with a state folder the result is kept there for the next start. `resolve` names subdivisions of flat
    /// databases.
    pub fn table(
        &mut self,
        files: &[PathBuf],
        state: Option<&Path>,
        resolve: &dyn Fn(Code, &str) -> Option<Code>,
    ) -> Result<Arc<Table<GeoBytes>>, GeoError> {
        let key = key(files)?;
        self.places.table(key, || match files {
            [] => open(Path::new("the table in the program"), GeoBytes::Embedded(EMBEDDED)),
            files => make(files, key, state, GEO_PREFIX, &|files| Ok(mmdb::compile(files, resolve)?)),
        })
    }

    /// The table of autonomous systems for these files; none for none. Made and kept as the table of places.
    pub fn asn_table(
        &mut self,
        files: &[PathBuf],
        state: Option<&Path>,
    ) -> Result<Option<Arc<Table<GeoBytes, Asn>>>, GeoError> {
        if files.is_empty() {
            return Ok(None);
        }
        let key = key(files)?;
        self.systems.table(key, || make(files, key, state, ASN_PREFIX, &compile_asns)).map(Some)
    }
}

/// Compiles ASN databases, or text files, into the bytes of a table.
pub fn compile_asns(files: &[PathBuf]) -> Result<Vec<u8>, GeoError> {
    let databases = files.iter().filter(|path| has_suffix(path, MMDB_SUFFIX)).count();
    match files.first() {
        Some(path) if databases > 0 && databases < files.len() => Err(GeoError::Mixed { path: path.clone() }),
        _ if databases > 0 => Ok(mmdb::compile_asns(files)?),
        _ => Ok(origins::compile(files)?),
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

/// Makes the bytes of a table out of databases.
type Compile<'a> = &'a dyn Fn(&[PathBuf]) -> Result<Vec<u8>, GeoError>;

fn make<L: Label>(
    files: &[PathBuf],
    key: u64,
    state: Option<&Path>,
    prefix: &str,
    compile: Compile<'_>,
) -> Result<Table<GeoBytes, L>, GeoError> {
    if let [one] = files
        && has_suffix(one, TABLE_SUFFIX)
    {
        return open_file(one);
    }
    let kept = state.map(|folder| folder.join(format!("{prefix}{key:016x}.{TABLE_SUFFIX}")));
    // A kept table that is damaged is as good as none.
    if let Some(table) = kept.as_deref().and_then(|path| open_file(path).ok()) {
        return Ok(table);
    }
    let bytes = compile(files)?;
    if let Some(path) = &kept {
        keep(path, prefix, &bytes);
    }
    let memory = Path::new("memory for the compiled table");
    let map = Map::copy(&bytes).map_err(|source| GeoError::Read { path: memory.to_owned(), source })?;
    open(memory, GeoBytes::Mapped(map))
}

fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.extension().is_some_and(|extension| extension == suffix)
}

fn open_file<L: Label>(path: &Path) -> Result<Table<GeoBytes, L>, GeoError> {
    let map = Map::open(path).map_err(|source| GeoError::Read { path: path.to_owned(), source })?;
    open(path, GeoBytes::Mapped(map))
}

fn open<L: Label>(path: &Path, bytes: GeoBytes) -> Result<Table<GeoBytes, L>, GeoError> {
    let table = Table::open_labelled(bytes).map_err(|source| GeoError::Open { path: path.to_owned(), source })?;
    table.check().map_err(|source| GeoError::Check { path: path.to_owned(), source })?;
    Ok(table)
}

/// Keeps a compiled table for the next start, and forgets those of older databases. It can always be made again, so a
/// failure is only told.
fn keep(path: &Path, prefix: &str, bytes: &[u8]) {
    let unfinished = path.with_extension("unfinished");
    if let Err(error) = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path)) {
        eprintln!("geoip state=not_kept file={} error=\"{error}\"", path.display());
        return;
    }
    let Some(entries) = path.parent().and_then(|folder| fs::read_dir(folder).ok()) else { return };
    for other in entries.flatten().map(|entry| entry.path()).filter(|other| other != path) {
        let name = other.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(prefix) && name.ends_with(TABLE_SUFFIX) {
            // When it stays, it only takes room.
            let _ = fs::remove_file(&other);
        }
    }
}
