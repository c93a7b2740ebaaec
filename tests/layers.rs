//! Uses point down: a module names only modules of lower floors, and siblings on one floor do not know each other.
//!
//! Lives here: reading the map of floors in `src/lib.rs`, and holding every path in `src/` that starts at the crate's
//! root against it. Not here: how a file looks inside (`tidy`).
//!
//! The map is the lines of `src/lib.rs` that begin with `//!`, white space and a number, the floor. Every word on such
//! a line that ends in `/` (a folder) or `.rs` (a file) and holds no other `/` is a module of that floor; the other
//! words, and everything in parentheses, are for people. A line that is indented past the number continues the floor:
//!
//! `lib.rs` is the map itself and `main.rs` stands above all floors; neither needs to be on it.
//!
//! ```text
//! //!   0  sys/ (the only unsafe)  net/ (addresses)
//! //!      place/
//! //!   1  http/ (HTTP/1.1 without I/O)
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Module name (`http`, `main`) → floor.
type Floors = BTreeMap<String, u32>;

/// Reads the map out of the text of `lib.rs`.
fn read_map(lib: &str) -> Result<Floors, String> {
    let mut floors = Floors::new();
    let mut current: Option<(u32, usize)> = None;
    for (index, line) in lib.lines().enumerate() {
        let Some(text) = line.strip_prefix("//!") else { break };
        let indent = text.len() - text.trim_start().len();
        let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
        let rest = &text[indent + digits.len()..];
        let numbered = indent > 0 && !digits.is_empty() && rest.starts_with(char::is_whitespace);
        current = match current {
            _ if numbered => digits.parse().ok().map(|floor| (floor, indent)),
            Some((floor, column)) if indent > column => Some((floor, column)),
            _ => None,
        };
        let Some((floor, _)) = current else { continue };
        for name in module_words(if numbered { rest } else { text }) {
            if floors.insert(name.clone(), floor).is_some() {
                return Err(format!("src/lib.rs:{}: {name} is on the map twice; name each module once", index + 1));
            }
        }
    }
    match floors.is_empty() {
        true => Err("src/lib.rs: no map of floors: write lines such as `//!   0  sys/  net/`".to_string()),
        false => Ok(floors),
    }
}

/// The modules among the words of a line, without what stands in parentheses.
fn module_words(text: &str) -> Vec<String> {
    let mut depth = 0;
    let mut outside = String::new();
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 => outside.push(letter),
            _ => {}
        }
    }
    let words = outside.split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '`'));
    words
        .filter_map(|word| word.strip_suffix('/').or(word.strip_suffix(".rs")))
        .filter(|name| !name.is_empty() && name.chars().all(is_word))
        .map(str::to_string)
        .collect()
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The text without what follows `//` on a line, so that prose may point anywhere. Line numbers stay.
fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// The first names behind a path's root: one, or several when a `{…}` group follows.
fn first_names(after_root: &str) -> Vec<&str> {
    let text = after_root.trim_start();
    let Some(group) = text.strip_prefix('{') else {
        return vec![&text[..text.find(|letter| !is_word(letter)).unwrap_or(text.len())]];
    };
    let mut names = Vec::new();
    let (mut depth, mut expecting, mut at) = (1, true, 0);
    while depth > 0 && at < group.len() {
        let rest = &group[at..];
        let word = &rest[..rest.find(|letter| !is_word(letter)).unwrap_or(rest.len())];
        if expecting && depth == 1 && !word.is_empty() {
            names.push(word);
            expecting = false;
        }
        match rest.chars().next() {
            Some('{') => depth += 1,
            Some('}') => depth -= 1,
            Some(',') if depth == 1 => expecting = true,
            _ => {}
        }
        at += word.len().max(rest.chars().next().map_or(1, char::len_utf8));
    }
    names
}

