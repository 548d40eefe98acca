//! Actions over real HTTP: input, output, errors.

use std::time::Duration;

use mainspring_core::event::Event;
use mainspring_web::action::{Action, Limits, Rate};
use mainspring_web::app::Web;
use mainspring_web::context::ActionContext;
use mainspring_web::error::{ActionError, Invalid, Validate};
use serde::{Deserialize, Serialize};

use crate::harness::{Draft, Setup, get, post};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegisterInput {
    email: String,
    user_id: u32,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

impl Validate for RegisterInput {
    fn validate(&self) -> Result<(), Invalid> {
        let named = self.tags.iter().all(|tag| !tag.name.is_empty());
        Invalid::new()
            .check(
                "email",
                self.email.contains('@'),
                "is not an e-mail address",
            )
            .check("tags", named, "have no empty names")
            .into_result()
    }
}

#[derive(Serialize)]
struct RegisterOutput {
    ok: bool,
    id: u32,
}

struct Register;

impl Action for Register {
    const NAME: &'static str = "account.register";
    type Input = RegisterInput;
    type Output = RegisterOutput;

    async fn call(
        &self,
        _ctx: ActionContext,
        input: RegisterInput,
    ) -> Result<RegisterOutput, ActionError> {
        Ok(RegisterOutput {
            ok: true,
            id: input.user_id,
        })
    }
}

/// Fails as its input says.
struct Fail;

#[derive(Debug)]
struct Missing;

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("row 7 of table users is missing")
    }
}

impl std::error::Error for Missing {}

#[derive(Debug)]
struct Store(Missing);

impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the store failed")
    }
}

impl std::error::Error for Store {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Action for Fail {
    const NAME: &'static str = "demo.fail";
    type Input = String;
    type Output = ();

