//! The `repos.yaml` of oVirt's repoproxy, restated as tables `[[proxy.repo]]` of our configuration.
//!
//! Lives here: its two spellings. It was documented as sections of an INI file (`[name]`, then `mirrorurl=…`) and is
//! called YAML: there a map of names to a URL or to a map of the same keys, perhaps below `repos`. Not here: what the
//! settings do (`proxy`), which ones are valid in the end (`config`).

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::note::Notes;
use super::{ImportError, Note, input, yaml};

/// Longest file, bytes. Picked by feel: each repo takes some 100.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Longest name of a repo, bytes: that of the configuration.
const NAME_BYTES_MAX: usize = 64;
/// Keys that name a list of mirrors.
const MIRRORLIST_KEYS: [&str; 2] = ["mirrorlist", "mirrorurl"];

/// What an import gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// TOML, to be put into a configuration.
    pub text: String,
    /// What was odd, in the order of the file.
    pub notes: Vec<Note>,
}

#[derive(Default, Serialize)]
struct Written {
    proxy: Proxy,
}

#[derive(Default, Serialize)]
struct Proxy {
    repo: Vec<Repo>,
}

#[derive(Debug, Default, Serialize)]
struct Repo {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mirrorlist: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metalink: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    baseurl: Vec<String>,
}

/// Imports a file.
pub fn import(path: &Path) -> Result<Tables, ImportError> {
    let name = path.display().to_string();
    let bytes = input::read(path, FILE_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|_| ImportError::format(&name, "it is no text in UTF-8"))?;
    restate(&name, &text)
}

fn restate(file: &str, text: &str) -> Result<Tables, ImportError> {
    let mut noted = Vec::new();
    let mut notes = Notes::on(file, &mut noted);
    let is_content = |line: &&str| !line.is_empty() && !line.starts_with(['#', ';']);
    let first = text.lines().map(str::trim).find(is_content).unwrap_or_default();
    let repos = if first.starts_with('[') { sections(text, &mut notes) } else { map(file, text)? };
    let mut written = Written::default();
    for (name, value) in repos {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+~".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('.') || !name.bytes().all(is_plain) {
            notes.add(format!("the name `{name}` is no part of a path"), "skipped");
        } else if written.proxy.repo.iter().any(|repo| repo.name == name) {
            notes.add(format!("`{name}` is there twice"), "the first one counts");
        } else if let Some(repo) = repo(&name, value, &mut notes) {
            written.proxy.repo.push(repo);
        }
    }
    if written.proxy.repo.is_empty() {
        return Err(ImportError::format(file, "there is no repo in it"));
    }
    let text = toml::to_string(&written).map_err(|error| ImportError::format(file, error.to_string()))?;
    Ok(Tables { text, notes: noted })
}

/// The sections of an INI file, in its order.
fn sections(text: &str, notes: &mut Notes<'_>) -> Vec<(String, Value)> {
    let mut sections: Vec<(String, Map<String, Value>)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push((name.trim().to_owned(), Map::new()));
            continue;
        }
        match (line.split_once('='), sections.last_mut()) {
            (Some((key, value)), Some((_, keys))) => {
                keys.insert(key.trim().to_owned(), Value::String(value.trim().to_owned()));
            }
            _ => notes.add(format!("`{}`", yaml::shown(&Value::String(line.to_owned()))), "ignored"),
        }
    }
    sections.into_iter().map(|(name, keys)| (name, Value::Object(keys))).collect()
}

/// The map of a YAML file.
fn map(file: &str, text: &str) -> Result<Vec<(String, Value)>, ImportError> {
    let mut whole: Map<String, Value> = yaml::parse(text).map_err(|why| ImportError::format(file, why))?;
    let inner = yaml::take_map(&mut whole, "repos");
    Ok(inner.unwrap_or(whole).into_iter().collect())
}

