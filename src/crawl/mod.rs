//! The crawl: looking at every mirror over both families, and keeping what was found.
//!
//! Not here: what is held of a mirror after several looks (`verdicts`), what follows for lists (`plan`).
