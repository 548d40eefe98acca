//! The pruner: removes what has been over for long enough.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use mainspring_core::activity::io;
use mainspring_core::store::{BATCH_MAX, Retention};

use super::Shared;

/// How long the pruner rests after a failure: nothing depends on it.
const REST: Duration = Duration::from_secs(60);

impl Shared {
    pub(super) async fn prune(self: Arc<Self>, keep: Retention) {
        loop {
            let next = self.pruner().next();
            let news = std::pin::pin!(self.pruner_news.notified());
            let clock = &self.bound.clock;
            match next {
                None => {
                    news.await;
                    continue;
                }
                Some(at) => {
                    let slept = select(clock.sleep_until_wall(at), news).await;
                    if let Either::Right(_) = slept {
                        continue;
                    }
                }
            }
            let now = clock.now();
            match io(self.bound.store.prune(now, keep, BATCH_MAX)).await {
                Ok(removed) => {
                    self.pruner().pruned(now, removed);
                }
                Err(error) => {
                    self.failed("prune", &error);
                    clock.sleep(REST).await;
                }
            }
        }
    }
}
