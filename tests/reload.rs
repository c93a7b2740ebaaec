//! Reloads, rollbacks and ends of the running program: whatever is wrong, the old state keeps serving.
//!
//! Not here: what the lists say (`mirrorlist`).

mod stage;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use stage::{Server, client_of, program, shared_data, until, write_embers};

const BASEOS: &str = "/?release=9&arch=x86_64&repo=baseos";
const MORE: &str = "\n[[mirror]]\nname = \"nz.ember.example\"\nbase.ember.https = \"https://nz.ember.example/e/\"\n\
                    country = \"NZ\"\n";

/// The first line of the list in New Zealand, where the small inventory has no mirror.
fn first_in_nz(server: &Server) -> String {
    server.get_as(client_of("NZ", 4), BASEOS).lines()[0].split('/').nth(2).unwrap().to_owned()
}

fn mirrors() -> &'static str {
    stage::EMBERS[1].1
}

fn run(arguments: &[&str], folder: &Path) -> Output {
    program().args(arguments).current_dir(folder).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn new_lists_take_effect() {
    let server = Server::start("");
    let mut kept = server.connect();
    let nz = format!("X-Forwarded-For: {}\r\n", client_of("NZ", 4));
    assert!(kept.get(BASEOS, &nz).body.starts_with("https://jp."));
    for round in 0..3 {
        server.write("lists/mirrors.toml", format!("{}{MORE}", mirrors()));
        server.reload("done");
        assert_eq!(first_in_nz(&server), "nz.ember.example", "round {round}");
        assert!(kept.get(BASEOS, &nz).body.starts_with("https://nz."), "a connection outlives reloads");
        server.write("lists/mirrors.toml", mirrors());
        server.reload("done");
        assert_eq!(first_in_nz(&server), "jp.ember.example", "round {round}");
        assert!(kept.get(BASEOS, &nz).body.starts_with("https://jp."), "a connection outlives reloads");
    }
    server.configure("lines_max = 2");
    server.reload("done");
    assert_eq!(kept.get(BASEOS, &nz).lines().len(), 2, "settings take effect, too");
    server.configure("lines_max = 2\nidle_seconds = 5");
    server.reload("done");
    until("word of what a reload cannot change", || {
        server
            .stderr()
            .lines()
            .any(|line| line.starts_with("reload state=partial setting=\"connections_max or *_seconds\""))
    });
}

/// Breaks something, and expects a refused reload that says `why`; mends it, and expects a reload.
fn breaks(server: &Server, why: &[&str], break_it: impl FnOnce(&Server), mend: impl FnOnce(&Server)) {
    let before = server.get_as(client_of("DE", 4), BASEOS);
    break_it(server);
    let told = server.reload("failed");
    for part in why {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(told.contains("the old state keeps serving"), "{told}");
    assert_eq!(server.get_as(client_of("DE", 4), BASEOS).body, before.body, "after {told}");
    mend(server);
    server.reload("done");
    assert_eq!(server.get_as(client_of("DE", 4), BASEOS).body, before.body);
}

#[test]
fn broken_lists_change_nothing() {
    let server = Server::start("");
    let line_of_more = mirrors().lines().count() + 2;
    let broken = |text: &str| format!("{}{text}", mirrors());
    let mend = |server: &Server| server.write("lists/mirrors.toml", mirrors());
    for (text, why) in [
        (broken("\n[[mirror]]\nname = 3\n"), format!("mirrors.toml:{}: ", line_of_more + 1)),
        (
            broken("\n[[mirror]]\nname = \"x\"\nbase.ember.https = \"nonsense\"\n"),
            format!("mirrors.toml:{}", line_of_more),
        ),
        (broken("\n[[mirr]]\n"), format!("mirrors.toml:{line_of_more}: ")),
        (broken("\n]]\n"), format!("mirrors.toml:{line_of_more}: ")),
    ] {
        breaks(&server, &[&why], |server| server.write("lists/mirrors.toml", &text), mend);
    }
    breaks(&server, &["mirrors.toml"], |server| server.write("lists/mirrors.toml", b"\xff\xfe\0"), mend);
    let lists = server.folder.path().join("lists");
    let away = server.folder.path().join("away");
    let move_away = |_: &Server| fs::rename(&lists, &away).unwrap();
    breaks(&server, &["lists"], move_away, |_| fs::rename(&away, &lists).unwrap());
    assert_eq!(server.metric("mirrorlistd_inventory_problems"), 0);
}

#[test]
fn a_broken_configuration_changes_nothing() {
    let server = Server::start("");
    let mend = |server: &Server| server.configure("");
    breaks(&server, &["config.toml:1: unknown field `lsits`"], |server| server.configure("lsits = 'x'"), mend);
    breaks(&server, &["config.toml: lines_max: 0 is not"], |server| server.configure("lines_max = 0"), mend);
    breaks(&server, &["config.toml:1: "], |server| server.write("config.toml", "listen = ["), mend);
    let remove = |server: &Server| fs::remove_file(server.folder.path().join("config.toml")).unwrap();
    breaks(&server, &["config.toml: cannot read the configuration"], remove, mend);
    let is_folder = |server: &Server| {
        fs::remove_file(server.folder.path().join("config.toml")).unwrap();
        fs::create_dir(server.folder.path().join("config.toml")).unwrap();
    };
    breaks(&server, &["config.toml: cannot read the configuration"], is_folder, |server| {
        fs::remove_dir(server.folder.path().join("config.toml")).unwrap();
        server.configure("");
    });
}

#[test]
fn a_broken_geoip_database_changes_nothing() {
    let server = Server::start("");
    let mend = |server: &Server| server.configure("");
    server.write("bad.mmdb", b"garbage".repeat(1000));
    breaks(&server, &["bad.mmdb"], |server| server.configure("geoip = ['bad.mmdb']"), mend);
    breaks(&server, &["none.mmdb"], |server| server.configure("geoip = ['none.mmdb']"), mend);
    let sound = stage::geo_table();
    let mut flipped = sound.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&flipped, &sound[..sound.len() - 1], b""] {
        let mend = |server: &Server| server.write("geo.table", &sound);
        breaks(&server, &["geo.table"], |server| server.write("geo.table", damaged), mend);
    }
    let Some(data) = shared_data() else { return };
    let bad = data.join("geoip/maxmind/bad-data");
    let mut count = 0;
    for database in mmdbs(&bad) {
        server.configure(&format!("geoip = ['{}']", database.display()));
        let failed = server.metric("mirrorlistd_reloads_total{result=\"failed\"}");
        let done = server.metric("mirrorlistd_reloads_total{result=\"done\"}");
        server.signal("HUP");
        // Damage that no address leads to may go unnoticed; the server must go on in either case.
        until("the end of a reload", || {
            let now_failed = server.metric("mirrorlistd_reloads_total{result=\"failed\"}");
            now_failed + server.metric("mirrorlistd_reloads_total{result=\"done\"}") == failed + done + 1
        });
        assert_eq!(server.get_as(client_of("nimbus east", 4), BASEOS).status, 200, "{}", database.display());
        count += 1;
    }
    println!("{count} bad databases");
    mend(&server);
    server.reload("done");
}

fn mmdbs(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(mmdbs(&path));
        } else if path.extension().is_some_and(|extension| extension == "mmdb") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_damaged_snapshot_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    let built = run(&["build", "--lists", "lists", "--state", "state"], folder.path());
    assert!(built.status.success(), "{}", stderr(&built));
    let sound = fs::read(folder.path().join("state/snapshot")).unwrap();
    let server = Server::start_in(folder, "state = 'state'\nbuild = false");
    assert_eq!(server.metric("mirrorlistd_snapshot_generation"), 1);
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 0x10;
    let mut header = sound.clone();
    header[16] ^= 1;
    for damaged in [&flipped[..], &header, &sound[..sound.len() / 2], &sound[..10], b""] {
        // As a careless copy would do it, but by rename: a published file is never written in place.
        let damage = |server: &Server| server.write("state/snapshot", damaged);
        breaks(&server, &["state/snapshot"], damage, |server| server.write("state/snapshot", &sound));
    }
    let remove = |server: &Server| fs::remove_file(server.folder.path().join("state/snapshot")).unwrap();
    breaks(&server, &["state/snapshot"], remove, |server| server.write("state/snapshot", &sound));
}

