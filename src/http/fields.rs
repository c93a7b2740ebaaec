//! `Fields`: the field lines of a message, wherever they are kept, and `FieldBlock`, field lines of our own.
//!
//! Lives here: walking, finding and list members. Not here: parsing a head (`request`), what a field means.

use httparse::Header;

use super::lines::{is_token_byte, is_value_byte};

/// A view of field lines, in order. Copying it is free.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(Kept<'a>);

#[derive(Clone, Copy, Debug)]
enum Kept<'a> {
    Parsed(&'a [Header<'a>]),
    /// `Name: value` CRLF, again and again, of a `FieldBlock`.
    Lines(&'a [u8]),
}

impl<'a> Fields<'a> {
    /// No fields at all.
    pub const NONE: Fields<'static> = Fields(Kept::Lines(b""));

    /// What the parser made of a head.
    pub(super) fn parsed(headers: &'a [Header<'a>]) -> Fields<'a> {
        Fields(Kept::Parsed(headers))
    }

    /// Every field, in order: name as sent, value without the white space around it.
    pub fn iter(self) -> FieldIter<'a> {
        FieldIter(self.0)
    }

    /// The values of all fields of that name, in order. Case does not count.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value of the first field of that name.
    pub fn first(self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The value of the field of that name if there is exactly one.
    pub fn only(self, name: &str) -> Option<&'a [u8]> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }

    /// Whether there is a field of that name.
    pub fn has(self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The members of a field that is a comma-separated list, over all its lines: RFC 9110, sections 5.3 and 5.6.1.
    /// Empty members are left out, commas in quoted strings do not count.
    pub fn members(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.all(name).flat_map(|value| Members(Some(value)))
    }
}

/// Walks `Fields`.
#[derive(Clone, Debug)]
pub struct FieldIter<'a>(Kept<'a>);

impl<'a> Iterator for FieldIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Kept::Parsed(headers) => {
                let (first, rest) = headers.split_first()?;
                *headers = rest;
                Some((first.name.as_bytes(), first.value))
            }
            Kept::Lines(lines) => {
                let end = lines.iter().position(|&byte| byte == b'\n')?;
                let line = lines[..end].strip_suffix(b"\r").unwrap_or(&lines[..end]);
                *lines = &lines[end + 1..];
                let colon = line.iter().position(|&byte| byte == b':')?;
                Some((&line[..colon], line[colon + 1..].trim_ascii()))
            }
        }
    }
}

/// The members of one comma-separated value.
#[derive(Clone, Debug)]
pub struct Members<'a>(Option<&'a [u8]>);

impl<'a> Members<'a> {
    /// Of one field value.
    pub fn of(value: &'a [u8]) -> Members<'a> {
        Members(Some(value))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let value = self.0?;
            let (member, rest) = match unquoted(value, b',') {
                Some(comma) => (&value[..comma], Some(&value[comma + 1..])),
                None => (value, None),
            };
            self.0 = rest;
            let member = member.trim_ascii();
            if !member.is_empty() {
                return Some(member);
            }
        }
    }
}

/// Where the first `wanted` outside of quoted strings is. A quote that is never closed quotes to the end.
fn unquoted(value: &[u8], wanted: u8) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    value.iter().position(|&byte| {
        let found = !quoted && byte == wanted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        found
    })
}

/// Field lines of our own, in the form in which they are sent: `Name: value` CRLF.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldBlock(Vec<u8>);

impl FieldBlock {
    /// Without a field.
    pub fn new() -> FieldBlock {
        FieldBlock::default()
    }

    /// Takes lines that were kept; `None` when they are none.
    pub fn from_lines(lines: &[u8]) -> Option<FieldBlock> {
        let good = lines.split_inclusive(|&byte| byte == b'\n').all(|line| {
            let Some(line) = line.strip_suffix(b"\r\n") else { return false };
            let Some(colon) = line.iter().position(|&byte| byte == b':') else { return false };
            is_name(&line[..colon]) && line[colon + 1..].iter().all(|&byte| is_value_byte(byte))
        });
        good.then(|| FieldBlock(lines.to_vec()))
    }

