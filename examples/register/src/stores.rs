//! Users in memory, and analytics that take their time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainspring::prelude::*;

#[derive(Clone, Default)]
pub(crate) struct UserStore(Arc<Mutex<BTreeMap<String, String>>>);

impl UserStore {
    pub(crate) fn create(&self, id: &str, email: &str) -> Result<(), ActionError> {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if users.contains_key(id) {
            return Err(ActionError::conflict("this user is registered already"));
        }
        users.insert(id.to_owned(), email.to_owned());
        Ok(())
    }
}

#[derive(Clone, Default)]
pub(crate) struct Analytics(Arc<Mutex<Vec<String>>>);

impl Analytics {
    pub(crate) async fn record(
        &self,
        ctx: Context,
        event: &str,
        user_id: String,
    ) -> Result<(), BoxError> {
        ctx.sleep(Duration::from_secs(2)).await?;
        let request = ctx
            .get::<RequestId>()
            .map(ToString::to_string)
            .unwrap_or_default();
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.push(format!("{event} {user_id} {request}"));
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn recorded(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
