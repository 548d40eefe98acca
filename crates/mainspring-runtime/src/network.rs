//! The seam to the network: sockets in production, an in-memory network in tests.

mod memory;
mod tcp;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use mainspring_core::spawn::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

pub use memory::MemoryNetwork;
pub use tcp::TcpNetwork;

/// Binds listeners.
pub trait Network: fmt::Debug + Send + Sync + 'static {
    /// Binds `address`, written as `host:port`; nothing is accepted yet.
    ///
    /// # Errors
    /// When the address cannot be understood or is taken.
    fn bind<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>>;
}

/// A bound socket.
pub trait Listener: Send + 'static {
    /// The address that was bound; with port 0 asked for, the one that was given.
    fn local_addr(&self) -> SocketAddr;

    /// Waits for the next connection. Cancel safe.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>>;
}

/// Bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for T {}

/// One accepted connection.
pub struct Connection {
    /// The bytes.
    pub stream: Box<dyn Stream>,
    /// Who connected.
    pub peer: SocketAddr,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
