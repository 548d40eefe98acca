//! What an action adds to its answer.

use mainspring_web::action::Action;
use mainspring_web::app::Web;
use mainspring_web::context::{ActionContext, AnswerError, RequestContext};
use mainspring_web::error::ActionError;

use crate::harness::{Setup, get, post};

/// Answers as its input says.
struct Adds;

impl Action for Adds {
    const NAME: &'static str = "demo.adds";
    type Input = String;
    type Output = Option<u8>;

    async fn call(&self, ctx: ActionContext, input: String) -> Result<Option<u8>, ActionError> {
        ctx.respond_header("x-kept", "replaced")?;
        ctx.respond_header("x-kept", "yes")?;
        ctx.respond_cookie("a=1")?;
        ctx.respond_cookie("b=2")?;
        match input.as_str() {
            "created" => ctx.respond_status(201)?,
            "nothing" => ctx.respond_status(204)?,
            "typed" => ctx.respond_header("content-type", "application/vnd.demo+json")?,
            "bad" => ctx.respond_header("x-bad", "a\r\nset-cookie: c=3")?,
            "fails" => return Err(ActionError::conflict("not now")),
            _ => {}
        }
        Ok(Some(1))
    }
}

#[tokio::test]
async fn headers_cookies_and_a_status_of_success() {
    let server = Setup::tcp().start(|draft| draft.action(Adds)).await;
    let answer = server.call("demo.adds", "\"plain\"").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "1"));
    assert_eq!(answer.header("x-kept"), "yes");
    assert_eq!(answer.header("content-type"), "application/json");
    let answer = server.call("demo.adds", "\"created\"").await;
    assert_eq!((answer.status, answer.body.as_str()), (201, "1"));
    let answer = server.call("demo.adds", "\"nothing\"").await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(answer.header("content-type"), "");
    let answer = server.call("demo.adds", "\"typed\"").await;
    assert_eq!(answer.header("content-type"), "application/vnd.demo+json");
}

#[tokio::test]
async fn each_cookie_is_a_header_of_its_own() {
    let server = Setup::tcp().start(|draft| draft.action(Adds)).await;
    let mut client = server.connect().await;
    let request = post("/actions/demo.adds", "connection: close\r\n", "\"plain\"");
    client.write(request.as_bytes()).await;
    let text = String::from_utf8(client.closed().await).unwrap();
    assert!(text.contains("\r\nset-cookie: a=1\r\n"), "{text}");
    assert!(text.contains("\r\nset-cookie: b=2\r\n"), "{text}");
    assert_eq!(text.matches("content-type").count(), 1, "{text}");
}

#[tokio::test]
async fn a_failure_has_none_of_it_and_a_bad_value_is_an_error() {
    let server = Setup::memory().start(|draft| draft.action(Adds)).await;
    for (input, status) in [("\"fails\"", 409), ("\"bad\"", 500)] {
        let answer = server.call("demo.adds", input).await;
        answer.problem(status);
        assert_eq!(answer.header("x-kept"), "");
        assert_eq!(answer.header("set-cookie"), "");
    }
}

#[tokio::test]
async fn a_plain_route_is_told_that_it_answers_itself() {
    let handler = async |ctx: RequestContext| match ctx.respond_status(201) {
        Err(AnswerError::OfRoute) => "told",
        _ => "not told",
    };
    let router = axum::Router::new().route("/told", axum::routing::get(handler));
    let server = Setup::memory().start(|draft| draft.routes(router)).await;
    let answer = server.send(&get("/told")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "told"));
}
