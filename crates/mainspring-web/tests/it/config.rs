//! Configuration errors: all of them, before anything is bound.

use std::time::Duration;

use mainspring_runtime::environment::Environment;
use mainspring_web::action::{Action, Limits, Rate};
use mainspring_web::app::Web;
use mainspring_web::context::ActionContext;
use mainspring_web::error::ActionError;
use mainspring_web::http::{HttpEndpoint, HttpLimits};
use mainspring_web::trigger::{TriggerKey, TriggerKeys};

use crate::harness::Draft;

macro_rules! action {
    ($type:ident, $name:literal) => {
        struct $type;

        impl Action for $type {
            const NAME: &'static str = $name;
            type Input = ();
            type Output = ();

            async fn call(&self, _ctx: ActionContext, (): ()) -> Result<(), ActionError> {
                Ok(())
            }
        }
    };
}

action!(Good, "demo.good");
action!(Again, "demo.good");
action!(Spaced, "demo bad");
action!(Nameless, "");

fn errors(draft: Draft) -> Vec<String> {
    draft.errors(&Environment::empty())
}

#[test]
fn a_good_draft_has_none() {
    let key = TriggerKey::derive("a long master secret of the service", "demo.good");
    let draft = Draft::default()
        .action(Good)
        .trigger(Again, key)
        .trusted_proxies(["10.0.0.0/8", "::1"])
        .action_prefix("/api/v1");
    assert_eq!(errors(draft), [""; 0]);
}

#[test]
fn all_are_found_at_once() {
    let route = || {
        let handler = axum::routing::get(async || "");
        axum::Router::new().route("/same", handler)
    };
    let draft = Draft::default()
        .action(Good)
        .action(Again)
        .action(Spaced)
        .action(Nameless)
        .trigger(Good, TriggerKey::from_whsec("nonsense"))
        .trigger(Again, TriggerKeys::default())
        .trusted_proxies(["10.0.0.0/99"])
        .action_prefix("")
        .routes(route())
        .routes(route());
    let expected = [
        "two actions are called `demo.good`",
        "the action name `demo bad` cannot be used",
        "the action name `` cannot be used",
        "two triggers are called `demo.good`",
        "the trigger `demo.good` cannot be used: one of its keys cannot be read: \
         it does not begin with `whsec_`",
        "the trigger `demo.good` cannot be used: it has no key",
        "the action prefix `` cannot be used",
        "the trusted proxy `10.0.0.0/99` cannot be used: its length is too large",
        "the routers cannot be merged",
    ];
    assert_eq!(errors(draft), expected);
}

struct Zeros(Limits);

impl Action for Zeros {
    const NAME: &'static str = "demo.zeros";
    type Input = ();
    type Output = ();

    async fn call(&self, _ctx: ActionContext, (): ()) -> Result<(), ActionError> {
        Ok(())
    }

    fn limits(&self) -> Limits {
        self.0
    }
}

#[test]
fn limits_of_zero_are_found() {
    let zero = Duration::ZERO;
    let rate = Rate::new(0, zero).burst(0);
    let limits = Limits::default()
        .concurrency(0)
        .timeout(zero)
        .slow(zero)
        .rate(rate);
    let http = HttpLimits::default()
        .head_bytes(0)
        .head_time(zero)
        .body_time(zero)
        .write_time(zero)
        .idle_time(zero)
        .linger_bytes(0)
        .linger_time(zero)
        .connections(0);
    let key = TriggerKey::derive("a long master secret of the service", "demo.zeros");
    let draft = Draft::default()
        .action(Zeros(limits))
        .trigger(Zeros(Limits::default().concurrency(0).body(0)), key)
        .http_limits(http)
        .action_prefix("");
    let expected = [
        "the action `demo.zeros` has a timeout of zero",
        "the action `demo.zeros` has a slow threshold of zero",
        "the action `demo.zeros` has a concurrency of zero",
        "the action `demo.zeros` has a rate count of zero",
        "the action `demo.zeros` has a rate burst of zero",
        "the action `demo.zeros` has a rate period of zero",
        "the trigger `demo.zeros` has a concurrency of zero",
        "the HTTP limit `head_bytes` is zero",
        "the HTTP limit `head_time` is zero",
        "the HTTP limit `body_time` is zero",
        "the HTTP limit `write_time` is zero",
        "the HTTP limit `idle_time` is zero",
        "the HTTP limit `connections` is zero",
        "the action prefix `` cannot be used",
    ];
    assert_eq!(errors(draft), expected);
}

#[test]
fn a_bad_address_from_outside_is_named() {
    let outside = Environment::empty().with("MAINSPRING_HTTP_ADDR", "nowhere");
    let errors = Draft::default().errors(&outside);
    assert_eq!(errors, ["the address `nowhere` cannot be used"]);
}

#[test]
fn debug_shows_what_is_registered() {
    let mut draft = Draft::default().action(Good);
    let endpoint: &mut HttpEndpoint = draft.http_mut();
    assert!(format!("{endpoint:?}").contains("demo.good"));
}
