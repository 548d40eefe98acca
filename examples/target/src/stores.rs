//! What the programs work on.

use std::sync::{Arc, Mutex, PoisonError};

use mainspring::prelude::*;

use crate::RegisterInput;

#[derive(Default)]
pub(crate) struct Stores {
    pub(crate) cache: CacheStore,
    pub(crate) users: UserStore,
    pub(crate) analytics: Analytics,
}

#[derive(Default)]
pub(crate) struct CacheStore;

impl CacheStore {
    pub(crate) async fn prefetch(&self, ctx: Context, keys: &[&str]) -> Result<(), BoxError> {
        for _key in keys {
            ctx.sleep(std::time::Duration::from_millis(10)).await?;
        }
        Ok(())
    }
}

pub(crate) fn popular_keys() -> &'static [&'static str] {
    &["mainsprings", "hands"]
}

#[derive(Clone, Default)]
pub(crate) struct UserStore(Arc<Mutex<Vec<String>>>);

impl UserStore {
    pub(crate) async fn create(&self, input: &RegisterInput) -> Result<u64, ActionError> {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if users.contains(&input.email) {
            return Err(ActionError::conflict("this address is registered already"));
        }
        users.push(input.email.clone());
        Ok(users.len() as u64)
    }
}

#[derive(Clone, Default)]
pub(crate) struct Analytics(Arc<Mutex<Vec<u64>>>);

impl Analytics {
    pub(crate) async fn record(&self, ctx: Context, _: &str, user: u64) -> Result<(), BoxError> {
        ctx.sleep(std::time::Duration::from_secs(1)).await?;
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(user);
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn recorded(&self) -> Vec<u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