    /// Adds a field at the end. False, and nothing is added, when its name is no token or its value has control
    /// characters: RFC 9110, section 5.5.
    #[must_use = "a field that is not valid is not added"]
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> bool {
        let value = value.trim_ascii();
        if !is_name(name) || !value.iter().all(|&byte| is_value_byte(byte)) {
            return false;
        }
        for part in [name, b": ", value, b"\r\n"] {
            self.0.extend_from_slice(part);
        }
        true
    }

    /// Takes all fields of that name away.
    pub fn remove(&mut self, name: &str) {
        self.retain(|found, _| !found.eq_ignore_ascii_case(name.as_bytes()));
    }

    /// Keeps those fields for which `keep` is true of name and value.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        let mut kept = FieldBlock(Vec::with_capacity(self.0.len()));
        for (name, value) in self.fields().iter().filter(|(name, value)| keep(name, value)) {
            for part in [name, b": ", value, b"\r\n"] {
                kept.0.extend_from_slice(part);
            }
        }
        *self = kept;
    }

    /// To look at them.
    pub fn fields(&self) -> Fields<'_> {
        Fields(Kept::Lines(&self.0))
    }

    /// The lines, each with its CRLF.
    pub fn lines(&self) -> &[u8] {
        &self.0
    }
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| is_token_byte(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(fields: &[(&str, &str)]) -> FieldBlock {
        let mut block = FieldBlock::new();
        for (name, value) in fields {
            assert!(block.push(name.as_bytes(), value.as_bytes()), "{name}: {value}");
        }
        block
    }

    #[test]
    fn both_forms_read_the_same() {
        let block = block(&[("A", "1"), ("b", ""), ("a", " 2 ")]);
        let headers = [("A", "1"), ("b", ""), ("a", "2")].map(|(name, v)| Header { name, value: v.as_bytes() });
        for fields in [block.fields(), Fields::parsed(&headers)] {
            let all: Vec<_> = fields.iter().collect();
            assert_eq!(all, [(&b"A"[..], &b"1"[..]), (b"b", b""), (b"a", b"2")]);
            assert_eq!(fields.all("a").collect::<Vec<_>>(), [b"1", b"2"]);
            assert_eq!((fields.first("a"), fields.only("a")), (Some(&b"1"[..]), None));
            assert_eq!((fields.only("B"), fields.has("c")), (Some(&b""[..]), false));
        }
        assert_eq!(block.lines(), b"A: 1\r\nb: \r\na: 2\r\n");
    }

    #[test]
    fn members_of_all_lines_with_quoted_commas_whole() {
        let block = block(&[("L", "a, ,b=\"c, \\\" d\",,"), ("l", "e"), ("L", "\"open, f")]);
        let members: Vec<_> = block.fields().members("l").map(|m| str::from_utf8(m).unwrap()).collect();
        assert_eq!(members, ["a", "b=\"c, \\\" d\"", "e", "\"open, f"]);
    }

    #[test]
    fn lines_cannot_be_smuggled_in() {
        let mut lines = FieldBlock::new();
        for (name, value) in [("", "a"), ("a b", "c"), ("a:", "c"), ("a", "b\r\nc: d"), ("a", "b\nc"), ("a", "\0")] {
            assert!(!lines.push(name.as_bytes(), value.as_bytes()), "{name}: {value}");
        }
        assert_eq!(lines, FieldBlock::new());
        assert_eq!(FieldBlock::from_lines(b"a: b\r\nC:d\r\n").unwrap().fields().only("c"), Some(&b"d"[..]));
        for bad in [&b"a: b"[..], b"a: b\n", b"a\r\n", b": b\r\n", b"a b: c\r\n", b"a: \0\r\n", b"\r\n"] {
            assert_eq!(FieldBlock::from_lines(bad), None);
        }
    }

    #[test]
    fn fields_go_by_name_or_value() {
        let mut lines = block(&[("A", "1"), ("b", "2"), ("a", "3")]);
        lines.remove("a");
        assert_eq!(lines.lines(), b"b: 2\r\n");
        lines.retain(|_, value| value != b"2");
        assert_eq!(lines.lines(), b"");
    }
}
