//! The stage of tests that use the program as its users do: a server in a folder of its own, and a plain client.
//!
//! - `server`   `Server`: the program with a configuration, on ports that the system picks
//! - `client`   `Client`: one connection, bytes out and answers in
//! - `gallery`  a small snapshot with images
//! - `listing`  a list without a server
//! - `proxy`    `Proxy`: the program as a proxy, and `Origin`: a server whose answers the test writes out
//! - `embers`   a small inventory, one mirror per rank, so that no order is left to chance, and where its clients are
//! - `showroom` a larger one, for every way a page can divide mirrors
//! - `visitor`  requests for images, and what a page links to
//!
//! Not here: what is expected of the program (the tests).

// Each test is a program of its own and uses its part of this.
#![allow(dead_code, unused_imports)]

mod client;
mod embers;
mod gallery;
mod listing;
mod proxy;
mod server;
mod showroom;
mod visitor;

pub use client::{Answer, Client, get};
pub use embers::{EMBERS, client_of, geo_table, inventory, write_embers};
pub use gallery::{MODIFIED_AT, VERIFIED_AT, gallery};
pub use listing::listing;
pub use proxy::{Origin, Proxy, Seen, answer, content, gate, get_bytes, serve_file};
pub use server::{Server, program, shared_data, until};
pub use showroom::{DVD_DIGEST, publish_showroom, showroom};
pub use visitor::{BOOT, BROWSER, CURL, DVD, FOLDER, MINIMAL, ask, links, page, settings, start_showroom};
