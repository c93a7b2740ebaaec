//! `Form`: in which form a client wants its answer: by what it says it is and by what it says it takes.
//!
//! Lives here: User-Agent and Accept (RFC 9110, section 12.5.1). Not here: the forms (one file each).

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A page for people.
    Page,
    /// To the first mirror.
    Redirect,
    /// The same facts for programs.
    Json,
    /// A Metalink 4: for programs that download from several mirrors at a time.
    Metalink,
}

/// Names of programs that want a file and not a page, in lower case.
const AGENTS: [&[u8]; 7] =
    [b"curl", b"wget", b"aria2", b"node-fetch", b"go-http-client", b"ansible-httpget", b"python-requests"];
/// Media ranges of all Accept fields together that are looked at; further ones are ignored.
const RANGES_MAX: usize = 64;
/// The weight of a media range that names none (`q=1`), thousandths.
const WEIGHT_MAX: u16 = 1000;

/// What a client has said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wishes {
    is_agent: bool,
    /// Weights of what was named, thousandths.
    html: Option<u16>,
    json: Option<u16>,
    metalink: Option<u16>,
    /// Weight of `*/*` or `text/*`.
    any: Option<u16>,
}

impl Wishes {
    /// Out of the User-Agent and the values of all Accept fields.
    pub fn of<'a>(user_agent: &[u8], accept: impl Iterator<Item = &'a [u8]>) -> Wishes {
        let mut wishes = Wishes { is_agent: is_agent(user_agent), html: None, json: None, metalink: None, any: None };
        for range in accept.flat_map(|value| value.split(|&byte| byte == b',')).take(RANGES_MAX) {
            let mut parts = range.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
            let slot = if is("text/html") || is("application/xhtml+xml") {
                &mut wishes.html
            } else if is("application/json") {
                &mut wishes.json
            } else if is("application/metalink4+xml") {
                &mut wishes.metalink
            } else if is("*/*") || is("text/*") {
                &mut wishes.any
            } else {
                continue;
            };
            *slot = (*slot).max(Some(weight(parts)));
        }
        wishes
    }

    /// Whether this is a browser: something that asks for HTML by name, and is no command-line agent.
    pub fn is_browser(&self) -> bool {
        !self.is_agent && self.html.is_some_and(|weight| weight > 0)
    }

    /// The form to answer in. What is named wins over what is only allowed by a wildcard; agents are never sent pages,
    /// whatever they say they take. aria2 names Metalinks beside `*/*` whenever it asks for anything, also when it is
    /// told not to follow them: only one that wants nothing as much gets one.
    pub fn form(&self, offers_metalink: bool) -> Form {
        let usual = if self.is_agent { Form::Redirect } else { Form::Page };
        let metalink = self.metalink.filter(|_| offers_metalink);
        let Some((weight, form)) = [(metalink, Form::Metalink), (self.json, Form::Json)]
            .into_iter()
            .filter_map(|(weight, form)| Some((weight.filter(|&weight| weight > 0)?, form)))
            .reduce(|best, next| if next.0 > best.0 { next } else { best })
        else {
            return usual;
        };
        let is_wanted = match (self.html, self.any) {
            (Some(html), _) if !self.is_agent => weight > html,
            (_, Some(any)) if self.is_agent && form == Form::Metalink => weight > any,
            (_, any) => weight >= any.unwrap_or_default(),
        };
        if is_wanted { form } else { usual }
    }
}

fn is_agent(user_agent: &[u8]) -> bool {
    AGENTS.iter().any(|agent| user_agent.windows(agent.len()).any(|part| part.eq_ignore_ascii_case(agent)))
}

