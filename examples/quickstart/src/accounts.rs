//! Registration: the response goes out first, analytics follow it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainspring::prelude::*;
use serde::{Deserialize, Serialize};

use crate::journal::Journal;

/// The longest user id, in bytes.
const USER_ID_BYTES_MAX: usize = 128;

/// The longest e-mail address that mail can be sent to, in bytes (RFC 5321, 4.5.3.1.3).
const EMAIL_BYTES_MAX: usize = 254;

/// How many users are kept: they are in memory, at most about 400 bytes each.
const USERS_MAX: usize = 100_000;

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
        self.users.add(&input)?;
        let analytics = self.analytics.clone();
        ctx.follow_up("analytics", ANALYTICS_LIMIT, move |ctx| async move {
            analytics.append(&UserRegistered {
                event: "user_registered",
                user_id: &input.user_id,
                at: ctx.clock().now().to_string(),
                request_id: ctx.get::<RequestId>().map(RequestId::as_str),
            })
        });
        Ok(RegisterOutput { ok: true })
    }
}

/// The registered users; clones are the same list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users(Arc<Mutex<BTreeMap<String, String>>>);

impl Users {
    /// Adds a user, unless the id is taken or the list is full.
    fn add(&self, input: &RegisterInput) -> Result<(), ActionError> {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if users.contains_key(&input.user_id) {
            return Err(ActionError::conflict("this userId is registered already"));
        }
        if users.len() >= USERS_MAX {
            let text = format!("no more users can be registered: there are {USERS_MAX} already");
            return Err(ActionError::conflict(text));
        }
        users.insert(input.user_id.clone(), input.email.clone());
        Ok(())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_users_has_an_end() {
        let users = Users::default();
        let add = |number: usize| {
            users.add(&RegisterInput {
                email: String::new(),
                user_id: number.to_string(),
            })
        };
        for number in 0..USERS_MAX {
            add(number).unwrap();
        }
        let error = add(USERS_MAX).unwrap_err();
        assert_eq!(error.status(), 409);
        assert!(error.to_string().contains("no more users"), "{error}");
        assert_eq!(users.count(), USERS_MAX);
    }
}
