//! Countries, their neighbours, and the networks whose place is known.

use std::collections::{BTreeMap, HashMap};

use toml::Spanned;

use super::case::{Case, Ledger};
use crate::inventory::entry::{CountryEntry, Entries};
use crate::inventory::form;
use crate::inventory::model::{Country, NetworkPlace, Origin};
use crate::place::Code;

/// The countries, with their neighbours.
pub fn countries(entries: &Entries, ledger: &mut Ledger) -> Vec<Country> {
    let mut seen = HashMap::new();
    let mut countries = Vec::with_capacity(entries.countries.len());
    for found in &entries.countries {
        let mut case = Case::new(ledger, found, "country", found.entry.code.as_ref());
        countries.extend(country(&found.entry, &mut seen, &mut case));
    }
    let mut seen = HashMap::new();
    for found in &entries.nearby {
        let entry = &found.entry;
        let home = *entry.country.as_ref();
        let mut case = Case::new(ledger, found, "nearby", home);
        if !is_country(&mut case, &entry.country, &countries)
            || !case.is_first(&mut seen, home, &home.to_string(), entry.country.span())
        {
            continue;
        }
        let mut nearby = Vec::with_capacity(entry.countries.len());
        for code in &entry.countries {
            if *code.as_ref() == home {
                case.report(code.span(), format!("`{home}` is not near itself"), "delete it");
            } else if is_country(&mut case, code, &countries) {
                nearby.push((*code.as_ref(), code.span()));
            }
        }
        let nearby = case.each_once(nearby);
        if let Some(country) = countries.iter_mut().find(|country| country.code == home) {
            country.nearby = Some(nearby);
        }
    }
    countries
}

fn country(entry: &CountryEntry, seen: &mut HashMap<Code, Origin>, case: &mut Case) -> Option<Country> {
    let code = *entry.code.as_ref();
    if code.is_subdivision() {
        case.report(entry.code.span(), format!("`{code}` is a subdivision"), "write the two letters of a country");
        return None;
    }
    let name = case.formed(&entry.name, form::title)?;
    let latitude = degrees(case, &entry.latitude, 90.0)?;
    let longitude = degrees(case, &entry.longitude, 180.0)?;
    if !case.is_first(seen, code, &code.to_string(), entry.code.span()) {
        return None;
    }
    let mut aliases = Vec::with_capacity(entry.aliases.len());
    for alias in &entry.aliases {
        aliases.extend(case.formed(alias, form::title).map(|title| (title, alias.span())));
    }
    let aliases = case.each_once(aliases);
    let mut subdivisions = BTreeMap::new();
    for (key, name) in &entry.subdivisions {
        let Some(subdivision) = code.with_subdivision(key.as_ref()) else {
            let why = format!("`{}` is no code of a subdivision", key.as_ref().escape_debug());
            case.report(key.span(), why, "write up to three letters or digits, like `TX`");
            continue;
        };
        subdivisions.extend(case.formed(name, form::title).map(|name| (subdivision, name)));
    }
    Some(Country { code, name, continent: entry.continent, latitude, longitude, aliases, subdivisions, nearby: None })
}

/// A latitude or longitude.
fn degrees(case: &mut Case, value: &Spanned<f64>, degrees_max: f64) -> Option<f64> {
    let degrees = *value.as_ref();
    if degrees.abs() <= degrees_max {
        return Some(degrees);
    }
    case.report(
        value.span(),
        format!("{degrees} degrees are not on the globe"),
        format!("write a number from -{degrees_max} to {degrees_max}"),
    );
    None
}

/// Whether `code` is a country there is.
pub fn is_country(case: &mut Case, code: &Spanned<Code>, countries: &[Country]) -> bool {
    let country = *code.as_ref();
    let known = countries.iter().any(|known| known.code == country);
    if country.is_subdivision() {
        case.report(code.span(), format!("`{country}` is a subdivision"), "write the two letters of a country");
    } else if !known {
        let fix = "name one that a valid `[[country]]` defines";
        case.report(code.span(), format!("there is no country `{country}`"), fix);
    }
    known
}

/// The networks whose place is known.
pub fn networks(entries: &Entries, countries: &[Country], ledger: &mut Ledger) -> Vec<NetworkPlace> {
    let mut networks = Vec::with_capacity(entries.networks.len());
    for found in &entries.networks {
        let entry = &found.entry;
        let place = *entry.place.as_ref();
        let mut case = Case::new(ledger, found, "network", place);
        let country = countries.iter().find(|country| country.code == place.country());
        let known = country.is_some_and(|country| country.code == place || country.subdivisions.contains_key(&place));
        if !known {
            let fix = "name a country or subdivision that a valid `[[country]]` defines";
            case.report(entry.place.span(), format!("there is no place `{place}`"), fix);
            continue;
        }
        let prefixes: Vec<_> = entry.prefixes.iter().filter_map(|prefix| case.prefix(prefix)).collect();
        if prefixes.is_empty() {
            case.report_all("it has no valid network", "write `prefixes = [\"192.0.2.0/24\"]` or delete it");
            continue;
        }
        networks.push(NetworkPlace { prefixes, place });
    }
    networks
}
