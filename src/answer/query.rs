//! `Query`: the parameters of a request, borrowed from its target.
//!
//! Lives here: splitting, percent-decoding, which parameters there are.
//! Not here: what they mean (`filter`, and one file per dialect).

/// Parameters that are looked at; further ones are ignored.
pub const PARAMETERS_MAX: usize = 64;

/// The parameters of a request, decoded; none for one that is absent. Of a parameter that comes twice the last one
/// counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'q> {
    /// `release`: a release or an alias of one.
    pub release: Option<&'q [u8]>,
    /// `arch`: an architecture.
    pub arch: Option<&'q [u8]>,
    /// `repo`, in any case.
    pub repo: Option<&'q [u8]>,
    /// `cc`: a place to be answered for instead of one's own.
    pub cc: Option<&'q [u8]>,
    /// `path`: a directory below a tree, or a file in one.
    pub path: Option<&'q [u8]>,
    /// `country`: countries that mirrors may be in, parted by commas.
    pub country: Option<&'q [u8]>,
    /// `protocol`: protocols that URLs may have, parted by commas.
    pub protocol: Option<&'q [u8]>,
    /// `exclude`: hosts, countries and autonomous systems that mirrors must not be, parted by commas.
    pub exclude: Option<&'q [u8]>,
    /// `limit`: how many mirrors there may be.
    pub limit: Option<&'q [u8]>,
    /// `family`: over which family mirrors are reached.
    pub family: Option<&'q [u8]>,
    /// `format`: another form of the answer.
    pub format: Option<&'q [u8]>,
    /// `ip`: a client to be answered for instead of oneself, for those who may.
    pub ip: Option<&'q [u8]>,
    /// `redirect`: to be sent to the first mirror.
    pub redirect: Option<&'q [u8]>,
    /// `netblock`: whether the client's network counts.
    pub netblock: Option<&'q [u8]>,
    /// `time`: to be told when the mirrors were verified.
    pub time: Option<&'q [u8]>,
    /// `countme`: once a week, for how long the client has been in use.
    pub countme: Option<&'q [u8]>,
    /// `explain`: to be told why, in place of the answer.
    pub explain: Option<&'q [u8]>,
}

impl<'q> Query<'q> {
    /// A query with these values, already decoded.
    pub fn of(release: &'q str, arch: &'q str, repo: &'q str, cc: &'q str) -> Query<'q> {
        let [release, arch, repo, cc] = [release, arch, repo, cc].map(|text| Some(text.as_bytes()));
        Query { release, arch, repo, cc, ..Query::default() }
    }

    /// Takes the parameters out of what follows the `?`. Unknown ones (`infra`, `content`, …) are ignored.
    ///
    /// `decoded`: where the text is decoded when there is anything to decode; what it held is gone.
    pub fn parse(text: &'q [u8], decoded: &'q mut Vec<u8>) -> Query<'q> {
        // Folded without a branch, so that the compiler makes vector instructions of it: few queries have either.
        if text.iter().fold(true, |plain, &byte| plain & (byte != b'%') & (byte != b'+')) {
            return Query::split(text);
        }
        decode(text, decoded);
        Query::split(decoded)
    }

    /// The bucket of `countme`, 1 to 4; 0 without one.
    pub fn countme_bucket(&self) -> u8 {
        match self.countme {
            Some([bucket @ b'1'..=b'4']) => bucket - b'0',
            _ => 0,
        }
    }

    /// Whether an explanation is wanted.
    pub fn wants_explanation(&self) -> bool {
        self.explain.is_some_and(|value| !matches!(value, b"" | b"0"))
    }

    fn split(text: &'q [u8]) -> Query<'q> {
        let mut query = Query::default();
        for parameter in text.split(|&byte| byte == b'&' || byte == b';').take(PARAMETERS_MAX) {
            let at = parameter.iter().position(|&byte| byte == b'=').unwrap_or(parameter.len());
            let (name, value) = (&parameter[..at], parameter.get(at + 1..).unwrap_or_default());
            let slot = match name {
                b"release" => &mut query.release,
                b"arch" => &mut query.arch,
                b"repo" => &mut query.repo,
                b"cc" => &mut query.cc,
                b"path" => &mut query.path,
                b"country" => &mut query.country,
                b"protocol" => &mut query.protocol,
                b"exclude" => &mut query.exclude,
                b"limit" => &mut query.limit,
                b"family" => &mut query.family,
                b"format" => &mut query.format,
                b"ip" => &mut query.ip,
                b"redirect" => &mut query.redirect,
                b"netblock" => &mut query.netblock,
                b"time" => &mut query.time,
                b"countme" => &mut query.countme,
                b"explain" => &mut query.explain,
                _ => continue,
            };
            *slot = Some(value);
        }
        query
    }
}

