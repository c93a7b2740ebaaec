//! Where a mirror is: from its `geolocation`, else from its host's top-level domain.

use serde_json::{Map, Value};

use crate::import::note::Notes;
use crate::import::yaml;
use crate::inventory::World;
use crate::place::Code;

/// Country-code top-level domains that are sold to anybody and so say nothing about a place. Taken from the registries'
/// own advertising as known in 2026; a domain that is missing here places a mirror wrongly, with a note.
const SOLD_ABROAD: &str = "ac ag ai am as bz cc cf cm co cx dj eu fm ga gd gg gl gq gs io je la lc li ly me mg ml mn \
                           ms mu nf nu pw sc sh so st su sx tf tk tl to tv vc vg vu wf ws";

/// The place of the mirror `host`, none where nothing is known.
pub(super) fn place(
    mut geolocation: Map<String, Value>,
    host: &str,
    world: &World<'_>,
    notes: &mut Notes<'_>,
) -> Option<Code> {
    let state = yaml::take(&mut geolocation, "state_province").and_then(|value| yaml::text(&value));
    let city = yaml::take(&mut geolocation, "city").and_then(|value| yaml::text(&value));
    let country = yaml::take(&mut geolocation, "country").and_then(|value| country(&value, world, notes));
    for (key, value) in geolocation.iter().filter(|(_, value)| !value.is_null()) {
        notes.add(format!("geolocation has `{key}: {}`", yaml::shown(value)), "left out: not needed");
    }
    let Some(country) = country else { return from_host(host, world, notes) };
    // Only some countries are told apart by subdivision; what stands there for the others is not needed.
    if world.country(country).is_none_or(|country| country.subdivisions.is_empty()) {
        return Some(country);
    }
    Some(subdivision(country, state.as_deref(), city.as_deref(), world, notes))
}

fn country(value: &Value, world: &World<'_>, notes: &mut Notes<'_>) -> Option<Code> {
    let text = yaml::text(value)?;
    // Some YAML writers took an unquoted NO for the truth value.
    let name = if *value == Value::Bool(false) { "NO" } else { text.as_str() };
    let code = world.country_named(name).map(Code::country);
    match code {
        None => notes.add(format!("country `{text}` is unknown"), "looking at the host's top-level domain"),
        Some(code) if code.to_string() != text => {
            notes.add(format!("country is written `{text}`"), format!("taken as {code}"))
        }
        Some(_) => {}
    }
    code
}

/// The subdivision of `country`, or another country when the text names one of its territories, or `country` itself.
fn subdivision(
    country: Code,
    state: Option<&str>,
    city: Option<&str>,
    world: &World<'_>,
    notes: &mut Notes<'_>,
) -> Code {
    let named = |text: &str| world.subdivision_named(country, text);
    let Some(state) = state else { return country };
    let code = match (named(state), city.and_then(named)) {
        (Some(code), _) => code,
        (None, Some(code)) => {
            let city = city.unwrap_or_default();
            notes.add(format!("state `{state}` and city `{city}` have changed places"), format!("taken as {code}"));
            code
        }
        (None, None) => {
            notes.add(format!("state `{state}` is no subdivision of {country}"), format!("taken as {country}"));
            return country;
        }
    };
    // A territory with a country code of its own: databases of clients use that one.
    let name = world.country(country).and_then(|country| country.subdivisions.get(&code));
    let territory = name
        .and_then(|name| world.country_named(name))
        .filter(|territory| country.with_subdivision(&territory.to_string()) == Some(code));
    if let Some(territory) = territory {
        notes.add(format!("state `{state}` is a territory with a code of its own"), format!("taken as {territory}"));
    }
    territory.unwrap_or(code)
}

