//! `Survey`: what a master has in a folder of images, asked for one thing after the other.
//!
//! First its checksum file, by one name after the other; then its index page, which tells of torrents and may be
//! missing; then the head of each file that is listed. Not here: what the answers look like (`iso`), who asks (`crew`).

use super::classify::refusal;
use super::fetch::{Ask, BODY_BYTES_MAX, End, Failure, Got, Method, Patience, Reply, note};
use super::iso::{self, Checksums};
use super::targets::Folder;
use crate::net::Family;
use crate::verdicts::{Catalog, Finding};

/// One folder of a master under survey.
#[derive(Clone, Debug)]
pub struct Survey {
    /// URL of the folder, with a final slash.
    dir: String,
    /// Names that the checksum file may have.
    checksum_files: Vec<String>,
    exclude: Vec<String>,
    step: Step,
    /// The server does not answer HEAD: it is asked for the first byte.
    by_first_byte: bool,
    /// Why there is no checksum file, as far as that is known.
    fault: (Finding, String),
    listed: Checksums,
    torrents: Vec<String>,
    catalog: Catalog,
}

/// What is asked for.
#[derive(Clone, Debug)]
enum Step {
    /// The checksum file, by the name of this position.
    Checksums(usize),
    /// The index page.
    Index,
    /// The last of these files.
    Files(Vec<String>),
}

/// What an answer means for a survey.
#[derive(Clone, Debug)]
pub enum Surveyed {
    /// There is more to ask.
    More,
    /// That is what the folder has.
    Whole(Catalog),
    /// It shows no images; what it does instead.
    Nothing(Finding, String),
}

impl Survey {
    /// A survey of the folder at `dir`, a URL with a final slash.
    pub fn new(dir: String, folder: &Folder) -> Survey {
        Survey {
            dir,
            checksum_files: folder.checksum_files.clone(),
            exclude: folder.exclude.clone(),
            step: Step::Checksums(0),
            by_first_byte: false,
            fault: (Finding::Missing, "no checksum file".to_owned()),
            listed: Checksums::new(),
            torrents: Vec::new(),
            catalog: Catalog::default(),
        }
    }

    /// What is asked next.
    pub fn ask(&self, line: u32, family: Family, patience: Patience) -> Option<Ask> {
        let (method, name) = match &self.step {
            Step::Checksums(at) => (Method::Get, self.checksum_files.get(*at)?.as_str()),
            Step::Index => (Method::Get, ""),
            Step::Files(rest) if self.by_first_byte => (Method::FirstByte, rest.last()?.as_str()),
            Step::Files(rest) => (Method::Head, rest.last()?.as_str()),
        };
        let url = format!("{}{name}", self.dir);
        Some(Ask { line, method, url, family, body_bytes_max: BODY_BYTES_MAX, patience })
    }

    /// Takes the answer to what was asked, at `now` (seconds since 1970).
    pub fn took(&mut self, got: &Got, now: u64) -> Surveyed {
        let reply = match &got.result {
            Ok(reply) => reply,
            Err(Failure { finding, note }) => return Surveyed::Nothing(*finding, note.clone()),
        };
        match &self.step {
            Step::Checksums(at) => {
                let at = *at;
                match read(reply) {
                    Ok(listed) => {
                        self.catalog.checksum_file = self.checksum_files.get(at).cloned().unwrap_or_default();
                        self.listed = listed;
                        self.step = Step::Index;
                    }
                    Err(fault) => {
                        // What is there and is none says more than what is not there.
                        if fault.0 != Finding::Missing {
                            self.fault = fault;
                        }
                        self.step = Step::Checksums(at + 1);
                        if at + 1 >= self.checksum_files.len() {
                            return Surveyed::Nothing(self.fault.0, self.fault.1.clone());
                        }
                    }
                }
                Surveyed::More
            }
            Step::Index => {
                self.took_index(reply);
                self.next_or_end(now)
            }
            Step::Files(_) => self.took_file(reply, now),
        }
    }

