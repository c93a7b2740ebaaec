//! `Note`: what an importer found odd, and what it did about it.

use std::fmt;

/// Something odd in the input. Never the end of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file, as a path below the folder that is imported.
    pub file: String,
    /// What was found there.
    pub found: String,
    /// What was done about it.
    pub done: String,
}

impl fmt::Display for Note {
    /// One line: control characters that the input brought along are escaped.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = format!("{}: {}: {}", self.file, self.found, self.done);
        for c in line.chars() {
            match c.is_control() {
                true => write!(out, "{}", c.escape_default())?,
                false => write!(out, "{c}")?,
            }
        }
        Ok(())
    }
}

/// The notes on one file while it is read.
pub(super) struct Notes<'a> {
    file: &'a str,
    list: &'a mut Vec<Note>,
}

impl<'a> Notes<'a> {
    /// Notes on `file`, added to `list`.
    pub(super) fn on(file: &'a str, list: &'a mut Vec<Note>) -> Notes<'a> {
        Notes { file, list }
    }

    /// Adds a note.
    pub(super) fn add(&mut self, found: impl Into<String>, done: impl Into<String>) {
        self.list.push(Note { file: self.file.to_owned(), found: found.into(), done: done.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_line() {
        let note = Note { file: "a.yml".into(), found: "name `x\ny\u{1b}`".into(), done: "skipped".into() };
        assert_eq!(note.to_string(), "a.yml: name `x\\ny\\u{1b}`: skipped");
    }
}
