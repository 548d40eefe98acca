//! What the peers are driven with: the machine's clock, and tasks as tokio offers them.
#![expect(
    clippy::disallowed_methods,
    reason = "the peers run on real time, as their users run them"
)]

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}

/// The outcome, or nothing when it takes longer.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(limit, future).await.ok()
}

pub(crate) fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future)
}
