//! `Control`: the Cache-Control of a request or a response, and what stands in for it.
//!
//! Lives here: reading directives (RFC 9111, section 5.2; RFC 5861; RFC 8246). Not here: what follows from them, and
//! the field aimed at CDNs (`targeted`).

use super::targeted;
use crate::http::Fields;

/// What Cache-Control says. Names are those of the directives. Seconds that are too large for 32 bits are as many as
/// these hold (RFC 9111, section 1.2.2); what is no number of seconds is 0 where it prolongs a life and infinite where
/// it shortens one, so that a mistake never keeps a response for longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// `max-age`, seconds.
    pub max_age: Option<u32>,
    /// `s-maxage`, seconds.
    pub s_maxage: Option<u32>,
    /// `min-fresh`, seconds.
    pub min_fresh: Option<u32>,
    /// `max-stale`, seconds; without a value as many as there are.
    pub max_stale: Option<u32>,
    /// `stale-while-revalidate`, seconds.
    pub stale_while_revalidate: Option<u32>,
    /// `stale-if-error`, seconds.
    pub stale_if_error: Option<u32>,
    /// `no-cache` without a list of fields.
    pub no_cache: bool,
    /// `no-store`.
    pub no_store: bool,
    /// `private` without a list of fields.
    pub private: bool,
    /// `public`.
    pub public: bool,
    /// `must-revalidate`.
    pub must_revalidate: bool,
    /// `proxy-revalidate`.
    pub proxy_revalidate: bool,
    /// `must-understand`.
    pub must_understand: bool,
    /// `only-if-cached`.
    pub only_if_cached: bool,
    /// `immutable`.
    pub immutable: bool,
    /// It comes from the field aimed at CDNs, and Cache-Control and Expires do not count (RFC 9213, section 2.2).
    pub is_targeted: bool,
}

impl Control {
    /// Of a request: Cache-Control, or, in its absence, Pragma (RFC 9111, section 5.4).
    pub fn of_request(fields: Fields<'_>) -> Control {
        let mut control = Control::default();
        if fields.has("cache-control") {
            control.read(fields);
        } else {
            control.no_cache = fields.members("pragma").any(|member| member.eq_ignore_ascii_case(b"no-cache"));
        }
        control
    }

    /// Of a response, to a shared cache: CDN-Cache-Control where it is valid and `heeds_targeted`, else Cache-Control.
    pub fn of_response(fields: Fields<'_>, heeds_targeted: bool) -> Control {
        if heeds_targeted && let Some(control) = targeted::read(fields) {
            return control;
        }
        let mut control = Control::default();
        control.read(fields);
        control
    }

    fn read(&mut self, fields: Fields<'_>) {
        for member in fields.members("cache-control") {
            let (name, argument) = split(member);
            self.apply(name, argument.map(Argument::read));
        }
    }

    /// One directive. Where one is there twice, the first counts (RFC 9111, section 4.2.1).
    pub(super) fn apply(&mut self, name: &[u8], argument: Option<Argument<'_>>) {
        let prolonging = |slot: &mut Option<u32>| {
            slot.get_or_insert(argument.and_then(Argument::seconds).unwrap_or(0));
        };
        let shortening = |slot: &mut Option<u32>| {
            slot.get_or_insert(argument.and_then(Argument::seconds).unwrap_or(u32::MAX));
        };
        let has_list = matches!(argument, Some(Argument::Quoted(_)));
        match name.to_ascii_lowercase().as_slice() {
            b"max-age" => prolonging(&mut self.max_age),
            b"s-maxage" => prolonging(&mut self.s_maxage),
            b"stale-while-revalidate" => prolonging(&mut self.stale_while_revalidate),
            b"stale-if-error" => prolonging(&mut self.stale_if_error),
            b"min-fresh" => shortening(&mut self.min_fresh),
            b"max-stale" if argument.is_none() => {
                self.max_stale.get_or_insert(u32::MAX);
            }
            b"max-stale" => prolonging(&mut self.max_stale),
            b"no-cache" => self.no_cache |= !has_list,
            b"private" => self.private |= !has_list,
            b"no-store" => self.no_store = true,
            b"public" => self.public = true,
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"must-understand" => self.must_understand = true,
            b"only-if-cached" => self.only_if_cached = true,
            b"immutable" => self.immutable = true,
            _ => {}
        }
    }
}

/// The fields that `no-cache="…"` and `private="…"` list: a shared cache does not store them (RFC 9111, sections
/// 5.2.2.4 and 5.2.2.7).
pub(super) fn withheld_fields<'a>(fields: Fields<'a>) -> impl Iterator<Item = &'a [u8]> {
    fields
        .members("cache-control")
        .filter_map(|member| {
            let (name, argument) = split(member);
            let withholds = name.eq_ignore_ascii_case(b"no-cache") || name.eq_ignore_ascii_case(b"private");
            match argument.map(Argument::read) {
                Some(Argument::Quoted(list)) if withholds => Some(list),
                _ => None,
            }
        })
        .flat_map(|list| list.split(|byte| matches!(byte, b',' | b' ' | b'\t')))
        .filter(|name| !name.is_empty())
}

