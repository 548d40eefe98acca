//! I/O time: limits on sockets, on tokio's own timers, which the manual clock never moves.
//!
//! Domain time (due, retry, cron, limits of user work) comes from the
//! [`Clock`](mainspring_core::clock::Clock) instead.

use std::future::Future;
use std::time::Duration;

use tokio::time::error::Elapsed;

/// Runs I/O for at most `limit` of real time.
///
/// # Errors
/// When the limit passed first; the future is dropped then.
#[expect(clippy::disallowed_methods, reason = "this is the seam for I/O limits")]
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout(limit, future).await
}

/// Waits for I/O to become possible again, for example after too many open files.
#[expect(clippy::disallowed_methods, reason = "this is the seam for I/O waits")]
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// An instant of I/O time, for limits that are looked at later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IoInstant(tokio::time::Instant);

impl IoInstant {
    /// The instant that is now.
    #[expect(clippy::disallowed_methods, reason = "this is the seam for I/O limits")]
    pub fn now() -> Self {
        Self(tokio::time::Instant::now())
    }

    /// The time since this instant.
    pub fn elapsed(self) -> Duration {
        Self::now().0.saturating_duration_since(self.0)
    }
}
