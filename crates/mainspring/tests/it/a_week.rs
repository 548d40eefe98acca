//! A week of a small service in a moment: the shape of the tests that users write.

use std::time::Duration;

use mainspring::prelude::*;
use mainspring::test::{Signal, TestApp, WorkOutcome, days, timestamp};
use serde::{Deserialize, Serialize};

use crate::rig::Notes;

#[derive(Serialize, Deserialize)]
struct RegisterInput {
    email: String,
}

impl Validate for RegisterInput {}

#[derive(Serialize, Deserialize)]
struct RegisterOutput {
    ok: bool,
}

struct Register {
    analytics: Notes,
}

impl Action for Register {
    const NAME: &'static str = "account.register";
    type Input = RegisterInput;
    type Output = RegisterOutput;

    async fn call(
        &self,
        ctx: ActionContext,
        input: RegisterInput,
    ) -> Result<RegisterOutput, ActionError> {
        let analytics = self.analytics.clone();
        ctx.follow_up(
            "analytics",
            Duration::from_secs(30),
            move |_ctx| async move {
                analytics.note(format!("registered {}", input.email));
                Ok(())
            },
        );
        Ok(RegisterOutput { ok: true })
    }
}

async fn purge_sessions(_tick: Tick) -> Result<(), BoxError> {
    Ok(())
}

fn accounts(analytics: Notes) -> App {
    App::new("accounts")
        .periodic("purge-sessions", Every::minutes(15), purge_sessions)
        .periodic(
            "nightly-report",
            Cron::new("0 3 * * TUE").in_zone("Europe/London"),
            |_tick| async { Ok(()) },
        )
        .action(Register { analytics })
        .routes(axum::Router::new().route("/", axum::routing::get(|| async { "home" })))
}

#[mainspring::test(start = "2026-03-28T00:00:00Z")]
async fn a_week(app: TestApp) {
    let analytics = Notes::default();
    let app = app.start(accounts(analytics.clone())).await;
    let ada = RegisterInput {
        email: "ada@example.com".into(),
    };
    assert!(app.call::<Register>(ada).await.unwrap().ok);
    app.advance(days(7)).await;

    assert_eq!(analytics.all(), ["registered ada@example.com"]);
    let follow_ups = app.follow_ups_of("analytics");
    assert_eq!(follow_ups[0].outcome, WorkOutcome::Succeeded);
    assert_eq!(app.runs_of("purge-sessions").len(), 7 * 24 * 4);
    // British summer time has begun.
    let report = timestamp("2026-03-31T02:00:00Z");
    assert_eq!(app.runs_of("nightly-report"), [report]);
    assert_eq!(app.get("/").await.body(), "home");

    app.signal(Signal::Terminate);
    let report = app.stopped().await;
    assert_eq!(report.exit_code(), 0, "{report}");
}
