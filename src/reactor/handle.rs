//! `Handle`: how other threads wake and stop a loop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;

/// A hand on one loop. Clones are hands on the same.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waker: Waker,
    shall_stop: AtomicBool,
}

impl Handle {
    pub(super) fn new(waker: Waker) -> Handle {
        Handle { shared: Arc::new(Shared { waker, shall_stop: AtomicBool::new(false) }) }
    }

    /// Has the loop begin a turn soon, and so call `Service::turn`.
    pub fn wake(&self) -> io::Result<()> {
        self.shared.waker.wake()
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
