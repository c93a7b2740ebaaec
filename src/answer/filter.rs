//! `Filter`: what a client asks of mirrors, alike in every dialect: `protocol`, `country`, `exclude`, `family` and
//! `limit`.
//!
//! Lives here: reading the values, and whether a mirror is excluded. Not here: the walk that obeys them (`list`).

use super::query::Query;
use crate::net::{Family, Protocol};
use crate::snapshot::{CountryCode, MirrorIndex, View};

/// Countries that are looked at; further ones are ignored.
pub const COUNTRIES_MAX: usize = 16;
/// Exclusions that are looked at; further ones are ignored.
pub const EXCLUSIONS_MAX: usize = 8;
/// In place of a country: mirrors everywhere.
pub const GLOBAL: CountryCode = *b"**";

/// A filter by its parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `protocol`.
    Protocol,
    /// `family`.
    Family,
    /// `exclude`.
    Exclude,
    /// `country`.
    Country,
}

impl Kind {
    /// All, the one that is dropped last first: safety before reach before taste.
    pub const ALL: [Kind; 4] = [Kind::Protocol, Kind::Family, Kind::Exclude, Kind::Country];

    /// The name of the parameter.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Protocol => "protocol",
            Kind::Family => "family",
            Kind::Exclude => "exclude",
            Kind::Country => "country",
        }
    }
}

/// Some of the filters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// With one more.
    pub fn with(self, kind: Kind) -> Kinds {
        Kinds(self.0 | 1 << kind as u8)
    }

    /// Without those of `others`.
    pub fn without(self, others: Kinds) -> Kinds {
        Kinds(self.0 & !others.0)
    }

    /// Whether it is among them.
    pub fn has(self, kind: Kind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those there are.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |&kind| self.has(kind))
    }
}

/// What a mirror must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exclusion<'q> {
    Host(&'q [u8]),
    Country(CountryCode),
    Asn(u32),
}

/// What a client asks of mirrors.
#[derive(Clone, Debug)]
pub struct Filter<'q> {
    /// Which filters there are.
    pub kinds: Kinds,
    /// Protocols that URLs may have, a bit for each.
    pub protocols: u8,
    /// Families over which mirrors may be reached, the preferred one first.
    pub families: [Option<Family>; 2],
    /// How many mirrors there may be.
    pub count_max: usize,
    countries: [CountryCode; COUNTRIES_MAX],
    country_count: usize,
    exclusions: [Exclusion<'q>; EXCLUSIONS_MAX],
    exclusion_count: usize,
}

impl<'q> Filter<'q> {
    /// The filters of a query of a client with an address of `own` family; none when there are none.
    pub fn of(query: &Query<'q>, own: Family) -> Option<Filter<'q>> {
        let Query { protocol, country, exclude, limit, family, .. } = *query;
        // Most queries have none of them.
        protocol.or(country).or(exclude).or(limit).or(family)?;
        let mut filter = Filter {
            kinds: Kinds::default(),
            protocols: 0,
            families: [Some(own), None],
            count_max: limit.and_then(number).filter(|&limit| limit > 0).unwrap_or(usize::MAX),
            countries: [GLOBAL; COUNTRIES_MAX],
            country_count: 0,
            exclusions: [Exclusion::Host(b""); EXCLUSIONS_MAX],
            exclusion_count: 0,
        };
        if let Some(names) = given(protocol) {
            filter.kinds = filter.kinds.with(Kind::Protocol);
            let named =
                |&protocol: &Protocol| items(names).any(|name| name.eq_ignore_ascii_case(protocol.name().as_bytes()));
            filter.protocols =
                Protocol::ALL.into_iter().filter(named).fold(0, |bits, protocol| bits | 1 << protocol as u8);
        }
        if let Some(name) = given(family) {
            filter.kinds = filter.kinds.with(Kind::Family);
            filter.families = match name {
                b"4" => [Some(Family::Ipv4), None],
                b"6" => [Some(Family::Ipv6), None],
                b"any" => [Some(own), Some(own.other())],
                _ => [None, None],
            };
        }
        if let Some(names) = given(exclude) {
            filter.kinds = filter.kinds.with(Kind::Exclude);
            for (slot, name) in filter.exclusions.iter_mut().zip(items(names)) {
                *slot = exclusion(name);
                filter.exclusion_count += 1;
            }
        }
        if let Some(names) = given(country) {
            filter.kinds = filter.kinds.with(Kind::Country);
            for code in items(names).filter_map(country_code) {
                if filter.country_count < COUNTRIES_MAX && !filter.countries().contains(&code) {
                    filter.countries[filter.country_count] = code;
                    filter.country_count += 1;
                }
            }
        }
        Some(filter)
    }

    /// Countries that mirrors may be in, in the order of the client's words.
    pub fn countries(&self) -> &[CountryCode] {
        &self.countries[..self.country_count]
    }

    /// Whether a mirror is excluded; `base` is its base URL.
    pub fn excludes<B: AsRef<[u8]>>(&self, view: &View<B>, mirror: MirrorIndex, base: &[u8]) -> bool {
        self.exclusions[..self.exclusion_count].iter().any(|exclusion| match *exclusion {
            Exclusion::Host(host) => host_of(base).eq_ignore_ascii_case(host) || view.has_name(mirror, host),
            Exclusion::Country(code) => view.country(mirror) == Some(code),
            Exclusion::Asn(asn) => view.is_in_asn(mirror, asn),
        })
    }
}

/// A value that is there and not empty.
fn given(value: Option<&[u8]>) -> Option<&[u8]> {
    value.filter(|value| !value.is_empty())
}

/// What is between commas and not empty.
fn items(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').filter(|item| !item.is_empty())
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn letters(text: &[u8]) -> Option<CountryCode> {
    match *text {
        [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
            Some([a.to_ascii_uppercase(), b.to_ascii_uppercase()])
        }
        _ => None,
    }
}

fn country_code(text: &[u8]) -> Option<CountryCode> {
    if text.eq_ignore_ascii_case(b"global") { Some(GLOBAL) } else { letters(text) }
}

fn exclusion(text: &[u8]) -> Exclusion<'_> {
    let asn = match text {
        [b'A' | b'a', b'S' | b's', digits @ ..] => std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()),
        _ => None,
    };
    asn.map(Exclusion::Asn).or_else(|| letters(text).map(Exclusion::Country)).unwrap_or(Exclusion::Host(text))
}