/// Decodes `%XX` and `+`. A `%` without two digits stands for itself, as forms have always had it. What parts
/// parameters is in no name: where it is encoded, it becomes NUL, which is in none either.
fn decode(text: &[u8], decoded: &mut Vec<u8>) {
    decoded.clear();
    decoded.reserve(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'+', _) => (b' ', tail),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => match high << 4 | low {
                    b'&' | b';' => (0, after),
                    byte => (byte, after),
                },
                _ => (b'%', tail),
            },
            _ => (*first, tail),
        };
        decoded.push(byte);
        rest = tail;
    }
}

/// What a hexadecimal digit stands for.
pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> [String; 4] {
        let mut decoded = Vec::new();
        let query = Query::parse(text.as_bytes(), &mut decoded);
        [query.release, query.arch, query.repo, query.cc]
            .map(|value| String::from_utf8_lossy(value.unwrap_or_default()).into())
    }

    #[test]
    fn order_and_strangers_do_not_matter() {
        let expected = ["9", "x86_64", "baseos", ""].map(String::from);
        assert_eq!(parts("release=9&arch=x86_64&repo=baseos"), expected);
        assert_eq!(parts("infra=$infra&repo=baseos&countme=3&arch=x86_64&content=centos&release=9&&x&=y"), expected);
        assert_eq!(parts("repo=%62ase%6fs&arch=x86%5F64&release=%39"), expected);
        assert_eq!(parts("repo=a&repo=baseos;arch=x86_64&release=9"), expected);
    }

    #[test]
    fn odd_values_are_defined() {
        assert_eq!(parts("release=%&arch=%4&repo=%zz&cc=a+b"), ["%", "%4", "%zz", "a b"].map(String::from));
        assert_eq!(parts("release&arch=&repo"), ["", "", "", ""].map(String::from));
        assert_eq!(parts("repo=a%26arch=b%3Bcc=c%3Dd"), ["", "", "a\0arch=b\0cc=c=d", ""].map(String::from));
        let mut decoded = b"left over".to_vec();
        let query = Query::parse(b"release&arch=%2B", &mut decoded);
        assert_eq!((query.release, query.arch, query.repo), (Some(&b""[..]), Some(&b"+"[..]), None));
    }

    #[test]
    fn rare_parameters_are_found_as_well() {
        for (text, countme, explains) in [
            ("countme=1&explain=1", 1, true),
            ("countme=4&explain=yes", 4, true),
            ("countme=0&explain=0", 0, false),
            ("countme=5&explain=", 0, false),
            ("countme=12&explain", 0, false),
            ("countme=&countm=3", 0, false),
        ] {
            let mut decoded = Vec::new();
            let query = Query::parse(text.as_bytes(), &mut decoded);
            assert_eq!((query.countme_bucket(), query.wants_explanation()), (countme, explains), "{text}");
        }
    }

    #[test]
    fn parameters_beyond_the_limit_are_ignored() {
        let many = "a=b&".repeat(PARAMETERS_MAX);
        assert_eq!(parts(&format!("{many}repo=baseos"))[2], "");
        let fewer = "a=b&".repeat(PARAMETERS_MAX - 1);
        assert_eq!(parts(&format!("{fewer}repo=baseos"))[2], "baseos");
    }
}
