//! `Ask`: a request for mirrors, and what operators allow in its answer.
//!
//! Lives here: which dialect and which form of answer a request wants, by its path and parameters.

use std::net::IpAddr;

use super::atlas::Atlas;
use super::fedora;
use super::locate::Whereabouts;
use super::query::Query;

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/`: a list in the CentOS dialect.
    Root,
    /// `…/mirrorlist`: a list in either dialect.
    List,
    /// `…/metalink`: a metalink.
    Metalink,
    /// `…/metalink4`: a Metalink 4, whatever the client accepts.
    Metalink4,
}

impl Endpoint {
    /// What a path asks for; none when it is another's.
    pub fn of(path: &[u8]) -> Option<Endpoint> {
        match path {
            b"/" => Some(Endpoint::Root),
            _ if path.ends_with(b"/mirrorlist") => Some(Endpoint::List),
            _ if path.ends_with(b"/metalink") => Some(Endpoint::Metalink),
            _ if path.ends_with(b"/metalink4") => Some(Endpoint::Metalink4),
            _ => None,
        }
    }
}

/// How a request names a repo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// By release, architecture and repo.
    Centos,
    /// By a single name and an architecture, or by a path.
    Fedora,
}

impl Dialect {
    /// All, in the order of counters.
    pub const ALL: [Dialect; 2] = [Dialect::Centos, Dialect::Fedora];

    /// As counters label it.
    pub fn label(self) -> &'static str {
        match self {
            Dialect::Centos => "centos",
            Dialect::Fedora => "fedora",
        }
    }
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A URL per line.
    Text,
    /// An array of objects with a URL each.
    Json,
    /// All there is to tell of each mirror.
    JsonFull,
    /// Metalink 3.0.
    Metalink,
    /// Metalink 4.
    Metalink4,
    /// A redirect to the first mirror.
    Redirect,
}

/// A request for mirrors.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What its path asks for.
    pub endpoint: Endpoint,
    /// Its parameters.
    pub query: Query<'a>,
    /// Whether the client would rather have a Metalink 4.
    pub accepts_metalink4: bool,
    /// Who is answered for.
    pub client: IpAddr,
    /// The time, seconds since 1970.
    pub unix_seconds: u64,
}

impl Ask<'_> {
    /// How it names a repo: with a `release` in the one way, else in the other when it says enough for that.
    pub fn dialect(&self) -> Dialect {
        match self.endpoint {
            Endpoint::Root => Dialect::Centos,
            _ if self.query.release.is_some() => Dialect::Centos,
            Endpoint::List if !fedora::is_spoken(&self.query) => Dialect::Centos,
            _ => Dialect::Fedora,
        }
    }

    /// Where its client is, for this request: it may ask for another place, or not to be known by its network.
    pub fn whereabouts(&self, atlas: &Atlas) -> Whereabouts {
        let asked = if self.dialect() == Dialect::Centos { self.query.cc.unwrap_or_default() } else { b"" };
        let whereabouts = Whereabouts::find(atlas, self.client, asked);
        if self.query.netblock == Some(b"0") { whereabouts.without_network() } else { whereabouts }
    }

    /// What its answer looks like.
    pub fn form(&self) -> Form {
        match (self.query.format, self.endpoint) {
            (Some(b"json"), _) => Form::Json,
            (Some(b"json-full"), _) => Form::JsonFull,
            (_, Endpoint::Metalink4) => Form::Metalink4,
            (_, Endpoint::Metalink) if self.accepts_metalink4 => Form::Metalink4,
            (_, Endpoint::Metalink) => Form::Metalink,
            _ => {
                let wants_redirect = self.query.redirect.is_some_and(|value| value != b"0");
                let is_fedora = wants_redirect && self.dialect() == Dialect::Fedora;
                if is_fedora { Form::Redirect } else { Form::Text }
            }
        }
    }
}

/// What operators allow in answers.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Most mirrors in a list of the CentOS dialect.
    pub lines_max: usize,
    /// Most mirrors in a metalink, and in any answer of the Fedora dialect.
    pub fedora_lines_max: usize,
    /// With fewer mirrors than this, an answer of the Fedora dialect goes beyond the client's continent.
    pub fedora_lines_min: usize,
    /// Whether a repo that is not known has status 404.
    pub strict_status: bool,
}
