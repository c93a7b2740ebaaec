//! `Live`: what workers answer from, changed over without a lock on the answer path.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::images::Site;
use crate::answer::{Atlas, Rules};
use crate::net::Prefixes;

/// Settings that a reload may change.
#[derive(Debug)]
pub struct Settings {
    /// What is allowed in answers.
    pub rules: Rules,
    /// Clients that may ask for others, with `ip=`.
    pub ip_allow: Prefixes,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Prefixes,
    /// Clients that may read `/metrics`.
    pub metrics_allow: Prefixes,
    /// Clients that may have any answer explained.
    pub explain_allow: Prefixes,
    /// Whether every client may have its own answer explained.
    pub explain_self: bool,
    /// Pages and redirects for images; none: there are none.
    pub pages: Option<Pages>,
}

/// Where requests for images are told from others, and what their pages look like.
#[derive(Debug)]
pub struct Pages {
    /// Host names in lower case, all of whose paths are of images.
    pub hosts: Vec<String>,
    /// What stands before paths of images on other hosts, without a final slash; may be empty.
    pub prefix: String,
    /// What operators give.
    pub site: Site,
}

/// All that an answer depends on, frozen.
pub struct Edition {
    /// Settings.
    pub settings: Settings,
    /// Knowledge.
    pub atlas: Arc<Atlas>,
}

/// The edition in use. Workers look at a number once per turn; only when it has changed do they take the lock.
pub struct Live {
    number: AtomicU64,
    current: Mutex<Arc<Edition>>,
}

impl Live {
    /// Begins with `edition`, number 1.
    pub fn new(edition: Edition) -> Live {
        Live { number: AtomicU64::new(1), current: Mutex::new(Arc::new(edition)) }
    }

    /// Puts another edition in its place. The last worker to change over frees the old one.
    pub fn replace(&self, edition: Edition) {
        let edition = Arc::new(edition);
        let old = {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            self.number.fetch_add(1, Ordering::Release);
            std::mem::replace(&mut *current, edition)
        };
        // Outside of the lock: unmapping a large snapshot takes its time.
        drop(old);
    }

    /// The number of the edition in use; it rises by one with each.
    pub fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// The edition in use and its number.
    pub fn current(&self) -> (u64, Arc<Edition>) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (self.number.load(Ordering::Acquire), Arc::clone(&current))
    }
}