/// The weight among the parameters of a media range, thousandths. A malformed one counts as none given.
fn weight<'a>(parameters: impl Iterator<Item = &'a [u8]>) -> u16 {
    for parameter in parameters {
        let [b'q' | b'Q', b'=', value @ ..] = parameter else { continue };
        return match value {
            [b'0'] | [b'0', b'.'] => 0,
            [b'0', b'.', digits @ ..] if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => {
                let value = digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'));
                value * 10_u16.pow(3 - digits.len() as u32)
            }
            _ => WEIGHT_MAX,
        };
    }
    WEIGHT_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    const FIREFOX_ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";

    fn wishes(user_agent: &str, accept: &str) -> Wishes {
        Wishes::of(user_agent.as_bytes(), [accept.as_bytes()].into_iter())
    }

    #[test]
    fn agents_are_known_in_any_case_and_anywhere() {
        for agent in [
            "curl/8.5.0",
            "Wget/1.24",
            "aria2/1.37.0",
            "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
            "Go-http-client/1.1",
            "ansible-httpget",
            "python-requests/2.31",
            "like CURL",
        ] {
            assert_eq!(wishes(agent, "*/*").form(true), Form::Redirect, "{agent}");
        }
        for browser in [FIREFOX, "", "libdnf", "Links (2.29)", "w3m/0.5.3"] {
            assert_eq!(wishes(browser, "*/*").form(true), Form::Page, "{browser}");
        }
    }

    #[test]
    fn what_is_named_wins_over_wildcards() {
        for (user_agent, accept, expected) in [
            (FIREFOX, FIREFOX_ACCEPT, Form::Page),
            (FIREFOX, "", Form::Page),
            (FIREFOX, "image/png", Form::Page),
            (FIREFOX, "application/json, text/plain, */*", Form::Json),
            (FIREFOX, "application/json;q=0.9, text/html", Form::Page),
            (FIREFOX, "text/html;q=0.5, APPLICATION/JSON", Form::Json),
            (FIREFOX, "application/json;q=0", Form::Page),
            (FIREFOX, "application/json;q=0.2, */*;q=0.3", Form::Page),
            (FIREFOX, "application/metalink4+xml", Form::Metalink),
            (FIREFOX, "text/html;q=0.1,application/metalink4+xml;q=0.2,application/json;q=0.15", Form::Metalink),
            ("curl/8", "application/json", Form::Json),
            ("curl/8", "application/metalink4+xml;q=0.01", Form::Metalink),
            ("curl/8", "text/html", Form::Redirect),
            ("Wget/2.1", FIREFOX_ACCEPT, Form::Redirect),
            ("aria2/1.36.0", "*/*,application/metalink4+xml,application/metalink+xml", Form::Redirect),
            ("aria2/1.36.0", "*/*;q=0.9,application/metalink4+xml", Form::Metalink),
            ("aria2/1.36.0", "*/*,application/metalink4+xml;q=0.9", Form::Redirect),
        ] {
            assert_eq!(wishes(user_agent, accept).form(true), expected, "{user_agent}: {accept}");
        }
        assert_eq!(wishes("curl/8", "application/metalink4+xml").form(false), Form::Redirect);
    }

    #[test]
    fn browsers_ask_for_html_by_name() {
        assert!(wishes(FIREFOX, FIREFOX_ACCEPT).is_browser());
        for (user_agent, accept) in
            [(FIREFOX, "*/*"), (FIREFOX, ""), ("curl/8", "text/html"), (FIREFOX, "text/html;q=0"), ("libdnf", "*/*")]
        {
            assert!(!wishes(user_agent, accept).is_browser(), "{user_agent}: {accept}");
        }
    }

    #[test]
    fn weights_are_thousandths() {
        for (text, expected) in
            [("q=1", 1000), ("q=0.5", 500), ("Q=0.05", 50), ("q=0.123", 123), ("q=0", 0), ("q=0.000", 0)]
        {
            assert_eq!(weight([text.as_bytes()].into_iter()), expected, "{text}");
        }
        for odd in ["q=", "q=x", "q=0.1234", "q=2", "q=-1", "level=1", "q=0.1x"] {
            assert_eq!(weight([odd.as_bytes()].into_iter()), WEIGHT_MAX, "{odd}");
        }
    }
}
