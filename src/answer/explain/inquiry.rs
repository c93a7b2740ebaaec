//! `Inquiry`: what a request for an explanation asks for, beside what it would ask a list for.

use std::net::IpAddr;

use super::super::query::Query;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// JSON in place of text: `format=json`, or the type of JSON in `Accept`.
    pub is_json: bool,
    /// `ip`: the address to explain for, in place of the client's own.
    pub address: Address,
}

/// Whose answer is to be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// The client's own.
    Own,
    /// That of another.
    Of(IpAddr),
    /// What is no address.
    Bad,
}

impl Inquiry {
    /// Out of the parameters and the `Accept` field.
    pub fn of(query: &Query<'_>, accept: &[u8]) -> Inquiry {
        let is_json = match query.format.unwrap_or_default() {
            b"" => accepts_json(accept),
            named => named == b"json",
        };
        let address = match query.ip.unwrap_or_default() {
            b"" => Address::Own,
            text => {
                let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse::<IpAddr>().ok());
                parsed.map_or(Address::Bad, |address| Address::Of(address.to_canonical()))
            }
        };
        Inquiry { is_json, address }
    }
}

/// Whether a member of the list is `application/json`, whatever parameters it has.
fn accepts_json(accept: &[u8]) -> bool {
    accept.split(|&byte| byte == b',').any(|member| {
        let kind = member.split(|&byte| byte == b';').next().unwrap_or_default();
        kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_understood() {
        let own = |is_json| Inquiry { is_json, address: Address::Own };
        let wish = |query: &str, accept: &str| {
            let mut decoded = Vec::new();
            Inquiry::of(&Query::parse(query.as_bytes(), &mut decoded), accept.as_bytes())
        };
        assert_eq!(wish("explain=1", "*/*"), own(false));
        assert_eq!(wish("explain=1&format=json", "*/*"), own(true));
        assert_eq!(wish("explain=1", "text/html, Application/JSON ; q=0.5"), own(true));
        assert_eq!(wish("explain=1&format=text", "application/json"), own(false), "the parameter comes first");
        assert_eq!(wish("explain=1", "application/jsonp"), own(false));
        assert_eq!(wish("ip=::ffff:192.0.2.1", "").address, Address::Of("192.0.2.1".parse().unwrap()));
        assert_eq!(wish("ip=2001%3Adb8%3A%3A1", "").address, Address::Of("2001:db8::1".parse().unwrap()));
        assert_eq!(wish("ip=192.0.2", "").address, Address::Bad);
    }
}
