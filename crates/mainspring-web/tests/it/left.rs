//! A client that leaves does not cut its handler off.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::post as on_post;
use mainspring_core::cause::CauseKind;
use mainspring_web::action::{Action, Limits};
use mainspring_web::app::Web;
use mainspring_web::context::{ActionContext, RequestContext};
use mainspring_web::error::ActionError;
use tokio::sync::{Notify, mpsc};

use crate::harness::{Setup, post, soon};

/// Says when it begins, waits for its client to leave, and goes on for a while.
#[derive(Clone)]
struct Waits {
    told: mpsc::UnboundedSender<String>,
    go_on: Arc<Notify>,
}

impl Waits {
    fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (told, heard) = mpsc::unbounded_channel();
        let go_on = Arc::new(Notify::new());
        (Self { told, go_on }, heard)
    }

    async fn work(&self, ctx: &ActionContext) {
        let _ = self.told.send("begun".into());
        let cause = ctx.cancelled().await;
        assert_eq!(cause.kind(), CauseKind::ClientGone);
        self.go_on.notified().await;
        let told = self.told.clone();
        ctx.follow_up("after", Duration::from_secs(5), move |ctx| async move {
            told.send(format!("followed, {:?}", ctx.cause()))?;
            Ok(())
        });
        let _ = self.told.send("done".into());
    }
}

impl Action for Waits {
    const NAME: &'static str = "demo.waits";
    type Input = ();
    type Output = ();

    async fn call(&self, ctx: ActionContext, (): ()) -> Result<(), ActionError> {
        self.work(&ctx).await;
        Ok(())
    }
}

async fn leaves(setup: Setup, path: &str) {
    let (waits, mut heard) = Waits::new();
    let go_on = Arc::clone(&waits.go_on);
    let route = waits.clone();
    let handler = async move |ctx: RequestContext| route.work(&ctx).await;
    let router = axum::Router::new().route("/waits", on_post(handler));
    let mut server = setup
        .start(|draft| draft.action(waits).routes(router))
        .await;
    let mut client = server.connect().await;
    client.write(post(path, "", "").as_bytes()).await;
    assert_eq!(soon(heard.recv()).await.unwrap(), "begun");
    drop(client);
    go_on.notify_one();
    assert_eq!(soon(heard.recv()).await.unwrap(), "done");
    assert_eq!(soon(heard.recv()).await.unwrap(), "followed, None");
    soon(server.bound.drain()).await;
}

#[tokio::test]
async fn an_action_goes_on_and_its_follow_up_runs() {
    leaves(Setup::memory(), "/actions/demo.waits").await;
    leaves(Setup::tcp(), "/actions/demo.waits").await;
}

#[tokio::test]
async fn a_plain_route_does_the_same() {
    leaves(Setup::memory(), "/waits").await;
    leaves(Setup::tcp(), "/waits").await;
}

/// Never looks at its context.
struct Deaf(mpsc::UnboundedSender<&'static str>);

struct Told(mpsc::UnboundedSender<&'static str>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

impl Action for Deaf {
    const NAME: &'static str = "demo.deaf";
    type Input = ();
    type Output = ();

    async fn call(&self, ctx: ActionContext, (): ()) -> Result<(), ActionError> {
        let _told = Told(self.0.clone());
        let _ = self.0.send("begun");
        ctx.park(std::future::pending::<()>()).await;
        Ok(())
    }

    fn limits(&self) -> Limits {
        Limits::default().timeout(Duration::from_secs(3))
    }
}

#[tokio::test]
async fn only_its_own_limit_drops_it() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = Setup::manual()
        .start(|draft| draft.action(Deaf(tell)))
        .await;
    let clock = server.manual.clone().unwrap();
    let mut client = server.connect().await;
    client
        .write(post("/actions/demo.deaf", "", "").as_bytes())
        .await;
    assert_eq!(soon(told.recv()).await, Some("begun"));
    drop(client);
    clock.advance(Duration::from_millis(2999)).await;
    assert!(told.try_recv().is_err(), "it goes on without its client");
    clock.advance(Duration::from_millis(1)).await;
    assert_eq!(told.try_recv(), Ok("dropped"));
}
