//! `Listener`: a socket that listens, and how connections on it begin.

use std::net::TcpListener;

/// A listening socket, and how connections on it begin.
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// Whether each connection begins with a PROXY protocol header.
    pub is_proxied: bool,
}
