//! The two servers, each the whole of a child process.

use std::io::{BufRead, stdin};
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::routing::post;
use axum::{Json, Router};
use mainspring_runtime::app::App;
use mainspring_runtime::environment::{Environment, HTTP_ADDR};
use mainspring_runtime::network::TcpNetwork;
use mainspring_web::action::Action;
use mainspring_web::app::Web;
use mainspring_web::context::ActionContext;
use mainspring_web::error::{ActionError, Validate};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::platform::{many_threads, real, start};
use crate::seam::processor;

/// What is asked, of both servers.
pub(super) const PATH: &str = "/actions/account.register";
pub(super) const BODY: &str =
    r#"{"email":"ada@example.com","userId":"u-1815","tags":["a","bc","def"]}"#;

const LOCAL: &str = "127.0.0.1:0";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A handler on `axum::serve`, and nothing else.
    Bare,
    /// An action of an app with its defaults.
    Action,
}

impl Kind {
    /// The kind that this word on the command line means.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Bare, Self::Action]
            .into_iter()
            .find(|kind| kind.word() == word)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Action => "action",
        }
    }
}

/// Serves until the input ends: says its port, and its processor time for every line it gets.
///
/// # Errors
/// When it cannot listen.
pub fn run(kind: Kind) -> Result<(), String> {
    let runtime = many_threads();
    let port = match kind {
        Kind::Bare => bare(&runtime),
        Kind::Action => action(&runtime),
    }?;
    println!("{port}");
    for line in stdin().lock().lines() {
        line.map_err(|why| why.to_string())?;
        println!("{}", processor().as_nanos());
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    email: String,
    user_id: String,
    tags: Vec<String>,
}

impl Validate for Input {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    ok: bool,
    user_id: String,
    size: usize,
}

/// The work of both.
fn register(input: Input) -> Output {
    let tags: usize = input.tags.iter().map(String::len).sum();
    Output {
        ok: true,
        size: input.email.len() + tags,
        user_id: input.user_id,
    }
}

async fn handler(Json(input): Json<Input>) -> Json<Output> {
    Json(register(input))
}

struct Register;

impl Action for Register {
    const NAME: &'static str = "account.register";
    type Input = Input;
    type Output = Output;

    async fn call(&self, _ctx: ActionContext, input: Input) -> Result<Output, ActionError> {
        Ok(register(input))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the comparison is with what axum and tokio offer"
)]
fn bare(runtime: &Runtime) -> Result<u16, String> {
    let failed = |why: std::io::Error| why.to_string();
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listener = runtime.block_on(bound).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let router = Router::new().route(PATH, post(handler));
    drop(runtime.spawn(async move { axum::serve(listener, router).await }));
    Ok(port)
}

fn action(runtime: &Runtime) -> Result<u16, String> {
    runtime.block_on(async {
        let mut platform = real();
        platform.network = Arc::new(TcpNetwork);
        platform.environment = Environment::empty().with(HTTP_ADDR, LOCAL);
        let app = App::new("bench").without_health().without_signals();
        let (handle, report) = start(app.action(Register), platform);
        if !handle.ready().await {
            let report = report.await;
            return Err(report.map_or_else(|why| why.to_string(), |report| report.to_string()));
        }
        let main = handle.addresses().get("main").copied();
        main.map(|main| main.port())
            .ok_or("the app has no listener".to_owned())
    })
}
