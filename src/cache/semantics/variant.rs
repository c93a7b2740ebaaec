//! `Variant`: for which requests a response was chosen. RFC 9111, section 4.1.

use crate::http::{FieldBlock, Fields, Members};

/// Most request fields one response may depend on. Picked by feel.
const NAMES_MAX: usize = 16;

/// The request fields a Vary field names, as they were in the request that brought the response, in a normal form.
/// By default: none, every request matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variant(FieldBlock);

impl Variant {
    /// Of a response to a request. `None` when no request can be known to match: `Vary: *`, or a Vary field that names
    /// what is no field name or more than 16 fields.
    pub fn of(response: Fields<'_>, request: Fields<'_>) -> Option<Variant> {
        let mut names: Vec<String> = Vec::new();
        for name in response.members("vary") {
            let name = str::from_utf8(name).ok().filter(|name| *name != "*")?.to_ascii_lowercase();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.sort_unstable();
        if names.len() > NAMES_MAX {
            return None;
        }
        let mut block = FieldBlock::new();
        for name in names {
            let value = normal_form(&name, request);
            // What is in the request was checked when it came; a name may be anything.
            if !block.push(name.as_bytes(), &value) {
                return None;
            }
        }
        Some(Variant(block))
    }

    /// Whether a request would have chosen the same response.
    pub fn matches(&self, request: Fields<'_>) -> bool {
        self.0
            .fields()
            .iter()
            .all(|(name, value)| str::from_utf8(name).is_ok_and(|name| normal_form(name, request) == value))
    }

    /// Whether every request matches.
    pub fn is_any(&self) -> bool {
        self.0.lines().is_empty()
    }

    /// As it is kept.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.lines()
    }

    /// Of what was kept.
    pub fn from_bytes(bytes: &[u8]) -> Option<Variant> {
        FieldBlock::from_lines(bytes).map(Variant)
    }
}

/// How members of a list may be put without a change of meaning.
enum Order {
    /// Members are a set with weights.
    Free,
    /// Order may mean something.
    Kept,
}

/// A field of a request so that requests that mean the same have the same: `-` when it is absent, else `=` and its
/// members. White space around members and line breaks mean nothing in any list; order and case mean nothing in those
/// of content negotiation, whose members have weights (RFC 9110, section 12.5).
fn normal_form(name: &str, request: Fields<'_>) -> Vec<u8> {
    if !request.has(name) {
        return b"-".to_vec();
    }
    let order = match name {
        "accept" | "accept-charset" | "accept-encoding" | "accept-language" => Order::Free,
        _ => Order::Kept,
    };
    let mut members: Vec<Vec<u8>> = Vec::new();
    for value in request.all(name) {
        members.extend(Members::of(value).map(|member| match order {
            Order::Free => {
                member.to_ascii_lowercase().into_iter().filter(|byte| !matches!(byte, b' ' | b'\t')).collect()
            }
            Order::Kept => member.to_vec(),
        }));
    }
    if let Order::Free = order {
        members.sort_unstable();
    }
    let mut value = b"=".to_vec();
    value.extend(members.join(&b", "[..]));
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::semantics::tests::fields;

    /// Whether the response to one request answers the other.
    fn matches(vary: &str, one: &str, other: &str) -> bool {
        let vary = fields(&format!("Vary: {vary}"));
        let variant = Variant::of(vary.fields(), fields(one).fields()).unwrap();
        assert_eq!(Variant::from_bytes(variant.as_bytes()).as_ref(), Some(&variant));
        variant.matches(fields(other).fields())
    }

    #[test]
    fn requests_match_by_the_fields_named_rfc9111_4_1() {
        let cases = [
            ("Foo", "Foo: 1", "Foo: 1", true),
            ("Foo", "Foo: 1", "foo: 1", true),
            ("Foo", "Foo: 1", "Foo: 2", false),
            ("Foo", "Foo: 1", "", false),
            ("Foo", "", "Foo: 1", false),
            ("Foo", "", "Foo: ", false),
            ("Foo", "", "Bar: 1", true),
            ("foo, BAR", "Foo: 1|Bar: 2", "Bar: 2|Foo: 1|Other: 3", true),
            ("Foo, Bar", "Foo: 1|Bar: 2", "Foo: 1|Bar: 3", false),
            ("Foo, Bar", "Foo: 1", "Foo: 1", true),
            ("Foo", "Foo: a", "Foo: A", false),
            ("Foo", "Foo: 1, 2", "Foo: 2, 1", false),
        ];
        for (vary, one, other, expected) in cases {
            assert_eq!(matches(vary, one, other), expected, "{vary} | {one} | {other}");
        }
    }

    #[test]
    fn what_means_the_same_is_the_same_rfc9111_4_1() {
        assert!(matches("Foo", "Foo: 1, 2", "Foo: 1|Foo: 2"));
        assert!(matches("Foo", "Foo: 1,2", "Foo:  1, 2 "));
        assert!(matches("Accept-Language", "Accept-Language: en, de", "Accept-Language: De ,   eN"));
        assert!(matches("Accept-Encoding", "Accept-Encoding: gzip;q=1, br", "Accept-Encoding: br,gzip; q=1"));
        assert!(!matches("Accept-Encoding", "Accept-Encoding: gzip;q=1", "Accept-Encoding: gzip;q=0"));
    }

    #[test]
    fn nothing_matches_a_star_rfc9111_4_1() {
        for vary in ["*", "*, *", ", *", "*, Foo", "Foo, *", "Foo Bar", "a:b"] {
            assert_eq!(Variant::of(fields(&format!("Vary: {vary}")).fields(), Fields::NONE), None, "{vary}");
        }
        assert_eq!(Variant::of(fields("Vary: a|vary: *").fields(), Fields::NONE), None);
        let many = (0..17).map(|index| format!("f{index}")).collect::<Vec<_>>().join(",");
        assert_eq!(Variant::of(fields(&format!("Vary: {many}")).fields(), Fields::NONE), None);
        let any = Variant::of(fields("Vary: ,").fields(), Fields::NONE).unwrap();
        assert!(any.is_any() && any == Variant::default() && any.matches(Fields::NONE));
    }
}
