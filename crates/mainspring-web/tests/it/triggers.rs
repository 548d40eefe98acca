//! Triggers: signed, replay-safe, never inside the request.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use mainspring_web::action::{Action, Limits, Rate};
use mainspring_web::app::Web;
use mainspring_web::context::ActionContext;
use mainspring_web::error::{ActionError, Invalid, Validate};
use mainspring_web::trigger::{TriggerKey, TriggerKeys};
use sha2::Sha256;
use tokio::sync::{Notify, mpsc};

use crate::harness::{Answer, Draft, Server, Setup, post, soon};

/// The harness's clock starts here: 2026-03-28T00:00:00Z.
const NOW: i64 = 1_774_656_000;

const MASTER: &str = "a long master secret of the service";

/// Tells each of its runs, once it is let go.
struct Report {
    told: mpsc::UnboundedSender<String>,
    go_on: Option<Arc<Notify>>,
}

impl Action for Report {
    const NAME: &'static str = "report.run";
    type Input = Option<String>;
    type Output = ();

    async fn call(&self, ctx: ActionContext, day: Option<String>) -> Result<(), ActionError> {
        if let Some(go_on) = &self.go_on {
            ctx.park(go_on.notified()).await;
        }
        ctx.follow_up("after", Duration::from_secs(1), |_| async { Ok(()) });
        let _ = self.told.send(format!("{day:?} {}", ctx.request_id()));
        match day.as_deref() {
            Some("bad") => Err(ActionError::conflict("asked to")),
            _ => Ok(()),
        }
    }

    fn limits(&self) -> Limits {
        Limits::default().timeout(Duration::from_secs(5))
    }
}

struct Caller {
    key: String,
    id: &'static str,
    at: i64,
}

impl Caller {
    fn new(id: &'static str) -> Self {
        let key = TriggerKey::derive(MASTER, "report.run").to_whsec().unwrap();
        Self { key, id, at: NOW }
    }

    fn sign(&self, body: &str) -> String {
        let key = STANDARD
            .decode(self.key.trim_start_matches("whsec_"))
            .unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.{body}", self.id, self.at).as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    fn request(&self, body: &str, signature: &str) -> String {
        let more = format!(
            "webhook-id: {}\r\nwebhook-timestamp: {}\r\nwebhook-signature: {signature}\r\n\
             x-request-id: {}\r\n",
            self.id, self.at, self.id
        );
        post("/triggers/report.run", &more, body)
    }

    async fn call(&self, server: &Server, body: &str) -> Answer {
        server.send(&self.request(body, &self.sign(body))).await
    }
}

type Heard = mpsc::UnboundedReceiver<String>;

async fn start(keys: impl Into<TriggerKeys>) -> (Server, Heard) {
    let (told, heard) = mpsc::unbounded_channel();
    let keys = keys.into();
    let report = Report { told, go_on: None };
    let build = |draft: Draft| draft.trigger(report, keys);
    (Setup::manual().start(build).await, heard)
}

fn derived() -> TriggerKey {
    TriggerKey::derive(MASTER, "report.run")
}

#[tokio::test]
async fn a_signed_call_starts_the_work_after_the_answer() {
    let (told, mut heard) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let report = Report {
        told,
        go_on: Some(Arc::clone(&go_on)),
    };
    let server = Setup::memory()
        .start(|draft| draft.trigger(report, now_keys()))
        .await;
    let mut caller = Caller::new("msg_1");
    caller.at = unix_now();
    let answer = caller.call(&server, "\"monday\"").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json()["runId"].as_str().unwrap().len(), 36);
    assert!(
        heard.try_recv().is_err(),
        "the answer came before the work was done"
    );
    go_on.notify_one();
    assert_eq!(soon(heard.recv()).await.unwrap(), "Some(\"monday\") msg_1");
    server.drained().await;
    assert_eq!(server.outcomes("report.run"), ["succeeded"]);
    assert_eq!(server.outcomes("after"), ["succeeded"]);
}

fn now_keys() -> TriggerKeys {
    derived().into()
}

fn unix_now() -> i64 {
    mainspring_runtime::system_clock::system_clock()
        .now()
        .as_second()
}

#[tokio::test]
async fn the_same_id_is_the_same_run() {
    let (server, mut heard) = start(derived()).await;
    let clock = server.manual.clone().unwrap();
    let mut caller = Caller::new("msg_1");
    let first = caller.call(&server, "").await;
    assert_eq!(first.status, 202);
    let second = caller.call(&server, "").await;
    assert_eq!((second.status, second.json()), (200, first.json()));
    // A retry is signed anew, later; the id is what counts.
    clock.advance(Duration::from_secs(599)).await;
    caller.at = NOW + 599;
    let third = caller.call(&server, "").await;
    assert_eq!((third.status, third.json()), (200, first.json()));
    server.drained().await;
    assert_eq!(heard.recv().await.unwrap(), "None msg_1");
    assert!(heard.try_recv().is_err(), "it ran once");
    let other = Caller {
        id: "msg_2",
        ..caller
    };
    let answer = other.call(&server, "").await;
    assert_eq!(answer.status, 202);
    assert_ne!(answer.json(), first.json());
}

