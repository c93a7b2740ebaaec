//! `Sheet`: an inventory file being written.
//!
//! Lives here: TOML text for people, in the order it is given. Not here: what to write.

use std::fmt::Display;

use super::Stamp;

/// Where a list of prefixes or of texts goes on in the next line.
const LINE_BYTES_MAX: usize = 110;

/// An inventory file being written.
pub(super) struct Sheet(String);

impl Sheet {
    /// A file that opens with its title, its origin and its date, as a comment.
    pub(super) fn new(title: &str, stamp: &Stamp) -> Sheet {
        let mut sheet = Sheet(String::new());
        sheet.comment(title);
        sheet.comment(&format!("Facts restated from {}, {}.", stamp.origin, stamp.date));
        sheet
            .comment("Made by an importer: changes belong into a file of their own, where the next import keeps them.");
        sheet
    }

    /// A comment line. Line breaks and other control characters in it become blanks.
    fn comment(&mut self, text: &str) {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.line(&format!("# {text}"));
    }

    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// Opens a table of an array: `[[mirror]]`.
    pub(super) fn table(&mut self, name: &str) {
        self.line(&format!("\n[[{name}]]"));
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {}", quoted(value)));
    }

    /// A truth value.
    pub(super) fn truth(&mut self, key: &str, value: bool) {
        self.line(&format!("{key} = {value}"));
    }

    /// A list of texts; no line when there is none.
    pub(super) fn texts(&mut self, key: &str, values: impl IntoIterator<Item = impl Display>) {
        self.list(key, values.into_iter().map(|value| quoted(&value.to_string())));
    }

    /// A list of numbers; no line when there is none.
    pub(super) fn numbers(&mut self, key: &str, values: impl IntoIterator<Item = u32>) {
        self.list(key, values.into_iter().map(|value| value.to_string()));
    }

    fn list(&mut self, key: &str, values: impl Iterator<Item = String>) {
        let values: Vec<String> = values.collect();
        let short = format!("{key} = [{}]", values.join(", "));
        match values.len() {
            0 => {}
            _ if short.len() <= LINE_BYTES_MAX => self.line(&short),
            _ => {
                self.line(&format!("{key} = ["));
                self.words(values.into_iter().map(|value| value + ","), "    ");
                self.line("]");
            }
        }
    }

    /// A text of words without quotes or backslashes in them, broken into lines.
    pub(super) fn wrapped(&mut self, key: &str, words: impl IntoIterator<Item = impl Display>) {
        self.line(&format!("{key} = \"\"\""));
        self.words(words.into_iter().map(|word| word.to_string()), "");
        self.line("\"\"\"");
    }

    fn words(&mut self, words: impl Iterator<Item = String>, indent: &str) {
        let mut line = String::new();
        for word in words {
            if !line.is_empty() && indent.len() + line.len() + 1 + word.len() > LINE_BYTES_MAX {
                self.line(&format!("{indent}{line}"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        if !line.is_empty() {
            self.line(&format!("{indent}{line}"));
        }
    }

    /// The file's text.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp { origin: "some\n[[mirror]]".into(), date: "2026-07-15".into() }
    }

    #[test]
    fn what_is_written_is_what_toml_reads() {
        let hard = "a\"b\\c\n\u{1}\u{7f}é";
        let mut sheet = Sheet::new("Title.", &stamp());
        sheet.table("mirror");
        sheet.text("name", hard);
        sheet.truth("listed", false);
        sheet.numbers("asns", [1, 2]);
        sheet.texts("none", [""; 0]);
        sheet.texts("networks", (0..50).map(|i| format!("192.0.2.{i}/32")));
        sheet.wrapped("prefixes", (0..50).map(|i| format!("198.51.100.{i}/32")));
        let text = sheet.finish();
        assert!(text.starts_with("# Title.\n# Facts restated from some [[mirror]], 2026-07-15.\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= LINE_BYTES_MAX), "{text}");
        let table: toml::Table = text.parse().unwrap();
        let mirror = &table["mirror"][0];
        assert_eq!(mirror["name"].as_str(), Some(hard));
        assert_eq!(mirror["listed"].as_bool(), Some(false));
        assert_eq!(mirror["asns"].as_array().map(Vec::len), Some(2));
        assert_eq!(mirror["networks"].as_array().map(Vec::len), Some(50));
        assert_eq!(mirror["prefixes"].as_str().map(|text| text.split_whitespace().count()), Some(50));
        assert!(mirror.get("none").is_none());
    }
}
