//! The client of a test: one connection of the in-memory network for each request.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mainspring_core::activity::{Activity, park};
use mainspring_core::error::BoxError;
use mainspring_runtime::io_time;

use crate::kit::TestApp;

/// A request was not answered: its connection was refused, or cut before the whole answer had come.
#[derive(Debug)]
pub struct NoAnswer(BoxError);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was not answered")
    }
}

impl Error for NoAnswer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// The answer of a request that must have one.
#[track_caller]
pub(crate) fn answered(answer: Result<Response<Bytes>, NoAnswer>) -> Response<Bytes> {
    answer.unwrap_or_else(|error| panic!("{error}: {}", error.0))
}

/// Sends a request and waits for the whole answer.
pub(crate) async fn send(
    app: &TestApp,
    address: SocketAddr,
    mut request: Request<Bytes>,
) -> Result<Response<Bytes>, NoAnswer> {
    let headers = request.headers_mut();
    if !headers.contains_key(header::HOST) {
        headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    }
    let stream = app.network().connect(address);
    let stream = stream.map_err(|error| NoAnswer(error.into()))?;
    let exchange = exchange(TokioIo::new(stream), request.map(Full::new));
    // The answer depends on the clock as soon as its handler does.
    let exchange = park(watched(
        app.manual_clock().activity(),
        app.settle_limit(),
        exchange,
    ));
    exchange.await.map_err(|error| NoAnswer(error.into()))
}

async fn exchange(
    stream: TokioIo<tokio::io::DuplexStream>,
    request: Request<Full<Bytes>>,
) -> hyper::Result<Response<Bytes>> {
    let (mut sender, connection) = http1::handshake(stream).await?;
    let answer = async move {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    };
    let (mut answer, mut connection) = (pin!(answer), pin!(connection));
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The end of the connection may be the end of the answer.
        _ = &mut connection => answer.await,
    }
}

/// Waits for an answer, and panics if it waits for time that nobody moves.
///
/// It may fail to come, while nobody is busy, for as long as the clock waits for what is.
async fn watched<F: Future>(activity: &Activity, limit: Duration, exchange: F) -> F::Output {
    let mut exchange = pin!(exchange);
    loop {
        match io_time::timeout(limit, exchange.as_mut()).await {
            Ok(answer) => return answer,
            // Inside `run_until` the one who asks is busy, so this holds only where nobody moves
            // time.
            Err(_) => assert!(
                !activity.is_idle(),
                "no answer, and nobody is busy: the handler waits for time to pass; write \
                 `app.run_until(…)` around the call"
            ),
        }
    }
}