#[test]
fn a_rollback_takes_effect_at_the_next_reload() {
    let server = Server::start("state = 'state'");
    assert_eq!(
        (first_in_nz(&server).as_str(), server.metric("mirrorlistd_snapshot_generation")),
        ("jp.ember.example", 1)
    );
    server.write("lists/mirrors.toml", format!("{}{MORE}", mirrors()));
    server.reload("done");
    assert_eq!(
        (first_in_nz(&server).as_str(), server.metric("mirrorlistd_snapshot_generation")),
        ("nz.ember.example", 2)
    );
    let rolled = run(&["rollback", "--state", "state"], server.folder.path());
    assert!(rolled.status.success(), "{}", stderr(&rolled));
    assert_eq!(first_in_nz(&server), "nz.ember.example", "nothing happens before the reload");
    for _ in 0..2 {
        server.reload("done");
        let now = (first_in_nz(&server), server.metric("mirrorlistd_snapshot_generation"));
        assert_eq!(now, ("jp.ember.example".to_owned(), 1), "and it stays");
    }
    let again = run(&["rollback", "--state", "state"], server.folder.path());
    assert_eq!(again.status.code(), Some(3), "{}", stderr(&again));
    assert!(stderr(&again).contains("no generation before 1 is kept"), "{}", stderr(&again));
    server.write("lists/mirrors.toml", format!("{}{}", mirrors(), MORE.replace("/e/", "/f/")));
    server.reload("done");
    assert_eq!(server.metric("mirrorlistd_snapshot_generation"), 3, "news end the rollback");
}

