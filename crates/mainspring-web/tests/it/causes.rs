//! Warnings and errors about an action tell why it was cancelled, if it was.

use std::sync::Arc;
use std::time::Duration;

use mainspring_core::telemetry::event;
use mainspring_runtime::logger::capture::Captured;
use mainspring_web::action::{Action, Limits};
use mainspring_web::app::Web;
use mainspring_web::context::{ActionContext, RequestContext};
use mainspring_web::error::ActionError;
use tokio::sync::Notify;

use crate::harness::{Draft, Server, Setup, get, post, soon};

/// Ends as its input says.
struct Ends(Arc<Notify>);

impl Action for Ends {
    const NAME: &'static str = "demo.ends";
    type Input = String;
    type Output = ();

    async fn call(&self, ctx: ActionContext, input: String) -> Result<(), ActionError> {
        match input.as_str() {
            "withdrawn" => ctx.cancel("the mail was withdrawn"),
            "panics" => {
                ctx.cancel("the tide is out");
                panic!("no");
            }
            "left" => {
                self.0.notify_one();
                ctx.cancelled().await;
            }
            "slow" => ctx.clock().sleep(Duration::from_secs(3600)).await,
            "late" => {
                ctx.cancel("the mail was withdrawn");
                ctx.clock().sleep(Duration::from_secs(4)).await;
                return Ok(());
            }
            "obeys" => ctx.sleep(Duration::from_secs(3600)).await?,
            _ => {}
        }
        Err("the disk is full".into())
    }

    fn limits(&self) -> Limits {
        let limits = Limits::default().timeout(Duration::from_secs(5));
        limits.slow(Duration::from_secs(3))
    }
}

fn app(draft: Draft, begun: &Arc<Notify>) -> Draft {
    let withdrawn = async |ctx: RequestContext| -> Result<(), ActionError> {
        ctx.cancel("the route was closed");
        Err("the disk is full".into())
    };
    let router = axum::Router::new().route("/closed", axum::routing::get(withdrawn));
    draft.action(Ends(Arc::clone(begun))).routes(router)
}

/// The field `cause` of the only line of this event.
fn cause(logs: &Captured, event: &str) -> Option<String> {
    let lines = logs.lines();
    let mut of_event = lines.iter().filter(|line| line.event == Some(event));
    let line = of_event
        .next()
        .unwrap_or_else(|| panic!("no {event} in {lines:?}"));
    assert!(of_event.next().is_none(), "more than one {event}");
    line.text("cause").map(str::to_owned)
}

async fn failed(server: &Server, logs: &Captured, request: &str) -> Option<String> {
    logs.clear();
    server.send(request).await.problem(500);
    cause(logs, event::ACTION_FAILED)
}

#[tokio::test]
async fn a_failure_tells_why_its_work_was_cancelled() {
    let logs = Captured::new();
    let _guard = tracing::dispatcher::set_default(&logs.dispatch());
    let server = Setup::memory()
        .start(|draft| app(draft, &Arc::default()))
        .await;
    let call = |input: &str| post("/actions/demo.ends", "", input);
    let told = failed(&server, &logs, &call("\"withdrawn\"")).await;
    assert_eq!(told.as_deref(), Some("the mail was withdrawn"));
    let told = failed(&server, &logs, &call("\"panics\"")).await;
    assert_eq!(told.as_deref(), Some("the tide is out"));
    let told = failed(&server, &logs, &get("/closed")).await;
    assert_eq!(told.as_deref(), Some("the route was closed"));
    let told = failed(&server, &logs, &call("\"plain\"")).await;
    assert_eq!(told, None, "nothing was cancelled");
}

#[tokio::test]
async fn a_failure_after_its_client_left_says_so() {
    let logs = Captured::new();
    let _guard = tracing::dispatcher::set_default(&logs.dispatch());
    let begun = Arc::new(Notify::new());
    let mut server = Setup::memory().start(|draft| app(draft, &begun)).await;
    let mut client = server.connect().await;
    client
        .write(post("/actions/demo.ends", "", "\"left\"").as_bytes())
        .await;
    soon(begun.notified()).await;
    drop(client);
    soon(server.bound.drain()).await;
    let told = cause(&logs, event::ACTION_FAILED);
    assert_eq!(told.as_deref(), Some("the client has gone"));
}

#[tokio::test]
async fn a_timeout_tells_whose_limit_it_was_and_a_slow_call_why_it_was_cancelled() {
    let logs = Captured::new();
    let _guard = tracing::dispatcher::set_default(&logs.dispatch());
    let server = Setup::manual()
        .start(|draft| app(draft, &Arc::default()))
        .await;
    let clock = server.manual.clone().unwrap();
    for input in ["\"slow\"", "\"obeys\""] {
        logs.clear();
        let call = server.call("demo.ends", input);
        clock.run_until(call).await.problem(504);
        let told = cause(&logs, event::ACTION_TIMED_OUT).expect("a cause");
        assert!(told.contains("`demo.ends`"), "{told}");
        assert!(told.contains("5s"), "{told}");
    }
    let call = server.call("demo.ends", "\"late\"");
    assert_eq!(clock.run_until(call).await.status, 200);
    let told = cause(&logs, event::ACTION_SLOW);
    assert_eq!(told.as_deref(), Some("the mail was withdrawn"));
}
