//! Pages, redirects, JSON and Metalinks for images as clients see them: the running program and a snapshot with images.
//!
//! Not here: how pages look and real downloads (`e2e/pages.sh`, `e2e/images.sh`), what requests must not do to pages
//! (`images_safety`), who carries what (`crawl`).

mod stage;

use stage::{
    Answer, BOOT, BROWSER, CURL, DVD, DVD_DIGEST, FOLDER, MINIMAL, Server, ask, client_of, links, page,
    publish_showroom, settings, start_showroom, write_embers,
};

/// The mirrors that a page names between two of its texts.
fn mirrors<'a>(page: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    let part = page.split_once(from).unwrap_or_else(|| panic!("no {from} in {page}")).1;
    let part = part.split_once(to).unwrap_or_else(|| panic!("no {to} behind {from} in {page}")).0;
    links(part).into_iter().filter_map(|url| url.strip_prefix("https://")?.split('/').next()).collect()
}

fn numbered(range: std::ops::RangeInclusive<usize>) -> Vec<String> {
    range.map(|at| format!("de-{at:02}.example")).collect()
}

fn values<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    answer.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
}

#[test]
fn agents_are_sent_to_the_first_mirror() {
    let server = start_showroom("");
    let texan = client_of("US-TX", 4);
    for (target, path) in [
        (FOLDER, "9.8/isos/x86_64/"),
        ("/ember/9.8/isos/x86_64", "9.8/isos/x86_64/"),
        ("/ember/9/isos/x86_64/", "9.8/isos/x86_64/"),
        (DVD, "9.8/isos/x86_64/Ember-9.8-x86_64-dvd.iso"),
        ("/%65mber/9/isos/x86%5F64/Ember-9.8-x86_64-dvd%2Eiso", "9.8/isos/x86_64/Ember-9.8-x86_64-dvd.iso"),
        ("/stream/10-stream/isos/x86_64/", "10-stream/isos/x86_64/"),
        // What lies beside images, and any file of a folder that nobody has looked into.
        ("/ember/9.8/isos/x86_64/CHECKSUM", "9.8/isos/x86_64/CHECKSUM"),
        ("/ember/9.8/isos/x86_64/Ember-9.8-x86_64-dvd.torrent", "9.8/isos/x86_64/Ember-9.8-x86_64-dvd.torrent"),
        ("/ember/9.8/images/x86_64/Ember.qcow2", "9.8/images/x86_64/Ember.qcow2"),
    ] {
        let answer = ask(&server, texan, target, CURL);
        assert_eq!((answer.status, answer.body.as_str()), (302, ""), "{target}");
        assert_eq!(answer.field("location"), Some(format!("https://tx-1.example/ember/{path}").as_str()), "{target}");
        assert_eq!(answer.field("cache-control"), Some("no-store"), "{target}");
        assert_eq!(answer.field("vary"), Some("Accept, User-Agent"), "{target}");
    }
    let answer = ask(&server, texan, DVD, CURL);
    let file = "ember/9.8/isos/x86_64/Ember-9.8-x86_64-dvd.iso";
    assert_eq!(
        values(&answer, "link"),
        [
            format!("<https://us-1.example/{file}>; rel=duplicate; pri=2; geo=us"),
            format!("<https://us-2.example/{file}>; rel=duplicate; pri=3; geo=us"),
            format!("<https://fr-1.example/{file}>; rel=duplicate; pri=4; geo=fr"),
            format!("<https://world.example/{file}>; rel=duplicate; pri=5"),
            format!("<https://de-01.example/{file}>; rel=duplicate; pri=6; geo=de"),
            format!("<{DVD}.meta4>; rel=describedby; type=\"application/metalink4+xml\""),
        ]
    );
    // The digest above in base 64.
    assert_eq!(answer.field("digest"), Some("SHA-256=i11rnDHQpaK38sHJrSs8jX5vWks8LR4Pmot8bV5POis="));
    let aria2 = "User-Agent: aria2/1.36.0\r\nAccept: */*,application/metalink4+xml,application/metalink+xml\r\n";
    assert_eq!(ask(&server, texan, DVD, aria2).status, 302, "what aria2 sends with every request");
    for agent in ["Wget/1.24.5", "aria2/1.37.0", "node-fetch/1.0", "Go-http-client/2.0", "ansible-httpget"] {
        assert_eq!(ask(&server, texan, DVD, &format!("User-Agent: {agent}\r\n")).status, 302, "{agent}");
    }
}

