//! `Watch`: those connections of one worker that wait for one filling.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::cache::store::{Filling, Wake};
use crate::reactor::{Handle, Place};

/// Who waits. Each place is woken once; who still waits then says so again.
#[derive(Debug)]
pub struct Watch {
    handle: Handle,
    places: Mutex<Vec<Place>>,
}

impl Watch {
    /// Has `place` woken at the next step. Look at the filling after this, not before.
    pub fn add(&self, place: Place) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).push(place);
    }
}

impl Wake for Watch {
    fn wake(&self) {
        let places = std::mem::take(&mut *self.places.lock().unwrap_or_else(PoisonError::into_inner));
        // A loop that cannot be woken has ended, and its connections with it.
        let _ = self.handle.wake_connections(places);
    }
}

/// The watches of one worker, by filling.
#[derive(Debug)]
pub struct Watches {
    handle: Handle,
    known: HashMap<usize, Weak<Watch>>,
    /// Entries after which those that are over are thrown out.
    tidy_at: usize,
}

impl Watches {
    /// For the connections of the loop behind `handle`.
    pub fn new(handle: Handle) -> Watches {
        Watches { handle, known: HashMap::new(), tidy_at: 64 }
    }

    /// The watch over a filling: one for all connections of this worker.
    pub fn over(&mut self, filling: &Arc<Filling>) -> Arc<Watch> {
        // The filling keeps its watch, so a watch that is still there is that of this filling, and not of an older one
        // at the same address.
        let number = Arc::as_ptr(filling) as usize;
        if let Some(watch) = self.known.get(&number).and_then(Weak::upgrade) {
            return watch;
        }
        if self.known.len() >= self.tidy_at {
            self.known.retain(|_, watch| watch.strong_count() > 0);
            self.tidy_at = (2 * self.known.len()).max(64);
        }
        let watch = Arc::new(Watch { handle: self.handle.clone(), places: Mutex::default() });
        self.known.insert(number, Arc::downgrade(&watch));
        filling.watch(&(Arc::clone(&watch) as Arc<dyn Wake>));
        watch
    }

    /// The loop's hand.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}
