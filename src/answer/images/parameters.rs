//! `Parameters`: what follows the `?` of a request for images.

use super::value::Value;
use crate::answer::query::PARAMETERS_MAX;
use crate::place::Code;

/// The parameters. Of one that comes twice the last counts; unknown ones are ignored.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// `cc`: a place to be answered for instead of one's own.
    pub cc: Value,
    /// `debug=1`: tell how it was decided.
    pub debug: bool,
    /// `format=json`.
    pub json: bool,
    /// `all=N`: page N of the full list of mirrors, from 1.
    pub all: Option<usize>,
}

impl Parameters {
    /// Takes the parameters out of what follows the `?`.
    pub fn parse(query: &[u8]) -> Parameters {
        let mut parameters = Parameters { cc: Value::EMPTY, debug: false, json: false, all: None };
        for parameter in query.split(|&byte| byte == b'&' || byte == b';').take(PARAMETERS_MAX) {
            let at = parameter.iter().position(|&byte| byte == b'=').unwrap_or(parameter.len());
            let value = Value::decode(parameter.get(at + 1..).unwrap_or_default());
            match &parameter[..at] {
                b"cc" => parameters.cc = value,
                b"debug" => parameters.debug = value.bytes() == b"1",
                b"format" => parameters.json = value.bytes() == b"json",
                b"all" => parameters.all = page_number(value.bytes()),
                _ => {}
            }
        }
        parameters
    }

    /// The place asked for, when it has the form of one: what links on a page carry on.
    pub fn place(&self) -> Option<Code> {
        Code::parse(self.cc.bytes())
    }
}

/// A number from 1 to 999.
fn page_number(text: &[u8]) -> Option<usize> {
    let number = std::str::from_utf8(text).ok()?.parse().ok()?;
    (1..1000).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_in_any_order() {
        let parameters = Parameters::parse(b"x=y&all=2&debug=1&cc=us%2dtx;format=json");
        assert_eq!(parameters.place().map(|code| code.to_string()).as_deref(), Some("US-TX"));
        assert!(parameters.debug && parameters.json);
        assert_eq!(parameters.all, Some(2));
    }

    #[test]
    fn odd_values_count_as_none() {
        for query in ["", "debug", "debug=0&format=xml&all=0&cc=", "debug=11&all=1000", "all=-1", "all=%31%30%30%30"] {
            let parameters = Parameters::parse(query.as_bytes());
            assert!(!parameters.debug && !parameters.json && parameters.all.is_none(), "{query}");
            assert!(parameters.cc.is_empty() && parameters.place().is_none(), "{query}");
        }
        for cc in ["<script>", "%0d%0aSet-Cookie:a", "\"'", "+ADw-script+AD4-", &"d".repeat(5000), "DE%00"] {
            assert_eq!(Parameters::parse(format!("cc={cc}").as_bytes()).place(), None, "{cc}");
        }
    }
}
