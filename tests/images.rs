//! hold
mod stage;
use stage::{Server, publish_showroom, write_embers};
#[test]
#[ignore]
fn hold() {
    let folder = tempfile::tempdir().unwrap();
    write_embers(folder.path());
    publish_showroom(&folder.path().join("state"));
    let server = Server::start_in(
        folder,
        "state = 'state'\nbuild = false\n[pages]\ntitle = 'Ember Linux'\nlinks = [{text='About',url='https://ember.example/'},{text='Documentation',url='https://docs.ember.example/'},{text='Report a problem',url='mailto:mirrors@ember.example'}]\nfooter='Ember Linux is made by volunteers.'\n",
    );
    println!("HOLD {} {}", server.address(), server.folder.path().display());
    std::fs::write("/tmp/pages-hold", server.address().to_string()).unwrap();
    while !std::path::Path::new("/tmp/pages-stop").exists() {
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
}
