//! What is told of an action's limits: the slow ones in the log, the rate in the answer's head.

use std::time::Duration;

use mainspring_core::telemetry::event;
use mainspring_runtime::logger::capture::Captured;
use mainspring_web::action::{Action, Limits, Rate, SLOW};
use mainspring_web::app::Web;
use mainspring_web::context::ActionContext;
use mainspring_web::error::ActionError;

use crate::harness::{Answer, Setup};

/// Takes as many milliseconds as its input says.
struct Takes(Limits);

impl Action for Takes {
    const NAME: &'static str = "demo.takes";
    type Input = u64;
    type Output = ();

    async fn call(&self, ctx: ActionContext, millis: u64) -> Result<(), ActionError> {
        ctx.clock().sleep(Duration::from_millis(millis)).await;
        Ok(())
    }

    fn limits(&self) -> Limits {
        self.0
    }
}

/// Calls the action, and returns the status and how long each slow call took by the log.
async fn slow_calls(limits: Limits, millis: u64) -> (u16, Vec<String>) {
    let logs = Captured::new();
    let _guard = tracing::dispatcher::set_default(&logs.dispatch());
    let server = Setup::manual()
        .start(|draft| draft.action(Takes(limits)))
        .await;
    let clock = server.manual.clone().unwrap();
    let input = millis.to_string();
    let call = server.call("demo.takes", &input);
    let status = clock.run_until(call).await.status;
    let lines = logs.lines().into_iter();
    let slow = lines.filter(|line| line.event == Some(event::ACTION_SLOW));
    let told = slow.map(|line| {
        assert_eq!(line.level, tracing::Level::WARN);
        assert_eq!(line.text("action"), Some("demo.takes"));
        format!("{:?}", line.fields.get("took").unwrap())
    });
    (status, told.collect())
}

#[tokio::test]
async fn a_call_above_the_threshold_is_logged_once() {
    let limits = Limits::default();
    let (status, told) = slow_calls(limits, 5_001).await;
    assert_eq!((status, told.len()), (200, 1));
    assert!(told[0].contains("5.001"), "{told:?}");
    assert_eq!(SLOW, Duration::from_secs(5));
    assert_eq!(slow_calls(limits, 5_000).await, (200, vec![]));
    assert_eq!(slow_calls(limits, 0).await, (200, vec![]));
    let quick = limits.slow(Duration::from_millis(20));
    assert_eq!(slow_calls(quick, 21).await.1.len(), 1);
    assert_eq!(slow_calls(quick, 20).await.1.len(), 0);
    // Cut off: the warning of the timeout is the only one.
    assert_eq!(slow_calls(limits, 60_000).await, (504, vec![]));
}

fn quota(answer: &Answer) -> [&str; 3] {
    ["limit", "remaining", "reset"].map(|name| answer.header(&format!("ratelimit-{name}")))
}

#[tokio::test]
async fn answers_say_what_is_left_of_the_rate() {
    let limits = Limits::default().rate(Rate::per_minute(2));
    let server = Setup::manual()
        .start(|draft| draft.action(Takes(limits)))
        .await;
    let clock = server.manual.clone().unwrap();
    let call = async || server.call("demo.takes", "0").await;
    assert_eq!(quota(&call().await), ["2", "1", "30"]);
    let last = call().await;
    assert_eq!((last.status, quota(&last)), (200, ["2", "0", "60"]));
    clock.advance(Duration::from_millis(10_500)).await;
    let refused = call().await;
    refused.problem(429);
    assert_eq!(quota(&refused), ["2", "0", "50"]);
    assert_eq!(refused.header("retry-after"), "20");
    clock.advance(Duration::from_secs(300)).await;
    assert_eq!(quota(&call().await), ["2", "1", "30"]);
}

#[tokio::test]
async fn an_action_without_a_rate_says_nothing_of_one() {
    let server = Setup::manual()
        .start(|draft| draft.action(Takes(Limits::default())))
        .await;
    let answer = server.call("demo.takes", "0").await;
    assert_eq!(answer.status, 200);
    let named = answer
        .headers
        .keys()
        .any(|name| name.starts_with("ratelimit"));
    assert!(!named, "{:?}", answer.headers);
}
