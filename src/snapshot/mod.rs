//! The snapshot: one immutable file that holds every answer, made on one side and memory-mapped on the other.
//!
//! - `format`   the byte table, shared by all below
//! - `builder`  `Builder`: mutable, makes the bytes
//! - `view`     `View`: frozen, looks up
//! - `serving`  the part of `View` that walks a list through the mirrors that have a repo
//! - `names`    repos by their single names and paths
//! - `origins`  where mirrors are and who runs their networks
//! - `revisions` `Revision`: the states of a repo's metadata that clients may accept
//! - `check`    walks every byte of a view, before publishing and before workers see it
//! - `diff`     the lists as text, and what differs between two snapshots
//! - `store`    `Store`: generations in a folder, published by rename
//!
//! Not here: what goes into a list (`plan`), who is asking (`answer`).

mod builder;
mod check;
mod diff;
mod format;
mod names;
mod origins;
mod revisions;
mod serving;
mod store;
mod view;

pub use builder::{Builder, DirectoryId, Full, ListId, RepoEntry, RowId, SetId};
pub use check::CheckError;
pub use diff::{Difference, diff, dump};
pub use format::{Ending, Evidence, GroupIndex, MirrorIndex, PlaceIndex, RepoIndex, TreeIndex, VERSION};
pub use origins::{Continent, CountryCode};
pub use revisions::Revision;
pub use serving::{BaseUrl, Candidates, Naming, Serving};
pub use store::{GENERATIONS_KEPT, Generation, Store, StoreError, open};
pub use view::{Mirror, Network, OpenError, Repo, RepoName, Row, Target, View};
