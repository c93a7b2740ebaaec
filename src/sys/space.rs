//! Space on a disk, reserved before it is written to.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Reserves space for the bytes of a file from `offset_bytes` on, without changing its length, so that writing there
/// does not run out of space. Does nothing where the file system cannot do that. fallocate(2).
pub fn reserve_space(file: &File, offset_bytes: u64, length_bytes: u64) -> io::Result<()> {
    let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
    let offset = libc::off64_t::try_from(offset_bytes).map_err(too_large)?;
    let length = libc::off64_t::try_from(length_bytes).map_err(too_large)?;
    // SAFETY: it takes no pointer, and the descriptor is open for as long as `file` is borrowed.
    if unsafe { libc::fallocate64(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, offset, length) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP | libc::ENOSYS) => Ok(()),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_stays() {
        let file = tempfile::tempfile().unwrap();
        reserve_space(&file, 0, 1 << 20).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 0);
        assert!(reserve_space(&file, u64::MAX, 1).is_err());
        assert!(reserve_space(&file, 0, 0).is_err(), "nothing to reserve is a mistake of the caller");
    }
}
