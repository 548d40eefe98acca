//! HTTP for the probes: GET and HEAD, JSON and OpenMetrics text.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use mainspring_core::activity::TaskKind;
use mainspring_core::context::Context;
use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::health::{Readiness, Report};
use mainspring_core::spawn::{Scope, Task};
use tokio::io::AsyncWriteExt;

use super::BoundProbes;
use crate::app::Shared;
use crate::endpoint::Site;
use crate::io_time;
use crate::metrics::{CONTENT_TYPE, Registry};
use crate::network::{Connection, Listener};

/// How long the server rests after a failed accept, such as too many open files.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// How long a client may take to send its request: probes are small and near.
const CONNECTION_LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// How many clients the health server talks to at once: a few orchestrators and scrapers are meant.
///
/// One more gets [`TOO_MANY`] and is closed, whatever it asks.
const CONNECTIONS_MAX: usize = 256;

/// What a client over the bound is told. It is written without waiting, since nothing here may wait
/// for a client; over a real network it may be lost when the client's request crosses it, and only
/// the close is seen.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n\
    cache-control: no-store\r\nconnection: close\r\n\r\ntoo many connections\n";

/// The bound health server.
pub(crate) struct HealthServer {
    ctx: Context,
    /// Of the task that accepts.
    scope: Scope,
    connections: Scope,
    address: SocketAddr,
    listener: Option<Box<dyn Listener>>,
    answers: Answers,
    accepting: Option<Task<()>>,
}

/// What the answers are made of.
#[derive(Clone)]
struct Answers(Arc<Parts>);

struct Parts {
    app: String,
    probes: BoundProbes,
    metrics: Registry,
    shared: std::sync::OnceLock<Arc<Shared>>,
}

impl HealthServer {
    pub(crate) async fn bind(
        site: &Site,
        address: &str,
        app: String,
        probes: BoundProbes,
        metrics: Registry,
    ) -> Result<Self, Error> {
        let listener =
            site.network.bind(address).await.map_err(|error| {
                Error::new(ErrorKind::Bind, error.to_string()).with_source(error)
            })?;
        let parts = Parts {
            app,
            probes,
            metrics,
            shared: std::sync::OnceLock::new(),
        };
        Ok(Self {
            ctx: site.ctx.clone(),
            scope: Scope::new(),
            connections: Scope::new(),
            address: listener.local_addr(),
            listener: Some(listener),
            answers: Answers(Arc::new(parts)),
            accepting: None,
        })
    }

    pub(crate) fn with_shared(self, shared: Arc<Shared>) -> Self {
        let _ = self.answers.0.shared.set(shared);
        self
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn serve(&mut self) {
        let Some(listener) = self.listener.take() else {
            return;
        };
        let (ctx, connections) = (self.ctx.clone(), self.connections.clone());
        let accept = accept(ctx, connections, listener, self.answers.clone());
        let name = Arc::from("health listener");
        let task = self
            .ctx
            .env()
            .spawner
            .spawn(&self.scope, TaskKind::Loop, &name, accept);
        self.accepting = Some(task);
    }

    /// Stops accepting and drops what is open: nobody waits for a probe of an app that has stopped.
    pub(crate) async fn close(&mut self) {
        self.end();
        self.scope.emptied().await;
        self.connections.emptied().await;
    }

    /// Drops everything without waiting.
    pub(crate) fn end(&mut self) {
        self.listener = None;
        self.scope.abort_all();
        self.connections.abort_all();
    }
}

async fn accept(
    ctx: Context,
    connections: Scope,
    mut listener: Box<dyn Listener>,
    answers: Answers,
) {
    let name = Arc::from("health connection");
    loop {
        match listener.accept().await {
            Ok(mut connection) => {
                if connections.len() >= CONNECTIONS_MAX {
                    let _ = connection.stream.write_all(TOO_MANY).now_or_never();
                    tracing::warn!("the health server has too many connections and closed one");
                    continue;
                }
                let served = connection_of(connection, answers.clone());
                drop(
                    ctx.env()
                        .spawner
                        .spawn(&connections, TaskKind::Loop, &name, served),
                );
            }
            Err(error) => {
                tracing::warn!(%error, "the health server cannot accept a connection");
                io_time::pause(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection_of(connection: Connection, answers: Answers) {
    let service = hyper::service::service_fn(move |request| {
        let answers = answers.clone();
        async move { Ok::<_, Infallible>(answers.to(&request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(connection.stream), service);
    // A probe's client that breaks off or is too slow is no news.
    let _ = io_time::timeout(CONNECTION_LIMIT, served).await;
}

impl Answers {
    async fn to(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "use GET or HEAD\n");
            refused
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match request.uri().path() {
            "/live" => json(&Report::live(&*self.0.app)),
            "/ready" => json(&self.ready().await),
            "/startup" => json(&Report::startup(&*self.0.app, self.has_started())),
            "/metrics" => metrics(self.0.metrics.encode()),
            _ => plain(
                StatusCode::NOT_FOUND,
                "try /live, /ready, /startup or /metrics\n",
            ),
        }
    }

    async fn ready(&self) -> Report {
        match Report::not_ready(self.readiness()) {
            Some(health) => Report::probed(&*self.0.app, health, std::time::Duration::ZERO),
            None => Report::aggregate(&*self.0.app, self.0.probes.ask().await),
        }
    }

    fn has_started(&self) -> bool {
        let shared = self.0.shared.get();
        shared.is_some_and(|shared| shared.has_started())
    }

    fn readiness(&self) -> Readiness {
        self.0
            .shared
            .get()
            .map_or(Readiness::Starting, |shared| shared.readiness())
    }
}

fn json(report: &Report) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(report).unwrap_or_default();
    let status = StatusCode::from_u16(report.http_status());
    answer(
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        "application/json",
        body.into(),
    )
}

fn metrics(text: String) -> Response<Full<Bytes>> {
    answer(StatusCode::OK, CONTENT_TYPE, text.into())
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    answer(
        status,
        "text/plain; charset=utf-8",
        Bytes::from_static(text.as_bytes()),
    )
}

fn answer(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
