//! A network inside the process: real HTTP over in-memory pipes, for tests.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mainspring_core::spawn::BoxFuture;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use super::{Connection, Listener, Network};

/// How many bytes fit into one direction of a pipe, like a small socket buffer, so that slow
/// readers are felt.
const PIPE_BYTES: usize = 64 * 1024;

/// How many connections may wait to be accepted, like a listen backlog.
const BACKLOG: usize = 1024;

/// The first port handed out for port 0.
const FIRST_PORT: u16 = 40_000;

/// A network that only exists in memory; clones are the same network.
#[derive(Clone, Debug, Default)]
pub struct MemoryNetwork(Arc<Mutex<Ports>>);

#[derive(Debug, Default)]
struct Ports {
    bound: BTreeMap<SocketAddr, mpsc::Sender<Connection>>,
    handed_out: u16,
    clients: u16,
}

impl MemoryNetwork {
    /// A network on which nothing is bound.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects to a bound address.
    ///
    /// # Errors
    /// Refused when nobody listens there or the backlog is full.
    pub fn connect(&self, address: SocketAddr) -> io::Result<DuplexStream> {
        let mut ports = self.ports();
        ports.clients = ports.clients.wrapping_add(1);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.clients));
        let listener = ports
            .bound
            .get(&address)
            .ok_or(io::ErrorKind::ConnectionRefused)?;
        let (client, server) = tokio::io::duplex(PIPE_BYTES);
        let connection = Connection {
            stream: Box::new(server),
            peer,
        };
        listener
            .try_send(connection)
            .map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(client)
    }

    fn ports(&self) -> MutexGuard<'_, Ports> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bind_now(&self, address: &str) -> io::Result<Box<dyn Listener>> {
        let mut address: SocketAddr = address.parse().map_err(io::Error::other)?;
        let mut ports = self.ports();
        if address.port() == 0 {
            address.set_port(FIRST_PORT.saturating_add(ports.handed_out));
            ports.handed_out = ports.handed_out.saturating_add(1);
        }
        if ports
            .bound
            .get(&address)
            .is_some_and(|bound| !bound.is_closed())
        {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (sender, receiver) = mpsc::channel(BACKLOG);
        ports.bound.insert(address, sender);
        Ok(Box::new(Memory { address, receiver }))
    }
}

impl Network for MemoryNetwork {
    fn bind<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { self.bind_now(address) })
    }
}

struct Memory {
    address: SocketAddr,
    receiver: mpsc::Receiver<Connection>,
}

impl Listener for Memory {
    fn local_addr(&self) -> SocketAddr {
        self.address
    }

    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async move {
            let connection = self.receiver.recv().await;
            connection.ok_or_else(|| io::ErrorKind::NotConnected.into())
        })
    }
}
