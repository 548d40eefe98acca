//! The listener: bind, accept, drain, cut.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mainspring_core::activity::{TaskKind, park};
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::spawn::{BoxFuture, Scope, Task};
use mainspring_runtime::endpoint::{Bound, Site};
use mainspring_runtime::environment::HTTP_ADDR;
use mainspring_runtime::io_time;
use mainspring_runtime::network::Listener;
use tokio::sync::{Semaphore, watch};

use super::HttpEndpoint;
use super::connection::serve;
use super::server::Server;

/// How long to wait before accepting again when the system has no room, for example no file
/// descriptors: long enough not to spin, short enough that clients in the backlog wait on.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(100);

/// Binds the endpoint's socket.
pub(super) async fn bind(endpoint: HttpEndpoint, site: Site) -> Result<Box<dyn Bound>, Error> {
    let address = endpoint.address(&site.environment);
    let Some(address) = address else {
        return Err(
            Error::new(ErrorKind::Config, "the HTTP server has no address").with_hint(format!(
                "start the app with `serve(address)`, or set {HTTP_ADDR}"
            )),
        );
    };
    let listener = site.network.bind(&address).await.map_err(|error| {
        Error::new(ErrorKind::Bind, format!("cannot listen on {address}"))
            .with_source(error)
            .with_hint(format!(
                "set {HTTP_ADDR} to another address, or stop what uses it"
            ))
    })?;
    let (drain, _) = watch::channel(false);
    Ok(Box::new(HttpBound {
        address: listener.local_addr(),
        server: Server::new(endpoint, site),
        listener: Some(listener),
        acceptor: None,
        connections: Scope::new(),
        drain,
    }))
}

struct HttpBound {
    server: Arc<Server>,
    address: SocketAddr,
    listener: Option<Box<dyn Listener>>,
    acceptor: Option<Task<()>>,
    connections: Scope,
    drain: watch::Sender<bool>,
}

impl Bound for HttpBound {
    fn local_addr(&self) -> SocketAddr {
        self.address
    }

    fn accept(&mut self) {
        let Some(listener) = self.listener.take() else {
            return;
        };
        let ctx = &self.server.site.ctx;
        let accepting = accept(
            listener,
            Arc::clone(&self.server),
            self.connections.clone(),
            self.drain.clone(),
        );
        let name: Arc<str> = Arc::from("http accept");
        let spawner = &ctx.env().spawner;
        self.acceptor = Some(spawner.spawn(&Scope::new(), TaskKind::Loop, &name, accepting));
    }

    fn drain(&mut self) -> BoxFuture<'_, ()> {
        // The listener, if nothing was accepted yet, closes here as well.
        self.listener = None;
        Box::pin(park(async move {
            if let Some(acceptor) = &mut self.acceptor {
                acceptor.abort();
                // Its end is the listener's; how it ended does not matter.
                let _ = acceptor.await;
            }
            self.acceptor = None;
            self.drain.send_replace(true);
            self.connections.emptied().await;
            self.server.left_behind.emptied().await;
            // Their contexts are cancelled by now: what is left has seen it, or does not look.
            self.server.spawned().emptied().await;
        }))
    }

    fn cut(&mut self) -> Vec<String> {
        self.server.begin_cutting();
        let mut names = self.server.under_way();
        if let Some(acceptor) = &self.acceptor {
            acceptor.abort();
        }
        self.connections.abort_all();
        self.server.left_behind.abort_all();
        let spawned = self.server.spawned().abort_all();
        names.extend(spawned.iter().map(ToString::to_string));
        names
    }
}

async fn accept(
    mut listener: Box<dyn Listener>,
    server: Arc<Server>,
    connections: Scope,
    drain: watch::Sender<bool>,
) {
    let name: Arc<str> = Arc::from("http connection");
    let places = server.limits.connections.min(Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(places));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let connection = match listener.accept().await {
            Ok(connection) => connection,
            Err(error) => {
                if !concerns_one_client(&error) {
                    tracing::warn!(%error, "cannot accept connections for the moment");
                    io_time::pause(NO_ROOM_PAUSE).await;
                }
                continue;
            }
        };
        let serving = serve(Arc::clone(&server), connection, place, drain.subscribe());
        let spawner = &server.site.ctx.env().spawner;
        drop(spawner.spawn(&connections, TaskKind::Loop, &name, serving));
    }
}

/// Whether the error is about a connection that its client gave up, not about the listener.
fn concerns_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
