//! `World`: the countries of an inventory, indexed.
//!
//! Lives here: finding a country or subdivision by any name it goes by, and which countries are near.
//! Not here: which mirrors are there (`plan`).

use std::collections::HashMap;

use super::{Continent, Country};
use crate::place::Code;

/// The countries of an inventory, by code and by name.
pub struct World<'a> {
    by_code: HashMap<Code, &'a Country>,
}

impl<'a> World<'a> {
    /// Indexes `countries`.
    pub fn new(countries: &'a [Country]) -> World<'a> {
        World { by_code: countries.iter().map(|country| (country.code, country)).collect() }
    }

    /// The country with this code; none when there is no such country.
    pub fn country(&self, code: Code) -> Option<&'a Country> {
        self.by_code.get(&code.country()).copied()
    }

    /// The continent of a country or subdivision.
    pub fn continent(&self, code: Code) -> Option<Continent> {
        self.country(code).map(|country| country.continent)
    }

    /// The country that `text` names: a code, an alias (`UK`) or a name (`Germany`), in any case.
    pub fn country_named(&self, text: &str) -> Option<Code> {
        let _ = text;
        todo!()
    }

    /// The subdivision of `country` that `text` names: a code (`TX`) or a name (`Québec`, `quebec`).
    pub fn subdivision_named(&self, country: Code, text: &str) -> Option<Code> {
        let _ = (country, text);
        todo!()
    }

    /// All other countries, nearest first, kilometres between centroids deciding; an inventory's own order
    /// (`Country::nearby`) comes first where it gives one.
    pub fn nearby(&self, country: Code) -> Vec<Code> {
        let _ = country;
        todo!()
    }
}
