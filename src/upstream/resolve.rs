//! Addresses of host names, asked for by a bounded number of threads and never waited for longer than said.
//!
//! The system's resolver cannot be told to hurry, nor to stop: so it is asked by threads of its own, whose number a
//! dead name server cannot drive up. Answers are kept for a while: one serves both families and all repos of a mirror.
//!
//! Not here: which of the addresses may be dialled (`address`).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Threads that ask the system. Names that are looked up for the first time in a pass come at its beginning, all at
/// once.
const THREADS: usize = 64;
/// Questions that may wait for a thread.
const WAITING_MAX: usize = 1024;
/// How long an answer is kept.
const KEEP: Duration = Duration::from_secs(300);
/// Addresses of one host that are kept.
const ADDRESSES_MAX: usize = 16;

/// Why there are no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// The resolver said no, in these words.
    No(String),
    /// It said nothing in time.
    Silent,
}

type Answer = Result<Arc<[IpAddr]>, String>;
type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

struct Question {
    host: String,
    until: Instant,
    answer: Sender<Answer>,
}

/// Finds addresses.
pub struct Resolver {
    questions: Sender<Question>,
    known: Arc<Mutex<HashMap<String, (Instant, Answer)>>>,
}

impl Resolver {
    /// Asks the system.
    pub fn system() -> io::Result<Resolver> {
        Resolver::with(Arc::new(|host| Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())))
    }

    /// Asks `look_up`.
    pub fn with(look_up: Arc<LookUp>) -> io::Result<Resolver> {
        let (questions, taken) = bounded::<Question>(WAITING_MAX);
        let known = Arc::new(Mutex::new(HashMap::new()));
        for _ in 0..THREADS {
            let (taken, known, look_up) = (taken.clone(), Arc::clone(&known), Arc::clone(&look_up));
            // They end when the resolver is dropped; one that is stuck, when the system lets it go.
            thread::Builder::new()
                .name("resolve".into())
                .stack_size(256 * 1024)
                .spawn(move || answer_all(&taken, &known, &*look_up))?;
        }
        Ok(Resolver { questions, known })
    }

    /// The addresses of a host, of both families; at `until` at the latest.
    pub fn addresses(&self, host: &str, until: Instant) -> Result<Arc<[IpAddr]>, Unresolved> {
        let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned();
        if let Some((at, answer)) = kept
            && at.elapsed() < KEEP
        {
            return answer.map_err(Unresolved::No);
        }
        let (answer, answered) = bounded(1);
        let question = Question { host: host.to_owned(), until, answer };
        self.questions.send_deadline(question, until).map_err(|_| Unresolved::Silent)?;
        match answered.recv_deadline(until) {
            Ok(answer) => answer.map_err(Unresolved::No),
            Err(_) => Err(Unresolved::Silent),
        }
    }
}

fn answer_all(taken: &Receiver<Question>, known: &Mutex<HashMap<String, (Instant, Answer)>>, look_up: &LookUp) {
    for question in taken {
        // Nobody waits for it any more.
        if question.until <= Instant::now() {
            continue;
        }
        let answer: Answer = match look_up(&question.host) {
            Ok(mut addresses) => {
                addresses.sort_unstable();
                addresses.dedup();
                addresses.truncate(ADDRESSES_MAX);
                Ok(addresses.into())
            }
            Err(error) => Err(error.to_string()),
        };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (at, _)| at.elapsed() < KEEP);
        known.insert(question.host, (Instant::now(), answer.clone()));
        drop(known);
        // It may have stopped waiting: the answer is kept for the next one.
        let _ = question.answer.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_answer_serves_many() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let resolver = Resolver::with(Arc::new(move |host| {
            count.fetch_add(1, Ordering::SeqCst);
            match host {
                "known" => Ok(vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()]),
                _ => Err(io::Error::other("no such name")),
            }
        }))
        .unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        for _ in 0..3 {
            assert_eq!(resolver.addresses("known", until).unwrap().len(), 2);
            assert_eq!(resolver.addresses("other", until), Err(Unresolved::No("no such name".into())));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_dead_resolver_is_not_waited_for() {
        let (_never, waiting) = bounded::<()>(0);
        let resolver = Resolver::with(Arc::new(move |_| {
            let _ = waiting.recv();
            Err(io::Error::other("late"))
        }))
        .unwrap();
        let until = Instant::now() + Duration::from_millis(30);
        thread::scope(|scope| {
            for at in 0..100 {
                let resolver = &resolver;
                scope.spawn(move || {
                    assert_eq!(resolver.addresses(&format!("host-{at}"), until), Err(Unresolved::Silent));
                });
            }
        });
    }
}
