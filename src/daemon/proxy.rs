//! The proxy while it runs: beside the server, or alone.
//!
//! Lives here: its threads from start to end, and what a reload changes. Not here: what a worker does (`proxy`),
//! signals (`run`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::run::{RunError, listen, system, unix_seconds, watched};
use crate::answer::{Answer, Ask, Endpoint, List, Query};
use crate::cache::store::{Limits as CacheLimits, Store, StoreError};
use crate::config;
use crate::net::Prefixes;
use crate::proxy::repo::{Lists, restore};
use crate::proxy::{Crew, Edition, FetcherError, FillCounts, Logged, Record, Shared, Tunnels, Worker};
use crate::reactor::{Handle, Limits};
use crate::serve;
use crate::worker::{AccessLog, Clock, Live, LogWriter};

/// Longest that a client may take for the content of a request.
const UPLOAD: Duration = Duration::from_secs(600);

/// Why the proxy cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The cache.
    #[error("{0}")]
    Cache(#[from] StoreError),
    /// What other servers are reached with.
    #[error("{0}")]
    Fetcher(#[from] FetcherError),
}

/// The threads of the proxy, and what they share.
pub struct Proxy {
    shared: Arc<Shared>,
    lists: Option<Arc<dyn Lists>>,
    addresses: Vec<SocketAddr>,
    handles: Vec<Handle>,
    threads: Vec<thread::JoinHandle<()>>,
    log_writer: Option<LogWriter>,
    started_with: config::Proxy,
}

impl Proxy {
    /// Opens the cache, listens and starts workers. `lists` are those of the server.
    pub fn start(
        settings: &config::Proxy,
        metrics_allow: &Prefixes,
        limits: Limits,
        worker_count: usize,
        lists: Option<Arc<dyn Lists>>,
    ) -> Result<Proxy, RunError> {
        let store = Store::open(&settings.cache_dir, cache_limits(settings)).map_err(ProxyError::from)?;
        let plain = settings.listen.iter().map(|address| (*address, false));
        let listeners = listen(plain, worker_count)?;
        let addresses: Vec<SocketAddr> = listeners[0].iter().filter_map(|one| one.socket.local_addr().ok()).collect();
        let edition = Edition::new(settings.clone(), metrics_allow.clone(), &addresses, lists.as_ref(), None);
        let edition = edition.map_err(ProxyError::from)?;
        restore(&store, &settings.cache_dir, &edition.repos).map_err(ProxyError::from)?;
        // One more end, for tunnels.
        let (log_writer, mut logs) = match &settings.access_log {
            Some(path) => LogWriter::start(path, worker_count + 1).map(|(writer, logs)| (Some(writer), logs))?,
            None => (None, Vec::new()),
        };
        let tunnel_log = TunnelLog { log: logs.pop(), format: settings.access_log_format };
        let tunnels = tunnel_log.start().map_err(|source| system("start the tunnels", source))?;
        let shared = Arc::new(Shared {
            live: Live::new(edition),
            store,
            crew: Crew::new(settings.fetches_max),
            tunnels,
            counters: (0..worker_count).map(|_| Arc::default()).collect(),
            fills: Arc::new(FillCounts::default()),
            log_lines_lost: log_writer.as_ref().map(LogWriter::lines_lost).unwrap_or_default(),
            started_unix_seconds: unix_seconds(),
        });
        let limits = Limits { body: UPLOAD, ..limits };
        let (mut handles, mut threads) = (Vec::new(), Vec::new());
        let mut logs = logs.into_iter();
        for (number, listeners) in listeners.into_iter().enumerate() {
            let worker = Worker::new(Arc::clone(&shared), number, listeners, logs.next(), limits)
                .map_err(|source| system("make an event queue", source))?;
            handles.push(worker.handle());
            let name = thread::Builder::new().name(format!("proxy-{number}"));
            let thread = name.spawn(move || watched(number, || worker.run()));
            threads.push(thread.map_err(|source| system("start a thread", source))?);
        }
        Ok(Proxy { shared, lists, addresses, handles, threads, log_writer, started_with: settings.clone() })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Takes new settings. Answers under way go on with the old ones.
    pub fn reload(&self, settings: &config::Proxy, metrics_allow: &Prefixes) -> Result<(), ProxyError> {
        let (_, old) = self.shared.live.current();
        let lists = self.lists.as_ref();
        let edition = Edition::new(settings.clone(), metrics_allow.clone(), &self.addresses, lists, Some(&old))?;
        restore(&self.shared.store, &self.started_with.cache_dir, &edition.repos)?;
        self.shared.store.set_limits(cache_limits(settings));
        self.shared.live.replace(edition);
        for key in self.needs_restart(settings) {
            eprintln!("reload state=partial setting=\"{key}\" note=\"takes effect at the next start\"");
        }
        self.wake();
        Ok(())
    }

    /// Settings that differ and that a running proxy cannot take.
    fn needs_restart(&self, new: &config::Proxy) -> Vec<&'static str> {
        let old = &self.started_with;
        let differs = [
            ("proxy.listen", old.listen != new.listen),
            ("proxy.cache_dir", old.cache_dir != new.cache_dir),
            ("proxy.access_log", old.access_log != new.access_log),
            ("proxy.fetches_max", old.fetches_max != new.fetches_max),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// Has every worker look for what is new.
    pub fn wake(&self) {
        for handle in &self.handles {
            if let Err(error) = handle.wake() {
                eprintln!("proxy state=not_woken error=\"{error}\"");
            }
        }
    }

    /// Opens the log again by its name.
    pub fn reopen_log(&self) {
        if let Some(writer) = &self.log_writer {
            writer.reopen();
        }
    }

    /// Has every worker finish what is under way, and end.
    pub fn stop(&self) {
        for handle in &self.handles {
            if let Err(error) = handle.stop() {
                eprintln!("proxy state=not_stopped error=\"{error}\"");
            }
        }
    }

    /// Waits for the workers, closes tunnels, and writes what is left of the log.
    pub fn finish(self) {
        for thread in self.threads {
            // A worker that panicked has ended the program already.
            let _ = thread.join();
        }
        self.shared.tunnels.stop();
        if let Some(writer) = self.log_writer {
            writer.finish();
        }
    }
}

fn cache_limits(settings: &config::Proxy) -> CacheLimits {
    CacheLimits {
        cache_bytes_max: settings.cache_bytes_max,
        object_bytes_max: settings.object_bytes_max,
        ..CacheLimits::default()
    }
}

/// The end of the log that tunnels have: their lines come when they are over.
struct TunnelLog {
    log: Option<AccessLog>,
    format: config::LogFormat,
}

impl TunnelLog {
    fn start(mut self) -> io::Result<Tunnels> {
        let mut clock = Clock::new(std::time::SystemTime::now());
        Tunnels::start(move |record: Record| {
            let Some(log) = &mut self.log else { return };
            let now = std::time::SystemTime::now();
            clock.set(now);
            let unix_ms = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
            let elapsed_ms = record.began.elapsed().as_millis() as u64;
            let line = Logged { record: &record, format: self.format, log_time: clock.log_time(), unix_ms, elapsed_ms };
            // Lines that are dropped here are few: tunnels do not end by the thousand in a second.
            let _ = log.add(&line, clock.unix_seconds());
            let _ = log.hand_over();
        })
    }
}

/// The lists of the server's snapshot, for repos of its inventory.
pub struct SnapshotLists {
    /// Where the atlas in use is.
    pub shared: Arc<serve::Shared>,
}

impl Lists for SnapshotLists {
    fn lists(&self, repo: &str, releasever: &str, arch: &str) -> Vec<String> {
        let (_, edition) = self.shared.live.current();
        let query = Query::of(releasever, arch, repo, "");
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let unix_seconds = unix_seconds();
        let ask = Ask { endpoint: Endpoint::Root, query, accepts_metalink4: false, client, unix_seconds };
        let (mut list, mut text) = (List::default(), Vec::new());
        Answer::choose(&edition.atlas, &ask, &edition.settings.rules, &mut list).write(b"", &mut text);
        let text = String::from_utf8_lossy(&text);
        text.lines().filter(|line| line.starts_with("http")).map(str::to_owned).collect()
    }
}
