//! The program while it runs: start, serve, reload on HUP, drain on TERM and INT, reopen the log on USR1.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use super::crawler;
use super::proxy::{Proxy, ProxyError, SnapshotLists};
use super::sources::{Sources, SourcesError, Tolerance};
use crate::config::{self, Config, ConfigError, RepoSource};
use crate::proxy::repo::Lists;
use crate::reactor::Handle;
use crate::serve::{Live, Shared, Worker};
use crate::sys::{self, ListenError};
use crate::worker::{Listener, LogError, LogWriter};

/// How long the kernel may keep a connection that has sent nothing from us (TCP_DEFER_ACCEPT).
const ACCEPT_DEFER: Duration = Duration::from_secs(5);
/// Exit code of a program whose worker died: the system around it shall start it again.
const EXIT_WORKER_DIED: i32 = 4;

/// Why the program cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// There is nothing to answer from.
    #[error("{0}")]
    Sources(#[from] SourcesError),
    /// An address cannot be listened on.
    #[error("{0}; is another program listening there?")]
    Listen(#[from] ListenError),
    /// The access log.
    #[error("{0}")]
    Log(#[from] LogError),
    /// The proxy.
    #[error("{0}")]
    Proxy(#[from] ProxyError),
    /// The system refused a thread, a signal handler or an event queue.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// The system's word.
        source: io::Error,
    },
}

/// Where the configuration comes from, at the start and at each reload.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The file; none: the defaults.
    pub file: Option<PathBuf>,
    /// Addresses from the command line, in place of those of the file.
    pub listen: Vec<SocketAddr>,
    /// Workers from the command line, in place of those of the file.
    pub workers: Option<usize>,
    /// Inventory from the command line, in place of that of the file.
    pub lists: Option<PathBuf>,
}

impl Origin {
    /// The configuration as it is now.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let mut config = match &self.file {
            Some(path) => Config::read(path)?,
            None => Config::shipped(),
        };
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
            config.listen_proxied.clear();
        }
        config.workers = self.workers.or(config.workers);
        config.lists = self.lists.clone().or(config.lists);
        Ok(config)
    }
}

/// Serves until TERM or INT.
pub fn run(origin: &Origin) -> Result<(), RunError> {
    let config = origin.config()?;
    // Before anything can be signalled, so that a HUP during a long start is a reload and not an end.
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM, SIGUSR1]).map_err(|source| system("watch signals", source))?;
    if let Err(error) = sys::raise_descriptor_limit() {
        eprintln!("descriptors state=not_raised error=\"{error}\"");
    }
    let mut sources = Sources::default();
    let mut problem_count = 0;
    let edition = sources.edition(&config, Tolerance::Skip, &mut |problem| {
        problem_count += 1;
        eprintln!("{problem}");
    })?;
    let worker_count = config.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let plain = config.listen.iter().map(|address| (*address, false));
    let proxied = config.listen_proxied.iter().map(|address| (*address, true));
    let listeners = listen(plain.chain(proxied), worker_count)?;
    let addresses: Vec<SocketAddr> = listeners[0].iter().filter_map(|one| one.socket.local_addr().ok()).collect();
    let (log_writer, logs) = match &config.access_log {
        Some(path) => LogWriter::start(path, worker_count).map(|(writer, logs)| (Some(writer), logs))?,
        None => (None, Vec::new()),
    };
    let log_lines_lost = log_writer.as_ref().map(LogWriter::lines_lost).unwrap_or_default();
    let shared = Arc::new(Shared::new(Live::new(edition), worker_count, log_lines_lost));
    let now = unix_seconds();
    shared.vitals.started_unix_seconds.set(now);
    shared.vitals.changed_unix_seconds.set(now);
    shared.vitals.inventory_problems.set(problem_count);

    let mut logs = logs.into_iter();
    let mut handles = Vec::new();
    let mut threads = Vec::new();
    for (number, listeners) in listeners.into_iter().enumerate() {
        let worker = Worker::new(Arc::clone(&shared), number, listeners, logs.next(), config.limits)
            .map_err(|source| system("make an event queue", source))?;
        handles.push(worker.handle());
        let name = thread::Builder::new().name(format!("worker-{number}"));
        let thread = name.spawn(move || watched(number, || worker.run()));
        threads.push(thread.map_err(|source| system("start a thread", source))?);
    }
    let proxy = config.proxy.as_ref().map(|settings| {
        let lists = Arc::new(SnapshotLists { shared: Arc::clone(&shared) });
        Proxy::start(settings, &config.metrics_allow, config.limits, worker_count, Some(lists))
    });
    let proxy = proxy.transpose()?;
    sys::give_back_free_memory();
    announce(&addresses);
    announce(proxy.as_ref().map_or(&[], Proxy::addresses));
    if config.crawl.enabled {
        crawler::start(origin, Arc::clone(&shared)).map_err(|source| system("start a thread", source))?;
    }
    let mut control = Control { origin, sources, shared, handles, log_writer, proxy };
    for signal in signals.forever() {
        match signal {
            SIGHUP => control.reload(&config),
            SIGUSR1 => control.reopen_log(),
            _ => break,
        }
    }
    eprintln!("program state=stopping");
    control.stop();
    for thread in threads {
        // A worker that panicked has ended the program already.
        let _ = thread.join();
    }
    control.finish();
    Ok(())
}

