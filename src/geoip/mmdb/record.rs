//! `Record`: what one data record of a database says about a place.
//!
//! Lives here: the fields that are read, of both families of schemas, and which of them counts.
//! Not here: which addresses have that record (`mmdb`).

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::geoip::country::country;
use crate::place::Code;

/// The fields that tell a place; each may be absent, and whatever has an unexpected form is.
///
/// MaxMind's schema nests: `country.iso_code`, `registered_country.iso_code`, `subdivisions[0].iso_code`. The flat
/// ones (DB-IP, IPinfo) have texts: `country_code` or `country`; `region_code`, or a name in `region`, `state1`,
/// `state`.
#[derive(Debug, Default)]
pub(super) struct Record<'de> {
    country: Field<'de>,
    registered_country: Field<'de>,
    country_code: Field<'de>,
    subdivisions: Field<'de>,
    region_code: Field<'de>,
    region_names: [Field<'de>; 3],
}

/// What a field holds, as far as it is of interest.
#[derive(Clone, Copy, Debug, Default)]
enum Field<'de> {
    /// Nothing.
    #[default]
    Absent,
    /// A text.
    Text(&'de str),
    /// A map, or an array of maps, with this text for `iso_code` (in its first element).
    Iso(&'de str),
}

impl<'de> Field<'de> {
    fn text(self) -> Option<&'de str> {
        if let Field::Text(text) = self { Some(text) } else { None }
    }

    fn iso(self) -> Option<&'de str> {
        if let Field::Iso(text) = self { Some(text) } else { None }
    }
}

impl Record<'_> {
    /// The place of the record: a subdivision where `subdivided` wants them and the record has one, or its country.
    pub fn place(
        &self,
        subdivided: &dyn Fn(Code) -> bool,
        resolve: &dyn Fn(Code, &str) -> Option<Code>,
    ) -> Option<Code> {
        let candidates =
            [self.country.iso(), self.registered_country.iso(), self.country_code.text(), self.country.text()];
        let country = candidates.into_iter().flatten().find_map(country)?;
        if !subdivided(country) {
            return Some(country);
        }
        let coded = [self.subdivisions.iso(), self.region_code.text()]
            .into_iter()
            .flatten()
            .find_map(|text| subdivision(country, text));
        let named = || {
            let names = self.region_names.iter().filter_map(|field| field.text());
            names.filter_map(|name| resolve(country, name)).find(|code| code.country() == country)
        };
        Some(coded.or_else(named).unwrap_or(country))
    }
}

/// The subdivision `TX` or `US-TX` of a country.
fn subdivision(country: Code, text: &str) -> Option<Code> {
    let whole = Code::parse(text.as_bytes()).filter(|code| code.is_subdivision() && code.country() == country);
    whole.or_else(|| country.with_subdivision(text))
}

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Record<'de>, D::Error> {
        source.deserialize_any(RecordVisitor)
    }
}

impl<'de> Deserialize<'de> for Field<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Field<'de>, D::Error> {
        source.deserialize_any(FieldVisitor)
    }
}

/// Scalars, which databases may hold anywhere and which tell no place.
macro_rules! scalars_are {
    ($nothing:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_u128<E>(self, _: u128) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_bytes<E>(self, _: &[u8]) -> Result<Self::Value, E> {
            Ok($nothing)
        }
    };
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a data record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record<'de>, A::Error> {
        let mut record = Record::default();
        while let Some(key) = map.next_key::<&str>()? {
            let field = match key {
                "country" => &mut record.country,
                "registered_country" => &mut record.registered_country,
                "country_code" => &mut record.country_code,
                "subdivisions" => &mut record.subdivisions,
                "region_code" => &mut record.region_code,
                "region" => &mut record.region_names[0],
                "state1" => &mut record.region_names[1],
                "state" => &mut record.region_names[2],
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *field = map.next_value()?;
        }
        Ok(record)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Record<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Record::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Record<'de>, E> {
        Ok(Record::default())
    }

    scalars_are!(Record::default());
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a field of a data record")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Field<'de>, E> {
        Ok(Field::Text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field<'de>, A::Error> {
        let mut field = Field::Absent;
        while let Some(key) = map.next_key::<&str>()? {
            if key == "iso_code" {
                field = map.next_value::<Field<'de>>()?.text().map_or(Field::Absent, Field::Iso);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(field)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Field<'de>, A::Error> {
        let first = list.next_element::<Field<'de>>()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first.and_then(Field::iso).map_or(Field::Absent, Field::Iso))
    }

    scalars_are!(Field::Absent);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(json: &'static str) -> Option<String> {
        let record: Record<'_> = serde_json::from_str(json).unwrap();
        let code = |text: &str| text.parse::<Code>().unwrap();
        let resolve = |country: Code, name: &str| match (country.to_string().as_str(), name) {
            ("US", "California") => Some(code("US-CA")),
            ("US", "Quebec") => Some(code("CA-QC")),
            _ => None,
        };
        record.place(&|country| country == code("US"), &resolve).map(|code| code.to_string())
    }

    #[test]
    fn both_schemas_tell_places() {
        for (json, expected) in [
            (r#"{"country": {"iso_code": "DE"}, "registered_country": {"iso_code": "US"}}"#, Some("DE")),
            (r#"{"registered_country": {"iso_code": "NA"}, "continent": {"code": "AF"}}"#, Some("NA")),
            (
                r#"{"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": "TX"}, {"iso_code": "X"}]}"#,
                Some("US-TX"),
            ),
            (r#"{"country": {"iso_code": "GB"}, "subdivisions": [{"iso_code": "ENG"}]}"#, Some("GB")),
            (r#"{"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": "far too long"}]}"#, Some("US")),
            (r#"{"country": {"iso_code": "US"}, "subdivisions": []}"#, Some("US")),
            (r#"{"country": "United States", "country_code": "US", "region": "California"}"#, Some("US-CA")),
            (r#"{"country": "us", "region": "Texas", "region_code": "TX"}"#, Some("US-TX")),
            (r#"{"country_code": "US", "region_code": "US-TX"}"#, Some("US-TX")),
            (r#"{"country_code": "US", "state1": "California"}"#, Some("US-CA")),
            (r#"{"country_code": "US", "state": "Quebec"}"#, Some("US")),
            (r#"{"country_code": "US", "state": "CA", "region": 7}"#, Some("US")),
        ] {
            assert_eq!(place(json).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn what_tells_no_country_is_nowhere() {
        for json in [
            r#"{}"#,
            r#"{"continent": {"code": "NA"}, "continent_code": "NA"}"#,
            r#"{"country": "Germany"}"#,
            r#"{"country": {"iso_code": 49}, "country_code": "ZZ"}"#,
            r#"{"country": {"iso_code": {"iso_code": "DE"}}}"#,
            r#"{"country": ["DE"], "country_code": [["DE"]]}"#,
            r#"{"autonomous_system_number": 1, "flag": true, "x": 1.5, "y": -1}"#,
            r#"["DE"]"#,
            r#""DE""#,
            "12",
        ] {
            assert_eq!(place(json), None, "{json}");
        }
    }
}