/// Every name that code in `file` (relative to `src/`) reaches from the crate's root, with its line.
fn names_from_root(file: &Path, text: &str) -> Vec<(usize, String)> {
    let code = without_comments(text);
    let own_name = env!("CARGO_PKG_NAME").replace('-', "_");
    // `src/a/b.rs` is two `super` below the root, `src/a/mod.rs` and `src/a.rs` one.
    let parts = file.components().count();
    let depth = if file.ends_with("mod.rs") { parts - 1 } else { parts };
    let climb = "super::".repeat(depth);
    let roots = ["crate::".to_string(), format!("{own_name}::"), climb];
    let mut found = Vec::new();
    for root in &roots {
        for (at, _) in code.match_indices(root.as_str()) {
            if code[..at].ends_with(is_word) {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let names = first_names(&code[at + root.len()..]);
            // A test module is one `super` deeper: `super::name` then may be a neighbour, `super::super` its parent.
            let climbed = root.starts_with("super");
            let own_folder = file.parent().unwrap_or(Path::new(""));
            // `super::*` brings in a neighbour's items; `crate::*` would bring in the whole house.
            let inside =
                |name: &str| climbed && (["", "super"].contains(&name) || is_module(own_folder, name) || !is_top(name));
            found.extend(names.iter().filter(|name| !inside(name)).map(|name| (line, name.to_string())));
        }
    }
    found
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Whether a folder below `src/` (not `src/` itself) holds the module.
fn is_module(folder: &Path, name: &str) -> bool {
    let path = source_root().join(folder).join(name);
    folder != Path::new("") && (path.is_dir() || path.with_extension("rs").is_file())
}

fn is_top(name: &str) -> bool {
    let path = source_root().join(name);
    path.is_dir() || path.with_extension("rs").is_file()
}

/// What is wrong in one file, as `file:line: rule`.
fn faults_of(floors: &Floors, file: &Path, text: &str) -> Vec<String> {
    let top = file.components().next().map(|part| part.as_os_str().to_string_lossy().to_string()).unwrap_or_default();
    let own = top.trim_end_matches(".rs");
    // The program stands on all floors.
    let Some(own_floor) = floors.get(own).or((own == "main").then_some(&u32::MAX)) else {
        return vec![format!("src/{}:1: {own} is not on the map in src/lib.rs; add it to a floor", file.display())];
    };
    let mut faults = Vec::new();
    for (line, name) in names_from_root(file, text) {
        let here = format!("src/{}:{line}", file.display());
        let (is, do_this) = match floors.get(&name) {
            _ if name == own => continue,
            Some(floor) if floor < own_floor => continue,
            Some(floor) if floor == own_floor => ("a sibling", "let them meet in a noun beneath both"),
            Some(_) => ("a floor above", "pass a trait or a closure down instead"),
            None => ("not a module on the map in src/lib.rs", "name the module that holds it"),
        };
        faults.push(format!("{here}: {own} names {name}, which is {is}; {do_this}"));
    }
    faults
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).expect("src/ can be listed").map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn uses_point_down() {
    let root = source_root();
    let floors = read_map(&fs::read_to_string(root.join("lib.rs")).unwrap()).unwrap_or_else(|fault| panic!("{fault}"));
    let mut faults: Vec<String> = floors
        .keys()
        .filter(|name| !is_top(name))
        .map(|name| format!("src/lib.rs: {name} is on the map, but src/{name}/ and src/{name}.rs do not exist"))
        .collect();
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    for path in files {
        let file = path.strip_prefix(&root).unwrap();
        if file != Path::new("lib.rs") {
            faults.extend(faults_of(&floors, file, &fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_map_is_read() {
    let lib = [
        "//! A house, by floors. 2 is not a floor here.",
        "//!",
        "//!   0  sys/ (unsafe, see tests/), net/",
        "//!      dice.rs",
        "//! Prose about http/ again.",
        "//!  10  `http/`  src/other.rs",
        "pub mod sys;",
        "//! 3 late/",
    ]
    .join("\n");
    let expected = [("dice", 0), ("http", 10), ("net", 0), ("sys", 0)];
    assert_eq!(read_map(&lib).unwrap(), expected.map(|(name, floor)| (name.to_string(), floor)).into());
    assert!(read_map("//! No map.\n").unwrap_err().contains("no map of floors"));
    assert!(read_map("//! 0 net/\n//! 1 net/\n").unwrap_err().starts_with("src/lib.rs:2: net is on the map twice"));
}

#[test]
fn names_up_and_sideways_are_faults() {
    let floors: Floors = [("sys", 0), ("net", 0), ("http", 1)].map(|(n, f)| (n.to_string(), f)).into();
    let faults = |file: &str, text: &str| faults_of(&floors, Path::new(file), text);
    let none: Vec<String> = Vec::new();
    assert_eq!(faults("http/head.rs", "use crate::net::Url;\nuse crate::{sys, http::Body};\n// crate::main\n"), none);
    assert_eq!(faults("main.rs", "use mirrorlistd::{http, net};\n"), none);
    let up = faults("net/url.rs", "//! Text.\n\nfn f() { crate::http::parse() }\n");
    assert_eq!(
        up,
        ["src/net/url.rs:3: net names http, which is a floor above; pass a trait or a closure down instead"]
    );
    let grouped = faults("net/mod.rs", "use std::{io, fs};\nuse crate::{\n    net::{Url, http},\n    sys,\n};\n");
    assert_eq!(grouped.len(), 1, "{grouped:?}");
    assert!(grouped[0].starts_with("src/net/mod.rs:2: net names sys, which is a sibling"));
    assert_eq!(faults("net/url.rs", "use crate::*;\n").len(), 1);
    assert_eq!(faults("net.rs", "mod tests { use super::*; }\n"), none);
    assert!(faults("net/url.rs", "use crate::Thing;\n")[0].contains("not a module on the map"));
    assert!(faults("odd.rs", "")[0].starts_with("src/odd.rs:1: odd is not on the map"));
}

#[test]
fn climbing_to_the_root_is_seen() {
    // `place` and `inventory` are real folders: a climb is told from a neighbour by looking.
    let floors: Floors = [("place", 0), ("inventory", 2)].map(|(n, f)| (n.to_string(), f)).into();
    for (file, text) in
        [("place/mod.rs", "use super::inventory;\n"), ("place/code.rs", "use super::super::inventory;\n")]
    {
        let faults = faults_of(&floors, Path::new(file), text);
        assert_eq!(faults.len(), 1, "{file}: {faults:?}");
        assert!(faults[0].contains("place names inventory, which is a floor above"));
    }
    assert!(faults_of(&floors, Path::new("place/mod.rs"), "mod tests { use super::code; use super::*; }").is_empty());
}
