//! `Catalogue`: the branches, releases, kinds and architectures that there are, in the order people look for them.
//!
//! Made once for each snapshot, so that no page has to sort. Not here: what a page says of them (`page`).

use std::cmp::Ordering;

use crate::snapshot::View;

/// All folders of images of a snapshot.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// Branches by name.
    pub branches: Vec<Branch>,
}

/// A branch.
#[derive(Debug)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// Title of its distribution.
    pub title: String,
    /// Its releases, the newest first.
    pub releases: Vec<Release>,
}

/// A release.
#[derive(Debug)]
pub struct Release {
    /// Its name, not an alias.
    pub name: String,
    /// Its folders by kind: ISO images first.
    pub kinds: Vec<Kind>,
}

/// The folders of a kind.
#[derive(Debug)]
pub struct Kind {
    /// `isos` or `images`.
    pub name: String,
    /// Architectures by name, the most common ones first.
    pub arches: Vec<String>,
}

impl Catalogue {
    /// That of a snapshot.
    pub fn of<B: AsRef<[u8]>>(view: &View<B>) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for (_, folder) in view.image_folders() {
            let branches = &mut catalogue.branches;
            let branch = entry(
                branches,
                folder.branch,
                |one| &one.name,
                |name| Branch { name, title: folder.title.to_owned(), releases: Vec::new() },
            );
            let new_release = |name| Release { name, kinds: Vec::new() };
            let release = entry(&mut branch.releases, folder.release, |one| &one.name, new_release);
            let new_kind = |name| Kind { name, arches: Vec::new() };
            let kind = entry(&mut release.kinds, folder.kind, |one| &one.name, new_kind);
            kind.arches.push(folder.arch.to_owned());
        }
        for release in catalogue.branches.iter_mut().flat_map(|branch| {
            branch.releases.sort_by(|a, b| by_version(&b.name, &a.name));
            &mut branch.releases
        }) {
            release.kinds.sort_by_key(|kind| kind.name != "isos");
            release.kinds.iter_mut().for_each(|kind| kind.arches.sort_by_key(|arch| rank(arch)));
        }
        catalogue
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.branches.is_empty()
    }

    /// A branch by its name.
    pub fn branch(&self, name: &[u8]) -> Option<&Branch> {
        self.branches.iter().find(|branch| branch.name.as_bytes() == name)
    }
}

impl Branch {
    /// A release by its name, or by an alias that the snapshot knows.
    pub fn release<B: AsRef<[u8]>>(&self, view: &View<B>, name: &[u8]) -> Option<&Release> {
        let is_it = |release: &&Release| {
            release.name.as_bytes() == name
                || release.kinds.first().is_some_and(|kind| {
                    let arch = kind.arches.first().map_or("", String::as_str).as_bytes();
                    let index = view.find_images(self.name.as_bytes(), name, kind.name.as_bytes(), arch);
                    index.and_then(|index| view.folder(index)).is_some_and(|folder| folder.release == release.name)
                })
        };
        self.releases.iter().find(is_it)
    }
}

fn entry<'a, T>(
    all: &'a mut Vec<T>,
    name: &str,
    name_of: impl Fn(&T) -> &String,
    new: impl FnOnce(String) -> T,
) -> &'a mut T {
    let at = all.iter().position(|one| name_of(one) == name).unwrap_or_else(|| {
        all.push(new(name.to_owned()));
        all.len() - 1
    });
    &mut all[at]
}

/// What most people look for comes first; the others keep their order.
fn rank(arch: &str) -> usize {
    ["x86_64", "aarch64"].iter().position(|&common| common == arch).unwrap_or(usize::MAX)
}

/// Compares names of releases as people do: `9.10` is newer than `9.9`, `9-stream` comes right after `9`.
fn by_version(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (number_a, number_b) = (digits(a), digits(b));
        let order = match (number_a, number_b) {
            ([_, ..], [_, ..]) => value(number_a).cmp(&value(number_b)).then_with(|| number_a.cmp(number_b)),
            _ => match (a.split_first(), b.split_first()) {
                (None, None) => return Ordering::Equal,
                (Some((first_a, rest_a)), Some((first_b, rest_b))) if first_a == first_b => {
                    (a, b) = (rest_a, rest_b);
                    continue;
                }
                _ => a.first().cmp(&b.first()),
            },
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = (&a[number_a.len()..], &b[number_b.len()..]);
    }
}

fn digits(text: &[u8]) -> &[u8] {
    &text[..text.iter().take_while(|byte| byte.is_ascii_digit()).count()]
}

/// A number as its digits without leading zeros: first by length, then by digits.
fn value(digits: &[u8]) -> (usize, &[u8]) {
    let significant = &digits[digits.iter().take_while(|&&digit| digit == b'0').count()..];
    (significant.len(), significant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_as_people_do() {
        let rising = ["", "7.9.2009", "8", "8-stream", "8.9", "8.10", "9.1-beta", "9.8", "010.0", "10.0", "rawhide"];
        for (at, lower) in rising.iter().enumerate() {
            assert_eq!(by_version(lower, lower), Ordering::Equal, "{lower}");
            for higher in &rising[at + 1..] {
                assert_eq!(by_version(lower, higher), Ordering::Less, "{lower} {higher}");
                assert_eq!(by_version(higher, lower), Ordering::Greater, "{lower} {higher}");
            }
        }
    }
}
