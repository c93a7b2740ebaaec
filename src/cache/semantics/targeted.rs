//! CDN-Cache-Control: Cache-Control aimed at caches the origin put there, in a strict syntax. RFC 9213.
//!
//! Lives here: a reader for the dictionaries of structured fields (RFC 9651, section 4.2.2), as far as directives need
//! them: it tells valid from invalid, and keeps integers and flags.

use super::control::{Argument, Control};
use crate::http::Fields;

/// What the field says; `None` when it is absent, empty or not valid, and so does not count (RFC 9213, section 2.1).
pub(super) fn read(fields: Fields<'_>) -> Option<Control> {
    let mut lines = fields.all("cdn-cache-control").peekable();
    lines.peek()?;
    // Lines of one field are one value (RFC 9651, section 4.2).
    let text = lines.collect::<Vec<_>>().join(&b", "[..]);
    let mut reader = Reader { rest: text.trim_ascii() };
    let mut control = Control { is_targeted: true, ..Control::default() };
    let mut count = 0;
    while !reader.rest.is_empty() {
        let (key, value) = reader.member()?;
        match value {
            Value::Flag(true) => control.apply(key, None),
            Value::Integer(digits) => control.apply(key, Some(Argument::Token(digits))),
            // A list of fields does no harm to those who do not know it; seconds in quotes are a mistake.
            Value::Other if is_seconds(key) => return None,
            Value::Flag(false) | Value::Other => {}
        }
        count += 1;
        if !reader.next_member()? {
            break;
        }
    }
    (count > 0).then_some(control)
}

fn is_seconds(key: &[u8]) -> bool {
    [&b"max-age"[..], b"s-maxage", b"stale-while-revalidate", b"stale-if-error"].contains(&key)
}

enum Value<'a> {
    Flag(bool),
    Integer(&'a [u8]),
    Other,
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn member(&mut self) -> Option<(&'a [u8], Value<'a>)> {
        let key = self.key()?;
        let value = if self.eat(b'=') { self.item_or_list()? } else { Value::Flag(true) };
        self.parameters()?;
        Some((key, value))
    }

    /// Whether there is another member; `None` when what follows is none.
    fn next_member(&mut self) -> Option<bool> {
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
        if self.rest.is_empty() {
            return Some(false);
        }
        if !self.eat(b',') {
            return None;
        }
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
        // No member behind the last comma.
        (!self.rest.is_empty()).then_some(true)
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        self.rest.first().filter(|byte| byte.is_ascii_lowercase() || **byte == b'*')?;
        Some(self.skip(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'*')
        }))
    }

    fn item_or_list(&mut self) -> Option<Value<'a>> {
        if !self.eat(b'(') {
            return self.bare_item();
        }
        loop {
            self.skip(|byte| byte == b' ');
            if self.eat(b')') {
                return Some(Value::Other);
            }
            self.bare_item()?;
            self.parameters()?;
            self.rest.first().filter(|byte| matches!(byte, b' ' | b')'))?;
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.eat(b';') {
            self.skip(|byte| byte == b' ');
            self.key()?;
            if self.eat(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    fn bare_item(&mut self) -> Option<Value<'a>> {
        match *self.rest.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'@' => {
                self.rest = &self.rest[1..];
                matches!(self.number()?, Value::Integer(_)).then_some(Value::Other)
            }
            b'?' => {
                let flag = match self.rest.get(1)? {
                    b'0' => false,
                    b'1' => true,
                    _ => return None,
                };
                self.rest = &self.rest[2..];
                Some(Value::Flag(flag))
            }
            b'"' => self.string(),
            b':' => {
                self.rest = &self.rest[1..];
                self.skip(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
                self.eat(b':').then_some(Value::Other)
            }
            first if first.is_ascii_alphabetic() || first == b'*' => {
                self.skip(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte));
                Some(Value::Other)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value<'a>> {
        let whole = self.rest;
        let is_negative = self.eat(b'-');
        let digits = self.skip(|byte| byte.is_ascii_digit());
        if self.eat(b'.') {
            let fraction = self.skip(|byte| byte.is_ascii_digit());
            return ((1..=12).contains(&digits.len()) && (1..=3).contains(&fraction.len())).then_some(Value::Other);
        }
        let text = &whole[..digits.len() + usize::from(is_negative)];
        (1..=15).contains(&digits.len()).then_some(Value::Integer(text))
    }

    fn string(&mut self) -> Option<Value<'a>> {
        self.eat(b'"');
        loop {
            self.skip(|byte| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\');
            if self.eat(b'"') {
                return Some(Value::Other);
            }
            // An escaped quote or backslash.
            if !self.eat(b'\\') || !(self.eat(b'"') || self.eat(b'\\')) {
                return None;
            }
        }
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let found = self.rest.first() == Some(&wanted);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    /// Passes over the bytes that are `wanted`, and gives them.
    fn skip(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let count = self.rest.iter().take_while(|byte| wanted(**byte)).count();
        let (skipped, rest) = self.rest.split_at(count);
        self.rest = rest;
        skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldBlock;

    fn control(values: &[&str]) -> Option<Control> {
        let mut block = FieldBlock::new();
        for value in values {
            assert!(block.push(b"CDN-Cache-Control", value.as_bytes()));
        }
        read(block.fields())
    }

    #[test]
    fn valid_dictionaries_rfc9213_2_1() {
        let with_max_age = |seconds| Some(Control { max_age: Some(seconds), is_targeted: true, ..Control::default() });
        let cases: &[&[&str]] = &[
            &["max-age=60"],
            &["foobar, max-age=60"],
            &["a=(1 \"b\" c;d=?0);e, max-age=60;x=1.5"],
            &["a=:aGk=:,\tmax-age=60 "],
            &["a=@1659578233", "max-age=60"],
            &["a=\"\\\"\\\\\", no-store=?0, max-age=60"],
        ];
        for values in cases {
            assert_eq!(control(values), with_max_age(60), "{values:?}");
        }
        assert_eq!(control(&["max-age=99999999999"]), with_max_age(u32::MAX));
        assert_eq!(control(&["max-age=-1"]), with_max_age(0));
        let all = control(&["no-store, private, no-cache, must-revalidate"]).unwrap();
        assert!(all.no_store && all.private && all.no_cache && all.must_revalidate && all.is_targeted);
    }

    #[test]
    fn what_is_not_valid_does_not_count_rfc9213_2_1() {
        let cases = [
            "",
            "max-age=10000, &&&&&",
            "max-age=\"10000\"",
            "max-age =100",
            "max-age= 100",
            "MaX-aGe=3600",
            "max-age=60,",
            "max-age=60 no-store",
            "max-age=1234567890123456",
            "a=\"b",
            "a=\"\\b\"",
            "a=(1",
            "a=(1\"b\")",
            "a=?2",
            "a=:x",
            "a=@1.5",
            "a=1.",
            "a=-",
            "a=",
            "a;",
        ];
        for value in cases {
            assert_eq!(control(&[value]), None, "{value}");
        }
        assert_eq!(control(&[]), None);
    }
}
