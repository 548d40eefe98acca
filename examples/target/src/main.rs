//! The design's target programs, as far as they exist: everything but durable jobs.
//!
//! They are the promise of how the library reads; they change only together with the design.

use std::time::Duration;

use axum::routing::get;
use mainspring::prelude::*;
use serde::{Deserialize, Serialize};

struct WarmCache {
    store: CacheStore,
}

impl Component for WarmCache {
    fn name(&self) -> &str {
        "warm-cache"
    }

    async fn start(&self, ctx: Context) -> Result<(), BoxError> {
        self.store.prefetch(ctx, popular_keys()).await // an error aborts the boot
    }
}

struct Register {
    users: UserStore,
    analytics: Analytics,
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
        let user_id = self.users.create(&input).await?;

        let analytics = self.analytics.clone();
        ctx.follow_up(
            "analytics",
            Duration::from_secs(30),
            move |ctx| async move { analytics.record(ctx, "user_registered", user_id).await },
        );
        Ok(RegisterOutput { ok: true })
    }
}

fn accounts(stores: Stores) -> App {
    let Stores {
        cache,
        users,
        analytics,
    } = stores;
    App::new("accounts")
        .component(WarmCache { store: cache })
        .periodic("purge-sessions", Every::minutes(15), |tick| {
            purge_sessions(tick)
        })
        .periodic(
            "nightly-report",
            Cron::new("0 3 * * TUE").in_zone("Europe/London"),
            write_nightly_report,
        )
        .action(Register { users, analytics })
        .routes(axum::Router::new().route("/", get(home))) // plain axum, same context
}

#[tokio::main]
async fn main() -> Result<ShutdownReport, mainspring::Error> {
    accounts(Stores::default()).serve("127.0.0.1:8080").await
}

async fn home(ctx: RequestContext, follow_ups: FollowUps) -> String {
    follow_ups.add("count-visit", Duration::from_secs(5), |_ctx| async {
        Ok(())
    });
    ctx.get::<RequestId>()
        .map_or_else(String::new, ToString::to_string)
}

async fn purge_sessions(_tick: Tick) -> Result<(), BoxError> {
    Ok(())
}

async fn write_nightly_report(_tick: Tick) -> Result<(), BoxError> {
    Ok(())
}

mod stores;
use stores::{Analytics, CacheStore, Stores, UserStore, popular_keys};

#[derive(Debug, Serialize, Deserialize)]
struct RegisterInput {
    email: String,
}

impl Validate for RegisterInput {}

#[derive(Debug, Serialize, Deserialize)]
struct RegisterOutput {
    ok: bool,
}

#[cfg(test)]
mod tests;