    fn took_index(&mut self, reply: &Reply) {
        if refusal(reply).is_none() && reply.end == End::Whole {
            let page = String::from_utf8_lossy(&reply.body);
            let torrents = iso::links(&page).into_iter().filter(|name| name.ends_with(".torrent"));
            self.torrents = torrents.filter_map(iso::plain_name).map(str::to_owned).collect();
        }
        let is_image = |name: &&String| {
            let excluded = self.exclude.iter().any(|pattern| iso::matches(pattern, name));
            !excluded && !self.checksum_files.contains(name) && !self.torrents.contains(name)
        };
        self.step = Step::Files(self.listed.keys().rev().filter(is_image).cloned().collect());
    }

    fn took_file(&mut self, reply: &Reply, now: u64) -> Surveyed {
        if !self.by_first_byte && matches!(reply.status, 400 | 403 | 405 | 501) {
            self.by_first_byte = true;
            return Surveyed::More;
        }
        let reply = if self.by_first_byte { iso::as_head(reply) } else { reply.clone() };
        let Step::Files(rest) = &mut self.step else { return Surveyed::More };
        let Some(name) = rest.pop() else { return Surveyed::More };
        // Lists name files that have gone elsewhere; those that are there are what mirrors can have.
        let original = self.listed.get(&name).and_then(|image| iso::original(&reply, image));
        if let Some(original) = original {
            let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
            let own = [format!("{name}.torrent"), format!("{stem}.torrent")];
            let torrent = own.into_iter().find(|torrent| self.torrents.contains(torrent));
            self.catalog.images.insert(name, crate::verdicts::Original { torrent, ..original });
        }
        self.next_or_end(now)
    }

    fn next_or_end(&mut self, now: u64) -> Surveyed {
        if matches!(&self.step, Step::Files(rest) if !rest.is_empty()) {
            return Surveyed::More;
        }
        let mut catalog = std::mem::take(&mut self.catalog);
        if catalog.images.is_empty() {
            let what = note(&format!("{} lists nothing that is there", catalog.checksum_file));
            return Surveyed::Nothing(Finding::Inconsistent, what);
        }
        let is_own = |torrent: &&String| catalog.images.values().any(|image| image.torrent.as_ref() == Some(*torrent));
        catalog.torrent = self.torrents.iter().find(|torrent| !is_own(torrent)).cloned();
        (catalog.answered, catalog.changed) = (now, now);
        Surveyed::Whole(catalog)
    }
}

