//! TCP sockets.

use std::io;
use std::net::SocketAddr;

use mainspring_core::spawn::BoxFuture;
use tokio::net::TcpListener;

use super::{Connection, Listener, Network};

/// The machine's network.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpNetwork;

impl Network for TcpNetwork {
    fn bind<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok(Box::new(Tcp { listener, address }) as Box<dyn Listener>)
        })
    }
}

struct Tcp {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener for Tcp {
    fn local_addr(&self) -> SocketAddr {
        self.address
    }

    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async move {
            let (stream, peer) = self.listener.accept().await?;
            // Answers are written in one piece; waiting to fill a segment would only delay them.
            let _ = stream.set_nodelay(true);
            Ok(Connection {
                stream: Box::new(stream),
                peer,
            })
        })
    }
}
