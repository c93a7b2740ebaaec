//! `Proxy`: the program as a proxy; `Origin`: a server whose answers are written out by the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::client::{Answer, Client};
use super::server::{program, until};

/// The proxy, running. Killed when it is dropped.
pub struct Proxy {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its folder: `config.toml`, and its cache in `cache`.
    pub folder: TempDir,
    stderr: Arc<Mutex<String>>,
}

impl Proxy {
    /// Starts with `settings` in `[proxy]`, and what follows it. Loopback may be connected to.
    pub fn start(settings: &str) -> Proxy {
        Proxy::start_in(tempfile::tempdir().unwrap(), settings)
    }

    /// Starts in a folder that may have a cache.
    pub fn start_in(folder: TempDir, settings: &str) -> Proxy {
        let path = folder.path().join("config.toml");
        std::fs::write(&path, config(settings)).unwrap();
        let mut command = program();
        command.arg("proxy").arg("--config").arg(&path);
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
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("it does not listen: {line:?} {}", stderr.lock().unwrap()));
        Proxy { child, address: address.parse().unwrap(), folder, stderr }
    }

    /// A connection.
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// A GET on a connection of its own.
    pub fn get(&self, target: &str, fields: &str) -> Answer {
        self.connect().get(target, fields)
    }

    /// The value of a counter of `/metrics`, by its name and labels as they are written.
    pub fn metric(&self, name: &str) -> u64 {
        let page = self.get("/metrics", "");
        let value = page.lines().into_iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in\n{}", page.body)).parse().unwrap()
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let kill = std::process::Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success(), "kill -{name}");
    }

    /// Writes its configuration anew.
    pub fn configure(&self, settings: &str) {
        std::fs::write(self.folder.path().join("config.toml"), config(settings)).unwrap();
    }

    /// Kills it, as the system would, and gives its folder.
    pub fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
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

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(settings: &str) -> String {
    let mut text = "workers = 2\n[proxy]\nname = 'proxy.test'\ncache_dir = 'cache'\n".to_owned();
    for default in
        ["listen = ['127.0.0.1:0']", "allow_internal_targets = ['127.0.0.0/8']", "cache_bytes_max = 1000000000"]
    {
        if !settings.contains(default.split(' ').next().unwrap()) {
            text.push_str(default);
            text.push('\n');
        }
    }
    text + settings + "\n"
}

/// A request as an origin saw it: its head.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The head, to the empty line.
    pub head: String,
    /// The content that came with it.
    pub content: Vec<u8>,
}

impl Seen {
    /// The target.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// The value of a field, by its name in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Where a Range field wants to begin.
    pub fn range_start(&self) -> Option<usize> {
        self.field("range")?.strip_prefix("bytes=")?.split('-').next()?.parse().ok()
    }
}

type Handle = dyn Fn(&Seen, &mut TcpStream) -> bool + Send + Sync;

/// A server on a port that the system picks; a thread for each connection.
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Origin {
    /// `handle` answers each request, and says whether the connection goes on.
    pub fn start(handle: impl Fn(&Seen, &mut TcpStream) -> bool + Send + Sync + 'static) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (handle, kept): (Arc<Handle>, _) = (Arc::new(handle), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handle, seen) = (Arc::clone(&handle), Arc::clone(&kept));
                thread::spawn(move || serve(stream, &*handle, &seen));
            }
        });
        Origin { address, seen }
    }

    /// What it was asked so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn serve(mut stream: TcpStream, handle: &Handle, seen: &Mutex<Vec<Seen>>) {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let mut request = Seen { head, content: Vec::new() };
        let length = request.field("content-length").map_or(0, |length| length.parse().unwrap());
        request.content.resize(length, 0);
        if reader.read_exact(&mut request.content).is_err() {
            return;
        }
        seen.lock().unwrap().push(request.clone());
        if !handle(&request, &mut stream) {
            // Also where a clone is still held.
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// Sends a whole answer; the connection goes on. The proxy may be gone.
pub fn answer(stream: &mut TcpStream, status: &str, fields: &str, body: &[u8]) -> bool {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{fields}\r\n", body.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_ok()
}

/// Content that differs everywhere.
pub fn content(bytes: usize) -> Vec<u8> {
    (0..bytes as u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).take(bytes).collect()
}

/// A GET whose answer may hold any byte.
pub fn get_bytes(proxy: &Proxy, target: &str, fields: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(proxy.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n").unwrap();
    let mut all = Vec::new();
    // A connection that is reset gives what had come.
    let _ = stream.read_to_end(&mut all);
    let at = all.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {all:?}")) + 4;
    let body = all.split_off(at);
    (String::from_utf8(all).unwrap().to_ascii_lowercase(), body)
}

/// A range of a file, or all of it, as a good mirror gives it.
pub fn serve_file(request: &Seen, stream: &mut TcpStream, file: &[u8]) -> bool {
    let fields = "Last-Modified: Sun, 01 Nov 2026 10:00:00 GMT\r\nETag: \"one\"\r\nCache-Control: max-age=600\r\n";
    match request.range_start() {
        None => answer(stream, "200 OK", fields, file),
        Some(start) => {
            let last = request.field("range").unwrap().rsplit('-').next().unwrap().parse().unwrap_or(file.len() - 1);
            let range = format!("{fields}Content-Range: bytes {start}-{last}/{}\r\n", file.len());
            answer(stream, "206 Partial Content", &range, &file[start..=last])
        }
    }
}

/// Opened by the test, waited for by an origin.
pub fn gate() -> (Sender<()>, Mutex<Receiver<()>>) {
    let (open, wait) = channel();
    (open, Mutex::new(wait))
}