/// Reads an answer as a checksum file.
fn read(reply: &Reply) -> Result<Checksums, (Finding, String)> {
    if let Some(refused) = refusal(reply) {
        return Err(refused);
    }
    match reply.end {
        End::Cut => return Err((Finding::Truncated, format!("{} bytes came", reply.body.len()))),
        End::TooLong => return Err((Finding::TooLong, format!("longer than {} bytes", reply.body.len()))),
        End::Whole => {}
    }
    iso::parse(&reply.body).map_err(|fault| match fault {
        iso::Fault::Cut => (Finding::Truncated, fault.to_string()),
        _ => (Finding::NotMetadata, fault.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn folder() -> Folder {
        let names = ["sha256sum.txt", "CHECKSUM"].map(str::to_owned).to_vec();
        Folder { checksum_files: names, exclude: vec!["*.manifest".into()], ..Folder::default() }
    }

    fn reply(status: u16, length: u64, body: &str) -> Reply {
        Reply {
            status,
            length: Some(length),
            last_modified: Some(1_700_000_000),
            location: None,
            encoding: None,
            body: body.as_bytes().to_vec(),
            end: End::Whole,
        }
    }

    /// Surveys what `server` has: method and name to an answer. Also gives what was asked for.
    fn survey(server: impl Fn(Method, &str) -> Result<Reply, Failure>) -> (Surveyed, Vec<String>) {
        let mut survey = Survey::new("http://m/isos/".into(), &folder());
        let mut asked = Vec::new();
        while let Some(ask) = survey.ask(0, Family::Ipv4, Patience::MASTER) {
            let name = ask.url.strip_prefix("http://m/isos/").unwrap();
            asked.push(name.to_owned());
            let got = Got { result: server(ask.method, name), address: None, millis: 1, bytes: 1 };
            match survey.took(&got, 77) {
                Surveyed::More => {}
                end => return (end, asked),
            }
        }
        panic!("no end after {asked:?}");
    }

    fn checksums() -> String {
        let names = ["b.iso", "a.iso", "gone.iso", "a.iso.manifest", "CHECKSUM", "a.torrent"];
        names.map(|name| format!("{HASH}  {name}\n")).concat()
    }

    fn master(method: Method, name: &str) -> Reply {
        match (method, name) {
            (Method::Get, "CHECKSUM") => reply(200, 1, &checksums()),
            (Method::Get, "") => reply(200, 1, "<a href='a.iso'> <a href=\"a.torrent\"> <a href=all.torrent>"),
            (Method::Head, "a.iso") => reply(200, 10, ""),
            (Method::Head, "b.iso") => reply(200, 20, ""),
            _ => reply(404, 9, "<html>no</html>"),
        }
    }

    #[test]
    fn a_master_shows_its_images() {
        let (end, asked) = survey(|method, name| Ok(master(method, name)));
        let Surveyed::Whole(catalog) = end else { panic!("{end:?}") };
        assert_eq!(asked, ["sha256sum.txt", "CHECKSUM", "", "a.iso", "b.iso", "gone.iso"]);
        let shown: Vec<_> = catalog.images.iter().map(|(name, one)| (name.as_str(), one.bytes)).collect();
        assert_eq!(shown, [("a.iso", 10), ("b.iso", 20)]);
        assert_eq!((catalog.checksum_file.as_str(), catalog.answered), ("CHECKSUM", 77));
        let torrents = (catalog.images["a.iso"].torrent.as_deref(), catalog.torrent.as_deref());
        assert_eq!(torrents, (Some("a.torrent"), Some("all.torrent")));
        assert_eq!(catalog.images["b.iso"].modified, Some(1_700_000_000));
        assert_eq!(catalog.images["b.iso"].digest.as_ref().unwrap().1, HASH);
    }

    #[test]
    fn without_an_index_page_or_head_it_does() {
        let (end, asked) = survey(|method, name| {
            Ok(match method {
                Method::Head => reply(405, 0, ""),
                Method::FirstByte if name == "a.iso" => reply(206, 10, "x"),
                Method::Get if name.is_empty() => reply(403, 0, ""),
                _ => master(method, name),
            })
        });
        let Surveyed::Whole(catalog) = end else { panic!("{end:?}") };
        assert_eq!((catalog.images.len(), catalog.images["a.iso"].bytes, catalog.torrent), (1, 10, None));
        // Without an index nobody knows that it is a torrent; it is not there.
        assert_eq!(asked.iter().filter(|name| *name == "a.iso").count(), 2);
    }

    #[test]
    fn pages_in_place_of_checksums_are_refused() {
        let page = |_: Method, _: &str| Ok(reply(200, 30, "<html><body>Not found</body></html>"));
        let (end, asked) = survey(page);
        assert!(matches!(end, Surveyed::Nothing(Finding::NotMetadata, _)), "{end:?}");
        assert_eq!(asked, ["sha256sum.txt", "CHECKSUM"]);
        let (end, _) = survey(|_, _| Ok(reply(404, 3, "no")));
        assert!(matches!(end, Surveyed::Nothing(Finding::Missing, _)), "{end:?}");
        let (end, _) = survey(|_, _| Err(Failure { finding: Finding::TimedOut, note: String::new() }));
        assert!(matches!(end, Surveyed::Nothing(Finding::TimedOut, _)), "{end:?}");
        let hollow =
            |method, name: &str| Ok(if method == Method::Head { reply(404, 1, "") } else { master(method, name) });
        assert!(matches!(survey(hollow).0, Surveyed::Nothing(Finding::Inconsistent, _)));
    }
}
