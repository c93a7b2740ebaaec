//! `Rounds`: the time of one of many like things, by the median over rounds.
//!
//! Lives here: repeating, timing, printing. Not here: what is timed (each bench), instructions (`request`).
//!
//! A round is about a millisecond, shorter than what a scheduler gives a thread, so that on a busy machine most rounds
//! are not interrupted, and the median is of those. Rounds go through all items before any comes again.

use std::time::Instant;

/// Items of a round.
const ROUND_ITEMS: usize = 2048;
/// How often all items are gone through.
const PASS_COUNT: usize = 7;

/// What rounds came to, nanoseconds per item.
pub struct Rounds {
    /// The middle one.
    pub median_ns: f64,
    /// The best one: the least disturbed, and the luckiest.
    pub best_ns: f64,
}

impl Rounds {
    /// Times `round`, which does one thing for each of the items it is given.
    pub fn time<T>(items: &[T], mut round: impl FnMut(&[T])) -> Rounds {
        let mut rounds_ns = Vec::new();
        for _ in 0..PASS_COUNT {
            for items in items.chunks(ROUND_ITEMS) {
                let begin = Instant::now();
                round(items);
                rounds_ns.push(begin.elapsed().as_nanos() as f64 / items.len() as f64);
            }
        }
        rounds_ns.sort_by(f64::total_cmp);
        Rounds { median_ns: rounds_ns[rounds_ns.len() / 2], best_ns: rounds_ns[0] }
    }

    /// Prints a line: what was asked, and the answer.
    pub fn print(&self, question: &str) {
        println!("{question:<52} {:8.1} ns  (best {:.1})", self.median_ns, self.best_ns);
    }
}
