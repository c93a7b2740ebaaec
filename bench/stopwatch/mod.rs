//! `Rounds`: the time of one of many like things, by the median over rounds.
//!
//! Lives here: repeating, timing, printing. Not here: what is timed (each bench), instructions (`request`).

use std::time::Instant;

/// Rounds of a measurement: odd, so that one is the median.
const ROUND_COUNT: usize = 15;

/// What rounds came to, nanoseconds per item.
pub struct Rounds {
    /// The middle one.
    pub median_ns: f64,
    /// The best one: the least disturbed.
    pub best_ns: f64,
}

impl Rounds {
    /// Times `round`, which does `item_count` like things.
    pub fn time(item_count: usize, mut round: impl FnMut()) -> Rounds {
        let mut rounds_ns: Vec<f64> = (0..ROUND_COUNT)
            .map(|_| {
                let begin = Instant::now();
                round();
                begin.elapsed().as_nanos() as f64 / item_count as f64
            })
            .collect();
        rounds_ns.sort_by(f64::total_cmp);
        Rounds { median_ns: rounds_ns[ROUND_COUNT / 2], best_ns: rounds_ns[0] }
    }

    /// Prints a line: what was asked, and the answer.
    pub fn print(&self, question: &str) {
        println!("{question:<52} {:8.1} ns  (best {:.1})", self.median_ns, self.best_ns);
    }
}
