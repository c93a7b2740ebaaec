//! The commands beside `serve`, as people run them: what they print, where, and their exit codes.
//!
//! Not here: reloads and signals (`reload`), what importers make of odd input (`src/import`).

mod stage;

use std::fs;
use std::path::Path;

use stage::{Server, client_of, program, write_embers};
use tempfile::TempDir;

/// Runs the program in `folder`. Gives its exit code, standard output and standard error.
fn run(folder: &Path, arguments: &str) -> (i32, String, String) {
    let output = program().args(arguments.split(' ')).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Runs it; it must do what it was asked.
fn done(folder: &Path, arguments: &str) -> String {
    let (code, out, error) = run(folder, arguments);
    assert_eq!(code, 0, "{arguments}: {error}");
    out
}

fn embers() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    fs::write(folder.path().join("c.toml"), "lists = 'lists'\ngeoip = ['geo.table']\n").unwrap();
    folder
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn check_names_file_and_line_of_every_problem() {
    let folder = embers();
    let counts =
        "1 distributions, 3 releases, 3 repos, 14 mirrors (12 listed), 1 clouds with 3 prefixes, 7 countries\n";
    assert_eq!(done(folder.path(), "check lists"), counts);
    assert_eq!(done(folder.path(), "check --config c.toml"), counts);
    write(folder.path(), "lists/worse.toml", "[[mirror]]\nname = \"x\"\nbase.ember.https = \"x\"\n\n[[mirr]]\n");
    let (code, out, error) = run(folder.path(), "check lists");
    assert_eq!((code, out.as_str()), (1, counts), "what is good is counted");
    for problem in ["worse.toml:1: mirror `x`: ", "worse.toml:3: mirror `x`: ", "worse.toml:5: mirr: "] {
        assert!(error.contains(problem), "{problem}: {error}");
    }
    assert!(error.ends_with("mirrorlistd: 3 problems in the lists\n"), "{error}");
    write(folder.path(), "bad.toml", "lists = 'lists'\n\nlines = 3\n");
    let (code, _, error) = run(folder.path(), "check --config bad.toml");
    assert_eq!(code, 1);
    assert!(error.contains("bad.toml:3: unknown field `lines`"), "{error}");
    let (code, _, error) = run(folder.path(), "check nowhere");
    assert!(code == 1 && error.contains("nowhere"), "{error}");
}

#[test]
fn build_publishes_what_is_sound() {
    let folder = embers();
    let first = done(folder.path(), "build --lists lists --state state");
    assert!(first.starts_with("published generation 1 ("), "{first}");
    let again = done(folder.path(), "build --lists lists --state state");
    assert!(again.starts_with("is the newest already: generation 1 ("), "{again}");
    done(folder.path(), "build --lists lists --out one.snapshot");
    let same = fs::read(folder.path().join("one.snapshot")).unwrap();
    assert_eq!(same, fs::read(folder.path().join("state/snapshot")).unwrap(), "the same lists, the same bytes");
    write(folder.path(), "lists/worse.toml", "[[mirror]]\nname = \"x\"\n");
    let (code, _, error) = run(folder.path(), "build --lists lists --state state");
    assert_eq!(code, 1);
    assert!(error.contains("worse.toml:1: ") && error.contains("nothing was published"), "{error}");
    assert!(done(folder.path(), "build --lists lists --state state --skip-bad").contains("generation 1 "));
    assert_eq!(run(folder.path(), "build --lists lists").0, 2, "somewhere it has to go");
}

#[test]
fn snapshots_are_told_apart() {
    let folder = embers();
    done(folder.path(), "build --lists lists --out old.snapshot");
    let mirrors = fs::read_to_string(folder.path().join("lists/mirrors.toml")).unwrap();
    write(folder.path(), "lists/mirrors.toml", mirrors.replace("qc.ember.example\"", "quebec.ember.example\""));
    let repos = fs::read_to_string(folder.path().join("lists/ember.toml")).unwrap();
    write(folder.path(), "lists/ember.toml", repos.replace("\"appstream\"", "\"crb\""));
    done(folder.path(), "build --lists lists --out new.snapshot");
    let info = done(folder.path(), "snapshot info old.snapshot");
    // 10 active mirrors and those of the cloud; 6 repos by release and architecture, 12 names with the aliases.
    for line in ["mirrors    14", "repos      6 under 12 names", "places     11 and the fallback", "turns      128"] {
        assert!(info.lines().any(|one| one == line), "{line}: {info}");
    }
    assert_eq!(done(folder.path(), "snapshot check old.snapshot"), "old.snapshot: sound\n");
    let dump = done(folder.path(), "snapshot dump old.snapshot");
    let list = "9.8 x86_64 baseos ipv4 US-TX: tx.ember.example us.ember.example qc.ember.example jp.ember.example \
                de.ember.example at.ember.example any.ember.example own.ember.example";
    assert!(dump.lines().any(|line| line == list), "{dump}");
    assert!(dump.lines().any(|line| line == "9 x86_64 baseos = 9.8 x86_64 baseos"), "{dump}");
    let diff = done(folder.path(), "snapshot diff old.snapshot new.snapshot");
    for line in [
        "- mirror qc.ember.example",
        "+ mirror quebec.ember.example",
        "- repo 9.8 x86_64 appstream",
        "+ repo 9.8 x86_64 crb",
        "~ list 9.8 x86_64 baseos ipv4 US-TX: -qc.ember.example +quebec.ember.example",
    ] {
        assert!(diff.lines().any(|one| one == line), "{line}: {diff}");
    }
    assert_eq!(done(folder.path(), "snapshot diff old.snapshot old.snapshot"), "0 lists differ\n");
    let mut damaged = fs::read(folder.path().join("old.snapshot")).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    write(folder.path(), "damaged.snapshot", damaged);
    for command in ["info", "check", "dump"] {
        let (code, _, error) = run(folder.path(), &format!("snapshot {command} damaged.snapshot"));
        assert!(code == 1 && error.contains("damaged.snapshot: checksum is"), "{command}: {code} {error}");
    }
    let (code, _, error) = run(folder.path(), "snapshot check c.toml");
    assert!(code == 1 && error.contains("c.toml: "), "{error}");
    assert_eq!(run(folder.path(), "snapshot check nowhere").0, 1);
}

#[test]
fn lookup_tells_why() {
    let folder = embers();
    let lookup = |ip: &str, more: &str| {
        let arguments = format!("lookup --config c.toml --arch x86_64 --repo BaseOS --ip {ip} {more}");
        run(folder.path(), &arguments)
    };
    let (code, out, _) = lookup(client_of("US-TX", 4), "--release 9");
    assert_eq!(code, 0);
    for part in [
        "client      198.51.100.70 (ipv4)\n",
        "repo        baseos of release 9.8 for x86_64\npath        9.8/BaseOS/x86_64/os/ in tree ember\n",
        "US-TX",
        "answer      8 of at most 10:\n  https://tx.ember.example/ember/9.8/BaseOS/x86_64/os/\n",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (_, cloud, _) = lookup(client_of("nimbus east", 6), "--release 9.8 --cc jp");
    assert!(cloud.contains("cloud nimbus/east; its mirrors alone") && cloud.contains("answer      3 of"), "{cloud}");
    let (code, out, error) = lookup(client_of("DE", 4), "--release 77");
    assert!(code == 1 && out.contains("unknown_repo") && error.contains("no list: unknown_repo"), "{out}{error}");
    done(folder.path(), "build --lists lists --out one.snapshot");
    let from_file = done(
        folder.path(),
        "lookup --snapshot one.snapshot --ip 192.0.2.7 --release 9 --arch x86_64 --repo baseos --cc de",
    );
    assert!(from_file.contains("  https://campus.ember.example/ember/9.8/BaseOS/x86_64/os/\n"), "{from_file}");
    assert_eq!(lookup("nobody", "--release 9").0, 2);
}

#[test]
fn geoip_tables_are_built_and_asked() {
    let folder = tempfile::tempdir().unwrap();
    // 192.0.2.0/24 and 198.51.100.0/24.
    write(folder.path(), "geoip", "# a test\n3221225984,3221226239,DE\n3325256704,3325256959,JP\n");
    write(folder.path(), "geoip6", "2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff,FR\n");
    let built = done(folder.path(), "geoip build --tor geoip --tor6 geoip6 --out geo.table");
    assert!(built.starts_with("wrote geo.table ("), "{built}");
    assert!(done(folder.path(), "geoip info geo.table").contains("places       3\n"));
    assert!(done(folder.path(), "geoip info").contains("IPFire"), "the one in the program");
    write(folder.path(), "c.toml", "geoip = ['geo.table']\n");
    let found = done(
        folder.path(),
        "geoip lookup --config c.toml 192.0.2.9 198.51.100.9 ::ffff:192.0.2.1 2001:db8::1 10.0.0.1",
    );
    let expected = "192.0.2.9 DE\n198.51.100.9 JP\n::ffff:192.0.2.1 DE\n2001:db8::1 FR\n10.0.0.1 unknown\n";
    assert_eq!(found, expected);
    write(folder.path(), "geoip", "3221225984,3221226239,DE\nnonsense\n");
    let (code, _, error) = run(folder.path(), "geoip build --tor geoip --out geo.table");
    assert!(code == 1 && error.contains("geoip:2: "), "{error}");
    assert!(done(folder.path(), "geoip info geo.table").contains("places       3\n"), "the old table is still there");
    write(folder.path(), "bad.mmdb", "no database");
    let (code, _, error) = run(folder.path(), "geoip build bad.mmdb --out geo.table");
    assert!(code == 1 && error.contains("bad.mmdb"), "{error}");
    assert_eq!(run(folder.path(), "geoip build --out geo.table").0, 2);
}

#[test]
fn almalinux_becomes_lists() {
    let folder = tempfile::tempdir().unwrap();
    let config = "
versions: ['9', '9.8']
duplicated_versions: {'9': '9.8'}
vault_mirror: http://vault.example.org
arches: {'9': [x86_64]}
repos:
  - {name: BaseOS, path: BaseOS/$basearch/os/}
";
    write(folder.path(), "alma/config.yml", config);
    let mirror = "
name: mirror.example.org
address: {https: 'https://mirror.example.org/almalinux/'}
geolocation: {country: DE}
update_frequency: 3h
sponsor: Example
sponsor_url: https://example.org
email: admin@example.org
";
    write(folder.path(), "alma/mirrors.d/mirror.example.org.yml", mirror);
    write(folder.path(), "alma/mirrors.d/bad.yml", "name: bad.example.org\n");
    let (code, out, error) = run(folder.path(), "import almalinux alma --out lists --origin test --date 2026-11-22");
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("wrote lists/") && error.contains("bad.yml: no address that can be used"), "{out}{error}");
    // Together with a world they are served.
    write(folder.path(), "lists/world.toml", stage::EMBERS[2].1);
    let checked = done(folder.path(), "check lists");
    assert!(checked.contains(" 2 mirrors (2 listed)"), "the mirror and the vault: {checked}");
    let found =
        done(folder.path(), "lookup --lists lists --ip 192.0.2.1 --release 9 --arch x86_64 --repo baseos --cc de");
    assert!(found.ends_with(":\n  https://mirror.example.org/almalinux/9.8/BaseOS/x86_64/os/\n"), "{found}");
}

#[test]
fn a_clouds_ranges_become_lists() {
    let folder = embers();
    let ranges = r#"{"syncToken": "1", "prefixes": [
        {"ip_prefix": "192.0.2.0/25", "region": "eu-west-1", "service": "AMAZON"},
        {"ip_prefix": "192.0.2.128/25", "region": "eu-west-1", "service": "EC2"}],
        "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/48", "region": "eu-west-1", "service": "AMAZON"}]}"#;
    write(folder.path(), "aws.json", ranges);
    let out = done(folder.path(), "import cloud aws aws.json --out clouds --origin test --date 2026-11-22");
    assert!(out.contains("wrote clouds/"), "{out}");
    assert!(done(folder.path(), "check clouds").contains("1 clouds with 2 prefixes"), "neighbours are joined");
    write(folder.path(), "aws.json", &ranges[..100]);
    let (code, _, error) = run(folder.path(), "import cloud aws aws.json --out clouds --origin test --date 2026-11-22");
    assert!(code == 1 && error.contains("aws.json: "), "{error}");
    assert_eq!(run(folder.path(), "import cloud other aws.json --out clouds --origin t --date 2026-11-22").0, 2);
}

