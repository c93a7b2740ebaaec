//! `Answer`: what a request for mirrors is answered with, in whatever dialect and form.
//!
//! Lives here: bringing together the repo, the client's whereabouts, the list and the form. Choosing comes before the
//! head of the answer is written, the body after it. Not here: how each form is spelt (a file each).

use super::ask::{Ask, Dialect, Form, Rules};
use super::atlas::Atlas;
use super::filter::{Filter, Kinds};
use super::json::{self, About, Entry};
use super::list::{List, Pick};
use super::metalink::{Source, version3, version4};
use super::outcome::Outcome;
use super::terms::Terms;
use super::{centos, fedora};
use crate::http::Status;
use crate::snapshot::{MirrorIndex, PlaceIndex, RepoIndex};

/// What a request for mirrors is answered with.
pub struct Answer<'a> {
    /// What it came to.
    pub outcome: Outcome,
    /// What it looks like.
    pub form: Form,
    /// Its status.
    pub status: Status,
    atlas: &'a Atlas,
    ask: &'a Ask<'a>,
    list: &'a List,
    found: Option<Terms<'a>>,
}

impl<'a> Answer<'a> {
    /// Chooses what to answer. `list`: where mirrors are put together; what it held is gone.
    pub fn choose(atlas: &'a Atlas, ask: &'a Ask<'a>, rules: &Rules, list: &'a mut List) -> Answer<'a> {
        let form = ask.form();
        let terms = match Terms::of(atlas, ask, rules) {
            Ok(terms) => terms,
            Err(outcome) => {
                let is_strict = rules.strict_status && outcome == Outcome::Unknown && ask.dialect() == Dialect::Fedora;
                let status = if is_strict { Status::NotFound } else { Status::Ok };
                return Answer { outcome, form, status, atlas, ask, list, found: None };
            }
        };
        let filter = Filter::of(&ask.query, terms.family);
        list.choose(atlas.view(), &terms.wish(filter.as_ref()));
        let form = if form == Form::Redirect && list.picks().is_empty() { Form::Text } else { form };
        Answer {
            outcome: list.supply().into(),
            form,
            status: if form == Form::Redirect { Status::Found } else { Status::Ok },
            atlas,
            ask,
            list,
            found: Some(terms),
        }
    }

    /// The repo, when it is known.
    pub fn repo(&self) -> Option<RepoIndex> {
        self.found.as_ref().map(|found| found.index)
    }

    /// The place that was answered for, when the repo is known.
    pub fn place(&self) -> Option<PlaceIndex> {
        self.found.as_ref().map(|found| found.whereabouts.place)
    }

    /// The mirrors that it names, in order; none for a last resort.
    pub fn mirrors(&self) -> impl Iterator<Item = MirrorIndex> {
        let picks = if self.found.is_some() { self.list.picks() } else { &[] };
        picks.iter().filter_map(|pick| pick.mirror)
    }

    /// Appends the URL that a redirect leads to.
    pub fn write_location(&self, out: &mut Vec<u8>) {
        if let (Some(found), Some(pick)) = (&self.found, self.list.picks().first()) {
            self.url(found, pick).iter().for_each(|part| out.extend_from_slice(part));
        }
    }

    /// Appends the body. `date`: the time in HTTP's form.
    pub fn write(&self, date: &[u8], out: &mut Vec<u8>) {
        let Some(found) = &self.found else { return self.write_refusal(date, out) };
        let view = self.atlas.view();
        match self.form {
            Form::Redirect => {}
            Form::Text => {
                if self.ask.dialect() == Dialect::Fedora {
                    fedora::write_comment(view, &self.ask.query, self.list, out);
                }
                if self.has_note() {
                    out.extend_from_slice(b"# ");
                    self.write_note(out);
                    out.push(b'\n');
                }
                self.list.write_text(view, found.repo.suffix, found.rest, out);
            }
            Form::Json => json::write_array(self.list.dropped(), self.entries(found), out),
            Form::JsonFull => json::write_full(&self.about(), self.entries(found), out),
            Form::Metalink => {
                let revisions = view.revisions(found.index);
                version3::write(date, |out| self.write_note(out), revisions, self.sources(found), out);
            }
            Form::Metalink4 => {
                let current = view.revisions(found.index).first();
                let hashes = current.map(|current| {
                    let (sha256, sha512) = (current.sha256().as_slice(), current.sha512().as_slice());
                    [("sha-256", version4::Hash::Bytes(sha256)), ("sha-512", version4::Hash::Bytes(sha512))]
                });
                let file = version4::File {
                    name: version3::FILE_NAME.as_bytes(),
                    bytes: current.map(|current| current.bytes()),
                    published_at: None,
                    hashes: hashes.as_ref().map_or(&[], |hashes| hashes),
                };
                let sources = self.sources(found).map(|source| (source.url, source.country));
                version4::write(|out| self.write_note(out), &file, sources, out);
            }
        }
    }

    fn write_refusal(&self, date: &[u8], out: &mut Vec<u8>) {
        let query = &self.ask.query;
        let write_text = |out: &mut Vec<u8>| match self.ask.dialect() {
            Dialect::Centos => out.extend_from_slice(centos::line(self.outcome)),
            Dialect::Fedora => fedora::write_error(self.atlas, query, self.outcome, out),
        };
        match self.form {
            Form::Text | Form::Redirect => write_text(out),
            Form::Json => json::write_array(Kinds::default(), std::iter::empty(), out),
            Form::JsonFull => json::write_full(&self.about(), std::iter::empty(), out),
            Form::Metalink => version3::write_failure(date, write_text, out),
            Form::Metalink4 => version4::write_failure(write_text, out),
        }
    }

    /// What is said of the repo: that its release has come to its end, say.
    fn comment(&self) -> Option<&'a [u8]> {
        let found = self.found.as_ref()?;
        self.atlas.view().comment(found.index)
    }

    fn has_note(&self) -> bool {
        self.comment().is_some() || !self.list.dropped().is_empty()
    }

    /// Appends what is said of the repo and what was dropped, if anything is to be told.
    fn write_note(&self, out: &mut Vec<u8>) {
        let dropped = self.list.dropped();
        if let Some(comment) = self.comment() {
            out.extend_from_slice(comment);
            if !dropped.is_empty() {
                out.extend_from_slice(b"; ");
            }
        }
        if dropped.is_empty() {
            return;
        }
        out.extend_from_slice(b"no mirror is left with all filters; dropped:");
        for kind in dropped.iter() {
            out.push(b' ');
            out.extend_from_slice(kind.name().as_bytes());
        }
    }

    fn url<'s>(&'s self, found: &Terms<'s>, pick: &Pick) -> [&'s [u8]; 3] {
        [self.atlas.view().url(pick.base), found.repo.suffix, found.rest]
    }

    fn sources<'s>(&'s self, found: &'s Terms<'s>) -> impl Iterator<Item = Source<'s>> {
        let view = self.atlas.view();
        self.list.picks().iter().map(move |pick| Source {
            url: self.url(found, pick),
            protocol: pick.protocol.name(),
            country: pick.mirror.and_then(|mirror| view.country(mirror)),
        })
    }

    fn entries<'s>(&'s self, found: &'s Terms<'s>) -> impl Iterator<Item = Entry<'s>> {
        let whys = self.list.picks().iter().map(|pick| pick.why);
        let sources = self.sources(found).zip(whys);
        sources.map(|(Source { url, protocol, country }, why)| Entry { url, protocol, country, why })
    }

    fn about(&self) -> About<'_> {
        let view = self.atlas.view();
        let found = self.found.as_ref();
        About {
            outcome: self.outcome,
            generation: self.atlas.generation().0,
            verified_at: view.verified_at(),
            repo: found.and_then(|found| view.repo_name(found.index)),
            place: found.and_then(|found| view.place_code(found.whereabouts.place)),
            dropped: found.map_or_else(Default::default, |_| self.list.dropped()),
            comment: self.comment(),
        }
    }
}
