//! YAML documents, read leniently and with limits. Only `true` and `false` are truth values, so that NO is Norway.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_saphyr::{DuplicateKeyPolicy, UserMessageFormatter};

/// Deepest nesting; real files have three levels.
const DEPTH_MAX: usize = 16;

/// Most scalars, lists and maps; AlmaLinux's `config.yml` of July 2026 has about 900.
const NODE_COUNT_MAX: usize = 50_000;

/// Reads one document.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    parse_with(text, DuplicateKeyPolicy::Error)
}

/// Reads one document; of a key that a map has twice, the last one counts.
pub(super) fn parse_last_wins<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    parse_with(text, DuplicateKeyPolicy::LastWins)
}

fn parse_with<T: DeserializeOwned>(text: &str, duplicate_keys: DuplicateKeyPolicy) -> Result<T, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_nodes: NODE_COUNT_MAX },
        duplicate_keys: duplicate_keys,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let told = error.render_with_formatter(&UserMessageFormatter);
        told.lines().next().unwrap_or_default().to_owned()
    })
}

/// Takes a key out of a map; null is as good as absent.
pub(super) fn take(map: &mut Map<String, Value>, key: &str) -> Option<Value> {
    map.remove(key).filter(|value| !value.is_null())
}

/// Takes a map out of a map; anything else there is left.
pub(super) fn take_map(map: &mut Map<String, Value>, key: &str) -> Option<Map<String, Value>> {
    match map.get_mut(key)? {
        Value::Object(inner) => {
            let inner = std::mem::take(inner);
            map.remove(key);
            Some(inner)
        }
        Value::Null => {
            map.remove(key);
            None
        }
        _ => None,
    }
}

/// A scalar as text, without blanks around it; none for lists, maps, and empty ones.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A list, or a lone scalar as a list of one; nulls are left out.
pub(super) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.into_iter().filter(|value| !value.is_null()).collect(),
        Value::Null => Vec::new(),
        value => vec![value],
    }
}

/// A value in a note: cut where it gets long.
pub(super) fn shown(value: &Value) -> String {
    const CHARS_MAX: usize = 80;
    let whole = text(value).unwrap_or_else(|| value.to_string());
    match whole.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{}…", &whole[..at]),
        None => whole,
    }
}