#[tokio::test]
async fn anything_wrong_is_401_without_detail() {
    let (server, mut heard) = start(derived()).await;
    let caller = Caller::new("msg_1");
    let good = caller.sign("{}");
    let other = Caller {
        key: TriggerKey::derive(MASTER, "other.action")
            .to_whsec()
            .unwrap(),
        ..Caller::new("msg_1")
    };
    let late = Caller {
        at: NOW - 301,
        ..Caller::new("msg_1")
    };
    let early = Caller {
        at: NOW + 301,
        ..Caller::new("msg_1")
    };
    let dotted = Caller {
        id: "msg.1",
        ..Caller::new("msg.1")
    };
    let requests = [
        caller.request("{ }", &good),
        caller.request("{}", &other.sign("{}")),
        late.request("{}", &late.sign("{}")),
        early.request("{}", &early.sign("{}")),
        dotted.request("{}", &dotted.sign("{}")),
        caller.request("{}", ""),
        caller.request("{}", "v1"),
        caller.request("{}", "v1,!!!!"),
        caller.request("{}", &good.replace("v1,", "v2,")),
        caller.request("{}", &format!("{} {good}", "v1,AAAA ".repeat(2000))),
        post("/triggers/report.run", "", "{}"),
        post("/triggers/report.run", "webhook-id: msg_1\r\n", "{}"),
        post(
            "/triggers/report.run",
            &format!("webhook-signature: {good}\r\n"),
            "{}",
        ),
        post("/triggers/report.run", "authorization: Bearer x\r\n", "{}"),
        post("/triggers/report.run", "authorization: Bearer \r\n", "{}"),
    ];
    let mut bodies = Vec::new();
    for request in requests {
        let answer = server.send(&request).await;
        answer.problem(401);
        assert_eq!(answer.header("www-authenticate"), "StandardWebhooks");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "no answer says what was wrong: {bodies:?}");
    server.drained().await;
    assert!(heard.try_recv().is_err());
    // The good one is still good: refused calls are not remembered.
    assert_eq!(caller.call(&server, "null").await.status, 202);
}

#[tokio::test]
async fn two_keys_may_be_live_and_several_signatures_sent() {
    let old = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let keys = TriggerKeys::from(derived()).and(TriggerKey::from_whsec(old));
    let (server, _heard) = start(keys).await;
    let new = Caller::new("msg_1");
    assert_eq!(new.call(&server, "").await.status, 202);
    let old = Caller {
        key: old.into(),
        ..Caller::new("msg_2")
    };
    assert_eq!(old.call(&server, "").await.status, 202);
    let gone = Caller {
        key: TriggerKey::derive(MASTER, "gone").to_whsec().unwrap(),
        ..Caller::new("msg_3")
    };
    let current = Caller::new("msg_3");
    let both = format!("{} {}", gone.sign(""), current.sign(""));
    assert_eq!(server.send(&current.request("", &both)).await.status, 202);
    gone.call(&server, "").await.problem(401);
}

#[tokio::test]
async fn a_bearer_token_is_an_opt_in() {
    let token = "a token of 16 bytes or more";
    let (server, mut heard) = start(TriggerKeys::from(derived()).bearer(token)).await;
    let plain = format!("authorization: Bearer {token}\r\n");
    let send = async |more: &str| server.send(&post("/triggers/report.run", more, "")).await;
    assert_eq!(send(&plain).await.status, 202);
    assert_eq!(
        send(&plain).await.status,
        202,
        "without an id, each call is new"
    );
    let with_id = format!("{plain}webhook-id: nightly-1\r\n");
    assert_eq!(send(&with_id).await.status, 202);
    assert_eq!(send(&with_id).await.status, 200);
    let refused = send("authorization: Bearer another token, as long\r\n").await;
    refused.problem(401);
    let challenge = refused.header("www-authenticate");
    assert_eq!(challenge, "StandardWebhooks, Bearer");
    server.drained().await;
    for _ in 0..3 {
        heard.recv().await.unwrap();
    }
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn the_memory_is_bounded_and_never_forgets_early() {
    let (server, _heard) = start(TriggerKeys::from(derived()).remember(2)).await;
    let clock = server.manual.clone().unwrap();
    let call = async |id: &'static str, at: i64| {
        let caller = Caller {
            at,
            ..Caller::new(id)
        };
        caller.call(&server, "").await
    };
    assert_eq!(call("msg_1", NOW).await.status, 202);
    // Signed ahead of our clock, so it could be repeated for ten minutes.
    assert_eq!(call("msg_2", NOW + 300).await.status, 202);
    let full = call("msg_3", NOW).await;
    full.problem(503);
    assert_eq!(full.header("retry-after"), "5");
    clock.advance(Duration::from_secs(599)).await;
    call("msg_3", NOW + 599).await.problem(503);
    assert_eq!(
        call("msg_2", NOW + 300).await.status,
        200,
        "it is remembered"
    );
    clock.advance(Duration::from_secs(2)).await;
    assert_eq!(call("msg_3", NOW + 601).await.status, 202);
}

