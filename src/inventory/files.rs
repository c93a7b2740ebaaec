//! The files of an inventory: which there are, and their bytes.
//!
//! Lives here: the walk through a `lists/` folder, and its limits. Not here: what is in the files (`block`, `entry`).

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::problem::{Problem, Problems};

/// Longest file that is read, bytes. The largest known, the ranges of a big cloud, has under 2 MiB.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

/// Most files that are read. Picked by feel, not measured.
pub const FILE_COUNT_MAX: usize = 10_000;

/// Why no inventory could be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The folder itself cannot be listed.
    #[error("{}: the folder of lists cannot be read: {source}; name a readable folder", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Every `*.toml` under `folder`, in path order. Symbolic links are followed, each folder is visited once, and what is
/// hidden (`.git`, an editor's `.#x.toml`) is passed over. A folder inside that cannot be listed is a problem.
pub(super) fn find(folder: &Path, problems: &mut Problems) -> Result<Vec<PathBuf>, ReadError> {
    let mut found = Vec::new();
    let mut visited = HashSet::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        match list(&path, &mut visited) {
            Ok((mut folders, files)) => {
                found.extend(files);
                folders.reverse();
                waiting.extend(folders);
            }
            Err(source) if path == folder => return Err(ReadError::Folder { path, source }),
            Err(source) => problems.push(unreadable(&path, "folder", &source)),
        }
    }
    found.sort();
    if let Some(first) = found.get(FILE_COUNT_MAX) {
        problems.push(Problem {
            file: first.clone(),
            line: 0,
            what: "file".to_owned(),
            why: format!("there are more than {FILE_COUNT_MAX} files; this one and all after it are left out"),
            fix: "put more entries into one file".to_owned(),
        });
        found.truncate(FILE_COUNT_MAX);
    }
    Ok(found)
}

/// The folders and the `*.toml` files right in the folder `path`, each sorted; nothing when it was visited before.
fn list(path: &Path, visited: &mut HashSet<PathBuf>) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    if !visited.insert(path.canonicalize()?) {
        return Ok((folders, files));
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            folders.push(path);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    folders.sort();
    files.sort();
    Ok((folders, files))
}

/// The bytes of a file; the problem that keeps it from being read.
pub(super) fn load(path: &Path) -> Result<Vec<u8>, Problem> {
    let bytes = bytes_of(path).map_err(|source| unreadable(path, "file", &source))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Problem {
            file: path.to_owned(),
            line: 0,
            what: "file".to_owned(),
            why: format!("it is longer than {} MiB, and was left out", FILE_BYTES_MAX >> 20),
            fix: "split it".to_owned(),
        });
    }
    Ok(bytes)
}

/// At most one byte more than `FILE_BYTES_MAX` of a regular file.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    // Asked before opening: to open a named pipe is to wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, what: &str, source: &io::Error) -> Problem {
    Problem {
        file: path.to_owned(),
        line: 0,
        what: what.to_owned(),
        why: format!("it cannot be read: {source}"),
        fix: "make it readable, or take it away".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(folder: &Path, found: &[PathBuf]) -> Vec<String> {
        found.iter().map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect()
    }

    #[test]
    fn every_toml_file_is_found_in_path_order() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["z.toml", "b/a.toml", "b/c/d.toml", "a.toml", "a.txt", "b/.hidden.toml", ".git/x.toml", "toml"] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::create_dir(root.join("d.toml")).unwrap();
        let mut problems = Problems::default();
        let found = find(root, &mut problems).unwrap();
        assert_eq!(names(root, &found), ["a.toml", "b/a.toml", "b/c/d.toml", "z.toml"]);
        assert!(problems.into_sorted().is_empty());
    }

    #[test]
    fn a_loop_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/x.toml"), "").unwrap();
        symlink(root, root.join("a/up")).unwrap();
        symlink("self", root.join("self")).unwrap();
        symlink(root.join("a"), root.join("b")).unwrap();
        let mut problems = Problems::default();
        assert_eq!(names(root, &find(root, &mut problems).unwrap()), ["a/x.toml"]);
        assert!(problems.into_sorted().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_a_problem_and_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone.toml");
        symlink("nowhere", &gone).unwrap();
        assert_eq!(find(folder.path(), &mut Problems::default()).unwrap(), std::slice::from_ref(&gone));
        assert_eq!(
            load(&gone).unwrap_err().to_string(),
            format!(
                "{}: file: it cannot be read: No such file or directory (os error 2); \
                 make it readable, or take it away",
                gone.display()
            )
        );
        let device = Path::new("/dev/zero");
        assert_eq!(
            load(device).unwrap_err().to_string(),
            "/dev/zero: file: it cannot be read: not a regular file; make it readable, or take it away"
        );
    }

    #[test]
    fn a_file_may_be_just_so_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.toml");
        let file = File::create(&path).unwrap();
        file.set_len(FILE_BYTES_MAX).unwrap();
        assert_eq!(load(&path).unwrap().len() as u64, FILE_BYTES_MAX);
        file.set_len(FILE_BYTES_MAX + 1).unwrap();
        assert_eq!(
            load(&path).unwrap_err().to_string(),
            format!("{}: file: it is longer than 16 MiB, and was left out; split it", path.display())
        );
    }

    #[test]
    fn without_the_folder_there_is_nothing_to_read() {
        let error = find(Path::new("/nonexistent/lists"), &mut Problems::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/nonexistent/lists: the folder of lists cannot be read: No such file or directory (os error 2); \
             name a readable folder"
        );
    }
}
