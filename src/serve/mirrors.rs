//! `Answerer`'s part for mirrors: lists and metalinks in every dialect, and explanations.
//!
//! Not here: what is told (`answer`), which paths these are (`route`).

use std::net::IpAddr;

use super::answerer::Answerer;
use super::counters::Page;
use super::edition::Edition;
use crate::answer::metalink::version4;
use crate::answer::{self, Address, Answer, Ask, Endpoint, Form, Inquiry, Query};
use crate::http::{Reply, Request, Response, Status};
use crate::net::Family;

/// Fields of an explanation, as text and as JSON.
const EXPLANATION_FIELDS: [&str; 2] = [
    "Content-Type: text/plain\r\nCache-Control: no-store\r\n",
    "Content-Type: application/json\r\nCache-Control: no-store\r\n",
];

/// Fields of an answer with mirrors. No cache may keep it: another client's list is another.
fn fields(form: Form) -> &'static str {
    match form {
        Form::Text | Form::Redirect => "Content-Type: text/plain\r\nCache-Control: no-store\r\n",
        Form::Json | Form::JsonFull => "Content-Type: application/json\r\nCache-Control: no-store\r\n",
        Form::Metalink => "Content-Type: application/metalink+xml\r\nCache-Control: no-store\r\nVary: Accept\r\n",
        Form::Metalink4 => "Content-Type: application/metalink4+xml\r\nCache-Control: no-store\r\nVary: Accept\r\n",
    }
}

/// A request for mirrors.
pub(super) struct Asked<'r> {
    /// What its path asks for.
    pub endpoint: Endpoint,
    /// The request.
    pub request: &'r Request<'r>,
    /// Who asks.
    pub client: IpAddr,
    /// With which program.
    pub user_agent: &'r [u8],
    /// In which shape.
    pub reply: Reply,
}

impl Answerer {
    /// Answers with mirrors, or tells why they would be those.
    pub(super) fn mirrors(&mut self, asked: &Asked<'_>, out: &mut Vec<u8>) -> (Status, usize) {
        // Taken out while it is used, because the parameters may lie in it.
        let mut decoded = std::mem::take(&mut self.decoded);
        let query = Query::parse(asked.request.query().unwrap_or_default(), &mut decoded);
        let done = match query.wants_explanation() {
            true => self.explain(asked, &query, out),
            false => self.list(asked, query, out),
        };
        self.decoded = decoded;
        done
    }

    fn list(&mut self, asked: &Asked<'_>, query: Query<'_>, out: &mut Vec<u8>) -> (Status, usize) {
        let Asked { endpoint, request, client, user_agent, reply } = *asked;
        let Edition { settings, atlas } = &*self.edition;
        let client = match query.ip {
            Some(ip) if settings.ip_allow.contains(client) => address(ip).unwrap_or(client),
            _ => client,
        };
        let countme = query.countme_bucket();
        let accepts_metalink4 = endpoint == Endpoint::Metalink
            && request.headers("accept").any(|value| accepts(value, version4::MEDIA_TYPE.as_bytes()));
        let ask = Ask { endpoint, query, accepts_metalink4, client, unix_seconds: self.clock.unix_seconds() };
        let answer = Answer::choose(atlas, &ask, &settings.rules, &mut self.list);
        self.counters.answered(ask.dialect(), Family::of(client), answer.outcome);
        if let (Some(repo), Some(place)) = (answer.repo(), answer.place()) {
            self.tally.listed(repo, place, answer.mirrors().next());
            self.counters.listed_to(self.shared.systems.slot(user_agent), countme);
        }
        let date = self.clock.http_date();
        let mut response = Response::begin(out, reply, answer.status, date).lines(fields(answer.form));
        if answer.form == Form::Redirect {
            response = response.written("Location", |out| answer.write_location(out));
        }
        let mut body = response.body();
        answer.write(date, body.out());
        (answer.status, body.finish())
    }

    /// Tells why, in place of the answer. Another's address is for those who may have any answer explained.
    fn explain(&self, asked: &Asked<'_>, query: &Query<'_>, out: &mut Vec<u8>) -> (Status, usize) {
        let Asked { endpoint, request, client, reply, .. } = *asked;
        let accept = request.header("accept").unwrap_or_default();
        let wish = Inquiry::of(query, accept);
        let settings = &self.edition.settings;
        let may_all = settings.explain_allow.contains(client);
        let address = match wish.address {
            Address::Own => client,
            Address::Of(address) if may_all || address == client => address,
            Address::Of(_) => {
                return self.text(Page::Forbidden, Status::Forbidden, reply, "`ip` is not for this address", out);
            }
            Address::Bad => {
                return self.text(Page::BadAddress, Status::BadRequest, reply, "`ip` is no address", out);
            }
        };
        if !may_all && !settings.explain_self {
            return self.text(Page::Forbidden, Status::Forbidden, reply, "explanations are not for this address", out);
        }
        self.count(Page::Explained);
        let unix_seconds = self.clock.unix_seconds();
        let ask = Ask { endpoint, query: *query, accepts_metalink4: false, client: address, unix_seconds };
        let told = answer::explain(&self.edition.atlas, &ask, &settings.rules);
        let bytes = if wish.is_json { told.json() } else { told.text().into_bytes() };
        let fields = EXPLANATION_FIELDS[usize::from(wish.is_json)];
        let body_bytes = Response::begin(out, reply, Status::Ok, self.clock.http_date()).lines(fields).finish(&bytes);
        (Status::Ok, body_bytes)
    }
}

/// The address that a parameter names.
fn address(text: &[u8]) -> Option<IpAddr> {
    let address: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

/// Whether a value of `Accept` names a media type, and does not refuse it (RFC 9110, section 12.5.1).
fn accepts(value: &[u8], media_type: &[u8]) -> bool {
    value.split(|&byte| byte == b',').any(|range| {
        let mut parts = range.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let names_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(media_type));
        names_it && !parts.any(|parameter| matches!(parameter, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"))
    })
}
