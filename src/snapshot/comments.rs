//! What is said of repos: a line for people, such as that a release has come to its end.
//!
//! Not here: how a dialect says it (`answer`).

use super::format::*;
use super::view::View;

impl<B: AsRef<[u8]>> View<B> {
    /// What is to be said in every answer about a repo: one line without its end, never empty; none for most.
    pub fn comment(&self, repo: RepoIndex) -> Option<&[u8]> {
        let text = self.records::<Text>(Section::Comments).get(repo.0 as usize)?;
        Some(self.text(*text)).filter(|comment| !comment.is_empty())
    }
}
