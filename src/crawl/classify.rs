//! What an answer means, held against what the master has shown.
//!
//! Lives here: pure judgement of one answer. Not here: what follows for the rest of the mirror (`lane`), and what is
//! held of it after several looks (`verdicts`).

use sha2::{Digest as _, Sha256, Sha512};

use super::fetch::{End, Reply, note};
use crate::repodata::{Fault, RepoMd, is_page};
use crate::verdicts::{Digest, Finding, Shown, Truth};

/// What kind of file tells the state of a repo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// `repodata/repomd.xml` of an RPM repo.
    RepoMd,
    /// `summary` of an ostree repo.
    Summary,
    /// Index page of a folder of images.
    Index,
    /// An image itself, of which only the head is asked for.
    Image,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// In one word.
    pub finding: Finding,
    /// SHA-256 of the body, when it came whole.
    pub sha256: Option<Digest>,
    /// What else there is to say.
    pub note: String,
}

/// What an answer says before its body is looked at; none when it is an answer with a body to look at.
pub fn refusal(reply: &Reply) -> Option<(Finding, String)> {
    let status = || format!("status {}", reply.status);
    match reply.status {
        200 => {}
        404 | 410 => return Some((Finding::Missing, status())),
        401 | 403 => return Some((Finding::Forbidden, status())),
        300..=399 => {
            let target = reply.location.as_deref().unwrap_or("nowhere");
            return Some((Finding::Redirected, note(&format!("status {} to {target}", reply.status))));
        }
        500..=599 => return Some((Finding::ServerError, status())),
        _ => return Some((Finding::OtherStatus, status())),
    }
    let coding = reply.encoding.as_ref()?;
    Some((Finding::Encoded, note(&format!("content-encoding: {coding}"))))
}

/// Holds a mirror's answer against the truth.
pub fn judge(reply: &Reply, truth: &Truth, pointer: Pointer) -> Judgement {
    let bare = |finding, note: String| Judgement { finding, sha256: None, note };
    if let Some((finding, note)) = refusal(reply) {
        return bare(finding, note);
    }
    let read = reply.body.len();
    match reply.end {
        End::Cut => {
            let promised = reply.length.map_or_else(|| "more".to_owned(), |length| format!("{length} bytes"));
            return bare(Finding::Truncated, format!("{read} bytes came of {promised}"));
        }
        End::TooLong => return bare(Finding::TooLong, format!("longer than {read} bytes")),
        End::Whole if read == 0 => return bare(Finding::Empty, String::new()),
        End::Whole => {}
    }
    let sha256: Digest = Sha256::digest(&reply.body).into();
    let with_hash = |finding, note| Judgement { finding, sha256: Some(sha256), note };
    match truth.find(&sha256) {
        Some((0, _)) => return with_hash(Finding::Same, String::new()),
        Some((age, _)) => return with_hash(Finding::Behind, format!("{age} generations behind")),
        None => {}
    }
    let timestamp = match (pointer, parse(&reply.body, pointer)) {
        (_, Err((finding, note))) => return with_hash(finding, note),
        // Nothing but metadata of RPM repos has a time in it.
        (Pointer::Summary | Pointer::Index | Pointer::Image, Ok(_)) => 0,
        (Pointer::RepoMd, Ok(timestamp)) => timestamp,
    };
    let current = truth.current().map_or(0, |shown| shown.timestamp);
    let finding = if timestamp > current && current > 0 { Finding::Newer } else { Finding::Different };
    with_hash(finding, format!("timestamp {timestamp}, the master's {current}"))
}

/// What a master's answer shows at `now` (seconds since 1970), or why it shows nothing.
pub fn learn(reply: &Reply, pointer: Pointer, now: u64) -> Result<Shown, (Finding, String)> {
    if let Some(refused) = refusal(reply) {
        return Err(refused);
    }
    match reply.end {
        End::Cut => return Err((Finding::Truncated, format!("{} bytes came", reply.body.len()))),
        End::TooLong => return Err((Finding::TooLong, format!("longer than {} bytes", reply.body.len()))),
        End::Whole if reply.body.is_empty() => return Err((Finding::Empty, String::new())),
        End::Whole => {}
    }
    let timestamp = parse(&reply.body, pointer)?;
    Ok(Shown {
        sha256: Sha256::digest(&reply.body).into(),
        sha512: Sha512::digest(&reply.body).into(),
        bytes: reply.body.len() as u64,
        timestamp,
        first_seen: now,
        last_seen: now,
    })
}

