//! `World`: the countries of an inventory, indexed.
//!
//! Lives here: finding a country or subdivision by any name it goes by, and which countries are near.
//! Not here: which mirrors are there (`plan`).

use std::collections::{HashMap, HashSet};

use super::{Continent, Country};
use crate::place::Code;

/// Mean radius of the Earth (IUGG), kilometres.
const EARTH_RADIUS_KM: f64 = 6371.0;

/// The countries of an inventory, by code and by name.
pub struct World<'a> {
    by_code: HashMap<Code, &'a Country>,
    by_name: HashMap<String, Code>,
    subdivision_by_name: HashMap<(Code, String), Code>,
}

impl<'a> World<'a> {
    /// Indexes `countries`. Where two claim one name, a name counts before an alias, and the first country wins.
    pub fn new(countries: &'a [Country]) -> World<'a> {
        let mut by_name = HashMap::new();
        for country in countries {
            by_name.entry(folded(&country.name)).or_insert(country.code);
        }
        for country in countries {
            for alias in &country.aliases {
                by_name.entry(folded(alias)).or_insert(country.code);
            }
        }
        let mut subdivision_by_name = HashMap::new();
        for country in countries {
            for (&code, name) in &country.subdivisions {
                subdivision_by_name.entry((country.code, folded(name))).or_insert(code);
            }
        }
        let by_code = countries.iter().map(|country| (country.code, country)).collect();
        World { by_code, by_name, subdivision_by_name }
    }

    /// The country with this code, or that this subdivision lies in; none when there is no such country.
    pub fn country(&self, code: Code) -> Option<&'a Country> {
        self.by_code.get(&code.country()).copied()
    }

    /// The continent of a country or subdivision.
    pub fn continent(&self, code: Code) -> Option<Continent> {
        self.country(code).map(|country| country.continent)
    }

    /// The country that `text` names: a code, an alias (`UK`) or a name (`Germany`). Case, diacritics and
    /// punctuation make no difference: `cote d'ivoire` is `Côte d’Ivoire`.
    pub fn country_named(&self, text: &str) -> Option<Code> {
        let code = Code::parse(text.trim().as_bytes());
        code.filter(|code| self.by_code.contains_key(code)).or_else(|| self.by_name.get(&folded(text)).copied())
    }

    /// The subdivision of `country` that `text` names: a code (`TX`, `US-TX`) or a name (`Québec`, `quebec`).
    pub fn subdivision_named(&self, country: Code, text: &str) -> Option<Code> {
        let country = self.country(country)?;
        let text = text.trim();
        let code = Code::parse(text.as_bytes()).filter(|code| country.subdivisions.contains_key(code));
        code.or_else(|| country.code.with_subdivision(text).filter(|code| country.subdivisions.contains_key(code)))
            .or_else(|| self.subdivision_by_name.get(&(country.code, folded(text))).copied())
    }

    /// All other countries, nearest first, whole kilometres between centroids deciding and then the code; an
    /// inventory's own order (`Country::nearby`) comes first where it gives one. Empty for a country there is not.
    pub fn nearby(&self, country: Code) -> Vec<Code> {
        let Some(home) = self.country(country) else { return Vec::new() };
        let mut seen = HashSet::from([home.code]);
        let mut near: Vec<Code> = Vec::with_capacity(self.by_code.len());
        for &code in home.nearby.iter().flatten() {
            if self.by_code.contains_key(&code) && seen.insert(code) {
                near.push(code);
            }
        }
        let mut rest: Vec<(u32, Code)> = self
            .by_code
            .values()
            .filter(|other| !seen.contains(&other.code))
            .map(|other| (distance_km(home, other), other.code))
            .collect();
        rest.sort_unstable();
        near.extend(rest.into_iter().map(|(_, code)| code));
        near
    }
}

/// Great-circle distance between two centroids by the haversine formula, kilometres, rounded down, so that the last
/// bits of a platform's sine decide nothing.
fn distance_km(a: &Country, b: &Country) -> u32 {
    let (latitude_a, latitude_b) = (a.latitude.to_radians(), b.latitude.to_radians());
    let half_north = (latitude_b - latitude_a) / 2.0;
    let half_east = (b.longitude - a.longitude).to_radians() / 2.0;
    let haversine = half_north.sin().powi(2) + latitude_a.cos() * latitude_b.cos() * half_east.sin().powi(2);
    (2.0 * EARTH_RADIUS_KM * haversine.clamp(0.0, 1.0).sqrt().asin()) as u32
}

