//! `mirrorlistd cache prefetch`: has a running proxy fetch what clients will ask for.
//!
//! It asks as a client does, so that what is fetched is verified, counted and kept as always, and the cache stays with
//! the one process that has it.

use std::io::{self, Cursor, Read, Write};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::failure::Failure;
use crate::repodata::{RepoMd, Unpacked, read_packages, stays_below};

/// Longest `repomd.xml`, bytes.
const REPOMD_BYTES_MAX: u64 = 4 << 20;
/// Longest list of packages as it is packed, and unpacked, bytes.
const PRIMARY_BYTES_MAX: u64 = 1 << 30;
const UNPACKED_BYTES_MAX: u64 = 4 << 30;
/// Most packages of one repo.
const PACKAGES_MAX: usize = 1_000_000;
/// How long the proxy may take to begin an answer: it waits for mirrors.
const HEAD_TIME_MAX: Duration = Duration::from_secs(300);
/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// What to fetch.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The repo, its release and architecture, as in the URLs of the proxy: `baseos/9/x86_64`.
    #[arg(value_name = "REPO/RELEASEVER/ARCH")]
    repo: String,
    /// Packages whose file names match, with `*` and `?`: `'kernel-*'`, `'*'` for all [default: only metadata].
    #[arg(value_name = "PATTERN")]
    pattern: Option<String>,
    /// The proxy.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3128")]
    proxy: String,
    /// Files at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
}

/// Fetches. Exit 1 when something was not to be had.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let repo = args.repo.trim_matches('/');
    if repo.split('/').count() != 3 {
        return Err(Failure::Input(format!("{repo}: give REPO/RELEASEVER/ARCH, as in baseos/9/x86_64")));
    }
    let client = Client { agent: agent(), base: format!("{}/{repo}/", args.proxy.trim_end_matches('/')) };
    let repomd = client.read("repodata/repomd.xml", REPOMD_BYTES_MAX)?;
    let repomd = RepoMd::parse(&repomd).map_err(|fault| Failure::Input(format!("{}: {fault}", client.base)))?;
    let entries = repomd.entries.iter().filter(|entry| stays_below(&entry.location));
    // Databases are for tools that hardly anybody has any more, and larger than all else.
    let metadata = entries.filter(|entry| !entry.kind.ends_with("_db"));
    let mut paths: Vec<String> = metadata.map(|entry| entry.location.clone()).collect();
    if let Some(pattern) = &args.pattern {
        let primary = repomd.entries.iter().find(|entry| entry.kind == "primary");
        let primary = primary.ok_or_else(|| Failure::Input(format!("{}: no list of packages", client.base)))?;
        let packed = client.read(&primary.location, PRIMARY_BYTES_MAX)?;
        let bad = |why: &dyn std::fmt::Display| Failure::Input(format!("{}{}: {why}", client.base, primary.location));
        let unpacked = Unpacked::new(Cursor::new(packed), UNPACKED_BYTES_MAX).map_err(|error| bad(&error))?;
        let mut matching = Vec::new();
        let unpacked = io::BufReader::with_capacity(CHUNK_BYTES, unpacked);
        read_packages(unpacked, PACKAGES_MAX, &mut |package| {
            let name = package.location.rsplit('/').next().unwrap_or_default();
            if matches(pattern.as_bytes(), name.as_bytes()) {
                matching.push(package.location.to_owned());
            }
        })
        .map_err(|fault| bad(&fault))?;
        paths.append(&mut matching);
    }
    let done = client.fetch_all(&paths, usize::from(args.jobs));
    let told = format!("files   {}\nbytes   {}\nfailed  {}\n", done.count, done.bytes, done.failures.len());
    out.write_all(told.as_bytes()).map_err(|error| Failure::System(format!("cannot write: {error}")))?;
    match done.failures.first() {
        None => Ok(()),
        Some(first) => Err(Failure::Input(format!("{} files were not to be had; {first}", done.failures.len()))),
    }
}

/// Whether a name matches a pattern with `*` and `?`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_pattern) = (0, 0);
    // Where to go on when what follows the last `*` does not match.
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                star = Some((in_pattern + 1, at));
                in_pattern += 1;
            }
            Some(&letter) if letter == b'?' || letter == name[at] => {
                in_pattern += 1;
                at += 1;
            }
            _ => match star {
                Some((after, taken)) => {
                    star = Some((after, taken + 1));
                    (in_pattern, at) = (after, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|&letter| letter == b'*')
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        // The proxy is asked as a server; another one between us would keep what it should fetch.
        .proxy(None)
        .timeout_recv_response(Some(HEAD_TIME_MAX))
        .max_redirects(0)
        .user_agent(concat!("mirrorlistd/", env!("CARGO_PKG_VERSION"), " (cache prefetch)"))
        .build();
    config.into()
}

struct Client {
    agent: ureq::Agent,
    base: String,
}

/// What came of many files.
#[derive(Default)]
struct Done {
    count: usize,
    bytes: u64,
    failures: Vec<String>,
}

impl Client {
    fn get(&self, path: &str) -> Result<ureq::Body, String> {
        let url = format!("{}{path}", self.base);
        let answer = self.agent.get(&url).call().map_err(|error| format!("{url}: {error}"))?;
        Ok(answer.into_body())
    }

    fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        let reader = self.get(path).map_err(Failure::Input)?.into_with_config().limit(bytes_max).reader();
        let mut reader = reader.take(bytes_max);
        reader.read_to_end(&mut body).map_err(|error| Failure::Input(format!("{}{path}: {error}", self.base)))?;
        Ok(body)
    }

    /// Reads a file and throws it away: the proxy keeps it.
    fn pass_over(&self, path: &str) -> Result<u64, String> {
        let mut reader = self.get(path)?.into_with_config().limit(u64::MAX).reader();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut bytes = 0;
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => return Ok(bytes),
                Ok(count) => bytes += count as u64,
                Err(error) => return Err(format!("{}{path}: {error}", self.base)),
            }
        }
    }

    fn fetch_all(&self, paths: &[String], jobs: usize) -> Done {
        let (next, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
        let failures = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..jobs.min(paths.len()) {
                scope.spawn(|| {
                    while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match self.pass_over(path) {
                            Ok(count) => drop(bytes.fetch_add(count, Ordering::Relaxed)),
                            Err(why) => failures.lock().unwrap_or_else(PoisonError::into_inner).push(why),
                        }
                    }
                });
            }
        });
        let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        Done { count: paths.len() - failures.len(), bytes: bytes.into_inner(), failures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name, is_match) in [
            ("*", "", true),
            ("*", "kernel-6.rpm", true),
            ("kernel-*", "kernel-6.rpm", true),
            ("kernel-*", "kernel", false),
            ("*.rpm", "kernel-6.rpm", true),
            ("k?rnel-*.x86_64.rpm", "kernel-6-1.x86_64.rpm", true),
            ("k?rnel-*.x86_64.rpm", "kernel-6-1.noarch.rpm", false),
            ("*a*b*c", "xaybzbc", true),
            ("*a*b*c", "xaybzb", false),
            ("", "a", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), is_match, "{pattern} {name}");
        }
    }
}
