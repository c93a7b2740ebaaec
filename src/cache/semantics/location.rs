//! References in Location and Content-Location: RFC 3986, section 5, as far as http URLs need it.

/// The URL a reference means within `base`, an absolute http or https URL: scheme and host in lower case, without a
/// default port, dot segments and fragment. `None` when it is no such URL.
pub(super) fn resolve(base: &str, reference: &str) -> Option<String> {
    let reference = reference.trim_ascii().split('#').next().unwrap_or_default();
    let (scheme, authority, path) = take_apart(base)?;
    if let Some(rest) = reference.strip_prefix("//") {
        return join(&scheme, rest, None);
    }
    if let Some((scheme, rest)) = scheme_of(reference) {
        return join(&scheme, rest.strip_prefix("//")?, None);
    }
    let (base_path, base_query) = split_query(&path);
    let target = if reference.starts_with('/') {
        reference.to_string()
    } else if reference.is_empty() {
        format!("{base_path}{base_query}")
    } else if reference.starts_with('?') {
        format!("{base_path}{reference}")
    } else {
        let folder_end = base_path.rfind('/').map_or(0, |slash| slash + 1);
        format!("{}{reference}", &base_path[..folder_end])
    };
    join(&scheme, &authority, Some(&target))
}

/// Whether two URLs, as `resolve` gives them, have scheme, host and port in common (RFC 9110, section 4.3.1).
pub(super) fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |url: &str| take_apart(url).map(|(scheme, authority, _)| (scheme, authority));
    origin(one).is_some_and(|found| Some(found) == origin(other))
}

/// Scheme, authority and the rest, which begins with `/`.
fn take_apart(url: &str) -> Option<(String, String, String)> {
    let (scheme, rest) = scheme_of(url)?;
    let rest = rest.strip_prefix("//")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_string() } else { format!("/{path}") };
    Some((scheme.clone(), plain_authority(&scheme, authority)?, path))
}

fn scheme_of(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let good = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    good.then(|| (scheme.to_ascii_lowercase(), rest))
}

fn plain_authority(scheme: &str, authority: &str) -> Option<String> {
    let default = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let lower = authority.to_ascii_lowercase();
    let plain = lower.strip_suffix(default).or(lower.strip_suffix(':')).unwrap_or(&lower);
    (!plain.is_empty() && !plain.contains('@')).then(|| plain.to_string())
}

/// `rest` is an authority, with path and query behind it unless these are in `target`.
fn join(scheme: &str, rest: &str, target: Option<&str>) -> Option<String> {
    let (_, authority, path) = take_apart(&format!("{scheme}://{rest}{}", target.unwrap_or_default()))?;
    let (path, query) = split_query(&path);
    Some(format!("{scheme}://{authority}{}{query}", without_dots(path)))
}

/// The query keeps its `?`.
fn split_query(target: &str) -> (&str, &str) {
    target.split_at(target.find('?').unwrap_or(target.len()))
}

/// RFC 3986, section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_rfc3986_5_4() {
        let base = "http://A.example:80/b/c/d;p?q";
        let cases = [
            ("", "http://a.example/b/c/d;p?q"),
            ("g", "http://a.example/b/c/g"),
            ("./g", "http://a.example/b/c/g"),
            ("g/", "http://a.example/b/c/g/"),
            ("/g", "http://a.example/g"),
            ("//g", "http://g/"),
            ("?y", "http://a.example/b/c/d;p?y"),
            ("g?y", "http://a.example/b/c/g?y"),
            ("g?y/../x", "http://a.example/b/c/g?y/../x"),
            ("#s", "http://a.example/b/c/d;p?q"),
            ("g#s/../x", "http://a.example/b/c/g"),
            (".", "http://a.example/b/c/"),
            ("..", "http://a.example/b/"),
            ("../../g", "http://a.example/g"),
            ("../../../g", "http://a.example/g"),
            ("/./g", "http://a.example/g"),
            ("g;x=1/../y", "http://a.example/b/c/y"),
            ("https://H:443", "https://h/"),
            ("HTTP://h:8080?x", "http://h:8080/?x"),
            ("http://h:/x//y/", "http://h/x//y/"),
        ];
        for (reference, expected) in cases {
            assert_eq!(resolve(base, reference).as_deref(), Some(expected), "{reference}");
        }
        for bad in ["mailto:a@b", "http:g", "http://", "ftp://a/", "http://u@h/", "///x"] {
            assert_eq!(resolve(base, bad), None, "{bad}");
        }
        assert_eq!(resolve("/x", "y"), None);
    }

    #[test]
    fn origins_rfc9110_4_3_1() {
        assert!(is_same_origin("http://a/x", "HTTP://A:80/y?z"));
        for (one, other) in [("http://a/", "https://a/"), ("http://a/", "http://a:81/"), ("http://a/", "http://b/")] {
            assert!(!is_same_origin(one, other), "{one} {other}");
        }
        assert!(!is_same_origin("x", "x"));
    }
}
