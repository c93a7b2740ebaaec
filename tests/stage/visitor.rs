//! A visitor of the server of images: requests as browsers and agents make them, and what a page links to.

use super::{Answer, Server, publish_showroom, write_embers};

/// What a browser says of itself.
pub const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";
/// What curl says of itself.
pub const CURL: &str = "User-Agent: curl/8.5.0\r\nAccept: */*\r\n";
/// A folder.
pub const FOLDER: &str = "/ember/9.8/isos/x86_64/";
/// A file that most have.
pub const DVD: &str = "/ember/9.8/isos/x86_64/Ember-9.8-x86_64-dvd.iso";
/// A file that all have.
pub const BOOT: &str = "/ember/9.8/isos/x86_64/Ember-9.8-x86_64-boot.iso";
/// A file that nobody has.
pub const MINIMAL: &str = "/ember/9.8/isos/x86_64/Ember-9.8-x86_64-minimal.iso";

/// A server of the snapshot; `pages` is the table of that name.
pub fn start_showroom(pages: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    publish_showroom(&folder.path().join("state"));
    Server::start_in(folder, &settings(pages))
}

/// The settings of such a server.
pub fn settings(pages: &str) -> String {
    format!("state = 'state'\nbuild = false\n[pages]\n{pages}")
}

/// A GET with these field lines, as the client with this address.
pub fn ask(server: &Server, client: &str, target: &str, fields: &str) -> Answer {
    server.connect().get(target, &format!("X-Forwarded-For: {client}\r\n{fields}"))
}

/// The same as a browser; a page comes back.
pub fn page(server: &Server, client: &str, target: &str) -> Answer {
    let answer = ask(server, client, target, BROWSER);
    assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"), "{target}");
    answer
}

/// What the links of a page lead to, in order.
pub fn links(page: &str) -> Vec<&str> {
    page.split("<a ").skip(1).filter_map(|rest| rest.split("href=\"").nth(1)?.split('"').next()).collect()
}
