//! Real time: what these tests wait for happens in other processes.

use std::time::Duration;

/// Lets real time pass.
#[expect(
    clippy::disallowed_methods,
    reason = "a kill comes at a random instant"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Lets real time pass without blocking; it goes on while the process is stopped.
#[expect(clippy::disallowed_methods, reason = "a body takes real time")]
pub(crate) async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}
