//! The seam to the runtime: where tasks start.

use std::io;

use mainspring_core::spawn::{BoxFuture, Executor};
use tokio::runtime::Handle;

use crate::thread;

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
/// It is no thread of the runtime, whose end would wait for it. The number of such threads is
/// bounded by whoever calls: one for each health probe.
///
/// # Errors
/// When the system gives no thread; the future is dropped then.
pub(crate) fn isolate(name: &str, future: BoxFuture<'static, ()>) -> io::Result<()> {
    let handle = Handle::current();
    // The runtime may end under it, which is a panic that ends the thread; nobody waits for it.
    thread::start(name, move || handle.block_on(future))
}
