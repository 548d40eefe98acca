//! Follow-ups start when the answer has been taken, or its client has gone, and never before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::routing::get as on_get;
use mainspring_core::identity::{RequestId, User};
use mainspring_web::action::Action;
use mainspring_web::app::Web;
use mainspring_web::context::{ActionContext, FollowUps};
use mainspring_web::error::ActionError;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use crate::harness::{Setup, get, post, soon};

const LIMIT: Duration = Duration::from_secs(60);

/// More than the buffers of two sockets may hold.
const SOCKET_BYTES: usize = 8 * 1024 * 1024;

/// Answers with as many bytes as it is asked for, and notes when its follow-up runs.
#[derive(Clone, Default)]
struct Large {
    began: Arc<AtomicBool>,
}

impl Action for Large {
    const NAME: &'static str = "demo.large";
    type Input = usize;
    type Output = String;

    async fn call(&self, ctx: ActionContext, size: usize) -> Result<String, ActionError> {
        let began = Arc::clone(&self.began);
        ctx.follow_up("after", LIMIT, move |_ctx| async move {
            began.store(true, Ordering::SeqCst);
            Ok(())
        });
        Ok("x".repeat(size))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_holds_the_follow_ups_back() {
    let large = Large::default();
    let began = Arc::clone(&large.began);
    let server = Setup::tcp().start(|draft| draft.action(large)).await;
    let size = 2 * SOCKET_BYTES;
    let mut client = server.connect().await;
    client
        .write(post("/actions/demo.large", "", &size.to_string()).as_bytes())
        .await;
    let (mut read, mut buffer) = (0, vec![0; 64 * 1024]);
    while read < size {
        let count = soon(client.stream.read(&mut buffer)).await.unwrap();
        assert!(count > 0, "the answer is complete");
        read += count;
        if size.saturating_sub(read) > SOCKET_BYTES {
            assert!(!began.load(Ordering::SeqCst), "begun after {read} bytes");
        }
    }
    server.drained().await;
    assert_eq!(server.outcomes("after"), ["succeeded"]);
}

#[tokio::test]
async fn over_a_small_pipe_they_wait_for_the_last_frame() {
    let large = Large::default();
    let began = Arc::clone(&large.began);
    let server = Setup::manual().start(|draft| draft.action(large)).await;
    let clock = server.manual.clone().unwrap();
    let mut client = server.connect().await;
    let size = 1024 * 1024;
    client
        .write(post("/actions/demo.large", "", &size.to_string()).as_bytes())
        .await;
    clock.settle().await;
    let mut buffer = vec![0; 64 * 1024];
    let mut read = 0;
    // The pipe and hyper's buffer hold four frames at most.
    while read < size - 4 * 64 * 1024 {
        read += client.stream.read(&mut buffer).await.unwrap();
        clock.settle().await;
        assert!(!began.load(Ordering::SeqCst), "begun after {read} bytes");
    }
    client.skip(size - read).await;
    server.drained().await;
    assert!(began.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_resets_mid_body_sets_them_free() {
    let server = Setup::tcp()
        .start(|draft| draft.action(Large::default()))
        .await;
    let mut client = server.connect().await;
    let size = (2 * SOCKET_BYTES).to_string();
    client
        .write(post("/actions/demo.large", "", &size).as_bytes())
        .await;
    let mut buffer = [0; 1000];
    soon(client.stream.read_exact(&mut buffer)).await.unwrap();
    assert_eq!(server.follow_ups.stats().waiting, 1);
    // Closing with unread bytes resets the connection.
    drop(client);
    server.drained().await;
    assert_eq!(server.outcomes("after"), ["succeeded"]);
}

/// Registers two follow-ups and fails if asked to.
struct Sometimes;

impl Action for Sometimes {
    const NAME: &'static str = "demo.sometimes";
    type Input = bool;
    type Output = ();

    async fn call(&self, ctx: ActionContext, fail: bool) -> Result<(), ActionError> {
        ctx.follow_up("plain", LIMIT, |_| async { Ok(()) });
        ctx.follow_up("kept", LIMIT, |_| async { Ok(()) }).always();
        match fail {
            true => Err(ActionError::conflict("asked to")),
            false => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_failed_handler_drops_all_but_the_marked_ones() {
    let server = Setup::memory().start(|draft| draft.action(Sometimes)).await;
    server.call("demo.sometimes", "true").await.problem(409);
    server.drained().await;
    assert_eq!(server.outcomes("plain"), ["dropped"]);
    assert_eq!(server.outcomes("kept"), ["succeeded"]);
    assert_eq!(server.call("demo.sometimes", "false").await.status, 200);
    server.drained().await;
    assert_eq!(server.outcomes("plain"), ["dropped", "succeeded"]);
}

#[tokio::test]
async fn a_route_that_answers_400_or_more_has_failed() {
    let router = axum::Router::new()
        .route(
            "/good",
            on_get(async |work: FollowUps| follow(&work).to_string()),
        )
        .route(
            "/bad",
            on_get(async |work: FollowUps| {
                follow(&work);
                http::StatusCode::IM_A_TEAPOT
            }),
        );
    fn follow(work: &FollowUps) -> bool {
        let taken = work.add("plain", LIMIT, |_| async { Ok(()) }).is_taken();
        work.add("kept", LIMIT, |_| async { Ok(()) }).always();
        taken
    }
    let server = Setup::memory().start(|draft| draft.routes(router)).await;
    assert_eq!(server.send(&get("/good")).await.body, "true");
    server.drained().await;
    assert_eq!(server.outcomes("plain"), ["succeeded"]);
    assert_eq!(server.send(&get("/bad")).await.status, 418);
    server.drained().await;
    assert_eq!(server.outcomes("plain"), ["succeeded", "dropped"]);
    assert_eq!(server.outcomes("kept"), ["succeeded", "succeeded"]);
}

/// Registers three follow-ups and says which were taken.
struct Three;

impl Action for Three {
    const NAME: &'static str = "demo.three";
    type Input = ();
    type Output = (bool, bool, bool);

    async fn call(&self, ctx: ActionContext, (): ()) -> Result<Self::Output, ActionError> {
        let first = ctx
            .follow_up("three", LIMIT, |_| async { Ok(()) })
            .is_taken();
        let second = ctx
            .try_follow_up("three", LIMIT, |_| async { Ok(()) })
            .is_ok();
        let third = ctx.try_follow_up("three", LIMIT, |_| async { Ok(()) });
        let refused = third
            .err()
            .is_some_and(|error| error.to_string().contains("2 follow-ups"));
        Ok((first, second, refused))
    }
}

#[tokio::test]
async fn over_the_bounds_they_are_refused_and_counted() {
    let setup = Setup::memory().follow_ups(1, 2);
    let server = setup.start(|draft| draft.action(Three)).await;
    assert_eq!(server.call("demo.three", "").await.body, "[true,true,true]");
    server.drained().await;
    assert_eq!(
        server.outcomes("three"),
        ["dropped", "succeeded", "succeeded"]
    );
}

/// Tells what its follow-up sees of the request.
struct Seen(mpsc::UnboundedSender<String>);

impl Action for Seen {
    const NAME: &'static str = "demo.seen";
    type Input = ();
    type Output = ();

    async fn call(&self, ctx: ActionContext, (): ()) -> Result<(), ActionError> {
        let tell = self.0.clone();
        ctx.follow_up("seen", LIMIT, move |ctx| async move {
            let user = ctx.get::<User>().map(ToString::to_string);
            let id = ctx.get::<RequestId>().map(ToString::to_string);
            let limit = ctx.deadline().is_some();
            tell.send(format!("{user:?} {id:?} {limit} {:?}", ctx.cause()))?;
            Ok(())
        });
        Ok(())
    }
}

#[tokio::test]
async fn they_keep_the_identity_of_their_request() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let build = |draft: crate::harness::Draft| {
        draft.action(Seen(tell)).authenticate(|request| async move {
            Ok(request.header("authorization").map(User::new))
        })
    };
    let server = Setup::memory().start(build).await;
    let more = "authorization: ada\r\nx-request-id: r-1\r\n";
    assert_eq!(
        server
            .send(&post("/actions/demo.seen", more, ""))
            .await
            .status,
        200
    );
    let seen = soon(told.recv()).await.unwrap();
    assert_eq!(seen, r#"Some("ada") Some("r-1") true None"#);
}
