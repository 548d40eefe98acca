//! Which answers say when to ask again, and what is left of a rate: as the guide promises.

use std::time::Duration;

use mainspring_core::identity::User;
use mainspring_web::action::{Action, Limits, Rate};
use mainspring_web::app::Web;
use mainspring_web::context::ActionContext;
use mainspring_web::error::{ActionError, Invalid, Validate};
use mainspring_web::trigger::TriggerKeys;

use crate::harness::{Answer, Draft, Server, Setup, get, post};

const TOKEN: &str = "a token of 16 bytes or more";

#[derive(serde::Deserialize)]
struct How(String);

impl Validate for How {
    fn validate(&self) -> Result<(), Invalid> {
        Invalid::new()
            .check("how", self.0 != "invalid", "is not valid")
            .into_result()
    }
}

/// Ends as its input says, within a rate.
struct Rated;

impl Action for Rated {
    const NAME: &'static str = "demo.rated";
    type Input = How;
    type Output = ();

    async fn call(&self, ctx: ActionContext, how: How) -> Result<(), ActionError> {
        match &*how.0 {
            "fails" => Err("the disk is full".into()),
            "panics" => panic!("the disk is full"),
            "missing" => Err(ActionError::not_found("no such thing")),
            "busy" => Err(ActionError::unavailable(Duration::from_millis(2500))),
            "often" => Err(ActionError::too_many(Duration::from_secs(7))),
            "slow" => {
                ctx.clock().sleep(Duration::from_secs(3600)).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn limits(&self) -> Limits {
        Limits::default()
            .rate(Rate::per_minute(60))
            .timeout(Duration::from_secs(5))
            .body(64)
    }
}

fn app(draft: Draft) -> Draft {
    draft
        .action(Rated)
        .trigger(Rated, TriggerKeys::bearer_only(TOKEN))
        .authenticate(|request| async move {
            match request.header("authorization") {
                Some("broken") => Err(ActionError::unauthenticated("the token is not valid")),
                user => Ok(user.map(User::new)),
            }
        })
}

/// Checks the status, when to ask again, and how many calls are left.
#[track_caller]
fn check(answer: &Answer, status: u16, retry_after: &str, remaining: &str) {
    if status < 400 {
        assert_eq!(answer.status, status, "{answer:?}");
    } else {
        answer.problem(status);
    }
    assert_eq!(answer.header("retry-after"), retry_after, "{answer:?}");
    assert_eq!(
        answer.header("ratelimit-remaining"),
        remaining,
        "{answer:?}"
    );
    let limit = if remaining.is_empty() { "" } else { "60" };
    assert_eq!(answer.header("ratelimit-limit"), limit, "{answer:?}");
    let told = !answer.header("ratelimit-reset").is_empty();
    assert_eq!(told, !remaining.is_empty(), "{answer:?}");
    assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
}

async fn started() -> Server {
    Setup::manual().start(app).await
}

#[tokio::test]
async fn whatever_a_counted_call_answers_it_says_what_is_left() {
    let server = started().await;
    let clock = server.manual.clone().unwrap();
    let long = format!("\"{}\"", "x".repeat(64));
    let cases = [
        ("\"well\"", 200, ""),
        ("5", 400, ""),
        ("\"missing\"", 404, ""),
        (&*long, 413, ""),
        ("\"invalid\"", 422, ""),
        ("\"often\"", 429, "7"),
        ("\"fails\"", 500, ""),
        ("\"panics\"", 500, ""),
        ("\"busy\"", 503, "3"),
        // Last, as it lets the allowance grow.
        ("\"slow\"", 504, ""),
    ];
    let mut left = 60;
    for (body, status, retry_after) in cases {
        left -= 1;
        let answer = clock.run_until(server.call("demo.rated", body)).await;
        check(&answer, status, retry_after, &left.to_string());
    }
}

#[tokio::test]
async fn a_call_refused_before_it_is_counted_says_nothing_of_a_rate() {
    let server = started().await;
    let send = async |more: &str| {
        let request = post("/actions/demo.rated", more, "\"well\"");
        server.send(&request).await
    };
    check(&send("authorization: broken\r\n").await, 401, "", "");
    check(&send("sec-fetch-site: cross-site\r\n").await, 403, "", "");
    let unknown = server.call("demo.unknown", "{}").await;
    check(&unknown, 404, "", "");
    let method = server.send(&get("/actions/demo.rated")).await;
    check(&method, 405, "", "");
    check(&send("").await, 200, "", "59");
}

#[tokio::test]
async fn a_trigger_says_it_as_well() {
    let server = started().await;
    let send = async |token: &str, id: &str, body: &str| {
        let more = format!("authorization: Bearer {token}\r\nwebhook-id: {id}\r\n");
        server
            .send(&post("/triggers/demo.rated", &more, body))
            .await
    };
    check(&send("wrong", "run-1", "\"well\"").await, 401, "", "");
    check(&send(TOKEN, "run-1", "\"well\"").await, 202, "", "59");
    check(&send(TOKEN, "run-2", "\"invalid\"").await, 422, "", "58");
    check(&send(TOKEN, "run-1", "\"well\"").await, 200, "", "");
    check(&send(TOKEN, "run-3", "\"fails\"").await, 202, "", "57");
}

#[tokio::test]
async fn a_trigger_whose_run_cannot_be_taken_says_when_to_ask_again() {
    let server = Setup::manual().follow_ups(1, 0).start(app).await;
    let more = format!("authorization: Bearer {TOKEN}\r\n");
    let request = post("/triggers/demo.rated", &more, "\"well\"");
    check(&server.send(&request).await, 503, "5", "59");
}
