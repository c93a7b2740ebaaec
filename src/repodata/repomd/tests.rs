//! Every kind of file that mirrors send in place of a `repomd.xml`, and real ones where they are at hand.

use std::path::PathBuf;

use super::*;

const GOOD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>1700000000</revision>
  <data type="primary">
    <checksum type="sha256">ABCDEF01</checksum>
    <open-checksum type="sha256">02</open-checksum>
    <location href="repodata/a&amp;b-primary.xml.gz"/>
    <timestamp>1700000001.25</timestamp>
    <size>1234</size>
    <open-size>98765</open-size>
  </data>
  <data type="other"><location href="repodata/other.xml.gz"/><timestamp>1800000000</timestamp></data>
</repomd>
"#;

#[test]
fn a_good_one_is_read() {
    let read = RepoMd::parse(GOOD.as_bytes()).unwrap();
    assert_eq!((read.revision.as_str(), read.timestamp, read.entries.len()), ("1700000000", 1_700_000_001, 2));
    assert_eq!(read.latest, 1_800_000_000);
    let primary = Entry {
        kind: "primary".into(),
        location: "repodata/a&b-primary.xml.gz".into(),
        checksum_kind: "sha256".into(),
        checksum: "abcdef01".into(),
        size: Some(1234),
        open_size: Some(98_765),
    };
    assert_eq!(read.entries[0], primary);
    assert_eq!(read.entries[1].size, None);
}

#[test]
fn cut_anywhere_it_is_cut_and_never_good() {
    let text = GOOD.trim_end();
    for end in 0..text.len() {
        let fault = RepoMd::parse(&text.as_bytes()[..end]).unwrap_err();
        let begun = text.find("<repomd").unwrap() + "<repomd ".len();
        if end > begun + 200 {
            assert_eq!(fault, Fault::Cut, "cut at {end}: {:?}", &text[end.saturating_sub(20)..end]);
        }
    }
}

#[test]
fn other_files_are_told_apart() {
    let many = format!("<repomd>{}</repomd>", "<data type='x'/>".repeat(1000));
    let deep = format!("<repomd>{}", "<a>".repeat(100));
    let samples: &[(&[u8], Fault)] = &[
        (b"<!DOCTYPE html><html><body>404</body></html>", Fault::Page),
        (b"<html>\n<head><title>404 Not Found</title></head>", Fault::Page),
        (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC \"x\"><html/>", Fault::Page),
        (b"not xml at all", Fault::OtherXml),
        (b"<metalink><files/></metalink>", Fault::OtherXml),
        (b"\x1f\x8b\x08\x00\xff\xfe", Fault::Garbage),
        (b"<repomd><data></repomd>", Fault::Garbage),
        (b"<repomd></repomd>", Fault::Nothing),
        (b"<repomd><data type='a'/></repomd> trailing", Fault::Garbage),
        (many.as_bytes(), Fault::TooMuch),
        (deep.as_bytes(), Fault::TooMuch),
    ];
    for (bytes, fault) in samples {
        assert_eq!(RepoMd::parse(bytes), Err(*fault), "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
    }
}

#[test]
fn real_ones_are_read() {
    let shared = std::env::var_os("MIRRORLISTD_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")),
        |folder| PathBuf::from(folder).join("data"),
    );
    let Ok(folders) = std::fs::read_dir(shared.join("repometa")) else {
        println!("skipped: no ../shared/data");
        return;
    };
    let mut read = 0;
    for folder in folders.flatten().filter(|folder| folder.path().is_dir()) {
        for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
            let name = file.file_name().into_string().unwrap();
            if name.ends_with(".repomd.xml") {
                let found = RepoMd::parse(&std::fs::read(file.path()).unwrap());
                let found = found.unwrap_or_else(|fault| panic!("{name}: {fault}"));
                assert!(found.entries.iter().all(|entry| !entry.location.is_empty()), "{name}: {found:?}");
                read += 1;
            }
        }
    }
    assert!(read >= 15, "only {read} files");
}