/// `name` as names are compared: lower case, Latin letters without their marks, no full stops and apostrophes, `and`
/// for `&`, and one space for every run of anything else that is neither letter nor digit.
fn folded(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for letter in name.replace('&', " and ").chars().flat_map(char::to_lowercase) {
        match bare(letter) {
            Some(bare) => folded.push_str(bare),
            None if letter.is_alphanumeric() => folded.push(letter),
            None if matches!(letter, '.' | '\'' | '’') || is_combining_mark(letter) => {}
            None if folded.is_empty() || folded.ends_with(' ') => {}
            None => folded.push(' '),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// Whether `letter` is an accent of its own, as decomposed text has after its letters.
fn is_combining_mark(letter: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&letter)
}

/// What a lower-case Latin letter with a mark is without it; none for every other character. Covers what names of
/// countries and subdivisions have in ISO 3166: Latin-1, Latin Extended-A, and the comma-below and horn letters.
fn bare(letter: char) -> Option<&'static str> {
    Some(match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ạ' | 'ả' | 'ấ' | 'ầ' | 'ắ' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' | 'ḍ' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ẹ' | 'ế' | 'ệ' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' | 'ǧ' => "g",
        'ĥ' | 'ħ' | 'ḥ' | 'ḩ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' | 'ǐ' | 'ị' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' | 'ŋ' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'ơ' | 'ǒ' | 'ọ' | 'ố' | 'ộ' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' | 'ṣ' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' | 'ṭ' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' | 'ư' | 'ǔ' | 'ụ' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' | 'ẓ' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Code {
        text.parse().unwrap()
    }

    fn country(text: &str, name: &str, latitude: f64, longitude: f64) -> Country {
        Country {
            code: code(text),
            name: name.to_owned(),
            continent: Continent::Europe,
            latitude,
            longitude,
            aliases: Vec::new(),
            subdivisions: Default::default(),
            nearby: None,
        }
    }

    fn some_countries() -> Vec<Country> {
        let mut britain = country("GB", "United Kingdom", 54.0, -2.0);
        britain.aliases = vec!["UK".to_owned(), "Great Britain".to_owned()];
        let mut canada = country("CA", "Canada", 60.0, -95.0);
        canada.continent = Continent::NorthAmerica;
        canada.subdivisions.insert(code("CA-QC"), "Québec".to_owned());
        vec![
            britain,
            canada,
            country("CI", "Côte d’Ivoire", 7.5, -5.5),
            country("DE", "Germany", 51.0, 9.0),
            country("AX", "Åland Islands", 60.2, 20.0),
        ]
    }

    #[test]
    fn a_country_goes_by_code_alias_and_name() {
        let countries = some_countries();
        let world = World::new(&countries);
        for (text, want) in [
            ("gb", Some("GB")),
            (" uk ", Some("GB")),
            ("great-britain", Some("GB")),
            ("GERMANY", Some("DE")),
            ("Cote D'Ivoire", Some("CI")),
            ("aland  islands.", Some("AX")),
            ("A\u{30a}land Islands", Some("AX")),
            ("Aland & Islands", None),
            ("U.K.", Some("GB")),
            ("FR", None),
            ("", None),
            ("CA-QC", None),
            ("Germ", None),
        ] {
            assert_eq!(world.country_named(text), want.map(code), "{text:?}");
        }
        assert_eq!(world.continent(code("CA-QC")), Some(Continent::NorthAmerica));
        assert_eq!(world.continent(code("FR")), None);
    }

    #[test]
    fn a_name_counts_before_an_alias_and_a_code_before_both() {
        let mut countries = some_countries();
        countries[0].aliases = vec!["Germany".to_owned(), "CA".to_owned()];
        let world = World::new(&countries);
        assert_eq!(world.country_named("germany"), Some(code("DE")));
        assert_eq!(world.country_named("ca"), Some(code("CA")));
    }

    #[test]
    fn a_subdivision_goes_by_code_and_name() {
        let countries = some_countries();
        let world = World::new(&countries);
        for text in ["QC", "qc", "ca-qc", "Québec", "quebec", " QUEBEC "] {
            assert_eq!(world.subdivision_named(code("CA"), text), Some(code("CA-QC")), "{text:?}");
        }
        assert_eq!(world.subdivision_named(code("CA"), "Texas"), None);
        assert_eq!(world.subdivision_named(code("DE"), "Québec"), None);
        assert_eq!(world.subdivision_named(code("DE"), "CA-QC"), None);
        assert_eq!(world.subdivision_named(code("FR"), "Québec"), None);
    }

    #[test]
    fn the_nearest_country_leads() {
        let countries = some_countries();
        let world = World::new(&countries);
        assert_eq!(world.nearby(code("DE")), ["GB", "AX", "CI", "CA"].map(code));
        assert_eq!(world.nearby(code("CA-QC")), ["GB", "AX", "DE", "CI"].map(code));
        assert!(world.nearby(code("FR")).is_empty());
    }

    #[test]
    fn an_override_leads_and_the_computed_rest_follows() {
        let mut countries = some_countries();
        countries[3].nearby = Some(["CA", "DE", "FR", "AX", "CA"].map(code).to_vec());
        let world = World::new(&countries);
        assert_eq!(world.nearby(code("DE")), ["CA", "AX", "GB", "CI"].map(code));
    }

    #[test]
    fn equal_distances_go_by_code_whatever_the_file_order() {
        let mut countries = vec![
            country("AA", "Centre", 0.0, 0.0),
            country("DD", "East", 0.0, 10.0),
            country("CC", "West", 0.0, -10.0),
            country("BB", "Across the date line", 0.0, 180.0),
        ];
        assert_eq!(World::new(&countries).nearby(code("AA")), ["CC", "DD", "BB"].map(code));
        countries.reverse();
        assert_eq!(World::new(&countries).nearby(code("AA")), ["CC", "DD", "BB"].map(code));
    }

    #[test]
    fn distances_are_those_of_an_atlas() {
        let berlin = country("DE", "Berlin", 52.52, 13.405);
        let sydney = country("AU", "Sydney", -33.87, 151.21);
        let (fiji, samoa) = (country("FJ", "Fiji", -18.0, 179.0), country("WS", "Samoa", -14.0, -172.0));
        assert!((16_050..16_120).contains(&distance_km(&berlin, &sydney)));
        assert!(distance_km(&fiji, &samoa) < 1_200, "the date line is no wall");
        assert_eq!(distance_km(&berlin, &berlin), 0);
        let (north, south) = (country("NN", "", 90.0, 0.0), country("SS", "", -90.0, 0.0));
        assert_eq!(distance_km(&north, &south), 20_015);
    }
}
