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

#[cfg(test)]
mod tests {
    use super::super::ground::{problems, reading};

    fn country(code: &str, more: &str) -> String {
        format!("[[country]]\ncode = \"{code}\"\nname = \"X\"\ncontinent = \"asia\"\n{more}\n")
    }

    #[test]
    fn a_country_is_kept_whole() {
        let text = country("fr", "latitude = 46.5\nlongitude = 2\naliases = [\"FRA\"]\nsubdivisions.1 = \"Ain\"");
        let reading = reading(&text);
        assert!(reading.problems.is_empty());
        let country = reading.inventory.countries.last().unwrap();
        assert_eq!((country.code.to_string().as_str(), country.latitude, country.longitude), ("FR", 46.5, 2.0));
        assert_eq!(country.aliases, ["FRA"]);
        assert_eq!(format!("{:?}", country.subdivisions), "{FR-1: \"Ain\"}");
    }

    #[test]
    fn a_broken_country_is_left_out() {
        let here = "latitude = 0\nlongitude = 0";
        for (text, want) in [
            (country("DE", here), "a.toml:2: country `DE`: `DE` is already at 0.toml:20; rename or delete one"),
            (
                country("FR-1", here),
                "a.toml:2: country `FR-1`: `FR-1` is a subdivision; write the two letters of a country",
            ),
            (
                country("FR", "latitude = 90.1\nlongitude = 0"),
                "a.toml:5: country `FR`: 90.1 degrees are not on the globe; write a number from -90 to 90",
            ),
            (
                country("FR", "latitude = 0\nlongitude = nan"),
                "a.toml:6: country `FR`: NaN degrees are not on the globe; write a number from -180 to 180",
            ),
        ] {
            assert_eq!(problems(&text), [want]);
            assert_eq!(reading(&text).inventory.countries.len(), 2, "{want}");
        }
    }

    #[test]
    fn a_broken_subdivision_or_alias_costs_itself() {
        let text = country(
            "FR",
            "latitude = 0\nlongitude = 0\naliases = [\"A\",\n\"\", \"A\"]\n\
             [country.subdivisions]\nAINX = \"Ain\"\n02 = \"\"\n03 = \"Allier\"",
        );
        assert_eq!(
            problems(&text),
            [
                "a.toml:8: country `FR`: `A` stands twice; keep one",
                "a.toml:8: country `FR`: `` is no title; write one line of at most 128 bytes",
                "a.toml:10: country `FR`: `AINX` is no code of a subdivision; \
                 write up to three letters or digits, like `TX`",
                "a.toml:11: country `FR`: `` is no title; write one line of at most 128 bytes",
            ]
        );
        assert_eq!(reading(&text).inventory.countries[2].subdivisions.len(), 1);
    }

    #[test]
    fn neighbours_are_countries_there_are() {
        let text = r#"
[[nearby]]
country = "DE"
countries = ["US", "FR",
             "US", "DE", "US-TX"]
[[nearby]]
country = "DE"
countries = []
[[nearby]]
country = "FR"
countries = ["DE"]
"#;
        assert_eq!(
            problems(text),
            [
                "a.toml:4: nearby `DE`: there is no country `FR`; name one that a valid `[[country]]` defines",
                "a.toml:5: nearby `DE`: `DE` is not near itself; delete it",
                "a.toml:5: nearby `DE`: `US-TX` is a subdivision; write the two letters of a country",
                "a.toml:5: nearby `DE`: `US` stands twice; keep one",
                "a.toml:7: nearby `DE`: `DE` is already at a.toml:2; rename or delete one",
                "a.toml:10: nearby `FR`: there is no country `FR`; name one that a valid `[[country]]` defines",
            ]
        );
        assert_eq!(format!("{:?}", reading(text).inventory.countries[0].nearby), "Some([US])");
    }

    #[test]
    fn a_network_has_a_place_there_is() {
        let text = r#"
[[network]]
prefixes = ["192.0.2.0/24",
            "192.0.2.1/24"]
place = "us-tx"
[[network]]
prefixes = ["192.0.2.0/24"]
place = "US-CA"
[[network]]
prefixes = ["x"]
place = "DE"
"#;
        assert_eq!(
            problems(text),
            [
                "a.toml:4: network `US-TX`: `192.0.2.1/24` has bits beyond its length; write `192.0.2.0/24`",
                "a.toml:8: network `US-CA`: there is no place `US-CA`; \
                 name a country or subdivision that a valid `[[country]]` defines",
                "a.toml:9: network `DE`: it has no valid network; write `prefixes = [\"192.0.2.0/24\"]` or delete it",
                "a.toml:10: network `DE`: `x` is no network; \
                 write an address and a length like `192.0.2.0/24` or `2001:db8::/32`",
            ]
        );
        let networks = reading(text).inventory.networks;
        assert_eq!((networks.len(), networks[0].prefixes.len()), (1, 1));
    }
}
