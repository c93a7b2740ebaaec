//! `Inspection`: whether the files that a `repomd.xml` names are there, with the right size.
//!
//! Lives here: what is asked, one file after the other, and what the answers mean. Not here: which mirrors are
//! inspected (`lane`), who asks (`crew`).

use super::fetch::{Ask, Failure, Got, Method, Patience, Reply, note};
use crate::dice::Dice;
use crate::net::Family;
use crate::repodata::{Entry, RepoMd, stays_below};

/// One repo of one mirror under inspection.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// URL of the repo's folder, with a final slash.
    dir: String,
    files: Vec<Entry>,
    at: usize,
    /// The server does not answer HEAD: it is asked for the first byte.
    by_first_byte: bool,
}

/// What an answer means for an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inspected {
    /// There is more to ask.
    More,
    /// Everything is there.
    Whole,
    /// A file is not there or has another size; which.
    Lacking(String),
    /// The mirror fell silent.
    Silent(Failure),
}

impl Inspection {
    /// An inspection of at most `files_max` files: the list of packages, without which nobody installs anything, and
    /// others that the dice choose. Of names that lead elsewhere none is asked for.
    pub fn new(dir: String, metadata: &RepoMd, files_max: usize, dice: &mut Dice) -> Inspection {
        let mut files: Vec<Entry> =
            metadata.entries.iter().filter(|entry| stays_below(&entry.location)).cloned().collect();
        dice.shuffle(&mut files);
        files.sort_by_key(|entry| entry.kind != "primary");
        files.truncate(files_max);
        Inspection { dir, files, at: 0, by_first_byte: false }
    }

    /// Whether there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What is asked next.
    pub fn ask(&self, line: u32, family: Family, patience: Patience) -> Option<Ask> {
        let file = self.files.get(self.at)?;
        let method = if self.by_first_byte { Method::FirstByte } else { Method::Head };
        Some(Ask { line, method, url: format!("{}{}", self.dir, file.location), family, body_bytes_max: 1, patience })
    }

    /// Takes the answer to what was asked.
    pub fn took(&mut self, got: &Got) -> Inspected {
        let Some(file) = self.files.get(self.at) else { return Inspected::Whole };
        let reply = match &got.result {
            Ok(reply) => reply,
            Err(failure) => return Inspected::Silent(failure.clone()),
        };
        if !self.by_first_byte && matches!(reply.status, 400 | 403 | 405 | 501) {
            self.by_first_byte = true;
            return Inspected::More;
        }
        if let Some(fault) = fault_of(file, reply) {
            return Inspected::Lacking(note(&format!("{}: {fault}", file.location)));
        }
        self.at += 1;
        if self.at < self.files.len() { Inspected::More } else { Inspected::Whole }
    }
}

/// What is wrong with a file, as far as its answer tells. Redirects and errors of the server tell nothing.
fn fault_of(file: &Entry, reply: &Reply) -> Option<String> {
    match (reply.status, reply.length, file.size) {
        (401 | 403 | 404 | 410, ..) => Some(format!("status {}", reply.status)),
        // A coded length is not the file's.
        (200 | 206, Some(length), Some(size)) if length != size && reply.encoding.is_none() => {
            Some(format!("{length} bytes, {size} in repomd.xml"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fetch::End;
    use super::*;
    use crate::verdicts::Finding;

    fn metadata() -> RepoMd {
        let entry = |location: &str, size| Entry { location: location.into(), size, ..Entry::default() };
        let entries = [
            ("repodata/a.xml.gz", Some(10)),
            ("repodata/b.xml.gz", Some(20)),
            ("repodata/old.xml.gz", None),
            ("http://elsewhere.example/x", Some(1)),
            ("../../etc/passwd", Some(1)),
            ("/etc/passwd", Some(1)),
        ];
        RepoMd { entries: entries.map(|(location, size)| entry(location, size)).to_vec(), ..RepoMd::default() }
    }

    /// Answers an inspection by `server`: method and name to status and length.
    fn inspect(server: impl Fn(Method, &str) -> (u16, Option<u64>)) -> (Inspected, usize) {
        let mut inspection = Inspection::new("http://m/".into(), &metadata(), 99, &mut Dice::new(1));
        let mut asked = 0;
        while let Some(ask) = inspection.ask(0, Family::Ipv4, Patience::MIRROR) {
            asked += 1;
            let (status, length) = server(ask.method, ask.url.strip_prefix("http://m/repodata/").unwrap());
            let reply = Reply {
                status,
                length,
                last_modified: None,
                location: None,
                encoding: None,
                body: Vec::new(),
                end: End::Whole,
            };
            match inspection.took(&Got { result: Ok(reply), address: None, millis: 1, bytes: 1 }) {
                Inspected::More => {}
                end => return (end, asked),
            }
        }
        panic!("no end");
    }

    fn length_of(name: &str) -> Option<u64> {
        Some(if name == "a.xml.gz" { 10 } else { 20 })
    }

    #[test]
    fn what_is_named_must_be_there() {
        assert_eq!(inspect(|_, name| (200, length_of(name))), (Inspected::Whole, 3));
        let missing = inspect(|_, name| if name == "b.xml.gz" { (404, None) } else { (200, length_of(name)) });
        assert_eq!(missing.0, Inspected::Lacking("repodata/b.xml.gz: status 404".into()));
        let short = inspect(|_, name| (200, length_of(name).map(|length| length.min(15))));
        assert_eq!(short.0, Inspected::Lacking("repodata/b.xml.gz: 15 bytes, 20 in repomd.xml".into()));
        assert_eq!(inspect(|_, _| (503, None)).0, Inspected::Whole, "a busy server tells nothing");
    }

    #[test]
    fn servers_without_head_are_asked_for_a_byte() {
        let server = |method, name: &str| match method {
            Method::Head => (405, None),
            _ => (206, length_of(name)),
        };
        assert_eq!(inspect(server), (Inspected::Whole, 4));
        let empty = |method, _: &str| if method == Method::Head { (501, None) } else { (404, None) };
        assert!(matches!(inspect(empty).0, Inspected::Lacking(_)));
    }

    #[test]
    fn the_list_of_packages_is_always_among_them() {
        let mut metadata = metadata();
        metadata.entries[1].kind = "primary".into();
        for seed in 0..20 {
            let inspection = Inspection::new("http://m/".into(), &metadata, 1, &mut Dice::new(seed));
            let ask = inspection.ask(0, Family::Ipv4, Patience::MIRROR).unwrap();
            assert_eq!(ask.url, "http://m/repodata/b.xml.gz");
        }
    }

    #[test]
    fn silence_is_passed_on() {
        let mut inspection = Inspection::new("http://m/".into(), &metadata(), 2, &mut Dice::new(1));
        let failure = Failure { finding: Finding::TimedOut, note: String::new() };
        let got = Got { result: Err(failure.clone()), address: None, millis: 1, bytes: 0 };
        assert_eq!(inspection.took(&got), Inspected::Silent(failure));
    }
}
