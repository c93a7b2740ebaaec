//! Pages of our own: the front page, a repo's `.repo` file, `/metrics`, `/healthz`.

use super::answerer::{Answerer, Routed};
use super::asked::Record;
use super::front::{self, Facts};
use super::head::{self, Framing};
use super::metrics;
use crate::http::{Reply, Request};
use crate::worker::CONTENT_TYPE;

/// Answers one of them.
pub(super) fn answer(
    answerer: &Answerer,
    request: &Request<'_>,
    reply: Reply,
    mut record: Record,
    out: &mut Vec<u8>,
) -> Routed {
    let mut body = Vec::new();
    let kind: &[u8] = match request.path() {
        b"/healthz" => return answerer.done(record, reply, 200, "ok", out),
        b"/metrics" => {
            if !answerer.edition.metrics_allow.contains(answerer.peer()) {
                return answerer.done(record, reply, 403, "metrics are not for this address", out);
            }
            metrics::write(&answerer.shared, &answerer.edition, answerer.clock().unix_seconds(), &mut body);
            CONTENT_TYPE.trim_start_matches("Content-Type: ").trim_end().as_bytes()
        }
        path => {
            let host = request.authority().and_then(|host| str::from_utf8(host).ok());
            let host = host.unwrap_or(&answerer.edition.name_and_port);
            match answerer.edition.repos.of_repo_file(path) {
                Some(repo) => {
                    body.extend_from_slice(front::repo_file(&repo.settings.name, host).as_bytes());
                    b"text/plain; charset=utf-8"
                }
                None => {
                    let usage = answerer.shared.store.usage();
                    let facts = Facts::of(&answerer.edition, &usage, answerer.unix_ms);
                    let wants_json = request.query().is_some_and(|query| query == b"format=json");
                    if wants_json {
                        front::json(&facts, &mut body);
                        b"application/json"
                    } else {
                        front::html(&facts, host, &mut body);
                        b"text/html; charset=utf-8"
                    }
                }
            }
        }
    };
    record.status = 200;
    head::begin(out, 200);
    head::field(out, b"Date", answerer.clock().http_date());
    head::field(out, b"Content-Type", kind);
    head::field(out, b"Cache-Control", b"no-store");
    head::field(out, b"X-Content-Type-Options", b"nosniff");
    if kind.starts_with(b"text/html") {
        head::field(out, b"Content-Security-Policy", front::POLICY.as_bytes());
        head::field(out, b"Referrer-Policy", b"no-referrer");
    }
    head::end(out, answerer.reply(reply), Framing::Length(body.len() as u64));
    if !reply.is_head() {
        out.extend_from_slice(&body);
        record.body_bytes = body.len() as u64;
    }
    Routed::Done(record)
}