    async fn call(&self, _ctx: ActionContext, input: String) -> Result<(), ActionError> {
        Err(match input.as_str() {
            "bad" => ActionError::bad_input("that is no number"),
            "who" => ActionError::unauthenticated("say who you are"),
            "forbidden" => ActionError::forbidden("not yours"),
            "missing" => ActionError::not_found("no such account"),
            "conflict" => "x"
                .parse::<u8>()
                .map_err(ActionError::conflict)
                .unwrap_err(),
            "large" => ActionError::too_large("too many rows"),
            "invalid" => ActionError::validation([("email", "is taken")]),
            "often" => ActionError::too_many(Duration::from_millis(1500)),
            "slow" => ActionError::timeout("the bank did not answer"),
            "panic" => panic!("the secret is 42"),
            "store" => Store(Missing).into(),
            _ => std::io::Error::other("the secret is 42").into(),
        })
    }
}

fn app(draft: Draft) -> Draft {
    draft.action(Register).action(Fail)
}

#[tokio::test]
async fn json_in_and_json_out() {
    let server = Setup::tcp().start(app).await;
    let answer = server
        .call(
            "account.register",
            r#"{"email":"ada@example.com","userId":7}"#,
        )
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.body, r#"{"ok":true,"id":7}"#);
    let events = server.events();
    let answered = events.iter().any(|event| {
        matches!(event, Event::Action { name, status: 200, .. } if **name == *"account.register")
    });
    assert!(answered, "{events:?}");
}

#[tokio::test]
async fn wrong_types_and_unknown_fields_are_refused_with_their_path() {
    let server = Setup::memory().start(app).await;
    let cases = [
        (r#"{"email":"a@b","userId":"abc"}"#, "userId"),
        (r#"{"email":"a@b","userId":-1}"#, "userId"),
        (r#"{"email":"a@b"}"#, "userId"),
        (r#"{"email":"a@b","userId":1,"colour":"red"}"#, "colour"),
        (
            r#"{"email":"a@b","userId":1,"tags":[{"name":"x"},{"name":1}]}"#,
            "tags[1].name",
        ),
        (
            r#"{"email":"a@b","userId":1,"tags":[{"name":"x","size":1}]}"#,
            "tags[0].size",
        ),
    ];
    for (body, field) in cases {
        let answer = server.call("account.register", body).await;
        let problem = answer.problem(400);
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
        assert!(
            problem["detail"].as_str().unwrap().contains(field),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn refusals_speak_of_json_and_not_of_rust() {
    let server = Setup::memory().start(app).await;
    let cases = [
        (
            r#"{"email":"a@b","userId":"abc"}"#,
            "must be a whole number, not the string \"abc\"",
        ),
        (
            r#"{"email":"a@b","userId":-1}"#,
            "must be a whole number from 0 to 4294967295, not -1",
        ),
        (r#"{"email":1,"userId":1}"#, "must be a string, not 1"),
        (
            r#"{"email":"a@b","userId":1,"tags":{}}"#,
            "must be a list, not an object",
        ),
        ("5", "must be an object, not 5"),
    ];
    for (body, message) in cases {
        let answer = server.call("account.register", body).await;
        assert_eq!(answer.problem(400)["errors"][0]["message"], message);
        assert!(!answer.body.contains("RegisterInput"), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_a_clear_400() {
    let server = Setup::memory().start(app).await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: [&[u8]; 5] = [
        b"",
        b"{",
        b"\xff\xfe",
        b"{\"email\":\"\xff\"}",
        deep.as_bytes(),
    ];
    for body in bodies {
        let head = format!(
            "POST /actions/account.register HTTP/1.1\r\nhost: test\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = server.send_bytes(&[head.as_bytes(), body].concat()).await;
        let problem = answer.problem(400);
        assert!(problem["detail"].is_string(), "{problem}");
    }
}

#[tokio::test]
async fn validation_names_every_field() {
    let server = Setup::memory().start(app).await;
    let body = r#"{"email":"ada","userId":1,"tags":[{"name":""}]}"#;
    let problem = server.call("account.register", body).await.problem(422);
    assert_eq!(problem["errors"][0]["field"], "email");
    assert_eq!(problem["errors"][0]["message"], "is not an e-mail address");
    assert_eq!(problem["errors"][1]["field"], "tags");
}

#[tokio::test]
async fn a_refusal_quotes_little_and_once() {
    let server = Setup::memory().start(app).await;
    let long = "y".repeat(100_000);
    let body = format!(r#"{{"email":"a@b","userId":"{long}"}}"#);
    let answer = server.call("account.register", &body).await;
    answer.problem(400);
    assert!(answer.body.len() < 1024, "{}", answer.body.len());
    let body = r#"{"email":"a@b","userId":"once"}"#;
    let answer = server.call("account.register", body).await;
    assert_eq!(answer.body.matches("once").count(), 1, "{answer:?}");
}

#[tokio::test]
async fn errors_have_their_statuses_and_one_shape() {
    let server = Setup::memory().start(app).await;
    let cases = [
        ("bad", 400, "that is no number"),
        ("who", 401, "say who you are"),
        ("forbidden", 403, "not yours"),
        ("missing", 404, "no such account"),
        ("conflict", 409, "invalid digit found in string"),
        ("large", 413, "too many rows"),
        ("invalid", 422, "some fields are not valid"),
        ("often", 429, "too many requests"),
        ("slow", 504, "the bank did not answer"),
    ];
    for (input, status, detail) in cases {
        let answer = server.call("demo.fail", &format!("{input:?}")).await;
        assert_eq!(answer.problem(status)["detail"], detail);
        if status == 429 {
            assert_eq!(answer.header("retry-after"), "2");
        }
    }
}

#[tokio::test]
async fn other_errors_are_opaque_except_in_development() {
    let server = Setup::memory().start(app).await;
    for input in ["\"other\"", "\"panic\""] {
        let answer = server.call("demo.fail", input).await;
        let problem = answer.problem(500);
        assert!(!answer.body.contains("secret"), "{answer:?}");
        let id = problem["instance"].as_str().unwrap();
        assert!(id.starts_with("urn:uuid:"), "{id}");
    }
    let open = Setup::memory().development().start(app).await;
    for input in ["\"other\"", "\"panic\""] {
        let problem = open.call("demo.fail", input).await.problem(500);
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("the secret is 42")
        );
    }
}

#[tokio::test]
async fn a_panic_is_counted_and_the_connection_goes_on() {
    let server = Setup::tcp().start(app).await;
    let mut client = server.connect().await;
    client
        .write(post("/actions/demo.fail", "", "\"panic\"").as_bytes())
        .await;
    client.answer().await.problem(500);
    client
        .write(post("/actions/demo.fail", "", "\"bad\"").as_bytes())
        .await;
    client.answer().await.problem(400);
    let panicked = server
        .events()
        .into_iter()
        .any(|event| matches!(event, Event::TaskPanicked { task, .. } if *task == *"demo.fail"));
    assert!(panicked);
}

#[tokio::test]
async fn domain_errors_are_mapped_by_type_through_their_chain() {
    let build =
        |draft| app(draft).map_error(|_: &Missing| ActionError::not_found("there is no such user"));
    let server = Setup::memory().start(build).await;
    let problem = server.call("demo.fail", "\"store\"").await.problem(404);
    assert_eq!(problem["detail"], "there is no such user");
    server.call("demo.fail", "\"other\"").await.problem(500);
}

#[tokio::test]
async fn wrong_methods_names_and_types() {
    let server = Setup::memory().start(app).await;
    let answer = server.send(&get("/actions/account.register")).await;
    answer.problem(405);
    assert_eq!(answer.header("allow"), "POST");
    server.call("account.unknown", "{}").await.problem(404);
    server.send(&get("/elsewhere")).await.problem(404);
    let plain = "POST /actions/account.register HTTP/1.1\r\nhost: test\r\n\
                 content-type: text/plain\r\ncontent-length: 2\r\n\r\n{}";
    server.send(plain).await.problem(415);
    let none =
        "POST /actions/account.register HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\n\r\n{}";
    server.send(none).await.problem(415);
    let more = "POST /actions/account.register HTTP/1.1\r\nhost: test\r\n\
                content-type: application/merge-patch+json; charset=utf-8\r\n\
                content-length: 2\r\n\r\n{}";
    server.send(more).await.problem(400);
}

#[tokio::test]
async fn requests_have_ids() {
    let server = Setup::memory().start(app).await;
    let send = async |more: &str| {
        let answer = server
            .send(&post("/actions/demo.fail", more, "\"bad\""))
            .await;
        answer.header("x-request-id").to_owned()
    };
    assert_eq!(send("x-request-id: from-outside\r\n").await, "from-outside");
    let own = send("").await;
    assert_eq!(own.len(), 36, "{own}");
    assert_ne!(send("").await, own);
    assert_eq!(send("x-request-id: with space\r\n").await.len(), 36);
    let long = format!("x-request-id: {}\r\n", "a".repeat(129));
    assert_eq!(send(&long).await.len(), 36);
    let longest = "a".repeat(128);
    assert_eq!(send(&format!("x-request-id: {longest}\r\n")).await, longest);
}

#[tokio::test]
async fn the_prefix_can_be_changed() {
    let server = Setup::memory()
        .start(|draft| app(draft).action_prefix("/api/v1/"))
        .await;
    server
        .send(&post("/api/v1/demo.fail", "", "\"bad\""))
        .await
        .problem(400);
    server.call("demo.fail", "\"bad\"").await.problem(404);
}

/// An action with limits, which holds its calls until it is let go.
struct Limited(Limits);

impl Action for Limited {
    const NAME: &'static str = "demo.limited";
    type Input = ();
    type Output = ();

    async fn call(&self, ctx: ActionContext, (): ()) -> Result<(), ActionError> {
        ctx.clock().sleep(Duration::from_secs(10)).await;
        Ok(())
    }

    fn limits(&self) -> Limits {
        self.0
    }
}

#[tokio::test]
async fn a_slow_action_is_cut_off_by_its_limit() {
    let limits = Limits::default().timeout(Duration::from_secs(5));
    let server = Setup::manual()
        .start(|draft| draft.action(Limited(limits)))
        .await;
    let clock = server.manual.clone().unwrap();
    let answer = clock.run_until(server.call("demo.limited", "")).await;
    answer.problem(504);
    assert_eq!(clock.monotonic().since_origin(), Duration::from_secs(5));
}

/// An action that obeys its context, so that its limit comes back as an error of its own.
struct Obedient;

impl Action for Obedient {
    const NAME: &'static str = "demo.obedient";
    type Input = ();
    type Output = ();

    async fn call(&self, ctx: ActionContext, (): ()) -> Result<(), ActionError> {
        Ok(ctx.sleep(Duration::from_secs(3600)).await?)
    }
}

#[tokio::test]
async fn an_action_that_obeys_its_limit_times_out_as_well() {
    let server = Setup::manual().start(|draft| draft.action(Obedient)).await;
    let clock = server.manual.clone().unwrap();
    let answer = clock.run_until(server.call("demo.obedient", "")).await;
    answer.problem(504);
}

#[tokio::test]
async fn concurrent_calls_above_the_limit_are_503() {
    let limits = Limits::default().concurrency(1);
    let server = Setup::manual()
        .start(|draft| draft.action(Limited(limits)))
        .await;
    let clock = server.manual.clone().unwrap();
    let mut first = server.connect().await;
    first
        .write(post("/actions/demo.limited", "", "").as_bytes())
        .await;
    clock.wait_for_timers(0, 1).await;
    let refused = server.call("demo.limited", "").await;
    refused.problem(503);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(clock.run_until(first.answer()).await.status, 200);
    let again = clock.run_until(server.call("demo.limited", "")).await;
    assert_eq!(again.status, 200);
}

/// An action with a rate.
struct Rated;

impl Action for Rated {
    const NAME: &'static str = "demo.rated";
    type Input = ();
    type Output = Option<String>;

    async fn call(&self, ctx: ActionContext, (): ()) -> Result<Option<String>, ActionError> {
        Ok(ctx
            .user()
            .map(|user| format!("{user} from {}", ctx.client())))
    }

    fn limits(&self) -> Limits {
        Limits::default().rate(Rate::per_minute(2))
    }
}

fn rated(draft: Draft) -> Draft {
    use mainspring_core::identity::User;
    draft
        .action(Rated)
        .trusted_proxies(["127.0.0.1"])
        .authenticate(|request| async move {
            match request.header("authorization") {
                None => Ok(None),
                Some("broken") => Err(ActionError::unauthenticated("the token is not valid")),
                Some(user) => Ok(Some(User::new(user))),
            }
        })
}

#[tokio::test]
async fn the_rate_is_counted_by_user_or_else_by_client() {
    let server = Setup::manual().start(rated).await;
    let clock = server.manual.clone().unwrap();
    let send = async |more: &str| server.send(&post("/actions/demo.rated", more, "")).await;
    for client in ["198.51.100.1", "198.51.100.2"] {
        let from = format!("x-forwarded-for: {client}\r\n");
        assert_eq!(send(&from).await.status, 200);
        assert_eq!(send(&from).await.status, 200);
        let refused = send(&from).await;
        refused.problem(429);
        assert_eq!(refused.header("retry-after"), "30");
        let ada = format!("authorization: ada\r\n{from}");
        let status = send(&ada).await.status;
        assert_eq!(status, 200, "a user has an allowance of their own");
    }
    send("authorization: ada\r\n").await.problem(429);
    clock.advance(Duration::from_secs(30)).await;
    let answer = send("authorization: ada\r\nx-forwarded-for: 192.0.2.9\r\n").await;
    assert_eq!(answer.json(), "ada from 192.0.2.9");
}

#[tokio::test]
async fn who_asks_and_how_often_is_checked_before_the_body_is_read() {
    let server = Setup::manual().start(rated).await;
    let head = |more: &str| {
        format!(
            "POST /actions/demo.rated HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
             {more}content-length: 2\r\n\r\n"
        )
    };
    // The body never comes, and the answer does.
    server
        .send(&head("authorization: broken\r\n"))
        .await
        .problem(401);
    server
        .send(&head("sec-fetch-site: cross-site\r\n"))
        .await
        .problem(403);
    for _ in 0..2 {
        assert_eq!(server.call("demo.rated", "{}").await.status, 200);
    }
    server.send(&head("")).await.problem(429);
}

#[tokio::test]
async fn other_sites_are_refused_and_machines_pass() {
    let server = Setup::memory().start(app).await;
    let send = async |more: &str| {
        server
            .send(&post("/actions/demo.fail", more, "\"bad\""))
            .await
    };
    send("").await.problem(400);
    send("sec-fetch-site: same-origin\r\n").await.problem(400);
    send("origin: http://test\r\n").await.problem(400);
    send("sec-fetch-site: cross-site\r\n").await.problem(403);
    send("sec-fetch-site: same-site\r\n").await.problem(403);
    send("origin: https://evil.example\r\n").await.problem(403);
}
