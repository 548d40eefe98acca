//! Connections that become one of another protocol, as WebSockets do: through a plain route.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get as on_get;
use http::{StatusCode, header};
use hyper_util::rt::TokioIo;
use mainspring_web::app::Web;
use mainspring_web::context::RequestContext;
use mainspring_web::http::HttpLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::harness::{Client, Draft, Setup, beside, get, soon};

/// Switches to a protocol that repeats every byte, in a follow-up; with another path it declines.
async fn echo(ctx: RequestContext, request: Request) -> Response {
    if request.uri().path() == "/declines" {
        return (StatusCode::UPGRADE_REQUIRED, "not here").into_response();
    }
    let upgrade = hyper::upgrade::on(request);
    ctx.follow_up("echo", Duration::from_secs(60), |_| async move {
        let mut wire = TokioIo::new(upgrade.await?);
        let mut bytes = [0; 1024];
        loop {
            let count = wire.read(&mut bytes).await?;
            if count == 0 {
                return Ok(());
            }
            wire.write_all(&bytes[..count]).await?;
        }
    });
    let switch = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "echo")];
    (StatusCode::SWITCHING_PROTOCOLS, switch).into_response()
}

fn app(draft: Draft) -> Draft {
    let router = axum::Router::new()
        .route("/echo", on_get(echo))
        .route("/declines", on_get(echo));
    draft.routes(router)
}

fn asks(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
}

async fn is_repeated(client: &mut Client, text: &str) {
    client.write(text.as_bytes()).await;
    client.read_some(text.len()).await;
    assert_eq!(client.take_read(), text.as_bytes());
}

#[tokio::test]
async fn an_upgraded_connection_speaks_both_ways_until_it_closes() {
    for setup in [Setup::tcp(), Setup::memory()] {
        let server = setup.start(app).await;
        let mut client = server.connect().await;
        // What a client sends ahead is not lost.
        client
            .write(format!("{}ahead", asks("/echo")).as_bytes())
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 101, "{answer:?}");
        assert_eq!(answer.header("upgrade"), "echo");
        client.read_some(5).await;
        assert_eq!(client.take_read(), b"ahead");
        is_repeated(&mut client, "hello").await;
        // It is no HTTP any more, whatever it looks like.
        is_repeated(&mut client, "HTTP/1.1 400 Bad Request\r\n\r\n").await;
        is_repeated(&mut client, "GET /echo HTTP/1.1\r\n\r\n").await;
        drop(client);
        server.drained().await;
        assert_eq!(server.outcomes("echo"), ["succeeded"]);
    }
}

#[tokio::test]
async fn an_upgrade_that_is_declined_leaves_the_connection_as_it_was() {
    let server = Setup::tcp().start(app).await;
    let mut client = server.connect().await;
    client.write(asks("/declines").as_bytes()).await;
    assert_eq!(client.answer().await.status, 426);
    client.write(get("/nowhere").as_bytes()).await;
    client.answer().await.problem(404);
    client.write(asks("/echo").as_bytes()).await;
    assert_eq!(client.answer().await.status, 101);
    is_repeated(&mut client, "hello").await;
}

#[tokio::test]
async fn the_limits_of_http_end_with_it() {
    let short = Duration::from_millis(50);
    let limits = HttpLimits::default().head_time(short).idle_time(short);
    let server = Setup::tcp()
        .start(|draft| app(draft).http_limits(limits))
        .await;
    let mut client = server.connect().await;
    client.write(asks("/echo").as_bytes()).await;
    assert_eq!(client.answer().await.status, 101);
    // A connection that rests as long is closed meanwhile.
    let mut resting = server.connect().await;
    resting.write(get("/nowhere").as_bytes()).await;
    resting.answer().await.problem(404);
    assert!(resting.closed().await.is_empty());
    is_repeated(&mut client, "still here").await;
}

#[tokio::test]
async fn it_keeps_its_place_among_the_open_connections() {
    let limits = HttpLimits::default().connections(1);
    let server = Setup::tcp()
        .start(|draft| app(draft).http_limits(limits))
        .await;
    let mut client = server.connect().await;
    client.write(asks("/echo").as_bytes()).await;
    assert_eq!(client.answer().await.status, 101);
    let mut second = server.connect().await;
    second.write(get("/nowhere").as_bytes()).await;
    let waiting = beside(async move { second.answer().await.status });
    is_repeated(&mut client, "hello").await;
    assert!(!waiting.is_finished());
    drop(client);
    assert_eq!(soon(waiting).await.unwrap(), 404);
}

#[tokio::test]
async fn a_drain_of_the_server_leaves_it_to_the_follow_ups() {
    for setup in [Setup::tcp(), Setup::memory()] {
        let mut server = setup.start(app).await;
        let mut client = server.connect().await;
        client.write(asks("/echo").as_bytes()).await;
        assert_eq!(client.answer().await.status, 101);
        is_repeated(&mut client, "before").await;
        soon(server.bound.drain()).await;
        is_repeated(&mut client, "after").await;
        let rest = server.follow_ups.drained();
        assert!(futures_util::FutureExt::now_or_never(rest).is_none());
        drop(client);
        server.drained().await;
        assert_eq!(server.outcomes("echo"), ["succeeded"]);
    }
}

#[tokio::test]
async fn an_upgrade_under_way_when_a_drain_begins_is_finished() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, waits) = (Arc::clone(&begun), Arc::clone(&go_on));
    let held = async move |ctx: RequestContext, request: Request| {
        told.notify_one();
        waits.notified().await;
        echo(ctx, request).await
    };
    let router = axum::Router::new().route("/echo", on_get(held));
    let mut server = Setup::tcp().start(|draft| draft.routes(router)).await;
    let mut client = server.connect().await;
    client.write(asks("/echo").as_bytes()).await;
    soon(begun.notified()).await;
    let mut drain = server.bound.drain();
    assert!(futures_util::poll!(drain.as_mut()).is_pending());
    go_on.notify_one();
    soon(drain).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 101, "{answer:?}");
    is_repeated(&mut client, "hello").await;
    drop(client);
    server.drained().await;
    assert_eq!(server.outcomes("echo"), ["succeeded"]);
}
