//! mirrorlistd: which mirrors are near this client, for this release, repo and architecture.
//!
//! The house by floors. A module names only modules of floors below its own; siblings do not know each other.
//! `tests/layers.rs` reads this map and keeps it true.
//!
//!   0  calendar.rs decimal.rs dice.rs net/ place/ sys/ turn.rs
//!   1  http/ reactor/ repodata/ snapshot/ geoip/
//!   2  cache/ config/ inventory/ shelf/ upstream/ verdicts/ worker/
//!   3  answer/ crawl/ export/ import/ plan/
//!   4  proxy/ serve/ traffic/
//!   5  daemon/
//!   6  cli/
//!
//! - looking: `crawl` (what mirrors answer) → `verdicts` (what is held of them)
//! - making:  `inventory` (what operators told us) and `verdicts` → `plan` (lists, guarded) → `snapshot` (one file)
//! - serving: `reactor` (sockets) → `http` (bytes to requests) → `answer` (query to answer, pure) → bytes
//! - proxying: `reactor` → `http` → `proxy` (what is asked for) → `cache` (is it here?) ← `upstream` (else fetched)
//! - between making and serving: the snapshot file, published by rename, memory-mapped, changed over between two turns
//!   of a loop

pub mod answer;
pub mod cache;
pub mod calendar;
pub mod cli;
pub mod config;
pub mod crawl;
pub mod daemon;
pub mod decimal;
pub mod dice;
pub mod export;
pub mod geoip;
pub mod http;
pub mod import;
pub mod inventory;
pub mod net;
pub mod place;
pub mod plan;
pub mod proxy;
pub mod reactor;
pub mod repodata;
pub mod serve;
pub mod shelf;
pub mod snapshot;
pub mod sys;
pub mod traffic;
pub mod turn;
pub mod upstream;
pub mod verdicts;
pub mod worker;
