//! `Query`: the parameters of a mirrorlist request, decoded without allocation.
//!
//! Lives here: splitting, percent-decoding, which parameters there are.
//! Not here: what they mean (one file per dialect).

/// Parameters that are looked at; further ones are ignored.
pub const PARAMETERS_MAX: usize = 64;
/// Longest decoded value that can name anything, bytes. Inventory names have at most 64.
pub const VALUE_BYTES_MAX: usize = 64;

/// A decoded value. One that was too long is kept as a value that names nothing.
#[derive(Clone, Copy)]
pub struct Value {
    bytes: [u8; VALUE_BYTES_MAX],
    length: u8,
}

impl Value {
    const EMPTY: Value = Value { bytes: [0; VALUE_BYTES_MAX], length: 0 };
    /// A NUL is in no name, so this one finds nothing, and it is not empty.
    const NAMES_NOTHING: Value = Value { bytes: [0; VALUE_BYTES_MAX], length: 1 };

    /// Decodes `%XX` and `+`. A `%` without two digits stands for itself, as forms have always had it.
    fn decode(text: &[u8]) -> Value {
        // Folded without a branch, so that the compiler makes vector instructions of it: few values have either.
        if text.iter().fold(true, |plain, &byte| plain & (byte != b'%') & (byte != b'+')) {
            return Value::of(text);
        }
        let mut value = Value::EMPTY;
        let mut rest = text;
        while let [first, tail @ ..] = rest {
            let (byte, tail) = match (first, tail) {
                (b'+', _) => (b' ', tail),
                (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => (high << 4 | low, after),
                    _ => (b'%', tail),
                },
                _ => (*first, tail),
            };
            let Some(slot) = value.bytes.get_mut(usize::from(value.length)) else { return Value::NAMES_NOTHING };
            *slot = byte;
            value.length += 1;
            rest = tail;
        }
        value
    }

    fn of(text: &[u8]) -> Value {
        let mut value = Value::EMPTY;
        match value.bytes.get_mut(..text.len()) {
            Some(slot) => slot.copy_from_slice(text),
            None => return Value::NAMES_NOTHING,
        }
        value.length = text.len() as u8;
        value
    }

    /// The decoded bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Whether the parameter was absent or empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn to_lowercase(mut self) -> Value {
        self.bytes.make_ascii_lowercase();
        self
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?}", String::from_utf8_lossy(self.bytes()))
    }
}

/// The parameters of a request. Of a parameter that comes twice the last one counts.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// `release`: a release or an alias of one.
    pub release: Value,
    /// `arch`: an architecture.
    pub arch: Value,
    /// `repo`, in lower case.
    pub repo: Value,
    /// `cc`: a place to be answered for instead of one's own.
    pub cc: Value,
    /// `countme`: how long a client has been there, 1 to 4, told once a week; 0 in all other requests.
    pub countme: u8,
    /// `explain`: whether to tell why in place of the answer.
    pub explain: bool,
}

impl Query {
    const EMPTY: Query = Query {
        release: Value::EMPTY,
        arch: Value::EMPTY,
        repo: Value::EMPTY,
        cc: Value::EMPTY,
        countme: 0,
        explain: false,
    };

    /// A query with these values, already decoded.
    pub fn of(release: &str, arch: &str, repo: &str, cc: &str) -> Query {
        let [release, arch, repo, cc] = [release, arch, repo, cc].map(|text| Value::of(text.as_bytes()));
        Query { release, arch, repo: repo.to_lowercase(), cc, ..Query::EMPTY }
    }

