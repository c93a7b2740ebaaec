//! `Catalog`: the images of one folder, as its master's checksum file lists them and its server tells of them.
//!
//! Lives here: what is known of them, the marks by which generations are told apart, and how a catalog is kept. Not
//! here: checksum files (`crawl`), who has the images (verdicts, as of repos).

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Transaction, params};
use sha2::{Digest as _, Sha256};

use super::row;
use super::state::{State, StateError};
use super::subject::{RepoId, RepoKey};
use super::truth::{Digest, Shown, Truth};
use crate::snapshot::DigestKind;

/// The images of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Name of the checksum file that lists them.
    pub checksum_file: String,
    /// Name of a torrent that is for more than one of them.
    pub torrent: Option<String>,
    /// When the master last answered, seconds since 1970.
    pub answered: u64,
    /// Since when the images are what they are, seconds since 1970.
    pub changed: u64,
    /// By name. Not empty.
    pub images: BTreeMap<String, Original>,
}

/// An image at its master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Original {
    /// Its length, bytes.
    pub bytes: u64,
    /// When it was changed, seconds since 1970; none when the master does not say.
    pub modified: Option<u64>,
    /// Its digest in hexadecimal, lower case; none when only kinds that nobody verifies are known.
    pub digest: Option<(DigestKind, String)>,
    /// Name of its torrent.
    pub torrent: Option<String>,
}

impl Original {
    /// What tells this generation of an image from another: a digest of all that is compared with mirrors, and of the
    /// digest.
    pub fn mark(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update(self.bytes.to_le_bytes());
        hash.update(self.modified.unwrap_or_default().to_le_bytes());
        hash.update(self.digest.as_ref().map_or("", |(_, digits)| digits));
        hash.finalize().into()
    }

    /// As the truth that mirrors are held against: its mark stands for the digest of a file, the time of its change
    /// for a timestamp.
    pub fn truth(&self, catalog: &Catalog) -> Truth {
        truth(self.mark(), self.bytes, self.modified.unwrap_or_default(), catalog)
    }
}

impl Catalog {
    /// What tells this generation of the folder from another.
    pub fn mark(&self) -> Digest {
        let mut hash = Sha256::new();
        for (name, image) in &self.images {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update(image.mark());
        }
        hash.finalize().into()
    }

    /// The folder's own truth.
    pub fn truth(&self) -> Truth {
        truth(self.mark(), 0, 0, self)
    }

    /// Takes the place of what was known before. Whether any image is another one.
    pub fn follow(&mut self, before: Option<&Catalog>) -> bool {
        let same = before.filter(|before| before.mark() == self.mark());
        self.changed = same.map_or(self.answered, |before| before.changed);
        same.is_none()
    }
}

fn truth(mark: Digest, bytes: u64, timestamp: u64, catalog: &Catalog) -> Truth {
    let Catalog { answered, changed, .. } = *catalog;
    let shown = Shown { sha256: mark, sha512: [0; 64], bytes, timestamp, first_seen: changed, last_seen: answered };
    Truth { shown: vec![shown], answered, changed }
}

impl State {
    /// What masters have shown of folders of images.
    pub fn catalogs(&self) -> Result<HashMap<RepoId, Catalog>, StateError> {
        self.doing("read the catalogs", |connection| {
            let mut catalogs = HashMap::new();
            // A reader may come before the crawler that adds the tables.
            let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'catalogs'";
            if connection.query_row(sql, (), |row| row.get::<_, i64>(0))? == 0 {
                return Ok(catalogs);
            }
            let sql = "SELECT repo, checksum_file, torrent, answered, changed FROM catalogs";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(())?;
            while let Some(one) = rows.next()? {
                let catalog = Catalog {
                    checksum_file: one.get(1)?,
                    torrent: one.get(2)?,
                    answered: row::unsigned(one, 3)?,
                    changed: row::unsigned(one, 4)?,
                    images: BTreeMap::new(),
                };
                catalogs.insert(RepoId(one.get(0)?), catalog);
            }
            let sql = "SELECT folder, name, bytes, modified, digest_kind, digest, torrent FROM images";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(())?;
            while let Some(one) = rows.next()? {
                // Foreign keys see to it that every image has its folder.
                let Some(catalog) = catalogs.get_mut(&RepoId(one.get(0)?)) else { continue };
                let kind = row::named_or_none(one, 4, DigestKind::named)?;
                let digits: Option<String> = one.get(5)?;
                let modified = row::unsigned(one, 3)?;
                let original = Original {
                    bytes: row::unsigned(one, 2)?,
                    modified: Some(modified).filter(|&at| at != 0),
                    digest: kind.zip(digits),
                    torrent: one.get(6)?,
                };
                catalog.images.insert(one.get(1)?, original);
            }
            Ok(catalogs)
        })
    }
}

