//! The design's target programs.
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

#[derive(Serialize, Deserialize, Job)]
#[job(
    kind = "welcome-mail",
    queue = "mail",
    max_attempts = 8,
    timeout = "30s"
)]
struct WelcomeMail {
    user_id: i64,
}

struct SendWelcomeMail {
    mailer: Mailer,
}

impl Worker for SendWelcomeMail {
    type Job = WelcomeMail;

    async fn work(&self, ctx: JobContext, job: WelcomeMail) -> Result<Outcome, BoxError> {
        let key = ctx.idempotency_key();
        self.mailer.send_once(key, job.user_id).await?; // an error is retried by the job's policy
        Ok(Done)
    }
}

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "nightly-report")]
struct NightlyReport {
    day: Timestamp,
}

struct Register {
    users: UserStore,
    analytics: Analytics,
    jobs: Jobs,
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
        let mut tx = self.users.begin_immediate().await?; // the user's own sqlx transaction
        let user_id = self.users.create(&mut tx, &input).await?;
        let mail = self.jobs.enqueue(WelcomeMail { user_id });
        mail.in_tx(&mut tx).await?; // with the user, or not at all
        tx.commit().await?;

        let analytics = self.analytics.clone();
        ctx.follow_up(
            "analytics",
            Duration::from_secs(30),
            move |ctx| async move { analytics.record(ctx, "user_registered", user_id).await },
        );
        Ok(RegisterOutput { ok: true })
    }
}

fn accounts(jobs: Jobs, stores: Stores) -> App {
    let Stores {
        cache,
        users,
        analytics,
        mailer,
    } = stores;
    App::new("accounts")
        .jobs(jobs.clone())
        .component(WarmCache { store: cache })
        .component(users.clone())
        .periodic("purge-sessions", Every::minutes(15), |tick| {
            purge_sessions(tick)
        })
        .schedule(
            "nightly-report",
            Cron::new("0 3 * * TUE").in_zone("Europe/London"),
            |tick| NightlyReport {
                day: tick.scheduled_for(),
            },
        )
        .worker(SendWelcomeMail { mailer })
        .worker_fn(write_nightly_report)
        .queue("mail", 20)
        .action(Register {
            users,
            analytics,
            jobs,
        })
        .routes(axum::Router::new().route("/", get(home))) // plain axum, same context
}

#[tokio::main]
async fn main() -> Result<ShutdownReport, mainspring::Error> {
    let stores = Stores::on("accounts.db".as_ref());
    accounts(mainspring::jobs("sqlite:accounts.db"), stores)
        .serve("127.0.0.1:8080")
        .await
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

async fn write_nightly_report(ctx: JobContext, job: NightlyReport) -> Result<Outcome, BoxError> {
    assert_eq!(ctx.scheduled_for(), job.day);
    Ok(Done)
}

mod stores;
use stores::{Analytics, CacheStore, Mailer, Stores, UserStore, popular_keys};

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