/// The time in a pointer, or what it is instead.
fn parse(body: &[u8], pointer: Pointer) -> Result<u64, (Finding, String)> {
    match pointer {
        Pointer::RepoMd => match RepoMd::parse(body) {
            Ok(read) => Ok(read.timestamp),
            Err(fault @ Fault::Cut) => Err((Finding::Truncated, fault.to_string())),
            Err(fault) => Err((Finding::NotMetadata, fault.to_string())),
        },
        Pointer::Summary if is_page(body) => Err((Finding::NotMetadata, Fault::Page.to_string())),
        // A summary is a GVariant, whose framing is at its end: nothing in it tells a cut one from another one.
        Pointer::Summary => Ok(0),
        // Images are judged by `iso`.
        Pointer::Index | Pointer::Image => Err((Finding::NotMetadata, String::new())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn md(timestamp: u64) -> Vec<u8> {
        format!("<repomd><data type='primary'><location href='r/p'/><timestamp>{timestamp}</timestamp></data></repomd>")
            .into_bytes()
    }

    fn reply(status: u16, body: Vec<u8>) -> Reply {
        let length = Some(body.len() as u64);
        Reply { status, length, last_modified: None, location: None, encoding: None, body, end: End::Whole }
    }

    fn remember(truth: &mut Truth, shown: Shown) -> bool {
        let now = shown.last_seen;
        truth.show(shown, now).invalidates()
    }

    fn truth(timestamps: &[u64]) -> Truth {
        let mut truth = Truth::default();
        for (at, &timestamp) in timestamps.iter().enumerate() {
            remember(&mut truth, learn(&reply(200, md(timestamp)), Pointer::RepoMd, at as u64).unwrap());
        }
        truth
    }

    #[test]
    fn every_kind_of_answer_has_its_finding() {
        let truth = truth(&[100, 200]);
        let cut = Reply { end: End::Cut, ..reply(200, md(200)) };
        let long = Reply { end: End::TooLong, ..reply(200, md(200)) };
        let encoded = Reply { encoding: Some("gzip".into()), ..reply(200, md(200)) };
        let moved = Reply { location: Some("http://127.0.0.1/\r\n".into()), ..reply(302, vec![]) };
        let cases = [
            (reply(200, md(200)), Finding::Same),
            (reply(200, md(100)), Finding::Behind),
            (reply(200, md(300)), Finding::Newer),
            (reply(200, md(150)), Finding::Different),
            (reply(200, b"<html>Welcome to our hotel".to_vec()), Finding::NotMetadata),
            (reply(200, b"garbage".to_vec()), Finding::NotMetadata),
            (reply(200, md(200)[..60].to_vec()), Finding::Truncated),
            (reply(200, vec![]), Finding::Empty),
            (cut, Finding::Truncated),
            (long, Finding::TooLong),
            (encoded, Finding::Encoded),
            (moved, Finding::Redirected),
            (reply(404, md(200)), Finding::Missing),
            (reply(403, md(200)), Finding::Forbidden),
            (reply(503, md(200)), Finding::ServerError),
            (reply(206, md(200)), Finding::OtherStatus),
        ];
        for (reply, finding) in cases {
            let found = judge(&reply, &truth, Pointer::RepoMd);
            assert_eq!(found.finding, finding, "{reply:?}");
            assert!(found.note.len() <= 200 && !found.note.contains(char::is_control), "{found:?}");
        }
    }

    #[test]
    fn a_master_is_remembered_and_may_go_back() {
        let mut truth = truth(&[1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(truth.shown.len(), Truth::KEPT_MAX);
        assert_eq!((truth.current().unwrap().timestamp, truth.answered), (7, 6));
        let again = |seen, timestamp| learn(&reply(200, md(timestamp)), Pointer::RepoMd, seen).unwrap();
        assert!(!remember(&mut truth, again(50, 7)));
        assert_eq!((truth.shown[0].first_seen, truth.shown[0].last_seen), (6, 50));
        assert!(remember(&mut truth, again(60, 6)));
        assert_eq!(truth.shown.iter().map(|shown| shown.timestamp).collect::<Vec<_>>(), [6, 7, 5, 4, 3]);
        assert_eq!(learn(&reply(200, b"<html>".to_vec()), Pointer::RepoMd, 1).unwrap_err().0, Finding::NotMetadata);
    }

    #[test]
    fn an_ostree_summary_is_compared_byte_by_byte() {
        let mut truth = Truth::default();
        remember(&mut truth, learn(&reply(200, vec![0, 1, 2, 255]), Pointer::Summary, 9).unwrap());
        let finding = |body: &[u8]| judge(&reply(200, body.to_vec()), &truth, Pointer::Summary).finding;
        assert_eq!(finding(&[0, 1, 2, 255]), Finding::Same);
        assert_eq!(finding(&[0, 1, 2]), Finding::Different);
        assert_eq!(finding(b"<!DOCTYPE html><p>404"), Finding::NotMetadata);
    }
}
