//! `Reading`: an inventory as read, with what was wrong.
//!
//! Lives here: the way from files to an inventory. Not here: the steps on it (`files`, `block`, `entry`, `check`).

use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3Default;

use super::block::Block;
use super::check::check;
use super::entry::Entries;
use super::files::{self, ReadError};
use super::model::Inventory;
use super::problem::{Problem, Problems};

/// What the files say, and what is wrong with them.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// All that was right.
    pub inventory: Inventory,
    /// All that was wrong and left out, by file and line.
    pub problems: Vec<Problem>,
}

/// Reads every `*.toml` under `folder`. A broken entry or file is a problem and costs nothing else; an error only when
/// the folder itself cannot be read.
pub fn read(folder: &Path) -> Result<Reading, ReadError> {
    let mut problems = Problems::default();
    let mut entries = Entries::default();
    for path in files::find(folder, &mut problems)? {
        match files::load(&path) {
            Ok(bytes) => add(&mut entries, &path, &bytes, &mut problems),
            Err(problem) => problems.push(problem),
        }
    }
    Ok(examined(entries, problems))
}

/// Names the content of all files that `read` would read: XXH3-64 of their paths and bytes. Two equal fingerprints read
/// the same.
pub fn fingerprint(folder: &Path) -> Result<u64, ReadError> {
    let mut problems = Problems::default();
    let mut hash = Xxh3Default::new();
    for path in files::find(folder, &mut problems)? {
        hash.update(path.as_os_str().as_encoded_bytes());
        match files::load(&path) {
            Ok(bytes) => {
                hash.update(&(bytes.len() as u64).to_le_bytes());
                hash.update(&bytes);
            }
            Err(problem) => hash.update(problem.to_string().as_bytes()),
        }
    }
    for problem in problems.into_sorted() {
        hash.update(problem.to_string().as_bytes());
    }
    Ok(hash.digest())
}

/// Reads files that are in memory already, in the order given. Each path should be given once.
pub fn read_text(files: &[(PathBuf, String)]) -> Reading {
    let mut problems = Problems::default();
    let mut entries = Entries::default();
    for (path, text) in files {
        add(&mut entries, path, text.as_bytes(), &mut problems);
    }
    examined(entries, problems)
}

fn add(entries: &mut Entries, path: &Path, bytes: &[u8], problems: &mut Problems) {
    for block in Block::split(path, bytes, problems) {
        entries.add(block, problems);
    }
}