#[test]
fn each_client_is_sent_to_its_own_first_mirror() {
    let server = start_showroom("");
    for (place, family, target, host) in [
        ("DE", 4, DVD.to_owned(), "de-01"),
        ("US-NV", 4, DVD.to_owned(), "tx-1"),
        ("FR", 4, DVD.to_owned(), "fr-1"),
        ("AT", 4, DVD.to_owned(), "de-01"),
        ("JP", 4, DVD.to_owned(), "fr-1"),
        ("nowhere", 4, DVD.to_owned(), "fr-1"),
        ("DE", 6, DVD.to_owned(), "fr-1"),
        ("campus", 4, DVD.to_owned(), "campus"),
        ("nimbus east", 4, DVD.to_owned(), "cloud"),
        ("DE", 4, format!("{DVD}?cc=us"), "tx-1"),
        ("US-TX", 4, format!("{DVD}?cc=de"), "de-01"),
        ("DE", 4, format!("{DVD}?cc=US-tx"), "tx-1"),
        ("DE", 4, format!("{DVD}?cc=us-XX"), "tx-1"),
        ("DE", 4, format!("{DVD}?cc=nonsense"), "fr-1"),
        // The network of a cloud decides before `cc`.
        ("nimbus east", 4, format!("{DVD}?cc=de"), "cloud"),
    ] {
        let answer = ask(&server, client_of(place, family), &target, CURL);
        let expected = format!("https://{host}.example/ember/9.8/isos/x86_64/Ember-9.8-x86_64-dvd.iso");
        assert_eq!((answer.status, answer.field("location")), (302, Some(expected.as_str())), "{place} {target}");
    }
    let cloud = ask(&server, client_of("nimbus east", 4), DVD, CURL);
    assert_eq!(values(&cloud, "link").len(), 1, "its mirror alone, and the Metalink");
}

#[test]
fn where_no_mirror_has_it_there_is_the_last_resort_or_a_clear_word() {
    let server = start_showroom("");
    let client = client_of("DE", 4);
    let answer = ask(&server, client, "/ember/8/isos/x86_64/x.iso", CURL);
    let expected = Some("https://vault.ember.example/8.10/isos/x86_64/x.iso");
    assert_eq!((answer.status, answer.field("location")), (302, expected));
    assert!(page(&server, client, "/ember/8/isos/x86_64/").body.contains("From the project itself"));
    let answer = ask(&server, client, MINIMAL, CURL);
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("600")));
    let answer = page(&server, client, MINIMAL);
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("No mirror has it now") && !answer.body.contains("Download</a>"));
}

#[test]
fn a_page_names_mirrors_of_the_own_region_first() {
    let server = start_showroom("");
    let of_texas = page(&server, client_of("US-TX", 4), DVD).body;
    assert_eq!(
        mirrors(&of_texas, "<h2>Near you: United States</h2>", "<h2>Further away</h2>"),
        ["tx-1.example", "us-1.example", "us-2.example"]
    );
    let mut away = vec!["fr-1.example".to_owned(), "world.example".to_owned()];
    away.extend(numbered(1..=24));
    assert_eq!(mirrors(&of_texas, "<h2>Further away</h2>", "class=\"checked\""), away);

    // 24 of the own region do not suffice, 32 do: thirty of them and no others.
    let of_germany = page(&server, client_of("DE", 4), DVD).body;
    assert_eq!(mirrors(&of_germany, "<h2>Near you: Germany</h2>", "<h2>Further away</h2>"), numbered(1..=24));
    let of_germany = page(&server, client_of("DE", 4), BOOT).body;
    assert_eq!(mirrors(&of_germany, "<h2>Near you: Germany</h2>", "class=\"checked\""), numbered(1..=30));
    assert!(!of_germany.contains("Further away"));
    let from_afar = page(&server, client_of("US-TX", 4), BOOT).body;
    assert_eq!(mirrors(&from_afar, "<h2>Near you", "class=\"checked\"").len(), 30, "never more");

    let of_campus = page(&server, client_of("campus", 4), DVD).body;
    let own = mirrors(&of_campus, "<h2>In your network: campus.example</h2>", "<h2>Near you: Germany</h2>");
    assert_eq!(own, ["campus.example"]);
    let of_nobody = page(&server, client_of("nowhere", 4), FOLDER).body;
    assert_eq!(mirrors(&of_nobody, "<h2>Mirrors</h2>", "class=\"checked\"")[..2], ["fr-1.example", "world.example"]);
    let over_ipv6 = page(&server, client_of("DE", 6), DVD).body;
    assert_eq!(mirrors(&over_ipv6, "<h2>Mirrors</h2>", "class=\"checked\""), ["fr-1.example"]);
}

