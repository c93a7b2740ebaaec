//! Layouts of checksum files, made up and real; and what mirrors answer of images.

use std::path::PathBuf;

use super::*;
use crate::verdicts::Catalog;

const A: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const B: &str = "FEDCBA9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

fn names(checksums: &Checksums) -> Vec<&str> {
    checksums.keys().map(String::as_str).collect()
}

#[test]
fn all_layouts_are_read() {
    let bsd = format!("# x.iso: 123 bytes\nSHA256 (x.iso) = {A}\n# y.iso: 7 bytes\nSHA256 (y.iso) = {B}\n");
    let gnu = format!("{A}  x.iso\n{B} *y.iso\r\n");
    let read = parse(bsd.as_bytes()).unwrap();
    assert_eq!(names(&read), ["x.iso", "y.iso"]);
    assert_eq!((read["x.iso"].size, read["y.iso"].hashes["sha256"].as_str()), (Some(123), &*B.to_ascii_lowercase()));
    assert_eq!(names(&parse(gnu.as_bytes()).unwrap()), ["x.iso", "y.iso"]);
    for inner in [&bsd, &gnu] {
        let signed = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{inner}-----BEGIN PGP SIGNATURE-----\n\n\
             {A}  no.iso\n-----END PGP SIGNATURE-----\n"
        );
        assert_eq!(names(&parse(signed.as_bytes()).unwrap()), ["x.iso", "y.iso"]);
        for end in 0..signed.trim_end().len() {
            let cut = parse(&signed.as_bytes()[..end]);
            assert!(matches!(cut, Err(Fault::Cut | Fault::Nothing)) || end < 34, "cut at {end}: {cut:?}");
        }
    }
}

#[test]
fn what_is_no_checksum_file_is_refused() {
    let many: String = (0..3000).map(|at| format!("{A}  f{at}\n")).collect();
    let cases = [
        ("<html>\n<head><title>404 Not Found</title></head>".to_owned(), Fault::Page),
        (format!("<!DOCTYPE html>\n{A}  x.iso"), Fault::Page),
        (String::new(), Fault::Nothing),
        (format!("{A}\nabc  x.iso\nSHA256 (x.iso) = abc\n# x.iso: 12 bytes\n"), Fault::Nothing),
        (format!("{A}  ../..\n{A}  a b\n{A}  .htaccess\n"), Fault::Nothing),
        (format!("{A}  x.iso\n{B}  x.iso\n"), Fault::Contradiction(2)),
        (many, Fault::TooMany),
    ];
    for (text, fault) in cases {
        assert_eq!(parse(text.as_bytes()), Err(fault), "{}", &text[..text.len().min(80)]);
    }
}

#[test]
fn real_files_are_read() {
    let shared = std::env::var_os("MIRRORLISTD_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")),
        |folder| PathBuf::from(folder).join("data"),
    );
    let counts = [
        ("distrobuilder/centos-7.7.1908-x86_64.sha256sum.txt.asc", 6, 0),
        ("distrobuilder/centos-8.0.1905-x86_64.CHECKSUM.asc", 2, 2),
        ("distrobuilder/gentoo-stage3.DIGESTS", 2, 0),
        ("distrobuilder/openwrt.sha256sums", 10, 0),
        ("mirrormanager2/Fedora-20-x86_64-CHECKSUM", 2, 0),
        ("mirrormanager2/Fedora-Live-x86_64-20-CHECKSUM", 6, 0),
        ("rocky/10.1-x86_64.ISO.checksum", 6, 6),
        ("rocky/8.10-x86_64.ISO.checksum", 10, 10),
        ("rocky/8.3-x86_64.ISO.checksum", 3, 3),
    ];
    if !shared.join("checksums").is_dir() {
        println!("skipped: no ../shared/data");
        return;
    }
    for (file, count, sized) in counts {
        let read = parse(&std::fs::read(shared.join("checksums").join(file)).unwrap());
        let read = read.unwrap_or_else(|fault| panic!("{file}: {fault}"));
        assert_eq!((read.len(), read.values().filter(|image| image.size.is_some()).count()), (count, sized), "{file}");
    }
    for page in ["rocky/10.1-ppc64le-live.ISO.checksum", "rocky/8.10-aarch64-live.ISO.checksum"] {
        assert_eq!(parse(&std::fs::read(shared.join("checksums").join(page)).unwrap()), Err(Fault::Page), "{page}");
    }
    let combined = std::fs::read(shared.join("checksums/rocky/10.1-aarch64-combined.checksum")).unwrap();
    assert!(parse(&combined).unwrap().len() > 50);
}

