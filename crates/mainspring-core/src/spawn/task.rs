//! A handle to a spawned task.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::scope::Abort;
use crate::activity::{ParkGuard, parked};
use crate::error::{Error, ErrorKind};

/// A spawned task: await it for its output, or drop it and let it run.
///
/// Awaiting is a Mainspring wait, so a body that does is parked. The error says whether the task
/// panicked or was aborted.
pub struct Task<T> {
    name: Arc<str>,
    result: oneshot::Receiver<Result<T, Error>>,
    abort: Abort,
    guard: ParkGuard,
}

impl<T> Task<T> {
    pub(super) fn new(
        name: Arc<str>,
        result: oneshot::Receiver<Result<T, Error>>,
        abort: Abort,
    ) -> Self {
        Self {
            name,
            result,
            abort,
            guard: ParkGuard::here(),
        }
    }

    /// The task's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Drops the task's future at its next await point.
    pub fn abort(&self) {
        self.abort.abort();
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let result = &mut this.result;
        let polled = parked(&mut this.guard, |cx| Pin::new(result).poll(cx), cx);
        polled.map(|received| {
            received.unwrap_or_else(|_| {
                let message = format!("the runtime ended before task `{}`", this.name);
                Err(Error::new(ErrorKind::Aborted, message))
            })
        })
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
