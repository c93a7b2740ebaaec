//! The snapshot: one immutable file that holds every answer, made on one side and memory-mapped on the other.
//!
//! - `format`   the byte table, shared by all below
//! - `builder`  `Builder`: mutable, makes the bytes
//! - `view`     `View`: frozen, looks up
//! - `serving`  the part of `View` that walks a list through the mirrors that have a repo
//! - `groups`   the part of `View` that tells which groups a client belongs to
//! - `comments` the part of `View` that tells what is said of repos
//! - `check`    walks every byte of a view, before publishing and before workers see it
//! - `diff`     the lists as text, and what differs between two snapshots
//! - `store`    `Store`: generations in a folder, published by rename
//!
//! Not here: what goes into a list (`plan`), who is asking (`answer`).

mod builder;
mod check;
mod comments;
mod diff;
mod format;
mod groups;
mod serving;
mod store;
mod view;

pub use builder::{Builder, DirectoryId, Full, ListId, RepoEntry, RowId, SetId};
pub use check::CheckError;
pub use diff::{Difference, diff, dump};
pub use format::{Ending, Evidence, GroupIndex, MirrorIndex, PlaceIndex, RepoIndex, TreeIndex, VERSION};
pub use serving::{Candidates, Naming, Serving};
pub use store::{GENERATIONS_KEPT, Generation, Store, StoreError, open, says_the_same};
pub use view::{Mirror, Network, OpenError, Repo, RepoName, Row, Target, View};
