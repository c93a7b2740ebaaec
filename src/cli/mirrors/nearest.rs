//! Names that somebody may have meant.

/// Names offered.
const OFFERED_MAX: usize = 3;

/// The names nearest to `wanted`, nearest first: those that contain it before those that are spelt like it.
pub fn nearest(wanted: &str, mut names: Vec<String>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    names.sort_by_cached_key(|name| {
        let lower = name.to_lowercase();
        let apart = !lower.contains(&wanted);
        (apart, edits(&wanted, &lower), lower)
    });
    names.truncate(OFFERED_MAX);
    names
}

/// Letters to put in, take out or change to make one text the other (Levenshtein's distance).
fn edits(one: &str, other: &str) -> usize {
    // One row of the table at a time: `row[at]` is the distance of what was read of `one` to the first `at` letters.
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for letter in one.chars() {
        let mut corner = row[0];
        row[0] += 1;
        for (at, &against) in other.iter().enumerate() {
            let change = corner + usize::from(letter != against);
            corner = row[at + 1];
            row[at + 1] = change.min(corner + 1).min(row[at] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (one, other, distance) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2)] {
            assert_eq!((edits(one, other), edits(other, one)), (distance, distance), "{one} {other}");
        }
    }

    #[test]
    fn what_was_meant_comes_first() {
        let names = ["ftp.jaist.ac.jp", "mirror.example.org", "ftp.halifax.rwth-aachen.de", "mirror.exemple.net"];
        let names: Vec<String> = names.map(str::to_owned).into();
        assert_eq!(nearest("aachen", names.clone())[0], "ftp.halifax.rwth-aachen.de");
        assert_eq!(nearest("Mirror.Exmple.org", names.clone())[..2], ["mirror.example.org", "mirror.exemple.net"]);
        assert_eq!(nearest("x", names).len(), 3);
        assert!(nearest("x", Vec::new()).is_empty());
    }
}