#[test]
fn reloads_leave_nothing_behind() {
    let server = Server::start("state = 'state'\nworkers = 2");
    let mut kept = server.connect();
    assert_eq!(kept.get("/healthz", "").status, 200);
    let count = |what: &str| -> usize {
        let path = format!("/proc/{}/{what}", server.pid());
        match what {
            "maps" => fs::read_to_string(path).unwrap().lines().filter(|line| line.contains("snapshot")).count(),
            _ => fs::read_dir(path).unwrap().count(),
        }
    };
    let alternate = |round: usize| {
        let text = if round.is_multiple_of(2) { MORE } else { "" };
        server.write("lists/mirrors.toml", format!("{}{text}", mirrors()));
        server.reload("done");
        assert_eq!(kept_status(&server), 200);
    };
    // Some rounds first, so that whatever the program keeps for good is there.
    (0..4).for_each(alternate);
    let settled = |what: &str, most: usize| until(&format!("at most {most} {what}"), || count(what) <= most);
    settled("maps", 1);
    let (maps, descriptors) = (count("maps"), count("fd"));
    assert_eq!(maps, 1, "the snapshot in use");
    (0..50).for_each(alternate);
    settled("maps", maps);
    // Connections of this test that are closing may be there for a moment.
    settled("fd", descriptors);
    assert_eq!(kept.get("/healthz", "").status, 200, "a connection outlives 54 reloads");
    let generations = fs::read_dir(server.folder.path().join("state")).unwrap().count();
    assert!(generations <= 5, "{generations} files in the state folder");
}

fn kept_status(server: &Server) -> u16 {
    server.get_as(client_of("DE", 4), BASEOS).status
}

#[test]
fn term_lets_answers_under_way_finish() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start("");
        let mut halfway = server.connect();
        let mut idle = server.connect();
        assert_eq!(idle.get("/healthz", "").status, 200);
        halfway.send("GET /healthz HTTP/1.1\r\nHost: h\r\n");
        // An answer to a later connection shows that the half head has been read.
        assert_eq!(server.connect().get("/healthz", "").status, 200);
        server.signal(signal);
        assert!(idle.is_closed(), "idle connections are closed");
        halfway.send("\r\n");
        let answer = halfway.answer();
        assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
        assert!(halfway.is_closed());
        assert_eq!(server.wait().code(), Some(0), "{}", server.stderr());
        // What it wrote last may still be on its way.
        let last_words = "program state=stopping\nprogram state=stopped\n";
        until("its last words", || server.stderr().ends_with(last_words));
    }
}

#[test]
fn exit_codes_tell_whose_fault_it_is() {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    let serve = |config: &str, more: &[&str]| {
        fs::write(folder.path().join("c.toml"), config).unwrap();
        run(&[&["serve", "--config", "c.toml"], more].concat(), folder.path())
    };
    let lists = "lists = 'lists'\ngeoip = ['geo.table']\n";
    for (config, why) in [
        ("listn = []", "c.toml:1: unknown field `listn`"),
        ("workers = 0", "c.toml: workers: 0 is not between"),
        ("lists = 'nowhere'", "nowhere"),
        ("lists = 'lists'\ngeoip = ['nowhere.mmdb']", "nowhere.mmdb"),
        ("lists = 'lists'\nbuild = false\nstate = 'empty'", "empty/snapshot"),
    ] {
        let output = serve(config, &["--listen", "127.0.0.1:0"]);
        assert_eq!(output.status.code(), Some(1), "{config}: {}", stderr(&output));
        assert!(stderr(&output).contains(why), "{config}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "nothing is announced that does not listen");
    }
    for arguments in [&["serve", "--nonsense"][..], &["nonsense"], &[], &["serve", "--listen", "nowhere"]] {
        assert_eq!(run(arguments, folder.path()).status.code(), Some(2), "{arguments:?}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = serve(lists, &["--listen", &address]);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(stderr(&output).contains(&address), "{}", stderr(&output));
}

#[test]
fn bad_entries_do_not_keep_it_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    let text = format!("{}\n[[mirror]]\nname = \"x\"\nbase.nothing.https = \"https://x.example/\"\n", mirrors());
    fs::write(folder.path().join("lists/mirrors.toml"), text).unwrap();
    let server = Server::start_in(folder, "");
    assert_eq!(server.get_as(client_of("DE", 4), BASEOS).lines().len(), 8, "what is good is served");
    assert!(server.metric("mirrorlistd_inventory_problems") > 0);
    assert!(server.stderr().contains("mirrors.toml:"), "{}", server.stderr());
}
