//! Actions called with their types, through the real HTTP pipeline.

use mainspring::prelude::*;
use mainspring::test::{CallError, Options, TestApp, run, seconds};
use serde::{Deserialize, Serialize};

use crate::rig::panic_of;

#[derive(Serialize, Deserialize)]
pub(crate) struct Greeting {
    pub(crate) name: String,
}

impl Validate for Greeting {
    fn validate(&self) -> Result<(), Invalid> {
        let named = !self.name.is_empty();
        Invalid::new()
            .check("name", named, "must not be empty")
            .into_result()
    }
}

/// Greets whoever has a name, after a while.
#[derive(Default)]
pub(crate) struct Greet {
    pub(crate) takes: std::time::Duration,
}

impl Action for Greet {
    const NAME: &'static str = "demo.greet";
    type Input = Greeting;
    type Output = String;

    async fn call(&self, ctx: ActionContext, input: Greeting) -> Result<String, ActionError> {
        ctx.clock().sleep(self.takes).await;
        match input.name.as_str() {
            "nobody" => Err(ActionError::conflict("nobody is greeted already")),
            "everybody" => Err(ActionError::too_many(seconds(9))),
            "bug" => Err(std::io::Error::other("the disk is upside down").into()),
            name => Ok(format!("hello {name}, {}", ctx.header("x-mood"))),
        }
    }
}

trait Header {
    fn header(&self, name: &str) -> String;
}

impl Header for ActionContext {
    fn header(&self, name: &str) -> String {
        let header = self.headers().get(name).and_then(|mood| mood.to_str().ok());
        header.unwrap_or("calm").to_owned()
    }
}

pub(crate) fn named(name: &str) -> Greeting {
    Greeting { name: name.into() }
}

fn greeter() -> App {
    App::new("test").action(Greet::default())
}

async fn answers(app: TestApp) {
    let app = app.start(greeter()).await;
    let answer = app.call::<Greet>(named("ada")).await.unwrap();
    assert_eq!(answer, "hello ada, calm");
    let answer = app.call_with::<Greet>(named("bob"), &[("x-mood", "merry")]);
    assert_eq!(answer.await.unwrap(), "hello bob, merry");
}

#[mainspring::test]
async fn an_action_answers(app: TestApp) {
    answers(app).await;
}

#[mainspring::test(flavor = "multi_thread")]
async fn an_action_answers_on_many_threads(app: TestApp) {
    answers(app).await;
}

#[mainspring::test]
async fn an_error_says_what_a_client_would_see(app: TestApp) {
    let app = app.start(greeter()).await;
    let error = app.call::<Greet>(named("nobody")).await.unwrap_err();
    assert_eq!(error.status(), Some(409));
    assert_eq!(error.detail(), "nobody is greeted already");
    assert!(error.to_string().contains("409"), "{error}");

    let error = app.call::<Greet>(named("")).await.unwrap_err();
    assert_eq!(error.status(), Some(422));
    assert_eq!(error.field("name"), Some("must not be empty"));
    assert_eq!(error.field("age"), None);

    let error = app.call::<Greet>(named("everybody")).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(seconds(9)));

    let error = app.call::<Greet>(named("bug")).await.unwrap_err();
    assert_eq!(error.status(), Some(500));
    assert!(!error.to_string().contains("disk"), "{error}");
    assert!(app.logs().contains("the disk is upside down"));
}

#[mainspring::test]
async fn the_prefix_of_the_app_is_used(app: TestApp) {
    let app = app.start(greeter().action_prefix("/api/v1")).await;
    assert!(app.call::<Greet>(named("ada")).await.is_ok());
    assert_eq!(app.get("/actions/demo.greet").await.status(), 404);
}

#[mainspring::test]
async fn an_action_that_needs_time_is_driven(app: TestApp) {
    let slow = Greet { takes: seconds(20) };
    let app = app.start(App::new("test").action(slow)).await;
    let began = app.now();
    let answer = app.run_until(app.call::<Greet>(named("ada"))).await;
    assert_eq!(answer.unwrap(), "hello ada, calm");
    assert_eq!(app.now(), began + seconds(20));
}

#[mainspring::test]
async fn a_call_beside_an_advance_is_answered_on_the_way(app: TestApp) {
    let slow = Greet { takes: seconds(20) };
    let app = app.start(App::new("test").action(slow)).await;
    let call = async {
        let answer = app.call::<Greet>(named("ada")).await;
        (answer.unwrap(), app.now())
    };
    let began = app.now();
    let (answered, ()) = tokio::join!(call, async {
        app.advance(seconds(19)).await;
        app.advance(seconds(1)).await;
    });
    assert_eq!(answered, ("hello ada, calm".into(), began + seconds(20)));
}

#[mainspring::test]
async fn an_action_over_its_limit_times_out_in_virtual_time(app: TestApp) {
    let slow = Greet { takes: seconds(60) };
    let app = app.start(App::new("test").action(slow)).await;
    let began = app.now();
    let answer = app.run_until(app.call::<Greet>(named("ada"))).await;
    assert_eq!(answer.unwrap_err().status(), Some(504));
    assert_eq!(app.now(), began + seconds(30));
}

#[mainspring::test]
async fn a_stopped_app_does_not_answer(app: TestApp) {
    let app = app.start(greeter()).await;
    app.shutdown("done");
    let _ = app.stopped().await;
    let error = app.call::<Greet>(named("ada")).await.unwrap_err();
    assert!(matches!(error, CallError::NoAnswer(_)), "{error:?}");
    assert_eq!(error.status(), None);
}

#[test]
fn an_app_without_http_says_so() {
    let message = panic_of(|| {
        run(Options::new(), |app| async move {
            let app = app.start(App::new("test")).await;
            let _ = app.call::<Greet>(named("ada")).await;
        })
    });
    assert!(message.contains("serves HTTP"), "{message}");
}

#[test]
fn a_call_that_waits_for_time_that_nobody_moves_says_so() {
    let options = Options::new().settle_limit(std::time::Duration::from_millis(100));
    let message = panic_of(|| {
        run(options, |app| async move {
            let slow = Greet { takes: seconds(20) };
            let app = app.start(App::new("test").action(slow)).await;
            let _ = app.call::<Greet>(named("ada")).await;
        })
    });
    assert!(message.contains("app.run_until"), "{message}");
}

#[test]
fn the_prelude_has_what_limits_a_service() {
    let limits = Limits::default().rate(Rate::per_minute(100));
    let http = HttpLimits::default().connections(10);
    assert_ne!(limits, Limits::default());
    assert_ne!(http, HttpLimits::default());
}