fn repo(name: &str, value: Value, notes: &mut Notes<'_>) -> Option<Repo> {
    let mut keys = match value {
        Value::Object(keys) => keys,
        Value::String(url) => Map::from_iter([("mirrorlist".to_owned(), Value::String(url))]),
        other => {
            notes.add(format!("{name} is `{}`", yaml::shown(&other)), "skipped");
            return None;
        }
    };
    let lists: Vec<String> = MIRRORLIST_KEYS.iter().flat_map(|key| urls(name, key, &mut keys, notes)).collect();
    let metalinks = urls(name, "metalink", &mut keys, notes);
    let baseurl = urls(name, "baseurl", &mut keys, notes);
    for (key, value) in keys {
        notes.add(format!("{name} has {key} `{}`", yaml::shown(&value)), "ignored");
    }
    let mut repo = Repo { name: name.to_owned(), ..Repo::default() };
    let kinds = [!lists.is_empty(), !metalinks.is_empty(), !baseurl.is_empty()];
    if kinds.iter().filter(|is_there| **is_there).count() > 1 || lists.len() > 1 || metalinks.len() > 1 {
        notes.add(format!("{name} has several sources"), "the first of mirrorlist, metalink and baseurl counts");
    }
    match (lists.into_iter().next(), metalinks.into_iter().next()) {
        (Some(list), _) => repo.mirrorlist = Some(list),
        (None, Some(metalink)) => repo.metalink = Some(metalink),
        (None, None) if baseurl.is_empty() => {
            notes.add(format!("{name} has no mirrorlist, metalink or baseurl"), "skipped");
            return None;
        }
        (None, None) => repo.baseurl = baseurl,
    }
    Some(repo)
}

/// The URLs under a key: one, several in a list, or several with white space between them.
fn urls(name: &str, key: &str, keys: &mut Map<String, Value>, notes: &mut Notes<'_>) -> Vec<String> {
    let Some(value) = yaml::take(keys, key) else { return Vec::new() };
    let mut urls = Vec::new();
    for value in yaml::list(value) {
        let text = yaml::text(&value).unwrap_or_default();
        for word in text.split_whitespace() {
            let is_url = ["http://", "https://"].iter().any(|scheme| word.starts_with(scheme));
            match is_url && word.bytes().all(|byte| byte.is_ascii_graphic()) {
                true => urls.push(word.to_owned()),
                false => notes.add(format!("{name} has {key} `{}`", yaml::shown(&value)), "left out: no http URL"),
            }
        }
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(text: &str) -> (String, Vec<String>) {
        let tables = restate("repos.yaml", text).unwrap();
        (tables.text, tables.notes.iter().map(Note::to_string).collect())
    }

    const EXPECTED: &str = "[[proxy.repo]]\nname = \"myrepo\"\n\
        mirrorlist = \"http://m.example/?repo=x&ver={releasever}&arch={arch}\"\n";

    #[test]
    fn both_spellings_give_the_same() {
        for text in [
            "# repos\n\n[myrepo]\nmirrorurl=http://m.example/?repo=x&ver={releasever}&arch={arch}\n",
            "---\nmyrepo: http://m.example/?repo=x&ver={releasever}&arch={arch}\n",
            "myrepo:\n  mirrorurl: 'http://m.example/?repo=x&ver={releasever}&arch={arch}'\n",
            "repos:\n  myrepo: {mirrorlist: 'http://m.example/?repo=x&ver={releasever}&arch={arch}'}\n",
        ] {
            let (toml, notes) = import(text);
            assert_eq!((toml.as_str(), notes.len()), (EXPECTED, 0), "{text}");
        }
    }

    #[test]
    fn what_is_odd_is_noted() {
        let (toml, notes) = import(
            "a:\n  baseurl: [http://x/$releasever/$basearch/, ftp://y/]\n  colour: red\nb/c: http://x/\nd: 5\n\
             e: {mirrorlist: http://l/, baseurl: http://b/}\nf: {}\n",
        );
        assert_eq!(
            toml,
            "[[proxy.repo]]\nname = \"a\"\nbaseurl = [\"http://x/$releasever/$basearch/\"]\n\n\
             [[proxy.repo]]\nname = \"e\"\nmirrorlist = \"http://l/\"\n"
        );
        let mut notes = notes;
        notes.sort_unstable();
        assert_eq!(
            notes,
            [
                "repos.yaml: a has baseurl `ftp://y/`: left out: no http URL",
                "repos.yaml: a has colour `red`: ignored",
                "repos.yaml: d is `5`: skipped",
                "repos.yaml: e has several sources: the first of mirrorlist, metalink and baseurl counts",
                "repos.yaml: f has no mirrorlist, metalink or baseurl: skipped",
                "repos.yaml: the name `b/c` is no part of a path: skipped",
            ]
        );
    }

    #[test]
    fn what_is_no_list_of_repos_is_an_error() {
        for text in ["", "[]", "[a]", "a: b: c", "<html>", "a:\n", "- a\n- b"] {
            assert!(restate("repos.yaml", text).is_err(), "{text}");
        }
    }
}