/// What stands behind a directive's `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument<'a> {
    Token(&'a [u8]),
    /// Between the quotes.
    Quoted(&'a [u8]),
}

impl<'a> Argument<'a> {
    fn read(text: &'a [u8]) -> Argument<'a> {
        match text {
            [b'"', quoted @ .., b'"'] => Argument::Quoted(quoted),
            token => Argument::Token(token),
        }
    }

    /// Recipients take both forms (RFC 9111, section 5.2).
    fn seconds(self) -> Option<u32> {
        let (Argument::Token(digits) | Argument::Quoted(digits)) = self;
        seconds(digits)
    }
}

/// `delta-seconds`: digits and nothing else.
pub(super) fn seconds(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0u32, |number, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0'))))
}

/// A directive's name and argument.
fn split(member: &[u8]) -> (&[u8], Option<&[u8]>) {
    match member.iter().position(|&byte| byte == b'=') {
        Some(equals) => (&member[..equals], Some(&member[equals + 1..])),
        None => (member, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldBlock;

    fn block(name: &str, values: &[&str]) -> FieldBlock {
        let mut block = FieldBlock::new();
        for value in values {
            assert!(block.push(name.as_bytes(), value.as_bytes()));
        }
        block
    }

    fn response(values: &[&str]) -> Control {
        Control::of_response(block("Cache-Control", values).fields(), true)
    }

    #[test]
    fn seconds_as_rfc9111_1_2_2_and_4_2_1_want_them() {
        let cases: &[(&[&str], Option<u32>)] = &[
            (&[], None),
            (&["max-age=3600"], Some(3600)),
            (&["MaX-aGe=3600"], Some(3600)),
            (&["max-age=003600"], Some(3600)),
            (&["max-age=\"3600\""], Some(3600)),
            (&["foobar, max-age=3600"], Some(3600)),
            (&["foo=\"max-age=1, b\", max-age=3600"], Some(3600)),
            (&["foo=\"a\\\", max-age=1\", max-age=3600"], Some(3600)),
            (&["max-age=1, x=\"max-age=3600\""], Some(1)),
            (&["max-age=2147483648"], Some(2_147_483_648)),
            (&["max-age=99999999999"], Some(u32::MAX)),
            (&["max-age=1800, max-age=1"], Some(1800)),
            (&["max-age=1", "max-age=1800"], Some(1)),
            (&["max-age"], Some(0)),
            (&["max-age="], Some(0)),
            (&["max-age= 3600"], Some(0)),
            (&["max-age=-3600"], Some(0)),
            (&["max-age='3600'"], Some(0)),
            (&["max-age=3600.0"], Some(0)),
            (&["max-age=3600a"], Some(0)),
            (&["max-age=a3600"], Some(0)),
            (&["max-age =3600"], None),
            (&[",,\t,"], None),
        ];
        for (values, expected) in cases {
            assert_eq!(response(values).max_age, *expected, "{values:?}");
        }
    }

    #[test]
    fn lists_of_fields_are_no_ban_rfc9111_5_2_2_4() {
        assert!(response(&["no-cache"]).no_cache && response(&["No-Cache, a"]).no_cache);
        assert!(!response(&["no-cache=\"a\""]).no_cache && !response(&["private=\"a\""]).private);
        // A list without its quotes is a mistake: the stricter reading.
        assert!(response(&["no-cache=a"]).no_cache && response(&["private=a"]).private);
        let fields = block("cache-control", &["no-cache=\"a, b\", private=\"c\"", "no-store=\"d\", x=\"e\""]);
        assert_eq!(withheld_fields(fields.fields()).collect::<Vec<_>>(), [b"a", b"b", b"c"]);
    }

    #[test]
    fn request_directives_rfc9111_5_2_1() {
        let request = |value: &str| Control::of_request(block("Cache-Control", &[value]).fields());
        assert_eq!(request("max-stale").max_stale, Some(u32::MAX));
        assert_eq!(request("max-stale=x").max_stale, Some(0));
        assert_eq!(request("min-fresh=x").min_fresh, Some(u32::MAX));
        assert!(request("only-if-cached").only_if_cached && request("no-store").no_store);
    }

    #[test]
    fn pragma_counts_without_cache_control_only_rfc9111_5_4() {
        let mut fields = block("Pragma", &["x, No-Cache"]);
        assert!(Control::of_request(fields.fields()).no_cache);
        assert!(!Control::of_response(fields.fields(), true).no_cache);
        assert!(fields.push(b"Cache-Control", b"max-age=1"));
        assert!(!Control::of_request(fields.fields()).no_cache);
        assert!(!Control::of_request(block("Pragma", &["x"]).fields()).no_cache);
    }
}