/// Keeps what a master has shown of a folder. Images that it no longer lists are forgotten, with all verdicts: names of
/// images change with every build, and what is gone does not come back.
pub(super) fn put(transaction: &Transaction<'_>, folder: RepoId, catalog: &Catalog) -> rusqlite::Result<()> {
    let upsert = "INSERT INTO catalogs (repo, checksum_file, torrent, answered, changed)
                  VALUES (?1, ?2, ?3, ?4, ?5)
                  ON CONFLICT DO UPDATE SET checksum_file = ?2, torrent = ?3, answered = ?4, changed = ?5";
    let Catalog { checksum_file, torrent, answered, changed, images } = catalog;
    let [answered, changed] = [answered, changed].map(|one| row::number(*one));
    let mut upsert = transaction.prepare_cached(upsert)?;
    upsert.execute(params![folder.0, checksum_file, torrent, answered, changed])?;
    transaction.prepare_cached("DELETE FROM images WHERE folder = ?1")?.execute([folder.0])?;
    let insert = "INSERT INTO images (folder, name, bytes, modified, digest_kind, digest, torrent)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = transaction.prepare_cached(insert)?;
    for (name, Original { bytes, modified, digest, torrent }) in images {
        let [bytes, modified] = [*bytes, modified.unwrap_or_default()].map(row::number);
        let (kind, digits) = digest.as_ref().map(|(kind, digits)| (kind.name(), digits)).unzip();
        insert.execute(params![folder.0, name, bytes, modified, kind, digits, torrent])?;
    }
    forget(transaction, folder, catalog)
}

