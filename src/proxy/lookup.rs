//! Looking answers up: in the store, by the rules of the web or of repos; and sending threads for what is not there.
//!
//! This is the part of `Answerer` that begins fetches. Not here: which request is what (`answerer`).

use std::sync::Arc;

use ureq::http::{Method as WebMethod, Uri};

use super::answerer::Answerer;
use super::asked::{Asked, Part, Target};
use super::delivery::{Piped, State, Waiting};
use super::fetch::{Ask, Namer};
use super::fill::{Fill, response_of};
use super::pass::{Asks, Effect, Pass};
use super::pipe::{Reader, Writer, pipe};
use super::repo::{Class, Means, RepoFill, Route};
use super::spool::Spool;
use super::web;
use crate::cache::semantics::{Control, Decision, Part as Range, decide};
use crate::cache::store::{Draft, Entry, Filling, Head, Lookup, Refill};
use crate::http::{Fields, Method, Request};

/// What is there already, and whether it is to be asked whether that still holds.
type Old = Option<(Arc<Entry>, bool)>;

const UNAVAILABLE: &str = "it is not in the cache, and it is not to be fetched";

impl Answerer {
    /// What is there for a request, or who brings it.
    pub(super) fn look_up(&mut self, asked: &mut Asked) -> State {
        let target = asked.target.clone();
        match target {
            Target::Web => self.look_up_web(asked),
            Target::Repo(route) => self.look_up_file(asked, &route),
        }
    }

    fn look_up_web(&mut self, asked: &mut Asked) -> State {
        let fields = asked.fields.clone();
        let fields = fields.fields();
        let control = Control::of_request(fields);
        // A fetch for HEAD, or of which nothing is to be kept, brings no object.
        let is_for_store = asked.method == Method::Get && !control.no_store;
        let store = self.shared.store.clone();
        if !is_for_store {
            return self.look_up_without_draft(asked, fields);
        }
        let is_offline = self.edition.settings.offline;
        match store.lookup(&asked.key, fields) {
            Lookup::Hit(entry) => {
                asked.record.lookup = "HIT";
                let stored = response_of(&entry.metadata().head);
                match decide(&self.edition.policy, fields, Some(&stored), self.unix_ms) {
                    Decision::Fresh => State::Entry(entry, Part::Hit),
                    Decision::Stale => State::Entry(entry, Part::Stale),
                    _ if is_offline => State::Entry(entry, Part::Stale),
                    Decision::StaleWhileRevalidate => {
                        if let Refill::Started(draft) = store.refill(&asked.key, fields) {
                            self.fill(asked, draft, Some((Arc::clone(&entry), true)), None);
                        }
                        State::Entry(entry, Part::Stale)
                    }
                    decision @ (Decision::Validate | Decision::Fetch) => match store.refill(&asked.key, fields) {
                        Refill::Joined(filling) => self.wait(filling, None, Some(entry), Part::Joined),
                        Refill::Started(draft) => {
                            self.lead(asked, draft, Some((entry, decision == Decision::Validate)))
                        }
                    },
                    Decision::Unavailable => State::Refused(504, UNAVAILABLE.to_owned()),
                }
            }
            Lookup::Filling(filling) => {
                asked.record.lookup = "MISS";
                if control.only_if_cached {
                    return State::Refused(504, UNAVAILABLE.to_owned());
                }
                self.wait(filling, None, None, Part::Joined)
            }
            Lookup::Miss(draft) => {
                asked.record.lookup = "MISS";
                if is_offline || control.only_if_cached {
                    draft.decline();
                    return State::Refused(504, UNAVAILABLE.to_owned());
                }
                self.lead(asked, draft, None)
            }
        }
    }

    /// Whether what another client caused to be fetched may answer this one without being validated.
    pub(super) fn may_share(&self, asked: &Asked, head: &Head) -> bool {
        let decision = || decide(&self.edition.policy, Fields::NONE, Some(&response_of(head)), self.unix_ms);
        matches!(asked.target, Target::Repo(_))
            || matches!(decision(), Decision::Fresh | Decision::Stale | Decision::StaleWhileRevalidate)
    }

