//! Registration: the user and the welcome mail are written together, the response goes out,
//! analytics follow it.

use std::time::Duration;

use mainspring::prelude::*;
use serde::{Deserialize, Serialize};

use crate::journal::Journal;
use crate::users::Users;

/// The longest user id, in bytes.
const USER_ID_BYTES_MAX: usize = 128;

/// The longest e-mail address that mail can be sent to, in bytes (RFC 5321, 4.5.3.1.3).
const EMAIL_BYTES_MAX: usize = 254;

/// How long the analytics of one registration may take.
const ANALYTICS_LIMIT: Duration = Duration::from_secs(30);

/// `account.register`.
#[derive(Debug)]
pub struct Register {
    pub(crate) users: Users,
    pub(crate) analytics: Journal,
}

/// Who registers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterInput {
    /// An e-mail address.
    pub email: String,
    /// Any text of 1 to 128 bytes, unique.
    pub user_id: String,
}

impl Validate for RegisterInput {
    fn validate(&self) -> Result<(), Invalid> {
        let has_length = (1..=USER_ID_BYTES_MAX).contains(&self.user_id.len());
        Invalid::new()
            .check(
                "email",
                is_email(&self.email),
                "must be an address such as ada@example.com",
            )
            .check("userId", has_length, "must have 1 to 128 bytes")
            .into_result()
    }
}

/// The answer.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct RegisterOutput {
    /// Always true; anything else is an error.
    pub ok: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserRegistered<'a> {
    event: &'static str,
    user_id: &'a str,
    at: String,
    request_id: Option<&'a str>,
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
        let user_id = input.user_id.clone();
        self.users.add(input, ctx.clock().now()).await?;
        let analytics = self.analytics.clone();
        ctx.follow_up("analytics", ANALYTICS_LIMIT, move |ctx| async move {
            analytics.append(&UserRegistered {
                event: "user_registered",
                user_id: &user_id,
                at: ctx.clock().now().to_string(),
                request_id: ctx.get::<RequestId>().map(RequestId::as_str),
            })
        });
        Ok(RegisterOutput { ok: true })
    }
}

/// Whether mail could be sent there: one `@` between a local part and a domain with a dot, no white
/// space.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let labels_are_whole = domain.split('.').all(|label| !label.is_empty());
    text.len() <= EMAIL_BYTES_MAX
        && !local.is_empty()
        && domain.contains('.')
        && labels_are_whole
        && !domain.contains('@')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}
