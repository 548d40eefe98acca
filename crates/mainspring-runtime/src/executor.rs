//! The seam to the runtime: where tasks start.

use mainspring_core::spawn::{BoxFuture, Executor};
use tokio::runtime::Handle;

/// Runs tasks on a tokio runtime.
#[derive(Clone, Debug)]
pub struct TokioExecutor(Handle);

impl TokioExecutor {
    /// An executor on the runtime of the caller.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn current() -> Self {
        Self(Handle::current())
    }
}

impl Executor for TokioExecutor {
    #[expect(clippy::disallowed_methods, reason = "this is the seam that spawns")]
    fn execute(&self, future: BoxFuture<'static, ()>) {
        self.0.spawn(future);
    }
}

/// Runs a future on a thread of its own, so that one that blocks holds up nothing else.
///
/// The number of such threads is bounded by whoever calls: one for each health probe.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam for code that may block"
)]
pub(crate) fn isolate(future: BoxFuture<'static, ()>) {
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || handle.block_on(future));
}