/// The country of the host's top-level domain, where that is one at home in its country.
fn from_host(host: &str, world: &World<'_>, notes: &mut Notes<'_>) -> Option<Code> {
    let domain = host.rsplit('.').next().unwrap_or_default();
    // Codes only, and `uk`: a name or an alias would let `.usa` or `.georgia` in.
    let country = (domain.len() == 2 && !SOLD_ABROAD.split(' ').any(|sold| sold == domain))
        .then(|| world.country_named(domain))
        .flatten();
    let Some(country) = country else {
        notes.add("no country", "left global: the host's top-level domain names none");
        return None;
    };
    // `mirror-jp.example.id` is in Japan or in Indonesia.
    let first_label = host.split('.').next().unwrap_or_default();
    let other = first_label.split('-').filter(|part| part.len() == 2).filter_map(|part| world.country_named(part));
    if let Some(other) = other.into_iter().find(|&other| other != country) {
        notes.add("no country", format!("left global: host `{host}` names both {country} and {other}"));
        return None;
    }
    notes.add("no country", format!("taken as {country}, after the host's top-level domain `.{domain}`"));
    Some(country)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::almalinux::tests::countries;
    use serde_json::json;

    /// The place, and the notes as one text.
    fn place_of(geolocation: Value, host: &str) -> (String, String) {
        let countries = countries();
        let mut notes = Vec::new();
        let Value::Object(geolocation) = geolocation else { panic!("a map") };
        let place = place(geolocation, host, &World::new(&countries), &mut Notes::on("x.yml", &mut notes));
        let texts: Vec<String> = notes.iter().map(ToString::to_string).collect();
        (place.map_or("global".into(), |place| place.to_string()), texts.join("\n"))
    }

    #[test]
    fn plain_places_need_no_note() {
        for (geolocation, place) in [
            (json!({"country": "DE", "state_province": "Hesse", "city": "Frankfurt"}), "DE"),
            (json!({"country": "US", "state_province": "Texas", "city": "Dallas"}), "US-TX"),
            (json!({"country": "US", "state_province": "TX"}), "US-TX"),
            (json!({"country": "US", "state_province": "virginia"}), "US-VA"),
            (json!({"country": "CA", "state_province": "Québec", "city": null}), "CA-QC"),
            (json!({"country": "CA", "state_province": "quebec"}), "CA-QC"),
            (json!({"country": "CA", "state_province": "QC"}), "CA-QC"),
            (json!({"country": "US", "state_province": null, "city": "Texas"}), "US"),
        ] {
            assert_eq!(place_of(geolocation.clone(), "a.example.org"), (place.into(), String::new()), "{geolocation}");
        }
    }

    #[test]
    fn odd_places_are_mended_with_a_note() {
        for (geolocation, place, note) in [
            (json!({"country": "UK"}), "GB", "written `UK`: taken as GB"),
            (json!({"country": "Germany"}), "DE", "written `Germany`: taken as DE"),
            (json!({"country": false}), "NO", "written `false`: taken as NO"),
            (json!({"country": "US", "state_province": "Ashburn", "city": "Virginia"}), "US-VA", "changed places"),
            (json!({"country": "US", "state_province": "Nowhere"}), "US", "`Nowhere` is no subdivision of US"),
            (json!({"country": "US", "state_province": "Puerto Rico"}), "PR", "taken as PR"),
            (json!({"country": "US", "state_province": "TX", "City": "Dallas"}), "US-TX", "`City: Dallas`"),
        ] {
            let (found, notes) = place_of(geolocation, "a.example.org");
            assert_eq!(found, place);
            assert!(notes.contains(note), "{notes}");
        }
    }

    #[test]
    fn without_a_country_the_host_may_tell() {
        for (host, place) in [
            ("ftp.example.ac.jp", "JP"),
            ("mirror.example.co.uk", "GB"),
            ("de-1.example.de", "DE"),
            ("mirror.example.io", "global"),
            ("mirror.example.com", "global"),
            ("mirror-jp.example.de", "global"),
            ("mirror.example.zz", "global"),
            ("mirror.example.usa", "global"),
            ("", "global"),
        ] {
            let (found, notes) = place_of(json!({}), host);
            assert_eq!(found, place, "{host}");
            assert!(notes.contains("no country"), "{notes}");
        }
        assert_eq!(place_of(json!({"country": "Elbonia"}), "a.example.de").0, "DE");
    }
}
