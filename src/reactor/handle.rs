//! `Handle`: how other threads wake and stop a loop.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

use super::service::Place;
use super::table::Key;

/// A hand on one loop. Clones are hands on the same.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waker: Waker,
    shall_stop: AtomicBool,
    has_woken: AtomicBool,
    woken: Mutex<Vec<Key>>,
}

impl Handle {
    pub(super) fn new(waker: Waker) -> Handle {
        let shared = Shared {
            waker,
            shall_stop: AtomicBool::new(false),
            has_woken: AtomicBool::new(false),
            woken: Mutex::default(),
        };
        Handle { shared: Arc::new(shared) }
    }

    /// Has the loop begin a turn soon, and so call `Service::turn`.
    pub fn wake(&self) -> io::Result<()> {
        self.shared.waker.wake()
    }

    /// Has the loop ask about the answers of these connections again, soon.
    pub fn wake_connections(&self, places: impl IntoIterator<Item = Place>) -> io::Result<()> {
        let mut woken = self.shared.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let before = woken.len();
        woken.extend(places.into_iter().map(|place| place.0));
        // Whoever put the first in has woken the loop, which takes all of them.
        let is_first = before == 0 && !woken.is_empty();
        drop(woken);
        if !is_first {
            return Ok(());
        }
        self.shared.has_woken.store(true, Ordering::Release);
        self.wake()
    }

    /// Takes who was woken since the last time into `keys`, which is empty before.
    pub(super) fn take_woken(&self, keys: &mut Vec<Key>) {
        if self.shared.has_woken.load(Ordering::Acquire) {
            self.shared.has_woken.store(false, Ordering::Release);
            let mut woken = self.shared.woken.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut *woken, keys);
        }
    }

    /// Has the loop stop gracefully: what waits to be accepted is still served, idle connections are closed, answers on
    /// their way finish, all within `Limits::stop`.
    pub fn stop(&self) -> io::Result<()> {
        // The wake-up orders it, too; the pair with `shall_stop` does so without relying on the kernel.
        self.shared.shall_stop.store(true, Ordering::Release);
        self.wake()
    }

    pub(super) fn shall_stop(&self) -> bool {
        self.shared.shall_stop.load(Ordering::Acquire)
    }
}
