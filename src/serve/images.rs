//! `Answerer`'s part for images: heads of pages, redirects, JSON and Metalinks, and the logo.
//!
//! Not here: what is told (`answer::images`), which paths these are (`route`).

use std::net::IpAddr;

use super::answerer::{Answerer, Done};
use super::counters::Page;
use super::route::Below;
use crate::answer::images::{self, Ask, Media, Outcome, PATH_BYTES_MAX, Picture};
use crate::http::{Reply, Request, Response, Status};

/// Fields of every answer that depends on who asks. No cache may keep it: another client's mirrors are others.
const FIELDS: &str = "Cache-Control: no-store\r\nVary: Accept, User-Agent\r\nX-Content-Type-Options: nosniff\r\n";
/// Fields of pages besides the policy: nobody learns from a link where it was followed.
const PAGE_FIELDS: &str = "Content-Type: text/html; charset=utf-8\r\nReferrer-Policy: no-referrer\r\n";
/// Fields of the logo. Its path names its content. As a document of its own it may do nothing.
const LOGO_FIELDS: &str = "Cache-Control: public, max-age=31536000, immutable\r\nX-Content-Type-Options: nosniff\r\n\
    Content-Security-Policy: script-src 'none'; sandbox\r\n";
/// When to ask again for what no mirror has, seconds.
const RETRY_FIELDS: &str = "Retry-After: 600\r\n";

impl Answerer {
    pub(super) fn images(
        &self,
        request: &Request<'_>,
        below: &Below<'_>,
        client: IpAddr,
        reply: Reply,
        out: &mut Vec<u8>,
    ) -> Done {
        let site = &below.pages.site;
        let date = self.clock.http_date();
        if let Some(logo) = site.logo_at(below.path) {
            self.count(Page::Logo);
            let response = Response::begin(out, reply, Status::Ok, date).lines(LOGO_FIELDS);
            let body_bytes = response.lines(Picture::content_type(logo.picture())).finish(logo.bytes());
            return Done { status: Status::Ok, body_bytes };
        }
        let ask = Ask {
            prefix: below.prefix,
            path: below.path,
            query: request.query().unwrap_or_default(),
            wishes: below.wishes,
            client,
            unix_seconds: self.clock.unix_seconds(),
        };
        let mut room = [0; PATH_BYTES_MAX];
        let answer = images::answer(&self.edition.atlas, site, &ask, &mut room);
        self.counters.images[answer.outcome as usize].add(1);
        let status = answer.outcome.status();
        let mut response = Response::begin(out, reply, status, date).lines(FIELDS);
        if let Some(location) = answer.location() {
            response = response.field_of("Location", location);
        }
        for duplicate in answer.duplicates() {
            response = response.field_of("Link", duplicate);
        }
        if let Some(description) = answer.description() {
            response = response.field_of("Link", description);
        }
        if let Some(digest) = answer.digest() {
            response = response.field_of("Digest", digest);
        }
        if answer.outcome == Outcome::Exhausted {
            response = response.lines(RETRY_FIELDS);
        }
        let response = match answer.media {
            Media::Html => response.lines(PAGE_FIELDS).field("Content-Security-Policy", site.policy().as_bytes()),
            Media::Text => response.lines("Content-Type: text/plain; charset=utf-8\r\n"),
            Media::Json => response.lines("Content-Type: application/json\r\n"),
            Media::Metalink => response.lines("Content-Type: application/metalink4+xml\r\n"),
        };
        let mut body = response.body();
        answer.write(body.out());
        Done { status, body_bytes: body.finish() }
    }
}