fn reply(status: u16, length: u64, modified: u64, body: &str) -> Reply {
    Reply {
        status,
        length: Some(length),
        last_modified: Some(modified),
        location: None,
        encoding: None,
        body: body.as_bytes().to_vec(),
        end: End::Whole,
    }
}

#[test]
fn a_file_is_the_same_by_size_and_date() {
    let original = Original { bytes: 100, modified: Some(1000), ..Original::default() };
    let truth = original.truth(&Catalog::default());
    let cases = [
        (reply(200, 100, 1000, ""), Finding::Same),
        (reply(200, 99, 1000, ""), Finding::Truncated),
        (reply(200, 101, 1000, ""), Finding::Different),
        (reply(200, 100, 999, ""), Finding::Behind),
        (reply(200, 100, 1001, ""), Finding::Different),
        (reply(404, 100, 1000, ""), Finding::Missing),
        (reply(302, 100, 1000, ""), Finding::Redirected),
    ];
    for (reply, finding) in cases {
        assert_eq!(judge(&reply, truth.current().unwrap()).0, finding, "{reply:?}");
    }
    let listed = Image { size: Some(99), ..Image::default() };
    assert_eq!(super::original(&reply(200, 100, 1, ""), &listed), None, "the master contradicts its own checksums");
    let found = super::original(&reply(200, 99, 1, ""), &listed);
    assert_eq!(found, Some(Original { bytes: 99, modified: Some(1), ..Original::default() }));
}

#[test]
fn an_image_has_the_digest_that_is_worth_most() {
    let hash = |kind, digits: &str| (kind, digits.to_owned());
    let hashes = BTreeMap::from([hash("md5", "m"), hash("sha512", "b"), hash("blake2b", "x"), hash("sha1", "s")]);
    let image = Image { hashes, size: None };
    let digest = super::original(&reply(200, 9, 1, ""), &image).unwrap().digest;
    assert_eq!(digest, Some((DigestKind::Sha512, "b".to_owned())));
    let none = Image { hashes: BTreeMap::from([hash("blake2b", "x")]), size: None };
    assert_eq!(super::original(&reply(200, 9, 1, ""), &none).unwrap().digest, None);
}

#[test]
fn an_index_page_has_links_to_all_images() {
    let names: BTreeSet<String> = ["a.iso", "b.iso"].map(str::to_owned).into();
    let index = r#"<a href="../">up</a> <A href='a.iso'>a</A> <a href="/pub/iso/b.iso?x">b</a>"#;
    let found = |page: &str, names: &BTreeSet<String>| judge_index(&reply(200, 1, 1, page), names).0;
    assert_eq!(found(index, &names), Finding::Same);
    assert_eq!(found("<html>Welcome", &names), Finding::NotMetadata);
    let more: BTreeSet<String> = names.iter().cloned().chain(["c.iso".to_owned()]).collect();
    assert_eq!(found(index, &more), Finding::Inconsistent);
    assert_eq!(judge_index(&reply(403, 1, 1, index), &names).0, Finding::Forbidden);
    let cut = Reply { end: End::Cut, ..reply(200, 1, 1, index) };
    assert_eq!(judge_index(&cut, &names).0, Finding::Truncated);
}

#[test]
fn a_star_stands_for_any_text() {
    for (pattern, name) in [("*.iso", "a.iso"), ("*", ""), ("a*", "a"), ("*-latest-*", "x-latest-y"), ("a*b*c", "abbc")]
    {
        assert!(matches(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [("*.iso", "a.isos"), ("a", "ab"), ("a*b", "a"), ("*-latest-*", "x-latest")] {
        assert!(!matches(pattern, name), "{pattern} {name}");
    }
}