#[tokio::test]
async fn a_trigger_is_no_action_and_bad_input_is_told_to_who_signed() {
    let (server, mut heard) = start(derived()).await;
    server.call("report.run", "null").await.problem(404);
    server
        .send(&post("/triggers/unknown", "", "{}"))
        .await
        .problem(404);
    let get = "GET /triggers/report.run HTTP/1.1\r\nhost: t\r\n\r\n";
    server.send(get).await.problem(405);
    let caller = Caller::new("msg_1");
    caller.call(&server, "{\"a\":1}").await.problem(400);
    caller.call(&server, "nonsense").await.problem(400);
    assert_eq!(
        caller.call(&server, "\"bad\"").await.status,
        202,
        "its id was not used up"
    );
    server.drained().await;
    assert!(heard.recv().await.is_some());
    assert_eq!(server.outcomes("report.run"), ["failed"]);
    assert_eq!(server.outcomes("after"), ["dropped"]);
}

#[tokio::test]
async fn a_run_that_cannot_be_taken_is_503_and_may_be_tried_again() {
    let (told, _heard) = mpsc::unbounded_channel();
    let report = Report { told, go_on: None };
    let setup = Setup::manual().follow_ups(1, 0);
    let server = setup.start(|draft| draft.trigger(report, derived())).await;
    let caller = Caller::new("msg_1");
    caller.call(&server, "").await.problem(503);
    caller.call(&server, "").await.problem(503);
}

#[derive(serde::Deserialize)]
struct Day(String);

impl Validate for Day {
    fn validate(&self) -> Result<(), Invalid> {
        Invalid::new()
            .check("day", self.0 != "someday", "is no day")
            .into_result()
    }
}

/// Has rules and a rate.
struct Strict;

impl Action for Strict {
    const NAME: &'static str = "report.run";
    type Input = Day;
    type Output = ();

    async fn call(&self, _ctx: ActionContext, _day: Day) -> Result<(), ActionError> {
        Ok(())
    }

    fn limits(&self) -> Limits {
        Limits::default().rate(Rate::per_minute(2))
    }
}

#[tokio::test]
async fn the_rules_and_the_rate_of_the_action_hold_after_the_proof() {
    let server = Setup::manual()
        .start(|draft| draft.trigger(Strict, derived()))
        .await;
    let clock = server.manual.clone().unwrap();
    let call = async |id: &'static str, body: &str| Caller::new(id).call(&server, body).await;
    for _ in 0..5 {
        let forged = Caller::new("msg_0").request("\"monday\"", "v1,AAAA");
        server.send(&forged).await.problem(401);
    }
    let problem = call("msg_1", "\"someday\"").await.problem(422);
    assert_eq!(problem["errors"][0]["field"], "day");
    assert_eq!(call("msg_1", "\"monday\"").await.status, 202);
    let refused = call("msg_2", "\"monday\"").await;
    refused.problem(429);
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(refused.header("ratelimit-remaining"), "0");
    assert_eq!(refused.header("ratelimit-reset"), "60");
    clock.advance(Duration::from_secs(30)).await;
    let again = call("msg_2", "\"monday\"").await;
    assert_eq!(again.status, 202, "its id was not used up");
}

#[tokio::test]
async fn the_same_id_again_is_answered_above_the_rate_and_not_counted() {
    let server = Setup::manual()
        .start(|draft| draft.trigger(Strict, derived()))
        .await;
    let call = async |id: &'static str, body: &str| Caller::new(id).call(&server, body).await;
    let first = call("msg_1", "\"monday\"").await;
    assert_eq!(first.status, 202);
    assert_eq!(first.header("ratelimit-remaining"), "1");
    for body in ["\"monday\"", "\"someday\"", ""] {
        let again = call("msg_1", body).await;
        assert_eq!((again.status, again.json()), (200, first.json()));
        assert_eq!(
            again.header("ratelimit-remaining"),
            "",
            "it was not counted"
        );
    }
    let second = call("msg_2", "\"monday\"").await;
    assert_eq!(second.status, 202, "the replays took nothing");
    call("msg_3", "\"monday\"").await.problem(429);
    let again = call("msg_1", "\"monday\"").await;
    assert_eq!((again.status, again.json()), (200, first.json()));
}

#[tokio::test]
async fn a_trigger_by_token_alone_says_so() {
    let keys = TriggerKeys::bearer_only("a token of 16 bytes or more");
    let (server, _heard) = start(keys).await;
    let refused = server.send(&post("/triggers/report.run", "", "")).await;
    refused.problem(401);
    assert_eq!(refused.header("www-authenticate"), "Bearer");
}
