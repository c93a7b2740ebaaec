//! The heap of the process.

/// Gives memory that is free back to the system: a reload needs far more of it than serving does. malloc_trim(3).
pub fn give_back_free_memory() {
    // SAFETY: it takes no pointer, and any thread may call it at any time; C libraries other than glibc do without.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}