    /// Takes the parameters out of what follows the `?`. Unknown ones (`infra`, `content`, …) are ignored.
    pub fn parse(text: &[u8]) -> Query {
        let mut query = Query::EMPTY;
        // Few queries have anything to decode. Folded without a branch: the compiler makes vector instructions of it.
        let is_plain = text.iter().fold(true, |plain, &byte| plain & (byte != b'%') & (byte != b'+'));
        let value_of = |text| if is_plain { Value::of(text) } else { Value::decode(text) };
        for parameter in text.split(|&byte| byte == b'&' || byte == b';').take(PARAMETERS_MAX) {
            let at = parameter.iter().position(|&byte| byte == b'=').unwrap_or(parameter.len());
            let (name, value) = (&parameter[..at], parameter.get(at + 1..).unwrap_or_default());
            match name {
                b"release" => query.release = value_of(value),
                b"arch" => query.arch = value_of(value),
                b"repo" => query.repo = value_of(value).to_lowercase(),
                b"cc" => query.cc = value_of(value),
                b"countme" => query.countme = countme(value),
                b"explain" => query.explain = !matches!(value, b"" | b"0"),
                _ => {}
            }
        }
        query
    }
}

/// The value of a parameter that only few requests have; empty when it is not there. Of one that comes twice the last
/// one counts.
pub fn parameter(text: &[u8], name: &[u8]) -> Value {
    let parameters = text.split(|&byte| byte == b'&' || byte == b';').take(PARAMETERS_MAX);
    let of_name = parameters.filter_map(|parameter| parameter.strip_prefix(name)?.strip_prefix(b"="));
    of_name.last().map_or(Value::EMPTY, Value::decode)
}

fn countme(value: &[u8]) -> u8 {
    match value {
        [bucket @ b'1'..=b'4'] => bucket - b'0',
        _ => 0,
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> [String; 4] {
        let query = Query::parse(text.as_bytes());
        [query.release, query.arch, query.repo, query.cc].map(|value| String::from_utf8_lossy(value.bytes()).into())
    }

    #[test]
    fn order_and_strangers_do_not_matter() {
        let expected = ["9", "x86_64", "baseos", ""].map(String::from);
        assert_eq!(parts("release=9&arch=x86_64&repo=BaseOS"), expected);
        assert_eq!(parts("infra=$infra&repo=baseos&countme=3&arch=x86_64&content=centos&release=9&&x&=y"), expected);
        assert_eq!(parts("repo=%42ase%4fS&arch=x86%5F64&release=%39"), expected);
        assert_eq!(parts("repo=a&repo=baseos&arch=x86_64&release=9"), expected);
    }

    #[test]
    fn odd_values_are_defined() {
        assert_eq!(parts("release=%&arch=%4&repo=%zz&cc=a+b"), ["%", "%4", "%zz", "a b"].map(String::from));
        assert_eq!(parts("release&arch=&repo"), ["", "", "", ""].map(String::from));
        assert!(Query::parse(b"").repo.is_empty());
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        let value = Query::parse(format!("repo={long}").as_bytes()).repo;
        assert_eq!(value.bytes(), b"\0", "too long: names nothing, and is not missing");
        let just = "x".repeat(VALUE_BYTES_MAX);
        assert_eq!(Query::parse(format!("repo={just}").as_bytes()).repo.bytes(), just.as_bytes());
    }

    #[test]
    fn rare_parameters_are_found_as_well() {
        for (text, countme, explain) in [
            ("countme=1&explain=1", 1, true),
            ("countme=4&explain=yes", 4, true),
            ("countme=0&explain=0", 0, false),
            ("countme=5&explain=", 0, false),
            ("countme=12&explain", 0, false),
            ("countme=&countm=3", 0, false),
        ] {
            let query = Query::parse(text.as_bytes());
            assert_eq!((query.countme, query.explain), (countme, explain), "{text}");
        }
        assert_eq!(parameter(b"a=1&ip=2001%3adb8::1;ipx=2&ip", b"ip").bytes(), b"2001:db8::1");
        assert_eq!(parameter(b"ip=a&ip=b", b"ip").bytes(), b"b");
        assert!(parameter(b"xip=1", b"ip").is_empty());
    }

    #[test]
    fn parameters_beyond_the_limit_are_ignored() {
        let many = "a=b&".repeat(PARAMETERS_MAX);
        assert!(Query::parse(format!("{many}repo=baseos").as_bytes()).repo.is_empty());
        let fewer = "a=b&".repeat(PARAMETERS_MAX - 1);
        assert_eq!(Query::parse(format!("{fewer}repo=baseos").as_bytes()).repo.bytes(), b"baseos");
    }
}
