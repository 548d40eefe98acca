//! Plain routes and bad input, sent as raw requests.

use http::{Method, Request};
use mainspring::prelude::*;
use mainspring::test::TestApp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::calls::Greet;

fn pages() -> App {
    let echo = |body: String| async move { body };
    let router = axum::Router::new()
        .route("/", axum::routing::get(|| async { "home" }))
        .route("/echo", axum::routing::post(echo));
    App::new("test").action(Greet::default()).routes(router)
}

#[mainspring::test]
async fn plain_routes_answer(app: TestApp) {
    let app = app.start(pages()).await;
    let home = app.get("/").await;
    assert_eq!(
        (home.status().as_u16(), &home.body()[..]),
        (200, &b"home"[..])
    );
    let large = "x".repeat(1_000_000);
    let echo = Request::post("/echo").body(large.clone()).unwrap();
    assert_eq!(app.request(echo).await.body(), large.as_bytes());
    assert_eq!(app.get("/nowhere").await.status(), 404);
}

#[mainspring::test]
async fn bad_input_is_sent_as_it_is(app: TestApp) {
    let app = app.start(pages()).await;
    let send = |body: &'static str| {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/actions/demo.greet")
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        app.request(request)
    };
    assert_eq!(send("{").await.status(), 400);
    assert_eq!(send(r#"{"name":"ada","age":36}"#).await.status(), 400);
    assert_eq!(send(r#"{"name":"ada"}"#).await.status(), 200);
    assert_eq!(app.get("/actions/demo.greet").await.status(), 405);
}

#[mainspring::test]
async fn a_connection_may_be_written_byte_by_byte(app: TestApp) {
    let app = app.start(pages()).await;
    let mut stream = app.network().connect(app.addresses()["main"]).unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("home"), "{answer}");
}
