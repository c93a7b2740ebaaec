//! `mirrorlistd cache`: what is in the proxy's cache.
//!
//! `ls`, `stat` and `verify` read files and change nothing: they may be used while a proxy runs. `purge` takes the
//! cache's lock; in a running proxy the method PURGE removes. `prefetch` asks a running proxy (`prefetch.rs`).

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::failure::Failure;
use super::prefetch;
use crate::cache::store::{Catalogue, Key, Limits, Listed, Store};

/// See, check and empty the proxy's cache.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List objects: status, bytes of the body, when it was fetched or confirmed last, tag, key; separated by tabs.
    Ls(LsArgs),
    /// Tell how many objects there are and how much they take, in all and by tag.
    Stat(StatArgs),
    /// Remove objects from the cache of a proxy that does not run.
    Purge(PurgeArgs),
    /// Read every object and hold it against its checksums; exit 1 when one is damaged.
    Verify(VerifyArgs),
    /// Have a running proxy fetch a repo's metadata and packages before clients ask for them.
    Prefetch(prefetch::Args),
}

/// What to list.
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// Folder of the cache: `cache_dir` of the configuration.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Only objects whose keys begin so.
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: String,
}

/// What to count.
#[derive(Debug, clap::Args)]
pub struct StatArgs {
    /// Folder of the cache: `cache_dir` of the configuration.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// What to remove.
#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, multiple = true, args = ["keys", "prefixes", "damaged"])]
pub struct PurgeArgs {
    /// Folder of the cache: `cache_dir` of the configuration.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The objects of these keys, as `ls` lists them.
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// Every object whose key begins so; may be repeated. An empty text is the beginning of all.
    #[arg(long = "prefix", value_name = "TEXT")]
    prefixes: Vec<String>,
    /// Every object that `verify` finds damaged.
    #[arg(long)]
    damaged: bool,
}

/// What to check.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// Folder of the cache: `cache_dir` of the configuration.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Only objects whose keys begin so.
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: String,
}

/// Runs the command.
pub fn run(command: &Command) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let done = match command {
        Command::Ls(args) => list(args, &mut out),
        Command::Stat(args) => stat(args, &mut out),
        Command::Purge(args) => purge(args, &mut out),
        Command::Verify(args) => verify(args, &mut out),
        Command::Prefetch(args) => prefetch::run(args, &mut out),
    };
    // Who reads no further wants no more.
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::System(format!("standard output: cannot write to it: {error}")))
        }
        _ => done,
    }
}

fn list(args: &LsArgs, out: &mut impl Write) -> Result<(), Failure> {
    Catalogue::of(&args.folder).for_each(&mut |found| {
        let Ok(object) = found else { return true };
        let metadata = &object.metadata;
        if !metadata.key.starts_with(&args.prefix) {
            return true;
        }
        let at = UNIX_EPOCH + Duration::from_millis(metadata.head.responded_at_ms.min(MILLIS_MAX));
        let (status, bytes, tag) = (metadata.head.status, metadata.body_bytes, &metadata.label.tag);
        // What cannot be written is found out when all is flushed.
        writeln!(out, "{status}\t{bytes}\t{}\t{tag}\t{}", httpdate::fmt_http_date(at), metadata.key).is_ok()
    })?;
    Ok(())
}

/// The end of the year 9999, milliseconds since 1970: no date is later.
const MILLIS_MAX: u64 = 253_402_300_799_000;

#[derive(Default)]
struct Tally {
    count: u64,
    body_bytes: u64,
    file_bytes: u64,
}

impl Tally {
    fn add(&mut self, object: &Listed) {
        self.count += 1;
        self.body_bytes += object.metadata.body_bytes;
        self.file_bytes += object.file_bytes;
    }
}

fn stat(args: &StatArgs, out: &mut impl Write) -> Result<(), Failure> {
    let (mut all, mut by_tag, mut damaged) = (Tally::default(), BTreeMap::<String, Tally>::new(), 0);
    Catalogue::of(&args.folder).for_each(&mut |found| {
        match found {
            Ok(object) => {
                all.add(&object);
                by_tag.entry(object.metadata.label.tag.clone()).or_default().add(&object);
            }
            Err(_) => damaged += 1,
        }
        true
    })?;
    let mut text = format!(
        "objects     {}\nbody bytes  {}\nfile bytes  {}\ndamaged     {damaged}\n",
        all.count, all.body_bytes, all.file_bytes
    );
    for (tag, tally) in by_tag.iter().filter(|(tag, _)| !tag.is_empty()) {
        text += &format!("tag         {tag}: {} objects, {} bytes\n", tally.count, tally.file_bytes);
    }
    write(out, &text)
}

