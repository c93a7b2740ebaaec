//! Releases that have come to their end: what is said of them, and where their clients are sent.

mod stage;

use std::fs;

use stage::{Server, client_of, until, write_embers};

const BASEOS: &str = "/?release=9&arch=x86_64&repo=baseos";

#[test]
fn a_release_at_its_end_is_told_of_and_sent_to_its_vault() {
    let lists = stage::EMBERS[0].1.replace(
        "name = \"7.9.2009\"\n",
        "name = \"7.9.2009\"\nvault = [\"http://old.ember.example/\", \"https://older.ember.example/x\"]\n\
         sunset = \"Ember Linux 7 has ended; see https://ember.example/end.\"\n",
    );
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    fs::write(folder.path().join("lists/ember.toml"), lists).unwrap();
    let server = Server::start_in(folder, "state = 'state'");
    let expected = "# Ember Linux 7 has ended; see https://ember.example/end.\n\
                    http://old.ember.example/7.9.2009/os/x86_64/\n\
                    https://older.ember.example/x/7.9.2009/os/x86_64/\n";
    for place in ["DE", "campus", "lab", "nimbus east", "nowhere"] {
        for path in ["/?release=7&arch=x86_64&repo=os", "/mirrorlist?release=7.9.2009&arch=x86_64&repo=os&cc=jp"] {
            assert_eq!(server.get_as(client_of(place, 4), path).body, expected, "{place} {path}");
        }
    }
    assert!(server.get_as(client_of("DE", 4), BASEOS).body.starts_with("https://de."), "others are as they were");
    until("the answers to be counted", || {
        server.metric("mirrorlistd_answers_total{outcome=\"listed\",family=\"ipv4\",dialect=\"centos\"}") >= 11
    });
}
