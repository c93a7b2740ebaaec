//! RPM repositories as their own metadata describe them: bytes in, facts out.
//!
//! - `repomd`      `RepoMd`, what a `repomd.xml` says
//! - `primary`     the packages that a `primary.xml` lists, one after the other
//! - `unpack`      `Unpacked`, what gzip, xz or zstd packed
//! - `frugal`      `Frugal`, a reader that lets nobody swallow too much at once
//! - `digest`      `Digest`, a checksum of one of the kinds that metadata use
//! - `metalink`    `Metalink`, which `repomd.xml` is right and who has it
//! - `mirrorlist`  a list of mirrors as text
//! - `path`        paths below a repo's folder, in the one spelling that names a file
//!
//! Not here: fetching, whom to believe (`crawl`, `proxy`).

mod digest;
mod frugal;
mod metalink;
mod mirrorlist;
mod path;
mod primary;
mod repomd;
mod unpack;

pub use digest::{Digest, DigestKind, Digester};
pub use metalink::{LinkedFile, Metalink, MetalinkFault};
pub use mirrorlist::mirrors_of;
pub use path::{spelled, stays_below};
pub use primary::{Package, PrimaryFault, read_packages};
pub use repomd::{Entry, Fault, RepoMd, is_page};
pub use unpack::Unpacked;
