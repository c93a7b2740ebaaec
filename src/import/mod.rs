//! Importers: what others publish about mirrors and clouds, restated as inventory files or plain data.
//!
//! - `almalinux`   AlmaLinux's `config.yml` and `mirrors.d/*.yml`, as inventory TOML
//! - `clouds`      cloud providers' address ranges in their own formats, as inventory TOML
//! - `cloud_update`  such ranges held against those in the lists
//! - `list_tree`   a published tree of finished lists, as plain data
//! - `tree_snapshot`  from such a tree to a snapshot of just these lists
//! - `repoproxy`   oVirt's `repos.yaml`, as settings of the proxy
//! - `aggregate`   the shortest set of prefixes for the same addresses
//! - `input`       files read with a limit, and why one could not be
//! - `note`        what an importer found odd and what it did about it
//! - `sheet`       an inventory file being written
//! - `yaml`        YAML documents, read leniently and with limits
//!
//! Importers never fetch: whoever calls brings the files. Not here: reading the inventory (`inventory`).

mod aggregate;
pub mod almalinux;
pub mod cloud_update;
pub mod clouds;
mod input;
pub mod list_tree;
mod note;
pub mod repoproxy;
mod sheet;
pub mod tree_snapshot;
mod yaml;

use std::path::PathBuf;

pub use aggregate::aggregate;
pub use input::ImportError;
pub use note::Note;

/// Where imported facts come from, for the header of what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Who published them, and which version: `github.com/AlmaLinux/mirrors at 86a29bb`.
    pub origin: String,
    /// When they were published, as `YYYY-MM-DD`.
    pub date: String,
}

/// Inventory files that an importer made. Same input, same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// File name, without folders, and the file's whole text.
    pub files: Vec<(PathBuf, String)>,
    /// What was odd, in the order of the files read.
    pub notes: Vec<Note>,
}
