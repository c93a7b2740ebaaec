//! Entity tags: RFC 9110, section 8.8.3.

/// An entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntityTag<'a> {
    is_weak: bool,
    /// Between the quotes.
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// The whole of a value; `None` when it is no entity tag.
    pub fn parse(value: &'a [u8]) -> Option<EntityTag<'a>> {
        let (tag, rest) = EntityTag::first(value)?;
        rest.is_empty().then_some(tag)
    }

    /// What a value begins with, and the rest.
    fn first(value: &'a [u8]) -> Option<(EntityTag<'a>, &'a [u8])> {
        let (is_weak, quoted) = match value.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, value),
        };
        let inside = quoted.strip_prefix(b"\"")?;
        let end = inside.iter().position(|&byte| byte == b'"')?;
        let opaque = &inside[..end];
        let good = opaque.iter().all(|&byte| byte > b' ' && byte != 0x7f);
        good.then_some((EntityTag { is_weak, opaque }, &inside[end + 1..]))
    }

    /// RFC 9110, section 8.8.3.2: the same, whether weak or not.
    pub fn matches_weakly(self, other: EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }

    /// RFC 9110, section 8.8.3.2: the same, and neither is weak.
    pub fn matches_strongly(self, other: EntityTag<'_>) -> bool {
        !self.is_weak && !other.is_weak && self.opaque == other.opaque
    }

    /// Whether it may be the same for bodies that are not.
    pub fn is_weak(self) -> bool {
        self.is_weak
    }
}

/// The entity tags of a list, up to the first that is none. Quotes cannot be escaped in them.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
        let (tag, behind) = EntityTag::first(&rest[start..])?;
        let behind = behind.trim_ascii_start();
        if !behind.is_empty() && behind[0] != b',' {
            rest = b"";
            return None;
        }
        rest = behind;
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_rfc9110_8_8_3_2() {
        let cases = [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ];
        for (one, other, strongly, weakly) in cases {
            let (a, b) = (EntityTag::parse(one.as_bytes()).unwrap(), EntityTag::parse(other.as_bytes()).unwrap());
            assert_eq!((a.matches_strongly(b), a.matches_weakly(b)), (strongly, weakly), "{one} {other}");
        }
    }

    #[test]
    fn syntax_rfc9110_8_8_3() {
        for good in ["\"\"", "\"a\\\"", "W/\"a,b\"", "\"\u{fc}\""] {
            assert!(EntityTag::parse(good.as_bytes()).is_some(), "{good}");
        }
        for bad in ["", "a", "w/\"a\"", "W\"a\"", "W\\\"a\"", "\"a", "\"a\"b", "\"a b\"", "\"a\" ", "'a'"] {
            assert_eq!(EntityTag::parse(bad.as_bytes()), None, "{bad}");
        }
        let count = |value: &str| list(value.as_bytes()).count();
        assert_eq!(count("\"a,b\" , W/\"c\\\",,\"d\""), 3);
        assert_eq!(count("\"a\", b, \"c\""), 1);
        assert_eq!(count("\"a\" \"b\""), 0);
        assert_eq!(count(" , "), 0);
    }
}
