//! `Subject`: which mirror, repo, family and protocol a verdict is about.

use std::fmt;

use crate::net::{Family, Protocol};

/// A repo by its names: release (not an alias), architecture, name.
///
/// Folders of images and images are looked at as repos are, and have such keys, too: in place of a name they have
/// `BRANCH/KIND/` and `BRANCH/KIND/FILE`. No name of a repo has a slash in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoKey {
    /// Release, not an alias: `9.8`.
    pub release: String,
    /// Architecture: `x86_64`.
    pub arch: String,
    /// Name: `baseos`.
    pub repo: String,
}

impl RepoKey {
    /// The key of a folder of images.
    pub fn of_folder(branch: &str, release: &str, kind: &str, arch: &str) -> RepoKey {
        RepoKey { release: release.to_owned(), arch: arch.to_owned(), repo: format!("{branch}/{kind}/") }
    }

    /// The key of an image in the folder that this is the key of.
    pub fn of_image(&self, file: &str) -> RepoKey {
        RepoKey { repo: format!("{}{file}", self.repo), ..self.clone() }
    }

    /// Branch, kind and file of an image; of a folder of images, the file is empty. None of a repo.
    pub fn image(&self) -> Option<[&str; 3]> {
        let mut parts = self.repo.splitn(3, '/');
        Some([parts.next()?, parts.next()?, parts.next()?])
    }

    /// Whether it is that of an image or a folder of images.
    pub fn is_image(&self) -> bool {
        self.repo.contains('/')
    }
}

impl fmt::Display for RepoKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}/{}", self.release, self.arch, self.repo)
    }
}

/// Number of a mirror in the state, for as long as the state lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MirrorId(pub u32);

/// Number of a repo in the state, for as long as the state lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoId(pub u32);

/// What a verdict is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The mirror.
    pub mirror: MirrorId,
    /// The repo.
    pub repo: RepoId,
    /// The family it was reached over.
    pub family: Family,
    /// The protocol.
    pub protocol: Protocol,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_images_have_keys() {
        let folder = RepoKey::of_folder("alma", "9.8", "isos", "x86_64");
        let image = folder.of_image("dvd.iso");
        assert_eq!(
            (folder.to_string().as_str(), folder.image()),
            ("9.8/x86_64/alma/isos/", Some(["alma", "isos", ""]))
        );
        assert_eq!((image.release.as_str(), image.image()), ("9.8", Some(["alma", "isos", "dvd.iso"])));
        let repo = RepoKey { release: "9.8".into(), arch: "x86_64".into(), repo: "baseos".into() };
        assert!(folder.is_image() && image.is_image() && !repo.is_image());
        assert_eq!(repo.image(), None);
    }
}
