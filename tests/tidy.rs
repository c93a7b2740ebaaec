//! The looks of the house: what every file begins with, how long it may be, and what may not stand in it.
//!
//! Lives here: rules that can be checked line by line, each with a sample that breaks it. Not here: which module may
//! name which (`layers`), and what rustfmt and clippy check.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file at most.
const LINES_MAX: usize = 600;
/// Columns of a source line at most, in characters.
const COLUMNS_MAX: usize = 120;
/// Files that are tables, which no split would make easier to read: exempt from `LINES_MAX` and `COLUMNS_MAX`.
const TABLES: &[&str] = &[];
/// Files outside `src/sys/` that may hold unsafe code: what is measured or measures, never the product.
const UNSAFE_FILES: &[&str] = &["tools/null-server.rs", "tests/allocation.rs"];
/// What may stand at the top of the repository.
const TOP_ENTRIES: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "src",
    "lists",
    "bench",
    "tests",
    "tools",
    "docs",
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    ".ci",
    ".gitignore",
    ".rustfmt.toml",
    // Made on every machine, in no clone.
    ".git",
    "target",
];
/// Folders with source files.
const SOURCE_FOLDERS: &[&str] = &["src", "tests", "bench", "tools"];
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];
/// Work left for later. In two halves, so that this file does not break its own rule.
const LEFTOVERS: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("db", "g!"),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
];
/// The word that only `src/sys` may say.
const UNSAFE: &str = concat!("un", "safe");
/// What ends a program, and so needs a proof in a comment above.
const PANICS: &[&str] =
    &[concat!(".un", "wrap()"), concat!(".exp", "ect("), concat!("pan", "ic!("), concat!("unreach", "able!(")];

/// What is wrong in one file, as `file:line: rule`. `file` is relative to the repository's top, with `/`.
fn faults_of(file: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |line: usize, rule: String| faults.push(format!("{file}:{line}: {rule}"));
    let rust = file.ends_with(".rs");
    let lines: Vec<&str> = text.lines().collect();
    if rust && !lines.first().is_some_and(|line| line.starts_with("//!")) {
        fault(1, "begins without `//!`; say what lives here and what does not".into());
    }
    if !TABLES.contains(&file) {
        if lines.len() > LINES_MAX {
            fault(lines.len(), format!("over {LINES_MAX} lines; is it two nouns?"));
        }
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.chars().count() > COLUMNS_MAX) {
            fault(index + 1, format!("{} columns, at most {COLUMNS_MAX}", line.chars().count()));
        }
    }
    for (index, line) in lines.iter().enumerate() {
        for leftover in LEFTOVERS.iter().filter(|leftover| line.contains(**leftover)) {
            fault(index + 1, format!("{leftover}: finish it, or say in prose what is not there"));
        }
    }
    let path = Path::new(file);
    let name = match path.file_name() {
        Some(name) if name == "mod.rs" => path.parent().and_then(Path::file_name),
        _ => path.file_stem(),
    };
    if name.is_some_and(|name| EMPTY_NAMES.iter().any(|empty| name == *empty)) {
        fault(1, "a name that says nothing; name the noun that lives here".into());
    }
    if rust && !file.starts_with("src/sys/") && !UNSAFE_FILES.contains(&file) {
        for (index, _) in lines.iter().enumerate().filter(|(_, line)| has_word(code_of(line), UNSAFE)) {
            fault(index + 1, format!("only src/sys may say {UNSAFE}"));
        }
    }
    if rust && file.starts_with("src/") && !is_test_file(path) {
        let tests = test_lines(&lines);
        for (index, line) in lines.iter().enumerate().filter(|(index, _)| !tests[*index]) {
            let proven = index > 0 && lines[index - 1].trim_start().starts_with("// ");
            for panic in PANICS.iter().filter(|panic| code_of(line).contains(**panic)) {
                if !proven {
                    fault(index + 1, format!("{panic} without a comment on the line above that proves it"));
                }
            }
        }
    }
    faults
}

/// The line up to a comment. An address in a string cuts it short, which hides nothing but the rest of that line.
fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|found| found == word)
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

/// For each line, whether it belongs to an item under `#[cfg(test)]`. rustfmt puts the item's end at the attribute's
/// own indentation; an item with a block ends with its brace, whatever the texts in it look like.
fn test_lines(lines: &[&str]) -> Vec<bool> {
    let mut marks = vec![false; lines.len()];
    let mut open: Option<(usize, bool)> = None;
    for (index, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if open.is_none() && line.trim() == "#[cfg(test)]" {
            open = Some((indent, false));
        }
        marks[index] = open.is_some();
        let Some((open_indent, has_block)) = open else { continue };
        let is_brace = line.trim_start().starts_with('}');
        if open_indent == indent && (is_brace || !has_block && (line.ends_with(';') || line.ends_with('}'))) {
            open = None;
        } else if line.ends_with('{') {
            open = Some((open_indent, true));
        }
    }
    marks
}

