//! What a store does at its start: it locks the folder, throws away what was never finished, and fills the index.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::key::{Key, ObjectId};
use super::reader;
use super::shared::{DRAFTS, OBJECTS, Shared, State, system};
use super::store::StoreError;
use super::uses;

/// Name of the file that whoever has the store locks.
pub(super) const LOCK: &str = "lock";

/// Makes the folder and locks it. The system drops the lock with the process.
pub(super) fn lock(disk: &dyn Disk, folder: &Path) -> Result<File, StoreError> {
    for name in [OBJECTS, DRAFTS] {
        let path = folder.join(name);
        disk.make_folder(&path).map_err(|source| system("make the folder", &path, source))?;
    }
    let path = folder.join(LOCK);
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(|source| system("open the lock", &path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // Whose lock it is helps the reader; the error stands without it.
            let holder = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(StoreError::Locked { path, holder });
        }
        Err(TryLockError::Error(source)) => return Err(system("lock", &path, source)),
    }
    let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    noted.map_err(|source| system("write the lock", &path, source))?;
    Ok(file)
}

/// Removes drafts that nobody will finish, and puts all objects that are whole into the index, the oldest first. Files
/// with names of objects that are damaged are removed; other files are not touched.
pub(super) fn fill(shared: &Shared, state: &mut State) -> Result<(), StoreError> {
    let drafts = shared.folder.join(DRAFTS);
    for name in list(shared, &drafts)? {
        let path = drafts.join(name);
        shared.disk.remove(&path).map_err(|source| system("remove", &path, source))?;
    }
    let mut found = Vec::new();
    for (id, path) in objects(&*shared.disk, &shared.folder)? {
        let read = match reader::read(&*shared.disk, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            read => read.map_err(|source| system("read", &path, source))?,
        };
        let whole = read.and_then(|object| {
            let key = Key::new(&object.metadata.key)?;
            let variant = &object.metadata.head.variant;
            (ObjectId::of(&key, variant.as_bytes()) == id)
                .then(|| (object.metadata.head.responded_at_ms, key, variant.clone(), object.file_bytes()))
        });
        match whole {
            Some(whole) => found.push(whole),
            None => {
                state.damaged_count += 1;
                shared.disk.remove(&path).map_err(|source| system("remove", &path, source))?;
            }
        }
    }
    found.sort_by_key(|(responded_at_ms, ..)| *responded_at_ms);
    let uses = uses::read(&*shared.disk, &shared.folder);
    for (_, key, variant, file_bytes) in found {
        let (id, removed) = state.index.insert(&key, &variant, file_bytes, shared.stamp());
        shared.remove_files(removed);
        state.index.set_use_count(id, uses.get(&id).copied().unwrap_or(0));
    }
    Ok(())
}

fn list(shared: &Shared, path: &Path) -> Result<Vec<String>, StoreError> {
    shared.disk.list(path).map_err(|source| system("list", path, source))
}

/// Every file in a store's folder that has the name and the place of an object.
pub(super) fn objects(disk: &dyn Disk, folder: &Path) -> Result<Vec<(ObjectId, PathBuf)>, StoreError> {
    let top = folder.join(OBJECTS);
    let mut found = Vec::new();
    let folders = disk.list(&top).map_err(|source| system("list", &top, source))?;
    for name in folders.into_iter().filter(|name| name.len() == 2) {
        let path = top.join(&name);
        let names = match disk.list(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => continue,
            names => names.map_err(|source| system("list", &path, source))?,
        };
        let ids =
            names.into_iter().filter(|file| file.starts_with(&name)).filter_map(|file| ObjectId::from_name(&file));
        found.extend(ids.map(|id| (id, top.join(id.path()))));
    }
    Ok(found)
}
