//! `Bar`: progress on a terminal; nothing where standard error is none.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

/// How the progress of reading is shown when the end is known.
const BYTES: &str = "{msg:8} {wide_bar} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12} {eta:>4} left";
/// And when it is not.
const BYTES_ENDLESS: &str = "{msg:8} {spinner} {bytes:>10} {bytes_per_sec:>14}";
/// How the progress of counting is shown.
const COUNT: &str = "{msg:8} {wide_bar} {pos:>9}/{len:9} {eta:>4} left";

/// Progress on a terminal. It is wiped off when it is dropped.
pub struct Bar(Option<ProgressBar>);

impl Bar {
    /// Of reading so many bytes (none: nobody knows how many).
    pub fn of_bytes(doing: &'static str, total: Option<u64>) -> Bar {
        Bar::new(doing, total, if total.is_some() { BYTES } else { BYTES_ENDLESS })
    }

    /// Of doing so many things.
    pub fn of_count(doing: &'static str, total: u64) -> Bar {
        Bar::new(doing, Some(total), COUNT)
    }

    fn new(doing: &'static str, total: Option<u64>, template: &str) -> Bar {
        Bar(io::stderr().is_terminal().then(|| {
            let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
            // The templates are constants; should one ever be wrong, the plain bar does.
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.with_message(doing)
        }))
    }

    /// So much is done.
    pub fn set(&self, done: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
