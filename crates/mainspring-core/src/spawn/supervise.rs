//! What follows a panic in a long-running task.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use super::panicked;
use crate::cause::Cause;
use crate::context::Context;
use crate::error::Error;
use crate::event::Event;
use crate::telemetry::event;

/// What to do when a supervised task panics. In every case the panic is logged and counted under
/// the task's name, and whoever awaits a task that is not run again gets it as an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnPanic {
    /// Nothing more: the task has ended.
    Ignore,
    /// Run the task again after a growing wait.
    Restart(Backoff),
    /// Shut the app down; it will exit with code 3.
    StopApp,
}

impl OnPanic {
    /// Restarts with the default back-off.
    pub fn restart() -> Self {
        Self::Restart(Backoff::default())
    }
}

/// The shortest wait before a restart, whatever a [`Backoff`] says: a task that panics at once must
/// not take a thread for itself.
pub const RESTART_WAIT_MIN: Duration = Duration::from_millis(1);

/// The wait before each restart: doubled each time, capped, forgotten after a run at least as long
/// as the cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait before the first restart.
    pub first: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Default for Backoff {
    /// 100 ms, up to 30 s: a transient fault is over quickly, a lasting one does not spin.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            cap: Duration::from_secs(30),
        }
    }
}

/// Runs `make`'s future, again and again as the policy says; the error is the panic of the last
/// run.
pub(crate) async fn supervise<F, Fut>(
    ctx: Context,
    name: &str,
    on_panic: OnPanic,
    make: F,
) -> Result<(), Error>
where
    F: Fn(Context) -> Fut + Send,
    Fut: Future<Output = ()> + Send,
{
    let mut wait: Option<Duration> = None;
    loop {
        let began = ctx.clock().monotonic();
        let Err(payload) = AssertUnwindSafe(async { make(ctx.clone()).await })
            .catch_unwind()
            .await
        else {
            return Ok(());
        };
        let events = ctx.env().spawner.events();
        let error = panicked(events, &name.into(), Some(&ctx), &*payload);
        let backoff = match on_panic {
            OnPanic::Ignore => return Err(error),
            OnPanic::StopApp => {
                ctx.fail_app(Cause::from(error.to_string()));
                return Err(error);
            }
            OnPanic::Restart(backoff) => backoff,
        };
        let ran = ctx.clock().monotonic().since(began);
        let next = match wait {
            Some(last) if ran < backoff.cap => last.saturating_mul(2),
            _ => backoff.first,
        };
        let next = next.min(backoff.cap).max(RESTART_WAIT_MIN);
        wait = Some(next);
        if ctx.sleep(next).await.is_err() {
            return Err(error);
        }
        let delay = next.as_secs_f64();
        tracing::warn!(name: event::TASK_RESTARTED, task = name, delay, "a task is started again");
        let task = name.into();
        ctx.env()
            .spawner
            .events()
            .emit(Event::TaskRestarted { task });
    }
}
