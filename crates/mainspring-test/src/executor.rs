//! Where the tasks of one app run, so that they can end with it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mainspring_core::spawn::{BoxFuture, Executor};
use mainspring_runtime::io_time;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::leak::{LOOK, LOOKS};

/// How many tasks are remembered before those that have ended are forgotten: little memory, and
/// rare enough to cost nothing.
const REMEMBERED_MIN: usize = 1024;

/// Runs the tasks of one app on the test's runtime, and ends them all as the end of a process
/// would.
#[derive(Clone)]
pub(crate) struct AppExecutor {
    runtime: Handle,
    tasks: Arc<Mutex<Tasks>>,
}

#[derive(Default)]
struct Tasks {
    running: Vec<AbortHandle>,
    forget_at: usize,
    /// The process is gone: nothing starts any more.
    ended: bool,
}

impl AppExecutor {
    /// An executor on the runtime of the caller.
    pub(crate) fn current() -> Self {
        Self {
            runtime: Handle::current(),
            tasks: Arc::default(),
        }
    }

    /// Ends every task where it waits; one that blocks its thread goes on.
    pub(crate) async fn end(&self) {
        let running = self.abort();
        for _ in 0..LOOKS {
            if running.iter().all(AbortHandle::is_finished) {
                return;
            }
            io_time::pause(LOOK).await;
        }
    }

    /// Tells every task to end, and starts none any more; returns those that were told.
    pub(crate) fn abort(&self) -> Vec<AbortHandle> {
        let mut tasks = self.tasks();
        tasks.ended = true;
        for task in &tasks.running {
            task.abort();
        }
        tasks.running.clone()
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Executor for AppExecutor {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the test kit's seam that spawns"
    )]
    fn execute(&self, future: BoxFuture<'static, ()>) {
        let mut tasks = self.tasks();
        if tasks.ended {
            drop(tasks);
            drop(future);
            return;
        }
        tasks
            .running
            .push(self.runtime.spawn(future).abort_handle());
        if tasks.running.len() >= tasks.forget_at {
            tasks.running.retain(|task| !task.is_finished());
            tasks.forget_at = tasks.running.len().saturating_mul(2).max(REMEMBERED_MIN);
        }
    }
}

impl fmt::Debug for AppExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppExecutor")
    }
}
