//! `Case`: one entry under examination.
//!
//! Lives here: writing down its problems with their lines, and the rules that entries of every kind share.
//! Not here: the rules of one kind (its own file).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::ops::Range;

use ip_network::IpNetwork;
use toml::Spanned;

use crate::inventory::block::Block;
use crate::inventory::entry::{Found, Text};
use crate::inventory::form::{self, Fault};
use crate::inventory::model::{Distribution, Origin};
use crate::inventory::problem::{Problem, Problems, quoted};
use crate::net::Protocol;

/// Most networks that are kept: of cloud regions, mirrors and places together. The ranges that all large clouds
/// publish are about a tenth of it.
pub const PREFIX_COUNT_MAX: usize = 1_000_000;

/// What one examination of all entries writes down.
pub struct Ledger<'a> {
    problems: &'a mut Problems,
    prefix_count: usize,
}

impl<'a> Ledger<'a> {
    /// With a clean page, but for the problems there are already.
    pub fn new(problems: &'a mut Problems) -> Ledger<'a> {
        Ledger { problems, prefix_count: 0 }
    }
}

/// One entry under examination.
pub struct Case<'a, 'b> {
    ledger: &'a mut Ledger<'b>,
    block: &'a Block,
    origin: Origin,
    what: String,
}

impl<'a, 'b> Case<'a, 'b> {
    /// The entry `found`, to be called ``kind `name` ``.
    pub fn new<E>(ledger: &'a mut Ledger<'b>, found: &'a Found<E>, kind: &str, name: impl Display) -> Case<'a, 'b> {
        let what = format!("{kind} {}", quoted(&name.to_string()));
        Case { ledger, block: &found.block, origin: found.origin(), what }
    }

    /// Writes down a problem with the value or key that stands at `span`.
    pub fn report(&mut self, span: Range<usize>, why: impl Into<String>, fix: impl Into<String>) {
        self.report_at(self.block.line_at(span.start), Fault::new(why, fix));
    }

    /// Writes down a problem with the entry as a whole.
    pub fn report_all(&mut self, why: impl Into<String>, fix: impl Into<String>) {
        self.report_at(self.origin.line, Fault::new(why, fix));
    }

    fn report_at(&mut self, line: usize, fault: Fault) {
        let Fault { why, fix } = fault;
        let file = self.block.file.to_path_buf();
        self.ledger.problems.push(Problem { file, line, what: self.what.clone(), why, fix });
    }

    /// `text` in its right form, by one of the functions of `form`.
    pub fn formed<T>(&mut self, text: &Text, form: impl Fn(&str) -> Result<T, Fault>) -> Option<T> {
        form(text.as_ref()).map_err(|fault| self.report(text.span(), fault.why, fault.fix)).ok()
    }

    /// A base URL of one of `protocols`.
    pub fn url(&mut self, text: &Text, protocols: &[Protocol]) -> Option<String> {
        self.formed(text, |text| form::url(text, protocols))
    }

    /// The names of a list that are well formed, each once.
    pub fn names(&mut self, list: &[Text]) -> Vec<String> {
        let mut names = Vec::with_capacity(list.len());
        for text in list {
            names.extend(self.formed(text, form::name).map(|name| (name, text.span())));
        }
        self.each_once(names)
    }

    /// The values of a list with their spans, each once.
    pub fn each_once<T: Clone + Eq + Hash + Display>(&mut self, list: Vec<(T, Range<usize>)>) -> Vec<T> {
        let mut seen = HashSet::new();
        let mut once = Vec::with_capacity(list.len());
        for (value, span) in list {
            if seen.insert(value.clone()) {
                once.push(value);
            } else {
                self.report(span, format!("{} stands twice", quoted(&value.to_string())), "keep one");
            }
        }
        once
    }

    /// The architectures of a list; none when there is no valid one.
    pub fn some_arches(&mut self, list: &Spanned<Vec<Text>>) -> Option<Vec<String>> {
        let arches = self.names(list.as_ref());
        if arches.is_empty() {
            let fix = "write `arches = [\"x86_64\"]` or delete the line";
            self.report(list.span(), "it has no valid architecture", fix);
            return None;
        }
        Some(arches)
    }

