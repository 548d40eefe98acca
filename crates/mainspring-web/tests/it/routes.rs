//! Plain axum routes beside actions, as equals.

use axum::extract::Path;
use axum::response::IntoResponse;
use axum::routing::get as on_get;
use mainspring_core::event::Event;
use mainspring_core::identity::User;
use mainspring_web::app::Web;
use mainspring_web::context::RequestContext;
use mainspring_web::error::ActionError;

use crate::harness::{Draft, Setup, get, post};

fn router() -> axum::Router {
    axum::Router::new()
        .route(
            "/users/{id}",
            on_get(async |ctx: RequestContext, Path(id): Path<u32>| {
                let user = ctx.user().map_or("nobody", User::as_str);
                format!("{id} for {user} as {} at {}", ctx.request_id(), ctx.uri())
            }),
        )
        .route(
            "/panics",
            on_get(async || -> String { panic!("the secret is 42") }),
        )
        .route(
            "/fails",
            on_get(async || Err::<(), _>(ActionError::conflict("not now"))),
        )
        .route(
            "/opaque",
            on_get(async || Err::<(), ActionError>("the secret is 42".into())),
        )
        .route("/echo", axum::routing::post(async |body: String| body))
        .route(
            "/gone",
            on_get(async || (http::StatusCode::NOT_FOUND, "my own words").into_response()),
        )
}

fn app(draft: Draft) -> Draft {
    draft.routes(router()).authenticate(|request| async move {
        match request.header("authorization") {
            Some("broken") => Err(ActionError::unauthenticated("the token is not valid")),
            user => Ok(user.map(User::new)),
        }
    })
}

#[tokio::test]
async fn they_have_the_same_context_as_actions() {
    let server = Setup::tcp().start(app).await;
    let request =
        "GET /users/7?x=1 HTTP/1.1\r\nhost: t\r\nx-request-id: r-7\r\nauthorization: ada\r\n\r\n";
    let answer = server.send(request).await;
    assert_eq!(answer.body, "7 for ada as r-7 at /users/7?x=1");
    assert_eq!(answer.header("x-request-id"), "r-7");
    let named = server.events().into_iter().any(|event| {
        matches!(event, Event::Action { name, status: 200, .. } if *name == *"GET /users/{id}")
    });
    assert!(named, "the name is the route, not the path");
}

#[tokio::test]
async fn their_errors_have_the_same_shape() {
    let server = Setup::memory().start(app).await;
    assert_eq!(
        server.send(&get("/fails")).await.problem(409)["detail"],
        "not now"
    );
    for path in ["/opaque", "/panics"] {
        let answer = server.send(&get(path)).await;
        assert!(answer.problem(500)["instance"].is_string());
        assert!(!answer.body.contains("secret"));
    }
    server.send(&get("/nowhere")).await.problem(404);
    let answer = server.send(&post("/panics", "", "")).await;
    answer.problem(405);
    assert_eq!(answer.header("allow"), "GET,HEAD");
    let refused = "GET /users/7 HTTP/1.1\r\nhost: t\r\nauthorization: broken\r\n\r\n";
    server.send(refused).await.problem(401);
    assert_eq!(server.send(&get("/gone")).await.body, "my own words");
    let panicked = server
        .events()
        .into_iter()
        .any(|event| matches!(event, Event::TaskPanicked { task, .. } if *task == *"GET /panics"));
    assert!(panicked);
}

#[tokio::test]
async fn a_connection_serves_one_after_another() {
    let server = Setup::tcp().start(app).await;
    let mut client = server.connect().await;
    for n in 0..50 {
        client
            .write(post("/echo", "", &format!("\"{n}\"")).as_bytes())
            .await;
        assert_eq!(client.answer().await.body, format!("\"{n}\""));
    }
    let two = format!("{}{}", get("/users/1"), get("/users/2"));
    client.write(two.as_bytes()).await;
    assert!(client.answer().await.body.starts_with("1 for nobody"));
    assert!(client.answer().await.body.starts_with("2 for nobody"));
}

#[tokio::test]
async fn a_head_request_has_no_body_and_several_routers_are_one() {
    let more = axum::Router::new().route("/more", on_get(async || "more"));
    let server = Setup::memory().start(|draft| app(draft).routes(more)).await;
    assert_eq!(server.send(&get("/more")).await.body, "more");
    let mut client = server.connect().await;
    client
        .write(b"HEAD /more HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")
        .await;
    let text = String::from_utf8(client.closed().await).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn outside_an_app_the_extractor_says_what_is_missing() {
    use tower::ServiceExt;
    let request = http::Request::get("/users/7")
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = router().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 500);
}