/// Forgets the images of a folder that its catalog does not have.
fn forget(transaction: &Transaction<'_>, folder: RepoId, catalog: &Catalog) -> rusqlite::Result<()> {
    let sql = "SELECT release, arch, repo FROM repos WHERE id = ?1";
    let key = transaction
        .prepare_cached(sql)?
        .query_row([folder.0], |row| Ok(RepoKey { release: row.get(0)?, arch: row.get(1)?, repo: row.get(2)? }))?;
    let sql = "SELECT id, substr(repo, length(?3) + 1) FROM repos
               WHERE release = ?1 AND arch = ?2 AND substr(repo, 1, length(?3)) = ?3 AND repo <> ?3";
    let mut statement = transaction.prepare_cached(sql)?;
    let all = statement
        .query_map([&key.release, &key.arch, &key.repo], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?)))?;
    for one in all.collect::<rusqlite::Result<Vec<_>>>()? {
        if catalog.images.contains_key(&one.1) {
            continue;
        }
        for sql in [
            "DELETE FROM verdicts WHERE repo = ?1",
            "DELETE FROM history WHERE repo = ?1",
            "DELETE FROM repos WHERE id = ?1",
        ] {
            transaction.prepare_cached(sql)?.execute([one.0])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdicts::state::tests::observation;
    use crate::verdicts::{Damping, Finding, Learned, Observation};

    fn catalog(names: &[&str], bytes: u64) -> Catalog {
        let original = Original {
            bytes,
            modified: Some(1_700_000_000),
            digest: Some((DigestKind::Sha256, "ab".repeat(32))),
            torrent: None,
        };
        let images = names.iter().map(|&name| (name.to_owned(), original.clone())).collect();
        Catalog { checksum_file: "CHECKSUM".into(), torrent: None, answered: 100, changed: 100, images }
    }

    fn keep(state: &mut State, folder: RepoId, catalog: &Catalog, seen: &[Observation]) {
        let learned = Learned { catalogs: vec![(folder, catalog)], ..Learned::default() };
        state.keep(&learned, seen, &Damping::default()).unwrap();
    }

    #[test]
    fn a_catalog_is_kept_and_forgets_what_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = State::open(folder.path()).unwrap();
        let mirror = state.mirror("m").unwrap();
        let repo = state.repo(&RepoKey { release: "9".into(), arch: "x".into(), repo: "baseos".into() }).unwrap();
        let key = RepoKey::of_folder("alma", "9", "isos", "x");
        let shelf = state.repo(&key).unwrap();
        let images = ["a.iso", "b.iso"].map(|name| state.repo(&key.of_image(name)).unwrap());
        assert_eq!(state.catalogs().unwrap(), HashMap::new());
        let mut full = catalog(&["a.iso", "b.iso"], 7);
        full.images.get_mut("b.iso").unwrap().digest = None;
        full.images.get_mut("b.iso").unwrap().torrent = Some("b.torrent".into());
        keep(&mut state, shelf, &full, &[]);
        assert_eq!(state.catalogs().unwrap()[&shelf], full);
        let seen: Vec<_> =
            [repo, shelf, images[0], images[1]].map(|repo| observation(mirror.0, repo.0, Finding::Same, 200)).to_vec();
        keep(&mut state, shelf, &full, &seen);
        keep(&mut state, shelf, &catalog(&["a.iso"], 7), &[]);
        let left = state.verdicts().unwrap();
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(left.keys().all(|subject| subject.repo != images[1]));
        assert!(!state.repos().unwrap().contains_key(&key.of_image("b.iso")));
        assert_eq!(state.history(mirror, None, 9).unwrap().len(), 3);
        drop(state);
        assert_eq!(State::read(folder.path()).unwrap().catalogs().unwrap()[&shelf].images.len(), 1);
    }

    #[test]
    fn a_state_of_version_1_is_brought_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = State::open(folder.path()).unwrap();
        let key = RepoKey { release: "9".into(), arch: "x".into(), repo: "baseos".into() };
        let repo = state.repo(&key).unwrap();
        drop(state);
        let file = folder.path().join("verdicts.sqlite");
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection
            .execute_batch("DROP TABLE images; DROP TABLE catalogs; DROP TABLE expiries; PRAGMA user_version = 1")
            .unwrap();
        drop(connection);
        // Who only reads finds no images in it.
        assert_eq!(State::read(folder.path()).unwrap().catalogs().unwrap(), HashMap::new());
        for _ in 0..2 {
            let mut state = State::open(folder.path()).unwrap();
            assert_eq!(state.repos().unwrap()[&key], repo, "what was there stays");
            let shelf = state.repo(&RepoKey::of_folder("alma", "9", "isos", "x")).unwrap();
            keep(&mut state, shelf, &catalog(&["a.iso"], 7), &[]);
            assert_eq!(state.catalogs().unwrap().len(), 1);
        }
        let connection = rusqlite::Connection::open(&file).unwrap();
        let version: i64 = connection.query_row("PRAGMA user_version", (), |row| row.get(0)).unwrap();
        assert_eq!(version, 2);
    }

    #[test]
    fn marks_tell_generations_apart() {
        let one = catalog(&["a.iso"], 7);
        let (mut same, mut other) = (Catalog { answered: 200, ..one.clone() }, catalog(&["a.iso"], 8));
        assert!(!same.follow(Some(&one)) && same.changed == 100);
        other.answered = 300;
        assert!(other.follow(Some(&one)) && other.changed == 300);
        assert!(same.follow(None) && same.changed == 200);
        assert_ne!(catalog(&["a"], 7).mark(), catalog(&["a", "b"], 7).mark());
        let truth = one.images["a.iso"].truth(&one);
        let shown = truth.current().unwrap();
        assert_eq!((shown.bytes, shown.timestamp, truth.answered), (7, 1_700_000_000, 100));
    }
}
