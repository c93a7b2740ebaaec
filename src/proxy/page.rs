//! Pages of our own: the repos, `/metrics`, `/healthz`.

use std::io::Write;

use super::answerer::{Answerer, Routed};
use super::asked::Record;
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
        _ => {
            let host = request.authority().and_then(|host| str::from_utf8(host).ok());
            repos(answerer, host.unwrap_or(&answerer.edition.name_and_port), &mut body);
            b"text/plain; charset=utf-8"
        }
    };
    record.status = 200;
    head::begin(out, 200);
    head::field(out, b"Date", answerer.clock().http_date());
    head::field(out, b"Content-Type", kind);
    head::field(out, b"Cache-Control", b"no-store");
    head::end(out, answerer.reply(reply), Framing::Length(body.len() as u64));
    if !reply.is_head() {
        out.extend_from_slice(&body);
        record.body_bytes = body.len() as u64;
    }
    Routed::Done(record)
}

/// The repos, their mirrors, the cache, and for each repo what a client's `.repo` file says. Writing into a vector
/// cannot fail.
fn repos(answerer: &Answerer, host: &str, out: &mut Vec<u8>) {
    let edition = &answerer.edition;
    let usage = answerer.shared.store.usage();
    let _ = writeln!(
        out,
        "# {}: {} objects, {} of {} MiB{}",
        edition.name,
        usage.object_count,
        usage.object_bytes >> 20,
        edition.settings.cache_bytes_max >> 20,
        if edition.settings.offline { ", offline" } else { "" }
    );
    for repo in edition.repos.iter() {
        let name = &repo.settings.name;
        let _ = write!(
            out,
            "\n[{name}]\nname={name}\nbaseurl=http://{host}/{name}/$releasever/$basearch/\nenabled=1\ngpgcheck=1\n"
        );
        for (base, served, failed, is_avoided) in repo.mirrors.standings() {
            let state = if is_avoided { "avoided" } else { "good" };
            let _ = writeln!(out, "# mirror {base}: {served} served, {failed} failed, {state}");
        }
    }
}