#[test]
fn a_page_has_all_that_a_person_needs() {
    let server = start_showroom("");
    let file = page(&server, client_of("DE", 4), DVD).body;
    for fact in [
        "<h1 class=\"name\">Ember-9.8-x86_64-dvd.iso</h1>",
        "9.5 GiB",
        "10\u{202f}213\u{202f}130\u{202f}240 bytes",
        "<time datetime=\"2026-11-22T05:04:03Z\">2026-11-22 05:04 UTC</time>",
        "<time datetime=\"2026-05-20T10:00:00Z\">2026-05-20 10:00 UTC</time>",
        "BitTorrent",
        "href=\"https://de-01.example/ember/9.8/isos/x86_64/Ember-9.8-x86_64-dvd.torrent\"",
        "href=\"https://de-01.example/ember/9.8/isos/x86_64/CHECKSUM\"",
        "href=\"/ember/9.8/isos/x86_64/Ember-9.8-x86_64-dvd.iso?all=1\">All mirrors</a>",
    ] {
        assert!(file.contains(fact), "no {fact} in {file}");
    }
    let command = file.split_once("<code>").unwrap().1.split_once("</code>").unwrap().0;
    assert_eq!(command, format!("echo \"{DVD_DIGEST}  Ember-9.8-x86_64-dvd.iso\" | sha256sum -c"));
    for whole in
        ["<html lang=\"en\">", "<main ", "<header>", "<footer>", "aria-label=\"You are here\"", "class=\"skip\""]
    {
        assert!(file.contains(whole), "no {whole}");
    }
    assert_eq!(file.matches("<h1").count(), 1);
    assert!(file.find("<meta charset=\"utf-8\">").unwrap() < 200, "first of all");
    assert!(!file.contains("<script") && !file.contains("style=\"") && !file.contains(" onclick"));

    let folder = page(&server, client_of("DE", 4), FOLDER).body;
    assert_eq!(
        links(&folder).into_iter().filter(|link| link.ends_with(".iso")).collect::<Vec<_>>(),
        [BOOT, DVD, MINIMAL]
    );
    assert!(page(&server, client_of("DE", 4), BOOT).body.contains("sha256sum -c"));
    assert!(!page(&server, client_of("DE", 4), MINIMAL).body.contains("sha256sum -c"));
    let unseen = page(&server, client_of("DE", 4), "/ember/9.8/images/x86_64/").body;
    assert!(unseen.contains("Nobody has checked yet") && !unseen.contains("<time"));
}

#[test]
fn any_image_is_three_clicks_from_the_front_page() {
    let server = start_showroom("");
    let client = client_of("DE", 4);
    let front = page(&server, client, "/");
    assert_eq!(front.status, 200);
    let ours = |body: &str| -> Vec<String> {
        links(body).into_iter().filter(|link| link.starts_with('/')).map(str::to_owned).collect()
    };
    let folders = ours(&front.body);
    assert!(folders.contains(&FOLDER.to_owned()) && folders.contains(&"/stream/10-stream/isos/x86_64/".to_owned()));
    let releases = front.body.find(">10.2</a>").unwrap()..front.body.find(">8.10</a>").unwrap();
    assert!(releases.contains(&front.body.find(">9.8</a>").unwrap()), "the newest first");
    let mut all: Vec<String> = folders;
    for path in all.clone() {
        all.extend(ours(&page(&server, client, &path).body));
    }
    all.sort();
    all.dedup();
    assert!(all.contains(&DVD.to_owned()) && all.contains(&"/ember/10.2/".to_owned()));
    for path in &all {
        assert_eq!(page(&server, client, path).status, 200, "{path}");
    }
    for (path, absent) in
        [("/ember/", "Ember Stream"), ("/ember/9/", "/ember/10.2/isos"), ("/ember/9/isos/", "/images/")]
    {
        let level = page(&server, client, path);
        assert!(level.status == 200 && level.body.contains(FOLDER) && !level.body.contains(absent), "{path}");
    }
}

