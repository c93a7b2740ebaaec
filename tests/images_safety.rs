//! What requests must not do to pages: become markup, fields or links; and what pages must not allow.

mod stage;

use stage::{BROWSER, CURL, DVD, FOLDER, ask, client_of, links, page, start_showroom};

/// Texts that would do harm if a page repeated them as they are, percent-encoded as far as requests need it.
fn payloads() -> Vec<String> {
    let mut payloads: Vec<String> = [
        "<script>alert(1)</script>",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
        "'%20onmouseover='alert(1)",
        "\"%20autofocus%20onfocus=\"alert(1)",
        "%0d%0aSet-Cookie:%20a=b",
        "%0d%0a%0d%0a%3Cscript%3E",
        "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
        "%2BADw-script%2BAD4-",
        "%00%ff%fe",
        "javascript:alert(1)",
        "%E2%80%AE",
        "{{7*7}}",
    ]
    .map(str::to_owned)
    .to_vec();
    payloads.push("%3C".repeat(800));
    payloads.push("A".repeat(3000));
    payloads
}

#[test]
fn nothing_from_a_request_becomes_markup_or_a_field() {
    let server = start_showroom("");
    let mut targets = Vec::new();
    for payload in payloads() {
        for name in ["cc", "debug", "format", "all", "other"] {
            targets.push(format!("{DVD}?debug=1&{name}={payload}"));
            targets.push(format!("{FOLDER}?debug=1&{name}={payload}"));
        }
        targets.push(format!("/?{payload}"));
        targets.push(format!("{DVD}?{payload}={payload}"));
        for at in 0..5 {
            let mut steps = ["ember", "9.8", "isos", "x86_64", "Ember-9.8-x86_64-dvd.iso"].map(str::to_owned);
            steps[at] = payload.replace('/', "%2f");
            targets.push(format!("/{}?debug=1&cc={payload}", steps.join("/")));
        }
    }
    let allowed_fields = [
        "date",
        "cache-control",
        "vary",
        "x-content-type-options",
        "content-type",
        "referrer-policy",
        "content-security-policy",
        "content-length",
        "location",
        "link",
        "digest",
        "retry-after",
        "connection",
    ];
    for target in &targets {
        for fields in [BROWSER, CURL, "Accept: application/json\r\n", "Accept: application/metalink4+xml\r\n"] {
            let answer = ask(&server, client_of("DE", 4), target, fields);
            assert!([200, 302, 404].contains(&answer.status), "{} {target}", answer.status);
            for (name, value) in &answer.fields {
                assert!(allowed_fields.contains(&name.as_str()), "{name} for {target}");
                assert!(!value.contains("alert"), "{name}: {value} for {target}");
            }
            if answer.field("content-type") == Some("text/html; charset=utf-8") {
                assert_own_markup(&answer.body, target);
            }
            assert!(answer.body.len() < 60_000, "{} bytes for {target}", answer.body.len());
        }
    }
}

/// Fails when a page has a tag or an attribute that no page of ours has, or a link to anywhere but us and mirrors.
fn assert_own_markup(page: &str, target: &str) {
    let tags = "!doctype html head meta title link style body a header div img span nav ul li main ol h1 h2 h3 p code \
        pre samp section dl dt dd time form label input button em footer";
    let attributes = "html lang charset name content rel href class src alt width height id tabindex aria-label \
        aria-labelledby aria-current aria-describedby datetime method for value size maxlength autocapitalize \
        autocomplete spellcheck required";
    let is_one_of = |name: &str, names: &str| names.split_whitespace().any(|known| known == name);
    for tag in page.split('<').skip(1) {
        let inside = tag.split_once('>').unwrap_or_else(|| panic!("{tag} has no end, for {target}")).0;
        // Every other part between quotes is a value.
        let parts: Vec<&str> = inside.split('"').collect();
        assert_eq!(parts.len() % 2, 1, "{inside} for {target}");
        let bare: String = parts.iter().step_by(2).map(|part| part.to_string() + " ").collect();
        let mut words = bare.split_whitespace();
        let name = words.next().unwrap_or_default().trim_start_matches('/');
        assert!(is_one_of(name, tags), "<{inside}> for {target}");
        for attribute in words.map(|word| word.trim_end_matches('=')) {
            assert!(is_one_of(attribute, attributes), "{attribute} in <{inside}> for {target}");
        }
    }
    for link in links(page) {
        let is_plain = link.starts_with('/') || link.starts_with("https://") || link == "#content";
        assert!(is_plain && !link.contains("script"), "{link} for {target}");
    }
    assert!(!page.contains('\0') && !page.contains('\r'), "{target}");
}

#[test]
fn every_page_is_locked_down() {
    let server = start_showroom("");
    for target in ["/", "/nothing", "/ember/", FOLDER, DVD, &format!("{DVD}?all=1"), &format!("{DVD}?debug=1&cc=de")] {
        let answer = page(&server, client_of("DE", 4), target);
        let policy = answer.field("content-security-policy").unwrap();
        for rule in [
            "default-src 'none'",
            "style-src 'sha256-",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains(concat!("un", "safe")) && !policy.contains("http"), "{policy}");
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.field("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.field("set-cookie"), None);
        assert!(!answer.body.contains("src=\"http") && !answer.body.contains("@import"), "nothing of third parties");
    }
    let body = page(&server, client_of("DE", 4), &format!("{DVD}?debug=1&cc=de")).body;
    for fact in
        ["How this was decided", client_of("DE", 4), "DE: as you asked", "24 in the country", "verified by a crawl"]
    {
        assert!(body.contains(fact), "no {fact}");
    }
}