fn purge(args: &PurgeArgs, out: &mut impl Write) -> Result<(), Failure> {
    require_folder(&args.folder)?;
    let bad_keys = if args.damaged { examine(&args.folder, "")?.bad_keys } else { Vec::new() };
    // Nothing is to be evicted here.
    let limits = Limits { cache_bytes_max: u64::MAX, object_bytes_max: u64::MAX, ..Limits::default() };
    let store = Store::open(&args.folder, limits)?;
    let mut count = if args.damaged { store.usage().damaged_count } else { 0 };
    for text in args.keys.iter().chain(&bad_keys) {
        let removed = Key::new(text).is_some_and(|key| store.remove(&key));
        if !removed {
            eprintln!("mirrorlistd: nothing is stored for {text}");
        }
        count += u64::from(removed);
    }
    for prefix in &args.prefixes {
        count += store.remove_prefix(prefix)?;
    }
    write(out, &format!("removed {count}\n"))?;
    if count == 0 { Err(Failure::Input("there was nothing to remove".to_owned())) } else { Ok(()) }
}

/// What reading everything shows.
#[derive(Default)]
struct Examination {
    good_count: u64,
    /// Of objects whose bodies are not what they were.
    bad_keys: Vec<String>,
    /// Files whose heads are not what they were, or that are too short or too long.
    bad_files: Vec<PathBuf>,
}

