//! Repos behind the proxy: what mirrors that lie, break off and fall behind cost their clients. The built program
//! between plain sockets, with repositories written out by hand.
//!
//! Not here: real package managers and real mirrors (`e2e/proxy-repos.sh`), the proxy without metadata (`proxy`).

mod stage;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mirrorlistd::repodata::{Digest, DigestKind};
use stage::{Origin, Proxy, Seen, answer, until};

type Files = BTreeMap<String, Vec<u8>>;

const REPOMD: &str = "repodata/repomd.xml";

fn content(bytes: usize, seed: u32) -> Vec<u8> {
    (0..bytes as u32).flat_map(|at| (at ^ seed).wrapping_mul(2_654_435_761).to_le_bytes()).take(bytes).collect()
}

fn digits(kind: DigestKind, bytes: &[u8]) -> String {
    Digest::of(kind, bytes).to_string().split(':').nth(1).unwrap().to_owned()
}

/// A repository with these packages, made at that time.
fn repo(seconds: u64, kind: DigestKind, packages: &[(&str, &[u8])]) -> Files {
    let mut files = Files::new();
    let mut primary = "<metadata>".to_owned();
    for (path, body) in packages {
        primary += &format!(
            "<package type='rpm'><checksum type='{}'>{}</checksum><size package='{}'/><location href='{path}'/>\
             </package>",
            kind.name(),
            digits(kind, body),
            body.len()
        );
        files.insert((*path).to_owned(), body.to_vec());
    }
    primary += "</metadata>";
    let digest = digits(kind, primary.as_bytes());
    let path = format!("repodata/{digest}-primary.xml");
    let repomd = format!(
        "<repomd><revision>{seconds}</revision><data type='primary'><checksum type='{}'>{digest}</checksum>\
         <location href='{path}'/><timestamp>{seconds}</timestamp><size>{}</size></data></repomd>",
        kind.name(),
        primary.len()
    );
    files.insert(path, primary.into_bytes());
    files.insert(REPOMD.to_owned(), repomd.into_bytes());
    files
}

fn primary_path(files: &Files) -> String {
    files.keys().find(|path| path.ends_with("-primary.xml")).unwrap().clone()
}

/// A mirror that gives what is in `files` now.
fn mirror(files: &Arc<Mutex<Files>>) -> Origin {
    let files = Arc::clone(files);
    Origin::start(move |request, stream| serve(&files.lock().unwrap(), request, stream))
}

fn serve(files: &Files, request: &Seen, stream: &mut TcpStream) -> bool {
    let Some(file) = files.get(request.target().trim_start_matches("/m/")) else {
        return answer(stream, "404 Not Found", "", b"");
    };
    match request.range_start() {
        None => answer(stream, "200 OK", "", file),
        Some(start) => {
            let fields = format!("Content-Range: bytes {start}-{}/{}\r\n", file.len() - 1, file.len());
            answer(stream, "206 Partial Content", &fields, &file[start..])
        }
    }
}

/// A proxy with the repo `r` on these mirrors; `repomd.xml` is good for a second.
fn proxy(mirrors: &[&Origin]) -> Proxy {
    let urls: Vec<String> = mirrors.iter().map(|mirror| format!("'{}'", mirror.url("/m/"))).collect();
    let urls = urls.join(", ");
    Proxy::start(&format!("[[proxy.repo]]\nname = 'r'\nbaseurl = [{urls}]\npointer_seconds = 1"))
}

