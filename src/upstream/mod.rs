//! Connections to other servers: names, addresses, sockets, TLS; what `ureq` needs to make requests safely.
//!
//! - `address`  which addresses may be dialled: `Allowed`
//! - `resolve`  addresses of names, asked for by a bounded number of threads
//! - `interim`  interim answers (1xx), for who wants to hear them
//! - `wire`     connections over checked addresses, with the bytes that came
//! - `roots`    which certificates are believed
//!
//! Not here: what is asked, and what an answer means (`crawl`, `proxy`).

mod address;
mod interim;
mod resolve;
mod roots;
mod wire;

pub use address::{Allowed, is_internal, literal};
pub use interim::hearing;
pub use resolve::{Resolver, Unresolved};
pub use roots::{TlsError, tls_config};
pub use wire::{Dial, HEAD_BYTES_MAX, Line, Names, Trouble, Wire, connect};