fn examine(folder: &Path, prefix: &str) -> Result<Examination, Failure> {
    let mut examination = Examination::default();
    let mut failed = None;
    Catalogue::of(folder).for_each(&mut |found| {
        match found {
            Ok(object) if !object.metadata.key.starts_with(prefix) => {}
            Ok(object) => match object.is_body_right() {
                Ok(true) => examination.good_count += 1,
                Ok(false) => examination.bad_keys.push(object.metadata.key),
                Err(error) => failed = Some(error),
            },
            Err(path) => examination.bad_files.push(path),
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(examination), |error| Err(error.into()))
}

fn verify(args: &VerifyArgs, out: &mut impl Write) -> Result<(), Failure> {
    let Examination { good_count, bad_keys, bad_files } = examine(&args.folder, &args.prefix)?;
    let bad_count = bad_keys.len() + bad_files.len();
    let mut text = format!("whole    {good_count}\ndamaged  {bad_count}\n");
    bad_keys.iter().for_each(|key| text += &format!("body of {key}\n"));
    bad_files.iter().for_each(|path| text += &format!("head in {}\n", path.display()));
    write(out, &text)?;
    match bad_count {
        0 => Ok(()),
        _ => Err(Failure::Input(format!(
            "objects that are damaged: {bad_count}; `mirrorlistd cache purge --damaged` removes them"
        ))),
    }
}

/// Asking for what is in a folder that is not there must not make one.
fn require_folder(folder: &Path) -> Result<(), Failure> {
    match folder.join("objects").is_dir() {
        true => Ok(()),
        false => Err(Failure::Input(format!("{}: there is no cache here", folder.display()))),
    }
}

fn write(out: &mut impl Write, text: &str) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::System(format!("standard output: cannot write to it: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::cache::semantics::Variant;
    use crate::cache::store::{Head, Label, Lookup};
    use crate::http::{FieldBlock, Fields};

    fn cache() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Limits::default()).unwrap();
        for (name, status, tag) in [("http://a/1", 200, "x"), ("http://a/2", 404, "x"), ("http://b/1", 200, "")] {
            let Lookup::Miss(mut draft) = store.lookup(&Key::new(name).unwrap(), Fields::NONE) else {
                panic!("{name}")
            };
            let (fields, variant) = (FieldBlock::new(), Variant::default());
            let head = Head { status, fields, variant, requested_at_ms: 0, responded_at_ms: 784_111_777_000 };
            draft.begin(head, Label { class: 0, tag: tag.to_owned() }, Some(10), false).unwrap();
            draft.append(name.as_bytes()).unwrap();
            draft.commit(None).unwrap();
        }
        folder
    }

    fn told(run: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>) -> (Option<String>, Vec<String>) {
        let mut out = Vec::new();
        let failure = run(&mut out).err().map(|failure| failure.to_string());
        let mut lines: Vec<String> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        (failure, lines)
    }

    fn purge_args(folder: &Path) -> PurgeArgs {
        PurgeArgs { folder: folder.to_owned(), keys: Vec::new(), prefixes: Vec::new(), damaged: false }
    }

    #[test]
    fn ls_and_stat_tell_of_objects() {
        let folder = cache();
        let _in_use = Store::open(folder.path(), Limits::default()).unwrap();
        let args = |prefix: &str| LsArgs { folder: folder.path().to_owned(), prefix: prefix.to_owned() };
        let (failure, lines) = told(|out| list(&args(""), out));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(failure, None);
        assert_eq!(
            lines,
            [
                format!("200\t10\t{date}\t\thttp://b/1"),
                format!("200\t10\t{date}\tx\thttp://a/1"),
                format!("404\t10\t{date}\tx\thttp://a/2"),
            ]
        );
        assert_eq!(told(|out| list(&args("http://a/"), out)).1.len(), 2);
        let (_, lines) = told(|out| stat(&StatArgs { folder: folder.path().to_owned() }, out));
        let expected = [
            "body bytes  30",
            "damaged     0",
            "file bytes  24576",
            "objects     3",
            "tag         x: 2 objects, 16384 bytes",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn verify_finds_damage_and_purge_removes_it() {
        let folder = cache();
        let verify =
            || told(|out| verify(&VerifyArgs { folder: folder.path().to_owned(), prefix: String::new() }, out));
        assert_eq!(verify(), (None, vec!["damaged  0".to_owned(), "whole    3".to_owned()]));
        let mut paths = Vec::new();
        let mut note = |found: Result<Listed, PathBuf>| {
            paths.extend(found.ok().map(|object| (object.metadata.key, object.path)));
            true
        };
        Catalogue::of(folder.path()).for_each(&mut note).unwrap();
        paths.sort();
        let damage = |path: &Path, at: u64| {
            std::fs::File::options().write(true).open(path).unwrap().write_all_at(b"\0", at).unwrap();
        };
        damage(&paths[0].1, 4096);
        damage(&paths[1].1, 0);
        let (failure, lines) = verify();
        assert!(failure.unwrap().contains("damaged: 2"));
        let expected = [
            "body of http://a/1".to_owned(),
            "damaged  2".into(),
            format!("head in {}", paths[1].1.display()),
            "whole    1".into(),
        ];
        assert_eq!(lines, expected);
        let args = PurgeArgs { damaged: true, ..purge_args(folder.path()) };
        assert_eq!(told(|out| purge(&args, out)), (None, vec!["removed 2".to_owned()]));
        assert_eq!(verify().1, ["damaged  0", "whole    1"]);
    }

    #[test]
    fn purge_removes_what_it_is_told_to() {
        let folder = cache();
        let in_use = Store::open(folder.path(), Limits::default()).unwrap();
        let args = PurgeArgs { keys: vec!["http://b/1".to_owned()], ..purge_args(folder.path()) };
        assert!(matches!(purge(&args, &mut Vec::new()), Err(Failure::Guard(_))), "a proxy runs");
        drop(in_use);
        assert_eq!(told(|out| purge(&args, out)), (None, vec!["removed 1".to_owned()]));
        assert!(told(|out| purge(&args, out)).0.unwrap().contains("nothing to remove"));
        let args = PurgeArgs { prefixes: vec!["http://a/".to_owned()], ..purge_args(folder.path()) };
        assert_eq!(told(|out| purge(&args, out)).1, ["removed 2"]);
        let missing = folder.path().join("missing");
        assert!(matches!(purge(&purge_args(&missing), &mut Vec::new()), Err(Failure::Input(_))));
        assert!(!missing.exists());
        let args = StatArgs { folder: missing };
        assert!(matches!(stat(&args, &mut Vec::new()), Err(Failure::Input(_))));
    }
}