#[test]
fn unknown_paths_are_404_with_what_there_is() {
    let server = start_showroom("");
    for target in [
        "/ember/7/isos/x86_64/",
        "/ember/9.8/isos/riscv64/",
        "/ember/9.8/isos/x86_64/Ember-9.8-x86_64-netinst.iso",
        "/ember/9.8/isos/x86_64/CHECKSUM.meta4",
        "/ember/9.8/floppies/x86_64/",
        "/nothing/9.8/isos/x86_64/",
        "/nothing",
        "/ember//isos",
        "/ember/9.8/isos/x86_64/../x86_64/",
        "/-/logo-0000000000000000",
        "/favicon.ico",
    ] {
        let answer = page(&server, client_of("DE", 4), target);
        assert_eq!(answer.status, 404, "{target}");
        assert!(answer.body.contains("There is nothing here") && answer.body.contains(FOLDER), "{target}");
        let answer = ask(&server, client_of("DE", 4), target, CURL);
        assert_eq!((answer.status, answer.body.as_str()), (404, "there is nothing at this path\n"), "{target}");
        let answer = ask(&server, client_of("DE", 4), target, "Accept: application/json\r\n");
        assert_eq!((answer.status, answer.field("content-type")), (404, Some("application/json")), "{target}");
    }
}

#[test]
fn package_managers_still_get_lists() {
    let server = start_showroom("");
    for (target, fields) in
        [("/", "User-Agent: libdnf\r\nAccept: */*\r\n"), ("/", CURL), ("/?release=9&arch=x86_64&repo=x", BROWSER)]
    {
        let answer = ask(&server, client_of("DE", 4), target, fields);
        assert_eq!((answer.status, answer.field("content-type")), (200, Some("text/plain")), "{target}");
    }
    assert_eq!(ask(&server, client_of("DE", 4), "/mirrorlist", BROWSER).body, "arch not specified\n");
}

#[test]
fn the_same_facts_come_as_json() {
    let server = start_showroom("");
    for (target, fields) in [(format!("{DVD}?format=json"), CURL), (DVD.to_owned(), "Accept: application/json\r\n")] {
        let answer = ask(&server, client_of("US-TX", 4), &target, fields);
        assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/json")));
        let told: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let digest = serde_json::json!({"kind": "sha256", "digits": DVD_DIGEST});
        assert_eq!(
            told["file"],
            serde_json::json!({"name": "Ember-9.8-x86_64-dvd.iso", "path": DVD, "size": 10_213_130_240_u64,
                "modified": "2026-05-20T10:00:00Z", "digest": digest})
        );
        assert_eq!((told["release"].as_str(), told["place"].as_str()), (Some("9.8"), Some("US-TX")));
        assert_eq!(told["verified"], "2026-11-22T05:04:03Z");
        let first = serde_json::json!({"url": "https://tx-1.example/ember/9.8/isos/x86_64/Ember-9.8-x86_64-dvd.iso",
            "name": "tx-1.example", "place": "US-TX", "zone": "region"});
        assert_eq!((&told["mirrors"][0], told["mirrors"].as_array().map(Vec::len)), (&first, Some(29)));
    }
    let folder = ask(&server, client_of("DE", 4), &format!("{FOLDER}?format=json"), CURL);
    let told: serde_json::Value = serde_json::from_str(&folder.body).unwrap();
    assert_eq!((told["files"].as_array().map(Vec::len), told.get("file")), (Some(3), None));
    let index = ask(&server, client_of("DE", 4), "/ember/?format=json", CURL);
    let told: serde_json::Value = serde_json::from_str(&index.body).unwrap();
    assert_eq!(told["folders"].as_array().map(Vec::len), Some(10));
    assert_eq!(told["folders"][0]["path"], "/ember/10.2/isos/x86_64/");
}

