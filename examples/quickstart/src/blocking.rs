//! The way to threads that may wait for the disk.

use mainspring::prelude::*;

/// Does work that blocks on a thread of its own: the threads that serve requests never wait for
/// the disk.
///
/// # Cancel safety
/// The work goes on to its end when the future is dropped.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam to threads that may block"
)]
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BoxError> + Send + 'static,
) -> Result<T, BoxError> {
    tokio::task::spawn_blocking(work).await?
}
