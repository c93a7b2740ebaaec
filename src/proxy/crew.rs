//! `Crew`: a bounded number of threads for what has to wait: fetches, mostly.
//!
//! A thread is started when a job finds none idle, and ends when it had nothing to do for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Jobs that may wait for a thread, for each thread there may be. Picked by feel.
const WAITING_PER_THREAD: usize = 16;
/// How long a thread waits for its next job.
const IDLE: Duration = Duration::from_secs(30);
/// Enough for a TLS handshake and a head.
const STACK_BYTES: usize = 512 * 1024;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that run jobs. Clones are the same crew.
#[derive(Clone)]
pub struct Crew {
    shared: Arc<Shared>,
}

struct Shared {
    threads_max: usize,
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    thread_count: usize,
    idle_count: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Crew {
    /// At most so many threads.
    pub fn new(threads_max: usize) -> Crew {
        Crew { shared: Arc::new(Shared { threads_max, state: Mutex::default(), more: Condvar::new() }) }
    }

    /// Has a job done, soon. False, and the job is dropped, when too many wait already or the system refuses a thread.
    #[must_use = "a job that is not taken is dropped"]
    pub fn run(&self, job: impl FnOnce() + Send + 'static) -> bool {
        let mut state = self.shared.state();
        if state.idle_count > state.jobs.len() {
            state.jobs.push_back(Box::new(job));
            self.shared.more.notify_one();
            return true;
        }
        if state.thread_count >= self.shared.threads_max {
            let has_room = state.jobs.len() < self.shared.threads_max * WAITING_PER_THREAD;
            if has_room {
                state.jobs.push_back(Box::new(job));
            }
            return has_room;
        }
        state.thread_count += 1;
        state.jobs.push_back(Box::new(job));
        drop(state);
        let shared = Arc::clone(&self.shared);
        let started = thread::Builder::new().name("fetch".into()).stack_size(STACK_BYTES).spawn(move || work(&shared));
        if started.is_ok() {
            return true;
        }
        let mut state = self.shared.state();
        state.thread_count -= 1;
        // Others may have taken it meanwhile; without anybody it would wait for ever.
        state.thread_count > 0 || state.jobs.pop_back().is_none()
    }

    /// Threads, and jobs that wait for one.
    pub fn load(&self) -> (usize, usize) {
        let state = self.shared.state();
        (state.thread_count - state.idle_count, state.jobs.len())
    }
}

/// Takes the thread off the count, also after a panic.
struct Seat<'a>(&'a Shared);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.state().thread_count -= 1;
    }
}

fn work(shared: &Shared) {
    let _seat = Seat(shared);
    let mut state = shared.state();
    loop {
        if let Some(job) = state.jobs.pop_front() {
            drop(state);
            job();
            state = shared.state();
            continue;
        }
        state.idle_count += 1;
        let (woken, timeout) = shared.more.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
        state = woken;
        state.idle_count -= 1;
        if timeout.timed_out() && state.jobs.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn jobs_wait_for_threads_within_bounds() {
        let crew = Crew::new(2);
        let (go, wait) = channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let (done, finished) = channel();
        let job = |number: usize| {
            let (wait, done) = (Arc::clone(&wait), done.clone());
            move || {
                let _ = wait.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let _ = done.send(number);
            }
        };
        let taken = (0..100).filter(|number| crew.run(job(*number))).count();
        assert!((2 + 2 * WAITING_PER_THREAD - 2..=2 + 2 * WAITING_PER_THREAD).contains(&taken), "{taken}");
        drop(go);
        let mut numbers: Vec<usize> = (0..taken).map(|_| finished.recv().unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), taken);
    }

    #[test]
    fn a_panic_costs_one_job() {
        let crew = Crew::new(1);
        assert!(crew.run(|| std::panic::resume_unwind(Box::new(()))));
        let (done, finished) = channel();
        // The thread may still be there when this comes: then it waits until another is started by the next.
        while finished.try_recv().is_err() {
            let done = done.clone();
            let _ = crew.run(move || {
                let _ = done.send(());
            });
            thread::yield_now();
        }
    }
}
