//! Exports: the lists of a snapshot in the forms of other people's programs.
//!
//! - `list_tree`   the original's tree of finished lists, as files in memory
//! - `folder`      `Folder`: such files written into a folder, and those of an earlier export removed
//!
//! Not here: reading such a tree (`import`).

mod folder;
mod list_tree;

pub use folder::{Folder, FolderError, Written};
pub use list_tree::{LINES_MAX, Selection, Skipped, list_tree};