/// Entries that should not be at the top.
fn strays<'a>(entries: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let known = |entry: &&str| !TOP_ENTRIES.contains(entry);
    let strays = entries.into_iter().filter(known);
    strays
        .map(|entry| format!("{entry}: does not belong at the top; move it into a folder or say why in tidy.rs"))
        .collect()
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| ["rs", "sh", "bash"].iter().any(|known| extension == *known))
        {
            found.push(path);
        }
    }
}

#[test]
fn every_file_is_tidy() {
    let mut files = vec![top().join(".ci/run")];
    SOURCE_FOLDERS.iter().for_each(|folder| files_below(&top().join(folder), &mut files));
    let mut faults = Vec::new();
    for path in files {
        let file = path.strip_prefix(top()).unwrap().to_str().unwrap().to_string();
        match fs::read_to_string(&path) {
            Ok(text) => faults.extend(faults_of(&file, &text)),
            Err(error) => faults.push(format!("{file}: {error}")),
        }
    }
    for exempt in TABLES.iter().chain(UNSAFE_FILES).filter(|file| !top().join(file).is_file()) {
        faults.push(format!("{exempt}: exempt in tests/tidy.rs, but not there; drop the exemption"));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_top_holds_what_belongs_there() {
    let entries: Vec<String> =
        fs::read_dir(top()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let strays = strays(entries.iter().map(String::as_str));
    assert!(strays.is_empty(), "\n{}\n", strays.join("\n"));
}

#[test]
fn each_rule_finds_its_sample() {
    let long_file = "//! x\n".repeat(LINES_MAX + 1);
    let wide_line = format!("//! {}\n", "ä".repeat(COLUMNS_MAX - 3));
    let samples: &[(&str, &str, &str)] = &[
        ("src/a.rs", "fn f() {}\n", "src/a.rs:1: begins without"),
        ("src/a.rs", &long_file, "src/a.rs:601: over 600 lines"),
        ("src/a.rs", &wide_line, "src/a.rs:1: 121 columns"),
        ("src/a.rs", &format!("//! x\nfn f() {{ {}() }}\n", LEFTOVERS[0]), "src/a.rs:2: "),
        ("tests/a.rs", &format!("//! x {}\n", LEFTOVERS[3]), "tests/a.rs:1: "),
        ("tests/e2e/a.sh", &format!("# {}\n", LEFTOVERS[4]), "tests/e2e/a.sh:1: "),
        ("src/net/utils.rs", "//! x\n", "src/net/utils.rs:1: a name that says nothing"),
        ("src/common/mod.rs", "//! x\n", "src/common/mod.rs:1: a name that says nothing"),
        ("src/a.rs", concat!("//! x\nlet x = un", "safe { f() };\n"), "src/a.rs:2: only src/sys"),
        ("tests/a.rs", concat!("//! x\nun", "safe impl T for U {}\n"), "tests/a.rs:2: only src/sys"),
        ("src/a.rs", &format!("//! x\nlet x = f(){};\n", PANICS[0]), "src/a.rs:2: .un"),
        ("src/a.rs", &format!("//! x\n#[cfg(test)]\nmod t {{}}\n\nlet x = f(){};\n", PANICS[0]), "src/a.rs:5: .un"),
        ("src/a.rs", &format!("//! x\nlet x = f(){}\"y\");\n", PANICS[1]), "src/a.rs:2: .exp"),
        ("src/a.rs", &format!("//! x\n{}\"y\");\n", PANICS[2]), "src/a.rs:2: pan"),
    ];
    for (file, text, expected) in samples {
        let faults = faults_of(file, text);
        assert_eq!(faults.len(), 1, "{file}: {text:?}: {faults:?}");
        assert!(faults[0].starts_with(expected), "{text:?}: {faults:?}, not {expected:?}");
    }
    assert_eq!(strays(["src", "notes.txt", ".ci"]).len(), 1);
}

#[test]
fn what_is_allowed_passes() {
    let samples: &[(&str, &str)] = &[
        ("src/sys/map.rs", concat!("//! x\nlet m = un", "safe { f() };\n")),
        ("src/a.rs", concat!("//! x\n#![deny(un", "safe_code)]\n// un", "safe is a word here\n")),
        ("src/a.rs", concat!("//! x\n// The length was checked above.\nlet x = f().un", "wrap();\n")),
        ("src/a.rs", concat!("//! x\n#[cfg(test)]\nmod tests {\n    fn f() {\n        g().un", "wrap();\n    }\n}\n")),
        (
            "src/a.rs",
            concat!("//! x\n#[cfg(test)]\nmod tests {\n    const X: &str = \"\n\";\n    g().un", "wrap();\n}\n"),
        ),
        ("src/a/tests.rs", concat!("//! x\nlet x = f().un", "wrap();\n")),
        ("tests/a.rs", concat!("//! x\nlet x = f().un", "wrap();\n")),
        ("tests/e2e/a.sh", "#!/bin/bash\n"),
    ];
    for (file, text) in samples {
        assert_eq!(faults_of(file, text), Vec::<String>::new(), "{file}: {text:?}");
    }
}