    /// For HEAD, and for what is not to be kept.
    fn look_up_without_draft(&mut self, asked: &mut Asked, fields: Fields<'_>) -> State {
        let found = self.shared.store.find(&asked.key, fields);
        asked.record.lookup = if found.is_some() { "HIT" } else { "MISS" };
        let stored = found.as_ref().map(|entry| response_of(&entry.metadata().head));
        match (decide(&self.edition.policy, fields, stored.as_ref(), self.unix_ms), found) {
            (Decision::Fresh, Some(entry)) => State::Entry(entry, Part::Hit),
            (Decision::Stale | Decision::StaleWhileRevalidate, Some(entry)) => State::Entry(entry, Part::Stale),
            (Decision::Unavailable, _) => State::Refused(504, UNAVAILABLE.to_owned()),
            (_, Some(entry)) if self.edition.settings.offline => State::Entry(entry, Part::Stale),
            (_, None) if self.edition.settings.offline => State::Refused(504, UNAVAILABLE.to_owned()),
            (_, found) => {
                let effect = match found.filter(|_| asked.method == Method::Head) {
                    Some(entry) => Effect::Concerns(entry),
                    None => Effect::None,
                };
                self.pass_with(asked, effect)
            }
        }
    }

    fn look_up_file(&mut self, asked: &mut Asked, route: &Route) -> State {
        let store = self.shared.store.clone();
        let is_offline = self.edition.settings.offline;
        if let Some(absence) = store.absence(&asked.key, self.unix_ms).filter(|_| !is_offline) {
            asked.record.lookup = "HIT";
            return State::Refused(absence.status, "no mirror has this file".to_owned());
        }
        match store.lookup(&asked.key, Fields::NONE) {
            Lookup::Hit(entry) => {
                asked.record.lookup = "HIT";
                let age_ms = self.unix_ms.saturating_sub(entry.metadata().head.responded_at_ms);
                let is_fresh = match route.class() {
                    Class::Immutable => true,
                    Class::Pointer(keep) => u128::from(age_ms) < keep.as_millis(),
                };
                if is_fresh || is_offline {
                    return State::Entry(entry, if is_fresh { Part::Hit } else { Part::Stale });
                }
                match store.refill(&asked.key, Fields::NONE) {
                    Refill::Joined(filling) => self.wait(filling, None, Some(entry), Part::Joined),
                    Refill::Started(draft) => {
                        let filling = Arc::clone(draft.filling());
                        self.fill_file(route, draft, Some(Arc::clone(&entry)));
                        self.wait(filling, None, Some(entry), Part::Miss)
                    }
                }
            }
            Lookup::Filling(filling) => {
                asked.record.lookup = "MISS";
                self.wait(filling, None, None, Part::Joined)
            }
            Lookup::Miss(draft) => {
                asked.record.lookup = "MISS";
                if is_offline {
                    draft.decline();
                    return State::Refused(504, UNAVAILABLE.to_owned());
                }
                let filling = Arc::clone(draft.filling());
                self.fill_file(route, draft, None);
                self.wait(filling, None, None, Part::Miss)
            }
        }
    }

    fn wait(&mut self, filling: Arc<Filling>, leader: Option<Reader>, stale: Option<Arc<Entry>>, part: Part) -> State {
        let watch = self.watches.over(&filling);
        State::Filling(Waiting { filling, watch, leader, stale, part })
    }

    /// This request causes the fetch: what is not to be shared is for it.
    fn lead(&mut self, asked: &Asked, draft: Draft, old: Old) -> State {
        let filling = Arc::clone(draft.filling());
        let stale = old.as_ref().map(|(entry, _)| Arc::clone(entry));
        let (writer, reader) = pipe();
        self.fill(asked, draft, old, Some(writer));
        self.wait(filling, Some(reader), stale, Part::Miss)
    }

    /// Sends a thread. One that is not to be had drops the draft, and so fails it.
    fn fill(&mut self, asked: &Asked, draft: Draft, old: Old, leader: Option<Writer>) {
        let (old, validates) = old.map_or((None, false), |(entry, validates)| (Some(entry), validates));
        let Ok(uri) = asked.url.parse::<Uri>() else { return draft.fail("400 the URL is not valid") };
        let edition = Arc::clone(&self.edition);
        let fill = Fill {
            draft,
            uri,
            url: asked.url.clone(),
            request: web::passed_request(asked.fields.fields(), &edition.name, None),
            old,
            validates,
            leader,
            policy: edition.policy,
            patience: edition.web_patience,
            namer: self.namer(asked),
            counts: Arc::clone(&self.shared.fills),
        };
        let _ = self.shared.crew.run(move || fill.run(&edition.fetcher));
    }

    fn fill_file(&mut self, route: &Route, draft: Draft, old: Option<Arc<Entry>>) {
        let edition = Arc::clone(&self.edition);
        let means = Means {
            patience: edition.mirror_patience,
            store: self.shared.store.clone(),
            counts: Arc::clone(&self.shared.fills),
        };
        let fill = RepoFill { draft, route: route.clone(), old, means };
        let _ = self.shared.crew.run(move || fill.run(&edition.fetcher));
    }