    /// The releases of `owner` that a list names, or all of them; none when there is no valid one.
    pub fn releases(&mut self, list: Option<&Spanned<Vec<Text>>>, owner: &Distribution) -> Option<Vec<String>> {
        let releases = match list {
            Some(list) => {
                let mut known = Vec::with_capacity(list.as_ref().len());
                for text in list.as_ref() {
                    if owner.releases.iter().any(|release| release.name == *text.as_ref()) {
                        known.push((text.as_ref().clone(), text.span()));
                    } else {
                        let why = format!("{} has no release {}", owner.title, quoted(text.as_ref()));
                        self.report(text.span(), why, "write the `name` of a valid `[[release]]`");
                    }
                }
                self.each_once(known)
            }
            None => owner.releases.iter().map(|release| release.name.clone()).collect(),
        };
        if releases.is_empty() {
            self.report_all("no valid release has it", format!("add a `[[release]]` of {}", owner.title));
            return None;
        }
        Some(releases)
    }

    /// Whether `key` is new among the entries in `seen`, under `name`; a second one is told where the first stands.
    pub fn is_first<K: Eq + Hash>(
        &mut self,
        seen: &mut HashMap<K, Origin>,
        key: K,
        name: &str,
        span: Range<usize>,
    ) -> bool {
        match seen.get(&key) {
            None => {
                seen.insert(key, self.origin.clone());
                true
            }
            Some(first) => {
                let place = format!("{}:{}", first.file.display(), first.line);
                self.report(span, format!("{} is already at {place}", quoted(name)), "rename or delete one");
                false
            }
        }
    }

    /// Whether there is a tree of the name `text`.
    pub fn is_tree(&mut self, text: &Text, distributions: &[Distribution]) -> bool {
        let name: &str = text.as_ref();
        let known = distributions.iter().any(|distribution| distribution.trees.iter().any(|tree| tree.name == name));
        if !known {
            self.report(
                text.span(),
                format!("there is no tree {}", quoted(name)),
                "name one that a valid `[[tree]]` defines",
            );
        }
        known
    }

    /// A network.
    pub fn prefix(&mut self, text: &Text) -> Option<IpNetwork> {
        let line = self.block.line_at(text.span().start);
        self.prefix_at(line, text.as_ref())
    }

    /// The networks of a text that white space parts.
    pub fn prefixes(&mut self, text: &Text) -> Vec<IpNetwork> {
        let block = self.block;
        let span = text.span();
        let source = block.text.get(span.clone()).unwrap_or_default();
        // Without an escape the value is the source but for its quotes, so that every network's own line is known.
        if source.contains('\\') {
            let line = block.line_at(span.start);
            return text.as_ref().split_whitespace().filter_map(|prefix| self.prefix_at(line, prefix)).collect();
        }
        let mut networks = Vec::new();
        for (index, line) in source.trim_matches(['"', '\'']).split('\n').enumerate() {
            let line_number = block.line_at(span.start) + index;
            networks.extend(line.split_whitespace().filter_map(|prefix| self.prefix_at(line_number, prefix)));
        }
        networks
    }

    fn prefix_at(&mut self, line: usize, text: &str) -> Option<IpNetwork> {
        let network = form::prefix(text).map_err(|fault| self.report_at(line, fault)).ok()?;
        self.ledger.prefix_count += 1;
        if self.ledger.prefix_count == PREFIX_COUNT_MAX + 1 {
            let why =
                format!("there are more than {PREFIX_COUNT_MAX} networks; {network} and all after it are left out");
            self.report_at(line, Fault::new(why, "merge neighbouring networks"));
        }
        (self.ledger.prefix_count <= PREFIX_COUNT_MAX).then_some(network)
    }

    /// The base URLs of a cloud or of a region: tree → URLs in order.
    pub fn cloud_base(
        &mut self,
        base: &BTreeMap<Text, Vec<Text>>,
        distributions: &[Distribution],
    ) -> BTreeMap<String, Vec<String>> {
        let mut checked = BTreeMap::new();
        for (tree, texts) in base {
            if !self.is_tree(tree, distributions) {
                continue;
            }
            let mut urls = Vec::with_capacity(texts.len());
            for text in texts {
                urls.extend(self.url(text, &[Protocol::Http, Protocol::Https]).map(|url| (url, text.span())));
            }
            let urls = self.each_once(urls);
            if !urls.is_empty() {
                checked.insert(tree.as_ref().clone(), urls);
            }
        }
        checked
    }

    /// The values of a list that may not be empty, each once; none when it is empty.
    pub fn some_of<T: Copy + Eq + Hash + Display>(&mut self, list: &Spanned<Vec<T>>, field: &str) -> Option<Vec<T>> {
        let values = list.as_ref().iter().map(|&value| (value, list.span())).collect();
        let values = self.each_once(values);
        if values.is_empty() {
            self.report(list.span(), format!("`{field}` is empty"), "name at least one, or delete the line");
            return None;
        }
        Some(values)
    }
}
