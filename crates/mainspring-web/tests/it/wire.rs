//! Hostile and slow clients: what is too large, too slow, or cut.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::post as on_post;
use mainspring_web::action::{Action, Limits};
use mainspring_web::app::Web;
use mainspring_web::context::ActionContext;
use mainspring_web::error::ActionError;
use mainspring_web::http::HttpLimits;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use crate::harness::{Draft, Server, Setup, beside, get, post, soon};

/// Long enough for a busy machine, short enough for a test.
const SHORT: Duration = Duration::from_millis(100);

struct Echo;

impl Action for Echo {
    const NAME: &'static str = "demo.echo";
    type Input = serde_json::Value;
    type Output = usize;

    async fn call(
        &self,
        _ctx: ActionContext,
        input: serde_json::Value,
    ) -> Result<usize, ActionError> {
        Ok(input.as_str().map_or(0, str::len))
    }

    fn limits(&self) -> Limits {
        Limits::default()
    }
}

fn app(draft: Draft) -> Draft {
    let router = axum::Router::new().route("/echo", on_post(async |body: String| body));
    draft.action(Echo).routes(router)
}

fn limited(limits: HttpLimits) -> impl FnOnce(Draft) -> Draft {
    move |draft| app(draft).http_limits(limits)
}

fn head(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}

async fn is_alive(server: &Server) {
    assert_eq!(server.call("demo.echo", "\"abc\"").await.body, "3");
}

