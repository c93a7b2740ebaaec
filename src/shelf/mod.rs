//! What is known of a repo's files, one generation after the other.
//!
//! A *shelf* is a repo at one release and architecture. On it stand generations: what one `repomd.xml` and the list of
//! packages that it names say of all files. The newest is what clients see; older ones stay for those who asked for
//! them by name.
//!
//! - `shelf`       `Shelf`: which generation is shown, what a `repomd.xml` means that a mirror sends
//! - `generation`  `Generation`: what one `repomd.xml` stands for
//! - `table`       `Table`: lengths and checksums of packages, by path, in little memory
//! - `view`        `View`: which generation a client asked for
//!
//! Not here: fetching and storing (`proxy`), reading metadata (`repodata`).

mod generation;
#[allow(clippy::module_inception, reason = "the room is named for what is in its middle")]
mod shelf;
mod table;
mod view;

pub use generation::Generation;
pub use shelf::{Gathering, Judgement, Keep, Shelf};
pub use table::{Known, Table, TableBuilder};
pub use view::View;
