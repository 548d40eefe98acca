//! The endpoint inside an app.

use std::sync::Arc;

use mainspring_core::event::Events;
use mainspring_core::random::Random;
use mainspring_runtime::app::App;
use mainspring_runtime::environment::Environment;
use mainspring_runtime::executor::TokioExecutor;
use mainspring_runtime::network::MemoryNetwork;
use mainspring_runtime::platform::Platform;
use mainspring_runtime::system_clock::system_clock;
use mainspring_web::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{post, soon};

struct Ping;

impl Action for Ping {
    const NAME: &'static str = "demo.ping";
    type Input = ();
    type Output = &'static str;

    async fn call(&self, _ctx: ActionContext, (): ()) -> Result<&'static str, ActionError> {
        Ok("pong")
    }
}

fn platform(network: &MemoryNetwork, environment: Environment) -> Platform {
    Platform {
        clock: system_clock(),
        executor: Arc::new(TokioExecutor::current()),
        network: Arc::new(network.clone()),
        environment: environment.with("MAINSPRING_ENV", "development"),
        random: Random::seeded(7),
        events: Events::nowhere(),
        owns_process: false,
    }
}

fn app() -> App {
    App::new("demo").without_health().action(Ping)
}

#[tokio::test]
async fn an_app_serves_its_actions_until_it_is_told_to_stop() {
    let network = MemoryNetwork::new();
    let environment = Environment::empty().with("MAINSPRING_HTTP_ADDR", "127.0.0.1:8080");
    let app = app();
    let handle = app.handle();
    let running = app.run_on(platform(&network, environment));
    let asking = async {
        assert!(handle.ready().await);
        let mut stream = network.connect("127.0.0.1:8080".parse().unwrap()).unwrap();
        let request = post("/actions/demo.ping", "connection: close\r\n", "");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("\"pong\""), "{answer}");
        handle.shutdown("the test is over");
    };
    let (report, ()) = soon(async { tokio::join!(running, asking) }).await;
    assert!(report.to_string().contains("http"), "{report}");
}

#[tokio::test]
async fn an_app_without_an_address_serves_no_http() {
    let network = MemoryNetwork::new();
    let app = app();
    let handle = app.handle();
    let running = app.run_on(platform(&network, Environment::empty()));
    let asking = async {
        assert!(handle.ready().await, "it starts all the same");
        handle.shutdown("the test is over");
    };
    let (report, ()) = soon(async { tokio::join!(running, asking) }).await;
    assert_eq!(report.exit_code(), 0, "{report}");
}
