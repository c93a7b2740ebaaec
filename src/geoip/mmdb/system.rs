//! `System`: what one data record of a database says about an autonomous system.
//!
//! Lives here: the fields that are read, of both families of schemas. Not here: which addresses have that record
//! (`mmdb`).

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::net::Asn;

/// The autonomous system of a record; none when it tells of none, or in an unexpected form.
///
/// MaxMind's schema, which DB-IP shares, has a number: `autonomous_system_number`. IPinfo's has a text or a number:
/// `asn`.
#[derive(Debug, Default)]
pub(super) struct System {
    pub asn: Option<Asn>,
}

impl<'de> Deserialize<'de> for System {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<System, D::Error> {
        source.deserialize_any(SystemVisitor)
    }
}

/// Scalars, which databases may hold anywhere and which tell no system.
macro_rules! no_other {
    ($nothing:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($nothing)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
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

struct SystemVisitor;

impl<'de> Visitor<'de> for SystemVisitor {
    type Value = System;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a data record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<System, A::Error> {
        let mut system = System::default();
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "autonomous_system_number" | "asn" => {
                    let Number(asn) = map.next_value()?;
                    system.asn = system.asn.or(asn);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(system)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<System, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(System::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<System, E> {
        Ok(System::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<System, E> {
        Ok(System::default())
    }

    no_other!(System::default());
}

/// The value of a field, if it is the number of an autonomous system.
#[derive(Debug, Default)]
struct Number(Option<Asn>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Number, D::Error> {
        source.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a field of a data record")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
        Ok(Number(u32::try_from(number).ok().filter(|&number| number != 0).map(Asn)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Number, E> {
        Ok(Number(Asn::parse(text.as_bytes())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Number(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Number, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Number(None))
    }

    no_other!(Number(None));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemas_tell_systems() {
        for (json, expected) in [
            (r#"{"autonomous_system_number": 1221, "autonomous_system_organization": "Telstra"}"#, Some(1221)),
            (r#"{"asn": "AS15169", "as_name": "Google LLC", "as_domain": "google.com"}"#, Some(15_169)),
            (r#"{"domain": "x", "asn": 4294967295}"#, Some(u32::MAX)),
            (r#"{"asn": ""}"#, None),
            (r#"{"asn": "AS0"}"#, None),
            (r#"{"autonomous_system_number": 0}"#, None),
            (r#"{"autonomous_system_number": 4294967296}"#, None),
            (r#"{"autonomous_system_number": -1}"#, None),
            (r#"{"asn": {"asn": 1}}"#, None),
            (r#"{"asn": [1]}"#, None),
            (r#"{"asn": 1.5}"#, None),
            (r#"{"country": {"iso_code": "DE"}}"#, None),
            (r#"[1]"#, None),
            (r#""AS1""#, None),
            ("1", None),
        ] {
            let system: System = serde_json::from_str(json).unwrap();
            assert_eq!(system.asn, expected.map(Asn), "{json}");
        }
    }
}