/// Status and body; a body that breaks off is what had come of it.
fn get(proxy: &Proxy, path: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(proxy.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = Vec::new();
    // A connection that is reset gives what had come.
    let _ = stream.read_to_end(&mut all);
    let at = all.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {all:?}")) + 4;
    let status = str::from_utf8(&all[9..12]).unwrap().parse().unwrap();
    (status, all.split_off(at))
}

fn file(path: &str) -> String {
    format!("/r/9/x86_64/{path}")
}

/// Clients know the repo, and the proxy its packages.
fn knows(proxy: &Proxy, packages: usize) {
    let told = format!(" packages={packages} ");
    until("the list of packages", || {
        let (status, _) = get(proxy, &file(REPOMD));
        status == 200 && proxy.stderr().contains(&told)
    });
    until("the generation", || {
        let page = get(proxy, "/?format=json").1;
        String::from_utf8(page).unwrap().contains(&format!("\"packages\":{packages},"))
    });
}

/// All that was said, once this was.
fn told_of(proxy: &Proxy, words: &str) -> String {
    until(words, || proxy.stderr().contains(words));
    proxy.stderr()
}

fn shared(files: Files) -> Arc<Mutex<Files>> {
    Arc::new(Mutex::new(files))
}

#[test]
fn checksums_of_every_kind_count_and_who_lies_is_told_of() {
    for kind in DigestKind::ALL {
        let right = content(20_000, 1);
        let good = repo(100, kind, &[("a.rpm", &right)]);
        let mut bad = good.clone();
        bad.get_mut("a.rpm").unwrap()[7] ^= 1;
        let (liar, honest) = (mirror(&shared(bad)), mirror(&shared(good)));
        let proxy = proxy(&[&liar, &honest]);
        knows(&proxy, 1);
        let (status, body) = get(&proxy, &file("a.rpm"));
        assert_eq!((status, body == right), (200, true), "{kind:?}");
        let told = told_of(&proxy, &format!("mirror={} state=wrong path=\"a.rpm\"", liar.address));
        assert!(!told.contains(&format!("mirror={} state=wrong", honest.address)), "{told}");
        assert_eq!(proxy.metric("mirrorlistd_proxy_wrong_bodies_total"), 1);
    }
}

#[test]
fn who_began_a_wrong_file_is_to_blame_and_not_who_went_on_with_it() {
    let right = content(40_000, 2);
    let good = repo(100, DigestKind::Sha256, &[("a.rpm", &right)]);
    let files = good.clone();
    // The first half, wrong, and then the end.
    let liar = Origin::start(move |request, stream| {
        if !request.target().ends_with("a.rpm") {
            return serve(&files, request, stream);
        }
        let mut half = files["a.rpm"][..20_000].to_vec();
        half[100] ^= 1;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n");
        let _ = stream.write_all(&half);
        false
    });
    let honest = mirror(&shared(good));
    let proxy = proxy(&[&liar, &honest]);
    knows(&proxy, 1);
    let (status, body) = get(&proxy, &file("a.rpm"));
    assert_eq!((status, body == right), (200, true));
    let told = told_of(&proxy, &format!("mirror={} state=wrong path=\"a.rpm\"", liar.address));
    assert!(!told.contains(&format!("mirror={} state=wrong", honest.address)), "{told}");
}

#[test]
fn a_large_wrong_file_is_never_completed_and_never_kept() {
    let right = content(600_000, 3);
    let good = repo(100, DigestKind::Sha256, &[("a.rpm", &right)]);
    let mut bad = good.clone();
    bad.get_mut("a.rpm").unwrap()[1000] ^= 1;
    let (liar, honest) = (mirror(&shared(bad)), mirror(&shared(good)));
    let proxy = proxy(&[&liar, &honest]);
    knows(&proxy, 1);
    let (_, body) = get(&proxy, &file("a.rpm"));
    // Either the client saw none of the wrong bytes, or it sees that something is missing.
    assert!(body == right || body.len() < right.len(), "{} bytes", body.len());
    let (status, body) = get(&proxy, &file("a.rpm"));
    assert_eq!((status, body == right), (200, true), "the honest mirror is asked first from now on");
}

#[test]
fn metadata_are_fetched_once_and_what_is_beside_them_belongs_to_a_generation() {
    let first = content(1000, 4);
    let mut files = repo(100, DigestKind::Sha256, &[("a.rpm", &first)]);
    files.insert("repodata/repomd.xml.asc".to_owned(), b"first signature".to_vec());
    let (old_repomd, primary) = (files[REPOMD].clone(), primary_path(&files));
    let there = shared(files);
    let origin = mirror(&there);
    let proxy = proxy(&[&origin]);
    knows(&proxy, 1);
    assert_eq!(get(&proxy, &file(&primary)).0, 200);
    let asked = origin.seen().iter().filter(|seen| seen.target().ends_with("-primary.xml")).count();
    assert_eq!(asked, 1, "gathering and the client share one fetch");
    assert_eq!(get(&proxy, &file("repodata/repomd.xml.asc")).1, b"first signature");

    let second = content(1000, 5);
    let mut files = repo(200, DigestKind::Sha256, &[("a.rpm", &second)]);
    files.insert("repodata/repomd.xml.asc".to_owned(), b"second signature".to_vec());
    let new_repomd = files[REPOMD].clone();
    *there.lock().unwrap() = files;
    until("the new repomd.xml", || get(&proxy, &file(REPOMD)).1 == new_repomd);
    assert_eq!(get(&proxy, &file("repodata/repomd.xml.asc")).1, b"second signature");
    assert_eq!(get(&proxy, &file("a.rpm")).1, second);
    let id = &digits(DigestKind::Sha256, &old_repomd)[..8];
    let frozen = |path: &str| get(&proxy, &format!("/r@{id}/9/x86_64/{path}"));
    assert_eq!(frozen(REPOMD), (200, old_repomd));
    assert_eq!(frozen("repodata/repomd.xml.asc"), (200, b"first signature".to_vec()));
    assert_eq!(frozen("repodata/repomd.xml.key").0, 404, "it was never asked for, and is not to be had any more");
    // Nobody had asked for the old package, and no mirror has it now: what they have is not a byte of it.
    assert_eq!(frozen("a.rpm").1, b"");
}

#[test]
fn nothing_half_is_shown_and_nothing_older() {
    let whole = repo(200, DigestKind::Sha256, &[("a.rpm", b"a")]);
    let there = shared(whole.clone());
    let origin = mirror(&there);
    let proxy = proxy(&[&origin]);
    knows(&proxy, 1);
    let mut half = repo(300, DigestKind::Sha256, &[("a.rpm", b"a"), ("b.rpm", b"b")]);
    let lacking = half.remove(&primary_path(&half)).unwrap();
    for (files, state) in [
        (repo(100, DigestKind::Sha256, &[]), "state=behind"),
        (half.clone(), "state=waiting"),
        (Files::from([(REPOMD.to_owned(), b"<html>out of order</html>".to_vec())]), "state=wrong"),
    ] {
        *there.lock().unwrap() = files;
        until(state, || {
            assert_eq!(get(&proxy, &file(REPOMD)).1, whole[REPOMD], "{state}");
            proxy.stderr().contains(state)
        });
    }
    let path = primary_path(&repo(300, DigestKind::Sha256, &[("a.rpm", b"a"), ("b.rpm", b"b")]));
    half.insert(path, lacking);
    let repomd = half[REPOMD].clone();
    *there.lock().unwrap() = half;
    until("the whole one", || get(&proxy, &file(REPOMD)).1 == repomd);
    assert_eq!(get(&proxy, &file("b.rpm")).1, b"b");
}

#[test]
fn a_kill_and_a_start_lose_no_generation() {
    let (old, new) = (content(3000, 6), content(3000, 7));
    let first = repo(100, DigestKind::Sha256, &[("a.rpm", &old)]);
    let second = repo(200, DigestKind::Sha256, &[("a.rpm", &new)]);
    let there = shared(first.clone());
    let origin = mirror(&there);
    let proxy = proxy(&[&origin]);
    knows(&proxy, 1);
    assert_eq!(get(&proxy, &file("a.rpm")).1, old);
    *there.lock().unwrap() = second.clone();
    until("the second", || get(&proxy, &file(REPOMD)).1 == second[REPOMD]);
    assert_eq!(get(&proxy, &file("a.rpm")).1, new);
    // A client has the last byte before the disk has it.
    until("all to be on the disk", || proxy.metric("mirrorlistd_cache_fillings") == 0);
    let settings = format!("offline = true\n[[proxy.repo]]\nname = 'r'\nbaseurl = ['{}']", origin.url("/m/"));
    let proxy = Proxy::start_in(proxy.kill(), &settings);
    assert_eq!(get(&proxy, &file(REPOMD)).1, second[REPOMD]);
    assert_eq!(get(&proxy, &file("a.rpm")).1, new);
    let id = &digits(DigestKind::Sha256, &first[REPOMD])[..12];
    assert_eq!(get(&proxy, &format!("/r@{id}/9/x86_64/{REPOMD}")).1, first[REPOMD]);
    assert_eq!(get(&proxy, &format!("/r@{id}/9/x86_64/a.rpm")).1, old);
}