#[test]
fn a_metalink_has_hash_size_and_mirrors_by_priority() {
    let server = start_showroom("");
    let wanted = "Accept: application/metalink4+xml\r\n";
    for (target, fields) in [
        (DVD.to_owned(), wanted),
        (format!("{DVD}.meta4"), CURL),
        (format!("{DVD}.meta4"), BROWSER),
        (DVD.to_owned(), "User-Agent: aria2/1.36.0\r\nAccept: application/metalink4+xml,*/*;q=0.5\r\n"),
    ] {
        let answer = ask(&server, client_of("nimbus east", 4), &target, fields);
        assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/metalink4+xml")), "{target}");
        let expected = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n\
             \x20<generator>mirrorlistd/{}</generator>\n\
             \x20<published>2026-11-22T05:04:03Z</published>\n\
             \x20<file name=\"Ember-9.8-x86_64-dvd.iso\">\n\
             \x20 <size>10213130240</size>\n\
             \x20 <hash type=\"sha-256\">{DVD_DIGEST}</hash>\n\
             \x20 <url priority=\"1\">https://cloud.example/ember/9.8/isos/x86_64/Ember-9.8-x86_64-dvd.iso</url>\n\
             \x20</file>\n</metalink>\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(answer.body, expected, "{target}");
    }
    let answer = ask(&server, client_of("US-TX", 4), DVD, wanted);
    let first = "<url location=\"us\" priority=\"1\">https://tx-1.example/ember/";
    let last = "<url location=\"de\" priority=\"29\">https://de-24.example/ember/";
    assert!(answer.body.contains(first) && answer.body.contains(last), "{}", answer.body);
    assert_eq!(ask(&server, client_of("DE", 4), &format!("{MINIMAL}.meta4"), CURL).status, 503);
    // A folder has no Metalink.
    assert_eq!(ask(&server, client_of("DE", 4), FOLDER, &format!("User-Agent: curl\r\n{wanted}")).status, 302);
}

#[test]
fn all_mirrors_are_on_a_page_of_their_own() {
    let server = start_showroom("");
    let answer = page(&server, client_of("US-TX", 4), &format!("{DVD}?all=1"));
    let mut all =
        ["tx-1.example", "us-1.example", "us-2.example", "fr-1.example", "world.example"].map(str::to_owned).to_vec();
    all.extend(numbered(1..=24));
    assert_eq!(mirrors(&answer.body, "class=\"mirrors\"", "</ul>"), all);
    assert!(answer.body.contains("Texas, United States") && !answer.body.contains("rel=\"next\""));
    let beyond = page(&server, client_of("US-TX", 4), &format!("{DVD}?all=2"));
    assert!(beyond.status == 200 && beyond.body.contains("There are none") && beyond.body.contains("rel=\"prev\""));
}

