//! A cache that takes a second per key to fill, and fails for a key it does not know.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainspring::prelude::*;

#[derive(Clone, Default)]
pub(crate) struct CacheStore {
    keys: Arc<Mutex<BTreeSet<String>>>,
    broken: bool,
}

impl CacheStore {
    pub(crate) async fn prefetch(&self, ctx: Context, keys: &[&str]) -> Result<(), BoxError> {
        for key in keys {
            ctx.sleep(Duration::from_secs(1)).await?;
            if self.broken {
                return Err(format!("{key} cannot be fetched").into());
            }
            self.keys
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert((*key).to_owned());
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn broken() -> Self {
        Self {
            broken: true,
            ..Self::default()
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}