fn examined(entries: Entries, mut problems: Problems) -> Reading {
    let inventory = check(&entries, &mut problems);
    Reading { inventory, problems: problems.into_sorted() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::inventory::World;

    /// A good file: what others refer to first, then entries that nothing refers to.
    const GOOD: &str = include_str!("good.toml");

    fn reading(bytes: &[u8]) -> Reading {
        let (mut problems, mut entries) = (Problems::default(), Entries::default());
        add(&mut entries, Path::new("good.toml"), bytes, &mut problems);
        examined(entries, problems)
    }

    /// The header lines of the entries that nothing refers to, and where their texts begin and end.
    fn leaves() -> Vec<(usize, usize)> {
        let start = GOOD.find("# Leaves").unwrap();
        let mut begins: Vec<usize> = GOOD[start..].match_indices("\n[[").map(|(at, _)| start + at + 1).collect();
        begins.push(GOOD.len());
        begins.windows(2).map(|pair| (pair[0], pair[1])).collect()
    }

    /// One name for every leaf that is in an inventory, in file order.
    fn names(inventory: &Inventory) -> Vec<String> {
        let mut names = Vec::new();
        names.extend(inventory.distributions.iter().flat_map(|own| &own.repos).map(|repo| repo.name.clone()));
        names.extend(inventory.mirrors.iter().map(|mirror| mirror.name.clone()));
        names.extend(inventory.clouds.iter().flat_map(|cloud| &cloud.regions).map(|region| region.name.clone()));
        names.extend(inventory.countries.iter().filter(|country| country.nearby.is_some()).map(|c| c.name.clone()));
        names.extend(inventory.networks.iter().map(|network| network.place.to_string()));
        names
    }

    #[test]
    fn the_good_file_is_good() {
        let reading = reading(GOOD.as_bytes());
        assert!(reading.problems.is_empty(), "{:?}", reading.problems);
        assert_eq!(names(&reading.inventory).len(), leaves().len());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            reading(&bytes);
        }

        #[test]
        fn any_lines_are_read(lines in proptest::collection::vec(
            prop_oneof![
                "\\[{0,3}(mirror|tree|repo|cloud_region|x)\\]{0,3}",
                "[a-z_.]{1,9} = [\"'\\[{0-9a-z\\]}-]{0,9}",
                "\"{3}|'{3}",
                "\\PC*"
            ], 0..30)
        ) {
            reading(lines.join("\n").as_bytes());
        }

        #[test]
        fn a_mistake_anywhere_is_read(
            at in 0..GOOD.len(),
            cut in 0usize..9,
            put in proptest::collection::vec(any::<u8>(), 0..5),
        ) {
            let mut bytes = GOOD.as_bytes().to_vec();
            bytes.splice(at..(at + cut).min(GOOD.len()), put);
            reading(&bytes);
        }

        #[test]
        fn a_mistake_within_an_entry_costs_no_other(
            leaf in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            line in any::<bool>(),
            cut in 0usize..3,
            put in proptest::collection::vec(
                prop_oneof![any::<u8>(), Just(b'"'), Just(b'\''), Just(b'['), Just(b'\n')],
                0..3,
            ),
        ) {
            let leaves = leaves();
            let leaf = leaf.index(leaves.len());
            let (begin, end) = leaves[leaf];
            // Between the header's line and the blank line before the next header.
            let begin = begin + GOOD[begin..].find('\n').unwrap() + 1;
            let end = begin + GOOD[begin..end].trim_end().len();
            let at = begin + at.index(end - begin);
            let mut bytes = GOOD.as_bytes().to_vec();
            if line {
                let from = GOOD[..at].rfind('\n').unwrap() + 1;
                let to = at + GOOD[at..].find('\n').unwrap() + 1;
                bytes.drain(from..to);
            } else {
                bytes.splice(at..(at + cut).min(end), put);
            }
            let all = names(&reading(GOOD.as_bytes()).inventory);
            let left: HashSet<String> = names(&reading(&bytes).inventory).into_iter().collect();
            let lost = all.iter().filter(|name| !left.contains(*name)).count();
            prop_assert!(lost <= 1, "{lost} lost of {}", String::from_utf8_lossy(&bytes[begin - 20..]));
        }

        #[test]
        fn a_file_cut_short_keeps_what_came_before(cut in GOOD.find("# Leaves").unwrap()..GOOD.len()) {
            let whole = leaves().iter().filter(|(_, end)| *end <= cut).count();
            let left = names(&reading(&GOOD.as_bytes()[..cut]).inventory).len();
            prop_assert!(left == whole || left == whole + 1, "{left} left of {whole}");
        }
    }

    #[test]
    fn files_of_a_folder_make_one_inventory() {
        let folder = tempfile::tempdir().unwrap();
        let (ground, leaves) = GOOD.split_at(GOOD.find("# Leaves").unwrap());
        // The file that refers to the other comes first.
        std::fs::write(folder.path().join("a.toml"), leaves.replace("[[repo]]", "[[repo]]\ndistribution = \"alma\""))
            .unwrap();
        std::fs::write(folder.path().join("b.toml"), ground).unwrap();
        std::fs::create_dir(folder.path().join("c")).unwrap();
        std::os::unix::fs::symlink("gone", folder.path().join("c/d.toml")).unwrap();
        let whole = read(folder.path()).unwrap();
        assert_eq!(names(&whole.inventory), names(&reading(GOOD.as_bytes()).inventory));
        let path = folder.path().join("c/d.toml");
        assert_eq!(whole.problems.len(), 1);
        assert_eq!((&whole.problems[0].file, whole.problems[0].line), (&path, 0));
        assert!(read(&path).is_err());
    }

    #[test]
    fn nesting_has_an_end() {
        for deep in ["[", "{ a = ", "[{ a = "] {
            let text = format!("[[mirror]]\nname = \"m\"\nasns = {}\n[[tree]]\n", deep.repeat(100_000));
            assert_eq!(reading(text.as_bytes()).problems.len(), 2, "{deep}");
        }
        let dotted = format!("[[mirror]]\nname = \"m\"\n{}a = 1\n", "a.".repeat(20_000));
        assert_eq!(reading(dotted.as_bytes()).problems.len(), 1);
    }

    #[test]
    fn an_empty_reading_is_empty() {
        let reading = read_text(&[("a.toml".into(), "# nothing\n".to_owned())]);
        assert!(reading.problems.is_empty() && names(&reading.inventory).is_empty());
    }

    #[test]
    fn the_shipped_lists_are_good() {
        let reading = read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/lists"))).unwrap();
        let told: Vec<String> = reading.problems.iter().map(Problem::to_string).collect();
        assert_eq!(told, [""; 0]);
        let countries = &reading.inventory.countries;
        assert_eq!(countries.len(), 250);
        let world = World::new(countries);
        for country in countries {
            for name in country.aliases.iter().chain([&country.name, &country.code.to_string()]) {
                assert_eq!(world.country_named(name), Some(country.code), "{name}");
            }
            assert_eq!(world.nearby(country.code).len(), 249);
        }
        for (name, code) in [
            ("UK", "GB"),
            ("USA", "US"),
            ("South Korea", "KR"),
            ("Czech Republic", "CZ"),
            ("Russian Federation", "RU"),
            ("Viet Nam", "VN"),
            ("Turkey", "TR"),
            ("TURKIYE", "TR"),
            ("cote d'ivoire", "CI"),
            ("Kosovo", "XK"),
            ("Curacao", "CW"),
            ("St. Lucia", "LC"),
            ("Trinidad & Tobago", "TT"),
            ("The Netherlands", "NL"),
        ] {
            assert_eq!(world.country_named(name).map(|code| code.to_string()).as_deref(), Some(code), "{name}");
        }
        let subdivisions = |code: &str| world.country(code.parse().unwrap()).unwrap().subdivisions.len();
        assert_eq!((subdivisions("US"), subdivisions("CA")), (56, 13));
        let nearest = |code: &str| world.nearby(code.parse().unwrap())[0].to_string();
        assert_eq!([nearest("PT"), nearest("RU"), nearest("US"), nearest("NZ")], ["ES", "FI", "CA", "AU"]);
    }
}