#[test]
fn head_is_get_without_a_body() {
    let server = start_showroom("");
    for target in [
        "/",
        "/nothing",
        "/ember/",
        FOLDER,
        DVD,
        &format!("{DVD}.meta4"),
        &format!("{DVD}?format=json"),
        &format!("{DVD}?all=1"),
    ] {
        for fields in [BROWSER, CURL] {
            let mut connection = server.connect();
            connection.send(format!("HEAD {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
            let head = connection.answer_of("HEAD");
            let get = connection.get(target, fields);
            assert_eq!((head.status, &head.body), (get.status, &String::new()), "{target}");
            let same = |answer: &Answer| answer.clone().timeless().fields;
            assert_eq!(same(&head), same(&get), "{target}");
        }
    }
    let mut connection = server.connect();
    connection.send(format!("POST {DVD} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
    let answer = connection.answer();
    assert_eq!((answer.status, answer.field("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn hosts_and_a_prefix_can_be_given_to_images() {
    let server = start_showroom("hosts = ['isos.example']\nprefix = '/pub/isos'");
    let get = |host: &str, target: &str, fields: &str| {
        let mut connection = server.connect();
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"));
        connection.answer()
    };
    for (host, target, fields, status) in [
        ("isos.example", DVD, CURL, 302),
        ("ISOS.example.:8080", DVD, CURL, 302),
        ("isos.example", "/", BROWSER, 200),
        ("isos.example", "/", CURL, 200),
        ("isos.example", "/healthz", CURL, 200),
        ("other.example", DVD, CURL, 404),
        ("isos.example.org", DVD, CURL, 404),
        ("other.example", &format!("/pub/isos{DVD}"), CURL, 302),
        ("isos.example", &format!("/pub/isos{DVD}"), CURL, 302),
        ("other.example", "/pub/isos", BROWSER, 200),
        ("other.example", "/pub/isos/", BROWSER, 200),
        ("other.example", "/pub/isos/nothing", BROWSER, 404),
        ("other.example", "/pub/isosx", CURL, 404),
    ] {
        assert_eq!(get(host, target, fields).status, status, "{host} {target}");
    }
    assert_eq!(get("other.example", "/", BROWSER).body, "arch not specified\n", "lists alone");
    assert_eq!(get("isos.example", "/?arch=x86_64", CURL).body, "repo not specified\n", "who names a list gets it");
    assert!(get("isos.example", "/", CURL).body.contains("<h1>"));
    let below = get("other.example", "/pub/isos/", BROWSER).body;
    let ours: Vec<_> = links(&below).into_iter().filter(|link| link.starts_with('/')).collect();
    assert!(ours.iter().all(|link| link.starts_with("/pub/isos/")), "{ours:?}");
    assert!(get("isos.example", "/", BROWSER).body.contains(&format!("href=\"{FOLDER}\"")));
}

#[test]
fn operators_dress_the_pages() {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    publish_showroom(&folder.path().join("state"));
    std::fs::write(folder.path().join("logo.svg"), "<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap();
    let dress = "title = 'R&D <Mirrors>'\nfooter = 'Run by \"us\"'\nlogo_file = 'logo.svg'\n\
         links = [{ text = 'Home', url = 'https://example.org/?a=1&b=2' }]";
    let server = Server::start_in(folder, &settings(dress));
    let front = page(&server, client_of("DE", 4), "/").body;
    for shown in
        ["R&#38;D &#60;Mirrors&#62;", "Run by &#34;us&#34;", "href=\"https://example.org/?a=1&#38;b=2\">Home</a>"]
    {
        assert!(front.contains(shown), "no {shown} in {front}");
    }
    let logo = front.split_once("<img src=\"").unwrap().1.split('"').next().unwrap();
    let answer = ask(&server, client_of("DE", 4), logo, BROWSER);
    assert_eq!((answer.status, answer.field("content-type")), (200, Some("image/svg+xml")));
    assert_eq!(answer.field("cache-control"), Some("public, max-age=31536000, immutable"));
    assert!(answer.field("content-security-policy").unwrap().contains("sandbox") && answer.body.contains("<svg"));

    server.configure(&settings("title = 'Other'"));
    server.reload("done");
    assert!(page(&server, client_of("DE", 4), "/").body.contains("<title>Other</title>"));
    std::fs::write(server.folder.path().join("logo.svg"), "no picture").unwrap();
    server.configure(&settings("title = 'Third'\nlogo_file = 'logo.svg'"));
    assert!(server.reload("failed").contains("neither SVG nor PNG"));
    assert!(page(&server, client_of("DE", 4), "/").body.contains("<title>Other</title>"), "the old one stays");
    server.configure(&settings("enabled = false"));
    server.reload("done");
    assert_eq!(ask(&server, client_of("DE", 4), DVD, CURL).status, 404);
    assert_eq!(ask(&server, client_of("DE", 4), "/", BROWSER).body, "arch not specified\n");
}

#[test]
fn answers_are_counted_by_outcome() {
    let server = start_showroom("");
    let client = client_of("DE", 4);
    for (target, fields, outcome) in [
        ("/", BROWSER, "catalogue"),
        (FOLDER, BROWSER, "folder"),
        (DVD, BROWSER, "file"),
        (&format!("{DVD}?all=1"), BROWSER, "mirrors"),
        (DVD, CURL, "redirect"),
        (DVD, "Accept: application/json\r\n", "json"),
        (DVD, "Accept: application/metalink4+xml\r\n", "metalink"),
        (MINIMAL, CURL, "exhausted"),
        ("/nothing", CURL, "not_found"),
    ] {
        ask(&server, client, target, fields);
        let name = format!("mirrorlistd_image_answers_total{{outcome=\"{outcome}\"}}");
        assert_eq!(server.metric(&name), 1, "{outcome}");
    }
}