#[tokio::test]
async fn a_body_at_the_limit_passes_and_one_byte_more_is_413() {
    let server = Setup::tcp().start(app).await;
    let max = 1024 * 1024;
    let body = format!("\"{}\"", "x".repeat(max - 2));
    assert_eq!(
        server.call("demo.echo", &body).await.body,
        (max - 2).to_string()
    );
    let body = format!("\"{}\"", "x".repeat(max - 1));
    server.call("demo.echo", &body).await.problem(413);
    is_alive(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_413_can_be_read_by_a_client_that_sends_everything_first() {
    for setup in [Setup::tcp(), Setup::memory()] {
        let server = setup.start(app).await;
        let size = 8 * 1024 * 1024;
        let mut client = server.connect().await;
        client
            .write(head("/actions/demo.echo", size).as_bytes())
            .await;
        client.write(&vec![b'x'; size]).await;
        client.answer().await.problem(413);
        assert!(client.closed().await.is_empty());
        is_alive(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunked_body_is_counted_as_it_comes() {
    let server = Setup::tcp().start(app).await;
    let mut client = server.connect().await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let head = "POST /actions/demo.echo HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    client.write(head.as_bytes()).await;
    for _ in 0..32 {
        client.write(chunk.as_bytes()).await;
    }
    client.answer().await.problem(413);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_and_dropped_is_bounded() {
    // By size: a client that never stops sending is cut off.
    let limits = HttpLimits::default()
        .linger_bytes(1024 * 1024)
        .linger_time(Duration::from_secs(60));
    let server = Setup::memory().start(limited(limits)).await;
    let mut client = server.connect().await;
    client
        .write(head("/actions/demo.echo", usize::MAX / 4).as_bytes())
        .await;
    let mut sent = 0_usize;
    let piece = [b'x'; 64 * 1024];
    while soon(client.stream.write_all(&piece)).await.is_ok() {
        sent += piece.len();
        assert!(
            sent < 4 * 1024 * 1024,
            "the connection should be closed by now"
        );
    }
    // By time: a client that stops sending is not waited for.
    let limits = HttpLimits::default().linger_time(SHORT);
    let server = Setup::tcp().start(limited(limits)).await;
    let mut client = server.connect().await;
    client
        .write(head("/actions/demo.echo", 2 * 1024 * 1024).as_bytes())
        .await;
    client.answer().await.problem(413);
    client.closed().await;
    is_alive(&server).await;
}

#[tokio::test]
async fn a_flood_of_headers_is_431() {
    for setup in [Setup::tcp(), Setup::memory()] {
        let server = setup.start(app).await;
        let big = format!(
            "GET / HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n",
            "x".repeat(80 * 1024)
        );
        server.send(&big).await.problem(431);
        let many = format!(
            "GET / HTTP/1.1\r\nhost: t\r\n{}\r\n",
            "a: b\r\n".repeat(5000)
        );
        server.send(&many).await.problem(431);
        let fits = format!("x: {}\r\n", "x".repeat(60 * 1024));
        let answer = server
            .send(&post("/actions/demo.echo", &fits, "\"abc\""))
            .await;
        assert_eq!(answer.body, "3");
    }
}

#[tokio::test]
async fn a_slow_head_is_408() {
    let limits = HttpLimits::default().head_time(SHORT);
    for setup in [Setup::tcp(), Setup::memory()] {
        let server = setup.start(limited(limits)).await;
        let mut client = server.connect().await;
        client
            .write(b"POST /actions/demo.echo HTTP/1.1\r\nhost")
            .await;
        let answer = client.answer().await;
        answer.problem(408);
        assert_eq!(answer.header("connection"), "close");
        assert!(client.closed().await.is_empty());
        // On a connection that was used before, too.
        let mut client = server.connect().await;
        client
            .write(post("/actions/demo.echo", "", "\"abc\"").as_bytes())
            .await;
        assert_eq!(client.answer().await.status, 200);
        client.write(b"POST /act").await;
        client.answer().await.problem(408);
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let limits = HttpLimits::default().head_time(SHORT).idle_time(SHORT);
    let server = Setup::tcp().start(limited(limits)).await;
    let mut fresh = server.connect().await;
    assert!(fresh.closed().await.is_empty());
    let mut used = server.connect().await;
    used.write(post("/actions/demo.echo", "", "\"abc\"").as_bytes())
        .await;
    assert_eq!(used.answer().await.status, 200);
    assert!(used.closed().await.is_empty());
}

#[tokio::test]
async fn a_slow_body_is_408() {
    let limits = HttpLimits::default().body_time(SHORT).linger_time(SHORT);
    for setup in [Setup::tcp(), Setup::memory()] {
        let server = setup.start(limited(limits)).await;
        for path in ["/actions/demo.echo", "/echo"] {
            let mut client = server.connect().await;
            client.write(head(path, 100).as_bytes()).await;
            client.write(b"\"abc").await;
            client.answer().await.problem(408);
            assert!(client.closed().await.is_empty(), "{path}");
        }
    }
}

/// Answers more than the buffers of two sockets hold, and follows up.
struct Flood(Arc<Notify>);

impl Action for Flood {
    const NAME: &'static str = "demo.flood";
    type Input = ();
    type Output = String;

    async fn call(&self, ctx: ActionContext, (): ()) -> Result<String, ActionError> {
        let told = Arc::clone(&self.0);
        ctx.follow_up("after", Duration::from_secs(5), |_| async move {
            told.notify_one();
            Ok(())
        });
        Ok("x".repeat(16 * 1024 * 1024))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_of_its_answer_is_let_go() {
    let limits = HttpLimits::default().head_time(SHORT).write_time(SHORT);
    let followed = Arc::new(Notify::new());
    let flood = Flood(Arc::clone(&followed));
    let server = Setup::tcp()
        .start(|draft| draft.action(flood).http_limits(limits))
        .await;
    let mut client = server.connect().await;
    client
        .write(post("/actions/demo.flood", "", "").as_bytes())
        .await;
    // Nothing is read: only the limit can set the follow-up free.
    soon(followed.notified()).await;
}

#[tokio::test]
async fn a_cut_connection_harms_nobody() {
    let server = Setup::tcp().start(app).await;
    for part in ["", "PO", "POST /actions/demo.echo HTTP/1.1\r\nhost: t\r\n"] {
        let mut client = server.connect().await;
        client.write(part.as_bytes()).await;
        drop(client);
    }
    let mut client = server.connect().await;
    client
        .write(head("/actions/demo.echo", 100).as_bytes())
        .await;
    client.write(b"\"ab").await;
    drop(client);
    is_alive(&server).await;
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let server = Setup::tcp().start(app).await;
    let garbage = server.send("garbage\r\n\r\n").await;
    garbage.problem(400);
    assert_eq!(garbage.header("connection"), "close");
    assert!(garbage.header("date").ends_with(" GMT"), "{garbage:?}");
    let twice = "POST /actions/demo.echo HTTP/1.1\r\nhost: t\r\ncontent-length: 3\r\n\
                 content-length: 4\r\n\r\nabcd";
    server.send(twice).await.problem(400);
    is_alive(&server).await;
}

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it_or_the_refusal() {
    let server = Setup::tcp().start(app).await;
    let mut client = server.connect().await;
    let expect = "content-type: application/json\r\nexpect: 100-continue\r\n";
    let head =
        format!("POST /actions/demo.echo HTTP/1.1\r\nhost: t\r\n{expect}content-length: 5\r\n\r\n");
    client.write(head.as_bytes()).await;
    let mut interim = [0; 25];
    soon(tokio::io::AsyncReadExt::read_exact(
        &mut client.stream,
        &mut interim,
    ))
    .await
    .unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write(b"\"abc\"").await;
    assert_eq!(client.answer().await.body, "3");
    let head = format!(
        "POST /actions/demo.echo HTTP/1.1\r\nhost: t\r\n{expect}content-length: 5000000\r\n\r\n"
    );
    server.send(&head).await.problem(413);
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let limits = HttpLimits::default().connections(1);
    let server = Setup::tcp().start(limited(limits)).await;
    let mut first = server.connect().await;
    first.write(get("/nowhere").as_bytes()).await;
    assert_eq!(first.answer().await.status, 404);
    let mut second = server.connect().await;
    second.write(get("/nowhere").as_bytes()).await;
    let waiting = beside(async move { second.answer().await.status });
    first.write(get("/nowhere").as_bytes()).await;
    assert_eq!(first.answer().await.status, 404);
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(soon(waiting).await.unwrap(), 404);
}

#[tokio::test]
async fn a_refused_head_has_a_body_after_whatever_came_before_it() {
    let limits = HttpLimits::default().head_bytes(256 * 1024);
    for setup in [Setup::tcp(), Setup::memory()] {
        let server = setup.start(limited(limits)).await;
        let long = format!("GET /{} HTTP/1.1\r\nhost: t\r\n\r\n", "x".repeat(70_000));
        server.send(&long).await.problem(414);
        // After an answer, and in the same piece as the request before it.
        let good = post("/actions/demo.echo", "", "\"abc\"");
        let mut client = server.connect().await;
        client.write(good.as_bytes()).await;
        assert_eq!(client.answer().await.body, "3");
        client.write(b"no\r\n\r\n").await;
        client.answer().await.problem(400);
        assert!(client.closed().await.is_empty());
        let mut client = server.connect().await;
        client.write(format!("{good}no\r\n\r\n").as_bytes()).await;
        assert_eq!(client.answer().await.body, "3");
        client.answer().await.problem(400);
        assert!(client.closed().await.is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_reads_like_a_refusal_is_left_alone() {
    // It is written in pieces, and some of them begin like one.
    let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let build = |draft: Draft| {
        let body = refusal.repeat(100_000);
        let router = axum::Router::new().route("/", axum::routing::get(async || body));
        draft.routes(router)
    };
    let server = Setup::memory().start(build).await;
    let mut client = server.connect().await;
    for _ in 0..2 {
        client.write(get("/").as_bytes()).await;
        assert_eq!(client.answer().await.body, refusal.repeat(100_000));
    }
}
