//! `Crew`: those who walk the lanes.
//!
//! Lives here: the threads. Not here: what is asked and what answers mean (`look`), who is asked (`schedule`). The
//! simulator has a crew of its own, on a clock of its own.

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use crossbeam_channel::{bounded, unbounded};

use super::fetch::Fetch;
use super::lane::Lane;
use super::look::{Look, Took};

/// Answers that may wait for the one who counts.
const WAITING_MAX: usize = 4096;
/// Stack of a thread, bytes: a TLS handshake takes the most.
const STACK_BYTES: usize = 512 * 1024;

/// Walks lanes.
pub trait Crew {
    /// Milliseconds since 1970.
    fn now_millis(&self) -> u64;

    /// Walks all lanes to their ends, and hands on what each answer brought.
    ///
    /// The first step of every lane comes before the second of any: who never answers is met at the beginning, and
    /// waited for while the others are walked.
    fn walk(&mut self, lanes: Vec<Lane>, look: &Look<'_>, take: &mut dyn FnMut(Took));
}

/// A bounded number of threads, each on one lane at a time.
pub struct Threads<'a> {
    fetch: &'a dyn Fetch,
    count_max: usize,
}

impl<'a> Threads<'a> {
    /// Threads that make requests by `fetch`, at most `count_max` of them.
    pub fn new(fetch: &'a dyn Fetch, count_max: usize) -> Threads<'a> {
        Threads { fetch, count_max: count_max.max(1) }
    }
}

fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

impl Crew for Threads<'_> {
    fn now_millis(&self) -> u64 {
        unix_millis()
    }

    fn walk(&mut self, lanes: Vec<Lane>, look: &Look<'_>, take: &mut dyn FnMut(Took)) {
        let count = self.count_max.min(lanes.len());
        let (greet, greeted) = (unbounded::<Lane>(), unbounded::<Lane>());
        let (tell, told) = bounded::<Took>(WAITING_MAX);
        // The receivers live as long as this function does.
        lanes.into_iter().for_each(|lane| drop(greet.0.send(lane)));
        drop(greet.0);
        thread::scope(|scope| {
            for _ in 0..count {
                let (greet, again, rest, tell) = (greet.1.clone(), greeted.0.clone(), greeted.1.clone(), tell.clone());
                let fetch = self.fetch;
                let step = move |lane: &mut Lane| match look.ask(lane) {
                    None => false,
                    Some(ask) => {
                        let got = fetch.fetch(&ask);
                        tell.send(look.took(lane, &got, unix_millis())).is_ok()
                    }
                };
                let walk = move || {
                    for mut lane in greet {
                        let goes_on = step(&mut lane);
                        // Its turn comes again after a while: too long to keep a connection for.
                        fetch.hang_up(lane.number);
                        if goes_on {
                            drop(again.send(lane));
                        }
                    }
                    drop(again);
                    for mut lane in rest {
                        while step(&mut lane) {}
                        fetch.hang_up(lane.number);
                    }
                };
                let spawned =
                    thread::Builder::new().name("crawl".into()).stack_size(STACK_BYTES).spawn_scoped(scope, walk);
                if spawned.is_err() {
                    // Fewer will do. With none at all nobody is asked, which is a run without a conclusion.
                    break;
                }
            }
            drop((tell, greeted));
            told.into_iter().for_each(take);
        });
    }
}