#[test]
fn a_published_tree_is_answered_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    let tree = |name: &str, text: &str| write(folder.path(), &format!("tree/{name}"), text);
    tree("repos.json", r#"{"7": {"OS": {"x86_64": {"branch": "ember", "path": "os/x86_64"}}}}"#);
    tree(
        "clouds_subnets.json",
        r#"{"nimbus": {"ipv4": ["203.0.113.0/26"], "ipv6": [], "baseurl": ["cloud.example/ember"]}}"#,
    );
    let list = |hosts: &[&str]| -> String {
        hosts.iter().map(|host| format!("http://{host}.example/ember/7.9.2009/os/x86_64/\n")).collect()
    };
    let lists: [(&str, &str, &[&str]); 6] = [
        ("ipv4", "fallback", &["zz", "aa"]),
        ("ipv4", "us", &["us2", "us1", "zz"]),
        ("ipv4", "us-TX", &["tx", "us1"]),
        ("ipv4", "de", &["de", "at"]),
        ("ipv6", "fallback", &["six", "zz"]),
        ("ipv6", "de", &["de"]),
    ];
    for (family, place, hosts) in lists {
        tree(&format!("{family}/ember/7/os/x86_64/mirrorlists/mirrorlist.{place}"), &list(hosts));
    }
    let imported = done(folder.path(), "import tree tree --state state");
    assert!(imported.starts_with("published generation 1 ("), "{imported}");
    let server = Server::start_in(folder, "state = 'state'\nbuild = false");
    for (place, family, hosts) in [
        ("DE", 4, &["de", "at"][..]),
        ("US-TX", 4, &["tx", "us1"]),
        ("US-NV", 4, &["us2", "us1", "zz"]),
        ("US", 4, &["us2", "us1", "zz"]),
        ("JP", 4, &["zz", "aa"]),
        ("nowhere", 4, &["zz", "aa"]),
        ("DE", 6, &["de"]),
        ("US-TX", 6, &["six", "zz"]),
        ("nimbus east", 4, &["cloud"]),
    ] {
        for repo in ["os", "OS"] {
            let answer = server.get_as(client_of(place, family), &format!("/?release=7&arch=x86_64&repo={repo}"));
            assert_eq!((answer.status, answer.body), (200, list(hosts)), "{place} IPv{family}");
        }
    }
    let asked = server.get_as(client_of("DE", 4), "/?release=7&arch=x86_64&repo=os&cc=US-tx");
    assert_eq!(asked.body, list(&["tx", "us1"]));
    let (code, _, error) = run(server.folder.path(), "import tree nowhere --state state");
    assert!(code == 1 && error.contains("nowhere/repos.json"), "{error}");
}