    /// Whether the server was named by a client, or is the operator's own origin.
    fn namer(&self, asked: &Asked) -> Namer {
        let origin = self.edition.settings.origin.as_deref().map(|origin| origin.trim_end_matches('/'));
        let is_origin = origin.is_some_and(|origin| {
            asked.url.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if is_origin { Namer::Operator } else { Namer::Client }
    }

    /// Passes a request on, around the store.
    pub(super) fn pass(&mut self, asked: &mut Asked) -> State {
        self.pass_with(asked, Effect::None)
    }

    fn pass_with(&mut self, asked: &mut Asked, effect: Effect) -> State {
        asked.record.part = Part::Pass;
        if let Target::Repo(route) = &asked.target {
            let asks = Asks::File { route: route.clone(), patience: self.edition.mirror_patience };
            return State::Pipe(Piped::new(self.send(asks, Effect::None)));
        }
        let Ok(uri) = asked.url.parse::<Uri>() else {
            return State::Refused(400, "the URL is not valid".to_owned());
        };
        let ask = Ask {
            method: if asked.method == Method::Head { WebMethod::HEAD } else { WebMethod::GET },
            uri,
            fields: web::passed_request(asked.fields.fields(), &self.edition.name, None),
            content: None,
            patience: self.edition.web_patience,
            namer: self.namer(asked),
        };
        State::Pipe(Piped::new(self.send(Asks::One(ask), effect)))
    }

    /// Passes on a request whose method may change things, or that has content.
    pub(super) fn pass_upload(
        &mut self,
        asked: &Asked,
        request: &Request<'_>,
        uri: Uri,
        content: Option<Spool>,
    ) -> State {
        if self.edition.settings.offline {
            return State::Refused(504, UNAVAILABLE.to_owned());
        }
        let Ok(method) = WebMethod::from_bytes(request.method_token()) else {
            return State::Refused(501, "the method is not known".to_owned());
        };
        let hops = web::max_forwards(request.field_lines()).map(|hops| hops.saturating_sub(1));
        let hops = hops.filter(|_| request.method() == Method::Options);
        let ask = Ask {
            method,
            uri,
            fields: web::passed_request(request.field_lines(), &self.edition.name, hops),
            content,
            patience: self.edition.web_patience,
            namer: self.namer(asked),
        };
        let method = Some(request.method()).filter(|method| *method != Method::Other);
        let effect = Effect::Invalidates(method, asked.url.clone());
        State::Pipe(Piped::new(self.send(Asks::One(ask), effect)))
    }

    /// A range far into an object that is coming, fetched by itself.
    pub(super) fn detour(&mut self, asked: &Asked, stored: &Head, part: Range, total: u64) -> Option<Reader> {
        let last = part.offset_bytes + part.length_bytes - 1;
        let range = format!("bytes={}-{last}", part.offset_bytes);
        let expected = (part.offset_bytes, last, Some(total));
        let asks = match &asked.target {
            Target::Repo(route) => {
                Asks::Mirrors { route: route.clone(), range, expected, patience: self.edition.mirror_patience }
            }
            Target::Web => {
                // Only what is known to be the same to the byte can be put together.
                let tag = stored.fields.fields().only("etag").filter(|tag| tag.starts_with(b"\""))?;
                let mut fields = web::passed_request(asked.fields.fields(), &self.edition.name, None);
                for name in ["range", "if-range", "if-none-match", "if-modified-since"] {
                    fields.remove(name);
                }
                let is_asked = fields.push(b"Range", range.as_bytes()) && fields.push(b"If-Range", tag);
                let ask = Ask {
                    method: WebMethod::GET,
                    uri: asked.url.parse().ok().filter(|_| is_asked)?,
                    fields,
                    content: None,
                    patience: self.edition.web_patience,
                    namer: self.namer(asked),
                };
                Asks::Range(ask, expected)
            }
        };
        Some(self.send(asks, Effect::None))
    }

    /// Sends a thread. One that is not to be had drops the pipe's end, and so fails it.
    fn send(&mut self, asks: Asks, effect: Effect) -> Reader {
        let (writer, reader) = pipe();
        let edition = Arc::clone(&self.edition);
        let (store, counts) = (self.shared.store.clone(), Arc::clone(&self.shared.fills));
        let pass = Pass { asks, writer, effect, store, counts };
        let _ = self.shared.crew.run(move || pass.run(&edition.fetcher));
        reader
    }
}
