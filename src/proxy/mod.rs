//! The proxy: repos by stable URLs, and a caching forward proxy.
//!
//! - `worker`     `Worker`: one event loop with its connections, and what all share
//! - `answerer`   `Answerer`: which request is what, who may ask; `lookup`: what is there, and who brings what is not
//! - `delivery`   `Delivery`: an answer under way; `body`, its bytes; `head`, how its head is written
//! - `asked`      what a client asked for, and what the log says of it
//! - `edition`    `Edition`: settings, repos and other servers, changed over by a reload
//! - `web`        URLs, `Via` and loops
//! - `fetch`      `Fetcher`: requests to other servers, and names for what goes wrong
//! - `crew`       threads for what has to wait
//! - `fill`       one object of the web on its way into the store
//! - `pass`       one request passed on, for one client
//! - `pipe`       bytes from a thread to one connection, in bounded memory
//! - `watch`      which connections wait for an object that is coming
//! - `spool`      the content of a request until all of it is there
//! - `tunnel`     connections after CONNECT
//! - `repo`       repos: what their URLs mean, their mirrors, their files
//! - `front`      the front page: what it tells of repos
//! - `page`       pages of our own; `metrics` and `counters`
//!
//! Not here: rules of caching and objects on the disk (`cache`), sockets (`reactor`, `upstream`).

mod answerer;
mod asked;
mod body;
mod counters;
mod crew;
mod delivery;
mod edition;
mod fetch;
mod fill;
mod front;
mod head;
mod lookup;
mod metrics;
mod page;
mod pass;
mod pipe;
pub mod repo;
mod spool;
mod tunnel;
mod watch;
mod web;
mod worker;

pub use asked::{Logged, Part, Record};
pub use counters::{Counters, FillCounts, Tally};
pub use crew::Crew;
pub use edition::Edition;
pub use fetch::{Ask, Failure, Fetcher, FetcherError, Got, Namer, Patience};
pub use tunnel::{Passage, Tunnels};
pub use worker::{Shared, Worker};
