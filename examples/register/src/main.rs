//! Work after the response: the client does not wait for the analytics.

use std::time::Duration;

use mainspring::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct RegisterInput {
    email: String,
    user_id: String,
}

impl Validate for RegisterInput {}

#[derive(Debug, Serialize, Deserialize)]
struct RegisterOutput {
    ok: bool,
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
        self.users.create(&input.user_id, &input.email)?;
        let analytics = self.analytics.clone();
        ctx.follow_up(
            "analytics",
            Duration::from_secs(30),
            move |ctx| async move { analytics.record(ctx, "registered", input.user_id).await },
        );
        Ok(RegisterOutput { ok: true })
    }
}

fn app(users: UserStore, analytics: Analytics) -> App {
    App::new("register").action(Register { users, analytics })
}

#[tokio::main]
async fn main() -> Result<ShutdownReport, mainspring::Error> {
    app(UserStore::default(), Analytics::default())
        .serve("127.0.0.1:8080")
        .await
}

mod stores;
use stores::{Analytics, UserStore};

#[cfg(test)]
mod tests;
