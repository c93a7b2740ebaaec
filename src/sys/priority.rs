//! Who gets a processor first.

/// What is added to the niceness of threads that may wait: so much that they still get on beside a busy server.
#[cfg(target_os = "linux")]
const NICE: libc::c_int = 10;

/// Lets other threads go before this one, and before those that it starts from now on: on Linux niceness belongs to a
/// thread, and is inherited (nice(2)). Elsewhere it belongs to the process, and nothing changes.
pub fn yield_to_others() {
    // SAFETY: it takes no pointer, and concerns the calling thread alone. Whoever asks for less is not refused.
    #[cfg(target_os = "linux")]
    unsafe {
        libc::nice(NICE);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// The niceness of the calling thread: field 19 of proc_pid_stat(5).
    fn nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn a_thread_and_those_it_starts_yield_and_nobody_else() {
        let before = nice();
        let inside = std::thread::spawn(|| {
            yield_to_others();
            (nice(), std::thread::spawn(nice).join().unwrap())
        });
        let expected = (before + NICE).min(19);
        assert_eq!(inside.join().unwrap(), (expected, expected));
        assert_eq!(nice(), before);
    }
}
