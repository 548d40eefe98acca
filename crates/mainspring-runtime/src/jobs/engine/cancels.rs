//! Jobs that run and that somebody wants cancelled.

use std::sync::Arc;
use std::time::Duration;

use mainspring_core::activity::io;

use super::Shared;

/// How long a job runs before anybody asks whether it is wanted: short jobs cost no look.
const LOOK_AFTER: Duration = Duration::from_millis(10);

impl Shared {
    /// Looks for such jobs whenever something may have changed.
    pub(super) async fn watch_cancels(self: Arc<Self>) {
        let mut changed = self.bound.changed.subscribe();
        while changed.changed().await.is_ok() {
            let began = self.slots().all();
            let Some(began) = began.iter().filter_map(|slot| slot.began()).min() else {
                continue;
            };
            let clock = &self.bound.clock;
            if clock.monotonic().since(began) < LOOK_AFTER {
                clock.sleep_until(began + LOOK_AFTER).await;
                let running = self.slots().all();
                if !running.iter().any(|slot| slot.began().is_some()) {
                    continue;
                }
            }
            io(self.look_for_cancels()).await;
        }
    }

    async fn look_for_cancels(&self) {
        match self.bound.store.cancelling(self.session()).await {
            Ok(wanted) if wanted.is_empty() => {}
            Ok(wanted) => {
                let slots = self.slots().all();
                for (claim, reason) in wanted {
                    let mut slots = slots.iter();
                    let runs = slots.any(|slot| slot.cancel(&claim, &reason, &self.bound.clock));
                    if !runs && self.machine().give_up(&claim) {
                        self.wake.notify_one();
                    }
                }
            }
            Err(error) => {
                self.failed("cancelling", &error);
                // A job that does not end is asked about again.
                self.bound.clock.sleep(Duration::from_secs(1)).await;
                self.bound.ring();
            }
        }
    }
}