/// Runs the proxy alone, until TERM or INT.
pub fn run_proxy(origin: &Origin) -> Result<(), RunError> {
    let read = || {
        let mut config = Origin { listen: Vec::new(), ..origin.clone() }.config()?;
        let mut settings = config.proxy.take().unwrap_or_else(config::Proxy::shipped);
        if !origin.listen.is_empty() {
            settings.listen.clone_from(&origin.listen);
        }
        Ok::<_, ConfigError>((config, settings))
    };
    let (config, settings) = read()?;
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM, SIGUSR1]).map_err(|source| system("watch signals", source))?;
    if let Err(error) = sys::raise_descriptor_limit() {
        eprintln!("descriptors state=not_raised error=\"{error}\"");
    }
    let worker_count = config.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let mut sources = Sources::default();
    let mut edition = |config: &Config, settings: &config::Proxy, tolerance| {
        let needs_lists = settings.repos.iter().any(|repo| repo.source == RepoSource::Snapshot);
        needs_lists.then(|| sources.edition(config, tolerance, &mut |problem| eprintln!("{problem}"))).transpose()
    };
    let snapshot = edition(&config, &settings, Tolerance::Skip)?;
    let snapshot = snapshot.map(|edition| Arc::new(Shared::new(Live::new(edition), 0, Arc::default())));
    let lists = snapshot.clone().map(|shared| Arc::new(SnapshotLists { shared }) as Arc<dyn Lists>);
    let proxy = Proxy::start(&settings, &config.metrics_allow, config.limits, worker_count, lists)?;
    announce(proxy.addresses());
    for signal in signals.forever() {
        match signal {
            SIGHUP => {
                let done = read().map_err(RunError::from).and_then(|(config, settings)| {
                    let made = edition(&config, &settings, Tolerance::Refuse)?;
                    if let (Some(snapshot), Some(made)) = (&snapshot, made) {
                        snapshot.live.replace(made);
                    }
                    Ok(proxy.reload(&settings, &config.metrics_allow)?)
                });
                match done {
                    Ok(()) => eprintln!("reload state=done"),
                    Err(error) => {
                        eprintln!("reload state=failed note=\"the old state keeps serving\" error=\"{error}\"");
                    }
                }
            }
            SIGUSR1 => proxy.reopen_log(),
            _ => break,
        }
    }
    eprintln!("program state=stopping");
    proxy.stop();
    proxy.finish();
    eprintln!("program state=stopped");
    Ok(())
}

/// Listeners for each worker: the first binds, the others share its port.
pub(super) fn listen(
    addresses: impl Iterator<Item = (SocketAddr, bool)>,
    worker_count: usize,
) -> Result<Vec<Vec<Listener>>, ListenError> {
    let mut by_worker: Vec<Vec<Listener>> = (0..worker_count).map(|_| Vec::new()).collect();
    for (address, is_proxied) in addresses {
        let first = sys::listen(address, ACCEPT_DEFER)?;
        let bound = local_address(&first, address)?;
        for listeners in by_worker.iter_mut().skip(1) {
            listeners.push(Listener { socket: sys::listen(bound, ACCEPT_DEFER)?, is_proxied });
        }
        by_worker[0].push(Listener { socket: first, is_proxied });
    }
    Ok(by_worker)
}

fn local_address(socket: &TcpListener, address: SocketAddr) -> Result<SocketAddr, ListenError> {
    socket.local_addr().map_err(|source| ListenError { address, step: "getsockname", source })
}

