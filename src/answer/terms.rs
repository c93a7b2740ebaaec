//! `Terms`: what a request for mirrors comes down to: a repo, where the client is, an order and a number.
//!
//! Lives here: all that decides a list, for who answers (`reply`) and who tells why (`explain`) alike. Not here: the
//! choice itself (`list`), what a client asks of mirrors (`filter`).

use super::ask::{Ask, Dialect, Form, Rules};
use super::atlas::Atlas;
use super::filter::Filter;
use super::list::{Order, Wish};
use super::locate::Whereabouts;
use super::outcome::Outcome;
use super::{centos, fedora};
use crate::net::Family;
use crate::snapshot::{Repo, RepoIndex};
use crate::turn;

/// What a metalink is about, below a repo's directory.
const METADATA_PATH: &[u8] = b"repodata/repomd.xml";

/// What a request comes down to.
pub struct Terms<'a> {
    /// The repo.
    pub index: RepoIndex,
    /// The same, as lists need it.
    pub repo: Repo<'a>,
    /// What follows the repo's directory in each URL.
    pub rest: &'a [u8],
    /// The client's family.
    pub family: Family,
    /// Where the client is.
    pub whereabouts: Whereabouts,
    /// The client's turn.
    pub turn: usize,
    /// In what order mirrors are chosen.
    pub order: Order,
    /// How many at most, before any filter.
    pub count_max: usize,
}

impl<'a> Terms<'a> {
    /// The terms of a request, or why it has none.
    pub fn of(atlas: &'a Atlas, ask: &Ask<'a>, rules: &Rules) -> Result<Terms<'a>, Outcome> {
        let dialect = ask.dialect();
        let (index, rest) = match dialect {
            Dialect::Centos => (centos::find(atlas, &ask.query)?, &b""[..]),
            Dialect::Fedora => fedora::find(atlas, &ask.query).map(|meant| (meant.repo, meant.rest))?,
        };
        let view = atlas.view();
        let repo = view.repo(index).ok_or(Outcome::Unknown)?;
        // Only this file has a truth, and only its repo's directory stands for it.
        let is_metalink = matches!(ask.form(), Form::Metalink | Form::Metalink4);
        if is_metalink && !METADATA_PATH.starts_with(rest) {
            return Err(Outcome::Unknown);
        }
        let (order, count_max) = match (dialect, is_metalink) {
            (Dialect::Centos, false) => (Order::Place, rules.lines_max),
            (Dialect::Centos, true) => (Order::Place, rules.fedora_lines_max),
            (Dialect::Fedora, _) => (Order::Rings { count_min: rules.fedora_lines_min }, rules.fedora_lines_max),
        };
        Ok(Terms {
            index,
            repo,
            rest: if is_metalink { METADATA_PATH } else { rest },
            family: Family::of(ask.client),
            whereabouts: ask.whereabouts(atlas),
            turn: turn::of_client(ask.client, ask.unix_seconds, view.turn_count()),
            order,
            count_max,
        })
    }

    /// The same as a list takes it, with what the client asks of mirrors.
    pub fn wish<'w>(&'w self, filter: Option<&'w Filter<'w>>) -> Wish<'w> {
        let Terms { repo, family, whereabouts, turn, order, count_max, .. } = self;
        Wish { repo, family: *family, whereabouts, turn: *turn, order: *order, count_max: *count_max, filter }
    }
}
