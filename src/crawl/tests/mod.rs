//! Whole passes without sockets. Not here: tests of single rooms, which are in them; passes over sockets
//! (`tests/crawl.rs`).

mod simulator;
