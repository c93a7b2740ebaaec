//! `Problem`: one thing wrong in the files, told so that an operator can mend it.
//!
//! Lives here: its text, and the collection that keeps problems few and in order. Not here: what is wrong (`check`).

use std::fmt;
use std::path::PathBuf;

/// Most problems kept of one reading; the rest are counted. Picked by feel: more than anyone reads.
pub const PROBLEMS_MAX: usize = 10_000;

/// Longest piece of a file that a problem quotes, characters.
const QUOTED_CHARS_MAX: usize = 80;

/// Something wrong in the files. What it is about was left out of the inventory; everything else is in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Line of the offending key or value, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// What it is about: ``mirror `ftp.example.org` ``.
    pub what: String,
    /// What is wrong with it.
    pub why: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Problem {
    /// `file:line: what: why; what to do`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(out, "{}:", self.line)?;
        }
        write!(out, " {}: {}; {}", self.what, self.why, self.fix)
    }
}

/// The problems of one reading, at most `PROBLEMS_MAX` of them.
#[derive(Debug, Default)]
pub(super) struct Problems {
    kept: Vec<Problem>,
    left_out: usize,
}

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        if self.kept.len() < PROBLEMS_MAX {
            self.kept.push(problem);
        } else {
            self.left_out += 1;
        }
    }

    /// All of them by file and line, and last how many were left out.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.kept.sort();
        if let (Some(last), true) = (self.kept.last(), self.left_out > 0) {
            let rest = Problem {
                file: last.file.clone(),
                line: 0,
                what: "all files".to_owned(),
                why: format!("{} more problems are not shown", self.left_out),
                fix: "mend those above first".to_owned(),
            };
            self.kept.push(rest);
        }
        self.kept
    }
}

/// `text` from a file, between backquotes, on one line and cut to a readable length.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("`");
    let mut letters = text.chars();
    for letter in letters.by_ref().take(QUOTED_CHARS_MAX) {
        if letter.is_control() {
            quoted.extend(letter.escape_default());
        } else {
            quoted.push(letter);
        }
    }
    quoted.push_str(if letters.next().is_some() { "…`" } else { "`" });
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(file: &str, line: usize) -> Problem {
        Problem {
            file: file.into(),
            line,
            what: "mirror `a`".to_owned(),
            why: "it is gone".to_owned(),
            fix: "delete it".to_owned(),
        }
    }

    #[test]
    fn a_line_says_where_what_why_and_what_to_do() {
        assert_eq!(problem("lists/a.toml", 7).to_string(), "lists/a.toml:7: mirror `a`: it is gone; delete it");
        assert_eq!(problem("lists/a.toml", 0).to_string(), "lists/a.toml: mirror `a`: it is gone; delete it");
    }

    #[test]
    fn problems_come_by_file_and_line_and_the_rest_is_counted() {
        let mut problems = Problems::default();
        for line in (1..=PROBLEMS_MAX + 5).rev() {
            problems.push(problem("b", line));
        }
        let sorted = problems.into_sorted();
        assert_eq!(sorted.len(), PROBLEMS_MAX + 1);
        assert_eq!((sorted[0].line, sorted[1].line), (6, 7));
        assert_eq!(
            sorted[PROBLEMS_MAX].to_string(),
            "b: all files: 5 more problems are not shown; mend those above first"
        );
        assert!(Problems::default().into_sorted().is_empty());
    }

    #[test]
    fn what_a_problem_quotes_is_one_short_line() {
        assert_eq!(quoted("a b"), "`a b`");
        assert_eq!(quoted("a\n\u{1b}[31m"), "`a\\n\\u{1b}[31m`");
        assert_eq!(quoted(&"ü".repeat(80)), format!("`{}`", "ü".repeat(80)));
        assert_eq!(quoted(&"ü".repeat(81)), format!("`{}…`", "ü".repeat(80)));
    }
}
