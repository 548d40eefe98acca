//! What a request spawns through its context ends with it, and has an owner at the stop.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::post as on_post;
use mainspring_core::cause::{Cause, CauseKind};
use mainspring_web::action::Action;
use mainspring_web::app::Web;
use mainspring_web::context::{ActionContext, RequestContext};
use mainspring_web::error::ActionError;
use mainspring_web::http::HttpLimits;
use tokio::sync::{Notify, mpsc};

use crate::harness::{Setup, get, post, soon};

/// Spawns a task and answers at once.
#[derive(Clone)]
struct Spawns {
    told: mpsc::UnboundedSender<Result<Cause, &'static str>>,
    deaf: bool,
}

struct Told(mpsc::UnboundedSender<Result<Cause, &'static str>>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(Err("dropped"));
    }
}

impl Spawns {
    fn spawn(&self, ctx: &ActionContext) {
        let told = Told(self.told.clone());
        let deaf = self.deaf;
        let task = ctx.spawn("beside", async move |ctx| {
            if deaf {
                std::future::pending::<()>().await;
            }
            let _ = told.0.send(Ok(ctx.cancelled().await));
        });
        drop(task);
        let told = self.told.clone();
        ctx.follow_up("after", Duration::from_secs(5), move |ctx| async move {
            assert_eq!(ctx.cause(), None);
            told.send(Err("followed"))?;
            Ok(())
        });
    }
}

impl Action for Spawns {
    const NAME: &'static str = "demo.spawns";
    type Input = ();
    type Output = ();

    async fn call(&self, ctx: ActionContext, (): ()) -> Result<(), ActionError> {
        self.spawn(&ctx);
        Ok(())
    }
}

type Heard = mpsc::UnboundedReceiver<Result<Cause, &'static str>>;

async fn start(deaf: bool) -> (crate::harness::Server, Heard) {
    let (told, heard) = mpsc::unbounded_channel();
    let spawns = Spawns { told, deaf };
    let route = spawns.clone();
    let handler = async move |ctx: RequestContext| route.spawn(&ctx);
    let router = axum::Router::new().route("/spawns", on_post(handler));
    let server = Setup::tcp()
        .start(|draft| draft.action(spawns).routes(router))
        .await;
    (server, heard)
}

#[tokio::test]
async fn a_task_is_cancelled_with_its_request_and_a_follow_up_is_not() {
    for path in ["/actions/demo.spawns", "/spawns"] {
        let (mut server, mut heard) = start(false).await;
        assert_eq!(server.send(&post(path, "", "")).await.status, 200);
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(soon(heard.recv()).await.unwrap());
        }
        let cause = seen.iter().find_map(|seen| seen.as_ref().ok()).unwrap();
        assert_eq!(cause.kind(), CauseKind::Finished, "{path}");
        assert!(seen.contains(&Err("followed")), "{seen:?}");
        soon(server.bound.drain()).await;
    }
}

#[tokio::test]
async fn a_task_that_does_not_look_holds_the_drain_until_the_cut_names_it() {
    for path in ["/actions/demo.spawns", "/spawns"] {
        let (mut server, mut heard) = start(true).await;
        assert_eq!(server.send(&post(path, "", "")).await.status, 200);
        assert_eq!(soon(heard.recv()).await, Some(Err("followed")));
        {
            // Everything else of the drain is done at once: only the task holds it.
            let mut drain = server.bound.drain();
            for _ in 0..100 {
                assert!(futures_util::poll!(drain.as_mut()).is_pending(), "{path}");
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(server.bound.cut(), ["beside"], "{path}");
        assert_eq!(soon(heard.recv()).await, Some(Err("dropped")));
        soon(server.bound.drain()).await;
    }
}

#[tokio::test]
async fn a_handler_left_behind_keeps_the_place_of_its_connection() {
    let go_on = Arc::new(Notify::new());
    let begun = Arc::new(Notify::new());
    let (hold, begin) = (Arc::clone(&go_on), Arc::clone(&begun));
    let handler = async move |ctx: RequestContext| {
        begin.notify_one();
        ctx.park(hold.notified()).await;
    };
    let router = axum::Router::new().route("/hangs", on_post(handler));
    let limits = HttpLimits::default().connections(1);
    let server = Setup::manual()
        .start(|draft| draft.routes(router).http_limits(limits))
        .await;
    let clock = server.manual.clone().unwrap();
    let mut first = server.connect().await;
    first.write(post("/hangs", "", "").as_bytes()).await;
    soon(begun.notified()).await;
    drop(first);
    let mut second = server.connect().await;
    second.write(get("/nowhere").as_bytes()).await;
    clock.settle().await;
    {
        let mut answer = std::pin::pin!(second.answer());
        for _ in 0..3 {
            assert!(futures_util::poll!(answer.as_mut()).is_pending());
            clock.settle().await;
        }
        go_on.notify_one();
        answer.await.problem(404);
    }
}
