//! `Route`: which path on which host is what.

use super::edition::Pages;
use crate::answer::images::Wishes;
use crate::answer::{Atlas, Endpoint, PARAMETERS_MAX};
use crate::http::Request;

/// What a request is about.
pub(super) enum Route<'a> {
    /// Mirrors, as a list or a metalink.
    Mirrors(Endpoint),
    /// Pages and redirects for images.
    Images(Below<'a>),
    /// `/healthz`.
    Health,
    /// `/metrics`.
    Metrics,
    /// The server as a whole (`OPTIONS *`).
    Server,
    /// There is no such path.
    Nowhere,
}

/// A path of images, and where it begins.
pub(super) struct Below<'a> {
    /// What operators give.
    pub pages: &'a Pages,
    /// What stands before it.
    pub prefix: &'a str,
    /// What is behind that, with a slash in front.
    pub path: &'a [u8],
    /// What the client has said of itself.
    pub wishes: Wishes,
}

impl<'a> Route<'a> {
    /// The route of a request. Images are below the hosts and the prefix that are configured; with neither, on every
    /// path that nothing else is at, when the snapshot has some.
    pub fn of(request: &Request<'a>, pages: Option<&'a Pages>, atlas: &Atlas) -> Route<'a> {
        match request.path() {
            b"/healthz" => return Route::Health,
            b"/metrics" => return Route::Metrics,
            b"*" => return Route::Server,
            _ => {}
        }
        let usual = match Endpoint::of(request.path()) {
            Some(Endpoint::Root) => Route::Mirrors(Endpoint::Root),
            // By far the most frequent requests, so nothing is done for them that is not needed.
            Some(endpoint) => return Route::Mirrors(endpoint),
            None => Route::Nowhere,
        };
        let Some(pages) = pages else { return usual };
        let below = |prefix, path| Route::Images(Below { pages, prefix, path, wishes: wishes(request) });
        match request.path().strip_prefix(pages.prefix.as_bytes()) {
            _ if pages.prefix.is_empty() => {}
            Some(b"") => return below(&pages.prefix, b"/"),
            Some(path @ [b'/', ..]) => return below(&pages.prefix, path),
            _ => {}
        }
        let is_everywhere = pages.hosts.is_empty() && pages.prefix.is_empty() && !atlas.catalogue().is_empty();
        if !is_everywhere && !pages.has_host(request.authority()) {
            return usual;
        }
        if request.path() != b"/" {
            return below("", request.path());
        }
        // Package managers and browsers meet at `/`: who names a list gets it, and on a shared host only those who ask
        // for HTML get a page.
        if names_list(request.query()) || is_everywhere && !wishes(request).is_browser() {
            return Route::Mirrors(Endpoint::Root);
        }
        below("", b"/")
    }
}

fn wishes(request: &Request<'_>) -> Wishes {
    Wishes::of(request.header("user-agent").unwrap_or_default(), request.headers("accept"))
}

/// Whether a query has a parameter of the mirrorlist dialect. Mostly the first one is.
fn names_list(query: Option<&[u8]>) -> bool {
    let names = |text: &[u8]| [&b"release="[..], b"arch=", b"repo="].iter().any(|name| text.starts_with(name));
    query.unwrap_or_default().split(|&byte| byte == b'&' || byte == b';').take(PARAMETERS_MAX).any(names)
}

impl Pages {
    /// Whether all paths of a host (with a port or without) are of images.
    fn has_host(&self, authority: Option<&[u8]>) -> bool {
        let Some(authority) = authority.filter(|_| !self.hosts.is_empty()) else { return false };
        let port_bytes = authority.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let host = match &authority[..authority.len() - port_bytes] {
            [host @ .., b':'] => host,
            _ => authority,
        };
        let host = host.strip_suffix(b".").unwrap_or(host);
        self.hosts.iter().any(|known| host.eq_ignore_ascii_case(known.as_bytes()))
    }
}
