//! A list in the CentOS dialect, made without a server.

use std::net::IpAddr;

use mirrorlistd::answer::{Answer, Ask, Atlas, Endpoint, List, Query, Rules};

/// The text that a client gets at `unix_seconds`, at most `lines_max` mirrors.
pub fn listing(atlas: &Atlas, query: Query<'_>, client: IpAddr, unix_seconds: u64, lines_max: usize) -> String {
    let rules = Rules { lines_max, fedora_lines_max: 20, fedora_lines_min: 5, strict_status: false };
    let ask = Ask { endpoint: Endpoint::Root, query, accepts_metalink4: false, client, unix_seconds };
    let (mut list, mut body) = (List::default(), Vec::new());
    Answer::choose(atlas, &ask, &rules, &mut list).write(b"", &mut body);
    String::from_utf8(body).unwrap()
}