/// The host of a base URL, without its port.
pub(super) fn host_of(url: &[u8]) -> &[u8] {
    let after_scheme = url.windows(3).position(|three| three == b"://").map_or(0, |at| at + 3);
    let rest = &url[after_scheme..];
    let authority = &rest[..rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len())];
    match authority.iter().rposition(|&byte| byte == b':') {
        // The colons of an IPv6 address are within brackets.
        Some(colon) if authority[colon..].iter().all(|&byte| byte != b']') => &authority[..colon],
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str, check: impl FnOnce(Option<Filter<'_>>)) {
        check(Filter::of(&Query::parse(text.as_bytes(), &mut Vec::new()), Family::Ipv6));
    }

    #[test]
    fn a_plain_query_has_no_filter() {
        filter("release=9&arch=x86_64&repo=baseos&cc=de", |filter| assert!(filter.is_none()));
        filter("country=&protocol=&exclude=&family=&limit=", |filter| {
            let filter = filter.unwrap();
            assert!(filter.kinds.is_empty() && filter.count_max == usize::MAX);
        });
    }

    #[test]
    fn values_are_read_and_bounded() {
        filter("protocol=HTTPS,gopher&country=de,,FR,de,usa,Global&limit=3&family=any", |filter| {
            let filter = filter.unwrap();
            assert_eq!(filter.protocols, 1 << Protocol::Https as u8);
            assert_eq!(filter.countries(), [*b"DE", *b"FR", GLOBAL]);
            assert_eq!(filter.count_max, 3);
            assert_eq!(filter.families, [Some(Family::Ipv6), Some(Family::Ipv4)]);
            assert_eq!(filter.kinds.iter().collect::<Vec<_>>(), [Kind::Protocol, Kind::Family, Kind::Country]);
        });
        filter("family=5&limit=0&exclude=as12,x.example,fr,asx", |filter| {
            let filter = filter.unwrap();
            assert_eq!((filter.families, filter.count_max), ([None, None], usize::MAX));
            let expected = [
                Exclusion::Asn(12),
                Exclusion::Host(b"x.example"),
                Exclusion::Country(*b"FR"),
                Exclusion::Host(b"asx"),
            ];
            assert_eq!(filter.exclusions[..filter.exclusion_count], expected);
        });
        let codes = (b'A'..=b'Z').map(|letter| format!("A{}", char::from(letter))).collect::<Vec<_>>().join(",");
        filter(&format!("country={codes}&exclude={codes}&limit=99999999999999999999999"), |filter| {
            let filter = filter.unwrap();
            assert_eq!((filter.countries().len(), filter.exclusion_count), (COUNTRIES_MAX, EXCLUSIONS_MAX));
            assert_eq!(filter.count_max, usize::MAX);
        });
    }

    #[test]
    fn hosts_are_found_in_urls() {
        for (url, host) in [
            ("https://a.example/x/", "a.example"),
            ("http://a.example:8080/", "a.example"),
            ("http://[2001:db8::1]/", "[2001:db8::1]"),
            ("http://[2001:db8::1]:81/x", "[2001:db8::1]"),
            ("a", "a"),
            ("", ""),
        ] {
            assert_eq!(host_of(url.as_bytes()), host.as_bytes(), "{url}");
        }
    }
}
