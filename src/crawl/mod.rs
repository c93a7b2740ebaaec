//! The crawl: looking at every mirror over both families, and keeping what was found.
//!
//! - `pass`       one complete pass: masters, mirrors, whether to believe it, what is kept; its `Report`
//! - `conclude`   whether a run is believed; `report` says what it was
//! - `canaries`   whether those that should never fail all have
//! - `targets`    what an inventory gives to look at: repos, folders of images, and doors of mirrors that have them
//! - `schedule`   who is asked for what in a run, in lanes
//! - `lane`       one host over one family: what is asked next, and what an answer means for the rest
//! - `look`       the steps of a look: tasks become requests, answers outcomes
//! - `crew`       the threads that walk the lanes
//! - `fetch`      one request and what came of it, in words that need no socket
//! - `dial`       requests made with `ureq`, each line with its connections
//! - `classify`   what an answer means, held against the truth
//! - `deep`       whether the files that a `repomd.xml` names are there
//! - `iso`        checksum files of images, and whether a mirror has the images
//! - `survey`     what a master has in a folder of images
//!
//! Not here: reading a `repomd.xml` (`repodata`), names, addresses and sockets (`upstream`), what is held of a mirror
//! after several looks (`verdicts`), what follows for lists (`plan`).

mod canaries;
mod classify;
mod conclude;
mod crew;
mod deep;
mod dial;
mod fetch;
mod iso;
mod lane;
mod look;
mod pass;
mod report;
mod schedule;
mod survey;
mod targets;
#[cfg(test)]
mod tests;

pub use crew::{Crew, Threads};
pub use dial::{Dialer, DialerError};
pub use fetch::{Ask, BODY_BYTES_MAX, End, Failure, Fetch, Got, Method, Patience, Reply};
pub use pass::{Kept, Options, Recorder, run};
pub use report::{Count, FamilyReport, Progress, Report, Stage};
pub use targets::Targets;
