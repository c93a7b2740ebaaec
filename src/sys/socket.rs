//! Sockets that listen, one per worker and address, sharing the port.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// How many connections may wait to be accepted. The kernel lowers it to `net.core.somaxconn`, 4096 by default.
pub const LISTEN_BACKLOG: i32 = 4096;

/// A socket that could not be made to listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {step}: {source}")]
pub struct ListenError {
    /// Where it was to listen.
    pub address: SocketAddr,
    /// What failed, such as `bind`.
    pub step: &'static str,
    /// Why.
    pub source: io::Error,
}

/// A non-blocking socket that listens on `address`; port 0 takes a free one.
///
/// Several may listen on one address (`SO_REUSEPORT`): the kernel spreads the connections. An IPv6 socket takes no
/// IPv4. Accepted connections inherit `TCP_NODELAY`. With `accept_defer` not zero, a connection is only there to be
/// accepted once it has bytes to read, or after that time (whole seconds, rounded up by the kernel to its
/// retransmission steps).
pub fn listen(address: SocketAddr, accept_defer: Duration) -> Result<TcpListener, ListenError> {
    let failed = |step| move |source| ListenError { address, step, source };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))
        .map_err(failed("socket"))?;
    if address.is_ipv6() {
        socket.set_only_v6(true).map_err(failed("IPV6_V6ONLY"))?;
    }
    socket.set_reuse_address(true).map_err(failed("SO_REUSEADDR"))?;
    socket.set_reuse_port(true).map_err(failed("SO_REUSEPORT"))?;
    socket.set_tcp_nodelay(true).map_err(failed("TCP_NODELAY"))?;
    if !accept_defer.is_zero() {
        defer_accept(&socket, accept_defer).map_err(failed("TCP_DEFER_ACCEPT"))?;
    }
    socket.bind(&address.into()).map_err(failed("bind"))?;
    socket.listen(LISTEN_BACKLOG).map_err(failed("listen"))?;
    Ok(socket.into())
}

/// tcp(7), `TCP_DEFER_ACCEPT`: seconds, as an `int`.
fn defer_accept(socket: &Socket, time: Duration) -> io::Result<()> {
    let seconds = libc::c_int::try_from(time.as_secs().max(1)).unwrap_or(libc::c_int::MAX);
    // SAFETY: the descriptor is open for as long as `socket` is borrowed, and the kernel reads exactly the `c_int` that
    // the pointer and the length describe.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn two_listen_on_one_port_and_neither_blocks() {
        let first = listen("127.0.0.1:0".parse().unwrap(), Duration::ZERO).unwrap();
        let address = first.local_addr().unwrap();
        let second = listen(address, Duration::from_secs(5)).unwrap();
        assert_eq!(second.local_addr().unwrap(), address);
        for listener in [&first, &second] {
            assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn a_deferred_connection_comes_with_its_first_bytes() {
        let listener = listen("127.0.0.1:0".parse().unwrap(), Duration::from_secs(5)).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        client.write_all(b"hello").unwrap();
        listener.set_nonblocking(false).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.nodelay().unwrap());
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"hello");
    }

    #[test]
    fn a_taken_address_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = listen(address, Duration::ZERO).unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot listen on {address}: bind: ")), "{error}");
    }
}
