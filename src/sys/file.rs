//! Files on their way into sockets, and files without a name.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A file in `folder` that nobody else can open and that is gone when it is closed: open(2), `O_TMPFILE`.
pub fn unnamed_file(folder: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).mode(0o600).custom_flags(libc::O_TMPFILE).open(folder)
}

/// Has the kernel send bytes of a file: sendfile(2), again after a signal. The file's own position is not used. Returns
/// how many it took; 0 at the file's end. A non-blocking socket that takes nothing now gives `WouldBlock`.
pub fn send_file(socket: &impl AsRawFd, file: &File, offset_bytes: u64, bytes: usize) -> io::Result<usize> {
    let mut offset = libc::off64_t::try_from(offset_bytes).map_err(io::Error::other)?;
    loop {
        // SAFETY: both descriptors are open for as long as they are borrowed, and the kernel reads and writes the one
        // `off64_t` that the pointer points to for the length of the call.
        let sent = unsafe { libc::sendfile64(socket.as_raw_fd(), file.as_raw_fd(), &raw mut offset, bytes) };
        if let Ok(sent) = usize::try_from(sent) {
            return Ok(sent);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn bytes_go_out_from_where_they_are_asked() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        assert_eq!(send_file(&server, &file, 3, 4).unwrap(), 4);
        assert_eq!(send_file(&server, &file, 8, 100).unwrap(), 2);
        assert_eq!(send_file(&server, &file, 10, 1).unwrap(), 0);
        drop(server);
        let mut got = String::new();
        client.read_to_string(&mut got).unwrap();
        assert_eq!(got, "345689");
        assert!(send_file(&client, &file, u64::MAX, 1).is_err());
    }
}
