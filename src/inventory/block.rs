//! `Block`: the lines of one entry.
//!
//! Lives here: cutting a file at its `[[name]]` lines, so that a mistake costs one entry, and telling which line of the
//! file an offset is on. Not here: what the lines say (`entry`).

use std::path::Path;
use std::rc::Rc;

use super::entry::KINDS;
use super::problem::{Problem, Problems};

/// The text of one entry with the header it begins with, or what stands before a file's first header.
#[derive(Debug)]
pub(super) struct Block {
    /// The file.
    pub file: Rc<Path>,
    /// Line of the file that the text begins on, from 1.
    pub line: usize,
    /// The text.
    pub text: String,
}

impl Block {
    /// The blocks of a file. One that is not UTF-8 is a problem.
    pub fn split(file: &Path, bytes: &[u8], problems: &mut Problems) -> Vec<Block> {
        let file: Rc<Path> = file.into();
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut blocks = Vec::new();
        let mut end = |line: usize, bytes: &[u8]| match str::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => blocks.push(Block { file: file.clone(), line, text: text.to_owned() }),
            Err(error) => problems.push(Problem {
                file: file.to_path_buf(),
                line: line + newline_count(&bytes[..error.valid_up_to()]),
                what: "entry".to_owned(),
                why: "this line is not UTF-8 text".to_owned(),
                fix: "save the file in UTF-8".to_owned(),
            }),
        };
        let (mut begin, mut begin_line, mut offset) = (0, 1, 0);
        for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
            if begins_entry(line) || is_cut_header(line) {
                end(begin_line, &bytes[begin..offset]);
                (begin, begin_line) = (offset, index + 1);
            }
            offset += line.len();
        }
        end(begin_line, &bytes[begin..]);
        blocks
    }

    /// The file's line that an offset into the text is on. The end of the text counts as its last line with something
    /// on it, since that is where something is missing.
    pub fn line_at(&self, offset_bytes: usize) -> usize {
        let offset_bytes = offset_bytes.min(self.text.trim_end().len());
        self.line + newline_count(&self.text.as_bytes()[..offset_bytes])
    }

    /// What the header calls the entry: `mirror`; `file` before the first header.
    pub fn kind(&self) -> &str {
        let name = self.text.trim_start_matches(['[', ' ', '\t']);
        let name = name.split(|letter: char| !is_name_byte(letter as u8) || !letter.is_ascii()).next();
        name.filter(|name| self.text.starts_with('[') && !name.is_empty()).unwrap_or("file")
    }
}

fn newline_count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Whether an entry begins with this line: `[[name]]` at its very start. `[[name` and, for the names there are,
/// `[name]` count too: they are misspelt headers, and must not spoil the entry before them. `[mirror.base.x]` does not
/// count.
fn begins_entry(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"[") else { return false };
    let (doubled, rest) = match rest.strip_prefix(b"[") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let rest = rest.trim_ascii_start();
    let name_bytes = rest.iter().take_while(|&&byte| is_name_byte(byte)).count();
    let (name, rest) = rest.split_at(name_bytes);
    let dotted = rest.trim_ascii_start().starts_with(b".");
    let known = KINDS.iter().any(|kind| kind.as_bytes() == name);
    !dotted && (known || doubled && name.first().is_some_and(u8::is_ascii_alphabetic))
}

/// Whether this is a header that the end of the file cuts off, which must not spoil the entry before it either.
fn is_cut_header(line: &[u8]) -> bool {
    line.starts_with(b"[") && !line.ends_with(b"\n") && !line.contains(&b']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &[u8]) -> (Vec<(usize, String)>, Vec<String>) {
        let mut problems = Problems::default();
        let blocks = Block::split(Path::new("a.toml"), text, &mut problems);
        (
            blocks.into_iter().map(|block| (block.line, block.text)).collect(),
            problems.into_sorted().iter().map(Problem::to_string).collect(),
        )
    }

    #[test]
    fn a_file_is_cut_at_its_headers() {
        let (blocks, problems) = split(b"# top\n\n[[a]]\nx = 1\r\n[[ b ]] # why\n[b.c]\n  [[d]]\n[[b.e]]\n\n[[f]]");
        let want = [
            (1, "# top\n\n"),
            (3, "[[a]]\nx = 1\r\n"),
            (5, "[[ b ]] # why\n[b.c]\n  [[d]]\n[[b.e]]\n\n"),
            (10, "[[f]]"),
        ];
        assert_eq!(blocks, want.map(|(line, text)| (line, text.to_owned())));
        assert!(problems.is_empty());
    }

    #[test]
    fn misspelt_headers_begin_an_entry_and_values_do_not() {
        for line in ["[[mirror]", "[mirror]", "[mirror]]", "[[mirrors]]", "[[mirror]] x", "[[mirror", "[mirror"] {
            assert!(begins_entry(line.as_bytes()), "{line}");
        }
        for line in
            ["[[1, 2]]", "[[\"a\"]]", "[\"a\"]", "[", "[[", "[[]]", "[base]", "x", "", " [[a]]", "[mirror.base]"]
        {
            assert!(!begins_entry(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_header_cut_off_spoils_no_entry() {
        for cut in ["[", "[[", "[[ ", "[clo", "[[clo"] {
            let (blocks, _) = split(format!("[[a]]\nx = 1\n{cut}").as_bytes());
            assert_eq!(blocks, [(1, "[[a]]\nx = 1\n".to_owned()), (3, cut.to_owned())]);
        }
        assert_eq!(split(b"[[a]]\nx = [\n[1]]").0.len(), 1);
    }

    #[test]
    fn what_is_not_utf8_costs_its_entry() {
        let (blocks, problems) = split(b"[[a]]\nx = 1\n[[b]]\n# fine\ny = \"\xe9\"\n[[c]]\n");
        assert_eq!(blocks, [(1, "[[a]]\nx = 1\n".to_owned()), (6, "[[c]]\n".to_owned())]);
        assert_eq!(problems, ["a.toml:5: entry: this line is not UTF-8 text; save the file in UTF-8"]);
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        assert_eq!(split("\u{feff}[[a]]\n".as_bytes()).0, [(1, "[[a]]\n".to_owned())]);
        assert!(split("\u{feff}\n \n".as_bytes()).0.is_empty());
    }

    #[test]
    fn a_block_knows_its_kind_and_lines() {
        let block = |text: &str| Block { file: Path::new("a").into(), line: 10, text: text.to_owned() };
        assert_eq!(block("[[ mirror ]]\n").kind(), "mirror");
        assert_eq!(block("[mirror").kind(), "mirror");
        assert_eq!(block("mirror = 1").kind(), "file");
        assert_eq!(block("[[é]]").kind(), "file");
        let two = block("[[a]]\nx = [\n\n\n");
        assert_eq!([0, 5, 6, 11, 12, 14, 99].map(|offset| two.line_at(offset)), [10, 10, 11, 11, 11, 11, 11]);
    }
}