/// Tells where the program listens. Others script against these lines.
fn announce(addresses: &[SocketAddr]) {
    let mut out = io::stdout().lock();
    for address in addresses {
        // When nobody reads them, the program serves all the same.
        let _ = writeln!(out, "listening on http://{address}");
    }
    let _ = out.flush();
}

/// The thread of a worker. A worker that dies takes the program with it: one that goes on with fewer loops than it
/// should would lose connections without anybody noticing.
pub(super) fn watched(number: usize, run: impl FnOnce() -> io::Result<()>) {
    struct Bomb(usize);
    impl Drop for Bomb {
        fn drop(&mut self) {
            eprintln!("worker number={} state=died", self.0);
            std::process::exit(EXIT_WORKER_DIED);
        }
    }
    let bomb = Bomb(number);
    match run() {
        Ok(()) => std::mem::forget(bomb),
        Err(error) => eprintln!("worker number={number} state=failed error=\"{error}\""),
    }
}

/// The hands of the thread that waits for signals.
struct Control<'a> {
    origin: &'a Origin,
    sources: Sources,
    shared: Arc<Shared>,
    handles: Vec<Handle>,
    log_writer: Option<LogWriter>,
    proxy: Option<Proxy>,
}

impl Control<'_> {
    /// Makes another edition beside the running workers and has them change over. Whatever is wrong leaves the old one.
    fn reload(&mut self, started_with: &Config) {
        let vitals = &self.shared.vitals;
        let mut problem_count = 0;
        let made = self.origin.config().map_err(RunError::from).and_then(|config| {
            let edition = self.sources.edition(&config, Tolerance::Refuse, &mut |problem| {
                problem_count += 1;
                eprintln!("{problem}");
            })?;
            Ok((config, edition))
        });
        match made {
            Ok((config, edition)) => {
                self.reload_proxy(&config);
                let generation = edition.atlas.generation();
                self.shared.live.replace(edition);
                vitals.reloads_done.add(1);
                vitals.changed_unix_seconds.set(unix_seconds());
                vitals.inventory_problems.set(0);
                eprintln!("reload state=done generation={generation}");
                for key in needs_restart(started_with, &config) {
                    eprintln!("reload state=partial setting=\"{key}\" note=\"takes effect at the next start\"");
                }
            }
            Err(error) => {
                vitals.reloads_failed.add(1);
                vitals.inventory_problems.set(problem_count);
                eprintln!("reload state=failed note=\"the old state keeps serving\" error=\"{error}\"");
            }
        }
        // Idle workers change over as well, so that the old snapshot is let go.
        self.wake();
        sys::give_back_free_memory();
    }

    fn reload_proxy(&self, config: &Config) {
        let Some((proxy, settings)) = self.proxy.as_ref().zip(config.proxy.as_ref()) else { return };
        if let Err(error) = proxy.reload(settings, &config.metrics_allow) {
            eprintln!("reload state=failed note=\"the proxy's old state keeps serving\" error=\"{error}\"");
        }
    }

    fn reopen_log(&self) {
        if let Some(proxy) = &self.proxy {
            proxy.reopen_log();
        }
        if let Some(writer) = &self.log_writer {
            writer.reopen();
            eprintln!("access_log state=reopened");
        }
    }

    fn wake(&self) {
        for handle in &self.handles {
            if let Err(error) = handle.wake() {
                eprintln!("worker state=not_woken error=\"{error}\"");
            }
        }
    }

    fn stop(&self) {
        for handle in &self.handles {
            if let Err(error) = handle.stop() {
                eprintln!("worker state=not_stopped error=\"{error}\"");
            }
        }
        if let Some(proxy) = &self.proxy {
            proxy.stop();
        }
    }

    fn finish(self) {
        if let Some(proxy) = self.proxy {
            proxy.finish();
        }
        if let Some(writer) = self.log_writer {
            writer.finish();
        }
        eprintln!("program state=stopped");
    }
}

/// Settings that differ and that a running program cannot take.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let differs = [
        ("listen", old.listen != new.listen),
        ("listen_proxied", old.listen_proxied != new.listen_proxied),
        ("workers", old.workers != new.workers),
        ("crawl.enabled", old.crawl.enabled != new.crawl.enabled),
        ("access_log", old.access_log != new.access_log),
        ("proxy", old.proxy.is_some() != new.proxy.is_some()),
        ("connections_max or *_seconds", old.limits != new.limits),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

pub(super) fn system(doing: &'static str, source: io::Error) -> RunError {
    RunError::System { doing, source }
}
