//! `Server`: the program with a configuration, on ports that the system picks.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::client::{Answer, Client};
use super::embers::write_embers;

/// How long anything may take before a test fails. Long: machines that run tests are slow at times.
const WAIT_TIME: Duration = Duration::from_secs(30);

/// Between two looks at a condition.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// The built program.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mirrorlistd"))
}

/// Looks again and again until `condition` holds; fails after a while, saying what was waited for.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT_TIME;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        // A pause between two looks, so that what is looked at gets the processor. No outcome depends on it.
        thread::park_timeout(LOOK_PAUSE);
    }
}

/// The folder of shared test data, where there is one.
pub fn shared_data() -> Option<PathBuf> {
    let shared = std::env::var_os("MIRRORLISTD_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let data = shared.join("data");
    if !data.exists() {
        println!("skipped: no ../shared/data");
        return None;
    }
    Some(data)
}

/// A running program. Killed when it is dropped.
pub struct Server {
    child: Child,
    /// Where it listens: plain ones first, then those for proxies.
    pub addresses: Vec<SocketAddr>,
    /// Its folder: `config.toml`, `lists/`, `geo.table` and what the test puts there.
    pub folder: TempDir,
    stderr: Arc<Mutex<String>>,
}

impl Server {
    /// Starts with the small inventory; `settings` are further lines of the configuration. Loopback is trusted to name
    /// clients.
    pub fn start(settings: &str) -> Server {
        let folder = tempfile::tempdir().unwrap();
        write_embers(folder.path());
        Server::start_in(folder, settings)
    }

    /// Starts in a folder that has `lists/` and `geo.table`.
    pub fn start_in(folder: TempDir, settings: &str) -> Server {
        std::fs::write(folder.path().join("config.toml"), config(settings)).unwrap();
        let mut command = program();
        command.arg("serve").arg("--config").arg(folder.path().join("config.toml"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let mut pipe = child.stderr.take().unwrap();
        let kept = Arc::clone(&stderr);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        // Settings that name listeners of their own begin with them, and so are counted here.
        let listener_count = 1 + settings.matches("listen_proxied").count();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut addresses = Vec::new();
        while addresses.len() < listener_count {
            match lines.next() {
                Some(line) => {
                    let line = line.unwrap();
                    let address = line.strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line}"));
                    addresses.push(address.parse().unwrap());
                }
                None => panic!("it does not listen: {:?}, {}", child.wait(), stderr.lock().unwrap()),
            }
        }
        Server { child, addresses, folder, stderr }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// A connection.
    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// A GET on a connection of its own, as the client with this address (through a trusted proxy).
    pub fn get_as(&self, client: &str, target: &str) -> Answer {
        self.connect().get(target, &format!("X-Forwarded-For: {client}\r\n"))
    }

    /// The value of a counter of `/metrics`, by its name and labels as they are written.
    pub fn metric(&self, name: &str) -> u64 {
        let page = self.connect().get("/metrics", "");
        assert_eq!(page.status, 200);
        let value = page.lines().into_iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in\n{}", page.body)).parse().unwrap()
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success(), "kill -{name}");
    }

    /// Sends HUP and waits until that reload has taken effect (`done`) or was refused (`failed`). Gives what was
    /// written to standard error about it.
    pub fn reload(&self, result: &str) -> String {
        let counter = format!("mirrorlistd_reloads_total{{result=\"{result}\"}}");
        let written_before = self.stderr().len();
        let before = self.metric(&counter);
        self.signal("HUP");
        until(&format!("a reload that is {result}"), || self.metric(&counter) == before + 1);
        let line = format!("reload state={result}");
        until(&line, || {
            let news = &self.stderr()[written_before..];
            news.find(&line).is_some_and(|at| news[at..].contains('\n'))
        });
        self.stderr()[written_before..].to_owned()
    }

    /// Writes a file of its folder, as a whole.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        let unfinished = path.with_extension("unfinished");
        std::fs::write(&unfinished, bytes).unwrap();
        std::fs::rename(unfinished, path).unwrap();
    }

    /// Writes its configuration anew.
    pub fn configure(&self, settings: &str) {
        self.write("config.toml", config(settings));
    }

    /// Waits until it ends.
    pub fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        until("its end", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(settings: &str) -> String {
    // What is not given goes before the first table, as a table has no end of its own.
    let tables = settings.find("\n[").map_or(settings.len(), |at| at + 1);
    let (before, tables) = settings.split_at(if settings.starts_with('[') { 0 } else { tables });
    let mut text = before.to_owned() + "\n";
    let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let given: Vec<String> = before.lines().map(key).collect();
    for default in [
        "listen = ['127.0.0.1:0']",
        "workers = 1",
        "lists = 'lists'",
        "geoip = ['geo.table']",
        "trusted_proxies = ['127.0.0.0/8']",
        "metrics_allow = ['127.0.0.0/8']",
    ] {
        if !given.contains(&key(default)) {
            text.push_str(default);
            text.push('\n');
        }
    }
    text + tables
}
