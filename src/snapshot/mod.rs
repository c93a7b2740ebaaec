//! The snapshot: one immutable file that holds every answer, made on one side and memory-mapped on the other.
//!
//! - `format`   the byte table, shared by all below
//! - `builder`  `Builder`: mutable, makes the bytes
//! - `view`     `View`: frozen, looks up
//! - `serving`  the part of `View` that walks a list through the mirrors that have a repo
//! - `groups`   the part of `View` that tells which groups a client belongs to
//! - `comments` the part of `View` that tells what is said of repos
//! - `images`   the part of `View` that finds folders of images and their files
//! - `image_table` the part of `Builder` that adds them
//! - `faults`   why a mirror is not good for a repo, for people
//! - `names`    repos by their single names and paths
//! - `origins`  where mirrors are and who runs their networks
//! - `revisions` `Revision`: the states of a repo's metadata that clients may accept
//! - `place_names` what people call places
//! - `check`    walks every byte of a view, before publishing and before workers see it
//! - `diff`     the lists as text, and what differs between two snapshots
//! - `store`    `Store`: generations in a folder, published by rename
//!
//! Not here: what goes into a list (`plan`), who is asking (`answer`).

mod builder;
mod check;
mod comments;
mod diff;
mod faults;
mod format;
mod groups;
mod image_table;
mod images;
mod names;
mod origins;
mod place_names;
mod revisions;
mod serving;
mod store;
mod view;

pub use builder::{Builder, CarriedEntry, DirectoryId, Full, ListId, RepoEntry, RowId, SetId};
pub use check::CheckError;
pub use diff::{Difference, diff, dump};
pub use faults::Fault;
pub use format::{
    DigestKind, Ending, Evidence, FolderIndex, GroupIndex, MirrorIndex, PlaceIndex, RepoIndex, TreeIndex, VERSION,
};
pub use image_table::{FileEntry, FolderEntry};
pub use images::{Digest, File, Folder};
pub use origins::{Continent, CountryCode};
pub use revisions::Revision;
pub use serving::{BaseUrl, Candidates, Naming, Serving};
pub use store::{GENERATIONS_KEPT, Generation, Store, StoreError, open, says_the_same};
pub use view::{Carried, Mirror, Network, OpenError, Repo, RepoName, Row, Target, View};
